"""Pixel counts, added up image by image, from which coverage and the IoU of any assignment follow at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]  # (..., words): masks with 64 pixels a word, so that AND and popcount are cheap


class Tally:
    """How the pixels of k factors fall on the parts of the images seen so far.

    It counts per *set* of parts that meet in a pixel, so that the union of any parts is a sum of counts, also where
    parts overlap. Its size does not grow with the images.

    Attributes:
        k: the number of factors.
        images: how many images were added.
        parts: names, in the order in which they first appeared.
        factor_area: (k,) pixels of each factor's masks.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self.images = 0
        self.factor_area: Counts = np.zeros(k, dtype=np.int64)
        self._parts: dict[str, None] = {}
        self._cells: dict[frozenset[str], tuple[int, Counts]] = {}  # the parts that meet -> pixels, in each factor

    @property
    def parts(self) -> tuple[str, ...]:  # noqa: D102 - see Attributes
        return tuple(self._parts)

    def add(self, masks: Array, parts: Mapping[str, Array], *, image: int | None = None) -> None:
        """Count one more image.

        Args:
            masks: (k, h, w) bool.
            parts: {name: (h, w) bool}. Parts may overlap; one that is not named is empty here.
            image: its number, for messages; by default that of the images before it.

        Raises:
            ValueError: a mask of another size or dtype; nothing was counted.
        """
        i = self.images if image is None else image
        masks = np.asarray(masks)
        if masks.ndim != 3 or len(masks) != self.k:
            raise ValueError(f"the masks of image {i} are {masks.shape}; give ({self.k}, h, w)")
        factors = _pack(masks, f"the masks of image {i}")
        packed = {}
        for name, part in parts.items():
            part = np.asarray(part)
            if part.shape != masks.shape[1:]:
                raise ValueError(f"part {name!r} of image {i} is {part.shape}; its masks are {masks.shape[1:]}")
            packed[name] = _pack(part[None], f"part {name!r} of image {i}")[0]
        for names, pixels in _cells(packed):
            area, shared = self._cells.get(names, (0, 0))
            self._cells[names] = area + int(_count(pixels)), shared + _count(factors & pixels)
        self._parts.update(dict.fromkeys(parts))
        self.factor_area = self.factor_area + _count(factors)
        self.images += 1

    def merge(self, other: Tally) -> None:
        """Count what another tally of as many factors has counted; its images come after these."""
        for names, (area, shared) in other._cells.items():
            mine, common = self._cells.get(names, (0, 0))
            self._cells[names] = mine + area, common + shared
        self._parts.update(other._parts)
        self.factor_area = self.factor_area + other.factor_area
        self.images += other.images

    def area(self, parts: Iterable[str]) -> int:
        """Pixels of the union of `parts`."""
        wanted = set(parts)
        return sum(area for names, (area, _) in self._cells.items() if names & wanted)

    def shared(self, parts: Iterable[str]) -> Counts:
        """(k,) pixels of each factor that are in the union of `parts`."""
        wanted = set(parts)
        return sum((s for names, (_, s) in self._cells.items() if names & wanted), np.zeros(self.k, dtype=np.int64))

    def iou(self, assignment: Mapping[int, Iterable[str]]) -> npt.NDArray[np.float64]:
        """Intersection over union of each factor with the union of its parts (eqs. 8-9 of the paper).

        Args:
            assignment: factor -> names; parts that were never seen are empty, factors that are left out have none.

        Returns:
            (k,) in 0..1; 0 for a factor without parts.
        """
        scores = np.zeros(self.k)
        for factor, names in assignment.items():
            parts = tuple(names)
            if parts:
                common = self.shared(parts)[factor]
                scores[factor] = ratio(common, self.factor_area[factor] + self.area(parts) - common)
        return scores


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Part / whole, element by element; 0 where the whole is 0."""
    return np.asarray(np.asarray(part) / np.maximum(whole, 1), dtype=np.float64)


def _cells(parts: Mapping[str, Words]) -> list[tuple[frozenset[str], Words]]:
    """Cut the image where parts begin and end: per set of parts that meet in a pixel, its pixels."""
    cells: list[tuple[frozenset[str], Words]] = []
    for name, part in parts.items():
        outside, cut = part, []
        for names, pixels in cells:
            both = pixels & part
            cut += [(names | {name}, both), (names, pixels & ~part)]
            outside = outside & ~both
        cells = [cell for cell in [*cut, (frozenset([name]), outside)] if cell[1].any()]
    return cells


def _pack(masks: Array, what: str) -> Words:
    """(n, h, w) as (n, words), 64 pixels a word; the last word is filled up with zeros."""
    if masks.dtype.kind not in "bui":
        raise ValueError(f"{what} have dtype {masks.dtype}; give bool")
    bits = np.packbits(masks.reshape(len(masks), -1).astype(bool, copy=False), axis=1)
    if odd := bits.shape[1] % 8:
        bits = np.pad(bits, ((0, 0), (0, 8 - odd)))
    return np.ascontiguousarray(bits).view(np.uint64)


def _count(words: Words) -> Counts:
    """(..., words) -> (...): how many bits are set."""
    return np.asarray(np.bitwise_count(words).sum(axis=-1, dtype=np.int64))
