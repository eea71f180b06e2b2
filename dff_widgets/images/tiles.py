"""Photos small enough for a tile."""

from __future__ import annotations

import io

from PIL import Image

from .decoding import UnreadableImageError
from .image_set import ImageSet

_TILE_PIXELS = 400  # longer side of a tile: twice a usual one on the page, for HiDPI screens


def encode_tile(images: ImageSet, index: int, *, side: int = _TILE_PIXELS) -> bytes:
    """Image `index` as a JPEG of at most `side` pixels, by default fit for a tile; a grey one if it cannot be read."""
    try:
        image = images.thumbnail(index, side)
    except UnreadableImageError:
        image = Image.new("RGB", (side, side), "#888888")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
