"""A set of images that is read lazily, one image at a time, with the names, part masks and boxes that belong to it."""

from __future__ import annotations

import io
import stat
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from .wording import one_line

Array = npt.NDArray[Any]
Source = Path | bytes | Array  # a file, an encoded file in memory, or the pixels themselves
T = TypeVar("T")

_PACKAGE = __name__.partition(".")[0]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# what Pillow's readers raise on a damaged file
DAMAGE: tuple[type[Exception], ...] = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError)
DAMAGE += (MemoryError, AttributeError, AssertionError, NotImplementedError, OverflowError, struct.error, zlib.error)


class UnreadableImageError(ValueError):
    """An image that is missing, truncated, not an image, or too large to decode safely; the message names it."""


class UnreadableImageWarning(UserWarning):
    """An image was left out because it cannot be read; the others went on."""


def warn_left_out(problem: str) -> None:
    """An `UnreadableImageWarning` that points at the line outside this package that asked for the images."""
    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        depth, frame = depth + 1, frame.f_back
    warnings.warn(f"left out: {problem}", UnreadableImageWarning, stacklevel=depth)


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
        arrays = tuple(_as_rgb(image, f"image {i}") for i, image in enumerate(images))
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

        Only the header of each file is read here, so a truncated one shows when it is decoded.

        Raises:
            ValueError: none of the files is a readable image.
        """
        readable, problems = [], []
        for path in [paths] if isinstance(paths, str | Path) else paths:
            path = Path(path).expanduser()
            try:
                _header_size(path)
                readable.append(path)
            except UnreadableImageError as error:
                problems.append(str(error))
        if not readable:
            raise ValueError("; ".join(problems) or "no images: give at least one image file")
        for problem in problems:
            warn_left_out(problem)
        return cls(tuple(readable), tuple(path.name for path in readable))

    @classmethod
    def from_folder(cls, folder: str | Path) -> ImageSet:
        """All JPEG, PNG, WebP, TIFF and BMP files directly in a folder, sorted by name.

        Raises:
            ValueError: the folder does not exist, or holds no readable image.
        """
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise ValueError(f"no folder at {str(folder)!r}: give the path of a folder with images")
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
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
        elif isinstance(images, Image.Image) or _is_one_image(images):
            found = cls.from_arrays([images])
        elif isinstance(images, Iterable) and not isinstance(images, Mapping):
            items = list(images)
            if items and all(isinstance(item, str | Path) for item in items):
                found = cls.from_files(items)
            else:
                found = cls.from_arrays(items)
        else:
            raise TypeError(
                f"images is {_describe(images)}; "
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
        source = self.sources[index]
        image = Image.fromarray(source) if isinstance(source, np.ndarray) else _decode(source, self.names[index])
        if size is not None and (image.height, image.width) != tuple(size):
            raise UnreadableImageError(
                f"{self.names[index]} was replaced by another image: it is {image.width} x {image.height} pixels, and "
                f"was {size[1]} x {size[0]}"
            )
        return image

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) of image `index` in pixels, upright, from the file's header alone."""
        source = self.sources[index]
        return source.shape[:2] if isinstance(source, np.ndarray) else _header_size(source, self.names[index])

    def thumbnail(self, index: int, side: int) -> Image.Image:
        """Image `index` shrunk so that its longer side is at most `side` pixels; quick for large JPEG files."""
        source = self.sources[index]
        if isinstance(source, np.ndarray):
            image = Image.fromarray(source)
        else:
            image = _decode(source, self.names[index], draft=side)
        image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
        return image


# ---------------------------------------------------------------------------------------------------- decoding
def open_header(source: Path | bytes, name: str) -> Image.Image:
    """An image whose header alone has been read.

    Raises:
        UnreadableImageError: the file is gone, no image, or unreasonably large; the sentence says `name`.
    """
    limit, name = Image.MAX_IMAGE_PIXELS, one_line(name)
    try:
        if isinstance(source, Path) and not stat.S_ISREG(source.stat().st_mode):  # a pipe would let us wait for ever
            raise OSError("it is no file")
        image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    except FileNotFoundError:
        raise UnreadableImageError(f"{name} is no longer there") from None
    except UnidentifiedImageError:
        raise UnreadableImageError(f"{name} is not an image that can be read") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UnreadableImageError(_too_large(name, limit)) from None
    except DAMAGE as error:
        raise UnreadableImageError(f"{name} cannot be read: {one_line(error)}") from None
    if image.format == "EPS":  # Pillow would let Ghostscript run it
        image.close()
        raise UnreadableImageError(f"{name} is PostScript, which is a program; save it as PNG or JPEG before use")
    if limit is not None and image.width * image.height > limit:  # Pillow itself refuses only twice as many
        image.close()
        raise UnreadableImageError(_too_large(name, limit))
    return image


def _too_large(name: str, limit: int | None) -> str:
    return f"{name} has more than {limit or 0:,} pixels; shrink it before use"


def _header_size(source: Path | bytes, name: str | None = None) -> tuple[int, int]:
    name = name or (source.name if isinstance(source, Path) else "an image")
    with open_header(source, name) as image:
        turned = _orientation(image) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def _decode(source: Path | bytes, name: str, draft: int | None = None) -> Image.Image:
    try:
        with open_header(source, name) as image:
            orientation = _orientation(image)
            if draft is not None:
                image.draft("RGB", (draft, draft))  # lets a JPEG be decoded at 1/2, 1/4 or 1/8 of its size
            return _upright(_to_rgb(image), orientation)
    except UnreadableImageError:
        raise
    except DAMAGE as error:
        raise UnreadableImageError(f"{one_line(name)} cannot be read: {one_line(error)}") from None


def _orientation(image: Image.Image) -> int:
    """1..8 as EXIF has it, from what comes before the pixels; 1 where there is none, or it is damaged."""
    if image.format == "TIFF":
        return 1  # Pillow turns these itself, and gives the size they then have
    try:
        value = Image.Image.getexif(image).get(_EXIF_ORIENTATION)  # PNG's own getexif would decode the pixels
    except DAMAGE:
        return 1
    return value if value in _TURNS else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # Pillow would clip these to white
        grey = np.nan_to_num(np.asarray(image, dtype=np.float32))
        grey = (grey * (255 / _white(image.mode, grey))).clip(0, 255).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image.convert("RGB")


def _white(mode: str, grey: Array) -> float:
    """The value that stands for white: known for 16 bits; for 32 bits and floats the smallest usual one that fits."""
    if mode.startswith("I;16"):
        return 65535.0
    usual = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
    brightest = float(grey.max())
    return next((white for white in usual if brightest <= white), brightest)


def _is_one_image(value: Any) -> bool:
    """Whether an array is one image, rather than a stack of them."""
    shape: Sequence[int] = getattr(value, "shape", ())
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))


def _as_rgb(image: Any, name: str) -> Array:
    """An array or PIL image of the caller as (h, w, 3) uint8; the same array where it already is one."""
    if isinstance(image, Image.Image):
        try:
            return np.asarray(_upright(_to_rgb(image), _orientation(image)))
        except DAMAGE as error:
            raise UnreadableImageError(f"{name} cannot be read: {error}") from None
    array = np.asarray(image)
    shown = f"{name} is an array of shape {array.shape} and dtype {array.dtype}"
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or 0 in array.shape:
        raise ValueError(f"{shown}; give (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise ValueError(f"{shown} with values outside 0..1; scale it to 0..1, or give uint8")
        array = (array * 255).round().astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8:
        raise ValueError(f"{shown}; give uint8 (0..255) or float (0..1)")
    if array.ndim == 3 and array.shape[2] == 3:
        return array
    return np.asarray(_to_rgb(Image.fromarray(array.squeeze(2) if array.ndim == 3 and array.shape[2] == 1 else array)))


def _describe(value: object) -> str:
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + (f" of shape {tuple(shape)}" if shape is not None else f" ({value!r:.60})")
