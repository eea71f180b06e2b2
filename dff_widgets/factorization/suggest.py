"""How many factors: what each k explains, what it predicts, and whether its factors come back from other starts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from .check import check_count
from .nmf import nmf_stack
from .rows import Rows, as_rows
from .rules import SOLVERS, coordinate_descent
from .sketch import Sketch
from .start import start

__all__ = ["SuggestedK", "likeness", "suggest_k"]

HELD = 0.03  # of the entries are left out: few enough that the factors are those of the whole
STABLE = 0.9  # cosine, 26 degrees: below it another start gives another factor
MOST_ROWS = 20_000
ITERATIONS = 30
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class SuggestedK:
    """The table behind a suggested number of factors, a value per k.

    Attributes:
        ks: The numbers of factors, rising.
        explained: ``1 - ‖A - H W‖² / ‖A‖²`` for the first seed, 0..1.
        held_out: ``‖A - H W‖ / ‖A‖`` over entries that the fit never saw, at least 0; see `suggest_k`.
        stability: The mean cosine of the rows of W of two seeds, matched by the Hungarian method, over all pairs of
            seeds; 0..1.
        k: The suggestion.
        reason: Why, in one sentence.
    """

    ks: tuple[int, ...]
    explained: tuple[float, ...]
    held_out: tuple[float, ...]
    stability: tuple[float, ...]
    k: int
    reason: str

    def __str__(self) -> str:
        rows = zip(self.ks, self.explained, self.held_out, self.stability, strict=True)
        lines = [f"{k:3}  {e:9.3f}  {h:8.3f}  {s:9.3f}" for k, e, h, s in rows]
        return "\n".join(["  k  explained  held out  stability", *lines, self.reason])


def suggest_k(
    A: Any,
    ks: Iterable[int] = range(1, 11),
    *,
    seeds: Iterable[int] = range(5),
    solver: str = "hals",
    progress: Progress | None = None,
) -> SuggestedK:
    """Try several k, and suggest the elbow of the held-out error among those that do not depend on their start.

    Factors that come back from every random start are a property of the activations, not of the draw. Of those k, the
    suggestion is where the held-out error lies farthest below the line from its first to its last value: up to there a
    further factor brings more than on average, beyond it less (the knee of Satopää et al., 2011). It depends on the
    largest k that is tried.

    Held-out entries: 3 % of A's entries, drawn at random, are missing; H W is fitted to the others by HALS in which the
    missing ones are replaced by the present H W before every update (expectation maximization, as in weighted NMF:
    Zhang et al., 2006), and judged on the missing ones alone. Of more than 20,000 rows as many are drawn at random.

    Args:
        A: (rows, channels), or a `Sketch` of it, or a store; as in :func:`nmf`.
        ks: The numbers of factors to try.
        seeds: At least two different ones.
        solver: ``"hals"``, ``"mu"`` or ``"semi"``.
        progress: Called as ``progress(done, in all)`` after every fit; what it raises ends the work.

    Raises:
        ValueError: No k, one that is out of range, or fewer than two different seeds.

    >>> H, W = np.eye(4).repeat(30, 0), np.eye(4).repeat(3, 1)
    >>> suggest_k((H @ W).astype(np.float32), range(1, 7)).k
    4
    """
    tried, starts = sorted(set(ks)), sorted(set(seeds))
    if not tried or len(starts) < 2:
        raise ValueError(f"got {len(tried)} k and {len(starts)} seeds; give at least one k and two different seeds")
    sketch = A if isinstance(A, Sketch) else Sketch(A, max_k=check_count(tried[-1], "ks", 1))
    observed, where, truth = _without_some(sketch.matrix)
    total = len(starts) + len(tried)

    def tell(done: int) -> None:
        if progress is not None:
            progress(done, total)

    fits = []
    for seed in starts:
        fits.append(nmf_stack(sketch, tried, solver=solver, seed=seed))
        tell(len(fits))
    explained = [1 - fac.error**2 for fac in fits[0]]
    stability = [
        float(np.mean([likeness(a.W, b.W).mean() for a, b in combinations(same_k, 2)]))
        for same_k in zip(*fits, strict=True)
    ]
    held_out = []
    for k in tried:
        held_out.append(_predicted(observed, where, truth, k, signed=SOLVERS[solver].signed))
        tell(len(starts) + len(held_out))
    k, reason = _choose(tried, held_out, stability)
    return SuggestedK(tuple(tried), tuple(explained), tuple(held_out), tuple(stability), k, reason)


def likeness(W: Any, other: Any) -> npt.NDArray[np.float64]:
    """(k,) cosines of the rows of W with those of another W of as many factors that they are matched with."""
    rows = [np.asarray(M.cpu() if isinstance(M, Tensor) else M, dtype=np.float64) for M in (W, other)]
    unit = [M / np.maximum(np.linalg.norm(M, axis=1, keepdims=True), np.finfo(float).tiny) for M in rows]
    cosines = unit[0] @ unit[1].T
    return np.asarray(cosines[linear_sum_assignment(cosines, maximize=True)])


def _choose(ks: list[int], held_out: list[float], stability: list[float]) -> tuple[int, str]:
    """Of the stable k, the one where the held-out error is farthest below the line between its ends."""
    line = np.interp(ks, [ks[0], ks[-1]], [held_out[0], held_out[-1]])
    stable = [i for i in range(len(ks)) if stability[i] >= STABLE]
    i = max(stable or range(len(ks)), key=lambda i: (line[i] - held_out[i]) if stable else stability[i])
    if not stable:
        said = f"its factors come back best from other starts (cosine {stability[i]:.2f}), though no k reaches {STABLE}"
    else:
        said = (
            f"its factors come back from other starts (cosine {stability[i]:.2f}), "
            "and from here each further factor predicts less of the entries that were left out"
        )
    return ks[i], f"k = {ks[i]}: {said}"


def _without_some(matrix: Rows) -> tuple[Rows, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], npt.NDArray[Any]]:
    """Rows of A with some entries set to 0, the places (rows, channels) of those, and their values."""
    n, c = matrix.shape
    draw = np.random.default_rng(0)
    some = np.sort(draw.choice(n, min(n, MOST_ROWS), replace=False))
    X = matrix.rows(torch.from_numpy(some)).cpu().clone()
    count = max(1, round(HELD * X.numel()))
    at = np.sort(draw.choice(X.numel(), count, replace=False))
    truth = X.view(-1)[at].clone()
    X.view(-1)[at] = 0
    return as_rows(X, "cpu"), (at // c, at % c), truth.numpy()


def _predicted(
    observed: Rows,
    where: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    truth: npt.NDArray[Any],
    k: int,
    *,
    signed: bool,
) -> float:
    """The relative error on the entries that are missing from `observed`, after a fit of k factors to the others."""
    rows, channels = where
    H, W = start(observed, k, "random", signed=signed, seed=0)
    missing = scipy.sparse.csr_array((np.zeros(len(rows), np.float32), where), shape=observed.shape)

    def guess() -> npt.NDArray[np.float32]:
        total = np.zeros(len(rows), np.float32)
        for h, w in zip(H.numpy(), W.numpy(), strict=True):  # numpy's take is five times as quick as torch's
            total += h.take(rows) * w.take(channels)
        return total

    for _ in range(ITERATIONS):
        missing.data[:] = guess()
        P = torch.from_numpy(np.ascontiguousarray((missing @ W.numpy().T).T))
        for block, some in observed.blocks():
            P[:, block] += some.times_w(W)
        coordinate_descent(H, P, W @ W.mT, 1)
        Q = torch.from_numpy(np.ascontiguousarray((missing.T @ H.numpy().T).T))
        for block, some in observed.blocks():
            Q += some.times_h(H[:, block])
        S = H @ H.mT
        if signed:
            W = torch.linalg.lstsq(S + 1e-6 * S.diagonal().mean() * torch.eye(k), Q).solution
        else:
            coordinate_descent(W, Q, S, 1)
    return float(np.linalg.norm(guess() - truth) / max(float(np.linalg.norm(truth)), 1e-30))
