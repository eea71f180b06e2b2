"""Non-negative matrix factorization of activations, by three solvers, on a matrix or on a sketch of it."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from ..devices import full_precision
from .check import check_count, check_one_of, check_tol, to_array
from .descent import Callback, Descent, descend
from .fallback import or_on_cpu
from .passes import Passes, picked
from .problems import Problems
from .result import Factorization
from .rows import Lazy, Rows, as_rows
from .rules import SOLVERS, Solver
from .sketch import Sketch
from .start import start
from .threads import one_thread_for

__all__ = ["nmf", "nmf_stack", "run"]

MOST_FACTORS = 64  # side by side: beyond, the products between different problems cost more than their company saves
MOST_ENTRIES = 1 << 28  # of an H with several problems
SMALL_ERROR = 1e-2  # below it, float32 loses the expanded square's digits and the residual is summed term by term


T = TypeVar("T")
Begin = Callable[[Passes, list[tuple[int, T]]], tuple[Any, Tensor]]


def nmf(
    A: Any,
    k: int,
    *,
    solver: str = "hals",
    init: Any = "random",
    n_init: int = 1,
    max_iter: int = 200,
    tol: float = 1e-4,
    seed: int = 0,
    device: str | torch.device = "auto",
    clamp: bool = False,
    callback: Callback | None = None,
) -> Factorization:
    """Factorize ``A ≈ H W`` with H ≥ 0 and W ≥ 0, minimizing ``‖A - H W‖_F`` (eq. 3 of the paper).

    >>> import numpy as np
    >>> fac = nmf(np.random.default_rng(0).random((60, 8)), k=3)
    >>> fac.H.shape, fac.W.shape
    ((60, 3), (3, 8))

    Args:
        A: (rows, channels), a NumPy array or a torch tensor of finite real numbers ≥ 0 (any sign with
            ``solver="semi"``). A contiguous float32 array is used where it lies; every other kind (float64, float16,
            integers, booleans, strided views) is copied to float32, in which everything is computed. Or a
            :class:`Sketch` of such a matrix; or a store of :mod:`dff_widgets.scale`, which is sketched first, so that
            it is read three times in all (once more where the error is below 1 %).
        k: The number of factors, 1..min(rows, channels); for a sketch at most its rank.
        solver: ``"hals"``, accelerated coordinate descent (Cichocki & Phan 2009; Ang & Gillis 2019), the quickest;
            ``"mu"``, the paper's own multiplicative updates (Lee & Seung 2001), step for step those of scikit-learn; or
            ``"semi"``, semi-NMF (Ding, Li & Jordan 2010), where A and W may have any sign: W by least squares, H by
            coordinate descent, which minimizes Ding's loss in far fewer steps than his own rule.
        init: ``"random"``; ``"nndsvda"`` (Boutsidis & Gallopoulos 2008); ``(H0, W0)`` of shapes (rows, k) and
            (k, channels); or a :class:`Factorization` of the same rows with at most k factors, which is continued after
            adding what it explains worst as new factors.
        n_init: Random starts that run side by side in one batch; the best is returned. Start r equals a single run with
            ``seed + r``, up to rounding. On a sketch they compete by their error on the sketch.
        max_iter: Iterations at most; each reads A once.
        tol: Stop when the error fell by less than ``tol`` times its first value over the last ten iterations; 0 stops
            only where float32 can go no further.
        seed: Seeds the start. The same seed gives the same factors on the same device; every device starts at the same
            point, and ten iterations agree between them to 1e-3 relative.
        device: ``"auto"`` (A's own accelerator, else CUDA, MPS, the CPU in this order; for a small A the CPU) or a
            torch device. An A that a GPU's memory does not hold goes through it in blocks of rows; where its memory
            does not suffice even so, the CPU does the work, with an `OnCpuWarning`. A sketch has its own device.
        clamp: Replace negative entries of A by 0 (in a copy), for plain NMF of a layer that has them.
        callback: Called after every iteration as ``callback(iteration, error)``, with the least relative error so far;
            a true return value stops and returns what has been reached. On a sketch, the error is an estimate; on an
            accelerator, which is asked seldom, ten iterations are told at a time.

    Returns:
        The factors, neither normalized nor sorted, and their error on A.

    Raises:
        ValueError: A is empty, not 2-D, not finite, or has negative entries with a solver that cannot take them; or an
            option is out of range.
        TypeError: A is no array of real numbers, or an option has the wrong type.
    """
    if n_init != 1 and not (isinstance(init, str) and init == "random"):
        raise ValueError(f'n_init={n_init} restarts need init="random"; another init gives the same start each time')

    def work(where: Any) -> Factorization:
        fit = _fit(A, [k], "k", solver, max_iter, tol, where, clamp)
        return fit.factorize([k], init, n_init, seed, callback)[0]

    return _worked(A, work, device, clamp)


def nmf_stack(
    A: Any,
    ks: Iterable[int] = range(1, 11),
    *,
    solver: str = "hals",
    n_init: int = 1,
    max_iter: int = 200,
    tol: float = 1e-4,
    seed: int = 0,
    device: str | torch.device = "auto",
    clamp: bool = False,
    callback: Callback | None = None,
) -> tuple[Factorization, ...]:
    """Every k at once: what :func:`nmf` finds for each, up to rounding, in a fraction of the time.

    The problems share each read of A and each call into torch. Where they would be too many for that to pay, they go
    in several batches.

    >>> import numpy as np
    >>> [fac.k for fac in nmf_stack(np.random.default_rng(0).random((60, 8)), ks=[1, 2, 5])]
    [1, 2, 5]

    Args:
        A: As in :func:`nmf`: a matrix, a :class:`Sketch` (the quickest) or a store, which is sketched first.
        ks: Numbers of factors.
        solver: As in :func:`nmf`.
        n_init: Random starts for each k, the best of which is kept.
        max_iter: Iterations at most, for each k.
        tol: As in :func:`nmf`; each k stops on its own.
        seed: As in :func:`nmf`.
        device: As in :func:`nmf`.
        clamp: As in :func:`nmf`.
        callback: Called after every iteration as ``callback(iteration, error)``, with the least relative error so far
            of all k; a true return value stops and returns what has been reached, by one iteration at least for each k.

    Returns:
        A :class:`Factorization` for each of ``ks``, in their order.

    Raises:
        ValueError: As in :func:`nmf`; or there is no k.
        TypeError: As in :func:`nmf`.
    """
    if not isinstance(ks, Iterable) or not (asked := list(ks)):
        raise ValueError(f"ks must hold numbers of factors, such as range(1, 11), but got {ks!r}")

    def work(where: Any) -> tuple[Factorization, ...]:
        fit = _fit(A, asked, "each of ks", solver, max_iter, tol, where, clamp)
        return tuple(fit.factorize(asked, "random", n_init, seed, callback))

    return _worked(A, work, device, clamp)


def run(
    A: Any,
    matrix: Rows,
    H: Tensor,
    W: Tensor,
    method: Solver,
    *,
    max_iter: int,
    tol: float,
    callback: Callback | None = None,
) -> Descent:
    """Iterate from H (k, n) and W (k, c), which are used up: on A, or on a sketch of it and then on A.

    Args:
        A: The sketch, or what ``matrix`` was made of.
        matrix: The rows of A.
        H: (k, n).
        W: (k, c).
        method: How they are updated.
        max_iter: As in :func:`nmf`.
        tol: As in :func:`nmf`.
        callback: As in :func:`nmf`.
    """
    fit = _Fit(matrix, A if isinstance(A, Sketch) else None, A, method, max_iter, tol)
    return fit.best([(len(W), (0, 0))], lambda passes, _: (passes.place(H), W), _Watch(callback))[0]


class _Watch:
    """The caller's callback through several descents: iterations count on, and a cancel holds for the rest."""

    def __init__(self, callback: Callback | None) -> None:
        self.callback, self.iteration, self.cancelled = callback, 0, False

    def __call__(self, _iteration: int, error: float) -> bool:
        if not self.cancelled and self.callback is not None:
            self.iteration += 1
            self.cancelled = bool(self.callback(self.iteration, error))
        return self.cancelled


@dataclass(frozen=True)
class _Fit:
    """What all problems on one A share, checked."""

    matrix: Rows
    sketch: Sketch | None
    like: Any  # results are arrays of this kind
    solver: Solver
    max_iter: int
    tol: float

    def factorize(
        self, ks: list[int], init: Any, n_init: int, seed: int, callback: Callback | None
    ) -> list[Factorization]:
        """A factorization for each k, from the best of its starts."""
        check_count(n_init, "n_init", 1)
        check_count(seed, "seed", 0, 2**62)
        signed, axes = self.solver.signed, self.sketch.projection.axes if self.sketch else None

        def begin(passes: Passes, starts: list[tuple[int, tuple[int, int]]]) -> tuple[Any, Tensor]:
            drawn = [start(self.matrix, k, init, signed=signed, seed=seed + r, axes=axes) for k, (_, r) in starts]
            H, W = (torch.cat(parts) if len(parts) > 1 else parts[0] for parts in zip(*drawn, strict=True))
            return passes.place(H), W

        starts = [(k, (i, r)) for i, k in enumerate(ks) for r in range(n_init)]
        best = self.best(starts, begin, _Watch(callback))
        return [self._result(best[i]) for i in range(len(ks))]

    def best(
        self, starts: list[tuple[int, tuple[int, int]]], begin: Begin[tuple[int, int]], watch: _Watch
    ) -> dict[int, Descent]:
        """Where the starts (k, (which problem, which of its starts)) lead; of each problem the best."""
        matrix, sketch = self.matrix, self.sketch
        passes = sketch.projection.passes() if sketch else matrix.passes()
        if matrix.squared_norm == 0:
            n, c = matrix.shape
            W = {i: torch.zeros(k, c, device=matrix.device) for k, (i, _) in starts}
            return {i: Descent(passes.place(w.new_zeros(len(w), n)), w, 0.0, 0, True, False) for i, w in W.items()}
        if sketch is None:
            how = _How(self.max_iter, self.tol, 1 if matrix.cheap else 3, matrix.work)
        else:
            how = _How(max(1, self.max_iter - matrix.closing), self.tol, 1, matrix.shape[0] * sketch.rank)
        best: dict[int, Descent] = {}
        for (i, _), run in self._side_by_side(passes, starts, begin, how, watch):
            if i not in best or run.error < best[i].error:
                best[i] = run
        return best if sketch is None else self._closed(best, watch)

    def _closed(self, rough: dict[int, Descent], watch: _Watch) -> dict[int, Descent]:
        """The best on the sketch, some iterations further on A itself."""

        def begin(passes: Passes, some: list[tuple[int, int]]) -> tuple[Any, Tensor]:
            runs = [rough[i] for _, i in some]
            return passes.join([run.H for run in runs]), torch.cat([run.W for run in runs])

        how = _How(min(self.matrix.closing, self.max_iter), 0.0, 3, self.matrix.work)
        asked, closed = [(len(run.W), i) for i, run in rough.items()], {}
        for i, run in self._side_by_side(self.matrix.passes(), asked, begin, how, watch):
            converged = rough[i].converged and not run.cancelled
            closed[i] = replace(run, n_iter=rough[i].n_iter + run.n_iter, converged=converged)
        return closed

    def _side_by_side(
        self, passes: Passes, asked: list[tuple[int, T]], begin: Begin[T], how: "_How", watch: _Watch
    ) -> Iterator[tuple[T, Descent]]:
        """Problems (k, which) to their ends; ``begin`` makes some problems' H and W, one problem after the other."""
        for batch in _batches(asked, self.matrix.shape[0]):
            problems = Problems(tuple(k for k, _ in batch))
            H, W = begin(passes, batch)
            if len(batch) > 1:
                H, W = passes.pick(H, problems.order), picked(W, problems.order)
            with full_precision(), one_thread_for(how.work * len(batch)):
                runs = descend(
                    passes,
                    self.matrix.squared_norm,
                    H,
                    W,
                    self.solver,
                    problems,
                    max_iter=how.max_iter,
                    tol=how.tol,
                    sweeps=how.sweeps,
                    callback=watch,
                )
            yield from zip((which for _, which in batch), runs, strict=True)

    def _result(self, run: Descent) -> Factorization:
        """With the error that float32 can tell."""
        matrix, error = self.matrix, run.error
        if not math.isfinite(error):
            raise ValueError(
                f"A must not exceed float32's range in products, but its entries are {matrix.mean_size:.3g} in size"
            )
        H = matrix.passes().collect(run.H)
        if error < SMALL_ERROR:
            error = (matrix.residual(H, run.W) / max(matrix.squared_norm, torch.finfo(torch.float64).tiny)) ** 0.5
        H, W = to_array(H.mT.contiguous(), self.like), to_array(run.W, self.like)
        return Factorization(H, W, error, run.n_iter, run.converged)


def _worked(A: Any, work: Callable[[Any], T], device: Any, clamp: bool) -> T:
    """The work on the device that is asked for; a sketch is where it is."""
    if isinstance(A, Sketch) and (clamp or device != "auto"):
        raise ValueError("clamp and device belong to the sketch: Sketch(A, device=..., clamp=...)")
    return or_on_cpu(work, device)


def _fit(A: Any, ks: list[int], name: str, solver: str, max_iter: int, tol: float, device: Any, clamp: bool) -> _Fit:
    """What the caller asked for, checked; a store is sketched."""
    method = SOLVERS[check_one_of(solver, "solver", tuple(SOLVERS))]
    A = A.moved_to(device) if isinstance(A, Sketch) else A
    matrix = A.matrix if isinstance(A, Sketch) else as_rows(A, device, clamp=clamp, spare=1 / 6)
    if not matrix.nonnegative and not method.signed:
        raise ValueError(
            f"A must not be negative for solver={solver!r}, but its least entry is {matrix.least:.4g}; "
            'use solver="semi", or clamp=True to replace negative entries by 0'
        )
    n, c = matrix.shape
    most, why = min(n, c), f" (A is {n} x {c})"
    if isinstance(A, Sketch):
        most, why = A.rank, f", the rank of the sketch (A is {n} x {c})"
    for k in ks:
        check_count(k, name, 1, most, why)
    sketch = Sketch(A, max_k=max(ks), device=device) if isinstance(A, Lazy) else A if isinstance(A, Sketch) else None
    like = sketch.like if sketch else A
    return _Fit(matrix, sketch, like, method, check_count(max_iter, "max_iter", 1), check_tol(tol))


class _How(NamedTuple):
    """What a descent on A and one on its sketch do not share."""

    max_iter: int
    tol: float
    sweeps: int
    work: int  # entries that an iteration touches


def _batches(problems: list[tuple[int, T]], n: int) -> Iterator[list[tuple[int, T]]]:
    """Problems (k, which) that go side by side, the largest k first."""
    most = min(MOST_FACTORS, MOST_ENTRIES // n)
    batch: list[tuple[int, T]] = []
    for problem in sorted(problems, key=lambda problem: -problem[0]):
        if batch and sum(k for k, _ in batch) + problem[0] > most:
            yield batch
            batch = []
        batch.append(problem)
    yield batch
