"""Activations on disk that stand wherever those in memory do; the format is described in `files`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .. import storage
from ..extraction import Origin
from ..images import ImageSet, is_file
from ..networks import Layer
from ..wording import one_line
from .files import CHUNKS, IMAGES, INDEX, MANIFEST, Chunk, read, read_manifest
from .rows import StoredRows

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class Store:
    """The activations of one layer for a set of images, on disk; `nmf`, `Sketch` and `project` take it as a matrix.

    It has what `Activations` has, so that it stands wherever these do; only its matrix is read when it is needed, a
    chunk at a time, each time with its checksum.

    Attributes:
        path: the folder.
        shape: (rows, channels) of the matrix.
        dtype: in which it is stored, ``"float16"`` or ``"float32"``.
        shapes: per image its grid (h, w) at the layer.
        sizes: per image its (height, width) in pixels.
        images: the images the rows came from; those that could not be read are not among them.
        network: the network's name.
        layer: the layer.
        size: short side in pixels at which the images went through the network.
        skipped: one sentence for each image that could not be read.
        chunks: the files of the rows.
        gram: (c, c) float64, AᵀA, summed while the activations were extracted.
        squared_norm: ``‖A‖²``.
        mean_size: the mean of |A|.
        least: the least entry of A.
        origin: what gives other layers of the same images; None where nothing does.
        weights: None, or by file of a chunk what its rows are multiplied by as they are read; see `weighted`.
    """

    path: Path
    shape: tuple[int, int]
    dtype: str
    shapes: tuple[tuple[int, int], ...]
    sizes: tuple[tuple[int, int], ...]
    images: ImageSet
    network: str
    layer: Layer
    size: int
    skipped: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    gram: Array
    squared_norm: float
    mean_size: float
    least: float
    origin: Origin | None = None
    weights: Mapping[str, Array] | None = None

    @classmethod
    def open(cls, path: str | Path, *, images: ImageSet | None = None) -> Store:
        """A store that was extracted before.

        Args:
            path: its folder.
            images: the images it was extracted from, with the same names, to have their part masks (which a store
                does not keep) in the results; by default as the store knows them.

        Raises:
            ValueError: there is no store, it is not complete or from a newer version, one of its files is missing,
                damaged or of another size (the message names the file), or the images are others.
        """
        path = Path(path).expanduser().absolute()
        manifest = read_manifest(path)
        try:
            if not manifest.get("complete"):
                done = len(list((path / CHUNKS).glob("[0-9]*.safetensors"))) * manifest["images_per_chunk"]
                raise ValueError(
                    f"the store {str(path)!r} is not complete: {min(done, manifest['images'])!r:.20} of "
                    f"{manifest['images']!r:.20} images are there; run the same extraction again, and it goes on"
                )
            chunks = tuple(Chunk(**entry) for entry in manifest["chunks"])
            _check_files(path, chunks)
            about, tensors = read(path / INDEX, "index")
            kept = tensors["kept"].tolist()
            every = _stored_images(path) if images is None else images
            if len(every) != manifest["images"] or (images is not None and images.names != _stored_images(path).names):
                raise ValueError(
                    f"the store {str(path)!r} is of {manifest['images']!r:.20} other images; give those, or none"
                )
            kept_images = every if len(kept) == len(every) else every.subset(kept)
            rows = sum(chunk.rows for chunk in chunks)
            shapes, sizes = (_pairs(tensors[name]) for name in ("shapes", "sizes"))
            if rows != sum(h * w for h, w in shapes) or not len(kept) == len(shapes) == len(sizes):
                raise ValueError(f"{str(path / INDEX)!r} does not fit the manifest beside it")
            layer = Layer(**manifest["layer"])
            if tensors["gram"].shape != (layer.channels, layer.channels):
                raise ValueError(f"{str(path / INDEX)!r} is of another layer than the manifest beside it")
            return cls(
                path,
                (rows, layer.channels),
                manifest["dtype"],
                shapes,
                sizes,
                kept_images,
                manifest["network"],
                layer,
                manifest["size"],
                tuple(about["skipped"]),
                chunks,
                tensors["gram"],
                about["squared_norm"],
                about["mean_size"],
                about["least"],
                Origin.by_name(manifest["network"], kept_images, sizes, manifest["size"]),
            )
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(f"{str(path / MANIFEST)!r} is damaged: {one_line(repr(error))}") from error

    def __repr__(self) -> str:
        n, c = self.shape
        gigabytes = sum(chunk.bytes for chunk in self.chunks) / 1e9
        about = f"{self.network} {self.layer.name}, {len(self.shapes)} images"
        return f"Store({str(self.path)!r}: {about}, {n} x {c} {self.dtype}, {gigabytes:.3g} GB)"

    @property
    def matrix(self) -> StoredMatrix:
        """The rows, as far as they are asked for: ``store.matrix[:1000]``."""
        return StoredMatrix(self)

    def as_rows(self, device: str | torch.device) -> StoredRows:
        """What `nmf`, `Sketch` and `project` read."""
        return StoredRows(self, device)

    def activations(self, i: int) -> npt.NDArray[np.float32]:
        """(h, w, c) of image i."""
        (h, w), start = self.shapes[i], sum(a * b for a, b in self.shapes[: i % len(self.shapes)])
        return self.matrix[start : start + h * w].reshape(h, w, -1)

    def weighted(self, weights: Array) -> Store:
        """The same with its rows multiplied by weights (rows,) of at least 0; one pass, and nothing is written."""
        ends = np.cumsum([0, *(chunk.rows for chunk in self.chunks)])
        parts = {c.file: np.asarray(weights[a:b]) for c, a, b in zip(self.chunks, ends, ends[1:], strict=False)}
        store = replace(self, weights=parts)
        gram, size, least = np.zeros_like(self.gram), 0.0, np.inf
        for _, rows in store.read_chunks():
            exact = rows.astype(np.float32)
            gram += exact.T @ exact
            size += float(np.abs(exact).sum(dtype=np.float64))
            least = min(least, float(exact.min(initial=np.inf)))
        mean = size / max(1, self.shape[0] * self.shape[1])
        return replace(store, gram=gram, squared_norm=float(np.trace(gram)), mean_size=mean, least=least)

    def read_chunk(self, number: int) -> Array:
        """The rows (m, c) of a chunk as they are stored, times their weights where it has some.

        Raises:
            ValueError: the file is gone or damaged; the message names it.
        """
        chunk = self.chunks[number]
        content, tensors = read(self.path / chunk.file, "chunk")
        rows: Array | None = tensors.get("rows")
        if content["crc32"] != chunk.crc32 or rows is None or rows.shape != (chunk.rows, self.shape[1]):
            raise ValueError(f"{str(self.path / chunk.file)!r} is another file than the manifest tells of")
        return rows if self.weights is None else (rows * self.weights[chunk.file][:, None]).astype(rows.dtype)

    def read_chunks(self) -> Iterator[tuple[int, Array]]:
        """All chunks in order, each with the number of its first row; the next one is read meanwhile."""
        start = 0
        with ThreadPoolExecutor(1, thread_name_prefix="dff-read") as pool:
            ahead = pool.submit(self.read_chunk, 0)
            for number in range(len(self.chunks)):
                rows = ahead.result()
                if number + 1 < len(self.chunks):
                    ahead = pool.submit(self.read_chunk, number + 1)
                yield start, rows
                start += len(rows)

    def verify(self) -> None:
        """Read everything once.

        Raises:
            ValueError: a file is damaged; the message names it.
        """
        for _ in self.read_chunks():
            pass


class StoredMatrix:
    """The rows of a store as an array that is read when it is sliced.

    Args:
        store: which.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, store: Store) -> None:
        self.store, self.shape = store, store.shape
        self._starts = [0, *accumulate(chunk.rows for chunk in store.chunks)]
        self._last: tuple[int, Array] = (-1, np.empty(0))  # neighbouring slices share a chunk

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> npt.NDArray[np.float32]:
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise TypeError(f"a store is read by slices of rows, as in matrix[:1000], but got {rows!r}")
        start, stop, _ = rows.indices(len(self))
        found = np.empty((max(stop - start, 0), self.shape[1]), np.float32)
        for number in range(len(self.store.chunks)):
            a, b = max(start, self._starts[number]), min(stop, self._starts[number + 1])
            if a < b:
                if self._last[0] != number:
                    self._last = number, self.store.read_chunk(number)
                found[a - start : b - start] = self._last[1][a - self._starts[number] : b - self._starts[number]]
        return found

    def as_rows(self, device: str | torch.device) -> StoredRows:
        """See `Store.as_rows`."""
        return self.store.as_rows(device)


def _check_files(path: Path, chunks: tuple[Chunk, ...]) -> None:
    for chunk in chunks:
        file = path / chunk.file
        size = file.stat().st_size if is_file(file) else None
        if size != chunk.bytes:
            found = "is missing" if size is None else f"is damaged: it has {size} bytes"
            raise ValueError(f"{one_line(file)!r} {found}; the manifest tells of {chunk.bytes!r:.20}")


def _stored_images(path: Path) -> ImageSet:
    return storage.unpack_images(*read(path / IMAGES, "images"))


def _pairs(array: Array) -> tuple[tuple[int, int], ...]:
    return tuple((a, b) for a, b in array.tolist())
