"""What was painted on a set of images, as one immutable value: its masks, and the edits that can be undone."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]  # (h, ceil(w / 8)): a mask with 8 pixels a byte; rows start anew, so that a box can be cut
Masks = Mapping[int, Mapping[str, Bits]]  # image -> part -> mask


@dataclass(frozen=True)
class Edit:
    """What one edit flipped: applied again it is undone, and once more redone.

    Attributes:
        index, part: the mask.
        first: whether the mask was the data set's, or none, before.
        top, left, rows, columns: the box that changed; left and columns in bytes of 8 pixels.
        flipped: zlib of its (rows, columns) bits.
    """

    index: int
    part: str
    first: bool
    top: int
    left: int
    rows: int
    columns: int
    flipped: bytes

    def flip(self, bits: Bits) -> Bits:
        """The mask after the edit, or before it; the one that is given stays as it is."""
        box = np.frombuffer(zlib.decompress(self.flipped), dtype=np.uint8).reshape(self.rows, self.columns)
        return flipped(bits, self.top, self.left, box)


@dataclass(frozen=True, eq=False)
class Painting:
    """Masks that a person painted, and how. Nothing here is ever changed: an interrupt finds one value or the next.

    Attributes:
        masks: image -> part -> its mask.
        added: names that came with the painting; kept through undo, in their order.
        edits: oldest first.
        done: edits before this one are in effect, the others were undone.
        version: grows with every change.
    """

    masks: Masks = field(default_factory=dict)
    added: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    done: int = 0
    version: int = 0

    def named(self, part: str) -> Painting:
        """With one more name, before there is anything of it."""
        return dataclasses.replace(self, added=(*self.added, part), version=self.version + 1)

    def stamped(
        self, i: int, part: str, start: Bits | None, corner: tuple[int, int], stamp: Bits, *, erase: bool, settle: bool
    ) -> Painting:
        """With the pixels of a stamp added to a mask, or taken from it; the same where no pixel is another then.

        Args:
            i: the image.
            part: of it, whose mask it is.
            start: the mask that painting starts from; None where it was painted before.
            corner: of the stamp: its row, and its column in bytes of 8 pixels.
            stamp: (rows, columns) bits; what is outside the image does not count.
            erase: take the pixels away.
            settle: the mask becomes the person's even if no pixel changes.
        """
        top, left = corner
        bits = self.masks[i][part] if start is None else start
        box = bits[top : top + stamp.shape[0], left : left + stamp.shape[1]]
        change = stamp & (box if erase else ~box)
        if not change.any() and not (start is not None and settle):
            return self
        rows, columns = change.shape
        edit = Edit(i, part, start is not None, top, left, rows, columns, zlib.compress(change.tobytes(), 1))
        return dataclasses.replace(
            self,
            masks=self._with(i, part, flipped(bits, top, left, change)),
            added=self.added if part in self.added else (*self.added, part),
            edits=(*self.edits[: self.done], edit),
            done=self.done + 1,
            version=self.version + 1,
        )

    def stepped(self, way: int, start: Callable[[int, str], Bits]) -> Painting:
        """After undo (-1) or redo (1); the same where there is nothing to be undone, or to be done again.

        Args:
            way: -1 or 1.
            start: gives the mask that painting starts from, of an image and a part.
        """
        at = self.done + min(way, 0)
        if not 0 <= at < len(self.edits):
            return self
        edit = self.edits[at]
        bits: Bits | None = None  # the data set's again
        if way > 0 or not edit.first:
            bits = edit.flip(start(edit.index, edit.part) if edit.first else self.masks[edit.index][edit.part])
        masks = self._with(edit.index, edit.part, bits)
        return dataclasses.replace(self, masks=masks, done=self.done + way, version=self.version + 1)

    def check_order(self) -> None:
        """Whether undoing and redoing everything finds the masks it expects.

        Raises:
            ValueError: it does not.
        """
        there = {(i, part) for i, masks in self.masks.items() for part in masks}
        for edit in reversed(self.edits[: self.done]):
            if (edit.index, edit.part) not in there:
                raise ValueError("an edit is of a mask that is not there")
            if edit.first:
                there.remove((edit.index, edit.part))
        for edit in self.edits:
            if edit.first == ((edit.index, edit.part) in there):
                raise ValueError("an edit is out of order")
            there.add((edit.index, edit.part))

    def _with(self, i: int, part: str, bits: Bits | None) -> Masks:
        here: dict[str, Any] = dict(self.masks.get(i, {}))
        if bits is None:
            del here[part]
        else:
            here[part] = bits
        return {**self.masks, i: here}


def flipped(bits: Bits, top: int, left: int, box: Bits) -> Bits:
    """A mask with the bits of a box turned over; another array."""
    made = bits.copy()
    made[top : top + box.shape[0], left : left + box.shape[1]] ^= box
    return made
