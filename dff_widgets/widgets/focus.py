"""The focus view: one image at full size, its factors over it, and tools to paint the masks of its parts.

The canvas is a small anywidget of our own. Of a stroke of 60 mouse moves ipycanvas sends 61 messages (26 kB) to a
kernel that has to draw each; here the browser draws, in the screen's own pixels, and sends one (1.3 kB) at its end.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import traitlets as t

from ..explore.focus import MODES, TOOLS, Focus
from ..labelling import PartMasks
from ..link import link
from ..result import DFFResult
from .base import FRONT
from .served import Served


class FocusView(Served):
    """Paint and correct part masks on one image at a time.

    What is painted goes into `truth`; all is in image pixels, and everything works with no browser too. The traits can
    be set, observed and linked.

    Args:
        truth: the part masks, such as ``PartMasks(images)``.
        result: a `DFFResult` of these images, or of some of them, whose factors are shown; or None.
        index: of the image that is shown.
        traits: any of the traits below.

    Attributes:
        truth: the part masks that are painted.
        result: the factors that are shown, or None.
        index: of the image that is shown.
        part: the part that is painted, ``""`` for none; a name that is new is added to the truth.
        version: ``truth.version``: it changes when a mask does.
        closed: whether the view is hidden; its close button sets it.
        tool: ``"brush"``, ``"polygon"``, ``"region"`` (a click takes what is alike and connected) or ``"hand"``.
        erase: whether brush and polygon take pixels away.
        radius: of the brush in image pixels; 0 is replaced by a fortieth of the image's longer side.
        part_colors: per part ``#RRGGBB``. A part that a factor is named after has the factor's colour; see
            `part_colors`.
        names, colors, opacity, visible: per factor its text, ``#RRGGBB``, 0..1 and bool.
        percentile, threshold: of the masks that a refined result is shown as; as in `DFFResult.masks`.
        levels: per factor the level in 0..1 from which it is shown as a mask; without, it is shown as a heat map. Those
            of a refined result follow from `percentile` and `threshold`.
        beside: whether a refined result has the heat maps that it was made from beside it.
        status: one line about what happened last.
    """

    _esm, _css = link(FRONT / "focus" / "widget.js")

    truth = t.Instance(PartMasks)
    result = t.Instance(DFFResult, allow_none=True)
    index = t.Int(0)
    version = t.Int(0)
    opened = t.Int(-1)  # for the app: the image, as it calls it
    percentile = t.Float(75.0)
    threshold = t.Enum([None, "auto", "otsu"], None, allow_none=True)
    part = t.Unicode("").tag(sync=True)
    closed = t.Bool(False).tag(sync=True)
    mode = t.Enum(MODES, "parts").tag(sync=True)  # in the app also "masks": those of the factors are corrected
    alone = t.Bool(False).tag(sync=True)  # whether a pixel is of one factor
    tool = t.Enum(TOOLS, "brush").tag(sync=True)
    erase = t.Bool(False).tag(sync=True)
    radius = t.Float(0.0).tag(sync=True)
    part_colors = t.List(t.Unicode()).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    colors = t.List(t.Unicode()).tag(sync=True)
    opacity = t.List(t.Float()).tag(sync=True)
    visible = t.List(t.Bool()).tag(sync=True)
    levels = t.List(t.Float()).tag(sync=True)
    beside = t.Bool(True).tag(sync=True)
    status = t.Unicode("").tag(sync=True)

    # What the browser is told of them. `place` comes in one message with the photo and the masks, so that a stroke
    # always names the image that a person sees.
    place = t.List(t.Int()).tag(sync=True)  # [index, number of images]
    caption = t.Unicode("").tag(sync=True)
    size = t.List(t.Int()).tag(sync=True)  # [height, width] in image pixels; [0, 0] for an image that cannot be read
    photo = t.Bytes(b"").tag(sync=True)  # JPEG
    heat = t.Bytes(b"").tag(sync=True)  # (k, h, w) uint8
    grid = t.List(t.Int()).tag(sync=True)  # [h, w] of it
    gains = t.List(t.Float()).tag(sync=True)
    raw = t.Bytes(b"").tag(sync=True)  # of a refined result the heat, grid and gains before
    raw_grid = t.List(t.Int()).tag(sync=True)
    raw_gains = t.List(t.Float()).tag(sync=True)
    parts = t.List(t.Unicode()).tag(sync=True)
    masks = t.List(t.Bytes()).tag(sync=True)  # per part as of `pack_mask`
    mask_size = t.List(t.Int()).tag(sync=True)  # [h, w]
    correctable = t.Bool(False).tag(sync=True)  # whether there are masks of factors to correct
    findable = t.Bool(False).tag(sync=True)  # whether their masks can be looked for in other images
    review = t.Unicode("").tag(sync=True)  # of this image; "" where nobody reviews
    presence = t.List(t.Unicode()).tag(sync=True)  # per part
    fits = t.List(t.Float()).tag(sync=True)  # per factor how well its correction fits, -1 without
    parked = t.List(t.Unicode()).tag(sync=True)  # corrections that belong to no factor by now
    can_undo = t.Bool(False).tag(sync=True)
    can_redo = t.Bool(False).tag(sync=True)
    handled = t.Unicode("").tag(sync=True)  # the last of the browser's messages that these traits answer

    presenter: Focus

    def __init__(
        self, truth: PartMasks, result: DFFResult | None = None, index: int = 0, *, lock: Any = None, **traits: Any
    ) -> None:
        presenter = Focus(truth)
        presenter.lock = lock or presenter.lock
        late = {name: traits.pop(name) for name in ("levels", "part") if name in traits}
        super().__init__(presenter, truth=truth, **traits)
        presenter.moved = lambda index: setattr(self, "index", index)
        self.observe(lambda change: presenter.use_truth(change["new"]), "truth")
        self.observe(lambda change: presenter.show(change["new"]), "index")
        self.observe(lambda _: self._show_result(), ["result", "percentile", "threshold"])
        self.index, self.result = index, result
        if result is None:
            self._show_result()
        late.setdefault("part", next(iter(truth.parts), ""))
        for name, value in late.items():
            setattr(self, name, value)

    @t.validate("index")  # type: ignore[untyped-decorator]
    def _within(self, proposal: Any) -> int:
        index, count = proposal["value"], len(self.truth)
        if not 0 <= index < count:
            raise t.TraitError(f"index is {index}; there are {count} images: give 0..{count - 1}")
        return int(index)

    def publish(self, changes: Any) -> None:
        """Set traits as one message, and the index with them."""
        with self._lock, self.hold_sync():
            super().publish(changes)
            self.index = self.presenter.index

    def _show_result(self) -> None:
        self.presenter.percentile, self.presenter.threshold = self.percentile, self.threshold
        self.presenter.use_result(self.result)

    # ----------------------------------------------------------------------------------------------------- painting
    def stroke(self, points: npt.ArrayLike, *, radius: float | None = None, erase: bool | None = None) -> bool:
        """Paint the part with a brush, as `PartMasks.stroke`; by default with the view's own radius and `erase`."""
        truth: PartMasks = self.truth
        radius, erase = (self.radius if radius is None else radius), (self.erase if erase is None else erase)
        return truth.stroke(self.index, self.part, points, radius, erase=erase)

    def polygon(self, points: npt.ArrayLike, *, erase: bool | None = None) -> bool:
        """Fill a polygon of the part, as `PartMasks.polygon`."""
        truth: PartMasks = self.truth
        return truth.polygon(self.index, self.part, points, erase=self.erase if erase is None else erase)

    def clear(self) -> bool:
        """Leave the part no pixel in this image, as `PartMasks.clear`."""
        truth: PartMasks = self.truth
        return truth.clear(self.index, self.part)

    def undo(self) -> None:
        """Take the last edit back and show its image and part."""
        self.presenter.undo()

    def redo(self) -> None:
        """Do again what was undone last, and show its image and part."""
        self.presenter.redo()

    def step(self, by: int) -> None:
        """Show another image: the next for 1, the one before for -1; at either end it stays."""
        self.presenter.step(by)
