"""Several factorizations of one A side by side, restarts or every k: which factors belong to which of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

from ..devices import uploaded

__all__ = ["Problems"]


@dataclass(frozen=True)
class Problems:
    """Factorizations of one A side by side: which factors, rows of H (f, n) and W (f, c), belong to which of them.

    First come the first factors of all problems, then the second ones of those that have one, and so on. So what a
    coordinate descent updates together, one factor of each problem, is a slice.

    Attributes:
        ks: The number of factors of each problem, never rising.
    """

    ks: tuple[int, ...]
    _owner: dict[torch.device, Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[type["Problems"], tuple[tuple[int, ...]]]:
        return Problems, (self.ks,)  # a cluster sends them to its workers; tensors of devices stay here

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

    def owner(self, device: torch.device) -> Tensor:
        """The problem of each factor, (f,); made once for each device."""
        if device not in self._owner:
            self._owner[device] = uploaded(torch.tensor(self.owners), device)
        return self._owner[device]

    def apart(self, G: Tensor) -> Tensor:
        """G (f, f) with zeros between factors of different problems."""
        if len(self.ks) == 1:
            return G
        owner = self.owner(G.device)
        return G * (owner[:, None] == owner)

    def totals(self, X: Tensor) -> Tensor:
        """The sum over each problem's factors: (f,) to (problems,)."""
        if len(self.ks) == 1:
            return X.sum(0, keepdim=True)
        numbers = torch.arange(len(self.ks), device=X.device)
        return torch.where(self.owner(X.device) == numbers[:, None], X, 0.0).sum(1)

    def by_factor(self, X: Tensor) -> Tensor:
        """Each problem's entry for each of its factors: (problems,) to (f, 1)."""
        return X[:, None] if len(self.ks) == 1 else X[self.owner(X.device)][:, None]
