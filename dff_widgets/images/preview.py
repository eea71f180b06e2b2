"""The first images of a set as a piece of HTML: what a notebook shows of the set."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable

from PIL import Image

SHOWN = 8  # images at most
SIDE = 112  # their longer side in pixels
_CAPTION = 24  # characters


def preview(title: str, photos: Iterable[tuple[str, Image.Image | None]]) -> str:
    """A line of text, and under it small photos with their names.

    Args:
        title: the line.
        photos: per photo its name, and the photo in at most `SIDE` pixels, or None for one that cannot be read.
    """
    figures = "".join(_figure(name, photo) for name, photo in photos)
    row = f'<div style="display:flex;flex-wrap:wrap;gap:8px;margin-top:6px">{figures}</div>'
    return f"<div>{html.escape(title)}{row}</div>"


def _figure(name: str, photo: Image.Image | None) -> str:
    short = name if len(name) <= _CAPTION else f"…{name[1 - _CAPTION :]}"
    said = f'<figcaption style="font-size:11px;opacity:.75">{html.escape(short)}</figcaption>'
    inside = (
        '<div style="padding:20px 8px;opacity:.75">cannot be read</div>' if photo is None else _picture(photo, name)
    )
    return f'<figure style="margin:0;max-width:{SIDE}px;overflow-wrap:anywhere">{inside}{said}</figure>'


def _picture(photo: Image.Image, name: str) -> str:
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{html.escape(name)}" src="data:image/jpeg;base64,{data}" style="border-radius:4px">'
