"""The gallery widget: photos under their coloured heat maps, blended in the browser."""

from __future__ import annotations

import threading
from typing import Any

import anywidget
import traitlets as t

from ..export.page import gallery_source


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
        openable: whether a double click, or a click on the caption, asks for the image at full size.
        labelling: whether the panel has name boxes, scores and the coverage matrix; the traits below are for those.
        view: ``"heat"`` or ``"masks"``.
        percentile, automatic: what the masks are made by.
        levels: per tile and factor the level (0..1) from which its heat is in the mask.
        quantiles: per factor its levels at equally spaced percentiles, drawn from while the percentile is dragged.
        known: the parts that a name box offers.
        labels: per factor the parts it is named after.
        scores: per factor its IoU, or None.
        coverage, coverage_parts: (k, p) in 0..1 as lists, and the names of the columns.
        coverage_threshold: above which `Assign by coverage` assigns, 0..1.
        undoable, redoable: whether there is something to undo or redo.
        summary: one line about the scores.
        measured: the fraction 0..1 of the images that the scores cover; below 1 it is shown as progress.
    """

    # Read as text, not given as paths: a path would start a file watcher in the kernel.
    _esm, _css = gallery_source()

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

    openable = t.Bool(False).tag(sync=True)
    labelling = t.Bool(False).tag(sync=True)
    view = t.Enum(["heat", "masks"], "heat").tag(sync=True)
    percentile = t.Float(75.0).tag(sync=True)
    automatic = t.Bool(False).tag(sync=True)
    levels = t.List(t.List(t.Float())).tag(sync=True)
    quantiles = t.List(t.List(t.Float())).tag(sync=True)
    known = t.List(t.Unicode()).tag(sync=True)
    labels = t.List(t.List(t.Unicode())).tag(sync=True)
    scores = t.List(t.Float(allow_none=True)).tag(sync=True)
    coverage = t.List(t.List(t.Float())).tag(sync=True)
    coverage_parts = t.List(t.Unicode()).tag(sync=True)
    coverage_threshold = t.Float(0.5).tag(sync=True)
    undoable = t.Bool(False).tag(sync=True)
    redoable = t.Bool(False).tag(sync=True)
    summary = t.Unicode("").tag(sync=True)
    measured = t.Float(1.0).tag(sync=True)

    def __init__(self, *, lock: threading.RLock | None = None, **traits: Any) -> None:
        self._lock = lock or threading.RLock()
        super().__init__(**traits)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser sends; it waits while another thread writes several traits as one message."""
        with self._lock:
            super().set_state({name: value for name, value in sync_data.items() if not self._late(name, value)})

    def _late(self, name: str, value: Any) -> bool:
        """Whether the browser says something of factors that were replaced meanwhile."""
        k = len(self.opacity)
        if name in ("opacity", "visible"):
            return isinstance(value, list) and len(value) != k
        return name == "selected" and isinstance(value, int) and value >= k
