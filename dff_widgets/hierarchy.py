"""Which factor of one factorization is which factor of another: matching across k, layers and networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from .heatmaps import fold, upsample

Array = npt.NDArray[Any]


def match_factors(
    H: Array, W: Array, other_H: Array, other_W: Array, *, shapes: Sequence[Any] = (), other_shapes: Sequence[Any] = ()
) -> dict[int, int]:
    """The one-to-one matching of factors that are most alike (Hungarian method).

    Alike means: the cosine of the columns of H, where a factor is, and the cosine of the rows of W, what it is made of,
    count the same. Where the channels differ (another layer or network) only the maps count, brought to one grid.

    Args:
        H, W: (rows, k) and (k, c).
        other_H, other_W: (rows', k') and (k', c') of the same images.
        shapes, other_shapes: per image the grid (h, w) of the rows; needed only where the rows differ.

    Returns:
        factor -> the other's factor, min(k, k') entries.
    """
    if len(H) != len(other_H):
        H, other_H = _on_one_grid(H, shapes, other_shapes), _on_one_grid(other_H, other_shapes, other_shapes)
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


def _on_one_grid(H: Array, shapes: Sequence[Any], grid: Sequence[Any]) -> Array:
    maps = [upsample(m, g) for m, g in zip(fold(H, shapes), grid, strict=True)]
    return np.concatenate([m.reshape(len(m), -1).T for m in maps])
