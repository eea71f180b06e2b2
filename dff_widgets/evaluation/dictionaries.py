"""Rivals that model the activations, as NMF does, under other rules: semi-NMF, convex NMF, a sparse dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..extraction import Activations
from ..factorization import kmeans, nmf
from ..result import DFFResult
from .results import as_result

Array = npt.NDArray[Any]

_TINY = 1e-9
_MOST_SIGNED = 6000  # rows of which convex NMF holds all products, where some are negative


def semi_nmf(activations: Activations, k: int, seed: int = 0) -> DFFResult:
    """Semi-NMF (Ding et al. 2010): ``A ≈ H W`` with H ≥ 0 and W of any sign.

    Args:
        activations: from `extract`.
        k: number of factors.
        seed: of the start.
    """
    fac = nmf(activations.matrix, k, solver="semi", seed=seed)
    return as_result(activations, np.asarray(fac.H), np.asarray(fac.W), fac.error)


def convex_nmf(activations: Activations, k: int, seed: int = 0, *, iterations: int = 100) -> DFFResult:
    """Convex NMF (Ding et al. 2010): each factor is a non-negative combination of activations, ``A ≈ H (V A)``.

    By its multiplicative updates from k-means; the loss never rises.

    Args:
        activations: from `extract`.
        k: number of factors.
        seed: of the start.
        iterations: how many.

    Raises:
        ValueError: some of more than 6,000 rows are negative: their products would not fit.
    """
    A = activations.matrix.astype(np.float64)
    if A.min() < 0 and len(A) > _MOST_SIGNED:
        raise ValueError(f"there are {len(A)} rows, some negative; convex NMF takes {_MOST_SIGNED} at most")
    member = np.asarray(kmeans(A, k, seed=seed).H, dtype=np.float64)
    H, V = member + 0.2, (member + 0.2) / np.maximum(member.sum(axis=0), 1)  # (n, k) each, V as columns
    if A.min() >= 0:

        def positive(M: Array) -> Array:
            return A @ (A.T @ M)

        def negative(M: Array) -> Array:
            return np.zeros_like(M)
    else:
        K = A @ A.T

        def positive(M: Array) -> Array:
            return np.maximum(K, 0) @ M

        def negative(M: Array) -> Array:
            return np.maximum(-K, 0) @ M

    for _ in range(iterations):
        plus, minus = positive(V), negative(V)
        H *= np.sqrt((plus + H @ (V.T @ minus)) / (minus + H @ (V.T @ plus) + _TINY))
        gram, plus, minus = H.T @ H, positive(H), negative(H)
        V *= np.sqrt((plus + negative(V) @ gram) / (minus + positive(V) @ gram + _TINY))
    return _modelled(activations, H, V.T @ A)


def sparse(activations: Activations, k: int, seed: int = 0, *, active: int = 1, iterations: int = 30) -> DFFResult:
    """A sparse dictionary: at each position only the `active` strongest factors may be above 0, as in a top-k SAE.

    In turns: each row's factors of the largest products with unit W_f are chosen; H ≥ 0 is solved for on them by
    coordinate descent, and W, of any sign, by least squares. With one active factor it is spherical k-means whose
    clusters have a strength. H is left as the last choice made it, for the last W.

    Args:
        activations: from `extract`.
        k: number of factors.
        seed: of the start, by k-means.
        active: 1..k factors at a position.
        iterations: how many.

    Raises:
        ValueError: `active` is out of range.
    """
    if not 1 <= active <= k:
        raise ValueError(f"active is {active!r}; give 1..{k} factors at a position")
    A = activations.matrix.astype(np.float64)
    W = _unit(np.asarray(kmeans(_unit(A), k, seed=seed).W, dtype=np.float64))
    H = _coded(A, W, active)
    for _ in range(iterations):
        used = np.flatnonzero(H.any(axis=0))
        W[used] = _unit(np.linalg.lstsq(H[:, used], A, rcond=None)[0])
        H = _coded(A, W, active)
    return _modelled(activations, H, W)


def _coded(A: Array, W: Array, active: int, sweeps: int = 5) -> Array:
    """(n, k) the codes ≥ 0 for unit rows W: on the `active` largest products of each row, by coordinate descent."""
    products, gram = A @ W.T, W @ W.T
    chosen = np.zeros(products.shape, dtype=bool)
    strongest = np.argpartition(-products, active - 1, axis=1)[:, :active]
    np.put_along_axis(chosen, strongest, True, axis=1)
    H = np.where(chosen, np.maximum(products, 0), 0)
    for _ in range(sweeps if active > 1 else 0):
        for f in range(len(W)):
            rest = products[:, f] - H @ gram[:, f] + H[:, f] * gram[f, f]
            H[:, f] = np.where(chosen[:, f], np.maximum(rest, 0), 0)
    return H


def _modelled(activations: Activations, H: Array, W: Array) -> DFFResult:
    A = activations.matrix
    size = float(np.linalg.norm(A))
    error = float(np.linalg.norm(A - H @ W)) / size if size else 0.0
    return as_result(activations, H, W, error)


def _unit(rows: Array) -> Array:
    """Each row divided by its length; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1))
