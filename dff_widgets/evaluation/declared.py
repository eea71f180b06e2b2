"""Pixel counts over the images in which the parts in question are known, part by part."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .pixel_counts import Counts, Tally, ratio

Array = npt.NDArray[Any]


class Known(Hashable, Protocol):
    """The parts that an image declares."""

    def __contains__(self, part: object) -> bool: ...


class DeclaredTally:
    """A `Tally` for each set of parts that images declare, so that an IoU counts only the images that declare its own.

    Attributes:
        k: the number of factors.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self._tallies: dict[Known, Tally] = {}

    @property
    def images(self) -> int:
        """How many were added."""
        return sum(tally.images for tally in self._tallies.values())

    @property
    def parts(self) -> tuple[str, ...]:
        """The names that were met, in the order in which they first appeared."""
        return tuple(dict.fromkeys(part for tally in self._tallies.values() for part in tally.parts))

    def add(self, masks: Array, parts: Mapping[str, Array], known: Known, *, image: int | None = None) -> None:
        """Count one more image; see `Tally.add`.

        Args:
            masks: (k, h, w) bool.
            parts: {name: (h, w) bool} of those that are present.
            known: the parts that are declared, present or absent.
            image: its number, for messages.
        """
        one = Tally(self.k)
        one.add(masks, parts, image=image)
        self._tally(known).merge(one)

    def merge(self, other: DeclaredTally) -> None:
        """Count what another one of as many factors has counted."""
        for known, tally in other._tallies.items():
            self._tally(known).merge(tally)

    def over(self, parts: Iterable[str]) -> int:
        """In how many images all of these parts are known."""
        return sum(tally.images for tally in self._with(parts))

    def area(self, parts: Iterable[str]) -> int:
        """Pixels of the union of `parts`, where all of them are known."""
        wanted = tuple(parts)
        return sum(tally.area(wanted) for tally in self._with(wanted))

    def shared(self, parts: Iterable[str]) -> Counts:
        """(k,) pixels of each factor that are in the union of `parts`, where all of them are known."""
        wanted = tuple(parts)
        return sum((t.shared(wanted) for t in self._with(wanted)), np.zeros(self.k, dtype=np.int64))

    def iou(self, factor: int, parts: Iterable[str]) -> float:
        """Intersection over union of a factor with the union of its parts, over the images in which all are known."""
        wanted = tuple(parts)
        common = int(self.shared(wanted)[factor])
        mine = sum(int(tally.factor_area[factor]) for tally in self._with(wanted))
        return float(ratio(common, mine + self.area(wanted) - common))

    def _with(self, parts: Iterable[str]) -> list[Tally]:
        wanted = tuple(parts)
        return [tally for known, tally in self._tallies.items() if all(part in known for part in wanted)]

    def _tally(self, known: Known) -> Tally:
        if known not in self._tallies:
            self._tallies[known] = Tally(self.k)
        return self._tallies[known]
