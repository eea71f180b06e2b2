"""Which factor of one factorization is which factor of another: matching across k, layers and networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from .heatmaps import fold, unfold, upsample

Array = npt.NDArray[Any]


def match_factors(
    H: Array,
    W: Array,
    other_H: Array,
    other_W: Array,
    *,
    shapes: Sequence[tuple[int, int]] = (),
    other_shapes: Sequence[tuple[int, int]] = (),
) -> dict[int, int]:
    """The one-to-one matching of factors that are most alike (Hungarian method).

    Alike means: the cosine of the columns of H, where a factor is, and the cosine of the rows of W, what it is made of,
    count the same. Where the channels differ (another layer or network) only the maps count, brought to one grid.

    Args:
        H: (rows, k), where the factors are.
        W: (k, c), what they are made of.
        other_H: (rows', k'), of the same images.
        other_W: (k', c').
        shapes: per image the grid (h, w) of the rows; needed only where the grids differ.
        other_shapes: likewise.

    Returns:
        factor -> the other's factor, min(k, k') entries.

    Raises:
        ValueError: the rows and the shapes do not fit, or the results are of different numbers of images.
    """
    if len(H) != len(other_H) or list(map(tuple, shapes)) != list(map(tuple, other_shapes)):
        H = unfold(upsample(m, grid) for m, grid in zip(fold(H, shapes), other_shapes, strict=True))
    similarity = _cosine(H.T, other_H.T)
    if W.shape[1] == other_W.shape[1]:
        similarity = (similarity + _cosine(W, other_W)) / 2
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True)}


def _cosine(a: Array, b: Array) -> Array:
    """(k, k') cosines of the rows of a (k, m) and b (k', m); 0 where a row is empty."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    return np.asarray(a @ b.T / np.where(norms > 0, norms, 1))
