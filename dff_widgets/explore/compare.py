"""Two factorizations of the same images as a pane: sides with settings of their own, and factors that share a row."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..evaluation import best_part_iou
from ..heat import contrast, pack_heat, palette
from ..heat.tiles import small
from ..images import ImageSet, UnreadableImageWarning, encode_tile
from ..result import DFFResult
from ..wording import one_line
from .jobs import CancelledError, LatestJob, Run, Ticket
from .matching import map_likeness, match
from .pipeline import Pipeline
from .presenter import Presenter
from .sides import DEFAULTS, METHODS, SIDES, Methods, Row, Settings, explained, network_name, pair, settings, title
from .state import Request, checked
from .sweep import layer_title

PAGE = 24  # images shown at a time
_MOST_K = 10
_OPACITY = 0.7


class Compare(Presenter):
    """Computes two sides, one after the other, in a thread; its values are described by `DFFComparison`.

    What fails is said, and the settings go back to those that worked. The factors of the left side keep their rows,
    and with them what a person set, when its settings change.

    Args:
        images: that are compared on.
        left, right: settings of the sides; what they leave out is the default, or as on the left.
        size: short side in pixels at which the images go through both networks.
        pipeline: whose activations; one of its own by default.
        run: makes what runs its work; see `Jobs`.

    Attributes:
        images, size: those.
        sides: by side its settings, complete.
        results: what is shown on each side, or None.
        look: gives colours and names for the factors of a result, where somebody knows them; else None.
    """

    chosen = frozenset({"page", "opacity", "visible", "selected", "photo", "tile_size"})

    def __init__(
        self,
        images: ImageSet,
        left: Mapping[str, Any] | None = None,
        right: Mapping[str, Any] | None = None,
        *,
        size: int = 320,
        pipeline: Pipeline | None = None,
        run: Run = LatestJob,
    ) -> None:
        lists = ("pairs", "alike", "colors", "names", "opacity", "visible", "tiles", "captions", "sides", "heats")
        super().__init__(
            **{name: [] for name in (*lists, "explained", "iou", "settings", "networks")},
            layers=[[], []],
            methods=[[value, text] for value, text in METHODS.items()],
            most=_MOST_K,
            page=0,
            pages=1,
            selected=-1,
            photo=1.0,
            tile_size=150,
            busy=False,
            progress=0.0,
            status="",
            error=None,
        )
        self.methods = Methods(Pipeline() if pipeline is None else pipeline)
        self._own = pipeline is None
        self._jobs, self._photos, self._scoring = (run(f"dff-compare-{name}") for name in ("fit", "page", "iou"))
        self.look: Callable[[DFFResult], tuple[list[str], list[str]] | None] = lambda _result: None
        self.images, self.size = images, size
        first = settings({} if left is None else left, DEFAULTS, "left")
        second = settings({"method": "pca"} if right is None else right, first, "right")
        self.sides: dict[str, Settings] = {"left": first, "right": second}
        self.results: tuple[DFFResult | None, DFFResult | None] = (None, None)
        self._good: dict[str, Any] = {}  # what was asked for last, and worked
        self._requests: tuple[Request, ...] = ()  # whose results are shown
        self._slots: list[int] = []  # per row the place of its colour in the palette
        self._scores: dict[Request, float] = {}
        self._decoding = False  # the photos of the page are not there yet, and heat maps wait for them
        self._say_settings()

    # ---------------------------------------------------------------------------------------------------------- asking
    def complete(self, which: str, given: Any) -> Settings:
        """The settings of a side with some of them changed. Raises ValueError as `settings`."""
        return settings(given, self.sides[which], which)

    def ask(self, **changes: Any) -> None:
        """Compare something else: ``left`` or ``right`` (some of the settings), ``images``, ``size``.

        Raises:
            ValueError, TypeError: a value that cannot be; nothing has changed.
        """
        sides = {which: self.complete(which, changes[which]) for which in SIDES if which in changes}
        values = checked({name: changes[name] for name in ("images", "size") if name in changes})
        with self.together():
            self.sides = {**self.sides, **sides}
            self.size = values.get("size", self.size)
            if "images" in values:
                self._open(values["images"])
            self._say_settings()
            self.start()

    def start(self) -> None:
        """Compute what is asked for."""
        asked = {"images": self.images, "size": self.size, **self.sides}
        self.put(error=None, busy=True)
        self._jobs.submit(lambda ticket: self._answer(asked, ticket))

    def show_page(self) -> None:
        """Decode the photos of the page in a thread; the heat maps come with them."""
        with self.lock:
            self._decoding = True
            images, indices = self._shown_images(), self._indices()
            self._photos.submit(lambda ticket: self._encode(images, indices, ticket))

    def cancel(self) -> None:
        """Stop what is being computed; the last results stay, and the settings go back to them."""
        self._jobs.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until everything asked for is computed and shown; False when it takes longer than `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout

        def left() -> float | None:
            return None if end is None else max(0.0, end - time.monotonic())

        return all(jobs.wait(left()) for jobs in (self._jobs, self._photos, self._scoring))  # each asks the next ones

    def close(self) -> None:
        """See `Presenter.close`."""
        for jobs in (self._jobs, self._photos, self._scoring):
            jobs.cancel()
        if self._own:
            self.methods.pipeline.close()

    # ------------------------------------------------------------------------------------------------------ the browser
    def check(self, name: str, value: Any) -> Any:
        """See `Presenter.check`."""
        value = super().check(name, value)
        rows = len(self.state["pairs"])
        if name == "page" and not 0 <= value < self.state["pages"]:
            raise ValueError(f"page is {value}; there are the pages 0..{self.state['pages'] - 1}")
        if name in ("opacity", "visible") and (len(value) != rows or not all(0 <= v <= 1 for v in value)):
            raise ValueError(f"{name} is {value}; give {rows} values, one a row")
        if name == "selected" and not -1 <= value < max(rows, 0):
            raise ValueError(f"selected is {value}; give a row of 0..{rows - 1}, or -1 for none")
        return value

    def choose(self, changes: Mapping[str, Any]) -> None:
        """See `Presenter.choose`."""
        with self.together():
            super().choose(changes)
            if "page" in changes:
                self.show_page()

    def act(self, do: str, content: Mapping[str, Any]) -> None:
        """See `Presenter.act`."""
        if do == "side" and content["which"] in SIDES and content["name"] in DEFAULTS:
            self.ask(**{content["which"]: {content["name"]: content["value"]}})
        elif do == "page" and content["step"] in (-1, 1):
            self.turn_page(content["step"])
        elif do == "cancel":
            self.cancel()

    def turn_page(self, step: int) -> None:
        """Show the next page, or the one before."""
        self.choose({"page": min(max(self.state["page"] + step, 0), self.state["pages"] - 1)})

    def refused(self, error: Exception) -> None:
        """See `Presenter.refused`."""
        self.put(error=str(error), status=str(error))
        self._say_settings()
        super().refused(error)

    # ----------------------------------------------------------------------------------- answering, in a worker thread
    def _answer(self, asked: Mapping[str, Any], ticket: Ticket) -> None:
        begin, where = time.monotonic(), ""

        def report(step: str, done: int, total: int) -> None:
            with self.lock:
                ticket.check()
                said = f"{where}: {step} {done}/{total}" if total else f"{where}: {step} …"
                self.put(status=said, progress=done / total if total else 0.0)

        try:
            requests: list[Request] = []
            results: list[DFFResult] = []
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnreadableImageWarning)  # the status line says it
                for where in SIDES:
                    requests.append(self.methods.request(asked[where], asked["images"], asked["size"], report))
                    results.append(self.methods.result(requests[-1], report))
            with self.together():
                ticket.check()
                for which, request in zip(SIDES, requests, strict=True):
                    self.sides[which] = {**asked[which], "layer": request.layer}
                self._good = {**asked, **self.sides}
                self._show(requests, results)
                self._say_settings()
                skipped = "; ".join(results[0].skipped)
                images = f"{len(results[0])} image{'' if len(results[0]) == 1 else 's'}"
                left_out = f" · left out: {skipped}" if skipped else ""
                self._finish(f"{images} · {time.monotonic() - begin:.2f} s{left_out}")
                self._scoring.submit(lambda scored: self._score(requests, results, scored))
        except CancelledError:
            self._give_up(ticket, "cancelled")
        except Exception as error:  # whatever a network or a file does, the pane goes on
            kind = "" if isinstance(error, ValueError | TypeError | ConnectionError) else f"{type(error).__name__}: "
            self._give_up(ticket, f"{where}: {kind}{one_line(error)}", failed=True)

    def _give_up(self, ticket: Ticket, why: str, *, failed: bool = False) -> None:
        with self.together():
            if not ticket.superseded:
                if self._good:
                    self.images, self.size = self._good["images"], self._good["size"]
                    self.sides = {which: self._good[which] for which in SIDES}
                self._say_settings()
                self.put(error=why if failed else None)
                self._finish(why)

    def _finish(self, status: str) -> None:
        self.put(status=status, busy=False, progress=0.0)

    def _score(self, requests: list[Request], results: list[DFFResult], ticket: Ticket) -> None:
        """The mean best-part IoU of each side, as soon as it is known."""
        for request, result in zip(requests, results, strict=True):
            parts = result.images.parts
            if parts is None or request in self._scores:
                continue
            try:
                score = float(np.mean([s.iou for s in best_part_iou(_checked(result.lazy_masks(75), ticket), parts)]))
            except CancelledError:
                raise
            except Exception as error:  # a part mask that cannot be read, or is of another size
                with self.lock:
                    ticket.check()
                    self.put(error=f"no IoU: {one_line(error)}", status=f"no IoU: {one_line(error)}")
                return
            with self.together():
                ticket.check()
                self._scores[request] = score
                self._say_scores()

    # ---------------------------------------------------------------------------------------------------- what is shown
    def _open(self, images: ImageSet) -> None:
        self.images = images
        self.results, self._requests, self._scores = (None, None), (), {}
        self._good = {**self._good, "images": images} if self._good else {}
        self.put(page=0)
        self.show_page()

    def _shown_images(self) -> ImageSet:
        """Those of the results, which lack what could not be read."""
        return self.images if self.results[0] is None else self.results[0].images

    def _indices(self) -> range:
        images = self._shown_images()
        self.put(pages=max(1, -(-len(images) // PAGE)))
        first = self.state["page"] * PAGE
        return range(first, min(first + PAGE, len(images)))

    def _show(self, requests: list[Request], results: list[DFFResult]) -> None:
        """Give every factor a row; those of the left that were there before keep theirs."""
        old, shown_before = self.results[0], self._shown_images()
        order = list(range(results[0].k))
        kept: dict[int, int] = {}  # row -> its row before
        if old is not None:
            before = {o: f for f, o in match(map_likeness(results[0], old)).items()}
            kept = dict(enumerate(sorted(before)))
            continued = [before[o] for o in kept.values()]
            order = [*continued, *(f for f in order if f not in continued)]
        left = results[0].reorder(order)
        right, rows, alike = pair(left, results[1])
        self.results, self._requests = (left, right), tuple(requests)
        colors, names = self._dressed(results[0], order, rows, kept)
        self.put(
            pairs=rows,
            alike=alike,
            colors=colors,
            names=names,
            opacity=_carried(self.state["opacity"], kept, len(rows), _OPACITY),
            visible=_carried(self.state["visible"], kept, len(rows), True),
            selected=next((r for r, o in kept.items() if o == self.state["selected"]), -1),
        )
        if shown_before.names != left.images.names:
            self.show_page()
        elif not self._decoding:
            self._draw_heat()

    def _dressed(
        self, left: DFFResult, order: list[int], rows: list[Row], kept: Mapping[int, int]
    ) -> tuple[list[str], list[str]]:
        """Colours and names of the rows: somebody's own for the left, if there are any, and others apart from them."""
        slots = _carried(self._slots, kept, len(rows), -1)
        free = iter(sorted(set(range(len(rows) + len(self._slots))) - set(slots)))
        self._slots = [next(free) if slot < 0 else slot for slot in slots]
        own = self.look(left)
        if own is None:
            colors = palette(max(self._slots) + 1)
            return [colors[slot] for slot in self._slots], [f"factor {r}" for r in range(len(rows))]
        hues, titles = ([values[f] for f in order] for values in own)
        others = iter([color for color in palette(2 * len(rows)) if color not in hues])
        more = len(rows) - len(order)
        return [*hues, *(next(others) for _ in range(more))], [*titles, *(f"right only {r + 1}" for r in range(more))]

    def _encode(self, images: ImageSet, indices: range, ticket: Ticket) -> None:
        tiles = []
        for i in indices:
            ticket.check()
            tiles.append(encode_tile(images, i))
        with self.together():
            ticket.check()
            self._decoding = False
            self.put(tiles=tiles, captions=[images.names[i] for i in indices])
            self._draw_heat()

    def _draw_heat(self) -> None:
        sides, heats = [], []
        for n, result in enumerate(self.results):
            if result is not None:
                heat, grids = pack_heat([small(result.coarse_heatmaps(i)) for i in self._indices()])
                heats.append(heat)
                row_of = {factors[n]: row for row, factors in enumerate(self.state["pairs"])}
                sides.append(
                    {
                        "rows": [row_of[f] for f in range(result.k)],
                        "gains": contrast([result.coarse_heatmaps(i) for i in range(len(result))]),
                        "shares": [float(s) for s in result.factorization.strength],
                        "grids": grids,
                    }
                )
        self.put(sides=sides, heats=heats)
        self._say_scores()

    def _say_scores(self) -> None:
        """One line for each side."""
        shown = [(r, result) for r, result in zip(self._requests, self.results, strict=False) if result is not None]
        parts = [explained(request, result) for request, result in shown]
        ious = [self._scores.get(request) for request, _ in shown]
        lines = []
        for part, iou in zip(parts, ious, strict=True):
            said = [] if part is None else [f"explains {100 * part:.0f} %"]
            lines.append(" · ".join(said if iou is None else [*said, f"mean best-part IoU {iou:.2f}"]))
        told = zip(self.state["sides"], SIDES, lines, strict=False)
        sides = [{**side, "title": title(self._good[which]), "line": line} for side, which, line in told]
        self.put(explained=parts, iou=ious, sides=sides)

    def _say_settings(self) -> None:
        """The settings as the browser shows them, and the layers it can choose from."""
        plain, layers = [], []
        for which in SIDES:
            side = self.sides[which]
            network = self.methods.pipeline.known_network(side["network"])
            listed = [] if network is None else {one.name: one for one in (network.layer(), *network.layers)}.values()
            plain.append({**side, "network": network_name(side["network"])})
            layers.append([{"name": one.name, "title": layer_title(one)} for one in listed])
        most = max(_MOST_K, *(side["k"] for side in plain if side["k"] < 100))
        self.put(settings=plain, layers=layers, most=most)


def _carried(values: list[Any], kept: Mapping[int, int], count: int, default: Any) -> list[Any]:
    """Per row what the row that it continues had; the browser may be behind, and know fewer."""
    known = {r: o for r, o in kept.items() if o < len(values)}
    return [values[known[r]] if r in known else default for r in range(count)]


def _checked(masks: Any, ticket: Ticket) -> Iterator[Any]:
    """The masks, one image after the other, until the job is no longer wanted."""
    for mask in masks:
        ticket.check()
        yield mask
