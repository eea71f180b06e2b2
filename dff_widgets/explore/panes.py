"""The panes of the app: which are open, what each of them follows in the model, and their messages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..result import DFFResult
from .closer import Closer
from .compare import Compare
from .events import AppearanceChanged, Event, ResultFound, StateChanged
from .finding import Finder
from .focus import Focus
from .jobs import Ticket
from .labelling import Labelling
from .model import Model
from .presenter import Presenter
from .sheets import MaskSheet
from .sweep import Sweep

Send = Callable[[dict[str, Any], Sequence[bytes]], object]


@dataclass
class Pane:
    """A pane of the app.

    Attributes:
        presenter: what it shows.
        refresh: shows what the model has now.
        events: of the model, after which that may be something else.
        stop: ends following the model; None while the pane is shut.
    """

    presenter: Presenter
    refresh: Callable[[], object]
    events: tuple[type, ...]
    stop: Callable[[], None] | None = None


class Panes:
    """Serves the panes of one model. A pane is made when it is first opened, and follows the model while it is open.

    Args:
        model: whose.
        send: sends a message and buffers to the browser.
        panel: has the part masks of the images that are open, and all that is said of them.
        finder: finds a factor's mask in other images; None where there is no network.
    """

    def __init__(self, model: Model, send: Send, panel: Labelling, finder: Finder | None = None) -> None:
        self._model, self._send, self._panel, self._finder = model, send, panel, finder
        self._makers: dict[str, Callable[[], Pane]] = {
            "closer": self._closer,
            "focus": self._focus,
            "compare": self._compare,
            "sweep": self._sweep,
        }
        self._panes: dict[str, Pane] = {}

    def receive(self, content: Any, buffers: Sequence[Any] = ()) -> bool:
        """Take a message; False where it is none of a pane."""
        if not isinstance(content, Mapping) or "pane" not in content:
            return False
        name = content["pane"]
        if not isinstance(name, str) or name not in self._makers:
            return True  # of a pane that nobody knows
        if content.get("do") == "open":
            self._open(name)
        elif content.get("do") == "shut":
            self._shut(name)
        elif name in self._panes:
            self._panes[name].presenter.receive(content, buffers)
        return True

    def presenter(self, name: str) -> Presenter | None:
        """Of a pane that was opened, or None."""
        pane = self._panes.get(name)
        return None if pane is None else pane.presenter

    def serve(self, name: str, make: Callable[[], Presenter]) -> None:
        """Serve one more pane, which follows what it is made of by itself."""
        self._makers[name] = lambda: Pane(make(), lambda: None, ())

    def close(self) -> None:
        """Stop all of them."""
        for name in list(self._panes):
            self._shut(name)
            self._panes.pop(name).presenter.close()

    def _open(self, name: str) -> None:
        pane = self._panes.get(name)
        if pane is None:
            pane = self._panes[name] = self._makers[name]()
            pane.presenter.publish = lambda changes: self._send(*message(name, changes))
        if pane.stop is None:
            pane.stop = self._model.subscribe(lambda event: self._told(pane, event))
        pane.presenter.receive({"do": "open"})  # the whole state, before what changes it
        pane.refresh()

    def _shut(self, name: str) -> None:
        pane = self._panes.get(name)
        if pane is not None and pane.stop is not None:
            pane.stop()
            pane.stop = None

    @staticmethod
    def _told(pane: Pane, event: Event) -> None:
        if isinstance(event, pane.events):
            pane.refresh()

    # ----------------------------------------------------------------------------------------------------- each of them
    def _closer(self) -> Pane:
        closer = Closer(self._model.run)
        seen: list[Any] = []  # what was looked at last

        def refresh() -> None:
            now = self._model.now
            result, factor = now.result, now.state.selected
            wanted = [result, factor, now.network] if result is not None and 0 <= factor < result.k else []
            if not wanted or result is None or result.k not in now.appearance:
                if seen:
                    closer.clear()
                seen.clear()
                return
            heading = now.appearance.labels(result.k).title(factor), now.appearance.hues(result.k)[factor]
            if not (seen and all(a is b or (isinstance(a, int) and a == b) for a, b in zip(seen, wanted, strict=True))):
                seen[:] = wanted
                closer.look(result, factor, now.network, name=heading[0], color=heading[1])
            elif not closer.state["busy"]:
                closer.head(title=heading[0], color=heading[1])

        return Pane(closer, refresh, (StateChanged, ResultFound, AppearanceChanged))

    def _focus(self) -> Pane:
        panel = self._panel
        focus = Focus(panel.truth)
        focus.corrects, focus.history = MaskSheet(self._model, panel.annotator), panel.undoing
        focus.notes = panel.notes
        sheet = focus.corrects

        def find(index: int, name: str, said: Callable[[str], object]) -> None:
            finder = self._finder
            if finder is not None:
                finder.find(index, sheet.factor(name), said, said)

        focus.find = None if self._finder is None else find

        def moved(index: int) -> None:
            """An undo went to another image."""
            result = self._model.result
            source = focus.truth.images.sources[index]
            theirs = focus.truth.images.sources if result is None else result.images.sources
            at = next((i for i, one in enumerate(theirs) if one is source), -1)
            if at >= 0:
                self._model.ask(opened=at)

        focus.moved = moved
        jobs = self._model.run("dff-focus")

        def show(ticket: Ticket) -> None:
            now, truth = self._model.now, panel.truth
            focus.notes = panel.notes
            if truth is not focus.truth:
                focus.use_truth(truth)
            ticket.check()
            opened = now.state.opened
            images = truth.images if now.result is None else now.result.images
            if 0 <= opened < len(images):
                index = opened if images is truth.images else truth.places(images)[opened]
                if (index, opened) != (focus.index, focus.state["opened"]):
                    focus.show(index, opened)
            if now.result is not None and now.result.k in now.appearance:
                k = now.result.k
                labels = now.appearance.labels(k)
                focus.call_factors([labels.title(f) for f in range(k)], now.appearance.hues(k))
            ticket.check()
            if focus.state["mode"] == "masks" and now.result is not None:
                panel.annotator.predicted(now, ticket.check)  # before anything waits for it
            focus.corrected()

        def job(ticket: Ticket) -> None:
            with contextlib.suppress(ValueError, IndexError):  # other images came between: another event is on its way
                show(ticket)

        focus.follows = [
            panel.undoing.on_change(lambda: jobs.submit(job)),
            panel.annotator.on_change(focus.corrected),
        ]
        return Pane(focus, lambda: jobs.submit(job), (StateChanged, ResultFound, AppearanceChanged))

    def _compare(self) -> Pane:
        model = self._model
        state = model.state
        wanted = {"network": state.network, "layer": state.layer, "k": state.k, "seed": state.seed}
        compare = Compare(state.images, wanted, size=state.size, pipeline=model.pipeline, run=model.run)

        def look(result: DFFResult) -> tuple[list[str], list[str]] | None:
            """The colours and names that the app has for a result that it shows."""
            now = model.now
            stack, k = now.stack, result.k
            if stack is None or k not in stack or stack[k] is not result or k not in now.appearance:
                return None
            labels = now.appearance.labels(k)
            return now.appearance.hues(k), [labels.title(f) for f in range(k)]

        compare.look = look
        started = False

        def refresh() -> None:
            nonlocal started
            now = model.now
            others = now.state.images is not compare.images or now.state.size != compare.size
            if started and others:
                compare.ask(images=now.state.images, size=now.state.size)
            elif not started:
                started = True
                compare.show_page()
                compare.start()

        return Pane(compare, refresh, (StateChanged,))

    def _sweep(self) -> Pane:
        model = self._model
        state = model.state
        sweep = Sweep(state.images, model.pipeline, model.run, network=state.network, size=state.size)
        sweep.on_select = lambda point: model.ask(layer=point["layer"], k=point["k"], seed=point["seed"])
        sweep.on_again = lambda _point: model.ask(tab="gallery")
        offered: list[Any] = [None]  # the network whose layers can be chosen

        def refresh() -> None:
            now = model.now
            wanted = {"images": now.state.images, "network": now.state.network, "size": now.state.size}
            changed = {name: value for name, value in wanted.items() if getattr(sweep, name) is not value}
            if changed.get("size") == sweep.size:
                del changed["size"]
            if changed:
                sweep.use(**changed)
            network = model.pipeline.known_network(now.state.network)
            if network is not None and (network is not offered[0] or sweep.state["layers"] == [""]):
                offered[0] = network
                sweep.offer(network, now.state.layer)

        return Pane(sweep, refresh, (StateChanged, ResultFound))


def message(name: str, changes: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The changes of a pane as a message: bytes, and those in lists, go along as buffers.

    >>> message("closer", {"busy": False, "photo": b"1", "pictures": [b"2", b"3"]})[0]["keys"]
    ['photo', ['pictures', 0], ['pictures', 1]]
    """
    plain: dict[str, Any] = {}
    keys: list[Any] = []
    buffers: list[bytes] = []
    for key, value in changes.items():
        if isinstance(value, bytes):
            keys.append(key)
            buffers.append(value)
        elif isinstance(value, list) and any(isinstance(one, bytes) for one in value):
            plain[key] = [None] * len(value)
            keys += [[key, place] for place in range(len(value))]
            buffers += value
        else:
            plain[key] = value
    return {"pane": name, "set": plain, "keys": keys}, buffers
