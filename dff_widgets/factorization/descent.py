"""The iteration: rows of H, then W, with extrapolation; several problems on one A at once: restarts, or every k."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, Protocol

import torch
from torch import Tensor

from .passes import Passes
from .threads import one_thread_for

__all__ = ["SOLVERS", "Callback", "Descent", "Problems", "Solver", "coordinate_descent", "descend"]

WINDOW = 10  # iterations over which the stop rule looks back: one small step is not yet the end
EPSILON = torch.finfo(torch.float32).eps

Callback = Callable[[int, float], object]


@dataclass(frozen=True)
class Problems:
    """Factorizations of one A side by side: which factors, rows of H (f, n) and W (f, c), belong to which of them.

    First come the first factors of all problems, then the second ones of those that have one, and so on. So what a
    coordinate descent updates together, one factor of each problem, is a slice.

    Attributes:
        ks: The number of factors of each problem, never rising.
    """

    ks: tuple[int, ...]

    @cached_property
    def steps(self) -> tuple[slice, ...]:
        """The j-th factors, for each j."""
        counts = [sum(k > j for k in self.ks) for j in range(self.ks[0])]
        return tuple(slice(end - count, end) for count, end in zip(counts, accumulate(counts), strict=True))

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """The problem of each factor."""
        return tuple(p for step in self.steps for p in range(step.stop - step.start))

    def factors(self, problems: Iterable[int]) -> list[int]:
        """The factors of some problems, as they stand."""
        asked = set(problems)
        return [f for f, p in enumerate(self.owners) if p in asked]

    @property
    def order(self) -> list[int]:
        """Where each factor is, if the problems' own factors come one problem after the other."""
        begins = list(accumulate(self.ks, initial=0))
        return [begins[p] + j for j, step in enumerate(self.steps) for p in range(step.stop - step.start)]

    def apart(self, G: Tensor) -> Tensor:
        """G (f, f) with zeros between factors of different problems."""
        if len(self.ks) == 1:
            return G
        owners = torch.tensor(self.owners, device=G.device)
        return G * (owners[:, None] == owners)


def coordinate_descent(X: Tensor, P: Tensor, G: Tensor, sweeps: int, problems: Problems | None = None) -> None:
    """Lower ``½ Σ xᵀG x - pᵀx`` over x ≥ 0, one coordinate after the other, for every column x of X; in place.

    Hierarchical alternating least squares (Cichocki & Phan 2009), repeated ``sweeps`` times while P and G stand
    (Gillis & Glineur 2012). A factor with ``G_jj = 0`` stays as it is: the loss does not see it, and it may come back.

    Args:
        X: (f, m), at least 0.
        P: (f, m); used up as scratch space.
        G: (f, f), symmetric, positive semi-definite; zero between factors of different problems.
        sweeps: Times through the coordinates.
        problems: Whose factors these are; one problem's when left out. Problems do not see each other, so one factor of
            each is updated at once.
    """
    d = G.diagonal()
    # x_j <- max(p_j / g_jj - Σ_{l≠j} (g_jl / g_jj) x_l, 0), with the division done once for all sweeps
    scale = torch.where(d > 0, 1 / d, 0.0).unsqueeze(-1)
    scaled = G * scale
    scaled.diagonal().copy_(torch.where(d > 0, 0.0, -1.0))
    P.mul_(scale)
    steps = [slice(j, j + 1) for j in range(len(X))] if problems is None else problems.steps
    # a matrix-vector product is twice as quick as a matrix of one row
    at = [step.start if step.stop - step.start == 1 else step for step in steps]
    parts = [(P[j], scaled[j], X[j]) for j in at]
    with one_thread_for(X.numel()):
        for _ in range(sweeps):
            for target, weights, x in parts:
                if x.ndim == 1:
                    torch.clamp_min(torch.addmv(target, X.mT, weights, alpha=-1), 0, out=x)
                else:
                    torch.clamp_min(torch.addmm(target, weights, X, alpha=-1), 0, out=x)


def _multiply(X: Tensor, P: Tensor, G: Tensor, sweeps: int, problems: Problems | None = None) -> None:
    """``X ← X ∘ P / (G X)`` (Lee & Seung 2001, as scikit-learn does it: a zero denominator counts as epsilon)."""
    below = G @ X
    X.mul_(P.div_(below.masked_fill_(below == 0, EPSILON)))


def _least_squares(X: Tensor, P: Tensor, G: Tensor, sweeps: int, problems: Problems | None = None) -> None:
    """``X = G⁺ P``: W of semi-NMF (Ding, Li & Jordan 2010, eq. 10), free in sign."""
    wide, problems = G.cpu().double(), problems or Problems((len(X),))
    for p in range(len(problems.ks)):  # each with the smallest eigenvalue that counts as its own
        own = problems.factors([p])
        X[own] = torch.linalg.pinv(wide[own][:, own], hermitian=True).to(P) @ P[own]


class Rule(Protocol):
    """Makes X better, in place, given P and G; see :func:`coordinate_descent`."""

    def __call__(self, X: Tensor, P: Tensor, G: Tensor, sweeps: int, problems: Problems | None = None) -> None: ...


@dataclass(frozen=True)
class Solver:
    """How H and W are updated, each given the other."""

    update_h: Rule
    update_w: Rule
    signed: bool = False  # W may be negative
    extrapolated: bool = True
    penalty: Callable[[Tensor], Tensor] | None = None  # of W (f, c) to (f,), added to ‖A - H W‖²


SOLVERS = {
    "hals": Solver(coordinate_descent, coordinate_descent),
    "mu": Solver(_multiply, _multiply, extrapolated=False),
    "semi": Solver(coordinate_descent, _least_squares, signed=True),
}


@dataclass(frozen=True)
class _Apart:
    """A rule for several problems at once; no closure, because a cluster sends it to its workers."""

    rule: Rule
    problems: Problems

    def __call__(self, X: Tensor, P: Tensor, G: Tensor, sweeps: int) -> None:
        self.rule(X, P, self.problems.apart(G), sweeps, self.problems)


@dataclass
class Descent:
    """How a problem ended: H (k, n) where the passes have it, W (k, c) and its relative error."""

    H: Any
    W: Tensor
    error: float
    n_iter: int
    converged: bool
    cancelled: bool


@dataclass
class _Going:
    """A problem that has not ended."""

    number: int
    step: float = 0.0  # extrapolation of the coming iteration; 0 is a plain, safe step
    beta: float = 0.5
    cap: float = 1.0
    history: list[float] = field(default_factory=list)  # of errors

    def took(self, error: float, solver: Solver) -> bool:
        """Whether the step that led to this error is kept; and how far the next one goes."""
        if not solver.extrapolated or not self.history or error < self.history[-1]:
            self.history.append(error)
            if solver.extrapolated:
                if self.step:
                    self.beta = min(self.cap, 1.05 * self.beta)
                    self.cap = min(1.0, 1.02 * self.cap)
                self.step = self.beta
            return True
        self.history.append(self.history[-1])
        self.cap, self.beta, self.step = self.beta, self.beta / 2, 0.0
        return False

    def settled(self, tol: float) -> bool:
        """The stop rule: relative decrease over the last WINDOW iterations."""
        h = self.history
        return len(h) > WINDOW and h[-1 - WINDOW] - h[-1] < tol * h[0]


class _State:
    """What an iteration carries; problems that have ended leave."""

    def __init__(self, H: Any, W: Tensor, problems: Problems) -> None:
        self.H, self.W, self.problems = H, W, problems
        self.ahead = W  # where the next update of H looks: W, or W extrapolated
        self.going = [_Going(number) for number in range(len(problems.ks))]

    def beyond(self) -> list[float]:
        """Each factor's step."""
        return [self.going[p].step for p in self.problems.owners]

    def keep(self, passes: Passes, problems: list[int]) -> None:
        factors = self.problems.factors(problems)
        self.H, self.W, self.ahead = passes.pick(self.H, factors), self.W[factors], self.ahead[factors]
        self.going = [self.going[p] for p in problems]
        self.problems = Problems(tuple(self.problems.ks[p] for p in problems))


def descend(
    passes: Passes,
    squared_norm: float,
    H: Any,
    W: Tensor,
    solver: Solver,
    problems: Problems,
    *,
    max_iter: int,
    tol: float,
    sweeps: int,
    callback: Callback | None = None,
) -> list[Descent]:
    """Run every problem to its end, each as if it were alone.

    Each iteration reads A once. HALS and semi-NMF extrapolate: H and W go further along their last step by a factor
    that grows while the loss falls; a step after which it did not fall is undone and followed by a plain one (Ang &
    Gillis 2019). So the loss of what is kept never rises. It is the expanded square
    ``‖A‖² - 2⟨HA, W⟩ + ⟨HHᵀ, WWᵀ⟩``: H W is never formed.

    Args:
        passes: Over the blocks of A's rows.
        squared_norm: ``‖A‖²``, positive.
        H: (f, n) as placed by the passes, used up.
        W: (f, c), used up.
        solver: How H and W are updated.
        problems: Whose factors these are.
        max_iter: Iterations at most.
        tol: A problem ends when its error fell by less than ``tol`` times its first error over the last ten iterations.
        sweeps: Inner sweeps of an update.
        callback: Called with the iteration and the least error so far; a true answer cancels.
    """
    state, least = _State(H, W, problems), math.inf
    found: dict[int, Descent] = {}
    for iteration in range(1, max_iter + 1):
        trial, W, errors = _iterate(passes, squared_norm, state, solver, sweeps)
        floor = _accept(passes, state, trial, W, errors, solver)
        least = min(least, *(one.history[-1] for one in state.going))
        cancelled = bool(callback and callback(iteration, least))
        ended = [f or one.settled(tol) for f, one in zip(floor, state.going, strict=True)]
        last = cancelled or iteration == max_iter
        for p, (done, one) in enumerate(zip(ended, state.going, strict=True)):
            if done or last:
                own = state.problems.factors([p])
                found[one.number] = Descent(
                    passes.pick(state.H, own), state.W[own], one.history[-1], iteration, done, cancelled
                )
        if last or all(ended):
            break
        if any(ended):
            state.keep(passes, [p for p, done in enumerate(ended) if not done])
    return [found[number] for number in range(len(problems.ks))]


def _iterate(
    passes: Passes, squared_norm: float, state: _State, solver: Solver, sweeps: int
) -> tuple[Any, Tensor, list[float]]:
    """One step of every problem: a trial H and W, and their relative errors."""
    problems = state.problems
    update_h, update_w = _Apart(solver.update_h, problems), _Apart(solver.update_w, problems)
    trial, Q, S = passes.step(state.H, state.ahead, update_h, sweeps=sweeps, beyond=state.beyond())
    W = state.ahead.clone(memory_format=torch.contiguous_format)
    update_w(W, Q.clone(), S, sweeps)
    # float64 where there is any (MPS has none): the sums run over k x c terms of one sign
    wide = torch.float32 if W.device.type == "mps" else torch.float64
    cross = (Q * W).sum(1, dtype=wide)
    square = problems.apart(S * (W @ W.mT)).sum(1, dtype=wide)
    by_factor = square - 2 * cross
    if solver.penalty is not None:
        by_factor = by_factor + solver.penalty(W)
    losses = [0.0] * len(problems.ks)
    for p, loss in zip(problems.owners, by_factor.tolist(), strict=True):
        losses[p] += loss
    return trial, W, [math.sqrt(max(squared_norm + v, 0.0) / squared_norm) for v in losses]


def _accept(passes: Passes, state: _State, trial: Any, W: Tensor, errors: list[float], solver: Solver) -> list[bool]:
    """Take the trials that lowered the loss; says of each problem whether not even a plain step did."""
    floor, refused, previous = [], [], state.W
    for p, (one, error) in enumerate(zip(state.going, errors, strict=True)):
        plain = one.step == 0
        taken = one.took(error, solver)
        floor.append(plain and not taken)  # rounding is all that is left
        if not taken:
            refused.append(p)
    factors = state.problems.factors(refused)
    W[factors] = state.W[factors]
    state.H, state.W = passes.merge(trial, state.H, factors), W
    beyond = state.beyond()
    if any(beyond):
        step = torch.tensor(beyond, device=W.device).unsqueeze(-1)
        state.ahead = torch.lerp(W, previous, -step)
        if not solver.signed:
            state.ahead.clamp_min_(0)
    else:
        state.ahead = W
    return floor
