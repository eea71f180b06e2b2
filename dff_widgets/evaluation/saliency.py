"""What co-saliency papers report of a map and the object's mask: MAE, F-measure, S-measure, E-measure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_LEVELS = 256
_BETA = 0.3  # squared: precision counts more (Achanta et al. 2009)
_EPS = np.finfo(np.float64).eps


@dataclass(frozen=True)
class Saliency:
    """The four measures over a set; each 0..1.

    Attributes:
        mae: the mean absolute difference of map and mask, over pixels, then images; 0 is best.
        f_max: the largest F-measure, ``1.3 P R / (0.3 P + R)``, of 256 thresholds, each the mean over the images.
        s: the mean structure measure (Fan et al. 2017), half of it of the object and half of regions.
        e_max: the largest enhanced-alignment measure (Fan et al. 2018) of 256 thresholds, each the mean over images.
        images: how many.
    """

    mae: float
    f_max: float
    s: float
    e_max: float
    images: int


def saliency(maps: Iterable[Array], masks: Iterable[Array]) -> Saliency:
    """Measure maps against the masks of the object.

    Args:
        maps: per image (h, w) in 0..1.
        masks: per image (h, w) bool.

    Raises:
        ValueError: no images, more of one than of the other, other sizes, or a map outside 0..1.
    """
    rows = []
    for i, (found, truth) in enumerate(zip_longest(maps, masks)):
        if found is None or truth is None:
            raise ValueError(f"{'maps' if found is None else 'masks'} end after {i} images, the other goes on")
        heat, mask = np.asarray(found, dtype=np.float64), np.asarray(truth, dtype=bool)
        if heat.shape != mask.shape or heat.ndim != 2 or not heat.size:
            raise ValueError(f"the map of image {i} is {heat.shape}, its mask {mask.shape}; give (h, w) both")
        if not (heat.min() >= 0 and heat.max() <= 1):
            raise ValueError(f"the map of image {i} is from {heat.min()} to {heat.max()}; give 0..1")
        f, e = _curves(heat, mask)
        rows.append((np.abs(heat - mask).mean(), structure(heat, mask), f, e))
    if not rows:
        raise ValueError("no images: give at least one map and its mask")
    mae, s, f, e = (np.mean(np.stack(column), axis=0) for column in zip(*rows, strict=True))
    return Saliency(float(mae), float(f.max()), float(s), float(e.max()), len(rows))


def structure(heat: Floats, mask: Array) -> float:
    """The S-measure of one map (h, w) in 0..1 with its mask (h, w) bool; 0..1."""
    share = float(mask.mean())
    if share in (0, 1):
        return float(heat.mean()) if share else 1 - float(heat.mean())
    of_object = share * _consistency(heat[mask]) + (1 - share) * _consistency(1 - heat[~mask])
    ys, xs = np.nonzero(mask)
    y, x = round(float(ys.mean())) + 1, round(float(xs.mean())) + 1  # rows and columns above and left of the centre
    of_regions = 0.0
    for rows in (slice(0, y), slice(y, None)):
        for columns in (slice(0, x), slice(x, None)):
            part = heat[rows, columns]
            if part.size:
                of_regions += part.size / heat.size * _similarity(part, mask[rows, columns])
    return max(0.0, (of_object + of_regions) / 2)


def _consistency(values: Floats) -> float:
    """High where the values are near 1 and near each other."""
    mean, spread = values.mean(), values.std(ddof=1) if len(values) > 1 else 0.0
    return float(2 * mean / (mean**2 + 1 + spread + _EPS))


def _similarity(heat: Floats, mask: Array) -> float:
    """Structural similarity of one region."""
    x, y = heat.mean(), mask.mean()
    n = max(heat.size - 1, 1)
    spread_x, spread_y = ((heat - x) ** 2).sum() / n, ((mask - y) ** 2).sum() / n
    both = ((heat - x) * (mask - y)).sum() / n
    above, below = 4 * x * y * both, (x**2 + y**2) * (spread_x + spread_y)
    if above != 0:
        return float(above / (below + _EPS))
    return 1.0 if below == 0 else 0.0


def _curves(heat: Floats, mask: Array) -> tuple[Floats, Floats]:
    """(256,) F- and E-measure of the map at or above each of the levels 0..255."""
    levels = np.floor(heat * (_LEVELS - 1)).astype(np.int64)
    hits, misses = (
        np.bincount(levels[where], minlength=_LEVELS)[::-1].cumsum()[::-1].astype(float) for where in (mask, ~mask)
    )
    size, positive = float(mask.size), float(mask.sum())
    precision, recall = hits / np.maximum(hits + misses, 1), hits / max(positive, 1)
    f = (1 + _BETA) * precision * recall / np.maximum(_BETA * precision + recall, _EPS)
    return f, _alignment(hits, misses, positive, size)


def _alignment(hits: Floats, misses: Floats, positive: float, size: float) -> Floats:
    """The E-measure from counts: with a binary map there are only four kinds of pixels."""
    if positive in (0, size):
        kept = hits + misses
        enhanced = kept if positive else size - kept
    else:
        found, true = (hits + misses) / size, positive / size
        kinds = (
            (hits, 1 - found, 1 - true),
            (misses, 1 - found, -true),
            (positive - hits, -found, 1 - true),
            (size - positive - misses, -found, -true),
        )
        enhanced = np.zeros_like(hits)
        for count, a, b in kinds:
            enhanced += count * (2 * a * b / (a**2 + b**2 + _EPS) + 1) ** 2 / 4
    return np.asarray(np.minimum(enhanced / max(size - 1, 1), 1))
