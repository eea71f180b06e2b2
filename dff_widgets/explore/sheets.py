"""What is painted on an image in focus: the parts of the ground truth, or the masks of the factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..labelling import Annotations, PartMasks, presence
from ..labelling.rasterize import Patch
from .annotating import Annotator
from .model import Model

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Shape = Callable[[tuple[int, int]], Patch]  # of the size of an image: a box of it, and the pixels in it


class Sheet(Protocol):
    """Masks by name, of each image of a set, that a person changes."""

    def names(self) -> list[str]:
        """Of all masks, in their order."""

    def here(self, index: int) -> Mapping[str, Mask]:
        """The masks of an image: (height, width) bool; one that is not there is empty."""

    def paint(self, index: int, name: str, shape: Shape, *, erase: bool) -> bool:
        """Add the pixels of a shape to a mask, or take them away; whether anything changed."""

    def become(self, index: int, name: str, mask: Mask) -> bool:
        """Make this the mask; whether anything changed."""

    def clear(self, index: int, name: str) -> bool:
        """Begin anew: a part is nowhere, a factor's mask is as predicted; whether anything changed."""


class PartSheet:
    """The parts of the ground truth."""

    def __init__(self, truth: PartMasks, notes: Annotations | None = None) -> None:
        self.truth, self.notes = truth, notes

    def names(self) -> list[str]:  # noqa: D102 - see `Sheet`
        return list(self.truth.parts)

    def here(self, index: int) -> Mapping[str, Mask]:  # noqa: D102
        return self.truth[index]

    def paint(self, index: int, name: str, shape: Shape, *, erase: bool) -> bool:  # noqa: D102
        return self.truth.paint(index, name, shape, erase=erase)

    def become(self, index: int, name: str, mask: Mask) -> bool:  # noqa: D102
        before = self.truth.mask(index, name)
        gone = self.truth.fill(index, name, before & ~mask, erase=True) if (before & ~mask).any() else False
        return self.truth.fill(index, name, mask & ~before) or gone

    def clear(self, index: int, name: str) -> bool:  # noqa: D102
        return self.truth.clear(index, name)

    def presences(self, index: int) -> list[str]:
        """Per part whether it is in an image; nothing where nobody declares it."""
        notes = self.notes
        return [] if notes is None else [presence(self.truth, notes, index, part) for part in self.truth.parts]


class MaskSheet:
    """The masks of the factors that a model shows, corrected.

    Args:
        model: whose.
        annotator: corrects them.

    Attributes:
        alone: whether a pixel is of one factor.
    """

    def __init__(self, model: Model, annotator: Annotator) -> None:
        self._model, self._annotator = model, annotator
        self.alone = False

    def names(self) -> list[str]:
        """Per factor what it is called; no two are the same."""
        now = self._model.now
        if now.result is None or now.result.k not in now.appearance:
            return []
        labels = now.appearance.labels(now.result.k)
        titles = [labels.title(f) for f in labels]
        return [t if titles.count(t) == 1 else f"{t} ({f})" for f, t in enumerate(titles)]

    def colors(self) -> list[str]:
        """Per factor its colour."""
        now = self._model.now
        known = now.result is not None and now.result.k in now.appearance
        return now.appearance.hues(now.result.k) if known and now.result is not None else []

    def here(self, index: int) -> Mapping[str, Mask]:  # noqa: D102
        masks, _ = self._annotator.masks(index)
        return dict(zip(self.names(), masks, strict=True))

    def paint(self, index: int, name: str, shape: Shape, *, erase: bool) -> bool:  # noqa: D102
        def change(seen: Mask) -> tuple[Mask, Mask]:
            top, left, box = shape((seen.shape[0], seen.shape[1]))
            pixels, nothing = np.zeros_like(seen), np.zeros_like(seen)
            pixels[top : top + box.shape[0], left : left + box.shape[1]] = box
            return (nothing, pixels) if erase else (pixels, nothing)

        return self._annotator.correct(index, self.factor(name), change, alone=self.alone and not erase)

    def become(self, index: int, name: str, mask: Mask) -> bool:  # noqa: D102
        factor = self.factor(name)
        return self._annotator.correct(index, factor, lambda seen: (mask & ~seen, seen & ~mask), alone=self.alone)

    def clear(self, index: int, name: str) -> bool:  # noqa: D102
        return self._annotator.reset(index, self.factor(name))

    def corrected(self, index: int) -> list[float]:
        """Per factor how well its correction here fits what is predicted by now, 0..1; -1 where there is none."""
        fits = self._annotator.fits(self._model.now, [index])
        return [fits.get((index, f), -1.0) for f in range(len(self.names()))]

    def parked(self, index: int) -> list[str]:
        """What is corrected in this image and belongs to no factor that is shown: names, as far as they have any."""
        parked = self._annotator.attached(self._model.now).parked
        masks = self._annotator.notes.masks
        return [masks[at].title or "a factor without a name" for at in parked if at[0] == index]

    def factor(self, name: str) -> int:
        """Which factor is called so.

        Raises:
            ValueError: there is none.
        """
        names = self.names()
        if name not in names:
            raise ValueError(f"there is no factor {name!r:.60}; there are {_listed(names)}")
        return names.index(name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
