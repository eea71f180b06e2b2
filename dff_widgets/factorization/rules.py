"""How H or W is updated while the other stands: three rules, and the solvers made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..devices import uploaded
from .problems import Problems
from .threads import one_thread_for

__all__ = ["SOLVERS", "Rule", "Solver", "coordinate_descent"]

EPSILON = torch.finfo(torch.float32).eps


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
    inverse = torch.zeros_like(wide)
    for p in range(len(problems.ks)):  # each with the smallest eigenvalue that counts as its own
        own = torch.tensor(problems.factors([p]))
        inverse[own[:, None], own] = torch.linalg.pinv(wide[own[:, None], own], hermitian=True)
    torch.mm(uploaded(inverse.to(P.dtype), P.device), P, out=X)


class Rule(Protocol):
    """Makes X better, in place, given P and G; see :func:`coordinate_descent`."""

    def __call__(self, X: Tensor, P: Tensor, G: Tensor, sweeps: int, problems: Problems | None = None) -> None:
        """X better."""
        ...


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
