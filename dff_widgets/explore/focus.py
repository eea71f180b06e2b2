"""One image at full size, and the masks of its parts that a person paints on it."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..heat import contrast, pack_heat, palette
from ..images import UnreadableImageError, encode_tile
from ..labelling import Annotations, PartMasks, alike, filled, smoothed
from ..labelling.rasterize import brush, polygon
from ..labelling.shaping import SIDE as REGION
from ..result import DFFResult
from .part_colors import part_colors
from .presenter import Presenter
from .sheets import MaskSheet, PartSheet, Sheet
from .undoing import History, Step

Array = npt.NDArray[Any]

TOOLS = ("brush", "polygon", "region", "hand")
MODES = ("parts", "masks")
Find = Callable[[int, str, Callable[[str], object]], object]  # image, factor by name; is told what came of it
_PAINTS = ("stroke", "polygon", "region", "holes", "smooth", "clear")
_SIDE = 1600  # longer side in pixels of the photo and the masks that are sent


class Focus(Presenter):
    """Shows one image at a time of a set whose part masks are painted.

    Its values are described by `FocusView`, whose traits they are. What is painted goes into `truth`, or corrects the
    masks of the factors: ``mode`` says which, and ``parts`` are then the names of these. All is in image pixels. A
    stroke names its own image and mode, for a person may have gone on since.

    Args:
        truth: the part masks.
        index: of the image that is shown.

    Attributes:
        truth: the part masks.
        index: of the image that is shown.
        result: the factors over the image, or None.
        percentile, threshold: of the masks of a refined result; see `DFFResult.masks`.
        corrects: the masks of the factors, where there are any to correct.
        notes: what is said of the images, where anybody keeps it.
        history: takes back and does again what was done last; by default of the part masks alone.
        find: looks for a factor's mask in the other images, where there is a network.
        follows: what ends following whatever else it shows; called when it is closed.
        moved: called when the image that is shown changes for another reason than `show`, such as an undo elsewhere.
    """

    chosen = frozenset(
        {
            "mode",
            "alone",
            "tool",
            "erase",
            "radius",
            "part",
            "part_colors",
            "names",
            "colors",
            "opacity",
            "visible",
            "levels",
        }
        | {"beside", "closed"}
    )

    def __init__(self, truth: PartMasks, index: int = 0) -> None:
        lists = (
            "place",
            "size",
            "grid",
            "gains",
            "raw_grid",
            "raw_gains",
            "parts",
            "part_colors",
            "masks",
            "mask_size",
            "presence",
            "fits",
            "parked",
        )
        factors = ("names", "colors", "opacity", "visible", "levels")
        super().__init__(
            **{name: [] for name in (*lists, *factors)},
            **dict.fromkeys(("caption", "status", "handled", "part"), ""),
            **dict.fromkeys(("photo", "heat", "raw"), b""),
            **dict.fromkeys(("erase", "closed", "can_undo", "can_redo", "alone", "correctable", "findable"), False),
            mode="parts",
            review="",
            tool="brush",
            radius=0.0,
            beside=True,
            version=0,
            opened=-1,
        )
        self.index = index
        self.result: DFFResult | None = None
        self.percentile: float = 75
        self.threshold: str | None = None
        self.moved: Callable[[int], object] = lambda _index: None
        self._raw: DFFResult | None = None  # what a refined result was made from
        self._cuts: Array | None = None  # (images, k) the levels of its masks
        self._given: list[str] = []  # colours of parts that a person chose
        self._unfollow: Callable[[], object] = lambda: None
        self.corrects: MaskSheet | None = None
        self.notes: Annotations | None = None
        self.history: History | None = None
        self.find: Find | None = None
        self.follows: list[Callable[[], object]] = []
        self.use_truth(truth)

    # --------------------------------------------------------------------------------------------- what is shown
    def use_truth(self, truth: PartMasks) -> None:
        """Paint other part masks from now on."""
        self._unfollow()
        self.truth = truth
        self._unfollow = truth.on_change(self._changed)
        self.index = min(self.index, len(truth) - 1)
        self.show(self.index)

    def show(self, index: int, opened: int | None = None) -> None:
        """Show another image.

        Args:
            index: of the image among those of the truth.
            opened: what the app calls it, which may have left out images before it; the same by default.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= index < len(self.truth):
            raise IndexError(f"index is {index}; there are {len(self.truth)} images: give 0..{len(self.truth) - 1}")
        images = self.truth.images
        try:  # decoding is slow: it is done before the lock is taken
            size, photo, status = list(images.size(index)), encode_tile(images, index, side=_SIDE), ""
        except UnreadableImageError as error:
            size, photo, status = [0, 0], b"", str(error)
        with self.together():
            self.index = index
            self.put(status=status, masks=[], mask_size=[], place=[index, len(images)], caption=images.names[index])
            self.put(opened=index if opened is None else opened)
            self._show_names()
            self.put(size=size, photo=photo)
            if photo:
                self.put(radius=self.state["radius"] or float(max(2, round(max(size) / 40))))
                self._show_masks(size)
            self._show_said()
            self._show_heat()
            self._show_history()

    def use_result(self, result: DFFResult | None) -> None:
        """Show the factors of a result of these images, or of some of them; None: none."""
        k = result.k if result else 0
        refined = result is not None and result.maps is not None

        def fitting(name: str, default: list[Any]) -> list[Any]:
            value: list[Any] = self.state[name]
            return value if len(value) == k else default

        self.result = result
        self._raw = dataclasses.replace(result, maps=None) if result is not None and refined else None
        self._cuts = result.cut(self.percentile, self.threshold)[1] if result is not None and refined else None
        with self.together():
            self.put(
                names=fitting("names", [f"factor {j}" for j in range(k)]),
                colors=fitting("colors", palette(k)),
                opacity=fitting("opacity", [0.5] * k),
                visible=fitting("visible", [True] * k),
                gains=_gains(result),
                raw_gains=_gains(self._raw),
            )
            self._color_parts()
            self._show_heat()

    def call_factors(self, names: Sequence[str], colors: Sequence[str]) -> None:
        """What the factors are called, and their colours: a part that one is named after has its colour."""
        with self.together():
            self.put(names=list(names), colors=list(colors))
            self._color_parts()

    # ---------------------------------------------------------------------------------------------------- painting
    def step(self, by: int) -> None:
        """Show another image: the next for 1, the one before for -1; at either end it stays."""
        self._go(min(max(self.index + by, 0), len(self.truth) - 1))

    def undo(self) -> None:
        """Take the last act back and show its image and part."""
        self._go_to("Undone", self._steps.undo())

    def redo(self) -> None:
        """Do again what was undone last, and show its image and part."""
        self._go_to("Redone", self._steps.redo())

    @property
    def _steps(self) -> History:
        return self.history or OfParts(self.truth)

    def _go_to(self, what: str, step: Step) -> None:
        with self.together():
            if step.image >= 0:
                self._go(step.image)
            if step.part and self.state["mode"] == "parts":
                self.choose({"part": step.part})
            if step.said:
                self.put(status=f"{what}: {step.said}")

    def _go(self, index: int) -> None:
        if index != self.index:
            self.show(index)
            self.moved(index)

    # ------------------------------------------------------------------------------------------------- the browser's
    def check(self, name: str, value: Any) -> Any:
        """See `Presenter.check`."""
        value = super().check(name, value)
        if name == "tool" and value not in TOOLS:
            raise ValueError(f"tool is {value!r}; give {', '.join(TOOLS)}")
        if name == "mode" and (value not in MODES or (value == "masks" and self.corrects is None)):
            raise ValueError(f"mode is {value!r}; there is nothing but {self.state['mode']!r} to paint here")
        if name == "part":
            return value if value.strip() else ""
        return value

    def choose(self, changes: Mapping[str, Any]) -> None:
        """See `Presenter.choose`."""
        with self.together():
            super().choose(changes)
            if "part_colors" in changes:
                self._given = list(changes["part_colors"])
            if "alone" in changes and self.corrects is not None:
                self.corrects.alone = self.state["alone"]
            if "mode" in changes:
                self._turned()
            elif "part" in changes:
                self._show_names()
            elif {"names", "colors", "part_colors"} & set(changes):
                self._color_parts()

    def receive(self, content: Any, buffers: Sequence[Any] = ()) -> None:
        """See `Presenter.receive`; each message is answered by one."""
        with self.together():
            if isinstance(content, Mapping) and "id" in content:
                self.put(status="", handled=str(content["id"]))
            super().receive(content, buffers)

    def act(self, do: str, content: Mapping[str, Any]) -> None:
        """One act; what is painted names its image and part."""
        if do in _PAINTS:
            self._paint(do, content)
        elif do == "find" and self.find is not None:
            self.put(status="looking for it in the other images …")
            self.find(content.get("index", self.index), content.get("part", ""), lambda said: self.put(status=said))
        elif do in ("present", "absent", "unknown") and self.notes is not None:
            self.notes.declare(content.get("index", self.index), str(content.get("part", "")), do)
        elif do == "review" and self.notes is not None:
            self.notes.judge(content.get("index", self.index), str(content.get("review")))
        elif do == "undo":
            self.undo()
        elif do == "redo":
            self.redo()
        elif do == "step":
            self.step(int(content["by"]))

    def refused(self, error: Exception) -> None:
        """Say what cannot be done."""
        self.put(status=str(error))
        super().refused(error)

    def close(self) -> None:
        """Follow the masks no longer."""
        self._unfollow()
        for stop in self.follows:
            stop()

    def _paint(self, do: str, content: Mapping[str, Any]) -> None:
        """What changes a mask; the mode may have changed since it was drawn."""
        index, part, erase = content.get("index", self.index), content.get("part", ""), bool(content.get("erase"))
        sheet = self._sheet_of(str(content.get("mode", self.state["mode"])))
        points: Any = content.get("points")
        if do == "stroke":
            sheet.paint(index, part, lambda size: brush(points, content["radius"], size), erase=erase)
        elif do == "polygon":
            sheet.paint(index, part, lambda size: polygon(points, size), erase=erase)
        elif do == "region":
            region = self._region(index, content["points"])
            sheet.paint(index, part, lambda _: (0, 0, region), erase=erase)
        elif do == "clear":
            sheet.clear(index, part)
        else:
            mask = sheet.here(index).get(part)
            if mask is None:
                raise ValueError(f"there is no {part!r:.60} in this image yet")
            sheet.become(index, part, filled(mask) if do == "holes" else smoothed(mask, self.state["radius"]))

    def _region(self, index: int, points: Any) -> Array:
        """What is alike around a point, at image size."""
        x, y = (float(v) for v in points[0])
        height, width = self.truth.images.size(index)
        photo = np.asarray(self.truth.images.thumbnail(index, REGION).convert("RGB"))
        h, w = photo.shape[:2]
        small = alike(photo, (x * w / width, y * h / height))
        rows, columns = ((np.arange(n) * m // n) for n, m in ((height, h), (width, w)))
        return np.asarray(small[np.ix_(rows, columns)])

    @property
    def _sheet(self) -> Sheet:
        return self._sheet_of(self.state["mode"])

    def _sheet_of(self, mode: str) -> Sheet:
        if mode == "masks":
            if self.corrects is None:
                raise ValueError("there are no masks of factors to correct here")
            return self.corrects
        return PartSheet(self.truth, self.notes)

    # ------------------------------------------------------------------------------------------------------ showing
    def corrected(self) -> None:
        """Something was corrected, reviewed or declared, or there are other factors: show it."""
        with self.together():
            correctable = bool(self.corrects is not None and self.corrects.names())
            self.put(correctable=correctable, findable=correctable and self.find is not None)
            if self.state["mode"] == "masks" and not self.state["correctable"]:
                self.put(mode="parts")
                self._turned()
            elif self.state["mode"] == "masks":
                self._show_all()
            else:
                self._show_said()
            self._show_history()

    def _turned(self) -> None:
        """Other masks are painted from now on: the names are others."""
        parts = self.truth.parts
        self.put(masks=[], part=parts[0] if parts and self.state["mode"] == "parts" else "")
        self._show_all()

    def _show_all(self) -> None:
        self._show_names()
        if self.state["photo"]:
            self._show_masks(self.state["size"])
        self._show_said()

    def _changed(self, index: int, part: str) -> None:
        with self.together():
            if self.state["mode"] == "parts":
                if list(self.truth.parts) != self.state["parts"]:
                    self._show_names()
                if index == self.index and self.state["mask_size"]:
                    j = self.state["parts"].index(part)
                    masks = list(self.state["masks"])
                    masks[j] = pack_mask(self.truth.mask(index, part), self.state["mask_size"])
                    self.put(masks=masks)
            self._show_said()
            self._show_history()

    def _show_history(self) -> None:
        steps = self._steps
        self.put(version=self.truth.version, can_undo=steps.can_undo, can_redo=steps.can_redo)

    def _show_said(self) -> None:
        """What is said of this image: its review, which parts are there, which corrections no longer fit."""
        masks = self.corrects if self.state["mode"] == "masks" else None
        try:
            presences = PartSheet(self.truth, self.notes).presences(self.index) if masks is None else []
            fits, parked = ([], []) if masks is None else (masks.corrected(self.index), masks.parked(self.index))
        except ValueError:  # an image that is not among those that are shown
            presences, fits, parked = [], [], []
        review = "" if self.notes is None else self.notes.review(self.index)
        self.put(review=review, presence=presences, fits=fits, parked=parked)

    def _show_names(self) -> None:
        if self.state["mode"] == "masks" and self.corrects is not None:
            names = self.corrects.names()
            before = self.state["parts"]
            part = self.state["part"]
            if part not in names:  # renamed, or another mode
                at = before.index(part) if part in before and len(before) == len(names) else 0
                part = names[at] if names else ""
            masks = self.state["masks"] if names == before else [b""] * len(names)
            self.put(parts=names, part=part, masks=masks)
        else:
            if self.state["part"]:
                self.truth.add(self.state["part"])
            parts = list(self.truth.parts)
            masks = self.state["masks"][: len(parts)]
            self.put(parts=parts, masks=[*masks, *[b""] * (len(parts) - len(masks))])
        self._color_parts()

    def _color_parts(self) -> None:
        if self.state["mode"] == "masks" and self.corrects is not None:
            self.put(part_colors=self.corrects.colors())
            return
        named = [name.split(" + ") for name in self.state["names"]]
        self.put(part_colors=part_colors(self.state["parts"], named, self.state["colors"], self._given))

    def _show_masks(self, size: Sequence[int]) -> None:
        scale = min(1.0, _SIDE / max(size))
        shape = [max(1, round(s * scale)) for s in size]
        try:
            here = self._sheet.here(self.index)
        except ValueError as error:
            here = {}
            self.put(status=str(error))
        self.put(mask_size=shape, masks=[pack_mask(here[p], shape) if p in here else b"" for p in self.state["parts"]])

    def _show_heat(self) -> None:
        row = self._row()
        levels = [] if self._cuts is None or row is None else [float(v) for v in self._cuts[row]]
        (heat, grid), (raw, raw_grid) = _heat(self.result, row), _heat(self._raw, row)
        self.put(heat=heat, grid=grid, raw=raw, raw_grid=raw_grid, levels=levels)

    def _row(self) -> int | None:
        """The image that is shown among those of the result, which lacks those that could not be read."""
        if self.result is None:
            return None
        if self.result.images is self.truth.images:
            return self.index
        shown = self.truth.images.sources[self.index]
        theirs = enumerate(self.result.images.sources)
        return next((j for j, s in theirs if s is shown or (isinstance(s, Path) and s == shown)), None)


class OfParts:
    """The undo of part masks alone, where there is nothing else."""

    def __init__(self, truth: PartMasks) -> None:
        self._truth = truth

    @property
    def can_undo(self) -> bool:
        """See `Undoing`."""
        return self._truth.can_undo

    @property
    def can_redo(self) -> bool:
        """See `Undoing`."""
        return self._truth.can_redo

    def undo(self) -> Step:
        """See `Undoing`."""
        return self._step(self._truth.undo())

    def redo(self) -> Step:
        """See `Undoing`."""
        return self._step(self._truth.redo())

    def _step(self, where: tuple[int, str] | None) -> Step:
        if where is None:
            return Step()
        index, part = where
        return Step(f"{part} in {self._truth.images.names[index]}", index, part)


def _heat(result: DFFResult | None, row: int | None) -> tuple[bytes, list[int]]:
    if result is None or row is None:
        return b"", []
    heat, (grid,) = pack_heat([result.coarse_heatmaps(row)])
    return heat, grid


def _gains(result: DFFResult | None) -> list[float]:
    return contrast([result.coarse_heatmaps(i) for i in range(len(result))]) if result else []


def pack_mask(mask: Array, shape: Sequence[int]) -> bytes:
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
