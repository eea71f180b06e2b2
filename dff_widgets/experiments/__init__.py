"""The experiments of the paper on any images with ground truth: figure 4 and tables 1 to 4 (its section 4).

Give ``path``, a file that keeps each score as it is computed, and a run that was stopped goes on where it was. Scores
are fractions in records, and percent in tables, as in the paper.
"""

from ..evaluation.methods import (
    ALONE,
    AUTOMATIC,
    BASELINES,
    METHODS,
    RIVAL_OBJECTS,
    RIVALS,
    SHARPENED,
    Method,
    refined,
    sharpened,
)
from ..evaluation.part_table import PartScores, part_scores, part_table
from .curves import Trial, figure4, sweep
from .setup import Setup
from .tables import table1, table2, table3, table4

__all__ = [
    "ALONE",
    "AUTOMATIC",
    "BASELINES",
    "METHODS",
    "RIVALS",
    "RIVAL_OBJECTS",
    "SHARPENED",
    "Method",
    "PartScores",
    "Setup",
    "Trial",
    "figure4",
    "part_scores",
    "part_table",
    "refined",
    "sharpened",
    "sweep",
    "table1",
    "table2",
    "table3",
    "table4",
]
