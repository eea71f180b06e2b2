"""The files of a store: safetensors, each with its checksum, and a manifest that says they are all.

The format, for whoever reads it with other tools::

    manifest.json           network, layer, size, dtype, ..., and for each chunk its file, images, rows, bytes and crc32
    images.safetensors      the images: names and paths, or the encoded pixels of those that came from memory
    index.safetensors       shapes (n, 2) and sizes (n, 2) of the n images that could be read; kept (n,), their numbers
                            in images.safetensors; gram (c, c), AᵀA in float64
    chunks/000000.safetensors ...   rows (m, c) of some images; kept, shapes and sizes of these

Each safetensors header holds a JSON text with a ``crc32``: zlib's, of the bytes of the tensors in the order of their
names. Rows are as in `Activations`: one per spatial position, image after image, row-major.
"""

from __future__ import annotations

import contextlib
import errno
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import storage
from ..wording import one_line

Array = npt.NDArray[Any]

MANIFEST, IMAGES, INDEX, CHUNKS = "manifest.json", "images.safetensors", "index.safetensors", "chunks"
KIND, VERSION = "activations", 1


@dataclass(frozen=True)
class Chunk:
    """The rows of some consecutive images, in one file.

    Attributes:
        file: its path inside the store.
        images: how many.
        rows: how many.
        bytes: of the file.
        crc32: of its tensors.
    """

    file: str
    images: int
    rows: int
    bytes: int
    crc32: int


def write(path: Path, kind: str, content: dict[str, Any], tensors: dict[str, Array]) -> int:
    """One file with its checksum, which is returned; see `storage.write`."""
    crc32 = checksum(tensors)
    storage.write(path, kind, VERSION, {**content, "crc32": crc32}, tensors, tidy=False)
    return crc32


def read(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """What `write` wrote.

    Raises:
        ValueError: it is missing or damaged; the message names the file.
    """
    content, tensors = storage.read(path, kind, VERSION)
    if content.get("crc32") != checksum(tensors):
        raise ValueError(f"{str(path)!r} is damaged: its checksum is not that of its content")
    return content, tensors


def checksum(tensors: dict[str, Array]) -> int:
    """CRC-32 of the bytes of all tensors in the order of their names."""
    crc = 0
    for name in sorted(tensors):
        crc = zlib.crc32(np.ascontiguousarray(tensors[name]).data if tensors[name].size else b"", crc)
    return crc


def write_manifest(path: Path, content: dict[str, Any]) -> None:
    """The manifest of the store at `path`, replaced in one step."""
    text = json.dumps({"kind": KIND, "version": VERSION, **content}, indent=1)
    storage.write_files([(path / MANIFEST, [text.encode()])], tidy=False)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the store at `path`.

    Raises:
        ValueError: there is none, it is damaged, or from a newer version.
    """
    file = path / MANIFEST
    if not file.is_file():
        raise ValueError(f"no store at {str(path)!r}: it has no {MANIFEST}")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{str(file)!r} is damaged: {one_line(error)}") from error
    storage.check_kind(content, file, KIND, VERSION)
    return dict(content)


@contextlib.contextmanager
def room(path: Path) -> Iterator[None]:
    """A full disk as one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(
            error.errno,
            f"the disk of {str(path)!r} is full; what is extracted so far stays: make room, run the same again, "
            "and it goes on",
        ) from error
