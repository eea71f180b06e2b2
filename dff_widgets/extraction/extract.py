"""Extract: run images through a network and collect the activations of one layer, eqs. 4-6 of the paper."""

from __future__ import annotations

import contextlib
import operator
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..images import ImageSet, UnreadableImageError, warn_left_out
from ..networks import (
    FORWARD_ERRORS,
    Layer,
    Network,
    StopForwardError,
    as_map,
    hooked,
    inference,
    input_like,
    input_shape,
    load_network,
)
from ..wording import one_line
from .batches import batches, readable_sizes

Progress = Callable[[int, int], None]  # images done, images in all; may raise to cancel


class SmallerBatchWarning(UserWarning):
    """A batch did not fit in memory; the extraction went on with fewer images at a time."""


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

    Each image keeps its own aspect: its short side becomes `size`, as nearly as ``network.multiple`` allows. A network
    with an `input_size` takes no other: every image is squeezed to it, whatever `size` says. Images of one size share a
    batch, and are decoded while the network computes. The forward pass stops after the asked layer; the network's mode,
    device and gradients are as before afterwards.

    Args:
        network: from `load_network`, or what `load_network` takes.
        images: an `ImageSet`, or what `ImageSet.of` takes.
        layer: a name in ``network.layers``; the default layer when left out.
        size: short side in pixels, at least 16.
        batch_size: images per forward pass; halved, with a `SmallerBatchWarning`, where memory does not suffice.
        device: ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the extraction.

    Returns:
        Activations; an image that cannot be read is left out with an `UnreadableImageWarning` that names it.

    Raises:
        ValueError: an unknown or non-spatial layer, no readable image, a size or device that cannot be.
        MemoryError: memory does not suffice for a single image.
    """
    network, images = load_network(network), ImageSet.of(images)
    at = network.layer(layer)
    size = whole_number(size, "size", 16, "the short side in whole pixels")
    batch_size = whole_number(batch_size, "batch_size", 1, "a whole number of images")
    where = _device(device)
    report, close = reporter(progress, len(images))
    rows, skipped = _Rows(at.channels), dict[int, str]()
    try:
        sizes = readable_sizes(images, skipped, lambda: report(0, len(images)))
        groups: dict[tuple[int, int], list[int]] = {}
        for i, own in sizes.items():
            shape = input_shape(network, own, size)
            groups.setdefault(shape, []).append(i)
            rows.expect(i, *(-(-side // at.stride) for side in shape))
        with (
            inference(network.module),
            _moved(network.module, where) as like,
            contextlib.closing(
                batches(images, network, sizes, groups, batch_size, skipped, threads=_decoders(where))
            ) as made,
        ):
            forward = _Forward(network, at, like)
            for indices, batch in made:
                for begin, features in forward(batch):
                    rows.put(indices[begin : begin + len(features)], features)
                report(len(rows.grids) + len(skipped), len(images))
    finally:
        close()
    kept = sorted(rows.grids)
    problems = tuple(skipped[i] for i in sorted(skipped))
    if not kept:
        raise UnreadableImageError(f"none of the {len(images)} images can be used: {problems[0]}")
    for problem in problems:
        warn_left_out(problem)
    readable = images.subset(kept) if problems else images
    shapes = tuple(rows.grids[i] for i in kept)
    size = size if network.input_size is None else min(network.input_size)
    own_sizes = tuple(sizes[i] for i in kept)
    return Activations(rows.matrix(), shapes, own_sizes, readable, network.name, at, size, problems)


class _Forward:
    """Runs batches up to a layer, in parts once one did not fit in memory."""

    def __init__(self, network: Network, layer: Layer, like: Tensor) -> None:
        self._network, self._layer, self._like = network, layer, like
        self._module = network.module.get_submodule(layer.name)
        self._most: int | None = None  # images that fit

    def __call__(self, batch: Tensor) -> Iterator[tuple[int, Tensor]]:
        """(n, c, H, W) -> of each part its place in the batch, and its features (m, h, w, channels)."""
        done = 0
        while done < len(batch):
            part = batch[done : None if self._most is None else done + self._most]
            features = self._run(part)
            if features is None:
                self._halve(part)
            else:
                yield done, features
                done += len(features)

    def _run(self, batch: Tensor) -> Tensor | None:
        """The features, or None where memory does not suffice."""
        caught: list[Tensor] = []

        def catch(_name: str, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
            caught.append(output)
            raise StopForwardError

        shape = (batch.shape[2], batch.shape[3])
        try:
            with hooked({self._layer.name: self._module}, catch), contextlib.suppress(StopForwardError):
                self._network.module(batch.to(self._like))
            return as_map(self._layer, caught[0], shape)
        except (*FORWARD_ERRORS, MemoryError) as error:
            if _is_out_of_memory(error):
                return None
            raise ValueError(
                f"{self._network.name} does not take images of {shape[1]} x {shape[0]} pixels ({one_line(error)}); "
                "try another size"
            ) from error

    def _halve(self, batch: Tensor) -> None:
        if self._like.device.type == "cuda":
            torch.cuda.empty_cache()
        n, _, height, width = batch.shape
        if n == 1:
            raise MemoryError(
                f"{self._network.name} runs out of memory on one image of {width} x {height} pixels on "
                f"{self._like.device}; take a smaller size, or another device"
            )
        if self._most is None:
            warnings.warn(
                f"{n} images of {width} x {height} pixels do not fit in the memory of {self._like.device}; "
                "going on with fewer at a time",
                SmallerBatchWarning,
                stacklevel=4,  # the caller of extract
            )
        self._most = n // 2


def _is_out_of_memory(error: BaseException) -> bool:
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        sign in said for sign in ("out of memory", "can't allocate memory", "cudnn_status_alloc_failed")
    )


class _Rows:
    """The matrix, allocated once and filled in any order of the images, so that memory holds one copy."""

    _MARGIN = 3  # positions that a grid may have beyond H / stride, from padding

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._places: dict[int, slice] = {}
        self._room = 0
        self._matrix: npt.NDArray[np.float32] | None = None
        self._others: dict[int, npt.NDArray[np.float32]] = {}  # larger than expected: a preprocess may enlarge images
        self.grids: dict[int, tuple[int, int]] = {}

    def expect(self, image: int, h: int, w: int) -> None:
        """Leave room for an image; in the order of the rows."""
        begin = self._room
        self._room += (h + self._MARGIN) * (w + self._MARGIN)
        self._places[image] = slice(begin, self._room)

    def put(self, images: list[int], features: Tensor) -> None:
        """The features (n, h, w, channels) of some images."""
        if self._matrix is None:
            self._matrix = np.empty((self._room, self._channels), dtype=np.float32)  # takes memory where it is written
        _, h, w, _ = features.shape
        for i, own in zip(images, features, strict=True):
            rows = self._matrix[self._places[i]][: h * w]
            if len(rows) < h * w:
                rows = self._others[i] = np.empty((h * w, self._channels), dtype=np.float32)
            torch.from_numpy(rows.reshape(h, w, -1)).copy_(own)
            self.grids[i] = (h, w)

    def matrix(self) -> npt.NDArray[np.float32]:
        """The rows of all images that came, in order; to be asked for once."""
        matrix, row = self._matrix, 0
        assert matrix is not None
        if self._others:
            parts = (self._others.get(i, matrix[self._places[i]][: h * w]) for i, (h, w) in sorted(self.grids.items()))
            return np.concatenate(list(parts))
        for i, (h, w) in sorted(self.grids.items()):
            matrix[row : row + h * w] = matrix[self._places[i]][: h * w]
            row += h * w
        self._matrix = None
        matrix.resize((row, self._channels), refcheck=False)  # gives back the room that was not needed
        return matrix


# ------------------------------------------------------------------------------------------------------- devices
def whole_number(value: Any, name: str, least: int, what: str) -> int:
    """An option that must be a whole number of at least `least`; `what` says so in words."""
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


def _decoders(device: torch.device) -> int:
    """How many threads decode: one beside a network on the CPU, which is busy with the network, else all cores."""
    return 1 if device.type == "cpu" else min(8, os.cpu_count() or 1)


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


def reporter(progress: Progress | bool, total: int) -> tuple[Progress, Callable[[], None]]:
    """What to call after each batch, and at the end."""
    if callable(progress):
        return progress, lambda: None
    if not progress:
        return lambda _done, _total: None, lambda: None
    from tqdm.auto import tqdm

    bar = tqdm(total=total, desc="extracting", unit="image")
    return lambda done, _total: bar.update(done - bar.n), bar.close
