"""One file for JSON and tensors (safetensors): versioned, written atomically, and unable to run code when read."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from .images import ImageSet, Source
from .wording import one_line

Array = npt.NDArray[Any]

_KEY = "dff-widgets"  # of the JSON text in the safetensors header


def write(path: Path, kind: str, version: int, content: dict[str, Any], tensors: dict[str, Array]) -> None:
    """Write `content` (JSON) and `tensors` to `path`, or leave what was there untouched.

    Raises:
        OSError: see `write_file`.
    """
    write_file(path, [encode(kind, version, content, tensors)])


def encode(kind: str, version: int, content: dict[str, Any], tensors: dict[str, Array]) -> bytes:
    """What `write` writes."""
    header = json.dumps({"kind": kind, "version": version, **content})
    data: bytes = to_safetensors(
        {name: np.ascontiguousarray(t) for name, t in tensors.items()}, metadata={_KEY: header}
    )
    return data


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Write `chunks` to `path`, or, if that or the making of a chunk fails, leave what was there untouched.

    Raises:
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    write_files([(path, chunks)])


def write_files(files: Iterable[tuple[Path, Iterable[bytes]]]) -> None:
    """`write_file` for files that belong together: if one of them fails, all are left as they were."""
    made: dict[Path, Path] = {}  # temporary file -> where it goes
    try:
        for path, chunks in files:
            path = place(path)
            if not path.parent.is_dir():
                raise FileNotFoundError(f"no folder at {str(path.parent)!r}: make it before saving there")
            temporary = beside(path)
            made[temporary] = path
            with _named(path), temporary.open("xb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
        for temporary, path in made.items():
            temporary.replace(path)
    except BaseException:
        for temporary in made:
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise


def place(path: str | Path) -> Path:
    """Where a path leads: a link is followed, and so stays one when its file is replaced.

    Raises:
        ValueError: nowhere, as with a loop of links or the home of nobody.
    """
    try:
        return Path(path).expanduser().resolve()
    except (RuntimeError, OSError, ValueError) as error:
        raise ValueError(f"{str(path)!r} leads nowhere: {one_line(error)}") from error


def beside(path: Path) -> Path:
    """A new name for what is to become the file at `path`."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")


def is_leftover(name: str, of: str) -> bool:
    """Whether a file of this name is what a kill left of a file named `of`, a regular expression: see `beside`."""
    return re.fullmatch(rf"\.(?:{of})\.[0-9a-f]{{8}}", name) is not None


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """A write that fails says nothing of the file."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        said = f"{error.strerror}: {str(path)!r} is not written, and what was there before stays"
        raise OSError(error.errno, said) from error


def read(path: Path, kind: str, version: int) -> tuple[dict[str, Any], dict[str, Array]]:
    """What `write` wrote.

    Raises:
        ValueError: there is no such file, it is damaged, of another kind, or from a newer version.
    """
    path = path.expanduser()
    if not path.is_file():
        raise ValueError(f"no file at {str(path)!r}")
    try:
        with safe_open(path, framework="numpy") as file:
            content = json.loads((file.metadata() or {}).get(_KEY, "null"))
            check_kind(content, path, kind, version)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, TypeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is damaged or was not written by dff-widgets: {one_line(error)}") from error
    return content, tensors


def check_kind(content: Any, path: Path, kind: str, version: int) -> None:
    """Raise a ValueError unless a file's JSON says that it is of this kind, and of a version up to this one."""
    if not isinstance(content, dict) or content.get("kind") != kind:
        raise ValueError(f"{str(path)!r} holds no {kind} of dff-widgets")
    if not isinstance(content.get("version"), int) or content["version"] > version:
        raise ValueError(
            f"{str(path)!r} is version {content.get('version')!r:.40} of a {kind}; "
            f"this dff-widgets reads up to {version}: upgrade it"
        )


# -------------------------------------------------------------------------------------------------------- images
def pack_images(images: ImageSet) -> tuple[dict[str, Any], dict[str, Array]]:
    """An image set as JSON and tensors: files as absolute paths, images in memory as PNG, masks as bits."""
    tensors: dict[str, Array] = {}
    paths: list[str | None] = []
    for i, source in enumerate(images.sources):
        paths.append(str(source.absolute()) if isinstance(source, Path) else None)
        if not isinstance(source, Path):
            encoded = source if isinstance(source, bytes) else _png(source)
            tensors[f"image/{i}"] = np.frombuffer(encoded, dtype=np.uint8)
    parts: list[dict[str, list[int]]] | None = None if images.parts is None else []
    for i, masks in enumerate(images.parts or ()):
        shapes = {}
        for j, (part, mask) in enumerate(masks.items()):
            shapes[part] = list(mask.shape)
            tensors[f"part/{i}/{j}"] = np.packbits(mask)
        if parts is not None:
            parts.append(shapes)
    if images.boxes is not None:
        tensors.update({f"boxes/{i}": np.asarray(boxes) for i, boxes in enumerate(images.boxes)})
    return {"names": list(images.names), "paths": paths, "parts": parts, "boxes": images.boxes is not None}, tensors


def unpack_images(content: dict[str, Any], tensors: dict[str, Array]) -> ImageSet:
    """The inverse of `pack_images`; a file that is gone is noticed when its image is read.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: content and tensors are not what `pack_images` made.
    """
    sources: list[Source] = [
        tensors[f"image/{i}"].tobytes() if path is None else Path(path) for i, path in enumerate(content["paths"])
    ]
    parts = boxes = None
    if content["parts"] is not None:
        parts = [
            {part: _unpack(tensors[f"part/{i}/{j}"], *shape) for j, (part, shape) in enumerate(masks.items())}
            for i, masks in enumerate(content["parts"])
        ]
    if content["boxes"]:
        boxes = [tensors[f"boxes/{i}"] for i in range(len(sources))]
        if any(b.ndim != 2 or b.shape[1] != 4 for b in boxes):
            raise ValueError("the boxes are not (m, 4)")
    return ImageSet(tuple(sources), tuple(map(str, content["names"])), parts, boxes)


def _unpack(bits: Array, height: int, width: int) -> npt.NDArray[np.bool_]:
    if len(bits) != -(-height * width // 8):
        raise ValueError(f"a mask of {height} x {width} pixels has {len(bits)} bytes")
    return np.unpackbits(bits, count=height * width).reshape(height, width).astype(bool)


def _png(pixels: Array) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
