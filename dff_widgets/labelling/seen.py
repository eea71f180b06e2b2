"""What is seen: the masks that a rule predicts, with what a person corrected, named and coloured.

The live IoU, every export, the page and the figure take their masks from here, so that all of them show the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..heat import binarise, palette
from .corrections import Corrections, applied, said_inside
from .labels import PartLabels

if TYPE_CHECKING:  # at run time this needs no torch, which result.py loads
    from ..result import DFFResult

Array = npt.NDArray[Any]
_LESS = np.float32(1 - 1e-6)  # the strength of a predicted pixel at most: what a person put in is stronger


def _nothing(_image: int) -> Corrections:
    return {}


class Seen:
    """The masks of a result as a person sees them.

    Args:
        result: the factors, and the images.
        labels: factor -> the names of its parts.
        percentile, threshold: the rule by which masks are predicted; see `DFFResult.masks`.
        colors: per factor ``#RRGGBB``; by default `palette`.
        corrections: given the index of an image of the result, what a person corrected there, by factor.
        only: indices of the images that count, such as the accepted ones; by default all.

    Attributes:
        result, percentile, threshold: as given.
        labels: as `PartLabels`.
        colors: one a factor.
        images: the indices that count, ascending.

    Raises:
        ValueError: an argument is something else; see `DFFResult.cut`, `PartLabels`.
    """

    def __init__(
        self,
        result: DFFResult,
        labels: Mapping[int, str | Iterable[str]] | None = None,
        *,
        percentile: float = 75,
        threshold: str | None = None,
        colors: Sequence[str] | None = None,
        corrections: Callable[[int], Corrections] | None = None,
        only: Iterable[int] | None = None,
    ) -> None:
        self.result, self.percentile, self.threshold = result, percentile, threshold
        self.labels = PartLabels(labels, k=result.k)
        self.colors = list(palette(result.k) if colors is None else colors)
        self.images = tuple(range(len(result)) if only is None else sorted(set(only)))
        if self.images and not 0 <= self.images[0] <= self.images[-1] < len(result):
            raise ValueError(f"only is {self.images}; give indices of the {len(result)} images")
        self.corrections = corrections or _nothing
        self._source, self._levels = result.cut(percentile, threshold)

    def corrected(
        self,
        corrections: Callable[[int], Corrections],
        labels: Mapping[int, str | Iterable[str]] | None = None,
        colors: Sequence[str] | None = None,
        only: Iterable[int] | None = None,
    ) -> Seen:
        """The same prediction with other corrections, names, colours and images: no threshold is found again."""
        other = copy.copy(self)
        other.corrections, other.labels = corrections, PartLabels(labels, k=self.k)
        other.colors = list(palette(self.k) if colors is None else colors)
        other.images = tuple(range(len(self)) if only is None else sorted(set(only)))
        return other

    @property
    def k(self) -> int:
        """The number of factors."""
        return self.result.k

    def __len__(self) -> int:
        return len(self.result)

    def heatmaps(self, i: int) -> Array:
        """(k, height, width) float32 of image i in 0..1: the heat maps that the masks are cut from."""
        return self._source.heatmaps(i)

    def predicted(self, i: int) -> npt.NDArray[np.bool_]:
        """(k, height, width) bool of image i: the masks by the rule alone."""
        return binarise(self.heatmaps(i), self._levels[i])

    def masks(self, i: int) -> npt.NDArray[np.bool_]:
        """(k, height, width) bool of image i: the masks as they are seen."""
        return self.apply(i, self.predicted(i))

    def apply(self, i: int, predicted: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """`predicted` of image i, corrected."""
        return applied(predicted, self.corrections(i))

    def strength(self, i: int) -> Array:
        """(k, height, width) float32 of image i: how sure each mask is of its pixels, 0 outside.

        Inside it is the heat, less than 1; it is 1 where a person said so, for they win over what is predicted.
        """
        heat = self.heatmaps(i)
        predicted, corrections = binarise(heat, self._levels[i]), self.corrections(i)
        strength = np.where(predicted, np.minimum(heat, _LESS), 0).astype(np.float32)
        for factor, several in corrections.items():
            seen = applied(predicted[[factor]], {0: several})[0]
            strength[factor] = np.where(seen, strength[factor], 0)
            strength[factor][said_inside(several, self.result.sizes[i])] = 1
        return strength
