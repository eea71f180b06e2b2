"""The traits of a real explorer, as the browser gets them: what the front end is tried on where there is no kernel.

``python -m tests.explore.recorded state.json`` writes those of twelve creatures; bytes are ``{"base64": "..."}``.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import dff_widgets as dff
from dff_widgets.explore import Inline
from dff_widgets.widgets.app import DFFExplorer


def recorded(images: Any = None, **choices: Any) -> dict[str, Any]:
    """By name the value of every trait that crosses to the browser, with bytes as they are.

    Args:
        images: by default twelve creatures.
        choices: of `DFFExplorer`.
    """
    images = dff.datasets.creatures(n=12, seed=0, size=256) if images is None else images
    explorer = DFFExplorer(images, run=Inline, **choices)
    explorer.wait()
    state = {name: value for name, value in explorer.get_state().items() if not name.startswith("_")}
    explorer.close()
    return state


def encoded(value: Any) -> Any:
    """As JSON can hold it."""
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: encoded(inner) for name, inner in value.items()}
    return [encoded(inner) for inner in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(encoded(recorded())), encoding="utf-8")
