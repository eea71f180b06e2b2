"""Fold the columns of H back onto the images: heat maps, binary maps, and the colours they are shown in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


_EXACT_ENTRIES = 2**26  # of all factors: 256 MiB of float32 at most while a percentile is taken exactly
_BINS = 2**16
_SAMPLE = 2**14
_ALONE = 2**18  # multiplications up to which OpenBLAS takes one thread
_FEWEST = 16  # rows in a piece


def fold(H: Array, shapes: Sequence[tuple[int, int]]) -> list[Array]:
    """The one place where rows become maps again (section 3.4 of the paper).

    Args:
        H: (rows, k), a row per position, image after image, row-major; rows = the sum of h·w.
        shapes: per image its grid (h, w).

    Returns:
        Per image its maps (k, h, w), views of H.

    Raises:
        ValueError: H has another number of rows than the shapes have positions.

    >>> [m.shape for m in fold(np.zeros((2 * 3 + 4 * 1, 5)), [(2, 3), (4, 1)])]
    [(5, 2, 3), (5, 4, 1)]
    """
    ends = list(accumulate(h * w for h, w in shapes))
    rows = ends[-1] if ends else 0
    if H.ndim != 2 or len(H) != rows:
        raise ValueError(f"H is {H.shape}; the shapes of {len(shapes)} images need ({rows}, k)")
    k = H.shape[1]
    return [H[end - h * w : end].reshape(h, w, k).transpose(2, 0, 1) for end, (h, w) in zip(ends, shapes, strict=True)]


def unfold(maps: Iterable[Array]) -> Array:
    """The inverse of `fold`.

    Args:
        maps: per image (k, h, w).

    Returns:
        H, (rows, k), a row per position, image after image, row-major.

    >>> unfold([np.zeros((5, 2, 3)), np.zeros((5, 4, 1))]).shape
    (10, 5)
    """
    return np.concatenate([m.transpose(1, 2, 0).reshape(-1, len(m)) for m in maps])


def normalise(H: Array) -> Floats:
    """Each column divided by its maximum, so that a heat map is in 0..1 over the whole set; an empty column stays 0.

    Args:
        H: (rows, k), non-negative for NMF; the negative entries of a baseline's H become 0.
    """
    H = np.maximum(np.asarray(H, dtype=np.float32), 0)
    return np.asarray(H / np.maximum(H.max(axis=0, initial=0), np.finfo(np.float32).tiny), dtype=np.float32)


def upsample(maps: Array, shape: tuple[int, int]) -> Floats:
    """Bilinear interpolation to the size of the image (half-pixel centres, as ``align_corners=False``).

    Args:
        maps: (..., h, w).
        shape: (H, W) in pixels; smaller than (h, w) is possible too, without antialiasing.

    Returns:
        (..., H, W) float32.
    """
    if maps.shape[-2:] == tuple(shape):
        return np.array(maps, dtype=np.float32)
    rows, columns = _interpolation(maps.shape[-2], shape[0]), _interpolation(maps.shape[-1], shape[1])
    # Contiguous: of a transposed array some versions of OpenBLAS give other last digits.
    return _product(_product(rows, np.ascontiguousarray(maps, dtype=np.float32)), columns.T)


def _product(a: Array, b: Array) -> Floats:
    """``a @ b`` of (..., m, n) and (..., n, p) float32, in pieces that OpenBLAS computes in the thread that asks.

    With a second thread a product this small takes a hundred times as long where other programs want the cores, and no
    less where none does.
    """
    step = _ALONE // (b.shape[-2] * b.shape[-1])  # rows of a
    if step < _FEWEST:  # large: two threads pay
        return np.asarray(a @ b)
    out = np.empty((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), dtype=np.float32)
    for start in range(0, a.shape[-2], step):
        np.matmul(a[..., start : start + step, :], b, out=out[..., start : start + step, :])
    return out


@lru_cache(maxsize=32)  # the photos of a camera share their sizes; weights for 6,000 pixels take megabytes
def _interpolation(source: int, target: int) -> Floats:
    """(target, source) weights of linear interpolation along one axis; each row sums to 1."""
    at = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    low = np.minimum(at.astype(int), max(source - 2, 0))
    weights = np.zeros((target, source), dtype=np.float32)
    weights[np.arange(target), low] = 1 - (at - low)
    weights[np.arange(target), np.minimum(low + 1, source - 1)] += at - low
    weights.flags.writeable = False
    return weights


def cell_means(maps: Array, grid: tuple[int, int]) -> Floats:
    """The means of maps over the cells of an even grid; interpolated where the grid is the finer one.

    Args:
        maps: (..., H, W).
        grid: (h, w).

    Returns:
        (..., h, w) float32.
    """
    if maps.shape[-2] < grid[0] or maps.shape[-1] < grid[1]:
        return upsample(maps, grid)
    rows, columns = _overlaps(maps.shape[-2], grid[0]), _overlaps(maps.shape[-1], grid[1])
    return np.asarray(rows @ np.asarray(maps, dtype=np.float32) @ columns.T, dtype=np.float32)


@lru_cache(maxsize=32)
def _overlaps(source: int, target: int) -> Floats:
    """(target, source) the share of each target cell that each source cell fills; each row sums to 1."""
    edges = np.arange(target + 1) * (source / target)
    cells = np.arange(source)
    shared = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    weights: Floats = (np.maximum(shared, 0) * (target / source)).astype(np.float32)
    weights.flags.writeable = False
    return weights


def percentiles(maps: Callable[[], Iterable[Array]], q: float) -> Floats:
    """Per factor the q-th percentile of all entries of its heat maps over the set (section 4.3 of the paper).

    Args:
        maps: called once or twice, gives each image's maps (k, h, w) in 0..1 anew; one image is held at a time unless
            the set is small.
        q: 0..100.

    Returns:
        (k,) thresholds: exact (``np.percentile`` of float64) up to 2^26 entries in all; beyond, to 1/65536.

    Raises:
        ValueError: q is outside 0..100.
    """
    if not 0 <= q <= 100:
        raise ValueError(f"percentile is {q!r}; give a number from 0 to 100")
    held: list[Array] = []
    entries = 0
    for m in maps():
        entries += m.size
        if entries > _EXACT_ENTRIES:
            return _percentiles_by_histogram(maps(), q)
        held.append(m.reshape(len(m), -1))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy lets go of the interpreter while it compares and sorts
        found = pool.map(lambda f: _percentile([m[f] for m in held], q), range(len(held[0])))
    return np.array(list(found), dtype=np.float32)


def _percentile(pieces: Sequence[Array], q: float) -> float:
    """``np.percentile`` of all values in float64, many times as quick.

    A sample brackets it, and only what is between counts; piece by piece, so that each stays in the processor's cache.
    """
    total = sum(map(len, pieces))
    rank = q / 100 * (total - 1)
    step = max(1, total // _SAMPLE)
    sample = np.sort(np.concatenate([piece[::step] for piece in pieces]))
    at, slack = q / 100 * (len(sample) - 1), len(sample) // 100 + 2
    low, high = sample[[max(0, int(at) - slack), min(len(sample) - 1, int(at) + slack)]]
    below = sum(int(np.count_nonzero(piece < low)) for piece in pieces)
    between = np.concatenate([piece[(piece >= low) & (piece <= high)] for piece in pieces])
    if not below <= rank <= below + len(between) - 1:  # the sample was unlucky
        below, between = 0, np.concatenate(pieces)
    first = int(rank) - below
    ordered = np.partition(between, sorted({first, min(first + 1, len(between) - 1)}))
    pair = ordered[first : first + 2].astype(np.float64)
    return float(pair[0] + (pair[-1] - pair[0]) * (rank - int(rank)))


def _percentiles_by_histogram(maps: Iterable[Array], q: float) -> Floats:
    counts: Array | None = None
    for m in maps:
        bins = (np.clip(m, 0, 1) * (_BINS - 1)).astype(np.int64).reshape(len(m), -1)
        here = np.stack([np.bincount(b, minlength=_BINS) for b in bins])
        counts = here if counts is None else counts + here
    assert counts is not None
    below = counts.cumsum(axis=1)
    ranks = q / 100 * (below[:, -1] - 1)
    found = [np.searchsorted(b, r, side="right") for b, r in zip(below, ranks, strict=True)]
    return (np.array(found) / (_BINS - 1)).astype(np.float32)


def binarise(maps: Array, thresholds: Array) -> npt.NDArray[np.bool_]:
    """B(f, i): where a factor is at or above its threshold, and present at all.

    Args:
        maps: (k, h, w) in 0..1.
        thresholds: (k,).

    Returns:
        (k, h, w) bool. A zero is never in the mask: the percentile of a factor that is absent from most of the set is
        0, and would otherwise select everything.
    """
    least = np.maximum(thresholds, np.finfo(maps.dtype).tiny).astype(maps.dtype, copy=False)
    return np.asarray(maps >= least[:, None, None])
