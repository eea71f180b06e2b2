"""A as blocks of rows: the one place that knows whether A is dense, sparse, projected, or too large for the device.

Everything here computes with two products only, W Aᵀ and H A, and both are local to a block of rows. H is kept
transposed, (k, n), so that a factor is contiguous.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..devices import memory_budget, pick_device
from .blocks import Dense, Projected, Sparse, pays_sparse
from .check import to_matrix
from .eigen import leading_axes, leading_eigenvectors, range_pays
from .passes import Blocks, Local, Passes

__all__ = [
    "Lazy",
    "Matrix",
    "Progress",
    "Projection",
    "Rows",
    "add_gram",
    "as_rows",
    "mirrored",
]

SPARSE_COST = 5  # of an entry in a sparse product with many columns, beside one in a dense product
CHUNK = 4096  # rows at a time where a whole A would double the memory
PROJECTED_CHUNK = 1 << 18  # rows at a time of a projection; fewer would leave a thread idle


Progress = Callable[[int, int], object]  # rows done, rows in all; may raise, which ends the work


class Projection:
    """``A ≈ Y Vᵀ`` with ``Y = A V``: what a sketch iterates on.

    Args:
        Y: (n, r).
        V: (c, r), orthonormal columns.
    """

    def __init__(self, Y: Tensor, V: Tensor) -> None:
        self.axes: tuple[Tensor, Tensor] | None = (Y, V)

    def blocks(self) -> Blocks:
        """The rows in blocks."""
        assert self.axes is not None
        Y, V = self.axes
        for start in range(0, len(Y), PROJECTED_CHUNK):
            rows = slice(start, min(start + PROJECTED_CHUNK, len(Y)))
            yield rows, Projected(Y[rows].to(V.device), V)  # Y may be a file

    def moved_to(self, device: Any) -> "Projection":
        """The same on another device."""
        return self if self.axes is None else Projection(*(X.to(device) for X in self.axes))

    def passes(self) -> Passes:
        """How to iterate on it."""
        return Local(self.blocks)


class Rows(ABC):
    """What the algorithms need of A, wherever its rows lie.

    Attributes:
        shape: (n, c).
        device: The device that computes.
        nonnegative: Whether A has no negative entry.
        least: A's least entry.
        mean_size: The mean of |A|.
        squared_norm: ``‖A‖²``.
        step: Rows in a block.
        closing: Iterations on A after those on a sketch.
    """

    shape: tuple[int, int]
    device: torch.device
    nonnegative: bool
    squared_norm: float
    step: int
    closing = 3

    @property
    @abstractmethod
    def least(self) -> float:
        """The smallest entry of A."""

    @property
    @abstractmethod
    def mean_size(self) -> float:
        """The mean of the entries' absolute values."""

    @abstractmethod
    def dense(self, step: int = CHUNK) -> Iterator[tuple[slice, Tensor]]:
        """The rows as dense tensors on the device, at most ``step`` at a time; each is good until the next one."""

    @abstractmethod
    def rows(self, index: Tensor) -> Tensor:
        """Some rows by index, (m, c) on the device."""

    @property
    def cheap(self) -> bool:
        """Whether a product with A costs no more than an update of H, so that one update per product is best."""
        return False

    @property
    def work(self) -> int:
        """Entries that a product with A touches."""
        return self.shape[0] * self.shape[1]

    def blocks(self) -> Blocks:
        """The blocks of rows in order, each with the rows it holds."""
        for rows, X in self.dense(self.step):
            yield rows, Dense(X)

    def moved_to(self, device: Any) -> "Rows":
        """The same rows for another device; rows that are read elsewhere stay as they are."""
        return self

    def passes(self) -> Passes:
        """How to iterate on A."""
        return Local(self.blocks)

    def gram(self) -> Tensor:
        """AᵀA (c, c) in float32, one pass.

        Within 2⁻²⁰ of float64, relative to its largest entry: float32 products keep their digits over short blocks,
        whose sums then add up one by one.
        """
        C = torch.zeros(self.shape[1], self.shape[1], device=self.device)
        for _, X in self.dense():
            add_gram(C, X)
        return mirrored(C)

    def leading(self, rank: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """The largest eigenvalues of AᵀA, their vectors V (c, rank), and ``A V`` where that comes along."""
        return *leading_eigenvectors(self.gram(), rank), None

    def project(self, V: Tensor, progress: Progress | None = None) -> Projection:
        """A on the axes V (c, r), one pass; progress is told of the rows done and the rows in all."""
        Y = torch.empty(self.shape[0], V.shape[1], device=self.device)
        for rows, X in self.dense():
            torch.mm(X, V, out=Y[rows])
            if progress is not None:
                progress(rows.stop, len(Y))
        return Projection(Y, V)

    def each(self, function: Callable[[Tensor], Tensor], step: int) -> Iterator[tuple[slice, Tensor]]:
        """A function of the rows, block by block in order: (m, c) on the device to (m, ...)."""
        for rows, X in self.dense(step):
            yield rows, function(X)

    def residual(self, H: Tensor, W: Tensor) -> float:
        """``‖A - H W‖²`` term by term: for errors so small that the expanded square loses them. H (k, n), W (k, c)."""
        total = 0.0
        for rows, X in self.dense():
            total += float(torch.addmm(X, H[:, rows].mT, W, alpha=-1).square().sum(1).cpu().double().sum())
        return total


@runtime_checkable
class Lazy(Protocol):
    """A matrix whose rows are read when they are needed: a store on disk, or one that a cluster reads."""

    shape: tuple[int, int]

    def as_rows(self, device: str | torch.device) -> Rows:
        """Its rows for a device that computes."""
        ...


def as_rows(A: Any, device: str | torch.device, *, clamp: bool = False, spare: float = 0) -> Rows:
    """What a caller hands in, checked; ``spare`` is the share of A's bytes that a sparse copy may take beside it."""
    if isinstance(A, Lazy):
        if clamp:
            raise ValueError("clamp=True would change a store; extract it again with clamp=True")
        return A.as_rows(device)
    X, nonnegative = to_matrix(A, clamp=clamp)
    return Matrix(X, pick_device(device, X, X.numel()), nonnegative=nonnegative, extra=int(X.nbytes * spare))


class Matrix(Rows):
    """A on the device that computes: whole where it fits, block by block where it does not.

    Args:
        A: (n, c) float32, contiguous; checked by :func:`to_matrix`.
        device: The device that computes.
        nonnegative: Whether A has no negative entry.
        extra: Bytes that a sparse copy may take beside A on the CPU.
    """

    def __init__(self, A: Tensor, device: torch.device, *, nonnegative: bool, extra: int) -> None:
        self.shape = (A.shape[0], A.shape[1])
        self.device = device
        self.nonnegative = nonnegative
        # a float32 sum of 10⁷ squares is off by 10⁻⁴; sums of a row are short, and their sum is taken in float64
        self.squared_norm = float(torch.linalg.vector_norm(A, dim=1).cpu().double().square().sum())
        n, c = self.shape
        budget = memory_budget(device)  # asked once: A itself takes from it
        fits = A.device == device or n * c * 4 <= budget
        self.A = A.to(device) if fits else A
        self.step = n if fits else _block_rows(n, c, budget)
        whole = device.type == "cpu" and self.step == n
        self.sparse = Sparse(self.A) if whole and pays_sparse(self.A, extra) else None

    def moved_to(self, device: Any) -> "Matrix":
        """See `Rows`."""
        return Matrix(self.A.to(device), torch.device(device), nonnegative=self.nonnegative, extra=0)

    @property
    def cheap(self) -> bool:
        """Whether A is held sparse."""
        return self.sparse is not None

    @property
    def work(self) -> int:
        """Entries that a pass reads."""
        return len(self.sparse.by_row.values()) if self.sparse else super().work

    def blocks(self) -> Blocks:
        """The blocks of a pass: one, where A is held sparse."""
        if self.sparse is not None:
            yield slice(0, self.shape[0]), self.sparse
        else:
            yield from super().blocks()

    def dense(self, step: int = CHUNK) -> Iterator[tuple[slice, Tensor]]:
        """See `Rows`."""
        for start in range(0, self.shape[0], step):
            rows = slice(start, min(start + step, self.shape[0]))
            yield rows, self.A[rows].to(self.device)

    def leading(self, rank: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """See `Rows`; three reads of an A that is wide or sparse, in place of AᵀA."""
        density = SPARSE_COST * self.sparse.density if self.sparse else 1.0
        if self.A.device.type != "cpu" or self.device.type != "cpu" or not range_pays(self.shape[1], rank, density):
            return super().leading(rank)
        values, Y, V = leading_axes(self.sparse or Dense(self.A), self.shape[1], rank)
        return values, V, Y

    @cached_property
    def least(self) -> float:
        """The smallest entry of A."""
        return float(self.A.min())

    @cached_property
    def mean_size(self) -> float:
        """The mean of the entries' absolute values."""
        return float(self.A.mean() if self.nonnegative else self.A.abs().mean())

    def rows(self, index: Tensor) -> Tensor:
        """See `Rows`."""
        return self.A[index.to(self.A.device)].to(self.device)


def add_gram(C: Tensor, X: Tensor) -> None:
    """``C += XᵀX`` (c, c), its upper half alone; in place."""
    for a, b in pairwise(_edges(len(C))):
        C[a:b, a:].addmm_(X[:, a:b].mT, X[:, a:])


def mirrored(C: Tensor) -> Tensor:
    """C with its lower half made from the upper one, in place."""
    for a, b in pairwise(_edges(len(C))):
        C[b:, a:b] = C[a:b, b:].mT
    return C


def _edges(c: int) -> list[int]:
    parts = 4 if c >= 512 else 1
    return [c * i // parts for i in range(parts + 1)]


def _block_rows(n: int, c: int, budget: float) -> int:
    """Rows in a block: half of the budget, since the next block arrives while this one is still held."""
    return min(n, max(1, int(budget / 2 / (c * 4))))
