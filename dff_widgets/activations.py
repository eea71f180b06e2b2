"""Extract: run images through a network and collect the activations of one layer, eqs. 4-6 of the paper."""

from __future__ import annotations

import contextlib
import operator
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

from .images import ImageSet, UnreadableImageError, warn_left_out
from .networks import (
    FORWARD_ERRORS,
    Layer,
    Network,
    StopForwardError,
    hooked,
    inference,
    input_like,
    load_network,
    one_line,
)

Progress = Callable[[int, int], None]  # images done, images in all; may raise to cancel

_LONGEST = 16  # sides: a longer strip would need more memory than a set of photos


@dataclass(frozen=True, eq=False)
class Activations:
    """The activations of one layer for a set of images.

    Attributes:
        matrix: (rows, channels) float32, a row per spatial position, image after image, in row-major order (eq. 6).
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
    device: str | torch.device = "auto",
    progress: Progress | bool = False,
) -> Activations:
    """Run images through a network up to one layer.

    Each image keeps its own aspect: its short side becomes `size`. Images of one size share a batch. The forward pass
    stops after the asked layer; the network's mode, device and gradients are as before afterwards.

    Args:
        network: from `load_network`, or what `load_network` takes.
        images: an `ImageSet`, or what `ImageSet.of` takes.
        layer: a name in ``network.layers``; the default layer when left out.
        size: short side in pixels, at least 16.
        batch_size: images per forward pass.
        device: ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the extraction.

    Returns:
        Activations; an image that cannot be read is left out with an `UnreadableImageWarning` that names it.

    Raises:
        ValueError: an unknown or non-spatial layer, no readable image, a size or device that cannot be.
    """
    network, images = load_network(network), ImageSet.of(images)
    at = network.layer(layer)
    size = _whole(size, "size", 16, "the short side in whole pixels")
    batch_size = _whole(batch_size, "batch_size", 1, "a whole number of images")
    where = _device(device)
    report, close = _reporter(progress, len(images))
    maps: dict[int, npt.NDArray[np.float32]] = {}  # image -> (h, w, c)
    sizes: dict[int, tuple[int, int]] = {}
    skipped: dict[int, str] = {}
    try:
        with inference(network.module), _moved(network.module, where) as like:
            for indices, batch in _prefetch(_batches(images, network, size, batch_size, sizes, skipped)):
                features = _forward(network, at.name, batch.to(like))
                maps.update(zip(indices, features, strict=True))
                report(len(maps) + len(skipped), len(images))
    finally:
        close()
    kept = sorted(maps)
    problems = tuple(skipped[i] for i in sorted(skipped))
    if not kept:
        raise ValueError(f"none of the {len(images)} images can be used: {problems[0]}")
    for problem in problems:
        warn_left_out(problem)
    shapes = tuple((maps[i].shape[0], maps[i].shape[1]) for i in kept)
    readable = images.subset(kept) if problems else images
    matrix = _stack(maps, kept)
    return Activations(matrix, shapes, tuple(sizes[i] for i in kept), readable, network.name, at, size, problems)


def _forward(network: Network, layer: str, batch: Tensor) -> npt.NDArray[np.float32]:
    """The layer's output on a batch (n, 3, H, W) as (n, h, w, c)."""
    caught: list[Tensor] = []

    def catch(_name: str, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
        caught.append(output)
        raise StopForwardError

    module = network.module
    try:
        with hooked({layer: module.get_submodule(layer)}, catch), contextlib.suppress(StopForwardError):
            module(batch)
    except torch.OutOfMemoryError:
        raise
    except FORWARD_ERRORS as error:
        height, width = batch.shape[2:]
        raise ValueError(
            f"{network.name} does not take images of {width} x {height} pixels ({one_line(error)}); try another size"
        ) from error
    return np.asarray(caught[0].permute(0, 2, 3, 1).float().contiguous().cpu())


def _stack(maps: dict[int, npt.NDArray[np.float32]], kept: list[int]) -> npt.NDArray[np.float32]:
    """All maps as rows, in order; each map is let go once copied, so that memory holds little more than one copy."""
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
    images: ImageSet,
    network: Network,
    size: int,
    batch_size: int,
    sizes: dict[int, tuple[int, int]],
    skipped: dict[int, str],
) -> Iterator[tuple[list[int], Tensor]]:
    """Batches (indices, (n, 3, H, W) normalised) of images that share a size.

    Each image's own (height, width) goes to `sizes`; why one cannot be used goes to `skipped`.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for i in range(len(images)):
        try:
            sizes[i] = images.size(i)
            groups.setdefault(_target(sizes[i], size, images.names[i]), []).append(i)
        except UnreadableImageError as error:
            skipped[i] = str(error)
    mean, std = (np.array(v, dtype=np.float32) for v in (network.mean, network.std))
    for shape, members in groups.items():
        remaining = iter(members)
        while chunk := list(islice(remaining, batch_size)):
            indices, arrays = [], []
            for i in chunk:
                try:
                    pixels = images.open(i)
                    if (pixels.height, pixels.width) != sizes[i]:
                        raise UnreadableImageError(f"{images.names[i]} was replaced by another image while it was read")
                except UnreadableImageError as error:
                    skipped[i] = str(error)
                    continue
                pixels = pixels.resize(shape[::-1], Image.Resampling.BICUBIC)
                indices.append(i)
                arrays.append((np.asarray(pixels, dtype=np.float32) / 255 - mean) / std)
            if indices:
                yield indices, torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)


def _target(shape: tuple[int, int], size: int, name: str) -> tuple[int, int]:
    """(height, width) with the short side at `size` and the aspect kept."""
    if max(shape) > _LONGEST * min(shape):
        raise UnreadableImageError(
            f"{name} is {shape[1]} x {shape[0]} pixels, a strip more than {_LONGEST} times as long as wide; crop it"
        )
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
def _whole(value: Any, name: str, least: int, what: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ValueError(f"{name} is {value!r}; give {what}, at least {least}")
    return number


def _device(device: str | torch.device) -> torch.device:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f'device {str(device)!r} is not available here; "auto" takes CUDA, MPS or the CPU') from error
    return torch.device(device)


@contextlib.contextmanager
def _moved(module: nn.Module, device: torch.device) -> Iterator[Tensor]:
    """The module on that device, and back where it was afterwards; one that is spread over devices stays where it is.

    Yields:
        A tensor of the device and dtype that the module's input must have.
    """
    homes = list({tensor.device for tensor in (*module.parameters(), *module.buffers())})
    try:
        if len(homes) == 1:
            module.to(device)
        yield input_like(module) if homes else torch.empty(0, device=device)
    finally:
        if len(homes) == 1:
            module.to(homes[0])


def _reporter(progress: Progress | bool, total: int) -> tuple[Progress, Callable[[], None]]:
    """What to call after each batch, and at the end."""
    if callable(progress):
        return progress, lambda: None
    if not progress:
        return lambda _done, _total: None, lambda: None
    from tqdm.auto import tqdm

    bar = tqdm(total=total, desc="extracting", unit="image")
    return lambda done, _total: bar.update(done - bar.n), bar.close
