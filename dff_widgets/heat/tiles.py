"""What a gallery of tiles is given of the heat maps: their bytes, and how strongly to draw them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..images import ImageSet, encode_tile
from .colors import blend
from .maps import upsample

Array = npt.NDArray[Any]


_MOST_CELLS = 128  # of a heat map's longer side on the wire


def pack_heat(maps: Sequence[Array]) -> tuple[bytes, list[list[int]]]:
    """Heat maps as they cross the wire.

    Args:
        maps: per tile (k, h, w) in 0..1.

    Returns:
        `heat` and `grids` of a `Gallery`.
    """
    whole = b"".join((np.nan_to_num(m).clip(0, 1) * 255).round().astype(np.uint8).tobytes() for m in maps)
    return whole, [[int(m.shape[1]), int(m.shape[2])] for m in maps]


def small(maps: Array) -> Array:
    """Heat maps (k, h, w) at no more than a tile needs: refined ones come at hundreds of pixels, and take seconds."""
    h, w = maps.shape[1:]
    fit = _MOST_CELLS / max(h, w)
    return maps if fit >= 1 else upsample(maps, (max(1, round(h * fit)), max(1, round(w * fit))))


def contrast(maps: Sequence[Array]) -> list[float]:
    """The `gains` of a `Gallery`: the strongest 2 % of a factor's positive entries, over all images, at full colour.

    One peak in one image would otherwise leave a factor pale everywhere else.

    Args:
        maps: per image (k, h, w) in 0..1.
    """
    thin = [m[:, :: max(1, m.shape[1] // 64), :: max(1, m.shape[2] // 64)] for m in maps]  # refined ones are large
    entries = np.concatenate([m.reshape(len(m), -1) for m in thin], axis=1)
    return [float(1 / max(np.quantile(e[e > 0], 0.98), 0.05)) if (e > 0).any() else 1.0 for e in entries]


def contact_sheet(
    images: ImageSet, indices: Sequence[int], maps: Sequence[Array], colors: Sequence[str], *, side: int = 200
) -> bytes:
    """A few images side by side under their heat maps, as one JPEG.

    Args:
        images: the images.
        indices: which of them.
        maps: per such image (k, h, w) in 0..1, on any grid; none for the photos alone.
        colors: per factor ``#RRGGBB``.
        side: longer side of each in pixels.
    """
    gap = 4
    sheet = Image.new("RGB", (max(1, len(indices)) * (side + gap) - gap, side), "white")
    gains = np.array(contrast(maps) if len(maps) else [], dtype=np.float32)[:, None, None]
    for place, i in enumerate(indices):
        tile = np.asarray(Image.open(io.BytesIO(encode_tile(images, i, side=side))))
        if len(maps):
            tile = blend(tile, (upsample(maps[place], tile.shape[:2]) * gains).clip(0, 1), colors)
        sheet.paste(Image.fromarray(tile), (place * (side + gap), (side - len(tile)) // 2))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
