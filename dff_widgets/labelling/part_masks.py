"""Ground truth that grows: the part masks of a data set, and what a person paints in their place."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..cell import Cell
from ..images import ImageSet
from ..wording import one_line
from . import rasterize
from .painting import Bits, Edit, Painting

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Changed = Callable[[int, str], None]


class PartMasks(Sequence[Mapping[str, Array]]):
    """The part masks of a set of images: the data set's own, with those a person painted in their place.

    It is a sequence as `dff.iou`, `dff.coverage` and `dff.best_part_iou` take for their parts: ``truth[i]`` maps part
    names to (h, w) bool masks, made anew each time where they were painted. A part's first edit in an image starts from
    the data set's mask. Points are x, y in image pixels: the pixel in row r and column c has its centre at
    (c + 0.5, r + 0.5), and belongs to a shape when its centre does. Images are never decoded. Other threads may read.

    Args:
        images: the images.
        parts: per image {name: (h, w) bool}; by default those of the images, if any.
        names: the names in `parts`, where they are known: else the masks of all images are read once to gather them.

    Attributes:
        images: the images.
        own: the data set's own masks, per image; None where it has none.

    Raises:
        ValueError: parts are not of as many images.

    >>> truth = PartMasks(ImageSet.from_arrays([np.zeros((4, 6, 3), np.uint8)]))
    >>> truth.stroke(0, "head", [(1.5, 1.5), (4.5, 1.5)], radius=0.5)
    True
    >>> truth[0]["head"].astype(int)[1]
    array([0, 1, 1, 1, 1, 0])
    >>> truth.undo()
    (0, 'head')
    >>> truth[0]
    {}
    """

    def __init__(
        self,
        images: ImageSet,
        parts: Sequence[Mapping[str, Array]] | None = None,
        *,
        names: Sequence[str] | None = None,
    ) -> None:
        parts = images.parts if parts is None else parts
        if parts is not None and len(parts) != len(images):
            raise ValueError(f"parts are of {len(parts)} images; there are {len(images)}")
        self.images = images
        self.own, self._own_names = parts, names
        self._cell: Cell[Painting] = Cell(Painting())
        self._callbacks: list[Changed] = []
        self._sizes: dict[int, tuple[int, int]] = {}

    # ------------------------------------------------------------------------------------------------------ reading
    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> dict[str, Array]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Array]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Array] | list[dict[str, Array]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = self._place(index)
        masks = dict(self.own[i]) if self.own is not None else {}
        painted = self._cell.value.masks.get(i, {})
        return masks | {part: self._unpack(i, bits) for part, bits in painted.items()}

    def mask(self, index: int, part: str) -> Mask:
        """(h, w) bool of one part of image `index`; empty where the image does not name it."""
        i = self._place(index)
        bits = self._cell.value.masks.get(i, {}).get(part)
        return self._unpack(i, self._start(i, part) if bits is None else bits)

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._cell.value.version

    @property
    def parts(self) -> tuple[str, ...]:
        """The names: the data set's in the order of their first appearance, then those that a person gave.

        A name that was added, or whose painting was undone, may be in no image.
        """
        return tuple(dict.fromkeys([*self._own_parts, *self._cell.value.added]))

    @property
    def own_parts(self) -> tuple[str, ...]:
        """The names that are the data set's."""
        return self._own_parts

    @property
    def painted(self) -> dict[tuple[int, str], Mask]:
        """What a person painted: (image, part) -> (h, w) bool, copies."""
        masks = self._cell.value.masks
        return {(i, part): self._unpack(i, bits) for i, here in masks.items() for part, bits in here.items()}

    def known(self, index: int) -> bool:
        """Whether image `index` has any ground truth."""
        i = self._place(index)
        return bool(self._cell.value.masks.get(i)) or (self.own is not None and len(self.own[i]) > 0)

    def places(self, images: ImageSet) -> list[int]:
        """Of some of these images, which they are: per image its index.

        Raises:
            ValueError: one is not among them.
        """
        return self.images.find(images)

    # ----------------------------------------------------------------------------------------------------- painting
    def stroke(self, index: int, part: str, points: npt.ArrayLike, radius: float, *, erase: bool = False) -> bool:
        """Paint with a round brush: every pixel whose centre is at most `radius` from the line through the points.

        Args:
            index: of the image.
            part: its name; a new one is added.
            points: (n, 2) x, y in image pixels, n >= 1; they may leave the image.
            radius: in image pixels.
            erase: take the pixels away.

        Returns:
            Whether a pixel changed; one that changes none leaves no trace.

        Raises:
            IndexError: there is no such image.
            ValueError: points, radius or name are none, or the image cannot be read.
        """
        return self._edit(index, part, lambda size: rasterize.brush(points, radius, size), erase=erase)

    def polygon(self, index: int, part: str, points: npt.ArrayLike, *, erase: bool = False) -> bool:
        """Fill a polygon by the even-odd rule; as `stroke`, with n >= 3 corners, the last joined to the first."""
        return self._edit(index, part, lambda size: rasterize.polygon(points, size), erase=erase)

    def fill(self, index: int, part: str, where: npt.ArrayLike | None = None, *, erase: bool = False) -> bool:
        """Add the pixels of a mask, such as a factor's; as `stroke`.

        Args:
            index: of the image.
            part: its name.
            where: (h, w) bool; None is the whole image.
            erase: take the pixels away.

        Raises:
            ValueError: the mask is not of the size of the image.
        """

        def pixels(size: tuple[int, int]) -> rasterize.Patch:
            mask = np.ones(size, dtype=bool) if where is None else np.asarray(where)
            if mask.shape != size or mask.dtype != bool:
                raise ValueError(f"where is {mask.shape} of {mask.dtype}; image {index} needs {size} of bool")
            return 0, 0, mask

        return self._edit(index, part, pixels, erase=erase)

    def paint(
        self, index: int, part: str, shape: Callable[[tuple[int, int]], rasterize.Patch], *, erase: bool = False
    ) -> bool:
        """Add the pixels of any shape; as `stroke`.

        Args:
            index: of the image.
            part: its name.
            shape: given the (height, width) of the image, a box of it: top, left and its pixels.
            erase: take the pixels away.
        """
        return self._edit(index, part, shape, erase=erase)

    def clear(self, index: int, part: str) -> bool:
        """Leave the part no pixel in image `index`: it is known not to be there. As `stroke`."""
        return self._edit(index, part, lambda size: (0, 0, np.ones(size, dtype=bool)), erase=True, settle=True)

    def add(self, part: str) -> None:
        """Make a name one of the `parts`, before there is anything of it."""
        if _name(part) not in self.parts:
            self._cell.swap(lambda now: now.named(part))

    def undo(self) -> tuple[int, str] | None:
        """Take the last edit back, in whichever image it was; its (image, part), or None where there is none."""
        return self._step(-1)

    def redo(self) -> tuple[int, str] | None:
        """Do again what was undone last; its (image, part), or None where there is none."""
        return self._step(+1)

    @property
    def done(self) -> int:
        """How many edits there are to take back."""
        return self._cell.value.done

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return self.done > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to do again."""
        return self._cell.value.done < len(self._cell.value.edits)

    def on_change(self, callback: Changed) -> Callable[[], None]:
        """Call ``callback(index, part)`` after every edit, undo and redo; returns a function that ends it."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    # ------------------------------------------------------------------------------------------------------- saving
    def to_tensors(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What was painted, and how, as JSON and tensors for one file; the data set's own masks are not in it.

        Returns:
            content: {"parts": names, "painted": [image, part], ..., "edits": all of each but its bytes, and their
            number; "done": how many are in effect}; tensors: ``painting/<n>`` (h, ceil(w / 8)) uint8, 8 pixels a byte,
            and ``painting/edits``, the bytes of all edits.
        """
        now = self._cell.value
        masks = [(i, part, bits) for i, here in now.masks.items() for part, bits in here.items()]
        tensors: dict[str, Array] = {f"painting/{n}": bits for n, (_, _, bits) in enumerate(masks)}
        tensors["painting/edits"] = np.frombuffer(b"".join(edit.flipped for edit in now.edits), dtype=np.uint8)
        return {
            "parts": list(now.added),
            "painted": [[i, part] for i, part, _ in masks],
            "edits": [[*astuple(edit)[:-1], len(edit.flipped)] for edit in now.edits],
            "done": now.done,
        }, tensors

    @classmethod
    def from_tensors(
        cls,
        content: Any,
        tensors: Mapping[str, Array],
        images: ImageSet,
        parts: Sequence[Mapping[str, Array]] | None = None,
        *,
        names: Sequence[str] | None = None,
    ) -> PartMasks:
        """The inverse of `to_tensors`, for the same images.

        Args:
            content: from `to_tensors`; it may come from a file of a stranger.
            tensors: the same.
            images: those that were painted on.
            parts: as for `PartMasks`.
            names: as for `PartMasks`.

        Raises:
            ValueError: they do not belong together, or to these images.
        """
        truth = cls(images, parts, names=names)
        try:
            masks: dict[int, dict[str, Bits]] = {}
            for n, (i, part) in enumerate(content["painted"]):
                bits = tensors[f"painting/{n}"]
                if bits.dtype != np.uint8 or bits.shape != truth._shape(_whole(i, 0, len(images) - 1)):
                    raise ValueError(f"a mask of image {i} is {bits.shape} of {bits.dtype}")
                masks.setdefault(i, {})[_name(part)] = bits.copy()
            everything, start = tensors["painting/edits"].tobytes(), 0
            edits = []
            for i, part, first, top, left, rows, columns, length in content["edits"]:
                end = start + _whole(length, 0, len(everything) - start)
                edit = Edit(i, part, first, top, left, rows, columns, everything[start:end])
                edits.append(truth._checked(edit))
                start = end
            added = tuple(dict.fromkeys(_name(part) for part in content["parts"]))
            painting = Painting(masks, added, tuple(edits), _whole(content["done"], 0, len(edits)))
            painting.check_order()
            truth._cell = Cell(painting)
        except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
            raise ValueError(f"the painted masks are damaged, or of other images: {one_line(error)}") from error
        return truth

    def _checked(self, edit: Edit) -> Edit:
        """The edit, if undoing and redoing it can do no harm."""
        rows, columns = self._shape(_whole(edit.index, 0, len(self) - 1))
        _name(edit.part)
        _whole(edit.rows, 0, rows - _whole(edit.top, 0, rows))
        _whole(edit.columns, 0, columns - _whole(edit.left, 0, columns))
        if not isinstance(edit.first, bool):
            raise TypeError(f"first is {edit.first!r}")
        inflate, size = zlib.decompressobj(), edit.rows * edit.columns
        if len(inflate.decompress(edit.flipped, size + 1)) != size or not inflate.eof:
            raise ValueError(f"an edit of {size} bytes has another number of them")
        return edit

    # -------------------------------------------------------------------------------------------------------- inside
    def _edit(
        self,
        index: int,
        part: str,
        shape: Callable[[tuple[int, int]], rasterize.Patch],
        *,
        erase: bool,
        settle: bool = False,
    ) -> bool:
        """Add or take away the pixels of a shape; with `settle` the mask becomes the person's even if none changes."""
        i, part = self._place(index), _name(part)
        top, left, pixels = shape(self._size(i))
        stamp = np.packbits(np.pad(pixels, ((0, 0), (left % 8, 0))), axis=1)

        def change(now: Painting) -> Painting:
            start = self._start(i, part) if part not in now.masks.get(i, {}) else None
            return now.stamped(i, part, start, (top, left // 8), stamp, erase=erase, settle=settle)

        before, after = self._cell.swap(change)
        if after is not before:
            self._changed(i, part)
        return after is not before

    def _step(self, way: int) -> tuple[int, str] | None:
        before, after = self._cell.swap(lambda now: now.stepped(way, self._start))
        if after is before:
            return None
        edit = after.edits[before.done + min(way, 0)]
        self._changed(edit.index, edit.part)
        return edit.index, edit.part

    def _changed(self, i: int, part: str) -> None:
        for callback in list(self._callbacks):
            callback(i, part)

    def _start(self, i: int, part: str) -> Bits:
        """The mask that painting starts from: a copy of the data set's, or an empty one."""
        own = None if self.own is None else self.own[i].get(part)
        if own is None:
            return np.zeros(self._shape(i), dtype=np.uint8)
        if np.shape(own) != self._size(i):
            raise ValueError(f"the mask of {part!r} in image {i} is {np.shape(own)}; its image is {self._size(i)}")
        return np.packbits(np.asarray(own, dtype=bool), axis=1)

    @cached_property
    def _own_parts(self) -> tuple[str, ...]:
        names = self._own_names
        return tuple(dict.fromkeys((n for masks in self.own or () for n in masks) if names is None else names))

    def _size(self, i: int) -> tuple[int, int]:
        if i not in self._sizes:
            self._sizes[i] = self.images.size(i)
        return self._sizes[i]

    def _shape(self, i: int) -> tuple[int, int]:
        """Of the bits of image i."""
        height, width = self._size(i)
        return height, -(-width // 8)

    def _unpack(self, i: int, bits: Bits) -> Mask:
        return np.unpackbits(bits, axis=1, count=self._size(i)[1]).view(bool)

    def _place(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no image {index!r}; there are {len(self)}")
        return range(len(self))[index]


def _name(part: Any) -> str:
    if not isinstance(part, str) or not part.strip():
        raise ValueError(f"part is {part!r}; give it a name")
    return part


def _whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{value!r} is not a whole number from {low} to {high}")
    return value
