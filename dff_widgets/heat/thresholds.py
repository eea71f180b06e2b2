"""Thresholds chosen without labels: where a heat map ends, and which factors together are the common object.

The paper cuts every factor at its 75th percentile over the set, so that a quarter of all pixels is inside whatever the
concept's size (section 4.3). The rules here adapt to each image, and look at nothing but the maps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .maps import fold

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

REFINED = 0.5  # the level of a belief: more likely inside than not
_BINS = 256


def otsu(values: npt.ArrayLike) -> float:
    """The level that splits values best in two: it maximises the variance between the two sides (Otsu 1979).

    Args:
        values: any shape, finite, at least 0.

    Returns:
        A level above 0, to 1/256 of the largest value; values at or above it are inside. Where all values are the same
        there is nothing to split, and the level is that value: everything is inside.

    Raises:
        ValueError: there are no values, or one is negative or not finite.

    >>> round(otsu([0.1, 0.2, 0.15, 0.8, 0.9]), 1)
    0.5
    """
    return float(otsu_each(np.asarray(values).reshape(1, -1))[0])


def otsu_each(maps: Array) -> Floats:
    """(k,) `otsu` of each of the maps (k, ...), in less time than one by one; raises as `otsu`."""
    values = maps.reshape(len(maps), -1)
    least, top = (values.min(axis=1), values.max(axis=1)) if values.size else (np.array([np.nan]),) * 2
    if not ((least >= 0) & (top < np.inf)).all():  # false of a NaN too
        raise ValueError(f"otsu got {values.size} values; give at least one, all finite and at least 0")
    least, top = least.astype(np.float64), top.astype(np.float64)
    scale = np.where(top > 0, top, 1)
    bins = (values.astype(np.float64) / scale[:, None] * _BINS).astype(np.intp)
    np.minimum(bins, _BINS - 1, out=bins)
    bins += _BINS * np.arange(len(values))[:, None]
    counts = np.bincount(bins.ravel(), minlength=_BINS * len(values)).reshape(len(values), _BINS)
    edges = scale[:, None] * (np.arange(_BINS + 1) / _BINS)
    share = counts.cumsum(axis=1)[:, :-1] / values.shape[1]  # of the values below each inner edge
    below = (counts * (edges[:, 1:] + edges[:, :-1]) / 2).cumsum(axis=1) / values.shape[1]
    spread = share * (1 - share)
    between = (below[:, -1:] * share - below[:, :-1]) ** 2 / np.where(spread > 0, spread, np.inf)
    best = between >= (1 - 1e-9) * between.max(axis=1, keepdims=True)
    first, last = best.argmax(axis=1), best.shape[1] - 1 - best[:, ::-1].argmax(axis=1)
    row = np.arange(len(values))
    middle = (edges[row, first + 1] + edges[row, last + 1]) / 2  # of an empty gap, not its lower end
    return np.where(least == top, top, middle)


def levels(maps: Iterable[Array], *, everywhere: bool | None = None) -> Floats:
    """For each image and factor the level from which a pixel is inside: Otsu's, of that map alone.

    A map's own level makes up for one image that is lit more weakly than another, and for a concept that is small in
    one and large in the next.

    Args:
        maps: per image (k, h, w), at least 0, each factor on one scale over the set.
        everywhere: whether every factor is in every image. If not, a factor is absent from an image, and its level is
            infinite, where its map stays below Otsu's level of its maxima over the images *and* below half of the
            largest: it is then among the clearly weaker ones. By default True for one factor, which is by definition
            what the images have in common, and False for more.

    Returns:
        (n, k); infinite where a factor is absent.

    Raises:
        ValueError: there are no maps, or they differ in their number of factors.
    """
    own: list[Floats] = []
    peaks: list[list[float]] = []
    for m in maps:
        if m.ndim != 3 or (own and len(m) != len(own[0])):
            raise ValueError(f"image {len(own)} has maps of shape {m.shape}; give (k, h, w) with the same k for all")
        own.append(otsu_each(m))
        peaks.append([float(one.max()) for one in m])
    if not own:
        raise ValueError("no maps: give those of at least one image")
    result, top = np.array(own, dtype=np.float64), np.array(peaks, dtype=np.float64)
    absent = top <= 0
    if not (top.shape[1] == 1 if everywhere is None else everywhere):
        split = np.array([min(otsu(column), column.max() / 2) for column in top.T])
        absent |= top < split
    return np.where(absent, np.inf, result)


def foreground(H: Array, W: Array, shapes: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Which factors together are the common object.

    The strongest direction of ``H W`` is what the set has most in common (k=1 of the paper), and Otsu's level says
    where that is in each image. A factor belongs to it when it is stronger there than on average over the set. On the
    five VOC 2010 co-segmentation classes and k of 2 to 4, this loses at most 0.3 points of IoU against the best of all
    subsets (``benchmarks/RESULTS.md``).

    Args:
        H: (rows, k), at least 0 (negative entries of a baseline count as 0).
        W: (k, channels).
        shapes: per image its grid (h, w); see `heat.fold`.

    Returns:
        Their indices, ascending; at least one.
    """
    H, W = np.maximum(np.asarray(H, dtype=np.float64), 0), np.asarray(W, dtype=np.float64)
    # The left singular vectors of H W are H c with (W Wᵀ Hᵀ H) c = σ² c: a problem of size k.
    values, vectors = np.linalg.eig((W @ W.T) @ (H.T @ H))
    strongest = np.real(vectors[:, np.real(values).argmax()])
    whole = np.maximum(H @ (strongest * np.sign(strongest.sum() or 1)), 0)
    inside = np.concatenate([(m >= otsu(m)).ravel() for m in fold(whole[:, None], shapes)]) & (whole > 0)
    if not inside.any():
        return tuple(range(H.shape[1]))
    lift = H[inside].mean(axis=0) / np.maximum(H.mean(axis=0), np.finfo(np.float64).tiny)
    return tuple(map(int, np.flatnonzero((lift > 1) | (lift == lift.max()))))
