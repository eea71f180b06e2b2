"""The iteration: rows of H, then W, with extrapolation; several restarts at once in a leading batch dimension."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .passes import Passes, Update
from .threads import one_thread_for

__all__ = ["SOLVERS", "Callback", "Descent", "Solver", "coordinate_descent", "descend"]

WINDOW = 10  # iterations over which the stop rule looks back: one small step is not yet the end
EPSILON = torch.finfo(torch.float32).eps

Callback = Callable[[int, float], object]


def coordinate_descent(X: Tensor, P: Tensor, G: Tensor, sweeps: int) -> None:
    """Lower ``½ Σ xᵀG x - pᵀx`` over x ≥ 0, one coordinate after the other, for every column x of X; in place.

    Hierarchical alternating least squares (Cichocki & Phan 2009), repeated ``sweeps`` times while P and G stand
    (Gillis & Glineur 2012). A factor with ``G_jj = 0`` stays as it is: the loss does not see it, and it may come back.

    Args:
        X: (r, k, m), at least 0.
        P: (r, k, m); used up as scratch space.
        G: (r, k, k), symmetric, positive semi-definite.
        sweeps: Times through the k coordinates.
    """
    d = G.diagonal(dim1=-2, dim2=-1)
    # x_j <- max(p_j / g_jj - Σ_{l≠j} (g_jl / g_jj) x_l, 0), with the division done once for all sweeps
    scale = torch.where(d > 0, 1 / d, 0.0).unsqueeze(-1)
    scaled = G * scale
    scaled.diagonal(dim1=-2, dim2=-1).copy_(torch.where(d > 0, 0.0, -1.0))
    P.mul_(scale)
    with one_thread_for(X.numel()):
        if len(X) == 1:  # a matrix-vector product is twice as quick as a batch of one
            target, weights, x = P[0].unbind(), scaled[0].unbind(), X[0].unbind()
            for _ in range(sweeps):
                for j in range(len(x)):
                    torch.clamp_min(torch.addmv(target[j], X[0].mT, weights[j], alpha=-1), 0, out=x[j])
        else:
            targets, weights_, xs = (torch.split(M, 1, 1) for M in (P, scaled, X))
            for _ in range(sweeps):
                for j in range(len(xs)):
                    torch.clamp_min(torch.baddbmm(targets[j], weights_[j], X, alpha=-1), 0, out=xs[j])


def _multiply(X: Tensor, P: Tensor, G: Tensor, sweeps: int) -> None:
    """``X ← X ∘ P / (G X)`` (Lee & Seung 2001, as scikit-learn does it: a zero denominator counts as epsilon)."""
    below = G @ X
    X.mul_(P.div_(below.masked_fill_(below == 0, EPSILON)))


def _least_squares(X: Tensor, P: Tensor, G: Tensor, sweeps: int) -> None:
    """``X = G⁺ P``: W of semi-NMF (Ding, Li & Jordan 2010, eq. 10), free in sign."""
    X.copy_(torch.linalg.pinv(G.cpu().double(), hermitian=True).to(P) @ P)


@dataclass(frozen=True)
class Solver:
    """How H and W are updated, each given the other: ``update(X, P, G, sweeps)``, in place."""

    update_h: Update
    update_w: Update
    signed: bool = False  # W may be negative
    extrapolated: bool = True
    penalty: Callable[[Tensor], Tensor] | None = None  # of W (r, k, c) to (r,), added to ‖A - H W‖²


SOLVERS = {
    "hals": Solver(coordinate_descent, coordinate_descent),
    "mu": Solver(_multiply, _multiply, extrapolated=False),
    "semi": Solver(coordinate_descent, _least_squares, signed=True),
}


@dataclass
class Descent:
    """The best restart: H (1, k, n) where the passes have it, W (k, c), its relative error, and how it ended."""

    H: Any
    W: Tensor
    error: float
    n_iter: int
    converged: bool
    cancelled: bool


class _State:
    """What an iteration carries for each restart; restarts that have ended leave."""

    def __init__(self, H: Any, W: Tensor) -> None:
        self.H, self.W = H, W
        self.ahead = W  # where the next update of H looks: W, or W extrapolated
        self.number = list(range(len(W)))
        self.step = [0.0] * len(W)  # extrapolation of the coming iteration; 0 is a plain, safe step
        self.beta = [0.5] * len(W)
        self.cap = [1.0] * len(W)
        self.history: list[list[float]] = [[] for _ in range(len(W))]

    def keep(self, passes: Passes, going: list[int]) -> None:
        index = torch.tensor(going, device=self.W.device)
        self.H, self.W, self.ahead = passes.pick(self.H, going), self.W[index], self.ahead[index]
        for name in ("number", "step", "beta", "cap", "history"):
            setattr(self, name, [getattr(self, name)[b] for b in going])


def descend(
    passes: Passes,
    squared_norm: float,
    H: Any,
    W: Tensor,
    solver: Solver,
    *,
    max_iter: int,
    tol: float,
    sweeps: int,
    callback: Callback | None = None,
    first_iter: int = 0,
) -> Descent:
    """Run every restart to its end and return the best.

    Each iteration reads A once. HALS and semi-NMF extrapolate: H and W go further along their last step by a factor
    that grows while the loss falls; a step after which it did not fall is undone and followed by a plain one (Ang &
    Gillis 2019). So the loss of what is kept never rises. It is the expanded square
    ``‖A‖² - 2⟨HA, W⟩ + ⟨HHᵀ, WWᵀ⟩``: H W is never formed.

    Args:
        passes: Over the blocks of A's rows.
        squared_norm: ``‖A‖²``, positive.
        H: (r, k, n) as placed by the passes, used up.
        W: (r, k, c), used up.
        solver: How H and W are updated.
        max_iter: Iterations at most.
        tol: A restart ends when its error fell by less than ``tol`` times its first error over the last ten iterations.
        sweeps: Inner sweeps of an update.
        callback: Called with the iteration and the least error so far; a true answer cancels.
        first_iter: Iterations that the callback has seen already.
    """
    state, best = _State(H, W), Descent(passes.pick(H, [0]), W[0], math.inf, 0, False, False)
    least = math.inf
    for iteration in range(1, max_iter + 1):
        trial, W, errors = _iterate(passes, squared_norm, state, solver, sweeps)
        floor = _accept(passes, state, trial, W, errors, solver)
        least = min(least, *(h[-1] for h in state.history))
        cancelled = bool(callback and callback(first_iter + iteration, least))
        ended = [f or _settled(h, tol) for f, h in zip(floor, state.history, strict=True)]
        for b, done in enumerate(ended):
            error = state.history[b][-1]
            if (done or cancelled or iteration == max_iter) and error < best.error:
                best = Descent(passes.pick(state.H, [b]), state.W[b], error, iteration, done, cancelled)
        if cancelled or all(ended):
            break
        if any(ended):
            state.keep(passes, [b for b, done in enumerate(ended) if not done])
    return best


def _iterate(
    passes: Passes, squared_norm: float, state: _State, solver: Solver, sweeps: int
) -> tuple[Any, Tensor, list[float]]:
    """One step of every restart: a trial H and W, and their relative errors."""
    trial, Q, S = passes.step(state.H, state.ahead, solver.update_h, sweeps=sweeps, beyond=state.step)
    W = state.ahead.clone(memory_format=torch.contiguous_format)
    solver.update_w(W, Q.clone(), S, sweeps)
    # float64 where there is any (MPS has none): the sums run over k x c terms of one sign
    wide = torch.float32 if W.device.type == "mps" else torch.float64
    cross = (Q * W).sum((1, 2), dtype=wide)
    square = (S * (W @ W.mT)).sum((1, 2), dtype=wide)
    loss = square - 2 * cross
    if solver.penalty is not None:
        loss = loss + solver.penalty(W)
    return trial, W, [math.sqrt(max(squared_norm + v, 0.0) / squared_norm) for v in loss.tolist()]


def _accept(passes: Passes, state: _State, trial: Any, W: Tensor, errors: list[float], solver: Solver) -> list[bool]:
    """Take the trials that lowered the loss; says of each restart whether not even a plain step did."""
    floor, previous = [False] * len(errors), state.W
    refused = []
    for b, (error, history) in enumerate(zip(errors, state.history, strict=True)):
        if not solver.extrapolated or not history or error < history[-1]:
            history.append(error)
            if solver.extrapolated:
                if state.step[b]:
                    state.beta[b] = min(state.cap[b], 1.05 * state.beta[b])
                    state.cap[b] = min(1.0, 1.02 * state.cap[b])
                state.step[b] = state.beta[b]
            continue
        refused.append(b)
        history.append(history[-1])
        floor[b] = state.step[b] == 0  # rounding is all that is left
        state.cap[b], state.beta[b], state.step[b] = state.beta[b], state.beta[b] / 2, 0.0
    W[refused] = state.W[refused]
    state.H, state.W = passes.merge(trial, state.H, refused), W
    if any(state.step):
        step = torch.tensor(state.step, device=W.device).view(-1, 1, 1)
        state.ahead = torch.lerp(W, previous, -step)
        if not solver.signed:
            state.ahead.clamp_min_(0)
    else:
        state.ahead = W
    return floor


def _settled(history: list[float], tol: float) -> bool:
    """The stop rule: relative decrease over the last WINDOW iterations."""
    return len(history) > WINDOW and history[-1 - WINDOW] - history[-1] < tol * history[0]
