"""A pass: one read of A, after which H is new and the sums that W needs are known.

H is row-local: its columns belong to rows of A, and what a block of rows adds to ``Q = H A`` (k, c) and ``S = H Hᵀ``
(k, k) is all that leaves it. So the same step serves memory, disk and a cluster; only where H lies differs.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from ..devices import uploaded

__all__ = ["Block", "Blocks", "Local", "Passes", "Update", "pass_over", "picked"]

Update = Callable[[Tensor, Tensor, Tensor, int], object]  # (X, P, G, sweeps), X in place; see coordinate_descent


class Block(Protocol):
    """Some rows of A, (m, c)."""

    def times_w(self, W: Tensor) -> Tensor:
        """W Aᵀ: (k, c) to (k, m)."""
        ...

    def times_h(self, H: Tensor) -> Tensor:
        """H A: (k, m) to (k, c)."""
        ...


Blocks = Iterator[tuple[slice, Block]]


def pass_over(blocks: Blocks, W: Tensor, update: Callable[[slice, Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """One read of A: every block's columns of H are made by ``update``, and what they add to H A and H Hᵀ is summed.

    Args:
        blocks: Blocks of rows, as from :meth:`Rows.blocks`.
        W: (k, c).
        update: ``(rows, W Aᵀ, W Wᵀ) -> H[:, rows]``, (k, m); it may use the product as scratch space.

    Returns:
        ``Q = H A`` (k, c) and ``S = H Hᵀ`` (k, k).
    """
    G = W @ W.mT
    Q, S = torch.zeros_like(W), torch.zeros_like(G)
    for rows, block in blocks:
        H = update(rows, block.times_w(W), G)
        Q += block.times_h(H)
        S += H @ H.mT
    return Q, S


def picked(X: Tensor, indices: list[int]) -> Tensor:
    """Some of X along its first axis; X itself where that is all of it in order."""
    if indices == list(range(len(X))):
        return X
    return X.index_select(0, uploaded(torch.tensor(indices), X.device))


class Passes(Protocol):
    """Passes over some A, and the H (k, n) that they update, which may lie in parts elsewhere."""

    def place(self, H: Tensor) -> Any:
        """H (k, n) brought to where its rows of A are."""
        ...

    def step(
        self, H: Any, W: Tensor, update: Update, *, sweeps: int, beyond: Tensor | None
    ) -> tuple[Any, Tensor, Tensor]:
        """H after one update for W (k, c), extrapolated by ``beyond`` (1 or k, 1) if at all; with H A and H Hᵀ."""
        ...

    def pick(self, H: Any, factors: list[int]) -> Any:
        """Some of the k factors, in the order asked for."""
        ...

    def merge(self, trial: Any, H: Any, taken: Tensor) -> Any:
        """``trial`` where ``taken`` (1 or k, 1) says so, else H; trial is used up."""
        ...

    def join(self, parts: list[Any]) -> Any:
        """The factors of several H, one after the other."""
        ...

    def collect(self, H: Any) -> Tensor:
        """H (k, n) in this process."""
        ...


class Local:
    """Passes over blocks in this process: H is a tensor.

    Args:
        blocks: Yields the blocks of rows, anew at each call.
    """

    def __init__(self, blocks: Callable[[], Blocks]) -> None:
        self.blocks = blocks

    def place(self, H: Tensor) -> Tensor:
        """H itself."""
        return H

    def step(
        self, H: Tensor, W: Tensor, update: Update, *, sweeps: int, beyond: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As in `Passes`; H is left alone."""
        trial = torch.empty_like(H)

        def update_block(rows: slice, P: Tensor, G: Tensor) -> Tensor:
            old, new = H[:, rows], trial[:, rows]
            new.copy_(old)
            update(new, P, G, sweeps)
            if beyond is not None:
                new.lerp_(old, -beyond).clamp_min_(0)
            return new

        Q, S = pass_over(self.blocks(), W, update_block)
        return trial, Q, S

    def pick(self, H: Tensor, factors: list[int]) -> Tensor:
        """Some of the k factors."""
        return picked(H, factors)

    def merge(self, trial: Tensor, H: Tensor, taken: Tensor) -> Tensor:
        """As in `Passes`."""
        if H.device.type == "cpu" and bool(taken.all()):  # an accelerator is not asked: the host would wait for it
            return trial
        return torch.where(taken, trial, H)

    def join(self, parts: list[Tensor]) -> Tensor:
        """One H of all factors."""
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def collect(self, H: Tensor) -> Tensor:
        """H itself."""
        return H
