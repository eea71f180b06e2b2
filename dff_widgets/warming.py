"""Importing ahead: torch takes seconds, in which a person reads."""

import contextlib
import threading

_NAME = "dff-warm-up"


def warm_up() -> None:
    """Import torch in the background and return at once; the first line after the import in a notebook.

    The first picture, or whatever else needs torch, then waits only for what is left of that, and not at all after a
    few seconds. Without it everything works the same, but later.

    >>> warm_up()
    """
    threading.Thread(target=_import_torch, name=_NAME).start()


def under_way() -> bool:
    """Whether torch is being imported by `warm_up` just now."""
    return any(thread.name == _NAME for thread in threading.enumerate())


def _import_torch() -> None:
    with contextlib.suppress(Exception):  # it shows where torch is needed; or the process is about to end
        import torch  # noqa: F401
