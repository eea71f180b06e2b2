"""Which factor of one result is which of another, at another layer, of another network, or of other images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..heat.maps import fold, unfold, upsample
from ..result import DFFResult

Array = npt.NDArray[Any]

# Likeness from which two factors are taken for one concept. Between layers of the embedded network's second half, on
# the creatures, 95 % of the pairs above it are the same part; by cosines, which are high for any two maps that cover
# much, 89 %.
ALIKE = 0.5


def likeness(a: DFFResult, b: DFFResult) -> Array:
    """How alike the factors of two results are.

    Of the same images: the correlation of the heat maps, which is what a person compares. Of other images, at the same
    layer of the same network: the correlation of the rows of W. Else nothing can be said: 0.

    Returns:
        (k, k') in 0..1; 0 also where they go against each other.
    """
    if same_images(a, b):
        return map_likeness(a, b)
    W, V = np.asarray(a.factorization.W), np.asarray(b.factorization.W)
    if (a.network, a.layer, W.shape[1]) == (b.network, b.layer, V.shape[1]):
        return correlations(W, V)
    return np.zeros((len(W), len(V)))


def same_images(a: DFFResult, b: DFFResult) -> bool:
    """Whether two results are of the same images in the same order."""
    return len(a) == len(b) and all(x is y for x, y in zip(a.images.sources, b.images.sources, strict=True))


def map_likeness(a: DFFResult, b: DFFResult) -> Array:
    """(k, k') the correlations of the heat maps of two results of the same images, 0..1.

    What is drawn counts, and not W: other layers have other channels, and centroids or signed rows compare badly.
    """
    return correlations(_as_shown(a, b.shapes).T, _as_shown(b, b.shapes).T)


def match(alike: Array, least: float = 0.0) -> dict[int, int]:
    """The one-to-one matching of the highest sum; pairs below `least` count as 0, so that they part no better ones.

    Args:
        alike: (k, k'), see `likeness`.
        least: 0..1.

    Returns:
        Row -> column.
    """
    from scipy.optimize import linear_sum_assignment  # a quarter of a second, and the first picture needs none

    rows, columns = linear_sum_assignment(np.where(alike >= least, alike, 0), maximize=True)
    return {int(f): int(g) for f, g in zip(rows, columns, strict=True) if alike[f, g] >= max(least, 1e-9)}


def correlations(a: Array, b: Array) -> Array:
    """(k, k') Pearson's of the rows of a (k, m) and b (k', m), 0..1; 0 where a row is constant, or they are opposed."""
    a, b = (np.asarray(rows, dtype=np.float64) for rows in (a, b))
    a, b = (rows - rows.mean(axis=1, keepdims=True) for rows in (a, b))
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    return np.asarray(np.clip(a @ b.T / np.where(norms > 1e-12, norms, np.inf), 0, 1))


def _as_shown(result: DFFResult, grids: tuple[tuple[int, int], ...]) -> Array:
    """H on other grids, without the negative entries of a baseline, which are not drawn."""
    maps = fold(np.maximum(np.asarray(result.factorization.H), 0), result.shapes)
    return np.asarray(unfold(upsample(m, grid) for m, grid in zip(maps, grids, strict=True)))
