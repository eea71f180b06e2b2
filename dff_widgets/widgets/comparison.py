"""`DFFComparison`: two factorizations of the same images side by side, what is alike in the same colour."""

from __future__ import annotations

import html
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets as w
import numpy as np
import traitlets as t

from ..evaluation import best_part_iou
from ..heat import contrast, pack_heat, palette, small
from ..images import ImageSet, UnreadableImageWarning, encode_tile
from ..result import DFFResult
from ..wording import one_line
from .jobs import CancelledError, LatestJob, Ticket
from .pairing import ComparisonView, likeness, match, pair
from .request import Request
from .sides import DEFAULTS, Methods, Toolbar, explained, request_of, settings, title

PAGE = 12  # images shown at a time, each of them twice
SIDES = ("left", "right")

_ASKED = ("images", "left", "right", "size")


def _checked(masks: Iterable[np.ndarray], ticket: Ticket) -> Iterator[np.ndarray]:
    for mask in masks:
        ticket.check()
        yield mask


class DFFComparison(w.VBox):
    """Two layers, two k, two networks, or DFF against PCA or k-means: the same images twice, under one set of controls.

    A side's settings are a dict of ``network``, ``layer``, ``k``, ``method`` (``"dff"``, ``"pca"`` or ``"kmeans"``) and
    ``seed``. What a new dict leaves out stays as it is, but another network begins at its default layer. On a layer
    with negative activations DFF is semi-NMF. Settings that fail are said in `error` and taken back.

    Factors whose heat maps are alike have the same row of the panel, and so the same colour; the others have rows of
    their own. The factors of the left side keep their rows and colours when its settings change.

    Args:
        images: an `ImageSet`, or what `ImageSet.of` takes.
        left: settings of the left side; by default the embedded network, its default layer, k = 4 and DFF.
        right: settings of the right side; what they leave out is as on the left. By default PCA.
        traits: any of the traits below.

    Attributes:
        images: the images.
        left, right: the settings of the sides, complete.
        size: short side in pixels at which the images go through both networks.
        page: the page of images, from 0.
        pairs: per row of the panel the factor of `left_result` and that of `right_result`, None where there is none.
        alike: per row the cosine (0..1) of the two heat maps, or None.
        colors: per row, ``#RRGGBB``.
        opacity, visible: per row, 0..1 and bool.
        selected: the selected row, or -1.
        tile_size: longer side of an image on the page, in CSS pixels.
        left_result, right_result: the `DFFResult` that is shown on each side, or None.
        explained: of each side the part (0..1) of the activations' energy that its factors hold; None for k-means with
            k = 1, which is one of two clusters.
        iou: of each side the mean best-part IoU of its masks at the 75th percentile; None without part masks.
        busy, progress, status, error: as in `DFFExplorer`.
    """

    images = t.Any()
    left = t.Dict()
    right = t.Dict()
    size = t.Int(320)
    page = t.Int(0)
    pairs = t.List()
    alike = t.List(t.Float(allow_none=True))
    colors = t.List(t.Unicode())
    opacity = t.List(t.Float())
    visible = t.List(t.Bool())
    selected = t.Int(-1)
    tile_size = t.Int(150)
    left_result = t.Instance(DFFResult, allow_none=True)
    right_result = t.Instance(DFFResult, allow_none=True)
    explained = t.List(t.Float(allow_none=True))
    iou = t.List(t.Float(allow_none=True))
    busy = t.Bool(False)
    progress = t.Float(0.0)
    status = t.Unicode("")
    error = t.Unicode(None, allow_none=True)

    def __init__(
        self,
        images: Any,
        left: Mapping[str, Any] | None = None,
        right: Mapping[str, Any] | None = None,
        **traits: Any,
    ) -> None:
        # One lock orders the threads that write traits: the kernel's, and the workers' when they publish.
        self._lock = threading.RLock()
        self._settling = False  # True while the widget itself sets traits, which asks for nothing
        self._pipeline = Methods()
        self._jobs, self._photos, self._scoring = (LatestJob(f"dff-comparison-{n}") for n in ("fit", "page", "iou"))
        self._decoding = False  # the photos of the page are not there yet, and heat maps wait for them
        self._good: dict[str, Any] = {}  # the last traits that worked
        self._requests: tuple[Request, ...] = ()  # whose results are shown
        self._slots: list[int] = []  # per row the place of its colour in the palette
        self._scores: dict[Request, float] = {}
        self.view = ComparisonView(lock=self._lock)
        unknown = [name for name in traits if not self.has_trait(name)]
        if unknown:
            raise TypeError(f"DFFComparison has no option {unknown[0]!r}; it has left, right, size, page, tile_size")
        left = settings({} if left is None else left, DEFAULTS, "left")
        right = settings({"method": "pca"} if right is None else right, left, "right")
        super().__init__(images=ImageSet.of(images), left=left, right=right, **traits)
        for name in ("opacity", "visible", "selected", "tile_size"):
            t.link((self, name), (self.view, name))
        self.toolbars = {which: Toolbar(self, which) for which in SIDES}
        bars = w.HBox(list(self.toolbars.values()))
        bars.add_class("dffw-bars")
        self.children = [bars, self._status_row(), self.view]
        self.add_class("dffw-explorer")
        self.view.on_msg(lambda _widget, content, _buffers: self.act(content))
        self.observe(self._asked, _ASKED)
        self.observe(lambda _: self._draw_page(), "page")
        self._draw_page()
        self._submit()

    @t.validate("images")  # type: ignore[untyped-decorator]
    def _any_images(self, proposal: Any) -> ImageSet:
        return ImageSet.of(proposal["value"])

    @t.validate("left", "right")  # type: ignore[untyped-decorator]
    def _any_settings(self, proposal: Any) -> dict[str, Any]:
        which = proposal["trait"].name
        return settings(proposal["value"], getattr(self, which) or DEFAULTS, which)

    @t.validate("page")  # type: ignore[untyped-decorator]
    def _a_page(self, proposal: Any) -> int:
        if not 0 <= proposal["value"] < self.pages:
            raise t.TraitError(f"page is {proposal['value']}; there are the pages 0..{self.pages - 1}")
        return int(proposal["value"])

    @property
    def pages(self) -> int:
        """The number of pages."""
        return max(1, -(-len(self._shown_images()) // PAGE))

    def _shown_images(self) -> ImageSet:
        """Those of the results, which lack what could not be read."""
        images: ImageSet = self.images if self.left_result is None else self.left_result.images
        return images

    def __repr__(self) -> str:
        return f"DFFComparison({len(self.images)} images: {title(self.left)} | {title(self.right)}; {self.status})"

    def wait(self, timeout: float | None = None) -> None:
        """Block until everything asked for is computed and shown.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            TimeoutError: it took longer.
        """
        end = None if timeout is None else time.monotonic() + timeout
        for jobs in (self._jobs, self._photos, self._scoring):  # each asks the next ones only
            if not jobs.wait(None if end is None else max(0.0, end - time.monotonic())):
                raise TimeoutError(f"not done after {timeout} s: {self.status}")

    def cancel(self) -> None:
        """Stop what is being computed; the last results stay, and the settings go back to them."""
        self._jobs.cancel()

    def turn_page(self, step: int) -> None:
        """Show the next page, or the one before."""
        self.page = min(max(self.page + step, 0), self.pages - 1)

    def act(self, content: Mapping[str, Any]) -> None:
        """What a person did in the browser, as its message says it; a message that makes no sense does nothing."""
        if content.get("do") == "page" and content.get("step") in (-1, 1):
            self.turn_page(content["step"])

    # ------------------------------------------------------------------------------------------------------- asking
    @contextmanager
    def settling(self) -> Iterator[None]:
        """Traits and controls set inside are the widget's own doing, and ask for nothing."""
        with self._lock:
            before, self._settling = self._settling, True
            try:
                yield
            finally:
                self._settling = before

    def set_by_person(self, which: str, name: str, value: Any) -> bool:
        """A control of a side was moved; nothing happens when the widget moved it. Whether a person did."""
        with self._lock:
            if self._settling:
                return False
            setattr(self, which, {name: value})
            if self.error:  # back to what there was before something failed
                self._submit()
            return True

    def _asked(self, change: Any) -> None:
        with self._lock:
            if self._settling:
                return
            with self.settling():  # an answer that came between the change and this lock may have taken it back
                setattr(self, change["name"], change["new"])
            if change["name"] == "images":
                self._requests, self._scores = (), {}
                self.left_result = self.right_result = None
                self._good = {**self._good, "images": self.images} if self._good else {}
                self.page = 0
                self._draw_page()
            self._submit()

    def _submit(self) -> None:
        asked = {name: getattr(self, name) for name in _ASKED}
        self.error, self.busy = None, True
        self._jobs.submit(lambda ticket: self._answer(asked, ticket))

    # --------------------------------------------------------------------------------- answering, in a worker thread
    def _answer(self, asked: Mapping[str, Any], ticket: Ticket) -> None:
        begin, where = time.monotonic(), ""

        def report(step: str, done: int, total: int) -> None:
            with self.settling():
                ticket.check()
                self.status = f"{where}: {step} {done}/{total}" if total else f"{where}: {step} …"
                self.progress = done / total if total else 0.0

        try:
            requests, results, networks, grids = [], [], [], []
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnreadableImageWarning)  # the status line says it
                for where in SIDES:
                    networks.append(self._pipeline.network(asked[where]["network"], report))
                    requests.append(request_of(asked[where], networks[-1], asked["images"], asked["size"]))
                    results.append(self._pipeline.result(requests[-1], report))
                    grids.append(self._pipeline.grids(networks[-1], results[-1].images, asked["size"]))
            with self.settling():
                ticket.check()
                for which, request, network, sizes in zip(SIDES, requests, networks, grids, strict=True):
                    setattr(self, which, {**asked[which], "layer": request.layer})
                    self.toolbars[which].accept(network, sizes)
                self._good = {name: getattr(self, name) for name in _ASKED}
                self._show(requests, results)
                skipped = "; ".join(results[0].skipped)
                images = f"{len(results[0])} image{'s'[: len(results[0]) != 1]}"
                left_out = f" · left out: {skipped}" if skipped else ""
                self._finish(f"{images} · {time.monotonic() - begin:.2f} s{left_out}")
                self._scoring.submit(lambda scored: self._score(requests, results, scored))
        except CancelledError:
            self._give_up(ticket, "cancelled")
        except Exception as error:  # whatever a network or a file does, the widget goes on
            kind = "" if isinstance(error, ValueError | TypeError | ConnectionError) else f"{type(error).__name__}: "
            self._give_up(ticket, f"{where}: {kind}{one_line(error)}", failed=True)

    def _give_up(self, ticket: Ticket, why: str, *, failed: bool = False) -> None:
        with self.settling():
            if not ticket.superseded:
                for name, value in self._good.items():
                    setattr(self, name, value)
                self.error = why if failed else None
                self._finish(why)

    def _finish(self, status: str) -> None:
        self.status, self.busy, self.progress = status, False, 0.0

    def _score(self, requests: list[Request], results: list[DFFResult], ticket: Ticket) -> None:
        """The mean best-part IoU of each side, as soon as it is known."""
        for request, result in zip(requests, results, strict=True):
            parts = result.images.parts
            if parts is None or request in self._scores:
                continue
            try:
                masks = _checked(result.lazy_masks(75), ticket)
                score = float(np.mean([s.iou for s in best_part_iou(masks, parts)]))
            except CancelledError:
                raise
            except Exception as error:  # a part mask that cannot be read, or is of another size
                with self._lock:
                    ticket.check()
                    self.error = self.status = f"no IoU: {one_line(error)}"
                return
            with self._lock:
                ticket.check()
                self._scores[request] = score
                self._say_scores()

    # ------------------------------------------------------------------------------------------------- what is shown
    def _show(self, requests: list[Request], results: list[DFFResult]) -> None:
        """Give every factor a row of the panel; those of the left that were there before keep row and colour."""
        left, right = results
        old, shown_before = self.left_result, self._shown_images()
        kept: dict[int, int] = {}  # row -> its row before
        if old is not None:
            before = {o: f for f, o in match(likeness(left, old)).items()}
            kept = dict(enumerate(sorted(before)))
            continued = [before[o] for o in kept.values()]
            left = left.reorder([*continued, *(f for f in range(left.k) if f not in continued)])
        right, rows, alike = pair(left, right)

        def carried(values: list[Any], default: Any) -> list[Any]:
            known = {r: o for r, o in kept.items() if o < len(values)}  # the browser may be behind
            return [values[known[r]] if r in known else default for r in range(len(rows))]

        slots = carried(self._slots, -1)
        free = iter(sorted(set(range(len(rows) + len(self._slots))) - set(slots)))
        self._slots = [next(free) if slot < 0 else slot for slot in slots]
        colors = palette(max(self._slots) + 1)
        selected = next((r for r, o in kept.items() if o == self.selected), -1)
        with self.view.hold_sync():
            self.left_result, self.right_result, self._requests = left, right, tuple(requests)
            self.pairs, self.alike = rows, alike
            self.colors = self.view.colors = [colors[slot] for slot in self._slots]
            self.view.names, self.view.alike = [f"factor {r}" for r in range(len(rows))], alike
            self.opacity, self.visible = carried(self.opacity, 0.7), carried(self.visible, True)
            self.selected = selected
            if shown_before.names != left.images.names:
                self._draw_page()
            elif not self._decoding:
                self._draw_heat()

    def _indices(self) -> range:
        return range(self.page * PAGE, min((self.page + 1) * PAGE, len(self._shown_images())))

    def _draw_page(self) -> None:
        """Decode the photos of the page in a thread; the heat maps come with them."""
        with self._lock:
            self._decoding = True
            images, indices = self._shown_images(), self._indices()
            self._photos.submit(lambda ticket: self._encode(images, indices, ticket))

    def _encode(self, images: ImageSet, indices: range, ticket: Ticket) -> None:
        tiles = []
        for i in indices:
            ticket.check()
            tiles.append(encode_tile(images, i))
        with self._lock, self.view.hold_sync():
            ticket.check()
            self._decoding = False
            self.view.tiles, self.view.captions = tiles, [images.names[i] for i in indices]
            self._draw_heat()

    def _draw_heat(self) -> None:
        sides, heats = [], []
        for n, result in enumerate((self.left_result, self.right_result)):
            if result is not None:
                heat, grids = pack_heat([small(result.coarse_heatmaps(i)) for i in self._indices()])
                heats.append(heat)
                row_of = {factors[n]: row for row, factors in enumerate(self.pairs)}
                sides.append(
                    {
                        "rows": [row_of[f] for f in range(result.k)],
                        "gains": contrast([result.coarse_heatmaps(i) for i in range(len(result))]),
                        "shares": [float(s) for s in result.factorization.strength],
                        "grids": grids,
                    }
                )
        with self.view.hold_sync():
            self.view.sides, self.view.heats = sides, heats
            self._say_scores()

    def _say_scores(self) -> None:
        """One line for each side."""
        results = (self.left_result, self.right_result)
        pairs = [(r, result) for r, result in zip(self._requests, results, strict=False) if result is not None]
        self.explained = [explained(request, result) for request, result in pairs]
        self.iou = [self._scores.get(request) for request, _ in pairs]
        lines = []
        for part, iou in zip(self.explained, self.iou, strict=True):
            said = [] if part is None else [f"explains {100 * part:.0f} %"]
            lines.append(" · ".join(said if iou is None else [*said, f"mean best-part IoU {iou:.2f}"]))
        self.view.sides = [
            {**side, "title": title(self._good[which]), "line": line}
            for side, which, line in zip(self.view.sides, SIDES, lines, strict=False)
        ]

    # ---------------------------------------------------------------------------------------------- status and page
    def _status_row(self) -> w.HBox:
        status = w.HTML(layout=w.Layout(flex="1 1 auto", min_width="0"))
        bar = w.FloatProgress(min=0, max=1, layout=w.Layout(width="160px", height="18px"))
        cancel = w.Button(description="Cancel", icon="times", layout=w.Layout(width="90px"))
        back, forth = (
            w.Button(description=arrow, tooltip=tip, layout=w.Layout(width="36px"))
            for arrow, tip in (("◂", "Page before"), ("▸", "Next page"))
        )
        place = w.Label()
        pager = w.HBox([back, place, forth])
        cancel.on_click(lambda _: self.cancel())
        back.on_click(lambda _: self.turn_page(-1))
        forth.on_click(lambda _: self.turn_page(+1))

        def show(_change: Any = None) -> None:
            color, mark = ("var(--jp-error-color1, #b00020)", "⚠ ") if self.error else ("inherit", "")
            status.value = f'<span role="status" style="color:{color}">{mark}{html.escape(self.status)}</span>'
            bar.value = self.progress
            bar.layout.visibility = cancel.layout.visibility = "visible" if self.busy else "hidden"
            pager.layout.display = "none" if self.pages == 1 else "flex"
            place.value = f"page {self.page + 1} of {self.pages}"
            back.disabled, forth.disabled = self.page == 0, self.page >= self.pages - 1

        self.observe(show, ["busy", "progress", "status", "error", "page", "images", "left_result"])
        show()
        return w.HBox([status, bar, cancel, pager], layout=w.Layout(align_items="center", min_height="34px"))
