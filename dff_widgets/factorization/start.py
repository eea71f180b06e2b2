"""Where the iterations start: random, NNDSVDa, the caller's factors, or a smaller factorization with factors added."""

from typing import Any

import torch
from torch import Tensor

from ..devices import uploaded
from .check import check_one_of, to_matrix
from .eigen import leading_eigenvectors
from .result import Factorization
from .rows import Rows

__all__ = ["extended", "start"]


def start(
    A: Rows, k: int, init: Any, *, signed: bool, seed: int, axes: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """H (k, n) and W (k, c) on A's device; never the caller's memory.

    Args:
        A: The matrix to factorize.
        k: The number of factors.
        init: As in :func:`nmf`.
        signed: Whether W may be negative.
        seed: Of what is drawn.
        axes: ``(A V, V)`` of a sketch, which spare "nndsvda" its eigenvectors.
    """
    n, c = A.shape
    if isinstance(init, str):
        if check_one_of(init, "init", ("random", "nndsvda")) == "random":
            H, W = _random(A, k, signed, seed)
            return uploaded(H, A.device), uploaded(W, A.device)
        if signed or not A.nonnegative:
            raise ValueError('init="nndsvda" needs a non-negative A and W; use init="random" with solver="semi"')
        return _nndsvda(A, k, axes)
    if isinstance(init, Factorization):
        H, W = _given(init.H, init.W, n, init.k, c, signed)
        if init.k > k:
            raise ValueError(f"init has {init.k} factors, but k={k}; a warm start goes from fewer factors to more")
        return extended(A, H.to(A.device), W.to(A.device), k - init.k, signed, seed)
    if isinstance(init, tuple) and len(init) == 2:
        H, W = _given(*init, n, k, c, signed)
        return H.to(A.device), W.to(A.device)
    raise TypeError(
        f'init must be "random", "nndsvda", a pair (H0, W0) or a Factorization, but got {type(init).__name__}'
    )


def _random(A: Rows, k: int, signed: bool, seed: int) -> tuple[Tensor, Tensor]:
    """Uniform entries whose product has A's mean; drawn on the CPU, so that every device starts at the same point."""
    g = torch.Generator().manual_seed(seed)
    size = (A.mean_size / k) ** 0.5
    H = torch.rand(k, A.shape[0], generator=g) * (2 * size)
    if signed:  # rows of A have the signs that a random W would have to find
        return H, A.rows(torch.randperm(A.shape[0], generator=g)[:k]).cpu()
    return H, torch.rand(k, A.shape[1], generator=g) * (2 * size)


def _nndsvda(A: Rows, k: int, axes: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    """The larger of the positive and negative parts of each singular pair, zeros filled with A's mean.

    Boutsidis & Gallopoulos, SVD based initialization (2008).
    """
    if axes is None:
        V = leading_eigenvectors(A.gram(), k)[1].mT
        left = torch.cat([block.times_w(V) for _, block in A.blocks()], 1)
    else:
        V, left = axes[1][:, :k].mT, axes[0][:, :k].mT.to(A.device)
    H, W = torch.empty_like(left), torch.empty_like(V)
    for j in range(k):
        u, v = left[j], V[j]
        size = u.norm()
        u = u / size.clamp_min(torch.finfo(u.dtype).tiny)
        parts = [(u.clamp(min=0), v.clamp(min=0)), ((-u).clamp(min=0), (-v).clamp(min=0))]
        weights = [p.norm() * q.norm() for p, q in parts]
        best = int(weights[1] > weights[0])
        (p, q), weight = parts[best], (size * weights[best]).sqrt()
        tiny = torch.finfo(u.dtype).tiny
        H[j], W[j] = weight * p / p.norm().clamp_min(tiny), weight * q / q.norm().clamp_min(tiny)
    mean = A.mean_size
    return torch.where(H == 0, mean, H), torch.where(W == 0, mean, W)


def _given(H0: Any, W0: Any, n: int, k: int, c: int, signed: bool) -> tuple[Tensor, Tensor]:
    """The caller's H0 (n, k) and W0 (k, c), checked and copied."""
    (H, h_ok), (W, w_ok) = to_matrix(H0, "init's H0"), to_matrix(W0, "init's W0")
    if H.shape != (n, k) or W.shape != (k, c):
        raise ValueError(
            f"init must hold H0 of shape {(n, k)} and W0 of shape {(k, c)}, "
            f"but got {tuple(H.shape)} and {tuple(W.shape)}"
        )
    if not h_ok or not (w_ok or signed):
        raise ValueError(f"init must be non-negative, but {'W0' if h_ok else 'H0'} has negative entries")
    return H.mT.clone(memory_format=torch.contiguous_format), W.clone()


def extended(A: Rows, H: Tensor, W: Tensor, more: int, signed: bool, seed: int) -> tuple[Tensor, Tensor]:
    """``more`` factors added to H (k, n), W (k, c), each what is left of a row that they explain badly.

    A row is drawn by its squared residual (as k-means++ draws centres), and the new column of H is the one that lowers
    the loss most: the start is never worse than the smaller factorization.
    """
    g = torch.Generator().manual_seed(seed)
    for _ in range(more):
        loss = torch.cat([torch.addmm(X, H[:, r].mT, W, alpha=-1).square().sum(1).cpu() for r, X in A.dense()])
        at = _draw(loss, g).to(A.device)
        w = A.rows(at) - H[:, at].mT @ W
        if not signed:
            w = w.clamp_min(0)
        h = torch.cat([w @ torch.addmm(X, H[:, r].mT, W, alpha=-1).mT for r, X in A.dense()], 1)
        h = (h / w.square().sum().clamp_min(torch.finfo(w.dtype).tiny)).clamp_min(0)
        H, W = torch.cat([H, h]), torch.cat([W, w])
    return H, W


def _draw(weights: Tensor, g: torch.Generator) -> Tensor:
    """One index, (1,), with probability proportional to its weight; any length, unlike torch.multinomial."""
    total = weights.double().cumsum(0)
    at = torch.searchsorted(total, torch.rand(1, generator=g, dtype=torch.float64) * total[-1])
    return at.clamp_max(len(weights) - 1)
