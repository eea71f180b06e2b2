"""Naming factors and correcting part masks: plain data, with undo, apart from any widget."""

from .autosave import Autosave, SessionFiles, UnknownFileError
from .labels import JOIN, History, PartLabels, parse_parts
from .part_masks import PartMasks
from .sampling import Sampling
from .session import Session

__all__ = [
    "JOIN",
    "Autosave",
    "History",
    "PartLabels",
    "PartMasks",
    "Sampling",
    "Session",
    "SessionFiles",
    "UnknownFileError",
    "parse_parts",
]
