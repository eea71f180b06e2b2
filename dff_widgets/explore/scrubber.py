"""The layers that a person goes through from early to late: the ends of a network's stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..networks import Layer, Network


def scrubbed(network: Network) -> list[Layer]:
    """Of each stride the last layer before the default one, and the default one: non-negative where that one is.

    Between two changes of stride a network refines what it has; at their ends each stage says its last word.
    """
    default = network.layer()
    before = []
    for layer in network.layers:
        if layer.name == default.name:
            break
        if layer.stride < default.stride and (layer.nonnegative or not default.nonnegative):
            before.append(layer)
    ends = {layer.stride: layer for layer in before}
    return [*(ends[stride] for stride in sorted(ends)), default]
