"""New rows on known factors: non-negative least squares."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from .check import to_array, to_matrix
from .rows import as_rows
from .rules import coordinate_descent

__all__ = ["project"]

ROWS = 8192  # rows whose k x k systems are solved at once
ROUNDS = 100


def project(A: Any, W: Any, *, device: str | torch.device = "auto") -> Any:
    """The H ≥ 0 that minimizes ``‖A - H W‖_F`` while W stands: how strongly known factors are present in new rows.

    Every row is a non-negative least squares problem of its own, and is solved exactly: coordinate descent guesses
    which of its factors are positive, block principal pivoting (Kim & Park 2011) proves or mends the guess. What is
    left is the rounding of ``A Wᵀ`` in float32: 1e-5 of H's largest entry against ``scipy.optimize.nnls`` where the
    rows of W are not nearly dependent. Where they are, many H are optimal, and one is returned.

    Args:
        A: (rows, channels), a NumPy array or torch tensor of finite real numbers, any sign; or a store; as in
            :func:`nmf`.
        W: (k, channels), ``Factorization.W``, any sign.
        device: As in :func:`nmf`.

    Returns:
        H, (rows, k) float32, ≥ 0, the same kind of array as A.

    Raises:
        ValueError: A or W is empty, not 2-D or not finite, or they have different numbers of channels.
        TypeError: A or W is no array of real numbers.
    """
    matrix = as_rows(A, device)
    factors, _ = to_matrix(W, "W")
    if factors.shape[1] != matrix.shape[1]:
        raise ValueError(
            f"W must have as many channels as A, but got W of shape {tuple(factors.shape)} "
            f"and A of shape {matrix.shape}"
        )
    H = torch.empty(matrix.shape[0], len(factors))
    for rows, solved in matrix.each(partial(_solve, W=factors), ROWS):
        H[rows] = solved.to(H)
    return to_array(H, A)


def _solve(X: Tensor, W: Tensor) -> Tensor:
    """H (m, k) of some rows X (m, c)."""
    # the k x k systems are solved in float64, which MPS lacks
    where = torch.device("cpu") if X.device.type == "mps" else X.device
    W = W.to(X.device)
    G = W.to(where).double() @ W.to(where).double().mT
    return _nnls((W @ X.mT).to(where), G).mT


def _nnls(P: Tensor, G: Tensor) -> Tensor:
    """The argmin over x ≥ 0 of ``½ xᵀG x - pᵀx`` for every column p of P (k, m); G (k, k) float64."""
    k = len(G)
    guess = torch.zeros_like(P)
    coordinate_descent(guess, P.clone(), G.to(P), 10)
    P, x = P.double().mT, torch.zeros(P.shape[1], k, dtype=torch.float64, device=P.device)
    passive = guess.mT > 0  # (m, k): the entries that may be positive
    noise = 1e-12 * G.diagonal().max().clamp_min(torch.finfo(torch.float64).tiny)
    eye = torch.eye(k, dtype=torch.float64, device=G.device)
    todo = torch.arange(len(P), device=P.device)
    fewest = torch.full((len(P),), k + 1, device=P.device)
    patience = torch.full((len(P),), 3, device=P.device)
    for _ in range(ROUNDS):
        on = passive[todo]
        both = on[:, :, None] & on[:, None, :]
        systems = torch.where(both, G, 0.0) + torch.where(on[:, :, None], noise, 1.0) * eye
        value = torch.linalg.solve(systems, torch.where(on, P[todo], 0.0)) * on
        slope = value @ G - P[todo]
        slack = 1e-7 * P[todo].abs().amax(1, keepdim=True)
        wrong = torch.where(on, value < 0, slope < -slack)
        x[todo] = value.clamp_min(0)
        count = wrong.sum(1)
        # exchange all wrong entries while their number falls, else only the last: this cannot cycle
        better = count < fewest[todo]
        patience[todo] = torch.where(better, 3, patience[todo] - 1)
        fewest[todo] = torch.minimum(count, fewest[todo])
        last = (wrong * torch.arange(1, k + 1, device=P.device)).argmax(1, keepdim=True)
        single = torch.zeros_like(wrong).scatter_(1, last, True) & wrong
        passive[todo] = on ^ torch.where((patience[todo] >= 0)[:, None], wrong, single)
        todo = todo[count > 0]
        if not len(todo):
            break
    return x.mT
