"""What Google Colab needs before it shows widgets that are not its own."""

from __future__ import annotations

import sys


def prepare() -> None:
    """Turn Colab's manager of custom widgets on; elsewhere, do nothing."""
    if "google.colab" in sys.modules:
        from google.colab import output

        output.enable_custom_widget_manager()
