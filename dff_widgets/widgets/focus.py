"""The focus view: one image at full size, its factors over it, and tools to paint the masks of its parts.

The canvas is a small anywidget of our own. Of a stroke of 60 mouse moves ipycanvas sends 61 messages (26 kB) to a
kernel that has to draw each; here the browser draws, in the screen's own pixels, and sends one (1.3 kB) at its end.
"""

from __future__ import annotations

import dataclasses
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets as t

from ..heat import REFINED, contrast, pack_heat, palette
from ..images import UnreadableImageError, encode_tile
from ..labelling import PartMasks
from ..result import DFFResult

Array = npt.NDArray[Any]

_HERE = Path(__file__).parent
_MODULES = ("dom.js", "focus_masks.js", "focus.js")  # one script: an anywidget has no other files
_SIDE = 1600  # longer side in pixels of the photo and the masks that are sent


class FocusView(anywidget.AnyWidget):
    """Paint and correct part masks on one image at a time.

    What is painted goes into `truth`; all is in image pixels, and everything works with no browser too. The traits can
    be set, observed and linked.

    Args:
        truth: the part masks, such as ``PartMasks(images)``.
        result: a `DFFResult` of these images, or of some of them, whose factors are shown; or None.
        index: of the image that is shown.
        lock: what orders the threads that write traits, where there are several.
        traits: any of the traits below.

    Attributes:
        truth: the part masks that are painted.
        result: the factors that are shown, or None.
        index: of the image that is shown.
        part: the part that is painted, ``""`` for none; a name that is new is added to the truth.
        version: ``truth.version``: it changes when a mask does.
        closed: whether the view is hidden; its close button sets it.
        tool: ``"brush"``, ``"polygon"`` or ``"hand"``.
        erase: whether brush and polygon take pixels away.
        radius: of the brush in image pixels; 0 is replaced by a fortieth of the image's longer side.
        part_colors: per part ``#RRGGBB``; the default palette goes on where it ends.
        names, colors, opacity, visible: per factor its text, ``#RRGGBB``, 0..1 and bool.
        levels: per factor the level in 0..1 from which it is shown as a mask; without, it is shown as a heat map. A
            refined result is shown as masks.
        beside: whether a refined result has the heat maps that it was made from beside it.
        status: one line about what happened last.
    """

    _esm = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _MODULES)
    _css = (_HERE / "focus.css").read_text(encoding="utf-8")

    truth = t.Instance(PartMasks)
    result = t.Instance(DFFResult, allow_none=True)
    index = t.Int(0)
    version = t.Int(0)
    part = t.Unicode("").tag(sync=True)
    closed = t.Bool(False).tag(sync=True)
    tool = t.Enum(("brush", "polygon", "hand"), "brush").tag(sync=True)
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
    can_undo = t.Bool(False).tag(sync=True)
    can_redo = t.Bool(False).tag(sync=True)
    handled = t.Unicode("").tag(sync=True)  # the last of the browser's messages that these traits answer

    def __init__(
        self,
        truth: PartMasks,
        result: DFFResult | None = None,
        index: int = 0,
        *,
        lock: threading.RLock | None = None,
        **traits: Any,
    ) -> None:
        self._lock = lock or threading.RLock()
        self._unfollow: Callable[[], object] = lambda: None
        self._raw: DFFResult | None = None  # what a refined result was made from
        unknown = [name for name in traits if not self.has_trait(name)]
        if unknown:
            raise TypeError(f"FocusView has no option {unknown[0]!r}; it has part, tool, radius, colors, names, ...")
        super().__init__(truth=truth, result=result, index=index, **traits)
        self._follow_truth()
        self._show_result()
        self.levels = traits.get("levels", self.levels)
        self.part = self.part or next(iter(truth.parts), "")
        self.observe(lambda _: self._follow_truth(), "truth")
        self.observe(lambda _: self._show_image(), "index")
        self.observe(lambda _: self._show_result(), "result")
        self.observe(lambda _: self._show_names(), "part")
        self.on_msg(self._receive)

    @t.validate("index")  # type: ignore[untyped-decorator]
    def _within(self, proposal: Any) -> int:
        index, count = proposal["value"], len(self.truth)
        if not 0 <= index < count:
            raise t.TraitError(f"index is {index}; there are {count} images: give 0..{count - 1}")
        return int(index)

    @t.validate("part")  # type: ignore[untyped-decorator]
    def _named(self, proposal: Any) -> str:
        part: str = proposal["value"]
        return part if part.strip() else ""

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
        self._go_to("Undone", self.truth.undo())

    def redo(self) -> None:
        """Do again what was undone last, and show its image and part."""
        self._go_to("Redone", self.truth.redo())

    def step(self, by: int) -> None:
        """Show another image: the next for 1, the one before for -1; at either end it stays."""
        self.index = min(max(self.index + by, 0), len(self.truth) - 1)

    def _go_to(self, what: str, where: tuple[int, str] | None) -> None:
        if where is None:
            return
        with self._lock, self.hold_sync():
            self.index, self.part = where
            self.status = f"{what}: {self.part} in {self.truth.images.names[self.index]}"

    # ------------------------------------------------------------------------------------------------- the browser's
    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser sends; it waits while another thread writes several traits as one message."""
        with self._lock:
            super().set_state(sync_data)

    def _receive(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        with self._lock, self.hold_sync():
            self.status = ""
            try:
                self._do(**content)
            except (ValueError, IndexError) as error:
                self.status = str(error)
            finally:
                self.handled = str(content.get("id", ""))

    def _do(self, do: str, index: int = 0, part: str = "", points: Any = (), **options: Any) -> None:
        """One message; what is painted names its image and part, for the person may have gone on since."""
        erase = bool(options.get("erase"))
        if do == "stroke":
            self.truth.stroke(index, part, points, options["radius"], erase=erase)
        elif do == "polygon":
            self.truth.polygon(index, part, points, erase=erase)
        elif do == "clear":
            self.truth.clear(index, part)
        elif do in ("undo", "redo"):
            getattr(self, do)()
        elif do == "step":
            self.step(int(options["by"]))

    # ------------------------------------------------------------------------------------------------------- showing
    def _follow_truth(self) -> None:
        self._unfollow()
        self._unfollow = self.truth.on_change(self._changed)
        self.index = min(self.index, len(self.truth) - 1)
        self._show_image()

    def close(self) -> None:
        """End the widget for good; to hide it, set `closed`."""
        self._unfollow()
        super().close()

    def _changed(self, index: int, part: str) -> None:
        with self._lock, self.hold_sync():
            if list(self.truth.parts) != self.parts:
                self._show_names()
            if index == self.index and self.mask_size:
                j = self.parts.index(part)
                mask = pack_mask(self.truth.mask(index, part), self.mask_size)
                self.masks = [*self.masks[:j], mask, *self.masks[j + 1 :]]
            self._show_history()

    def _show_history(self) -> None:
        self.version, self.can_undo, self.can_redo = self.truth.version, self.truth.can_undo, self.truth.can_redo

    def _show_names(self) -> None:
        with self._lock, self.hold_sync():
            if self.part:
                self.truth.add(self.part)
            self.parts = list(self.truth.parts)
            known = len(self.part_colors)
            self.part_colors = [*self.part_colors, *palette(len(self.parts))[known:]]
            self.masks = [*self.masks, *[b""] * (len(self.parts) - len(self.masks))]

    def _show_image(self) -> None:
        images, i = self.truth.images, self.index
        with self._lock, self.hold_sync():
            self.status = ""
            self.masks, self.mask_size = [], []
            self._show_names()
            self.place, self.caption = [i, len(images)], images.names[i]
            try:
                self.size = list(images.size(i))
            except UnreadableImageError as error:
                self.size, self.photo, self.status = [0, 0], b"", str(error)
            else:
                self.photo = encode_tile(images, i, side=_SIDE)
                self.radius = self.radius or max(2.0, round(max(self.size) / 40))
                self._show_masks()
            self._show_heat()
            self._show_history()

    def _show_masks(self) -> None:
        scale = min(1.0, _SIDE / max(self.size))
        self.mask_size = [max(1, round(s * scale)) for s in self.size]
        here = self.truth[self.index]
        self.masks = [pack_mask(here[part], self.mask_size) if part in here else b"" for part in self.parts]

    def _show_result(self) -> None:
        result = self.result
        with self._lock, self.hold_sync():
            k = result.k if result else 0

            def fitting(values: list[Any], default: list[Any]) -> list[Any]:
                return values if len(values) == k else default

            self.names = fitting(self.names, [f"factor {j}" for j in range(k)])
            self.colors = fitting(self.colors, palette(k))
            self.opacity = fitting(self.opacity, [0.5] * k)
            self.visible = fitting(self.visible, [True] * k)
            self.levels = [REFINED] * k if result and result.maps is not None else []
            self._raw = dataclasses.replace(result, maps=None) if result and result.maps is not None else None
            self.gains, self.raw_gains = _gains(result), _gains(self._raw)
            self._show_heat()

    def _show_heat(self) -> None:
        row = self._row()
        self.heat, self.grid = _heat(self.result, row)
        self.raw, self.raw_grid = _heat(self._raw, row)

    def _row(self) -> int | None:
        """The image that is shown among those of the result, which lacks those that could not be read."""
        if self.result is None:
            return None
        index: int = self.index
        if self.result.images is self.truth.images:
            return index
        shown = self.truth.images.sources[index]
        theirs = enumerate(self.result.images.sources)
        return next((j for j, s in theirs if s is shown or (isinstance(s, Path) and s == shown)), None)


def _heat(result: DFFResult | None, row: int | None) -> tuple[bytes, list[int]]:
    if result is None or row is None:
        return b"", []
    heat, (grid,) = pack_heat([result.coarse_heatmaps(row)])
    return heat, grid


def _gains(result: DFFResult | None) -> list[float]:
    return contrast([result.coarse_heatmaps(i) for i in range(len(result))]) if result else []


def pack_mask(mask: Array, shape: list[int]) -> bytes:
    """A mask as it crosses the wire.

    Args:
        mask: (height, width) bool.
        shape: [h, w] at which it is sent; the nearest pixels are taken.

    Returns:
        zlib of its bits, row after row, 8 pixels a byte; nothing for an empty mask.
    """
    rows, columns = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(shape, mask.shape, strict=True))
    small = mask if mask.shape == tuple(shape) else mask[np.ix_(rows, columns)]
    return zlib.compress(np.packbits(small).tobytes(), 1) if small.any() else b""
