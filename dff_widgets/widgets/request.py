"""What a result depends on, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..images import ImageSet


@dataclass(frozen=True, eq=False)
class Basis:
    """Factors to look for in other images, compared by identity.

    Attributes:
        W: (k, channels).
    """

    W: np.ndarray


@dataclass(frozen=True)
class Request:
    """What a result depends on; requests that are equal have the same result.

    Attributes:
        images: compared by identity.
        network: a name, an ``nn.Module`` or a `Network` (the latter two compared by identity).
        layer: a name, or ``""`` for the network's default.
        k, solver, seed: see `nmf`.
        size: short side of the images in pixels; see `extract`.
        refine: whether the heat maps follow the edges of the images.
        shown: the images that count, by index; empty for all.
        basis: None, or factors found elsewhere: then k, solver and seed do not matter.
    """

    images: ImageSet
    network: Any
    layer: str
    k: int
    solver: str
    seed: int
    size: int
    refine: bool = False
    shown: tuple[int, ...] = ()
    basis: Basis | None = None
