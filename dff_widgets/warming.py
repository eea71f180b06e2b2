"""Importing ahead: torch takes seconds, in which a person reads."""

import contextlib
import threading


def warm_up() -> None:
    """Import torch in the background and return at once; the last line of a notebook's first cell.

    The first picture, or whatever else needs torch, then waits only for what is left of that, and not at all after a
    few seconds. Without it everything works the same, but later.

    >>> warm_up()
    """
    threading.Thread(target=_import_torch, name="dff-warm-up").start()


def _import_torch() -> None:
    with contextlib.suppress(Exception):  # it shows where torch is needed; or the process is about to end
        import torch  # noqa: F401
