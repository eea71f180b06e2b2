"""Which factor of one result is which of another, at another layer, of another network, or of other images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..heat.maps import fold, unfold, upsample
from ..result import DFFResult

Array = npt.NDArray[Any]

ALIKE = 0.5  # likeness from which two factors are taken for the same concept


def likeness(a: DFFResult, b: DFFResult) -> Array:
    """How alike the factors of two results are.

    Of the same images: the cosine of the heat maps, which is what a person compares; at the same layer of the same
    network, the mean of it and of the cosine of the rows of W. Of other images at the same layer: the latter alone. Of
    other images at another layer nothing can be said: 0.

    Returns:
        (k, k') in 0..1.
    """
    W, V = np.asarray(a.factorization.W), np.asarray(b.factorization.W)
    there = (a.network, a.layer) == (b.network, b.layer) and W.shape[1] == V.shape[1]
    made_of = np.maximum(cosines(W, V), 0) if there else np.zeros((len(W), len(V)))
    if not same_images(a, b):
        return made_of
    where = map_likeness(a, b)
    return (where + made_of) / 2 if there else where


def same_images(a: DFFResult, b: DFFResult) -> bool:
    """Whether two results are of the same images in the same order."""
    return len(a) == len(b) and all(x is y for x, y in zip(a.images.sources, b.images.sources, strict=True))


def map_likeness(a: DFFResult, b: DFFResult) -> Array:
    """(k, k') the cosines of the heat maps of two results of the same images, 0..1.

    What is drawn counts, and not W: other layers have other channels, and centroids or signed rows compare badly.
    """
    return cosines(_as_shown(a, b.shapes).T, _as_shown(b, b.shapes).T)


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


def cosines(a: Array, b: Array) -> Array:
    """(k, k') cosines of the rows of a (k, m) and b (k', m); 0 where a row is empty."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    return np.asarray(a @ b.T / np.where(norms > 0, norms, 1))


def _as_shown(result: DFFResult, grids: tuple[tuple[int, int], ...]) -> Array:
    """H on other grids, without the negative entries of a baseline, which are not drawn."""
    maps = fold(np.maximum(np.asarray(result.factorization.H), 0), result.shapes)
    return np.asarray(unfold(upsample(m, grid) for m, grid in zip(maps, grids, strict=True)))
