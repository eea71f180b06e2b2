"""One pass over A, then any k."""

from copy import copy
from typing import Any

import torch
from torch import Tensor

from ..devices import full_precision
from .check import check_count
from .fallback import or_on_cpu
from .rows import Progress, Projection, as_rows

__all__ = ["Sketch"]


class Sketch:
    """A prepared once, so that :func:`nmf` takes any k in milliseconds.

    A is projected on the leading ``rank`` eigenvectors V of AᵀA, ``Y = A V``: in two reads of A, or in three where A is
    wide or sparse and products with some axes cost less than AᵀA. NMF then iterates on Y, at rank/channels
    of the work, and ends with a few iterations on A itself, which give the true error. What is lost: structure outside
    the leading axes does not steer the iterations on Y, so a factor that holds very little of A's energy (a part in a
    handful of rows) can be missed or come out blurred, the more so the closer k comes to the rank; the closing
    iterations sharpen the factors but seldom find another. With rank ≥ 6 k, errors on activations differ from those of
    :func:`nmf` on A by less than two starts do. A must not change while its sketch is in use, which keeps a reference.

    Args:
        A: (rows, channels), as in :func:`nmf`; signed A is for ``solver="semi"``. Or a store of
            :mod:`dff_widgets.scale`, whose Gram matrix is known: it is read once, and its projection stays beside it.
        rank: The number of axes, 1..min(rows, channels); or the share of A's energy ``‖A‖²`` that they shall hold, a
            float in 0..1; or None for six axes per factor of the largest k.
        max_k: The largest k that is going to be asked for, when rank is None.
        device: As in :func:`nmf`.
        clamp: As in :func:`nmf`.
        progress: Called as ``progress(rows done, rows)`` while A is read; what it raises ends the work.

    Attributes:
        shape: Of A.
        rank: Axes kept, the largest k that can be asked for.
        energy: The share of ``‖A‖²`` that they hold, 0..1.
    """

    def __init__(
        self,
        A: Any,
        rank: int | float | None = None,
        *,
        max_k: int = 10,
        device: str | torch.device = "auto",
        clamp: bool = False,
        progress: Progress | None = None,
    ) -> None:
        or_on_cpu(lambda where: self._prepare(A, rank, max_k, where, clamp, progress), device)

    def _prepare(
        self, A: Any, rank: int | float | None, max_k: int, device: Any, clamp: bool, progress: Progress | None
    ) -> None:
        self.matrix = as_rows(A, device, clamp=clamp, spare=1 / 6)
        n, c = self.shape = self.matrix.shape
        share = rank if isinstance(rank, float) else None
        if share is not None and not 0 < share <= 1:
            raise ValueError(f"rank as a share of the energy must be in 0..1, but got {rank}")
        if rank is None:
            count = min(n, c, max(32, 6 * check_count(max_k, "max_k", 1)))
        else:
            count = min(n, c) if share else check_count(rank, "rank", 1, min(n, c), f" (A is {n} x {c})")
        self.like = A if isinstance(A, Tensor) else None  # results go where A lies

        with full_precision():
            values, V, Y = self.matrix.leading(count)
        total = self.matrix.squared_norm
        if share and total:
            held = values.cpu().double().cumsum(0) / total
            count = min(count, int((held < share).sum()) + 1)
            V, Y = V[:, :count].contiguous(), None
        self.rank = count
        self.energy = min(1.0, float(values[:count].sum()) / total) if total else 1.0
        with full_precision():
            self.projection = self.matrix.project(V, progress) if Y is None else Projection(Y, V)
        if Y is not None and progress is not None:
            progress(n, n)

    def moved_to(self, device: Any) -> "Sketch":
        """The same sketch on another device; itself for ``"auto"``, where it is."""
        if device == "auto":
            return self
        there = copy(self)
        there.matrix, there.projection = self.matrix.moved_to(device), self.projection.moved_to(device)
        return there

    def __repr__(self) -> str:
        return f"Sketch({self.shape[0]} x {self.shape[1]}, rank={self.rank}, energy={self.energy:.0%})"
