"""How well factors match a ground truth.

`evaluation.bench` and `evaluation.baselines` run networks, so they are imported on their own.
"""

from .coverage import Coverage, assign, coverage
from .declared import DeclaredTally
from .journal import Journal
from .metrics import BACKGROUND, Overlaps, PartScore, best_part_iou, corloc, hits, iou, overlaps
from .pixel_counts import Counts, Tally, ratio
from .tables import Cell, Table

__all__ = [
    "BACKGROUND",
    "Cell",
    "Counts",
    "Coverage",
    "DeclaredTally",
    "Journal",
    "Overlaps",
    "PartScore",
    "Table",
    "Tally",
    "assign",
    "best_part_iou",
    "corloc",
    "coverage",
    "hits",
    "iou",
    "overlaps",
    "ratio",
]
