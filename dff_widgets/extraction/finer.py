"""The finer layer of a network that says where the factors of a deeper one are, and its features in passes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..images import ImageSet, UnreadableImageError
from ..networks import Layer, Network, input_shape
from .extract import extract_layers, stream
from .origin import Origin
from .records import Extracted

Floats = npt.NDArray[np.float32]
Passes = Callable[[], Iterable[Sequence[tuple[int, Floats]]]]  # each call: batches of (image, features (h, w, c))

_BATCH = 32  # images at a time of activations that are there
_HELD_BYTES = 2**27  # of activations that are extracted for a while; beyond, the images go through at each pass


class NoFinerLayerError(ValueError):
    """A network has no layer that is finer than the one asked about."""


def finer_layer(network: Network, layer: str | None = None) -> Layer:
    """The layer that sharpens the factors of another one.

    It is the last of the largest modules whose stride is half of the deep layer's: the output of a whole stage, which
    sums up what a position is, rather than one inside a block. Where tokens keep one grid through most of the network,
    it is an earlier block, at two thirds of the depth: the last ones have spread what is global over all positions.

    Args:
        network: from `load_network`.
        layer: the deep layer; the default one when left out.

    Raises:
        NoFinerLayerError: there is none.
    """
    deep = network.layer(layer)
    names = [known.name for known in network.layers]
    before = network.layers[: names.index(deep.name)] if deep.name in names else network.layers
    tokens = [known for known in before if known.layout == "tokens" and known.stride == deep.stride]
    blocks = _outermost([known for known in tokens if known.name[-1].isdigit()])
    if deep.layout == "tokens" and len(blocks) > 1 and 2 * names.index(blocks[0].name) < len(names):
        return blocks[2 * (len(blocks) - 1) // 3]
    finer = _outermost([known for known in before if 2 * known.stride == deep.stride])
    if finer:
        return finer[-1]
    raise NoFinerLayerError(
        f"{network.name} has no layer of stride {deep.stride / 2:g} before {deep.name}, which could sharpen its maps; "
        "give one by name, or a deeper layer"
    )


def _outermost(layers: Sequence[Layer]) -> list[Layer]:
    """Those whose names have the fewest parts."""
    least = min((known.name.count(".") for known in layers), default=0)
    return [known for known in layers if known.name.count(".") == least]


def held(activations: Extracted) -> Passes:
    """Passes over activations that are there: in memory, or in a store that is read a few images at a time."""
    ends = np.cumsum([0, *(h * w for h, w in activations.shapes)])

    def passes() -> Iterator[list[tuple[int, Floats]]]:
        for start in range(0, len(activations.shapes), _BATCH):
            some = range(start, min(start + _BATCH, len(activations.shapes)))
            rows = np.asarray(activations.matrix[ends[some[0]] : ends[some[-1] + 1]], dtype=np.float32)
            parts = np.split(rows, ends[some[0] + 1 : some[-1] + 1] - ends[some[0]])
            yield [(i, part.reshape(*activations.shapes[i], -1)) for i, part in zip(some, parts, strict=True)]

    return passes


def repeated(
    network: Network,
    images: ImageSet,
    layer: str,
    *,
    size: int,
    sizes: Sequence[tuple[int, int]],
    device: str = "auto",
) -> Passes:
    """Passes that send the images through the network each time, so that memory holds one batch.

    Args:
        network: from `load_network`.
        images: the images.
        layer: the layer.
        size: short side in pixels, as in `extract`.
        sizes: per image its (height, width).
        device: as in `extract`.
    """

    def passes() -> Iterator[list[tuple[int, Floats]]]:
        lost: dict[int, str] = {}
        known = dict(enumerate(sizes))
        with contextlib.closing(
            stream(network, images, [layer], size=size, sizes=known, device=device, skipped=lost)
        ) as batches:
            for batch in batches:
                features = batch.features[layer].float().cpu().contiguous().numpy()
                yield list(zip(batch.images, features, strict=True))
        if lost:
            raise UnreadableImageError(next(iter(lost.values())))

    return passes


def passes_of(origin: Origin, layers: Sequence[str]) -> dict[str, Passes]:
    """By layer passes over the activations of the images that others came from.

    Those that somebody keeps are taken; else the images go through the network once for all of these layers, or, where
    that is too much to hold, once for each pass.

    Raises:
        UnreadableImageError: an image cannot be read any more.
    """
    network = origin.load()
    there = {layer: origin.known(layer) for layer in layers}
    missing = [layer for layer, known in there.items() if known is None]
    if missing and _bytes(origin, network, missing) <= _HELD_BYTES:
        made = extract_layers(network, origin.images, missing, size=origin.size, device=origin.device)
        there |= made
        for one in made.values():
            if len(one.shapes) < len(origin.images):
                raise UnreadableImageError(one.skipped[-1])
    options: dict[str, Any] = {"size": origin.size, "sizes": origin.sizes, "device": origin.device}
    return {
        layer: repeated(network, origin.images, layer, **options) if known is None else held(known)
        for layer, known in there.items()
    }


def _bytes(origin: Origin, network: Network, layers: Sequence[str]) -> int:
    """Of the activations of some layers, about."""
    shapes = [input_shape(network, size, origin.size) for size in origin.sizes]
    each = [(at.channels, at.stride) for at in map(network.layer, layers)]
    return sum(4 * channels * -(-h // stride) * -(-w // stride) for channels, stride in each for h, w in shapes)
