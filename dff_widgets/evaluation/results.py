"""What other methods share: any heat maps as a result, and which of two clusters is the object."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from ..extraction import Activations
from ..factorization import Factorization
from ..heat import fold, upsample
from ..result import DFFResult

Array = npt.NDArray[Any]

_FINE = 8  # points to one of the layer's along each side


def as_result(activations: Activations, H: Array, W: Array, error: float | None = None) -> DFFResult:
    """Any heat maps as a DFFResult, negative entries as 0. Where they do not model A, the error is NaN."""
    H, W = np.asarray(H, dtype=np.float32), np.asarray(W, dtype=np.float32)
    fac = Factorization(H, W, float("nan") if error is None else error, n_iter=0, converged=True)
    return DFFResult.of(activations, fac)


def hard(activations: Activations, member: Array) -> DFFResult:
    """Clusters as a DFFResult whose maps are 1 inside and 0 outside, with edges that upsampling leaves where they are.

    Args:
        activations: from `extract`.
        member: (rows, k) of zeros and ones. The rows of W are the clusters' means.
    """
    member = np.asarray(member, dtype=np.float32)
    W = member.T @ activations.matrix / np.maximum(member.sum(axis=0), 1)[:, None]
    block = np.ones((_FINE, _FINE))
    fine = tuple(np.kron(m, block).astype(np.float16) for m in fold(member, activations.shapes))
    return dataclasses.replace(as_result(activations, member, W), maps=fine, own_maps=True)


def signed(activations: Activations, values: Array, direction: Array) -> DFFResult:
    """One map whose zero line is where its object ends, as a DFFResult with the positive part, finer, for maps.

    The zero line belongs to the signed map: of its positive part, interpolation would lift all that is near it.

    Args:
        activations: from `extract`.
        values: (rows,) above 0 inside.
        direction: (c,) the row of W.
    """
    result = as_result(activations, np.asarray(values)[:, None], np.asarray(direction)[None])
    scaled = fold(result.factorization.H / max(float(result.factorization.H.max()), 1e-12), activations.shapes)
    fine = (upsample(m, (_FINE * m.shape[1], _FINE * m.shape[2])) for m in scaled)
    return dataclasses.replace(result, maps=tuple(np.maximum(m, 0).astype(np.float16) for m in fine), own_maps=True)


def background_last(member: Array, shapes: tuple[tuple[int, int], ...]) -> list[int]:
    """The clusters by how little of them lies at the border of the images; what is at the border last.

    A rule without labels for what of two clusters is the object: photographers leave the background around it (Wei et
    al. 2012). The fraction counts, not the number, so that a cluster's size does not decide.

    Args:
        member: (rows, k) above 0 where a position is in a cluster.
        shapes: per image the grid (h, w) of the rows.
    """
    rings = []
    for h, w in shapes:
        ring = np.ones((h, w), dtype=bool)
        ring[1:-1, 1:-1] = False
        rings.append(ring.ravel())
    inside = np.asarray(member) > 0
    at_border = inside[np.concatenate(rings)].sum(axis=0) / np.maximum(inside.sum(axis=0), 1)
    return [int(j) for j in np.argsort(at_border, kind="stable")]
