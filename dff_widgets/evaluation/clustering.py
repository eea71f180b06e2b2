"""Factors as a clustering of pixels or landmarks, against true parts: NMI and ARI, as part discovery reports them.

**The part map.** A pixel belongs to the strongest of those factors whose mask holds it, and to the background where no
mask does (`part_map`). So the rule of the background is the rule of the masks: the paper's percentile, or a threshold
that is found without labels. The background is a cluster of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .metrics import BACKGROUND

if TYPE_CHECKING:
    from ..result import DFFResult

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]

NOTHING = -1  # the background in a map of labels


@dataclass(frozen=True, eq=False)
class Contingency:
    """How often each found label meets each true one; from `contingency`, adds up over images.

    Attributes:
        counts: (1 + found labels, 1 + true labels); row and column 0 are the background.
    """

    counts: npt.NDArray[np.int64]

    def __add__(self, other: Contingency) -> Contingency:
        shape = np.maximum(self.counts.shape, other.counts.shape)
        total = np.zeros(shape, dtype=np.int64)
        for counts in (self.counts, other.counts):
            total[: counts.shape[0], : counts.shape[1]] += counts
        return Contingency(total)

    @property
    def foreground(self) -> Contingency:
        """Without what is truly background; what was found to be background stays a cluster of its own."""
        return Contingency(self.counts[:, 1:])

    @property
    def nmi(self) -> float:
        """Normalized mutual information, 0..1: ``I(found; true) / ((H(found) + H(true)) / 2)``.

        Equal to scikit-learn's ``normalized_mutual_info_score`` with its default, the arithmetic mean; 1 where both
        have a single label.
        """
        joint = self.counts / max(self.counts.sum(), 1)
        rows, columns = joint.sum(axis=1), joint.sum(axis=0)
        mean = (_entropy(rows) + _entropy(columns)) / 2
        shared = _entropy(rows) + _entropy(columns) - _entropy(joint)
        return float(np.clip(shared / mean, 0, 1)) if mean > 0 else 1.0

    @property
    def ari(self) -> float:
        """Adjusted Rand index (Hubert & Arabie 1985): 1 for the same clustering, 0 expected by chance.

        Equal to scikit-learn's ``adjusted_rand_score``.
        """
        counts = self.counts.astype(object)  # of Python's integers: pairs of pixels of many images go beyond 2^63
        pairs, rows, columns = (_pairs(c) for c in (counts, counts.sum(axis=1), counts.sum(axis=0)))
        total = _pairs(np.array([counts.sum()], dtype=object))
        if not total or rows + columns in (0, 2 * total):
            return 1.0
        chance = rows * columns / total
        return float((pairs - chance) / ((rows + columns) / 2 - chance))


def contingency(found: Sequence[npt.ArrayLike], truth: Sequence[npt.ArrayLike]) -> Contingency:
    """Count over a set of images which found label meets which true one.

    Args:
        found: per image integers of any shape, such as a part map (h, w) or labels at m landmarks (m,); -1 is the
            background, other labels are 0, 1, 2...
        truth: per image the same shape.

    Raises:
        ValueError: no images, another number of them, another shape, or labels that are no integers from -1.
    """
    if not len(found) or len(found) != len(truth):
        raise ValueError(f"there are {len(found)} found maps and {len(truth)} true ones; give one each per image")
    total = Contingency(np.zeros((1, 1), dtype=np.int64))
    for i, (one, other) in enumerate(zip(found, truth, strict=True)):
        a, b = np.asarray(one), np.asarray(other)
        if a.shape != b.shape:
            raise ValueError(f"the labels of image {i} are {a.shape}, and the true ones {b.shape}")
        if not a.size:
            continue
        for labels in (a, b):
            if labels.dtype.kind not in "iu" or labels.min() < NOTHING:
                raise ValueError(
                    f"the labels of image {i} are {labels.dtype} from {labels.min()}; give integers, -1..."
                )
        a, b = a.ravel().astype(np.int64) + 1, b.ravel().astype(np.int64) + 1
        width = int(b.max()) + 1
        counts = np.bincount(a * width + b, minlength=(int(a.max()) + 1) * width)
        total += Contingency(counts.reshape(-1, width))
    return total


def nmi(found: Sequence[npt.ArrayLike], truth: Sequence[npt.ArrayLike], *, foreground: bool = False) -> float:
    """Normalized mutual information of found and true labels, over all pixels or landmarks of a set; 0..1.

    Args:
        found: as in `contingency`; `part_maps` makes it of a result.
        truth: as in `contingency`; `true_maps` makes it of part masks.
        foreground: leave out what is truly background.

    >>> nmi([np.array([0, 0, 1, -1])], [np.array([3, 3, 0, 1])])
    1.0
    """
    counts = contingency(found, truth)
    return (counts.foreground if foreground else counts).nmi


def ari(found: Sequence[npt.ArrayLike], truth: Sequence[npt.ArrayLike], *, foreground: bool = False) -> float:
    """Adjusted Rand index of found and true labels, over all pixels or landmarks of a set; at most 1, 0 by chance.

    Args:
        found: as in `nmi`.
        truth: as in `nmi`.
        foreground: as in `nmi`.

    >>> round(ari([np.array([0, 0, 1, 1])], [np.array([0, 0, 1, 2])]), 3)
    0.571
    """
    counts = contingency(found, truth)
    return (counts.foreground if foreground else counts).ari


# -------------------------------------------------------------------------------------------------------------- maps
def part_map(heat: Array, masks: Array) -> Labels:
    """One label a pixel: the strongest of the factors whose mask holds it.

    Args:
        heat: (k, h, w) heat maps.
        masks: (k, h, w) bool.

    Returns:
        (h, w) of 0..k-1, the first of equally strong ones; -1, the background, where no mask is.
    """
    strongest = np.where(masks, heat, -np.inf).argmax(axis=0)
    return np.where(masks.any(axis=0), strongest, NOTHING).astype(np.int64)


def part_maps(result: DFFResult, percentile: float = 75, *, threshold: str | None = None) -> list[Labels]:
    """The part map of each image of a result.

    Args:
        result: of k parts.
        percentile: of its masks, as in `DFFResult.masks`.
        threshold: likewise.

    Returns:
        Per image (height, width), as `part_map`.
    """
    source, _ = result.cut(percentile, threshold)
    masks = result.lazy_masks(percentile, threshold=threshold)
    return [part_map(source.heatmaps(i), masks[i]) for i in range(len(result))]


def true_maps(
    parts: Iterable[Mapping[str, Array]], names: Sequence[str] | None = None
) -> tuple[list[Labels], tuple[str, ...]]:
    """One true label a pixel, from part masks. Where parts overlap, the one that is smaller in that image is meant.

    Args:
        parts: per image {name: (h, w) bool}.
        names: the parts that count, in the order of their labels; by default all, as they come, but
            ``"background"``.

    Returns:
        Per image (h, w) of 0..p-1, -1 where no part is; and the p names.

    Raises:
        ValueError: an image has no mask at all, so that its size is not known.
    """
    known = {name: at for at, name in enumerate(names or ())}
    maps = []
    for i, here in enumerate(parts):
        if not here:
            raise ValueError(f"image {i} has no part masks; leave it out")
        if names is None:
            for name in here:
                if name != BACKGROUND:
                    known.setdefault(name, len(known))
        labels = np.full(np.shape(next(iter(here.values()))), NOTHING, dtype=np.int64)
        for name in sorted(set(here) & set(known), key=lambda name: (-int(np.sum(here[name])), known[name])):
            labels[here[name]] = known[name]
        maps.append(labels)
    return maps, tuple(known)


def at_landmarks(maps: Sequence[Labels], landmarks: Sequence[Array]) -> tuple[list[Labels], list[Labels]]:
    """The found label at each landmark, and the landmark's own number as the true one (Choudhury et al. 2021).

    Args:
        maps: per image (h, w), from `part_maps`.
        landmarks: per image (l, 2) ``x, y`` in pixels from 0; NaN where a landmark is not visible, which leaves it out.
            One beyond the border counts at the border.

    Returns:
        Found and true labels (visible landmarks,) per image, for `nmi` and `ari`. No landmark is truly background.
    """
    found, truth = [], []
    for labels, points in zip(maps, landmarks, strict=True):
        seen = np.flatnonzero(np.isfinite(points).all(axis=1))
        x, y = np.floor(np.asarray(points)[seen].T).astype(int)
        height, width = labels.shape
        found.append(labels[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)])
        truth.append(seen.astype(np.int64))
    return found, truth


def _entropy(p: Array) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def _pairs(counts: Array) -> int:
    return int((counts * (counts - 1)).sum()) // 2
