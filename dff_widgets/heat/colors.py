"""The colours of factors, and an image under its coloured heat maps."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Okabe & Ito 2008, colour-blind safe, with grey in black's place: a black overlay would look like a shadow.
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#0072B2", "#999999")


def palette(n: int) -> list[str]:
    """Distinct colours, n of them, as ``#RRGGBB``: Okabe & Ito's, then hues by the golden angle in two lightnesses."""
    more = (
        colorsys.hls_to_rgb((0.08 + 0.618034 * i) % 1, (0.45, 0.68)[i % 2], 0.75) for i in range(n - len(OKABE_ITO))
    )
    return [*OKABE_ITO[:n], *("#" + "".join(f"{round(255 * v):02X}" for v in rgb) for rgb in more)]


def blend(image: Array, maps: Array, colors: Sequence[str], opacity: float | Sequence[float] = 0.7) -> Array:
    """The image under its coloured heat maps, painted in order as the gallery does in the browser.

    Args:
        image: (h, w, 3) uint8.
        maps: (k, h, w) in 0..1; the factor's strength at a pixel is its alpha.
        colors: k colours ``#RRGGBB``.
        opacity: 0..1, one or k of them.

    Returns:
        (h, w, 3) uint8.

    Raises:
        ValueError: the maps are not of the image's size, or a colour is none.
    """
    if maps.ndim != 3 or maps.shape[1:] != image.shape[:2]:
        raise ValueError(
            f"maps is {maps.shape}; an image of {image.shape} needs (k, {image.shape[0]}, {image.shape[1]})"
        )
    canvas = image.astype(np.float32)
    for m, color, o in zip(maps, colors, np.broadcast_to(opacity, len(maps)), strict=True):
        alpha = (np.nan_to_num(m) * np.float32(o)).clip(0, 1)[..., None]
        canvas += alpha * (np.array(_rgb(color), dtype=np.float32) - canvas)
    return canvas.round().clip(0, 255).astype(np.uint8)


def is_color(value: object) -> bool:
    """Whether something is a colour ``#RRGGBB``."""
    return isinstance(value, str) and re.fullmatch("#[0-9A-Fa-f]{6}", value) is not None


def _rgb(color: str) -> tuple[int, int, int]:
    if not is_color(color):
        raise ValueError(f"colors holds {color!r}; give '#RRGGBB'")
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
