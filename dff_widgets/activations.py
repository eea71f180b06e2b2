"""Extract: run images through a network and collect the activations of one layer, eqs. 4-6 of the paper."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from .images import ImageSet, UnreadableImageError, UnreadableImageWarning
from .networks import Layer, Network, StopForwardError, hooked, inference, load_network

Progress = Callable[[int, int], None]  # images done, images in all; may raise to cancel


@dataclass(frozen=True, eq=False)
class Activations:
    """The activations of one layer for a set of images.

    Attributes:
        matrix: float32 (rows, channels): a row per spatial position, image after image, each in row-major order (eq. 6).
        shapes: per image its grid (h, w) at the layer; rows = the sum of h·w.
        sizes: per image its own (height, width) in pixels.
        images: the images the rows came from; those that could not be read are not among them.
        network: the network's name.
        layer: the layer.
        size: short side in pixels at which the images went through the network.
        skipped: one sentence for each image that could not be read.
    """

    matrix: npt.NDArray[np.float32] = field(repr=False)
    shapes: tuple[tuple[int, int], ...] = field(repr=False)
    sizes: tuple[tuple[int, int], ...] = field(repr=False)
    images: ImageSet = field(repr=False)
    network: str
    layer: Layer
    size: int
    skipped: tuple[str, ...] = ()


def extract(
    network: Network | str | nn.Module,
    images: Any,
    *,
    layer: str | None = None,
    size: int = 320,
    batch_size: int = 8,
    device: str = "auto",
    progress: Progress | bool = False,
) -> Activations:
    """Run images through a network up to one layer.

    Each image keeps its own aspect: its short side becomes `size`. Images of one size share a batch. The forward pass stops
    after the asked layer; the network's mode and gradients are as before afterwards.

    Args:
        network: from `load_network`, or what `load_network` takes.
        images: an `ImageSet`, or what `ImageSet.of` takes.
        layer: a name in ``network.layers``; the default layer when left out.
        size: short side in pixels, at least 16.
        batch_size: images per forward pass.
        device: ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends the
            extraction.

    Returns:
        Activations; an image that cannot be read is left out with an `UnreadableImageWarning` that names it.

    Raises:
        ValueError: an unknown or non-spatial layer, no readable image, a size that is too small.
    """
    network, images = load_network(network), ImageSet.of(images)
    at = network.layer(layer)
    if size < 16 or int(size) != size:
        raise ValueError(f"size is {size!r}; give the short side in whole pixels, at least 16")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; give at least 1")
    where = _device(device)
    report, close = _reporter(progress, len(images))
    maps: dict[int, npt.NDArray[np.float32]] = {}  # image -> (h, w, c)
    skipped: list[str] = []
    try:
        with _moved(network.module, where), inference(network.module):
            for indices, batch in _prefetch(_batches(images, network, int(size), batch_size, skipped)):
                features = _forward(network.module, at.name, batch.to(where))
                maps.update(zip(indices, features, strict=True))
                report(len(maps) + len(skipped), len(images))
    finally:
        close()
    if not maps:
        raise ValueError(f"none of the {len(images)} images can be read: {skipped[0]}")
    for sentence in skipped:
        warnings.warn(f"left out: {sentence}", UnreadableImageWarning, stacklevel=2)
    kept = sorted(maps)
    shapes = tuple((maps[i].shape[0], maps[i].shape[1]) for i in kept)
    sizes = tuple(images.size(i) for i in kept)
    readable = images.subset(kept) if skipped else images
    return Activations(_stack(maps, kept), shapes, sizes, readable, network.name, at, int(size), tuple(skipped))


def _forward(module: nn.Module, layer: str, batch: Tensor) -> npt.NDArray[np.float32]:
    """The layer's output on a batch (n, 3, H, W) as (n, h, w, c)."""
    caught: list[Tensor] = []

    def catch(_name: str, _module: nn.Module, output: Tensor) -> None:
        caught.append(output)
        raise StopForwardError

    with hooked({layer: module.get_submodule(layer)}, catch), contextlib.suppress(StopForwardError):
        module(batch)
    return np.asarray(caught[0].permute(0, 2, 3, 1).float().contiguous().cpu())


def _stack(maps: dict[int, npt.NDArray[np.float32]], kept: list[int]) -> npt.NDArray[np.float32]:
    """All maps as rows, in order; each map is let go once it is copied, so that memory holds little more than one copy."""
    channels = maps[kept[0]].shape[2]
    matrix = np.empty((sum(maps[i].shape[0] * maps[i].shape[1] for i in kept), channels), dtype=np.float32)
    row = 0
    for i in kept:
        features = maps.pop(i).reshape(-1, channels)
        matrix[row : row + len(features)] = features
        row += len(features)
    return matrix


# ------------------------------------------------------------------------------------------------ batches of images
def _batches(
    images: ImageSet, network: Network, size: int, batch_size: int, skipped: list[str]
) -> Iterator[tuple[list[int], Tensor]]:
    """Batches (indices, (n, 3, H, W) normalised) of images that share a size; what cannot be read goes to `skipped`."""
    groups: dict[tuple[int, int], list[int]] = {}
    for i in range(len(images)):
        try:
            groups.setdefault(_target(images.size(i), size), []).append(i)
        except UnreadableImageError as error:
            skipped.append(str(error))
    mean, std = (np.array(v, dtype=np.float32) for v in (network.mean, network.std))
    for shape, members in groups.items():
        remaining = iter(members)
        while chunk := list(islice(remaining, batch_size)):
            indices, arrays = [], []
            for i in chunk:
                try:
                    pixels = images.open(i).resize(shape[::-1], Image.Resampling.BICUBIC)
                except UnreadableImageError as error:
                    skipped.append(str(error))
                    continue
                indices.append(i)
                arrays.append((np.asarray(pixels, dtype=np.float32) / 255 - mean) / std)
            if indices:
                yield indices, torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)


def _target(shape: tuple[int, int], size: int) -> tuple[int, int]:
    """(height, width) with the short side at `size` and the aspect kept."""
    scale = size / min(shape)
    return round(shape[0] * scale), round(shape[1] * scale)


def _prefetch(batches: Iterator[tuple[list[int], Tensor]]) -> Iterator[tuple[list[int], Tensor]]:
    """The same batches, each decoded while the network works on the one before."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dff-decode") as pool:
        ahead = pool.submit(next, batches, None)
        while (batch := ahead.result()) is not None:
            ahead = pool.submit(next, batches, None)
            yield batch


# ------------------------------------------------------------------------------------------------------- devices
def _device(device: str) -> torch.device:
    if device != "auto":
        return torch.device(device)
    return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")


@contextlib.contextmanager
def _moved(module: nn.Module, device: torch.device) -> Iterator[None]:
    """The module on that device, and back where it was afterwards."""
    parameter = next(module.parameters(), None)
    home = device if parameter is None else parameter.device
    module.to(device)
    try:
        yield
    finally:
        module.to(home)


def _reporter(progress: Progress | bool, total: int) -> tuple[Progress, Callable[[], None]]:
    """What to call after each batch, and at the end."""
    if callable(progress):
        return progress, lambda: None
    if not progress:
        return lambda _done, _total: None, lambda: None
    from tqdm.auto import tqdm

    bar = tqdm(total=total, desc="extracting", unit="image")
    return lambda done, _total: bar.update(done - bar.n), bar.close
