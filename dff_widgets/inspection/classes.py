"""What a network's own classifier makes of a factor: its row of W, fed through the rest of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from ..networks import (
    FORWARD_ERRORS,
    Layer,
    Network,
    NoClassesError,
    class_scores,
    hooked,
    inference,
    input_like,
    input_shape,
    load_network,
    prepare,
)
from ..result import DFFResult
from ..wording import one_line
from .patches import check_factor

Array = npt.NDArray[Any]

_SIDE = 224  # pixels of the image whose activations are replaced: what classifiers are trained with


@dataclass(frozen=True)
class ClassScore:
    """What a classifier gives a class.

    Attributes:
        index: of the class in the network's output.
        name: of the class, or ``"class 7"`` where nobody knows.
        score: its logit above the mean logit of all classes.
        probability: by softmax, 0..1. A factor is no photo: what it says is nearly always too sure; compare scores.
    """

    index: int
    name: str
    score: float
    probability: float


def classes(
    result: DFFResult,
    factor: int,
    network: str | nn.Module | Network,
    *,
    n: int = 5,
    names: Sequence[str] | None = None,
) -> tuple[ClassScore, ...]:
    """The classes that a network would see in an image that shows nothing but this factor, at its strongest.

    That is: the factor's row of W, times the largest entry of its column of H, stands at every position of the layer,
    and the rest of the network does what it always does; see `logits`.

    Args:
        result: of that network.
        factor: 0..k-1.
        network: what `load_network` takes; with random weights the answer is random too.
        n: how many classes, at least 1.
        names: of the classes, in the order of the network's output. By default ImageNet's for a network of
            torchvision's or timm's; those of your own module have numbers.

    Returns:
        The n classes of the highest scores, highest first.

    Raises:
        NoClassesError: see `logits`.
        ValueError: there is no such factor, n is too small, or the names are not as many as the classes.
    """
    check_factor(result, factor)
    if n < 1:
        raise ValueError(f"n is {n!r}; give at least one class")
    network = load_network(network)
    H, W = np.asarray(result.factorization.H[:, factor]), np.asarray(result.factorization.W[factor])
    found = logits(network, H.max() * W[None], layer=result.layer)[0].astype(np.float64)
    names = class_names(network.module, len(found)) if names is None else list(names)
    if len(names) != len(found):
        raise ValueError(f"names has {len(names)} entries; {network.name} tells {len(found)} classes apart")
    powers = np.exp(found - found.max())
    scores, probabilities = found - found.mean(), powers / powers.sum()
    return tuple(
        ClassScore(int(c), names[c], float(scores[c]), float(probabilities[c]))
        for c in np.argsort(-found, kind="stable")[:n]
    )


def logits(network: Network, vectors: npt.ArrayLike, *, layer: str | None = None) -> Array:
    """What a network's classifier gives activations that are the same at every position of a layer.

    The network runs on an image of noise of 224 x 224 pixels, or of its own `input_size`, and the layer's output is
    replaced. So a pooling averages equal vectors, the fully connected layers of a VGG get the 7 x 7 grid they need, and
    later convolutions see an area without end but for their padding at its border.

    Args:
        network: from `load_network`.
        vectors: (m, c), in the scale of the layer's activations.
        layer: a name in ``network.layers``; the default layer when left out.

    Returns:
        (m, classes) float32.

    Raises:
        NoClassesError: the output is no vector of scores per image; or something passes the layer by, so that the
            scores also depend on the image: a skip connection around it, or a class token beside the positions.
        ValueError: there is no such layer, or the vectors have another number of channels.
    """
    at, values = network.layer(layer), np.asarray(vectors, dtype=np.float32)
    if values.ndim != 2 or values.shape[1] != at.channels or not len(values):
        raise ValueError(f"vectors is {values.shape}; layer {at.name} of {network.name} needs (m, {at.channels})")
    if getattr(network.module, "num_classes", None) == 0:  # timm's way to leave the classifier out
        raise NoClassesError(f"{network.name} was made without a classifier")
    values = np.concatenate([values, values[:1]])  # over other noise: shows whether the scores depend on it
    noise = _noise(network, len(values))

    def replace(_name: str, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        return _filled(output, at, torch.from_numpy(values))

    try:
        with inference(network.module), hooked({at.name: network.module.get_submodule(at.name)}, replace):
            scores = network.module(noise.to(input_like(network.module)))
    except FORWARD_ERRORS as error:
        raise NoClassesError(f"{network.name} cannot go on from {at.name}: {one_line(error)}") from error
    found = class_scores(network, scores).cpu().numpy()
    if not np.allclose(found[0], found[-1], rtol=1e-3, atol=1e-3 * float(np.abs(found[0]).max())):
        raise NoClassesError(
            f"the classes of {network.name} depend on more than {at.name}: something passes it by, such as a skip "
            "connection or a class token; a later layer may do"
        )
    return np.asarray(found[:-1])


def class_names(module: nn.Module, count: int) -> list[str]:
    """The names of a network's classes: ImageNet's where it is a known one, else numbers; nothing is fetched.

    Args:
        module: the network.
        count: how many classes it tells apart.
    """
    library = type(module).__module__.partition(".")[0]
    if library in ("dff_widgets", "torchvision", "timm") and count == 1000:
        import torchvision

        return list(torchvision.models.get_model_weights("resnet50")["DEFAULT"].meta["categories"])
    if library == "timm":
        from timm.data import ImageNetInfo, infer_imagenet_subset

        if subset := infer_imagenet_subset({"num_classes": count}):
            info = ImageNetInfo(subset)
            return [info.index_to_description(c).partition(",")[0] for c in range(count)]
    return [f"class {c}" for c in range(count)]


def _noise(network: Network, n: int) -> Tensor:
    """(n, c, H, W) n images of noise, as the network takes them; the same at each call."""
    rng = np.random.default_rng(0)
    shape = input_shape(network, (_SIDE, _SIDE), _SIDE)
    pixels = rng.integers(0, 256, (n, *shape, 3), dtype=np.uint8)
    return torch.from_numpy(np.stack([prepare(network, Image.fromarray(p), shape) for p in pixels])).permute(0, 3, 1, 2)


def _filled(output: Tensor, layer: Layer, vectors: Tensor) -> Tensor:
    """A layer's output with vectors (n, c) at all positions of the n images; other tokens stay."""
    vectors = vectors.to(output)
    if layer.layout == "nchw":
        return vectors[:, :, None, None].expand_as(output).clone()
    if layer.layout == "nhwc":
        return vectors[:, None, None].expand_as(output).clone()
    filled = output.clone()
    filled[:, layer.prefix :] = vectors[:, None]
    return filled
