"""Whether a factor would be found again: from other random starts, and from half of the images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..extraction import Activations, Progress, reporter, whole_number
from ..factorization import Factorization, nmf
from ..hierarchy import match_factors

if TYPE_CHECKING:
    from ..result import DFFResult

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stability:
    """How alike each factor is to the one that stands for it in other factorizations.

    Likeness is the mean of two cosines: of the columns of H, where it is, and of the rows of W, what it is made of;
    factors are matched one to one. 1 is the same factor. There is no zero to expect by chance: activations are at least
    0, so that any two factors have something in common; compare factors with each other.

    Attributes:
        seeds: (n, k) for each other random start.
        halves: (2 n, k) for each random half of the images and the half that it leaves; H counts on those images alone.
            No rows where there are fewer than two images.
    """

    seeds: Floats = field(repr=False)
    halves: Floats = field(repr=False)

    @property
    def by_seed(self) -> Floats:
        """(k,) mean over the starts, 0..1."""
        return np.asarray(self.seeds.mean(axis=0))

    @property
    def by_half(self) -> Floats:
        """(k,) mean over the halves, 0..1; NaN where there are none."""
        nothing = np.full(self.halves.shape[1], np.nan)
        return np.asarray(self.halves.mean(axis=0)) if len(self.halves) else nothing


def stability(
    result: DFFResult,
    activations: Activations,
    *,
    n: int = 5,
    seed: int = 1,
    matrix: Any = None,
    progress: Progress | bool = False,
    **options: Any,
) -> Stability:
    """Factorize again, from n other seeds and on n random splits of the images, and find each factor there.

    Args:
        result: of these activations.
        activations: from `extract`.
        n: seeds, and splits of the images in two halves; 3 n factorizations.
        seed: the first of the other seeds; give one that the result was not made with.
        matrix: a `Sketch` of ``activations.matrix``, for the seeds.
        progress: as in `extract`; counts factorizations, and what it raises cancels.
        options: of `nmf`, such as ``solver``; those that the result was made with.

    Returns:
        Stability.

    Raises:
        ValueError: the activations are not those of the result, or a half of the images has too few rows for its k.
    """
    n = whole_number(n, "n", 1, "how many seeds and splits")
    A, H = np.asarray(activations.matrix), np.asarray(result.factorization.H)
    if len(A) != len(H) or A.shape[1] != result.factorization.W.shape[1]:
        raise ValueError(f"activations are {A.shape}; the result is of {len(H)} rows: give its own")
    halves = list(_halves(result.shapes, n, np.random.default_rng(seed)))
    report, close = reporter(progress, n + len(halves))
    W, k = np.asarray(result.factorization.W), result.k
    found: list[Floats] = []
    try:
        for s in range(n):
            again = nmf(A if matrix is None else matrix, k, seed=seed + s, **options)
            found.append(_likeness(H, W, again))
            report(len(found), n + len(halves))
        for rows in halves:
            found.append(_likeness(H[rows], W, nmf(A[rows], k, seed=seed, **options)))
            report(len(found), n + len(halves))
    finally:
        close()
    return Stability(np.stack(found[:n]), np.reshape(found[n:], (-1, k)))


def _halves(shapes: tuple[tuple[int, int], ...], n: int, rng: np.random.Generator) -> Iterator[Array]:
    """The rows of each half, two for each split; none for a single image."""
    image = np.repeat(np.arange(len(shapes)), [h * w for h, w in shapes])
    for _ in range(n if len(shapes) > 1 else 0):
        first = rng.permutation(len(shapes))[: len(shapes) // 2]
        chosen = np.isin(image, first)
        yield from (chosen, ~chosen)


def _likeness(H: Array, W: Array, other: Factorization) -> Floats:
    """(k,) of each factor with the one that is matched to it."""
    other_H, other_W = np.asarray(other.H), np.asarray(other.W)
    matched = match_factors(H, W, other_H, other_W)
    order = [matched[f] for f in range(len(W))]
    return (_cosine(H, other_H[:, order]) + _cosine(W.T, other_W[order].T)) / 2


def _cosine(a: Array, b: Array) -> Floats:
    """Of the columns of a and b, one by one; 0 where one is empty."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    return np.asarray((a * b).sum(axis=0) / np.where(norms > 0, norms, 1))
