"""Which factor of one side of a comparison is which of the other's, and the view that shows both."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets as t

from ..heat import fold, unfold, upsample
from ..result import DFFResult

ALIKE = 0.5  # cosine of two heat maps from which their factors share a colour

_HERE = Path(__file__).parent
Row = tuple[int | None, int | None]


def likeness(a: DFFResult, b: DFFResult) -> np.ndarray:
    """(k, k') how alike the factors of two results of the same images are: the cosines of their heat maps, 0..1.

    What is drawn counts, and not W: other layers have other channels, and centroids or signed rows compare badly.
    """
    H, G = _as_shown(a, b.shapes), _as_shown(b, b.shapes)
    norms = np.linalg.norm(H, axis=0)[:, None] * np.linalg.norm(G, axis=0)
    return np.asarray(H.T @ G / np.where(norms > 0, norms, 1))


def match(alike: np.ndarray, least: float = 0.0) -> dict[int, int]:
    """The one-to-one matching of the highest sum; pairs below `least` count as 0, so that they part no better ones."""
    from scipy.optimize import linear_sum_assignment  # see match_factors

    rows, columns = linear_sum_assignment(np.where(alike >= least, alike, 0), maximize=True)
    return {int(f): int(g) for f, g in zip(rows, columns, strict=True) if alike[f, g] >= least}


def _as_shown(result: DFFResult, grids: tuple[tuple[int, int], ...]) -> np.ndarray:
    """H on other grids, without the negative entries of a baseline, which are not drawn."""
    maps = fold(np.maximum(np.asarray(result.factorization.H), 0), result.shapes)
    return np.asarray(unfold(upsample(m, grid) for m, grid in zip(maps, grids, strict=True)))


def pair(left: DFFResult, right: DFFResult) -> tuple[DFFResult, list[Row], list[float | None]]:
    """Put the factors of two results into rows, those that are alike into the same one.

    Returns:
        `right` with its matched factors first, in the order of their partners; per row the factor of each side, None
        where it has none: first the factors of the left, then what only the right has; and per row the likeness.
    """
    alike = likeness(left, right)
    partner = dict(sorted(match(alike, ALIKE).items()))
    matched = list(partner.values())
    places = {f: place for place, f in enumerate(partner)}
    rows: list[Row] = [(f, places.get(f)) for f in range(left.k)]
    rows += [(None, g) for g in range(len(matched), right.k)]
    right = right.reorder([*matched, *(g for g in range(right.k) if g not in matched)])
    return right, rows, [float(alike[f, partner[f]]) if f in partner else None for f, _ in rows]


class ComparisonView(anywidget.AnyWidget):
    """Every image twice, and one panel of controls for both; plain data that `DFFComparison` fills.

    Attributes:
        tiles: per image an encoded JPEG.
        captions: per image a line of text.
        sides: of the left and the right a dict: ``title`` and ``line``, text; ``grids``, per image [h, w]; and per
            factor ``rows`` (its row in the panel), and ``gains`` and ``shares`` as in a `Gallery`.
        heats: of the left and the right the heat maps (k, h, w) uint8, image after image.
        colors, names: per row of the panel ``#RRGGBB`` and text.
        alike: per row the cosine of the two heat maps, None where one side has no such factor.
        opacity, visible, selected, photo, tile_size: as in a `Gallery`, but per row.
    """

    _esm = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("dom.js", "factors.js", "comparison.js"))
    _css = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("gallery.css", "comparison.css"))

    tiles = t.List(t.Bytes()).tag(sync=True)
    captions = t.List(t.Unicode()).tag(sync=True)
    sides = t.List(t.Dict()).tag(sync=True)
    heats = t.List(t.Bytes()).tag(sync=True)
    colors = t.List(t.Unicode()).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    shares = t.List(t.Float()).tag(sync=True)  # stays empty: each side has its own
    alike = t.List(t.Float(allow_none=True)).tag(sync=True)
    opacity = t.List(t.Float()).tag(sync=True)
    visible = t.List(t.Bool()).tag(sync=True)
    selected = t.Int(-1).tag(sync=True)
    photo = t.Float(1.0).tag(sync=True)
    tile_size = t.Int(150).tag(sync=True)

    def __init__(self, *, lock: threading.RLock | None = None, **traits: Any) -> None:
        self._lock = lock or threading.RLock()
        super().__init__(**traits)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser sends; it waits while another thread writes several traits as one message."""
        with self._lock:
            super().set_state(sync_data)
