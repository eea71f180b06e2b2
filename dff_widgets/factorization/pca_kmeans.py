"""The baselines of the paper (section 3.2): PCA and k-means, in the form of a factorization."""

from typing import Any

import torch
from torch import Tensor

from .check import check_count, check_tol, to_array
from .eigen import leading_eigenvectors
from .passes import pass_over
from .result import Factorization
from .rows import Rows, as_rows

__all__ = ["kmeans", "pca"]


def pca(A: Any, k: int, *, device: str | torch.device = "auto") -> Factorization:
    """The best approximation of rank k, ``A ≈ A V_k V_kᵀ``: H = A V_k, W = V_kᵀ (eq. 2 of the paper; A is not centred).

    Args:
        A: (rows, channels), any sign; as in :func:`nmf`.
        k: The number of components, 1..min(rows, channels).
        device: As in :func:`nmf`.

    Returns:
        H (rows, k) and W (k, channels) of any sign, strongest component first; the rows of W are orthonormal, each with
        a sum of at least 0.

    Raises:
        ValueError: A is empty, not 2-D or not finite, or k is out of range.
        TypeError: A is no array of real numbers, or k is no integer.
    """
    matrix, k = _prepared(A, k, device)
    _, V = leading_eigenvectors(matrix.gram(), k, steps=24)
    W = (V * torch.where(V.sum(0) < 0, -1.0, 1.0)).mT.contiguous()
    H = torch.cat([W @ X.mT for _, X in matrix.dense()], 1)
    return _result(A, matrix, H, W, 1, True)


def kmeans(
    A: Any,
    k: int,
    *,
    n_init: int = 1,
    max_iter: int = 100,
    tol: float = 1e-4,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> Factorization:
    """k-means as a factorization: row i of H is 1 at row i's cluster and 0 elsewhere, W holds the centroids.

    Lloyd's algorithm (1982) from k-means++ seeds (Arthur & Vassilvitskii 2007). An empty cluster keeps its centroid.

    Args:
        A: (rows, channels), any sign; as in :func:`nmf`.
        k: The number of clusters, 1..min(rows, channels).
        n_init: Starts that run side by side in one batch; the best is returned.
        max_iter: Iterations at most.
        tol: Stop when no start's centroids moved by more than ``tol`` times the norm of all of them.
        seed: Start r draws from its own generator, seeded with ``seed + r``.
        device: As in :func:`nmf`.

    Returns:
        H (rows, k) of zeros and ones, one 1 in each row; W (k, channels).

    Raises:
        ValueError: A is empty, not 2-D or not finite, or an option is out of range.
        TypeError: A is no array of real numbers, or an option has the wrong type.
    """
    matrix, k = _prepared(A, k, device)
    n_init, max_iter = check_count(n_init, "n_init", 1), check_count(max_iter, "max_iter", 1)
    tol, seed = check_tol(tol), check_count(seed, "seed", 0, 2**62)
    # the starts side by side: the centroids of the first, then those of the second, ...
    W = torch.cat([_plus_plus(matrix, k, torch.Generator().manual_seed(seed + r)) for r in range(n_init)])
    H = torch.empty(n_init * k, matrix.shape[0], device=matrix.device)

    def assign(rows: slice, P: Tensor, G: Tensor) -> Tensor:
        distance = (G.diagonal().unsqueeze(-1) - 2 * P).view(n_init, k, -1)  # ‖w‖² - 2⟨a, w⟩
        nearest = torch.zeros_like(distance).scatter_(1, distance.argmin(1, keepdim=True), 1.0)
        H[:, rows] = nearest.view_as(P)
        return H[:, rows]

    converged = False
    for iteration in range(1, max_iter + 1):  # noqa: B007 - its last value is n_iter
        sums, S = pass_over(matrix.blocks(), W, assign)
        count = S.diagonal().unsqueeze(-1)
        previous, W = W, torch.where(count > 0, sums / count, W)
        moved, size = ((M.view(n_init, -1)).norm(dim=1) for M in (W - previous, previous))
        if bool((moved <= tol * size).all()):
            converged = True
            break
    loss = (count.squeeze(-1) * W.square().sum(-1)).view(n_init, k)  # ‖A‖² minus this: centroids are clusters' means
    best = int(loss.sum(1).argmax())
    own = slice(best * k, (best + 1) * k)
    return _result(A, matrix, H[own], W[own], iteration, converged)


def _prepared(A: Any, k: int, device: str | torch.device) -> tuple[Rows, int]:
    matrix = as_rows(A, device, spare=1 / 6)
    n, c = matrix.shape
    return matrix, check_count(k, "k", 1, min(n, c), f" (A is {n} x {c})")


def _result(A: Any, matrix: Rows, H: Tensor, W: Tensor, n_iter: int, converged: bool) -> Factorization:
    total = matrix.squared_norm
    error = (matrix.residual(H, W) / total) ** 0.5 if total else 0.0
    return Factorization(to_array(H.mT.contiguous(), A), to_array(W, A), error, n_iter, converged)


def _plus_plus(A: Rows, k: int, g: torch.Generator) -> Tensor:
    """Rows of A, (k, c): each drawn with probability proportional to its squared distance from those before it."""
    n = A.shape[0]
    centres = A.rows(torch.randint(n, (1,), generator=g))
    distance = torch.full((n,), torch.inf)
    for _ in range(1, k):
        for rows, X in A.dense():
            d = (X - centres[-1]).square().sum(1).cpu()
            distance[rows] = torch.minimum(distance[rows], d)
        total = distance.double().cumsum(0)
        at = torch.searchsorted(total, torch.rand(1, generator=g, dtype=torch.float64) * total[-1])
        centres = torch.cat([centres, A.rows(at.clamp_max(n - 1))])
    return centres
