"""One file for JSON and tensors (safetensors): versioned, written atomically, and unable to run code when read."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from .images import ImageSet, Source
from .wording import one_line

Array = npt.NDArray[Any]

_KEY = "dff-widgets"  # of the JSON text in the safetensors header
_CHECKSUM = "dff-widgets checksum"  # in the same header; files of the first versions have none
_TEMPORARY = re.compile(r"\.(.+)\.([0-9a-f]{8})", re.DOTALL)  # see `beside`
_LONGEST = 240  # bytes of a name; file systems take 255


def write(
    path: Path,
    kind: str,
    version: int,
    content: dict[str, Any],
    tensors: dict[str, Array],
    *,
    overwrite: bool = True,
    tidy: bool = True,
) -> None:
    """Write `content` (JSON) and `tensors` to `path`, or leave what was there untouched; see `write_files`.

    With ``overwrite=False`` a file of this kind is replaced, and no other one.
    """
    replaces = overwrite or _is_kind(path, kind)
    write_files([(path, [encode(kind, version, content, tensors)])], overwrite=replaces, tidy=tidy)


def _is_kind(path: Path, kind: str) -> bool:
    """Whether a file is one that `write` wrote as this kind."""
    try:
        with safe_open(place(path), framework="numpy") as file:
            content = json.loads((file.metadata() or {}).get(_KEY, "null"))
    except (SafetensorError, OSError, TypeError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("kind") == kind


def encode(kind: str, version: int, content: dict[str, Any], tensors: dict[str, Array]) -> bytes:
    """What `write` writes."""
    header = json.dumps({"kind": kind, "version": version, **content})
    whole = {name: np.ascontiguousarray(t) for name, t in tensors.items()}
    return _in_order(to_safetensors(whole, metadata={_KEY: header, _CHECKSUM: _checksum(header, whole)}))


def _in_order(data: bytes) -> bytes:
    """A safetensors file with its header in order, which else is another each time: equal content is an equal file."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def _checksum(header: str, tensors: dict[str, Array]) -> str:
    """Of all that a file holds, so that a bit that flipped, or an end that was never written, is noticed."""
    digest = hashlib.blake2b(header.encode(errors="surrogatepass"), digest_size=16)
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        digest.update(repr((name, str(tensor.dtype), tensor.shape)).encode(errors="surrogatepass"))
        digest.update(tensor.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def write_file(path: Path, chunks: Iterable[bytes], *, overwrite: bool = True) -> list[Path]:
    """`write_files` for one file."""
    return write_files([(path, chunks)], overwrite=overwrite)


def write_files(
    files: Iterable[tuple[Path, Iterable[bytes]]],
    *,
    overwrite: bool = True,
    tidy: bool = True,
    like: Path | None = None,
) -> list[Path]:
    """Write files that belong together; if one of them, or the making of a chunk, fails, all are left as they were.

    A file that is replaced hands its mode on, and a link stays a link. What kills left of
    earlier ones is removed.

    Args:
        files: each its path and the bytes it shall hold, made when it is its turn.
        overwrite: whether files that are there are replaced.
        tidy: whether to look through the folder for what kills left; a folder of many files is swept once, by `sweep`.
        like: a file whose mode new ones have; by default as the system makes them.

    Returns:
        Where they are, links followed.

    Raises:
        FileExistsError: one is there, and is not to be replaced.
        ValueError: one is there and is no regular file, or a path leads nowhere.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    token = uuid.uuid4().hex[:8]
    made: dict[Path, Path] = {}  # temporary file -> where it goes
    locks: dict[Path, BinaryIO] = {}  # in each folder the first temporary file, which says that this process lives
    try:
        for path, chunks in files:
            path = _free(path, overwrite=overwrite)
            temporary = beside(path, token)
            made[temporary] = path
            with _named(path):
                file: BinaryIO = temporary.open("xb")
                lock = _lock(file) and path.parent not in locks
                if lock:
                    locks[path.parent] = file
                try:
                    model = path if path.exists() else like
                    if model is not None:
                        temporary.chmod(stat.S_IMODE(model.stat().st_mode))
                    file.writelines(chunks)
                    file.flush()
                    os.fsync(file.fileno())
                finally:
                    if not lock:
                        file.close()
        for temporary, path in reversed(made.items()):  # those that are locked come last
            temporary.replace(path)
    except BaseException:
        for temporary in made:
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise
    finally:
        for file in locks.values():
            with contextlib.suppress(OSError):  # what a full disk did not take is told already
                file.close()
    for folder in {path.parent for path in made.values()} if tidy else ():
        names = {_short(path.name) for path in made.values() if path.parent == folder}
        sweep(folder, names.__contains__)
    return list(made.values())


def _free(path: Path, *, overwrite: bool) -> Path:
    """Where a file may be written."""
    found = place(path)
    if not found.parent.is_dir():
        raise FileNotFoundError(f"no folder at {str(found.parent)!r}: make it before saving there")
    with _named(found):
        exists, regular = found.exists(), found.is_file()
    if exists and not regular:
        raise ValueError(f"{str(path)!r} is no regular file; give the name of a new file")
    if exists and not overwrite:
        raise FileExistsError(f"{str(path)!r} is there already: give another name, or overwrite=True to replace it")
    return found


def place(path: str | Path) -> Path:
    """Where a path leads: a link is followed, and so stays one when its file is replaced.

    Raises:
        ValueError: nowhere, as with a loop of links or the home of nobody.
    """
    try:
        return Path(path).expanduser().resolve()
    except (RuntimeError, OSError, ValueError) as error:
        raise ValueError(f"{str(path)!r} leads nowhere: {one_line(error)}") from error


def beside(path: Path, token: str = "") -> Path:
    """A new name for what is to become the file at `path`: ``.<name>.<eight hexadecimal digits>``."""
    return path.with_name(f".{_short(path.name)}.{token or uuid.uuid4().hex[:8]}")


def sweep(folder: Path, ours: Callable[[str], object]) -> None:
    """Remove what processes that were killed left of files in a folder; see `beside`.

    Args:
        folder: is looked through; one that cannot be is left as it is.
        ours: whether a file of this name is written by us here.
    """
    torn: dict[str, list[tuple[str, Path]]] = {}  # token -> name of the file, and the temporary one
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.fullmatch(entry.name)
            if found is not None:
                torn.setdefault(found[2], []).append((found[1], folder / entry.name))
    for together in torn.values():
        if any(ours(name) for name, _ in together) and not any(_is_locked(path) for _, path in together):
            for name, path in together:
                if ours(name):
                    with contextlib.suppress(OSError):
                        path.unlink()


def is_leftover(name: str, ours: Callable[[str], object]) -> bool:
    """Whether a file of this name is one that `sweep` may remove."""
    found = _TEMPORARY.fullmatch(name)
    return found is not None and bool(ours(found[1]))


def _short(name: str) -> str:
    """The name of a file, or what stands for one that would be too long with more beside it."""
    return name if len(os.fsencode(name)) <= _LONGEST else hashlib.blake2b(os.fsencode(name)).hexdigest()[:32]


@contextlib.contextmanager
def locked(file: BinaryIO) -> Iterator[None]:
    """Keep other processes that do the same from writing to this file; where there are no locks, nothing."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
    try:
        yield
    finally:
        file.flush()


def _lock(file: BinaryIO) -> bool:
    """Whether the file is locked now, until it is closed or this process ends."""
    with contextlib.suppress(ImportError, OSError):  # Windows, which removes no open file; a file system without locks
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return not _lock(file)
    except OSError:
        return True


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
            metadata = file.metadata() or {}
            header = metadata.get(_KEY, "null")
            content = json.loads(header)
            check_kind(content, path, kind, version)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, TypeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is damaged or was not written by dff-widgets: {one_line(error)}") from error
    if metadata.get(_CHECKSUM, "") not in ("", _checksum(header, tensors)):
        raise ValueError(
            f"{str(path)!r} is damaged: its checksum is not that of what it holds; go back to a copy of it"
        )
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
