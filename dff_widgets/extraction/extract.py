"""Extract: run images through a network and collect the activations of one layer, eqs. 4-6 of the paper."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..devices import pick_device
from ..images import ImageSet, UnreadableImageError, warn_left_out
from ..names import EMBEDDED
from ..networks import (
    Layer,
    Network,
    inference,
    input_shape,
    load_network,
)
from .batches import batches, readable_sizes
from .forward_pass import Forward, decoders, images_at_once, moved
from .gathering import gatherer
from .origin import Origin

Progress = Callable[[int, int], None]  # images done, images in all; may raise to cancel


@dataclass(frozen=True, eq=False)
class Activations:
    """The activations of one layer for a set of images.

    Attributes:
        rows: (rows, channels) float32, a row per spatial position, image after image, in row-major order (eq. 6): a
            NumPy array, or a tensor on the accelerator that made it, if that has room for two of it.
        shapes: per image its grid (h, w) at the layer; rows = the sum of h·w.
        sizes: per image its own (height, width) in pixels.
        images: the images the rows came from; those that could not be read are not among them.
        network: the network's name.
        layer: the layer.
        size: short side in pixels at which the images went through the network.
        skipped: one sentence for each image that could not be read.
        origin: what gives other layers of the same images; None where nothing does.
    """

    rows: Any = field(repr=False)
    shapes: tuple[tuple[int, int], ...] = field(repr=False)
    sizes: tuple[tuple[int, int], ...] = field(repr=False)
    images: ImageSet = field(repr=False)
    network: str
    layer: Layer
    size: int
    skipped: tuple[str, ...] = ()
    origin: Origin | None = field(default=None, repr=False)

    @cached_property
    def matrix(self) -> npt.NDArray[np.float32]:
        """The rows as a NumPy array: copied from the accelerator, once, when it is asked for."""
        return self.rows if isinstance(self.rows, np.ndarray) else self.rows.cpu().numpy()


def rows_of(activations: Any) -> Any:
    """The rows of activations where they are, which may be an accelerator; of a store, its matrix."""
    return activations.rows if isinstance(activations, Activations) else activations.matrix


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
    report, close = reporter(progress, len(images))
    skipped: dict[int, str] = {}
    try:
        sizes = readable_sizes(images, skipped, lambda: report(0, len(images)))
        shapes = {i: input_shape(network, own, size) for i, own in sizes.items()}
        gather = gatherer(options["device"], asked, shapes)
        rows = {layer.name: gather(layer) for layer in asked}
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
        gathered = rows[layer.name]
        grids = tuple(gathered.grids[i] for i in kept)
        joined = gathered.joined()
        return Activations(joined, grids, own_sizes, readable, network.name, layer, size, problems, origin)

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
    at_once = partial(images_at_once, network, where) if batch_size is None else lambda _shape: batch_size
    made = batches(images, network, sizes, groups, at_once, skipped, threads=decoders(where))
    done, fuse = 0, network.name == EMBEDDED if fuse is None else fuse
    with inference(network.module), contextlib.closing(made), contextlib.ExitStack() as stack:
        module = network.fused([layer.name for layer in asked]) if fuse else network.module
        forward = Forward(network.name, module, asked, stack.enter_context(moved(module, where)))
        for indices, batch in made:
            for begin, features in forward(batch):
                some = indices[begin : begin + len(next(iter(features.values())))]
                yield Batch(some, features)
                done += len(some)
            if report is not None:
                report(done + len(skipped), len(images))


def whole_number(value: Any, name: str, least: int, what: str) -> int:
    """An option that must be a whole number of at least `least`; `what` says so in words."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ValueError(f"{name} is {value!r}; give {what}, at least {least}")
    return number


def reporter(progress: Progress | bool, total: int) -> tuple[Progress, Callable[[], None]]:
    """What to call after each batch, and at the end."""
    if callable(progress):
        return progress, lambda: None
    if not progress:
        return lambda _done, _total: None, lambda: None
    from tqdm.auto import tqdm

    bar = tqdm(total=total, desc="extracting", unit="image")
    return lambda done, _total: bar.update(done - bar.n), bar.close
