"""Live scores: how well the masks of a result fit the parts, image by image, the visible page first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..heatmaps import binarise
from ..painting import PartMasks
from ..parts import Coverage, PartLabels
from ..result import DFFResult
from ..tally import Tally, ratio

_LEVELS = 101  # percentiles of the table that is drawn from while the percentile is dragged
_SAMPLED = 12  # images that the table is made of


@dataclass(frozen=True)
class Scores:
    """What is known of the labels so far.

    Attributes:
        iou: per factor 0..1, or None for one without a name that the ground truth knows.
        covered: images counted.
        known: images that have a ground truth, in all.
    """

    iou: tuple[float | None, ...]
    covered: int
    known: int

    @property
    def mean(self) -> float | None:
        """Of the factors that have one."""
        scored = [v for v in self.iou if v is not None]
        return float(np.mean(scored)) if scored else None


def samples(
    result: DFFResult, levels: np.ndarray, truth: PartMasks, places: Sequence[int], order: Sequence[int]
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """What a `Tally` adds up: the masks and the parts of every image that has a ground truth.

    Args:
        result: whose heat maps become masks.
        levels: (n, k) from which strength a pixel is in the mask.
        truth: the part masks.
        places: per image of the result its index in `truth`.
        order: images of the result; one that comes again is counted once.
    """
    for i in dict.fromkeys(order):
        if truth.known(places[i]):
            yield binarise(result.heatmaps(i), levels[i]), truth[places[i]]


def score(tally: Tally, labels: PartLabels, known: int) -> Scores:
    """The scores of the labels from what was counted."""
    seen = set(tally.parts)
    iou = tally.iou(labels) if tally.images else ()
    return Scores(
        tuple(float(iou[f]) if tally.images and seen.intersection(labels[f]) else None for f in labels),
        tally.images,
        known,
    )


def coverage_of(tally: Tally) -> Coverage:
    """(k, p) of eq. 7 from what was counted."""
    shared = [ratio(tally.shared([part]), tally.area([part])) for part in tally.parts]
    return Coverage.of(np.stack(shared, axis=1) if shared else np.zeros((tally.k, 0)), tally.parts)


def quantile_table(result: DFFResult) -> list[list[float]]:
    """Per factor its levels at 0, 1, ... 100 %, of a sample of the images."""
    step = max(1, len(result) // _SAMPLED)
    sample = [result.heatmaps(i)[:, ::3, ::3].reshape(result.k, -1) for i in range(0, len(result), step)]
    table = np.quantile(np.concatenate(sample, axis=1), np.linspace(0, 1, _LEVELS), axis=1)
    return [[float(v) for v in row] for row in table.T]
