"""The leading axes of A, eigenvectors of AᵀA of the largest eigenvalues: from AᵀA, or from products with A alone."""

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Products", "leading_axes", "leading_eigenvectors", "range_pays"]

BESIDE = 16  # axes that a subspace holds beside those asked for, so that the last of these are good too
READS = 3  # of A by `leading_axes`


class Products(Protocol):
    """A (n, c), as far as its leading axes need it."""

    def times(self, V: Tensor) -> Tensor:
        """A V: (c, r) to (n, r)."""
        ...

    def back(self, B: Tensor) -> Tensor:
        """Aᵀ B: (n, r) to (c, r)."""
        ...


def range_pays(c: int, rank: int, density: float) -> bool:
    """Whether, on a CPU, `leading_axes` is quicker than AᵀA, its eigenvectors, and A on them; counted in operations.

    Args:
        c: Channels.
        rank: Axes asked for.
        density: The share of A's entries that a product touches, times what one costs beside one of a dense product.
    """
    width = rank + BESIDE
    products = 2 * (2 * READS - 1) * width * density
    return c > 4 * width and products < 1.25 * c + 2 * rank


def leading_axes(A: Products, c: int, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """The ``rank`` largest eigenvalues of AᵀA, falling; ``Y = A V``; and V (c, rank), their vectors.

    The randomized range finder with power iterations (Halko, Martinsson & Tropp 2011, algorithm 4.4): what random axes
    become under ``(AᵀA)²`` spans the leading ones up to what hardly differs from the next ones. Three reads of A.

    Args:
        A: Its products; on the CPU.
        c: Channels.
        rank: Axes asked for, at most min(n, c).
    """
    V = torch.randn(c, min(rank + BESIDE, c), generator=torch.Generator().manual_seed(0))
    for _ in range(READS - 1):
        V = torch.linalg.qr(A.back(A.times(V))).Q
    Y = A.times(V)
    values, U = torch.linalg.eigh(Y.mT @ Y)
    U = U[:, -rank:].flip(1)
    return values[-rank:].flip(0).clamp_min(0), Y @ U, V @ U


def leading_eigenvectors(C: Tensor, rank: int, *, steps: int = 8) -> tuple[Tensor, Tensor]:
    """The ``rank`` largest eigenvalues of a symmetric C, falling, and their vectors as columns (c, rank).

    Subspace iteration with a Rayleigh-Ritz end (Halko, Martinsson & Tropp 2011) where rank is small beside c: the exact
    decomposition costs several times as much as everything else a sketch needs.
    """
    device, c, width = C.device, len(C), rank + BESIDE
    if device.type == "mps":  # it has neither decomposition
        C = C.cpu()
    if c <= 4 * width:
        values, V = torch.linalg.eigh(C)
    else:
        start = torch.randn(c, width, generator=torch.Generator().manual_seed(0)).to(C.device)
        U = torch.linalg.qr(C @ start).Q
        for _ in range(steps):
            U = torch.linalg.qr(C @ U).Q
        values, V = torch.linalg.eigh(U.mT @ (C @ U))
        V = U @ V
    return values[-rank:].flip(0).clamp_min(0).to(device), V[:, -rank:].flip(1).contiguous().to(device)
