"""A predicted mask that a person corrected: what they say is inside and outside, over whatever is predicted."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

FITS = 0.5  # intersection over union of the prediction now with the one that was corrected, from which they are alike


@dataclass(frozen=True)
class Correction:
    """The difference that a person made to one mask of one image. Immutable, and small: the bits are packed.

    It says of single pixels that they are inside or outside, so that it holds over any prediction: of another k, layer
    or threshold.

    Attributes:
        size: (height, width) of the image.
        inside, outside: the pixels that a person put in, and took away; packed by `pack`. No pixel is in both.
        base: the prediction that was corrected last; packed likewise.

    >>> predicted = np.array([[True, True, False, False]])
    >>> said = Correction.none((1, 4)).put(np.array([[False, False, True, False]]), predicted)
    >>> said = said.take(np.array([[True, False, False, False]]), predicted)
    >>> said.apply(predicted).astype(int), said.apply(~predicted).astype(int)
    (array([[0, 1, 1, 0]]), array([[0, 0, 1, 1]]))
    """

    size: tuple[int, int]
    inside: bytes
    outside: bytes
    base: bytes

    @staticmethod
    def none(size: tuple[int, int]) -> Correction:
        """Nothing is corrected yet, in an image of this (height, width)."""
        return Correction(size, b"", b"", b"")

    @property
    def empty(self) -> bool:
        """Whether it says nothing of any pixel."""
        return not self.inside and not self.outside

    @property
    def added(self) -> Mask:
        """(height, width) bool: what a person put in."""
        return unpack(self.inside, self.size)

    @property
    def removed(self) -> Mask:
        """(height, width) bool: what a person took away."""
        return unpack(self.outside, self.size)

    def put(self, pixels: Mask, predicted: Mask) -> Correction:
        """The same, with more pixels that are inside.

        Args:
            pixels: (height, width) bool.
            predicted: (height, width) bool, the mask that is being corrected.

        Raises:
            ValueError: one is of another size or dtype.
        """
        return self._said(self.added | self._checked(pixels), self.removed & ~pixels, predicted)

    def take(self, pixels: Mask, predicted: Mask) -> Correction:
        """The same, with more pixels that are outside; as `put`."""
        return self._said(self.added & ~self._checked(pixels), self.removed | pixels, predicted)

    def forget(self, pixels: Mask, predicted: Mask) -> Correction:
        """The same, with nothing said of these pixels: there the prediction holds again; as `put`."""
        return self._said(self.added & ~self._checked(pixels), self.removed & ~pixels, predicted)

    def become(self, mask: Mask, predicted: Mask) -> Correction:
        """The correction after which the mask is this one; as `put`.

        What was said before and still holds is kept; of the other pixels only those are said that the prediction has
        wrong.
        """
        self._checked(mask)
        return self._said(
            mask & (self.added | ~self._checked(predicted)), ~mask & (self.removed | predicted), predicted
        )

    def apply(self, predicted: Mask) -> Mask:
        """The mask that is seen: (height, width) bool, what is predicted with what was corrected."""
        return (predicted | self.added) & ~self.removed

    def fit(self, predicted: Mask) -> float:
        """How alike a prediction is to the one that was corrected: their intersection over union, 0..1."""
        base = unpack(self.base, self.size)
        union = int((base | predicted).sum())
        return int((base & predicted).sum()) / union if union else 1.0

    def fits(self, predicted: Mask) -> bool:
        """Whether it still belongs on this prediction; see `FITS`."""
        return self.fit(predicted) >= FITS

    def _said(self, inside: Mask, outside: Mask, predicted: Mask) -> Correction:
        return Correction(self.size, pack(inside), pack(outside), pack(self._checked(predicted)))

    def _checked(self, mask: Mask) -> Mask:
        if np.shape(mask) != self.size or np.asarray(mask).dtype != bool:
            raise ValueError(f"a mask is {np.shape(mask)} of {np.asarray(mask).dtype}; give {self.size} of bool")
        return mask


Corrections = Mapping[int, tuple[Correction, ...]]  # factor -> its corrections in an image; a later one wins


def applied(predicted: Array, corrections: Corrections) -> npt.NDArray[np.bool_]:
    """The masks of one image as they are seen.

    Args:
        predicted: (k, height, width) bool; it is not changed.
        corrections: of its factors.
    """
    if not corrections:
        return predicted
    seen = predicted.copy()
    for factor, several in corrections.items():
        seen[factor] = reduce(lambda mask, one: one.apply(mask), several, seen[factor])
    return seen


def said_inside(corrections: Iterable[Correction], size: tuple[int, int]) -> Mask:
    """(height, width) bool: the pixels that a person put in, after all of these corrections."""
    mask = np.zeros(size, dtype=bool)
    for one in corrections:
        mask = one.apply(mask)
    return mask


def pack(mask: Mask) -> bytes:
    """A mask as few bytes: zlib of its rows, 8 pixels a byte; none for an empty mask."""
    return zlib.compress(np.packbits(mask, axis=1).tobytes(), 1) if mask.any() else b""


def unpack(bits: bytes, size: tuple[int, int]) -> Mask:
    """The inverse of `pack`.

    Args:
        bits: of `pack`; they may come from a file of a stranger.
        size: (height, width) of the mask.

    Raises:
        ValueError: they are of another size, or no such bits.
    """
    if not bits:
        return np.zeros(size, dtype=bool)
    height, width = size
    columns = -(-width // 8)
    inflate, count = zlib.decompressobj(), height * columns
    try:
        flat = inflate.decompress(bits, count + 1)
    except zlib.error as error:
        raise ValueError(f"the bits of a mask are damaged: {error}") from None
    if len(flat) != count or not inflate.eof:
        raise ValueError(f"the bits of a mask are not those of {height} x {width} pixels")
    rows = np.frombuffer(flat, dtype=np.uint8).reshape(height, columns)
    return np.unpackbits(rows, axis=1, count=width).view(bool)
