"""The iteration: rows of H, then W, with extrapolation; several problems on one A at once: restarts, or every k.

Every decision is made by tensors where A is: on an accelerator the host only queues work, and asks once in ten
iterations how far the problems are. One that has ended meanwhile stands still, so the result is the same.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .passes import Passes, picked
from .problems import Problems
from .rules import Rule, Solver

__all__ = ["Callback", "Descent", "descend"]

WINDOW = 10  # iterations over which the stop rule looks back: one small step is not yet the end
UNASKED = 10  # iterations between two questions to an accelerator; to ask a CPU costs nothing

Callback = Callable[[int, float], object]


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


class _Course:
    """Of each problem: its errors, how far its next step goes, and whether it goes on; all (p,), on the device."""

    def __init__(self, count: int, device: torch.device) -> None:
        wide = torch.float32 if device.type == "mps" else torch.float64  # MPS has no other
        self.step = torch.zeros(count, dtype=wide, device=device)  # of the coming extrapolation; 0 is a plain, safe one
        self.beta, self.cap = torch.full_like(self.step, 0.5), torch.ones_like(self.step)
        self.first = torch.full_like(self.step, math.inf)
        self.errors: deque[Tensor] = deque(maxlen=WINDOW + 1)
        self.going = torch.ones(count, dtype=torch.bool, device=device)
        self.n_iter = torch.zeros_like(self.step)

    def take(self, error: Tensor, tol: float, extrapolated: bool) -> Tensor:
        """Which trials are kept, given their errors; how far the next ones go, and which problems have ended."""
        if not self.errors:
            self.first, better = error, torch.ones_like(self.going)
        elif extrapolated:
            better = error < self.errors[-1]
        else:
            better = torch.ones_like(self.going)
        taken = better & self.going
        self.errors.append(torch.where(taken, error, self.errors[-1] if self.errors else error))
        self.n_iter += self.going
        floor = ~better & (self.step == 0)  # not even a plain step: rounding is all that is left
        if extrapolated:
            self._steer(taken, self.going & ~better)
        self.going = self.going & ~floor
        if len(self.errors) > WINDOW:  # the stop rule: relative decrease over the last iterations
            self.going = self.going & ~(self.errors[0] - self.errors[-1] < tol * self.first)
        return taken

    def _steer(self, taken: Tensor, refused: Tensor) -> None:
        """Longer steps while the loss falls; after a refusal a plain one, and shorter ones from there."""
        longer, beta, cap = taken & (self.step > 0), self.beta, self.cap
        self.beta = torch.where(longer, torch.minimum(cap, 1.05 * beta), torch.where(refused, beta / 2, beta))
        self.cap = torch.where(longer, (1.02 * cap).clamp_max(1), torch.where(refused, beta, cap))
        self.step = torch.where(taken, self.beta, 0.0)

    def told(self, iterations: int) -> tuple[list[list[float]], list[bool], list[int]]:
        """The errors of the last iterations, which problems go on, and their iterations: the one question."""
        asked = [*list(self.errors)[-iterations:], self.going.to(self.step), self.n_iter]
        *errors, going, n_iter = torch.stack(asked).tolist()
        return errors, [bool(g) for g in going], [int(n) for n in n_iter]

    def keep(self, problems: list[int]) -> None:
        """Only some problems from here on."""
        self.errors = deque((picked(error, problems) for error in self.errors), WINDOW + 1)
        self.step, self.beta, self.cap = (picked(x, problems) for x in (self.step, self.beta, self.cap))
        self.first, self.going, self.n_iter = (picked(x, problems) for x in (self.first, self.going, self.n_iter))


class _State:
    """What an iteration carries; problems that have ended leave."""

    def __init__(self, H: Any, W: Tensor, problems: Problems, solver: Solver) -> None:
        self.H, self.W, self.solver = H, W, solver
        self.ahead = W  # where the next update of H looks: W, or W extrapolated
        self.course = _Course(len(problems.ks), W.device)
        self.numbers = list(range(len(problems.ks)))
        self._arrange(problems)

    def _arrange(self, problems: Problems) -> None:
        self.problems = problems
        self.update_h, self.update_w = _Apart(self.solver.update_h, problems), _Apart(self.solver.update_w, problems)

    def beyond(self) -> Tensor | None:
        """Each factor's step, (f, 1); None for a solver that takes none."""
        return self.problems.by_factor(self.course.step).to(self.W) if self.solver.extrapolated else None

    def keep(self, passes: Passes, problems: list[int]) -> None:
        """Only some problems from here on."""
        factors = self.problems.factors(problems)
        self.H, self.W, self.ahead = passes.pick(self.H, factors), picked(self.W, factors), picked(self.ahead, factors)
        self.course.keep(problems)
        self.numbers = [self.numbers[p] for p in problems]
        self._arrange(Problems(tuple(self.problems.ks[p] for p in problems)))


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
        callback: Called with the iteration and the least error so far; a true answer cancels. On an accelerator it is
            called for ten iterations at a time, after the last of them.
    """
    state, least, iteration, cancelled = _State(H, W, problems, solver), math.inf, 0, False
    found: dict[int, Descent] = {}
    unasked = 1 if W.device.type == "cpu" else UNASKED
    while len(found) < len(problems.ks):
        count = min(unasked, max_iter - iteration)
        for _ in range(count):
            _iterate(passes, squared_norm, state, tol, sweeps)
        errors, going, n_iter = state.course.told(count)
        for error in errors:
            iteration, least = iteration + 1, min(least, *error)
            cancelled = cancelled or bool(callback and callback(iteration, least))
        last = cancelled or iteration == max_iter
        for p, number in enumerate(state.numbers):
            if last or not going[p]:
                own = state.problems.factors([p])
                H, W = passes.pick(state.H, own), picked(state.W, own)
                found[number] = Descent(H, W, errors[-1][p], n_iter[p], not going[p], cancelled)
        if 0 < len(problems.ks) - len(found) < len(state.numbers):
            state.keep(passes, [p for p, goes_on in enumerate(going) if goes_on])
    return [found[number] for number in range(len(problems.ks))]


def _iterate(passes: Passes, squared_norm: float, state: _State, tol: float, sweeps: int) -> None:
    """One step of every problem: a trial, taken where it lowered the loss."""
    solver, problems, course = state.solver, state.problems, state.course
    trial, Q, S = passes.step(state.H, state.ahead, state.update_h, sweeps=sweeps, beyond=state.beyond())
    W = state.ahead.clone(memory_format=torch.contiguous_format)
    state.update_w(W, Q.clone(), S, sweeps)
    # float64 where there is any: the sums run over k x c terms of one sign
    cross = (Q * W).sum(1, dtype=course.step.dtype)
    loss = problems.apart(S * (W @ W.mT)).sum(1, dtype=course.step.dtype) - 2 * cross
    if solver.penalty is not None:
        loss = loss + solver.penalty(W)
    error = ((problems.totals(loss) + squared_norm).clamp_min(0) / squared_norm).sqrt()
    taken = problems.by_factor(course.take(error, tol, solver.extrapolated))
    previous, state.W = state.W, torch.where(taken, W, state.W)
    state.H, state.ahead = passes.merge(trial, state.H, taken), state.W
    beyond = state.beyond()
    if beyond is not None:
        state.ahead = torch.lerp(state.W, previous, -beyond)
        if not solver.signed:
            state.ahead.clamp_min_(0)
