"""IoU in the other ways that papers report it: image by image, and with factors and parts matched one to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .metrics import BACKGROUND, overlaps
from .pixel_counts import ratio

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Matched:
    """Parts with the factors that stand for them, one to one.

    Attributes:
        parts: the p names, background left out.
        factors: (p,) the factor of each; -1 for one without, where there are more parts than factors.
        iou: (p,) dataset-wide, 0..1; 0 for a part without a factor.
    """

    parts: tuple[str, ...]
    factors: npt.NDArray[np.int64] = field(repr=False)
    iou: Floats = field(repr=False)

    @property
    def mean(self) -> float:
        """Over all parts, 0..1: the mean IoU of part segmentation."""
        return float(self.iou.mean())


def matched_iou(
    masks: Iterable[Array], parts: Iterable[Mapping[str, Array]], *, background: str = BACKGROUND
) -> Matched:
    """Give each part one factor, and no factor to two parts, so that the sum of their IoU is largest (Kuhn 1955).

    Args:
        masks: per image (k, h, w) bool, as in `iou`.
        parts: per image {name: (h, w) bool}, as in `iou`.
        background: a part of this name does not count.

    Raises:
        ValueError: there is no part; or as in `iou`.
    """
    from scipy.optimize import linear_sum_assignment

    counts = overlaps(masks, parts)
    names = [name for name in counts.parts if name != background]
    if not names:
        raise ValueError("no image has a part to match")
    scores = counts.iou[:, [counts.parts.index(name) for name in names]]
    factors = np.full(len(names), -1, dtype=np.int64)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    factors[columns] = rows
    found = np.where(factors >= 0, scores[factors, np.arange(len(names))], 0)
    return Matched(tuple(names), factors, found)


def image_counts(masks: Iterable[Array], truth: Iterable[Array]) -> tuple[Array, Array]:
    """Pixels in common and in the union, image by image.

    Args:
        masks: per image (h, w) bool.
        truth: per image (h, w) bool.

    Returns:
        (n,) int64 each. Their quotient is the IoU of each image, that of their sums the dataset-wide one.

    Raises:
        ValueError: images of another number or size.
    """
    shared, union = [], []
    for i, (mask, true) in enumerate(zip(masks, truth, strict=True)):
        if np.shape(mask) != np.shape(true):
            raise ValueError(f"the mask of image {i} is {np.shape(mask)}; the true one is {np.shape(true)}")
        shared.append(int(np.count_nonzero(np.logical_and(mask, true))))
        union.append(int(np.count_nonzero(np.logical_or(mask, true))))
    return np.array(shared, dtype=np.int64), np.array(union, dtype=np.int64)


def mean_image_iou(shared: Array, union: Array) -> float:
    """The mean over images of their own IoU, 0..1; an image where both are empty is left out, as nothing was asked."""
    asked = np.asarray(union) > 0
    if not asked.any():
        raise ValueError("mask and truth are empty in every image")
    return float(ratio(shared, union)[asked].mean())


def joined(parts: Iterable[Mapping[str, Array]], names: Sequence[str] | None = None) -> Iterable[Array]:
    """Per image the union of its parts (h, w) bool; of those called `names`, or all but the background."""
    for here in parts:
        wanted = [m for name, m in here.items() if (name != BACKGROUND if names is None else name in names)]
        shape = np.shape(next(iter(here.values())))
        yield np.any(wanted, axis=0) if wanted else np.zeros(shape, dtype=bool)
