"""A set of images that is read lazily, one image at a time, with the names, part masks and boxes that belong to it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Array = npt.NDArray[Any]
Source = Path | bytes | Array  # a file, an encoded file in memory, or the pixels themselves

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
_EXIF_ORIENTATION = 0x0112


class UnreadableImageError(ValueError):
    """An image that is missing, truncated, not an image, or too large to decode safely; the message names it."""


class UnreadableImageWarning(UserWarning):
    """An image was left out because it cannot be read; the others went on."""


@dataclass(frozen=True, eq=False)
class ImageSet(Sequence[Array]):
    """An immutable set of images; ``images[i]`` decodes image ``i`` to an (h, w, 3) uint8 RGB array.

    Make one with `from_files`, `from_folder`, `from_arrays`, `of`, or a loader in `dff_widgets.datasets`.

    Attributes:
        sources: per image a path, an encoded file as bytes, or an (h, w, 3) uint8 array.
        names: per image a short name to show.
        parts: None, or per image a mapping from part name to its (h, w) bool mask. Parts may overlap, and a part that an
            image does not show may be left out of its mapping.
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
        images: Iterable[npt.ArrayLike],
        *,
        names: Sequence[str] | None = None,
        parts: Sequence[Mapping[str, Array]] | None = None,
        boxes: Sequence[Array] | None = None,
    ) -> ImageSet:
        """Images in memory.

        Args:
            images: arrays (h, w, 3) RGB, (h, w, 4) RGBA or (h, w) grey; uint8, or float in 0..1. Sizes may differ.
            names: one per image; ``"image 0"``... when left out.
            parts: see `ImageSet`; each mask must have its image's (h, w).
            boxes: see `ImageSet`.

        Raises:
            ValueError: an array of another shape, kind or range, or a mask whose size is not its image's.
        """
        arrays = tuple(_as_rgb(np.asarray(image), f"image {i}") for i, image in enumerate(images))
        for i, masks in enumerate(parts or ()):
            for part, mask in masks.items():
                if i < len(arrays) and mask.shape != arrays[i].shape[:2]:
                    raise ValueError(
                        f"the mask of {part!r} in image {i} is {mask.shape}; its image is {arrays[i].shape[:2]}"
                    )
        return cls(arrays, tuple(names or (f"image {i}" for i in range(len(arrays)))), parts, boxes)

    @classmethod
    def from_files(cls, paths: Iterable[str | Path]) -> ImageSet:
        """Images in files, named after them. A file that is no readable image is left out with a warning.

        Only the header of each file is read here.

        Raises:
            ValueError: none of the files is a readable image.
        """
        readable, problems = [], []
        for path in map(Path, paths):
            try:
                _header_size(path)
                readable.append(path)
            except UnreadableImageError as error:
                problems.append(str(error))
        if not readable:
            raise ValueError("; ".join(problems) or "no images: give at least one image file")
        for problem in problems:
            warnings.warn(f"left out: {problem}", UnreadableImageWarning, stacklevel=2)
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
        """An `ImageSet` from what a person has at hand: a set, a folder, a file, or a sequence of files, arrays or PIL images.

        Raises:
            ValueError, TypeError: there is no image in it, or it is something else; the message says what arrived.
        """
        if isinstance(images, ImageSet):
            found = images
        elif isinstance(images, str | Path):
            path = Path(images).expanduser()
            found = cls.from_files([path]) if path.is_file() else cls.from_folder(path)
        elif isinstance(images, Iterable) and not isinstance(images, Mapping):
            items = list(images)
            if items and all(isinstance(item, str | Path) for item in items):
                found = cls.from_files(items)
            else:
                found = cls.from_arrays(items)
        else:
            raise TypeError(
                f"images is {_describe(images)}; give an ImageSet, a folder, or a list of image files, arrays or PIL images"
            )
        if not len(found):
            raise ValueError("no images: give at least one image")
        return found

    # ------------------------------------------------------------------------------------------------ reading
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

        def pick(values: Sequence[Any] | None) -> tuple[Any, ...] | None:
            return None if values is None else tuple(values[i] for i in indices)

        return ImageSet(pick(self.sources) or (), pick(self.names) or (), pick(self.parts), pick(self.boxes))

    def open(self, index: int) -> Image.Image:
        """Image `index` decoded to 8-bit RGB, upright, transparency on white.

        Raises:
            UnreadableImageError: the file is gone, truncated, no image, or unreasonably large.
        """
        source = self.sources[index]
        return Image.fromarray(source) if isinstance(source, np.ndarray) else _decode(source, self.names[index])

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
def _open(source: Path | bytes, name: str) -> Image.Image:
    """An image whose header has been read; every failure becomes one sentence that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    except FileNotFoundError:
        raise UnreadableImageError(f"{name} is no longer there") from None
    except UnidentifiedImageError:
        raise UnreadableImageError(f"{name} is not an image that can be read") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UnreadableImageError(
            f"{name} has more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels; shrink it before use"
        ) from None
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's plug-ins raise all three on a damaged header
        raise UnreadableImageError(f"{name} cannot be read: {error}") from None


def _header_size(source: Path | bytes, name: str | None = None) -> tuple[int, int]:
    name = name or (source.name if isinstance(source, Path) else "an image")
    with _open(source, name) as image:
        try:
            turned = image.getexif().get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
        except (OSError, ValueError, SyntaxError):
            turned = False
        width, height = image.size
        return (width, height) if turned else (height, width)


def _decode(source: Path | bytes, name: str, draft: int | None = None) -> Image.Image:
    try:
        with _open(source, name) as image:
            if draft is not None:
                image.draft("RGB", (draft, draft))  # lets a JPEG be decoded at 1/2, 1/4 or 1/8 of its size
            return _to_rgb(ImageOps.exif_transpose(image))
    except UnreadableImageError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UnreadableImageError(f"{name} cannot be read: {error}") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # Pillow would clip 16-bit greys to white
        grey = np.asarray(image, dtype=np.float32)
        white = 1.0 if image.mode == "F" and grey.max() <= 1 else 65535.0 if grey.max() > 255 else 255.0
        return Image.fromarray(np.clip(grey * (255 / white), 0, 255).round().astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image.convert("RGB")


def _as_rgb(array: Array, name: str) -> Array:
    """An array of the caller as (h, w, 3) uint8; the same array where it already is one."""
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
