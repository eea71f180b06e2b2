"""A set of images that is read lazily, one image at a time, with the names, part masks and boxes that belong to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from .decoding import (
    SUFFIXES,
    UnreadableImageError,
    as_rgb,
    decode,
    describe,
    header_size,
    is_file,
    is_one_image,
    warn_left_out,
)
from .preview import SHOWN, SIDE, preview

Array = npt.NDArray[Any]
Source = Path | bytes | Array  # a file, an encoded file in memory, or the pixels themselves
T = TypeVar("T")


class PerImage(Sequence[T], Generic[T]):
    """One value per image, made anew each time it is asked for: the masks of a set that memory would not hold.

    Args:
        arguments: per image those of `load`.
        load: makes the value of an image; a function of a module, for a set that is pickled.

    >>> powers = PerImage([(2, 1), (2, 2), (2, 3)], pow)
    >>> powers[-1], list(powers[:2])
    (8, [2, 4])
    """

    def __init__(self, arguments: Iterable[tuple[Any, ...]], load: Callable[..., T]) -> None:
        self._arguments, self._load = tuple(arguments), load

    def __len__(self) -> int:
        return len(self._arguments)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> PerImage[T]: ...
    def __getitem__(self, index: int | slice) -> T | PerImage[T]:
        if isinstance(index, slice):
            return PerImage(self._arguments[index], self._load)
        return self._load(*self._arguments[index])

    def subset(self, indices: Iterable[int]) -> PerImage[T]:
        """The values at `indices`, in that order; none is made."""
        return PerImage((self._arguments[i] for i in indices), self._load)


def _names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell them apart; a path that is there again has a number."""
    parts = [path.absolute().parts for path in paths]
    lengths = [1] * len(paths)
    while True:
        names = ["/".join(own[-length:]) for own, length in zip(parts, lengths, strict=True)]
        often = Counter(names)
        longer = [i for i, name in enumerate(names) if often[name] > 1 and lengths[i] < len(parts[i])]
        if not longer:
            break
        for i in longer:
            lengths[i] += 1
    seen: Counter[str] = Counter()
    for i, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[i] = f"{parts[i][-1]} ({seen[name]})"
    return names


@dataclass(frozen=True, eq=False)
class ImageSet(Sequence[Array]):
    """An immutable set of images; ``images[i]`` decodes image ``i`` to an (h, w, 3) uint8 RGB array.

    Make one with `from_files`, `from_folder`, `from_arrays`, `of`, or a loader in `dff_widgets.datasets`.

    Attributes:
        sources: per image a path, an encoded file as bytes, or an (h, w, 3) uint8 array.
        names: per image a short name to show.
        parts: None, or per image a mapping from part name to its (h, w) bool mask. Parts may overlap, and a part that
            an image does not show may be left out of its mapping.
        boxes: None, or per image an (m, 4) array of the set's class: ``xmin, ymin, xmax, ymax`` in pixels from 0, both
            ends included.
    """

    sources: tuple[Source, ...] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    parts: Sequence[Mapping[str, Array]] | None = field(default=None, repr=False)
    boxes: Sequence[Array] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for what in ("names", "parts", "boxes"):
            value = getattr(self, what)
            if value is not None and len(value) != len(self.sources):
                raise ValueError(
                    f"{what} must hold one entry per image: got {len(value)} for {len(self.sources)} images"
                )

    # ------------------------------------------------------------------------------------------------ making one
    @classmethod
    def from_arrays(
        cls,
        images: Iterable[npt.ArrayLike | Image.Image],
        *,
        names: Sequence[str] | None = None,
        parts: Sequence[Mapping[str, Array]] | None = None,
        boxes: Sequence[Array] | None = None,
    ) -> ImageSet:
        """Images in memory.

        Args:
            images: arrays (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey; uint8, or float in 0..1; or PIL images of any
                mode. Sizes may differ. An (h, w, 3) uint8 array is not copied.
            names: one per image; ``"image 0"``... when left out.
            parts: see `ImageSet`; each mask must have its image's (h, w).
            boxes: see `ImageSet`.

        Raises:
            ValueError: an array of another shape, kind or range, or a mask whose size is not its image's.
        """
        arrays = tuple(as_rgb(image, f"image {i}") for i, image in enumerate(images))
        if names is None:
            names = [f"image {i}" for i in range(len(arrays))]
        found = cls(arrays, tuple(names), parts, boxes)
        for i, masks in enumerate(parts or ()):
            for part, mask in masks.items():
                if np.shape(mask) != arrays[i].shape[:2]:
                    raise ValueError(
                        f"the mask of {part!r} in image {i} is {np.shape(mask)}; its image is {arrays[i].shape[:2]}"
                    )
        return found

    @classmethod
    def from_files(cls, paths: str | Path | Iterable[str | Path]) -> ImageSet:
        """Images in files, named after them. A file that is no readable image is left out with a warning.

        Files of one name are told apart by as many of their folders as it takes: ``A/a.png`` and ``B/a.png``.

        Only the header of each file is read here, so a truncated one shows when it is decoded.

        Raises:
            ValueError: none of the files is a readable image.
        """
        readable, problems = [], []
        for path in [paths] if isinstance(paths, str | Path) else paths:
            path = Path(path).expanduser()
            try:
                header_size(path)
                readable.append(path)
            except UnreadableImageError as error:
                problems.append(str(error))
        if not readable:
            raise ValueError("; ".join(problems) or "no images: give at least one image file")
        for problem in problems:
            warn_left_out(problem)
        return cls(tuple(readable), tuple(_names(readable)))

    @classmethod
    def from_folder(cls, folder: str | Path) -> ImageSet:
        """All JPEG, PNG, WebP, TIFF and BMP files directly in a folder, sorted by name; 2 before 10.

        Raises:
            ValueError: the folder does not exist, or holds no readable image.
        """
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise ValueError(f"no folder at {str(folder)!r}: give the path of a folder with images")
        found = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        paths = sorted(found, key=lambda path: _natural(path.name))
        if not paths:
            raise ValueError(
                f"no images in {str(folder)!r}: it must hold files ending in {', '.join(sorted(SUFFIXES))}"
            )
        return cls.from_files(paths)

    @classmethod
    def of(cls, images: Any) -> ImageSet:
        """An `ImageSet` from what a person has at hand.

        Args:
            images: a set, a folder, a file, one array or PIL image, or a sequence of files, arrays or PIL images; an
                array (n, h, w, 3) is such a sequence, and so is (n, h, w) grey.

        Raises:
            ValueError, TypeError: there is no image in it, or it is something else; the message says what arrived.
        """
        if isinstance(images, ImageSet):
            found = images
        elif isinstance(images, str | Path):
            path = Path(images).expanduser()
            found = cls.from_files([path]) if path.is_file() else cls.from_folder(path)
        elif isinstance(images, Image.Image) or is_one_image(images):
            found = cls.from_arrays([images])
        elif isinstance(images, Iterable) and not isinstance(images, Mapping):
            items = list(images)
            if items and all(isinstance(item, str | Path) for item in items):
                found = cls.from_files(items)
            else:
                found = cls.from_arrays(items)
        else:
            raise TypeError(
                f"images is {describe(images)}; "
                "give an ImageSet, a folder, or a list of image files, arrays or PIL images"
            )
        if not len(found):
            raise ValueError("no images: give at least one image")
        return found

    # ------------------------------------------------------------------------------------------------ reading
    def __repr__(self) -> str:
        shown = ", ".join(self.names[:3]) + (", …" if len(self) > 3 else "")
        known = [what for what in ("parts", "boxes") if getattr(self, what) is not None]
        extra = f"; with {' and '.join(known)}" if known else ""
        return f"ImageSet({len(self)} image{'s'[: len(self) != 1]}: {shown}{extra})"

    def _repr_html_(self) -> str:
        """The first images, for a notebook."""
        shown = [(self.names[i], self._small(i)) for i in range(min(len(self), SHOWN))]
        return preview(repr(self), shown)

    def _small(self, index: int) -> Image.Image | None:
        with suppress(UnreadableImageError):
            return self.thumbnail(index, SIDE)
        return None

    def __len__(self) -> int:
        return len(self.sources)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> ImageSet: ...
    def __getitem__(self, index: int | slice) -> Array | ImageSet:
        if isinstance(index, slice):
            return self.subset(range(*index.indices(len(self))))
        return np.asarray(self.open(index))

    def places_of(self, others: ImageSet) -> list[int]:
        """Of the images of another set, perhaps out of a file, which of these they are: per image its index, or -1.

        A file is known by its path; one that is not on this machine, and an image in memory, by its name, if no other
        has it.
        """
        paths = {source.absolute(): i for i, source in enumerate(self.sources) if isinstance(source, Path)}
        often = Counter(self.names)
        names = {name: i for i, name in enumerate(self.names) if often[name] == 1}
        found = []
        for source, name in zip(others.sources, others.names, strict=True):
            place = paths.get(source.absolute()) if isinstance(source, Path) else None
            if place is None and not (isinstance(source, Path) and is_file(source)):
                place = names.get(name)
            found.append(-1 if place is None else place)
        return found

    def find(self, some: ImageSet) -> list[int]:
        """Of some of these very images, such as those of a result, which they are: per image its index.

        Raises:
            ValueError: one is not among them.
        """
        if some is self:
            return list(range(len(self)))
        at = {id(source): i for i, source in enumerate(self.sources)}
        found = [at.get(id(source), -1) for source in some.sources]
        if -1 in found:
            raise ValueError(f"{some.names[found.index(-1)]} is not among these {len(self)} images")
        return found

    def subset(self, indices: Iterable[int]) -> ImageSet:
        """The images at `indices`, in that order, with what belongs to them."""
        indices = list(indices)

        def pick(values: Sequence[Any] | None) -> Sequence[Any] | None:
            if isinstance(values, PerImage):
                return values.subset(indices)
            return None if values is None else tuple(values[i] for i in indices)

        sources, names = tuple(self.sources[i] for i in indices), tuple(self.names[i] for i in indices)
        return ImageSet(sources, names, pick(self.parts), pick(self.boxes))

    def open(self, index: int, size: tuple[int, int] | None = None) -> Image.Image:
        """Image `index` decoded to 8-bit RGB, upright, transparency on white.

        Args:
            index: of the image.
            size: (height, width) that it had before, where what is known of it would not fit another image.

        Raises:
            UnreadableImageError: the file is gone, truncated, no image, unreasonably large, or now of another size.
        """
        return self.use(index, lambda image: image, size)

    def use(self, index: int, make: Callable[[Image.Image], T], size: tuple[int, int] | None = None) -> T:
        """What a function makes of image `index`, such as a smaller one: see `open`.

        Threads that decode large images at once wait for each other, until what they make of them is there.
        """

        def checked(image: Image.Image) -> T:
            if size is not None and (image.height, image.width) != tuple(size):
                raise UnreadableImageError(
                    f"{self.names[index]} was replaced by another image: it is {image.width} x {image.height} pixels, "
                    f"and was {size[1]} x {size[0]}"
                )
            return make(image)

        source = self.sources[index]
        if isinstance(source, np.ndarray):
            return checked(Image.fromarray(source))
        found: T = decode(source, self.names[index], use=checked)
        return found

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) of image `index` in pixels, upright, from the file's header alone."""
        source = self.sources[index]
        return source.shape[:2] if isinstance(source, np.ndarray) else header_size(source, self.names[index])

    def thumbnail(self, index: int, side: int) -> Image.Image:
        """Image `index` shrunk so that its longer side is at most `side` pixels; quick for large JPEG files."""

        def shrink(image: Image.Image) -> Image.Image:
            image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
            return image

        source = self.sources[index]
        if isinstance(source, np.ndarray):
            return shrink(Image.fromarray(source))
        found: Image.Image = decode(source, self.names[index], side, shrink)
        return found


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which numbers inside names count as numbers; equal ones by how they are written."""
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
