"""A pipeline that has a result, and no network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..heat import fold, unfold
from ..result import DFFResult
from .pipeline import Pipeline
from .prepared import Report
from .stack import Stack
from .state import Place

_ALONE = "these factors came without their network; open the images in a DFFExplorer for that"


class Given(Pipeline):
    """Shows what was found elsewhere, in all of its images or in some; nothing is loaded, extracted or factorized.

    Args:
        result: what is shown.
    """

    fixed = True

    def __init__(self, result: DFFResult) -> None:
        super().__init__()
        self._result = result

    def known_place(self, place: Place) -> Place:
        """The place as it is."""
        return place

    def named(self, place: Place, report: Report) -> Place:
        """The place as it is."""
        return place

    def network(self, network: Any, report: Report) -> Any:
        """None."""
        return None

    def grids(self, place: Place, report: Report) -> dict[str, tuple[int, int]]:
        """None are known."""
        return {}

    def prepared(self, place: Place, report: Report) -> Any:
        """Not to be had.

        Raises:
            ValueError: always.
        """
        raise ValueError(_ALONE)

    def first(self, place: Place) -> None:
        """All images are there at once."""
        return

    def stack(self, place: Place, ks: Iterable[int], report: Report) -> Stack:
        """The result, or that of a session, in the images of a place.

        Raises:
            ValueError: it is of other images, or another k is asked for.
        """
        known = self._stacks.known(place)
        if known is not None:
            return known
        result = self._result if place.basis is None or place.basis.result is None else place.basis.result
        images = self.images(place)
        places = result.images.places_of(images)
        if -1 in places or (place.basis is None and set(ks) != {result.k}):
            raise ValueError(_ALONE)
        return self._stacks.put(place, Stack.as_given(place, dataclasses.replace(_some(result, places), images=images)))


def _some(result: DFFResult, places: Sequence[int]) -> DFFResult:
    """The result in some of its images, in this order."""
    if list(places) == list(range(len(result))):
        return result
    maps, known = fold(np.asarray(result.factorization.H), result.shapes), result.sharpening
    return dataclasses.replace(
        result,
        factorization=dataclasses.replace(result.factorization, H=unfold(maps[i] for i in places)),
        images=result.images.subset(places),
        shapes=tuple(result.shapes[i] for i in places),
        sizes=tuple(result.sizes[i] for i in places),
        maps=None if result.maps is None else tuple(result.maps[i] for i in places),
        sharpening=None if known is None else known.subset(places),
        origin=None if result.origin is None else result.origin.subset(places),
    )
