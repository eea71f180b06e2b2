"""Naming factors, correcting and reviewing masks, painting parts: plain data, with undo, apart from any widget."""

from .annotations import PRESENCES, REVIEWS, Annotations, Corrected
from .autosave import Autosave, SessionFiles, UnknownFileError
from .corrections import Correction, Corrections, applied
from .labels import JOIN, History, PartLabels, parse_parts
from .part_masks import PartMasks
from .presence import Declared, measured, presence
from .sampling import Sampling
from .seen import Seen
from .session import Session
from .shaping import alike, filled, smoothed

__all__ = [
    "JOIN",
    "PRESENCES",
    "REVIEWS",
    "Annotations",
    "Autosave",
    "Corrected",
    "Correction",
    "Corrections",
    "Declared",
    "History",
    "PartLabels",
    "PartMasks",
    "Sampling",
    "Seen",
    "Session",
    "SessionFiles",
    "UnknownFileError",
    "alike",
    "applied",
    "filled",
    "measured",
    "parse_parts",
    "presence",
    "smoothed",
]
