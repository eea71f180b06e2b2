"""The gallery widget: photos under their coloured heat maps, blended in the browser."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

_HERE = Path(__file__).parent


class Gallery(anywidget.AnyWidget):
    """Tiles with heat maps over them, and a panel with a row of controls per factor.

    The traits are plain data; the browser blends. Everything works with no browser too, which is how it is tested.

    Attributes:
        tiles: per tile the photo as an encoded JPEG.
        captions: per tile a line of text.
        heat: the tiles' heat maps (k, h, w) uint8, one after the other.
        grids: per tile [h, w] of its heat maps.
        colors, names, shares: per factor ``#RRGGBB``, text, and its part (0..1) in what all factors explain.
        gains: per factor, what its heat is multiplied by before it is drawn, as a viewer's contrast limits do.
        opacity, visible: per factor, 0..1 and bool; the browser sends them when a control is let go.
        selected: the selected factor, or -1.
        photo: brightness of the photos, 0 (black) to 1.
        tile_size: longer side of a tile in CSS pixels.
    """

    # Read as text, not given as paths: a path would start a file watcher in the kernel.
    _esm = (_HERE / "gallery.js").read_text(encoding="utf-8")
    _css = (_HERE / "gallery.css").read_text(encoding="utf-8")

    tiles = t.List(t.Bytes()).tag(sync=True)
    captions = t.List(t.Unicode()).tag(sync=True)
    heat = t.Bytes(b"").tag(sync=True)
    grids = t.List(t.List(t.Int())).tag(sync=True)
    colors = t.List(t.Unicode()).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    shares = t.List(t.Float()).tag(sync=True)
    gains = t.List(t.Float()).tag(sync=True)
    opacity = t.List(t.Float()).tag(sync=True)
    visible = t.List(t.Bool()).tag(sync=True)
    selected = t.Int(-1).tag(sync=True)
    photo = t.Float(1.0).tag(sync=True)
    tile_size = t.Int(180).tag(sync=True)

    def __init__(self, *, lock: threading.RLock | None = None, **traits: Any) -> None:
        self._lock = lock or threading.RLock()
        super().__init__(**traits)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser sends; it waits while another thread writes several traits as one message."""
        with self._lock:
            super().set_state(sync_data)
