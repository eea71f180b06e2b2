"""A store as a matrix whose rows pass through memory block by block: what `nmf`, `Sketch` and `project` read."""

from __future__ import annotations

import errno
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..devices import pick_device
from ..factorization.rows import CHUNK, Progress, Projection, Rows
from .files import Chunk, checksum, read, room, write

Array = npt.NDArray[Any]

_BLOCK_BYTES = 16 << 20  # of a block in float32: few enough that the allocator uses the same memory again


class Stored(Protocol):
    """What of a `Store` is read here."""

    @property
    def path(self) -> Path:
        """The folder."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, channels)."""

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """The files of the rows."""

    @property
    def gram(self) -> Array:
        """(c, c) float64, AᵀA."""

    @property
    def squared_norm(self) -> float:
        """``‖A‖²``."""

    @property
    def mean_size(self) -> float:
        """The mean of |A|."""

    @property
    def least(self) -> float:
        """The least entry of A."""

    @property
    def weights(self) -> Any:
        """None, or what its rows are multiplied by."""

    @property
    def matrix(self) -> Any:
        """The rows (m, c), sliced."""

    def read_chunks(self) -> Iterator[tuple[int, Array]]:
        """All chunks in order, each with the number of its first row."""


class StoredRows(Rows):
    """The rows of a store for the algorithms of `dff_widgets.factorization`.

    The Gram matrix, the norm and the mean were summed while the store was filled. So a sketch reads the store once, for
    ``Y = A V``, which stays beside it on disk; and two closing iterations read it twice.

    Args:
        store: which.
        device: that computes; the blocks are brought there one at a time.
    """

    closing = 2  # each reads the whole store; in memory a third one is cheap

    def __init__(self, store: Stored, device: str | torch.device) -> None:
        self.store = store
        self.shape = store.shape
        self.device = pick_device(device)
        self.nonnegative = store.least >= 0
        self.squared_norm = store.squared_norm
        self.step = max(1, _BLOCK_BYTES // (4 * store.shape[1]))

    @property
    def least(self) -> float:
        """The least entry."""
        return self.store.least

    @property
    def mean_size(self) -> float:
        """The mean of |A|."""
        return self.store.mean_size

    def gram(self) -> Tensor:
        """AᵀA (c, c), which the store knows."""
        return torch.from_numpy(self.store.gram).float().to(self.device)

    def dense(self, step: int = CHUNK) -> Iterator[tuple[slice, Tensor]]:
        """See `dense`."""
        yield from dense(self.store, self.device, step)

    def rows(self, index: Tensor) -> Tensor:
        """Some rows by index, (m, c)."""
        found = [self.store.matrix[i : i + 1] for i in index.tolist()]
        return torch.from_numpy(np.concatenate(found)).to(self.device)

    def project(self, V: Tensor, progress: Progress | None = None) -> Projection:
        """A on the axes V (c, r), kept beside the store for the next time, or in a temporary file.

        Raises:
            OSError: the disk is full.
        """
        rank = V.shape[1]
        axes, rows = (self.store.path / f"sketch-{rank}.{kind}" for kind in ("safetensors", "npy"))
        kept = self.store.weights is None  # a weighted store shares its folder with the one it is made of
        known = _known(axes, rows, self.shape[0], V) if kept else None
        if known is not None:
            return Projection(known[0], known[1].to(self.device))
        temporary = rows.with_name(f".{rows.name}.{uuid.uuid4().hex[:8]}")
        try:
            file: Any = temporary.open("xb+") if kept else tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below; beside somebody else's store nothing can be kept
        with room(self.store.path), file:
            try:
                _write_projection(file, self, V, progress)
                Y = _mapped(file, self.shape[0], rank)
                if temporary.exists():
                    temporary.replace(rows)  # who has mapped the one before keeps that one
                    write(axes, "sketch", {"rows": checksum({"rows": Y.numpy()})}, {"V": V.cpu().numpy()})
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        return Projection(Y, V)


def dense(store: Stored, device: torch.device, step: int) -> Iterator[tuple[slice, Tensor]]:
    """The rows as float32 on the device, at most ``step`` at a time, with where they are; each until the next one."""
    # one piece of memory for all: under Dask, whose workers give memory back at once, new pages cost what the sums do
    same = torch.empty(min(step, max(chunk.rows for chunk in store.chunks)), store.shape[1], device=device)
    for start, rows in store.read_chunks():
        for a in range(0, len(rows), step):
            X = torch.from_numpy(rows[a : a + step])
            yield slice(start + a, start + a + len(X)), same[: len(X)].copy_(X.to(device))


def _write_projection(file: BinaryIO, rows: StoredRows, V: Tensor, progress: Progress | None) -> None:
    """``Y = A V`` as a NumPy file; not through a memory map, which would end the process where the disk is full."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows.shape[0], V.shape[1])}
    np.lib.format.write_array_header_1_0(file, header)
    for part, X in rows.dense(rows.step):
        file.write((X @ V).cpu().numpy().data)
        if progress is not None:
            progress(part.stop, rows.shape[0])
    file.flush()


def _mapped(file: BinaryIO, n: int, rank: int) -> Tensor:
    """Y (n, rank) as a tensor whose memory is the file's: the system reads what is used, and forgets it again."""
    offset = file.seek(0, os.SEEK_END) - n * rank * 4
    # copy-on-write: torch wants writable memory, and nothing here writes
    return torch.from_numpy(np.memmap(file, np.float32, "c", offset, (n, rank)))


def _known(axes: Path, rows: Path, n: int, V: Tensor) -> tuple[Tensor, Tensor] | None:
    """Y and V as an earlier sketch of this rank left them, if its axes are those asked for."""
    try:
        content, tensors = read(axes, "sketch")
        before = torch.from_numpy(tensors["V"])
        if before.shape != V.shape or not torch.allclose(before, V.cpu(), atol=1e-4):
            return None
        with rows.open("rb") as file:
            Y = _mapped(file, n, V.shape[1])
        return (Y, before) if checksum({"rows": Y.numpy()}) == content["rows"] else None
    except (ValueError, OSError, KeyError):  # none there, or damaged: it is made again
        return None
