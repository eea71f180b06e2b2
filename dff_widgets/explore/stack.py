"""All k of a place: the results, tied by the tree, and what is drawn of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..heat.colors import palette
from ..heat.tiles import contrast
from ..hierarchy import FactorTree
from ..result import DFFResult
from .state import Place

Array = npt.NDArray[Any]

KS = tuple(range(1, 11))  # what a person can choose in the browser; more can be asked from Python


@dataclass(frozen=True, eq=False)
class Stack:
    """The results of every k of a place, in the order of the tree.

    Within a level the children of one parent stand together, in the order of their parents, the heir first; see
    `FactorTree`. A level depends on those before it alone, so that a stack can be made longer and nothing moves.

    Attributes:
        place: whose; its layer is named.
        tree: the results, by k.
        total: how many images the place has.
        whole: whether it is of all of them that can be read; else of the first ones, while the others are on their way.
    """

    place: Place
    tree: FactorTree
    total: int
    whole: bool = True

    @staticmethod
    def of(place: Place, results: Iterable[DFFResult]) -> Stack:
        """The stack of results of one place, each of another k, with their factors in any order.

        Raises:
            ValueError: there are none, two have the same k, or their positions are not the same.
        """
        tree = FactorTree.of(results)
        return Stack(place, tree, len(place.shown) or len(place.images))

    @staticmethod
    def as_given(place: Place, result: DFFResult) -> Stack:
        """The stack of one result whose factors keep their order: they were named, or chosen, by it."""
        tree = FactorTree((result,), (), (tuple(palette(result.k)),))
        return Stack(place, tree, len(place.shown) or len(place.images))

    def __len__(self) -> int:
        """The number of images."""
        return len(self.tree.results[0])

    def __contains__(self, k: object) -> bool:
        return k in self.ks

    def __getitem__(self, k: int) -> DFFResult:
        return self.tree[k]

    @property
    def ks(self) -> tuple[int, ...]:
        """Ascending."""
        return tuple(self.tree)

    @property
    def results(self) -> Mapping[int, DFFResult]:
        """By k."""
        return {result.k: result for result in self.tree.results}

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Per image the grid (h, w) of its heat maps."""
        return self.tree.results[0].shapes

    @property
    def nbytes(self) -> int:
        """Of its factors, about."""
        return sum(2 * r.factorization.H.nbytes + r.factorization.W.nbytes for r in self.tree.results)

    def parents(self, k: int) -> tuple[int, ...]:
        """Per factor of k its parent in the level before, -1 in the first."""
        return tuple(-1 if (p := self.tree.parent(k, f)) is None else p for f in range(k))

    def heirs(self, k: int) -> dict[int, float]:
        """The factors of k that continue one of the level before, and how alike the two are.

        Returns:
            factor -> 0..1, the intersection over union of how present heir and parent are.
        """
        at = self.ks.index(k)
        if not at:
            return {}
        above = self.ks[at - 1]
        found = {}
        for parent in range(above):
            children = self.tree.children(above, parent)
            if children:
                heir = children[0]
                common = self.tree.overlap(k, heir) * self._present[k][heir]
                either = self._present[k][heir] + self._present[above][parent] - common
                found[heir] = float(common / either) if either > 0 else 0.0
        return found

    @cached_property
    def explained(self) -> dict[int, float]:
        """By k the share (0..1) of the activations' energy that the factors hold."""
        return {r.k: float(max(0.0, 1 - r.factorization.error**2)) for r in self.tree.results}

    def gains(self, k: int) -> list[float]:
        """Per factor of k what its heat is multiplied by before it is drawn; see `contrast`."""
        result = self[k]
        return contrast([result.coarse_heatmaps(i) for i in range(len(result))])

    @cached_property
    def _present(self) -> dict[int, Array]:
        """By k, per factor how present it is in all: the sum of ``h ‖w‖``."""
        present = {}
        for r in self.tree.results:
            H, W = np.asarray(r.factorization.H), np.asarray(r.factorization.W)
            present[r.k] = np.maximum(H, 0).sum(axis=0, dtype=np.float64) * np.linalg.norm(W, axis=1)
        return present
