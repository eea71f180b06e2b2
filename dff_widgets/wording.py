"""What errors, and files of other people, say: as text that fits a sentence of ours."""

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


def sentence(said: object) -> str:
    """All of it on one line; an error without words says its type, and one of the system has no number."""
    text = str(said)
    if isinstance(said, OSError) and said.strerror:
        text = said.strerror if said.filename is None else f"{said.strerror}: {str(said.filename)!r}"
    return " ".join(text.split()) or type(said).__name__


def one_line(said: object) -> str:
    """The same, of sensible length."""
    text = sentence(said)
    return text if len(text) <= 200 else text[:199] + "…"


def warn_outside(message: str, category: type[Warning] = UserWarning) -> None:
    """A warning that points at the line outside this package that asked for what it is about."""
    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        depth, frame = depth + 1, frame.f_back
    warnings.warn(message, category, stacklevel=depth)
