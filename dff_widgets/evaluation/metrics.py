"""How well heat maps match a ground truth: IoU with parts (paper, section 4.3), boxes and CorLoc (section 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..heat import box_iou
from .pixel_counts import Counts, Tally, ratio

Array = npt.NDArray[Any]

BACKGROUND = "background"


# --------------------------------------------------------------------------------------------------------- parts
@dataclass(frozen=True)
class PartScore:
    """How well a factor matches its single best part.

    Attributes:
        factor: 0..k-1.
        part: the part's name; None where the factor meets no part.
        iou: 0..1, over the whole set.
    """

    factor: int
    part: str | None
    iou: float


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pixel counts over a set of images, from which coverage and the IoU with single parts follow.

    Attributes:
        parts: the p names, in the order in which they first appear in the set.
        intersection: (k, p) pixels that are in the factor's mask and in the part.
        factor_area: (k,) pixels of each factor's mask.
        part_area: (p,) pixels of each part.
    """

    parts: tuple[str, ...]
    intersection: Counts
    factor_area: Counts
    part_area: Counts

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """(k, p) of each factor with each single part (eq. 9 for m = 1); 0 where both are empty."""
        union = self.factor_area[:, None] + self.part_area - self.intersection
        return ratio(self.intersection, union)


def overlaps(masks: Iterable[Array], parts: Iterable[Mapping[str, Array]]) -> Overlaps:
    """Count, in one pass, the pixels that factors and parts share; one image is held at a time.

    Args:
        masks: per image (k, h, w) bool; images may differ in size.
        parts: per image {name: (h, w) bool}. Parts may overlap; one that an image does not name is empty there, and an
            image may have none.

    Raises:
        ValueError: see `iou`.
    """
    counts = _tally(masks, parts)
    shared = [counts.shared([name]) for name in counts.parts]
    intersection = np.stack(shared, axis=1) if shared else np.zeros((counts.k, 0), dtype=np.int64)
    area = np.array([counts.area([name]) for name in counts.parts], dtype=np.int64)
    return Overlaps(counts.parts, intersection, counts.factor_area, area)


def iou(
    masks: Iterable[Array], parts: Iterable[Mapping[str, Array]], assignment: Mapping[int, Iterable[str]]
) -> npt.NDArray[np.float64]:
    """Intersection over union of each factor with the union of its parts, over the whole set (eqs. 8-9 of the paper).

    Args:
        masks: per image (k, h, w) bool; images may differ in size.
        parts: per image {name: (h, w) bool}. Parts may overlap; one that an image does not name is empty there, and an
            image may have none (what a factor shows in it then counts against the factor).
        assignment: factor (0..k-1) -> names of its parts, as from `assign`. A factor that is left out has none.

    Returns:
        (k,) in 0..1. A factor without parts, and one whose mask and parts are empty in every image, has 0.

    Raises:
        ValueError: no images, masks and parts of another number of images, a mask of another size or dtype, a factor
            that is not there, or a part that no image names.

    >>> mask, head = np.zeros((1, 2, 4), dtype=bool), np.zeros((2, 4), dtype=bool)
    >>> mask[0, :, :2] = head[:, 1:3] = True
    >>> iou([mask], [{"head": head}], {0: ["head"]}).round(2)
    array([0.33])
    """
    wanted = {factor: tuple(names) for factor, names in assignment.items()}
    counts = _tally(masks, parts)
    if not all(0 <= factor < counts.k for factor in wanted):
        raise ValueError(f"assignment has the factors {sorted(wanted)}; the masks have 0..{counts.k - 1}")
    if unknown := {name for names in wanted.values() for name in names}.difference(counts.parts):
        raise ValueError(f"no image has the parts {sorted(map(str, unknown))}; there are {sorted(counts.parts)}")
    return counts.iou(wanted)


def best_part_iou(
    masks: Iterable[Array], parts: Iterable[Mapping[str, Array]], *, background: str = BACKGROUND
) -> list[PartScore]:
    """Each factor with the single part it matches best: the measure of fig. 4 of the paper, whose value is the mean.

    Args:
        masks: per image (k, h, w) bool, as in `iou`.
        parts: per image {name: (h, w) bool}, as in `iou`.
        background: the part of this name, if there is one, matches no factor.

    Returns:
        k scores, in the order of the factors; the first part wins a tie.
    """
    counts = overlaps(masks, parts)
    scores = counts.iou
    scores[:, [part == background for part in counts.parts]] = 0
    best = scores.argmax(axis=1) if counts.parts else np.zeros(len(scores), dtype=np.int64)
    return [
        PartScore(f, counts.parts[p], float(scores[f, p])) if scores[f].any() else PartScore(f, None, 0.0)
        for f, p in enumerate(best.tolist())
    ]


def _tally(masks: Iterable[Array], parts: Iterable[Mapping[str, Array]]) -> Tally:
    """The counts of a whole set."""
    counts: Tally | None = None
    for i, (factors, here) in enumerate(zip_longest(masks, parts)):
        if factors is None or here is None:
            raise ValueError(f"{'masks' if factors is None else 'parts'} end after {i} images, the other goes on")
        if np.ndim(factors) != 3 or not len(factors):
            raise ValueError(f"the masks of image {i} are {np.shape(factors)}; give (k, h, w)")
        counts = counts or Tally(len(factors))
        counts.add(factors, here)
    if counts is None:
        raise ValueError("no images: give the masks and parts of at least one image")
    return counts


# --------------------------------------------------------------------------------------------------------- boxes


def corloc(
    boxes: Sequence[npt.ArrayLike], truth: Sequence[npt.ArrayLike], *, protocol: Literal["paper", "lost"] = "paper"
) -> float:
    """The fraction of images whose box meets a true box with IoU > 0.5: correct localization (paper, section 4.4).

    Args:
        boxes: per image one box (4,), ``xmin, ymin, xmax, ymax`` in pixels from 0, both ends included.
        truth: per image its true boxes (m, 4), such as ``images.boxes``. An image without one (m = 0) counts as missed.
        protocol: ``"paper"``, or ``"lost"`` for object discovery as LOST and those after it count it: an IoU of 0.5
            itself is enough, and an image without a true box is left out. Give all objects of all classes then, such
            as ``voc2007(root, None)``, and one box an image.

    Returns:
        0..1; the paper's tables print it in percent.

    Raises:
        ValueError: no images, another number of boxes than images, or an array of another shape.

    >>> corloc([[0, 0, 9, 9], [0, 0, 9, 9]], [[[0, 0, 9, 8]], [[5, 5, 20, 20], [30, 30, 40, 40]]])
    0.5
    """
    found = hits(boxes, truth, protocol=protocol)
    if np.isnan(found).all():
        raise ValueError("no image has a true box")
    return float(np.nanmean(found))


def hits(
    boxes: Sequence[npt.ArrayLike], truth: Sequence[npt.ArrayLike], *, protocol: Literal["paper", "lost"] = "paper"
) -> npt.NDArray[np.float64]:
    """Whether each image's box is right, as `corloc` counts it.

    Args:
        boxes: as in `corloc`.
        truth: as there.
        protocol: as there.

    Returns:
        (n,) 1 where it is, 0 where it is not, NaN for an image that is left out; `corloc` is the mean.

    Raises:
        ValueError: as there.
    """
    if not len(boxes) or len(boxes) != len(truth):
        raise ValueError(f"there are {len(boxes)} boxes and truth for {len(truth)} images; give one box per image")
    if protocol not in ("paper", "lost"):
        raise ValueError(f"protocol is {protocol!r}; give 'paper' or 'lost'")
    right = np.zeros(len(boxes))
    for i, (box, true) in enumerate(zip(boxes, truth, strict=True)):
        found, expected = np.asarray(box), np.asarray(true)
        if found.shape != (4,) or (expected.size and (expected.ndim != 2 or expected.shape[1] != 4)):
            raise ValueError(
                f"image {i} has a box of {found.shape} and truth of {expected.shape}; give (4,) and (m, 4)"
            )
        scores = box_iou(found, expected.reshape(-1, 4))
        right[i] = ((scores >= 0.5) if protocol == "lost" else (scores > 0.5)).any()
        if protocol == "lost" and not expected.size:
            right[i] = np.nan
    return right
