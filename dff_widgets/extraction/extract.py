"""Extract: run images through a network and collect the activations of one layer, eqs. 4-6 of the paper."""

from __future__ import annotations

import contextlib
import operator
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..devices import is_out_of_memory, pick_device
from ..images import ImageSet, UnreadableImageError, warn_left_out
from ..names import EMBEDDED
from ..networks import (
    FORWARD_ERRORS,
    Layer,
    Network,
    as_map,
    forward_to,
    inference,
    input_like,
    input_shape,
    load_network,
)
from ..wording import one_line
from .batches import batches, readable_sizes
from .origin import Origin

_MAPS = 24 << 20  # bytes; tensors above 32 MiB cost the system new pages at each call
_DEVICE_MAPS = 512 << 20  # bytes, on an accelerator

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
        origin: what gives other layers of the same images; None where nothing does.
    """

    matrix: npt.NDArray[np.float32] = field(repr=False)
    shapes: tuple[tuple[int, int], ...] = field(repr=False)
    sizes: tuple[tuple[int, int], ...] = field(repr=False)
    images: ImageSet = field(repr=False)
    network: str
    layer: Layer
    size: int
    skipped: tuple[str, ...] = ()
    origin: Origin | None = field(default=None, repr=False)


def extract(
    network: Network | str | nn.Module,
    images: Any,
    *,
    layer: str | None = None,
    size: int = 320,
    batch_size: int | None = None,
    device: str | torch.device = "auto",
    fuse: bool | None = None,
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
        batch_size: images per forward pass; by default as many as the processor's memory is quickest with. Halved, with
            a `SmallerBatchWarning`, where memory does not suffice.
        device: ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.
        fuse: whether the network runs with batch normalization and ReLU inside its convolutions where that gives the
            same maps, to a thousandth of their range, as is tried out first; by default the embedded network does.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the extraction.

    Returns:
        Activations; an image that cannot be read is left out with an `UnreadableImageWarning` that names it.

    Raises:
        ValueError: an unknown or non-spatial layer, no readable image, a size or device that cannot be.
        MemoryError: memory does not suffice for a single image.
    """
    loaded = load_network(network)
    at = loaded.layer(layer)
    options: dict[str, Any] = {"batch_size": batch_size, "device": device, "fuse": fuse}
    return _collect(network, loaded, images, [at], size, progress, **options)[at.name]


def extract_layers(
    network: Network | str | nn.Module,
    images: Any,
    layers: Iterable[str],
    *,
    size: int = 320,
    batch_size: int | None = None,
    device: str | torch.device = "auto",
    fuse: bool | None = None,
    progress: Progress | bool = False,
) -> dict[str, Activations]:
    """`extract` for several layers in one forward pass, which stops after the last of them.

    Args:
        network: as in `extract`.
        images: as there.
        layers: names in ``network.layers``, at least one, in any order.
        size: as there.
        batch_size: as there.
        device: as there.
        fuse: as there.
        progress: as there.

    Returns:
        By name, in the order that was asked for, the `Activations` of each layer: of the same images, each with a
        matrix of its own. All are held in memory; `stream` gives them batch by batch.

    Raises:
        ValueError, MemoryError: as `extract`; or no layer was asked for.
    """
    loaded = load_network(network)
    asked = [loaded.layer(name) for name in ([] if isinstance(layers, str) else layers)]
    if not asked:
        raise ValueError(f"layers is {layers!r}; give a list of names, at least one")
    options: dict[str, Any] = {"batch_size": batch_size, "device": device, "fuse": fuse}
    return _collect(network, loaded, images, asked, size, progress, **options)


def _collect(
    given: Network | str | nn.Module,
    network: Network,
    images: Any,
    asked: Sequence[Layer],
    size: int,
    progress: Progress | bool,
    **options: Any,
) -> dict[str, Activations]:
    images, size = ImageSet.of(images), whole_number(size, "size", 16, "the short side in whole pixels")
    rows = {layer.name: _Rows(layer.channels) for layer in asked}
    report, close = reporter(progress, len(images))
    skipped: dict[int, str] = {}
    try:
        sizes = readable_sizes(images, skipped, lambda: report(0, len(images)))
        for layer in asked:
            for i, own in sizes.items():
                grid = (-(-side // layer.stride) for side in input_shape(network, own, size))
                rows[layer.name].expect(i, *grid)
        told: dict[str, Any] = {"sizes": sizes, "skipped": skipped, "report": report}
        passed = stream(network, images, list(rows), size=size, **told, **options)
        with contextlib.closing(passed):
            for batch in passed:
                for name, features in batch.features.items():
                    rows[name].put(batch.images, features)
    finally:
        close()
    kept = sorted(next(iter(rows.values())).grids)
    problems = tuple(skipped[i] for i in sorted(skipped))
    if not kept:
        raise UnreadableImageError(f"none of the {len(images)} images can be used: {problems[0]}")
    for problem in problems:
        warn_left_out(problem)
    readable = images.subset(kept) if problems else images
    size = size if network.input_size is None else min(network.input_size)
    own_sizes = tuple(sizes[i] for i in kept)
    origin = Origin(given if isinstance(given, str) else network, readable, own_sizes, size, options["device"])
    origin.use(network)

    def activations(layer: Layer) -> Activations:
        shapes = tuple(rows[layer.name].grids[i] for i in kept)
        matrix = rows[layer.name].matrix()
        return Activations(matrix, shapes, own_sizes, readable, network.name, layer, size, problems, origin)

    found = {layer.name: activations(layer) for layer in {layer.name: layer for layer in asked}.values()}
    for name, one in found.items():
        origin.offer(name, one)
    return found


@dataclass(frozen=True, eq=False)
class Batch:
    """What some images of one size gave at some layers.

    Attributes:
        images: their indices in the set.
        features: by layer name (m, h, w, channels) for m images, on the network's device; good until the next batch.
    """

    images: list[int]
    features: dict[str, Tensor] = field(repr=False)


def stream(
    network: Network,
    images: ImageSet,
    layers: Iterable[str],
    *,
    size: int = 320,
    batch_size: int | None = None,
    device: str | torch.device = "auto",
    fuse: bool | None = None,
    sizes: Mapping[int, tuple[int, int]] | None = None,
    skipped: dict[int, str] | None = None,
    report: Progress | None = None,
) -> Generator[Batch, None, None]:
    """What `extract_layers` collects, batch by batch, so that memory holds no more than one.

    Args:
        network: from `load_network`.
        images: the images.
        layers: as in `extract_layers`.
        size: as there.
        batch_size: as there.
        device: as there.
        fuse: as there.
        sizes: by index the (height, width) of the images to take; by default of all that can be read.
        skipped: gets a sentence for each image that cannot be read.
        report: called with (images done, images in all) after each batch; what it raises ends the pass.

    Yields:
        Batches, in no order of the images; close the generator when leaving it early.
    """
    asked = [network.layer(name) for name in layers]
    size = whole_number(size, "size", 16, "the short side in whole pixels")
    if batch_size is not None:
        batch_size = whole_number(batch_size, "batch_size", 1, "a whole number of images")
    where = pick_device(device)
    skipped = {} if skipped is None else skipped
    sizes = readable_sizes(images, skipped, lambda: None) if sizes is None else sizes
    groups: dict[tuple[int, int], list[int]] = {}
    for i, own in sizes.items():
        groups.setdefault(input_shape(network, own, size), []).append(i)
    at_once = partial(_at_once, network, where) if batch_size is None else lambda _shape: batch_size
    made = batches(images, network, sizes, groups, at_once, skipped, threads=_decoders(where))
    done, fuse = 0, network.name == EMBEDDED if fuse is None else fuse
    with inference(network.module), contextlib.closing(made), contextlib.ExitStack() as stack:
        module = network.fused([layer.name for layer in asked]) if fuse else network.module
        forward = _Forward(network.name, module, asked, stack.enter_context(_moved(module, where)))
        for indices, batch in made:
            for begin, features in forward(batch):
                some = indices[begin : begin + len(next(iter(features.values())))]
                yield Batch(some, features)
                done += len(some)
            if report is not None:
                report(done + len(skipped), len(images))


class _Forward:
    """Runs batches up to the last of some layers, in parts once one did not fit in memory."""

    def __init__(self, name: str, module: nn.Module, layers: Sequence[Layer], like: Tensor) -> None:
        self._name, self._module, self._like = name, module, like
        self._layers = {layer.name: layer for layer in layers}
        self._most: int | None = None  # images that fit

    def __call__(self, batch: Tensor) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """(n, c, H, W) -> of each part its place in the batch, and by layer its features (m, h, w, channels)."""
        done = 0
        while done < len(batch):
            part = batch[done : None if self._most is None else done + self._most]
            features = self._run(part)
            if features is None:
                self._halve(part)
            else:
                yield done, features
                done += len(part)

    def _run(self, batch: Tensor) -> dict[str, Tensor] | None:
        """The features, or None where memory does not suffice."""
        shape = (batch.shape[2], batch.shape[3])
        try:
            caught = forward_to(self._module, self._layers, batch.to(self._like))
            features = {name: as_map(layer, caught[name], shape) for name, layer in self._layers.items()}
        except (*FORWARD_ERRORS, MemoryError) as error:
            if is_out_of_memory(error):
                return None
            raise ValueError(
                f"{self._name} does not take images of {shape[1]} x {shape[0]} pixels ({one_line(error)}); "
                "try another size"
            ) from error
        for name, found in features.items():
            if len(found) != len(batch):
                raise ValueError(
                    f"layer {name!r} of {self._name} gives {len(found)} maps for {len(batch)} images; give a network "
                    "that makes one for each, whatever else is in the batch"
                )
        return features

    def _halve(self, batch: Tensor) -> None:
        if self._like.device.type == "cuda":
            torch.cuda.empty_cache()
        n, _, height, width = batch.shape
        if n == 1:
            raise MemoryError(
                f"{self._name} runs out of memory on one image of {width} x {height} pixels on "
                f"{self._like.device}; take a smaller size, or another device"
            )
        if self._most is None:
            warnings.warn(
                f"{n} images of {width} x {height} pixels do not fit in the memory of {self._like.device}; "
                "going on with fewer at a time",
                SmallerBatchWarning,
                stacklevel=6,  # the caller of extract or extract_layers
            )
        self._most = n // 2


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


def _at_once(network: Network, device: torch.device, shape: tuple[int, int]) -> int:
    """How many images of a size make a batch, so that its largest maps stay small enough to be quick."""
    numbers = max(layer.channels / layer.stride**2 for layer in network.layers)  # for each pixel
    budget, most = (_MAPS, 8) if device.type == "cpu" else (_DEVICE_MAPS, 64)
    return max(1, min(most, int(budget / (4 * numbers * shape[0] * shape[1]))))


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
