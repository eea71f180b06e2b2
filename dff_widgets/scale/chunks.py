"""One chunk of a store: the rows of some consecutive images, made or found, written and summed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..devices import pick_device
from ..extraction import Activations, Progress
from ..factorization.rows import CHUNK, add_gram, mirrored
from ..images import ImageSet, UnreadableImageError, warn_left_out
from .files import CHUNKS, Chunk, read, room, write

Array = npt.NDArray[Any]

Make = Callable[[ImageSet, Progress], Activations]


@dataclass(frozen=True)
class Plan:
    """Where the chunks of a store go, and in which form.

    Attributes:
        path: the store.
        channels, dtype, clamp: of its rows.
        per_chunk: images in a chunk.
        images: in all.
    """

    path: Path
    channels: int
    dtype: str
    clamp: bool
    per_chunk: int
    images: int

    def __len__(self) -> int:
        return math.ceil(self.images / self.per_chunk)

    def members(self, number: int) -> range:
        """The images of a chunk."""
        return range(number * self.per_chunk, min((number + 1) * self.per_chunk, self.images))

    def file(self, number: int) -> str:
        """A chunk's file inside the store."""
        return f"{CHUNKS}/{number:06}.safetensors"


@dataclass(frozen=True, eq=False)
class Made:
    """What is known of a chunk besides its rows."""

    chunk: Chunk
    kept: Array = field(repr=False)
    shapes: Array = field(repr=False)
    sizes: Array = field(repr=False)
    skipped: tuple[str, ...]
    least: float
    total_size: float
    squared_norm: float


def ensure(plan: Plan, number: int, images: ImageSet, make: Make, progress: Progress) -> tuple[Made, Array]:
    """A chunk that is on disk afterwards, whether it was before or not, and its rows' AᵀA (c, c) in float64.

    Args:
        plan: of the store.
        number: the chunk's.
        images: those of the chunk alone.
        make: see `create`.
        progress: called by `make`.
    """
    file = plan.path / plan.file(number)
    try:
        content, tensors = read(file, "chunk")
        crc32 = content["crc32"]
    except ValueError:  # not there, or damaged
        tensors, skipped = _rows(plan, number, images, make, progress)
        content = {"skipped": skipped}
        with room(plan.path):
            crc32 = write(file, "chunk", content, tensors)
    rows = tensors["rows"]
    chunk = Chunk(plan.file(number), len(tensors["kept"]), len(rows), file.stat().st_size, crc32)
    gram, least, total_size, squared_norm = _sums(rows)
    kept, shapes, sizes = (tensors[name] for name in ("kept", "shapes", "sizes"))
    return Made(chunk, kept, shapes, sizes, tuple(content["skipped"]), least, total_size, squared_norm), gram


def _rows(
    plan: Plan, number: int, images: ImageSet, make: Make, progress: Progress
) -> tuple[dict[str, Array], list[str]]:
    """The tensors of a chunk, and a sentence for each image that is left out."""
    members = plan.members(number)
    rows: Array
    try:
        made = make(images, progress)
        used = set(map(id, made.images.sources))
        kept = [i for i, source in zip(members, images.sources, strict=True) if id(source) in used]
        rows, shapes, sizes, skipped = made.matrix, made.shapes, made.sizes, list(made.skipped)
    except UnreadableImageError as error:
        warn_left_out(str(error))
        kept, rows, shapes, sizes, skipped = [], np.empty((0, plan.channels), np.float32), (), (), [str(error)]
    where = f"images {members[0]} to {members[-1]}"
    if rows.shape != (sum(h * w for h, w in shapes), plan.channels) or not len(kept) == len(shapes) == len(sizes):
        raise ValueError(f"the activations of {where} are {rows.shape}; {len(kept)} images give other rows or channels")
    rows = np.maximum(rows, 0) if plan.clamp else rows
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(rows, dtype=plan.dtype)
    if not np.isfinite(rows).all():
        more = '; give dtype="float32"' if plan.dtype == "float16" else ""
        raise ValueError(f"the activations of {where} are not finite or beyond {plan.dtype}'s range{more}")
    pairs: Iterator[Array] = (np.array(v, dtype=np.int32).reshape(-1, 2) for v in (shapes, sizes))
    found = (rows, *pairs, np.array(kept, dtype=np.int64))
    return dict(zip(("rows", "shapes", "sizes", "kept"), found, strict=True)), skipped


def _sums(rows: Array) -> tuple[Array, float, float, float]:
    """AᵀA in float64, the least entry, the sum of |A| and ``‖A‖²`` of some rows."""
    device = pick_device()  # a GPU where there is one: this is c multiplications for each entry
    C = torch.zeros(rows.shape[1], rows.shape[1], device=device)
    least, total_size, squared_norm = math.inf, 0.0, 0.0
    for start in range(0, len(rows), CHUNK):
        X = torch.from_numpy(rows[start : start + CHUNK]).to(device).float()
        add_gram(C, X)
        least = min(least, float(X.min()))
        total_size += float(X.abs().sum(1).cpu().double().sum())
        squared_norm += float(torch.linalg.vector_norm(X, dim=1).cpu().double().square().sum())
    return mirrored(C).cpu().double().numpy(), least, total_size, squared_norm
