"""The rest of a network after a layer: from activations to the scores of classes, by a hook on the layer's output."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..wording import one_line
from .forward import FORWARD_ERRORS, hooked, input_like
from .layers import Layer
from .network import Network


class NoClassesError(ValueError):
    """A network that has no classifier after the layer, or one that does not depend on the layer alone."""


def scores_after(
    network: Network, layer: Layer, values: Tensor, pixels: Tensor, prefix: Tensor | None = None
) -> Tensor:
    """The scores of the classes when a layer gives other activations; to be called inside `inference`.

    The network runs on `pixels`, the layer's output is replaced, and what comes after the layer does what it always
    does. Gradients reach `values` where they are asked for (``values.requires_grad``), and nothing before the layer.

    Args:
        network: from `load_network`.
        layer: of it.
        values: (m, h, w, c) in the scale of the layer's activations, on the network's device.
        pixels: (m, channels, H, W) as the network takes them; or (1, ...), where nothing passes the layer by.
        prefix: (m, p, c) the class and register tokens that come before the positions, where the layer has some; by
            default those that the network made of `pixels`.

    Returns:
        (m, classes) float32.

    Raises:
        NoClassesError: the network cannot go on from there, or its output is no score per class.
    """
    if getattr(network.module, "num_classes", None) == 0:  # timm's way to leave the classifier out
        raise NoClassesError(f"{network.name} was made without a classifier")

    def replace(_name: str, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        torch.set_grad_enabled(values.requires_grad)
        return laid_out(layer, values.to(output), output, prefix)

    try:
        with torch.no_grad(), hooked({layer.name: network.module.get_submodule(layer.name)}, replace):
            scores = network.module(pixels.to(input_like(network.module)))
    except FORWARD_ERRORS as error:
        raise NoClassesError(f"{network.name} cannot go on from {layer.name}: {one_line(error)}") from error
    return class_scores(network, scores)


def class_scores(network: Network, output: Any) -> Tensor:
    """What a network returned, as (n, classes) float32.

    Raises:
        NoClassesError: it is something else.
    """
    if not isinstance(output, Tensor) or output.ndim != 2 or output.shape[1] < 2:
        gave = f"{tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise NoClassesError(f"{network.name} has no classifier: it gives {gave}, not a score per class")
    return output.float()


def laid_out(layer: Layer, values: Tensor, output: Tensor, prefix: Tensor | None = None) -> Tensor:
    """Values (m, h, w, c) in a layer's layout: the inverse of `as_map`.

    Args:
        layer: the layer.
        values: in channels-last order.
        output: of the layer; where there is no `prefix`, its tokens before the positions are taken over.
        prefix: (m, p, c), or None.

    Returns:
        A tensor of its own, for the next module may change it in place.
    """
    if layer.layout == "nchw":
        return values.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format)
    if layer.layout == "nhwc":
        return values.clone(memory_format=torch.contiguous_format)
    before = output[:, : layer.prefix] if prefix is None else prefix.to(output)
    return torch.cat([before.expand(len(values), -1, -1), values.flatten(1, 2)], dim=1)
