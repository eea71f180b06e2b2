"""Fill a store: chunk after chunk, so that a run that was killed goes on where it stopped."""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from .. import storage
from ..extraction import Activations, Origin, Progress, reporter, whole_number
from ..extraction import extract as extract_in_memory
from ..images import ImageSet, UnreadableImageError, warn_left_out
from ..networks import Layer, Network, load_network
from .chunks import Made, Make, Plan, ensure
from .files import CHUNKS, IMAGES, INDEX, MANIFEST, checksum, read, read_manifest, room, write, write_manifest
from .store import Store

if TYPE_CHECKING:
    from distributed import Client

Array = npt.NDArray[Any]

_WHOLE = frozenset((MANIFEST, IMAGES, INDEX))  # the files of a store outside `CHUNKS`
_CHUNK = re.compile(r"\d{6,}\.safetensors")


def extract(
    network: Network | str | nn.Module,
    images: Any,
    path: str | Path,
    *,
    layer: str | None = None,
    size: int = 320,
    batch_size: int | None = None,
    device: str | torch.device = "auto",
    client: Client | None = None,
    **options: Any,
) -> Store:
    """Run images through a network up to one layer, and keep the activations on disk.

    Memory holds one chunk of images at a time. A run that was interrupted, by Ctrl+C or a kill or a full disk, goes on
    when it is started again, and ends with the same bytes as one that was not.

    Args:
        network: from `load_network`, or what `load_network` takes.
        images: an `ImageSet`, or what `ImageSet.of` takes.
        path: the folder, made if need be.
        layer: as in `dff_widgets.extract`, as are the next three.
        size: short side in pixels.
        batch_size: images per forward pass; see `extract`.
        device: that extracts.
        client: a ``dask.distributed.Client``: its workers extract, one network each, and write to `path`, which must be
            the same folder for all of them.
        options: of `create`: ``dtype``, ``images_per_chunk``, ``clamp``, ``resume`` and ``progress``.

    Returns:
        The store; ``store.images`` are the very images given, with their part masks.

    Raises:
        ValueError: as `dff_widgets.extract`, or `create`.
        OSError: the disk is full (what is done stays), or the place cannot be written to.
    """
    loaded = load_network(network)
    at = loaded.layer(layer)
    make = partial(_extracted, network=loaded, layer=at.name, size=size, batch_size=batch_size, device=device)
    about: dict[str, Any] = {"network": loaded.name, "layer": at, "weights": _checksum_of_weights(loaded)}
    store = create(path, images, make, size=size, client=client, **about, **options)
    origin = Origin(network if isinstance(network, str) else loaded, store.images, store.sizes, size, device)
    origin.use(loaded)
    store = replace(store, origin=origin)
    origin.offer(at.name, store)
    return store


def _checksum_of_weights(network: Network) -> int:
    """Two networks of one name are not the same network after training."""
    crc = zlib.crc32(repr((network.mean, network.std)).encode())
    for name, tensor in network.module.state_dict().items():
        crc = zlib.crc32(name.encode(), crc)
        if tensor.numel():
            crc = zlib.crc32(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data, crc)
    return crc


def _extracted(images: ImageSet, progress: Progress, **options: Any) -> Activations:
    return extract_in_memory(images=images, progress=progress, **options)


def create(
    path: str | Path,
    images: Any,
    make: Make,
    *,
    network: str,
    layer: Layer,
    size: int,
    weights: int | None = None,
    dtype: str = "float16",
    images_per_chunk: int = 64,
    clamp: bool = False,
    resume: bool = True,
    progress: Progress | bool = False,
    client: Client | None = None,
) -> Store:
    """A store of activations that a function makes.

    Args:
        path: the folder, made if need be.
        images: an `ImageSet`, or what `ImageSet.of` takes.
        make: ``(images, progress) -> Activations`` of a chunk of the images; for the same images it must give the same
            rows.
        network: the network's name.
        layer: the layer; its channels are those of the rows.
        size: short side in pixels at which the images went through the network.
        weights: a checksum of the network's, so that what another one began is not gone on with.
        dtype: ``"float16"`` or ``"float32"``. float16 halves the disk and the time to read it, and rounds each entry to
            11 bits: on layers of EfficientNet-Lite0, ``‖A - A₁₆‖ / ‖A‖`` is 2e-4, and the error of a factorization
            from the same start changes by less than 1e-6. Entries beyond 65504 need float32.
        images_per_chunk: images in a file, which is what memory holds and what a kill can cost.
        clamp: set negative activations to 0, for plain NMF on a layer that has some.
        resume: go on with what is there; False refuses a folder that holds a store.
        progress: as in `dff_widgets.extract`.
        client: see `extract`; `make` must be picklable then.

    Returns:
        The store. One that is already complete is opened, and nothing is made.

    Raises:
        ValueError: the folder holds something else, or a store of other images or options (the message says which); no
            image can be used; or activations are not finite, or too large for `dtype`.
        OSError: the disk is full (what is done stays), or the place cannot be written to.
    """
    if dtype not in ("float16", "float32"):
        raise ValueError(f"dtype is {dtype!r}; give 'float16' or 'float32'")
    per_chunk = whole_number(images_per_chunk, "images_per_chunk", 1, "a whole number of images")
    images = ImageSet.of(images)
    path = Path(path).expanduser().absolute()
    settings = {
        "network": network,
        "layer": asdict(layer),
        "size": size,
        "weights": weights,
        "dtype": dtype,
        "clamp": clamp,
        "images": len(images),
        "images_per_chunk": per_chunk,
    }
    with room(path):
        complete = _begin(path, settings, images, resume)
    if not complete:
        plan = Plan(path, layer.channels, dtype, clamp, per_chunk, len(images))
        report, close = reporter(progress, len(images))
        try:
            if client is None:
                made, gram = _fill(plan, images, make, report)
            else:
                from .cluster import fill

                made, gram = fill(client, plan, images, make, report)
                for sentence in (sentence for m in made for sentence in m.skipped):  # the workers' warnings stay there
                    warn_left_out(sentence)
        finally:
            close()
        with room(path):
            _finish(path, settings, made, gram)
    return Store.open(path, images=images)


def _fill(plan: Plan, images: ImageSet, make: Make, report: Progress) -> tuple[list[Made], Array]:
    """All chunks, one after the other."""
    every, gram = [], np.zeros((plan.channels, plan.channels))
    for number in range(len(plan)):
        members = plan.members(number)

        def inside(done: int, _total: int, before: int = members[0]) -> None:
            report(before + done, plan.images)

        made, more = ensure(plan, number, images.subset(members), make, inside)
        every.append(made)
        gram += more
        inside(len(members), len(members))
    return every, gram


# ------------------------------------------------------------------------------------------------ begin and finish
def _begin(path: Path, settings: dict[str, Any], images: ImageSet, resume: bool) -> bool:
    """Make the folder ready; says whether the store is complete already."""
    content, tensors = storage.pack_images(ImageSet(images.sources, images.names, None, images.boxes))
    content = {**content, "crc32": checksum(tensors)}
    if (path / MANIFEST).exists():
        if not resume:
            raise ValueError(f"{str(path)!r} holds a store already; give another path, or resume=True")
        found = read_manifest(path)
        for name, value in settings.items():
            if found.get(name) != value:
                raise ValueError(
                    f"the store {str(path)!r} has {name} {found.get(name)!r}, not {value!r}; give another path"
                )
        before, _ = read(path / IMAGES, "images")
        if {name: before.get(name) for name in content} != content:
            raise ValueError(f"the store {str(path)!r} is of other images; give another path")
        _sweep(path)
        return bool(found.get("complete"))
    if path.exists() and not _just_begun(path):
        raise ValueError(f"{str(path)!r} is there and holds no store; give an empty folder, or one that is not there")
    _sweep(path)
    (path / CHUNKS).mkdir(parents=True, exist_ok=True)
    write(path / IMAGES, "images", {name: v for name, v in content.items() if name != "crc32"}, tensors)
    write_manifest(path, {**settings, "complete": False})
    return False


def _just_begun(path: Path) -> bool:
    """Whether a folder without a manifest is empty, or holds only what a kill before the manifest leaves."""
    if not path.is_dir():
        return False
    names = {p.name for p in path.iterdir() if not storage.is_leftover(p.name, _WHOLE.__contains__)}
    if IMAGES in names:
        try:
            read(path / IMAGES, "images")
        except ValueError:
            return False
    chunks = path / CHUNKS
    return names <= {IMAGES, CHUNKS} and (CHUNKS not in names or (chunks.is_dir() and not any(chunks.iterdir())))


def _sweep(path: Path) -> None:
    """Remove what a kill left half written in a store."""
    storage.sweep(path, _WHOLE.__contains__)
    storage.sweep(path / CHUNKS, _CHUNK.fullmatch)


def _finish(path: Path, settings: dict[str, Any], made: list[Made], gram: Array) -> None:
    """Index and manifest: from here on the store is complete."""
    entries = sum(m.chunk.rows for m in made) * len(gram)
    skipped = [sentence for m in made for sentence in m.skipped]
    if not entries:
        raise UnreadableImageError(f"none of the {settings['images']} images can be used: {skipped[0]}")
    about = {
        "skipped": skipped,
        "squared_norm": math.fsum(m.squared_norm for m in made),
        "mean_size": math.fsum(m.total_size for m in made) / entries,
        "least": min(m.least for m in made),
    }
    tensors = {name: np.concatenate([getattr(m, name) for m in made]) for name in ("kept", "shapes", "sizes")}
    write(path / INDEX, "index", about, {**tensors, "gram": gram})
    write_manifest(path, {**settings, "complete": True, "chunks": [asdict(m.chunk) for m in made]})
