"""Exports that are a folder: how it is opened, and the photos that go along."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from ..images import Source, open_header

_FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}


def open_folder(path: str | Path, inside: Iterable[str] = (), *, overwrite: bool = False) -> Path:
    """A folder to write into, made if it is not there.

    Args:
        path: of it; ``~`` is expanded.
        inside: folders in it that are made too, such as ``"labels/train"``.
        overwrite: whether it may hold files already; those that are not written anew stay.

    Raises:
        FileExistsError: it holds something, and may not.
        OSError: it is a file, or the place is not there or cannot be written to.
    """
    folder = Path(path).expanduser()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is a file; give a folder")
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"no folder at {str(folder.parent)!r}: make it before saving there")
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"the folder {str(folder)!r} is not empty; give another one, or overwrite=True")
    folder.mkdir(exist_ok=True)
    for name in inside:
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


def photo(source: Source) -> tuple[str, bytes]:
    """An image as a file: its suffix, such as ``.jpg``, and its bytes; pixels in memory become PNG.

    Raises:
        UnreadableImageError, OSError: it can no longer be read.
    """
    suffix = suffix_of(source)
    if isinstance(source, Path):
        return suffix, source.read_bytes()
    if isinstance(source, bytes):
        return suffix, source
    buffer = io.BytesIO()
    Image.fromarray(source).save(buffer, "PNG")
    return suffix, buffer.getvalue()


def suffix_of(source: Source) -> str:
    """Of the file that `photo` makes of an image."""
    if isinstance(source, Path):
        return source.suffix.lower() or ".png"
    if isinstance(source, bytes):
        with open_header(source, "the image") as image:
            return _FORMATS.get(image.format or "", ".png")
    return ".png"
