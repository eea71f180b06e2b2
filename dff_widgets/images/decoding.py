"""From a file, bytes or an array to upright 8-bit RGB pixels, and one sentence where that cannot be."""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from ..wording import one_line, warn_outside

Array = npt.NDArray[Any]
T = TypeVar("T")

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


class _Room:
    """Room in memory for what threads decode at once.

    Args:
        pixels: of all together; a larger image waits until it is alone.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels, self._taken = pixels, 0
        self._changed = threading.Condition()
        self._mine = threading.local()

    @contextlib.contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for an image of so many pixels, and keep it meanwhile.

        A thread that has room already gets more at once: what it makes of an image may need another one.
        """
        mine = getattr(self._mine, "pixels", 0)
        with self._changed:
            self._changed.wait_for(lambda: mine or not self._taken or self._taken + pixels <= self._pixels)
            self._taken += pixels
        try:
            self._mine.pixels = mine + pixels
            yield
        finally:
            self._mine.pixels = mine
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()


_AT_ONCE = 90_000_000  # pixels, about what Pillow lets one image have; WebP takes 20 bytes for each, others 8 to 12
_room = _Room(_AT_ONCE)


class UnreadableImageError(ValueError):
    """An image that is missing, truncated, not an image, or too large to decode safely; the message names it."""


class UnreadableImageWarning(UserWarning):
    """An image was left out because it cannot be read; the others went on."""


def warn_left_out(problem: str) -> None:
    """An `UnreadableImageWarning` that points at the line outside this package that asked for the images."""
    warn_outside(f"left out: {problem}", UnreadableImageWarning)


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


def header_size(source: Path | bytes, name: str | None = None) -> tuple[int, int]:
    """(height, width) in pixels, upright, from the header alone."""
    name = name or (source.name if isinstance(source, Path) else "an image")
    with open_header(source, name) as image:
        turned = _orientation(image) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def decode(
    source: Path | bytes, name: str, draft: int | None = None, use: Callable[[Image.Image], T] | None = None
) -> Any:
    """A whole image, upright, 8-bit RGB, or what `use` makes of it while no other large one is decoded.

    Args:
        source: of the image.
        name: of it, for messages.
        draft: lets a large JPEG be decoded at about that many pixels a side.
        use: makes it small; until it has, the image counts as one that is being decoded.
    """
    with contextlib.ExitStack() as stack:
        try:
            image = stack.enter_context(open_header(source, name))
            orientation = _orientation(image)
            if draft is not None:
                image.draft("RGB", (draft, draft))  # lets a JPEG be decoded at 1/2, 1/4 or 1/8 of its size
            stack.enter_context(_room.taken(image.width * image.height))
            found = _upright(_to_rgb(image), orientation)
        except UnreadableImageError:
            raise
        except DAMAGE as error:
            raise UnreadableImageError(f"{one_line(name)} cannot be read: {one_line(error)}") from None
        return found if use is None else use(found)


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
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image)
        return paper
    return image.convert("RGB")


def _white(mode: str, grey: Array) -> float:
    """The value that stands for white: known for 16 bits; for 32 bits and floats the smallest usual one that fits."""
    if mode.startswith("I;16"):
        return 65535.0
    usual = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
    brightest = float(grey.max())
    return next((white for white in usual if brightest <= white), brightest)


def is_one_image(value: Any) -> bool:
    """Whether an array is one image, rather than a stack of them."""
    shape: Sequence[int] = getattr(value, "shape", ())
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))


def as_rgb(image: Any, name: str) -> Array:
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


def describe(value: object) -> str:
    """What something is, for a sentence that says it is no image."""
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + (f" of shape {tuple(shape)}" if shape is not None else f" ({value!r:.60})")


def is_file(path: Path) -> bool:
    """Whether a file is there; a name that no file can have is none."""
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False
