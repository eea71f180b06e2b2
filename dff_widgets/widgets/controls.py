"""What the pickers of the comparison offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..names import EMBEDDED, PAPER

if TYPE_CHECKING:
    from ..networks import Layer

Grids = Mapping[str, tuple[int, int]]  # (h, w) by the name of a layer
NETWORKS = (EMBEDDED, *PAPER, "resnet50", "densenet161", "googlenet")
LAYERS_SAY = "Shape (h×w×channels) for the first image, stride in pixels; signed: has negative activations"
SOLVERS = {"HALS": "hals", "Multiplicative (paper)": "mu", "Semi-NMF (signed)": "semi"}
_SIZES = (160, 224, 320, 448, 512)
MOST_FACTORS = 10  # of the slider; more can be set from Python


def layer_title(layer: Layer, grid: tuple[int, int] | None = None) -> str:
    """What a picker of layers says of one: its name, shape, stride, and whether it has negative activations.

    Args:
        layer: the layer.
        grid: (h, w) for some image; without it the shape is the channels alone.
    """
    shape = f"{layer.channels} ch" if grid is None else "×".join(map(str, (*grid, layer.channels)))
    return f"{layer.name} · {shape} · /{layer.stride}" + ("" if layer.nonnegative else " · signed")


def pairs(options: Any) -> list[tuple[str, Any]]:
    """The options of a picker as (what is read, value)."""
    return [option if isinstance(option, tuple) else (option, option) for option in options]
