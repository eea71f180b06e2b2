"""Non-negative matrix factorization of activations, by three solvers, on a matrix or on a sketch of it."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .check import check_count, check_one_of, check_tol, to_array
from .descent import SOLVERS, Descent, Solver, descend
from .result import Factorization
from .rows import Lazy, Rows, as_rows
from .sketch import Sketch
from .start import start
from .threads import one_thread_for

__all__ = ["nmf", "run"]

SMALL_ERROR = 1e-2  # below it, float32 loses the expanded square's digits and the residual is summed term by term


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
    callback: Callable[[int, float], object] | None = None,
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
        device: ``"auto"`` (A's own accelerator, else CUDA, MPS, the CPU in this order) or a torch device. An A that a
            GPU's memory does not hold goes through it in blocks of rows. A sketch has its own device.
        clamp: Replace negative entries of A by 0 (in a copy), for plain NMF of a layer that has them.
        callback: Called after every iteration as ``callback(iteration, error)``, with the least relative error so far;
            a true return value stops and returns what has been reached. On a sketch, the error is an estimate.

    Returns:
        The factors, neither normalized nor sorted, and their error on A.

    Raises:
        ValueError: A is empty, not 2-D, not finite, or has negative entries with a solver that cannot take them; or an
            option is out of range.
        TypeError: A is no array of real numbers, or an option has the wrong type.
    """
    method = SOLVERS[check_one_of(solver, "solver", tuple(SOLVERS))]
    if isinstance(A, Sketch) and (clamp or device != "auto"):
        raise ValueError("clamp and device belong to the sketch: Sketch(A, device=..., clamp=...)")
    matrix = A.matrix if isinstance(A, Sketch) else as_rows(A, device, clamp=clamp, spare=1 / 6)
    if not matrix.nonnegative and not method.signed:
        raise ValueError(
            f"A must not be negative for solver={solver!r}, but its least entry is {matrix.least:.4g}; "
            'use solver="semi", or clamp=True to replace negative entries by 0'
        )
    n, c = matrix.shape
    if isinstance(A, Lazy):
        A = Sketch(A, max_k=check_count(k, "k", 1, min(n, c), f" (A is {n} x {c})"), device=device)
    sketch = A if isinstance(A, Sketch) else None
    most, why = (min(n, c), f" (A is {n} x {c})") if sketch is None else (sketch.rank, "")
    k = check_count(k, "k", 1, most, why or f", the rank of the sketch (A is {n} x {c})")
    n_init, max_iter = check_count(n_init, "n_init", 1), check_count(max_iter, "max_iter", 1)
    tol, seed = check_tol(tol), check_count(seed, "seed", 0, 2**62)

    axes = sketch.projection.axes if sketch else None
    H, W = start(matrix, k, init, signed=method.signed, n_init=n_init, seed=seed, axes=axes)
    done = run(A, matrix, H, W, method, max_iter=max_iter, tol=tol, callback=callback)
    error = done.error
    if not math.isfinite(error):
        raise ValueError(
            f"A must not exceed float32's range in products, but its entries are {matrix.mean_size:.3g} in size"
        )
    H = matrix.passes().collect(done.H)
    if error < SMALL_ERROR:
        error = (matrix.residual(H, done.W) / max(matrix.squared_norm, torch.finfo(torch.float64).tiny)) ** 0.5
    like = sketch.like if sketch else A
    return Factorization(to_array(H.mT.contiguous(), like), to_array(done.W, like), error, done.n_iter, done.converged)


def run(
    A: Any,
    matrix: Rows,
    H: Tensor,
    W: Tensor,
    method: Solver,
    *,
    max_iter: int,
    tol: float,
    callback: Callable[[int, float], object] | None = None,
) -> Descent:
    """Iterate from H (r, k, n) and W (r, k, c), which are used up: on A, or on a sketch of it and then on A.

    Args:
        A: The sketch, or what ``matrix`` was made of.
        matrix: The rows of A.
        H: (r, k, n).
        W: (r, k, c).
        method: How they are updated.
        max_iter: As in :func:`nmf`.
        tol: As in :func:`nmf`.
        callback: As in :func:`nmf`.
    """
    passes = matrix.passes()
    if matrix.squared_norm == 0:
        return Descent(passes.place(torch.zeros_like(H[:1])), torch.zeros_like(W[0]), 0.0, 0, True, False)
    if isinstance(A, Sketch):
        return _on_sketch(A, H, W, method, max_iter, tol, callback)
    sweeps = 1 if matrix.cheap else 3
    with one_thread_for(matrix.work):
        return descend(
            passes,
            matrix.squared_norm,
            passes.place(H),
            W,
            method,
            max_iter=max_iter,
            tol=tol,
            sweeps=sweeps,
            callback=callback,
        )


def _on_sketch(
    sketch: Sketch,
    H: Tensor,
    W: Tensor,
    method: Solver,
    max_iter: int,
    tol: float,
    callback: Callable[[int, float], object] | None,
) -> Descent:
    """Iterate on the projected rows, then let the best restart close on A."""
    matrix = sketch.matrix
    projected = sketch.projection.passes()
    with one_thread_for(sketch.shape[0] * sketch.rank * len(H)):
        rough = descend(
            projected,
            matrix.squared_norm,
            projected.place(H),
            W,
            method,
            max_iter=max(1, max_iter - matrix.closing),
            tol=tol,
            sweeps=1,
            callback=callback,
        )
    with one_thread_for(matrix.work):
        run = descend(
            matrix.passes(),
            matrix.squared_norm,
            rough.H,
            rough.W[None],
            method,
            max_iter=1 if rough.cancelled else min(matrix.closing, max_iter),
            tol=0.0,
            sweeps=3,
            callback=None if rough.cancelled else callback,
            first_iter=rough.n_iter,
        )
    return replace(run, n_iter=rough.n_iter + run.n_iter, converged=rough.converged and not run.cancelled)
