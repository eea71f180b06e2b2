"""`DFFExplorer`: pick a network, a layer and k, and see the concepts. One widget, thin: traits ⇄ model."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets.widgets.widget
import traitlets as t

from .. import datasets
from ..explore import LatestJob, Model, wire
from ..explore.desk import Desk
from ..explore.export_desk import export_desk
from ..explore.finding import Finder
from ..explore.jobs import Run
from ..explore.labelling import Labelling
from ..explore.moment import Now
from ..explore.naming_desk import naming_desk
from ..explore.panes import Panes
from ..explore.photos import Photos
from ..explore.reviewing import Reviewing, review_desk
from ..explore.session_desk import sampling, session_desk
from ..explore.session_pane import SessionPane
from ..explore.state import State
from ..explore.steering import Steering, steering_desk, steps_of
from ..explore.traits import Traits
from ..explore.truth_desk import truth_desk
from ..images import ImageSet
from ..link import link
from .still import Still

if TYPE_CHECKING:
    from ..scale import Store

_ECHOES = getattr(ipywidgets.widgets.widget, "JUPYTER_WIDGETS_ECHO", False)  # not before ipywidgets 8
_ENTRY = Path(__file__).parents[1] / "front" / "app" / "index.js"
_ESM, _CSS = link(_ENTRY)

CHOICES = tuple(one.name for one in dataclasses.fields(State))


class ChoiceError(t.TraitError, ValueError):
    """A trait was set to what it cannot be; nothing has changed."""


class Told(t.TraitType):  # not generic in the traitlets of Colab
    """A trait whose value is what the model has, at the moment it is read; so no two of them ever disagree.

    Args:
        read: the value, given the explorer.
        metadata: of the trait.
    """

    def __init__(self, read: Callable[[Any], Any], **metadata: Any) -> None:
        super().__init__(None, allow_none=True)
        self.tag(**metadata)
        self._read = read

    def get(self, obj: Any, cls: Any = None) -> Any:
        """The model's."""
        return self._read(obj)


def _choice(name: str, *, sync: bool = False) -> Told:
    """A field of the model's `State`. What a browser chose is echoed, for others that show the same notebook."""
    return Told(lambda explorer: getattr(explorer.model.state, name), sync=sync)


class DFFExplorer(anywidget.AnyWidget):
    """See what a network thinks is the same across images.

    Every trait can be read, set, observed and linked. One that a result depends on (`images`, `network`, `layer`, `k`,
    `solver`, `seed`, `size`, `focus`) shows what is there already at once, and else starts the computation in a thread;
    the latest request wins. What fails is said in the status line and in `error`, and the traits go back to the last
    values that worked.

    Args:
        images: an `ImageSet`, a folder, a list of image files, arrays or PIL images; or a `scale.Store`, whose
            activations are shown without extracting anything. By default twelve drawn creatures.
        client: a ``dask.distributed.Client``, whose workers extract and factorize.
        run: what makes the threads; see `Model`.
        foresee: whether what a person may ask for next is made ahead; see `Model`.
        labels: what the factors of the first result are named after: factor -> its part or parts.
        traits: any of the traits below.

    Raises:
        TypeError: there is no such option, or a value of another kind.
        ValueError: a value that cannot be.

    Attributes:
        model: the `Model` behind it.
        panel: names the factors, measures and keeps them; see `Labelling`.
    """

    # Read as text, not given as paths: a path would start a file watcher in the kernel.
    _esm = t.Unicode(_ESM).tag(sync=True)
    _css = t.Unicode(_CSS).tag(sync=True)

    # ------------------------------------------------------------------- what a person chooses, here or in the browser
    k = _choice("k", sync=True)  # the number of factors
    layer = _choice("layer", sync=True)  # by name; "" asks for the network's default, and is replaced by its name
    look = _choice("look", sync=True)  # "heat", "sharp" (maps that follow the edges) or "masks"
    photo = _choice("photo", sync=True)  # "grey", "colour" or "dim"
    percentile = _choice("percentile", sync=True)  # of the masks, 0..100
    threshold = _choice("threshold", sync=True)  # in its place "auto" or "otsu"; see `DFFResult.masks`
    selected = _choice("selected", sync=True)  # the selected factor, or -1
    tile_size = _choice("tile_size", sync=True)  # height of a row of photos in CSS pixels
    sort = _choice("sort", sync=True)  # "as given", "name", or "factor": by the strength of the selected one; "doubt"
    filter = _choice("filter", sync=True)  # only images with this in their names are shown
    reviewed = _choice("reviewed", sync=True)  # only images with this review are shown; "": all
    tab = _choice("tab", sync=True)  # "gallery", "tree", "compare" or "sweep"
    opened = _choice("opened", sync=True)  # the image in focus, by index, or -1
    opacities = t.Dict().tag(sync=True)  # concept (as text) -> 0..1; 0.7 where there is none
    hidden = t.List(t.Int()).tag(sync=True)  # concepts that are not drawn
    height = t.Int(0).tag(sync=True)  # in CSS pixels; 0: the default

    # ------------------------------------------------------------------------------------- what a person chooses, here
    images = _choice("images")
    network = _choice("network")  # a name (see `load_network`), an nn.Module or a Network
    solver = _choice("solver")  # "hals", "mu" or "semi"
    seed = _choice("seed")  # of the factorization's random start
    size = _choice("size")  # short side in pixels at which the images go through the network
    focus = _choice("focus")  # None, or "object": factors are of what the images have in common, alone
    shown = _choice("shown")  # the images that the factors are shown in, by index; () for all
    basis = _choice("basis")  # None, or a `Basis`: factors that were found elsewhere
    held = _choice("held")  # whether nothing is computed until `start`: so it is with more than a thousand images
    opacity = Told(lambda explorer: explorer._opacity())  # per factor of this k, 0..1
    visible = Told(lambda explorer: explorer._visible())  # per factor of this k, bool

    # -------------------------------------------------------------------------------------------------- what was found
    labels = Told(lambda explorer: explorer.panel.labels)  # `PartLabels`: factor -> the parts it is named after
    iou = Told(lambda explorer: explorer.panel.iou)  # per factor 0..1 with its parts, or None
    result = Told(lambda explorer: explorer.model.result)  # the `DFFResult` that is shown, or None
    busy = Told(lambda explorer: explorer.model.busy)  # whether something is being computed
    error = Told(lambda explorer: explorer.model.error)  # None, or the sentence that says what went wrong
    progress = Told(lambda explorer: explorer._progress())  # 0..1 of the present step
    colors = Told(lambda explorer: explorer._colors())  # per factor `#RRGGBB`
    status = Told(lambda explorer: explorer.model.status.text).tag(  # one line about what is going on
        sync=True, to_json=lambda _, explorer: wire.status(explorer.model.status)
    )

    # ---------------------------------------------------------------------- for the browser alone; see `explore.wire`
    alone = t.Bool(False).tag(sync=True)  # whether there is one result and no network: what needs one is not offered
    place = t.Dict().tag(sync=True)
    choices = t.Dict().tag(sync=True)
    captions = t.List().tag(sync=True)
    sizes = t.List().tag(sync=True)
    photos = t.List().tag(sync=True)
    stack = t.Dict().tag(sync=True)
    heat = t.Bytes(b"").tag(sync=True)
    appearance = t.Dict().tag(sync=True)
    scores = t.Dict().tag(sync=True)
    notes = t.Dict().tag(sync=True)

    _alive = False
    _parts: tuple[Any, ...] = ()  # what is closed with it, also where it was never whole

    def __init__(
        self,
        images: Any = None,
        *,
        client: Any = None,
        run: Run = LatestJob,
        foresee: bool = True,
        labels: Any = None,
        **traits: Any,
    ) -> None:
        others: dict[str, Any] = {
            name: traits.pop(name) for name in ("opacities", "hidden", "height") if name in traits
        }
        unknown = [name for name in traits if name not in CHOICES]
        if unknown:
            raise TypeError(f"DFFExplorer has no option {unknown[0]!r}; it has {', '.join((*CHOICES, 'client'))}")
        store = _as_store(images)
        title = "creatures" if images is None else ""
        images = datasets.creatures() if images is None else images if store is None else store.images
        model = Model(images, store=store, client=client, run=run, foresee=foresee, **traits)
        self._begin(model, title, labels, others)

    def _begin(self, model: Model, title: str, labels: Any, others: dict[str, Any]) -> None:
        """Join what shows a model to it.

        Args:
            model: it.
            title: of its images; ``""`` for one made of their names.
            labels: of the factors of the first result, or None.
            others: traits that are no choices of the model.
        """
        self.model, run = model, model.run
        self._photos = Photos(run, self._publish, most=wire.MOST_PHOTOS, room=wire.PHOTOS_ROOM)
        self._wire = Traits(self._photos)
        if title:
            self._wire.call(self.model.state.images, title)
        self.panel = Labelling(self.model)
        session = self.panel.session
        session.extra = lambda: {"opacity": self.opacity, "visible": self.visible}
        session.restored = self._restored
        self._desk = Desk(self.model, self._photos, self._wire, self._say)
        self._desk.doing |= naming_desk(self.panel.namer, self.panel.live, self.panel.undoing)
        self._desk.doing |= session_desk(session)
        self._desk.doing |= export_desk(self.panel.exporter, run)
        self._desk.doing |= truth_desk(self.model, self.panel.live, run)
        self.steering = Steering(self.model)
        self.panel.undoing.join("steering", steps_of(self.steering))
        self._desk.doing |= steering_desk(self.steering)
        self.reviewing = Reviewing(self.model, self.panel.annotator, self._publish)
        self._desk.doing |= review_desk(self.model, self.panel)
        self.finder = Finder(self.model, self.panel.annotator)
        self._desk.doing |= self.finder.desk()
        self._panes = Panes(self.model, self._say, self.panel, None if model.pipeline.fixed else self.finder)
        self._panes.serve("session", lambda: SessionPane(session))
        self._still = Still(run, lambda: (self._wire.images(self.model.now), self.model.now))
        self._parts = (
            self._still,
            self._panes,
            self._desk,
            self.steering,
            self.reviewing,
            self.finder,
            self.finder,
            self.panel,
            self.model,
            self._photos,
        )
        self._writing: dict[str, object] = {}  # "by": whoever writes the traits just now
        self._news = False  # whether the model has changed since the traits were last read from it
        self._alive = False
        self._named_first = labels
        super().__init__(**others, **self._wire.values(self.model.now))
        self._alive = True
        self.on_msg(self._heard)
        self.observe(lambda _: self._publish(), ["opacities", "hidden"])
        self.model.subscribe(self._told)
        session.on_change(self._publish)
        self.panel.undoing.on_change(self._publish)
        self._told(None)

    def __repr__(self) -> str:
        state = self.model.state
        shown = f"{self.network_name} · {state.layer or 'default layer'} · k={state.k}"
        return f"DFFExplorer({len(state.images)} images: {shown}; {self.status or 'starting'})"

    def _ipython_display_(self) -> None:
        """The widget, and after it the picture for viewers that have no widgets."""
        from IPython.display import display

        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)
        self._still.show()

    @property
    def network_name(self) -> str:
        """The network, as a name."""
        return wire.network_name(self.model.state.network)

    # ------------------------------------------------------------------------------------------------------- to be done
    def wait(self, timeout: float | None = None) -> None:
        """Block until everything asked for is computed and shown.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            TimeoutError: it took longer.
        """
        end = None if timeout is None else time.monotonic() + timeout

        def left() -> float | None:
            return None if end is None else max(0.0, end - time.monotonic())

        if not self._desk.wait(left()):
            raise TimeoutError(f"not done after {timeout} s: {self.status}")
        self.model.wait(left())
        self._publish()
        others = (("the photos are being decoded", self._photos), ("the pixels are being counted", self.panel.live))
        for what, waited in others:
            if not waited.wait(left()):
                raise TimeoutError(f"not done after {timeout} s: {what}")
        self._still.settle()

    def start(self) -> None:
        """Run the network over all images, however many there are."""
        self.model.start()

    def cancel(self) -> None:
        """Stop what is being computed; the last result stays, and the traits go back to it."""
        self.model.cancel()

    def save(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write the session to a file: factors, names and their undo, painted masks, settings; see `SessionKeeper`.

        Args:
            path: of the file.
            overwrite: also one that was neither loaded nor written here.

        Returns:
            What was written, in a sentence.

        Raises:
            FileExistsError: the file may hold another's work.
            ValueError: there is no result yet.
            OSError: the disk is full, or the place is not there or cannot be written to.
        """
        return self.panel.save(path, overwrite=overwrite)

    def load(self, path: str | Path) -> str:
        """Go on with a saved session, whose factors are shown when they are there: `wait` for them.

        Returns:
            What is done, in a sentence.

        Raises:
            ValueError: the file is damaged, no session, of a newer version, or does not fit; nothing changed.
        """
        return self.panel.load(path)

    def close(self) -> None:
        """End the work, and take the widget away."""
        self._alive = False
        for part in self._parts:
            part.close()
        layout = self.layout  # a widget too, that ipywidgets leaves behind
        super().close()
        if layout is not None:
            layout.close()

    # -------------------------------------------------------------------------------------------------- traits ⇄ model
    def __setattr__(self, name: str, value: Any) -> None:
        """What is a choice is asked of the model, which checks it."""
        if name in CHOICES:
            try:
                self.model.ask(**{name: value})
            except (ValueError, TypeError) as error:
                raise ChoiceError(str(error)) from error
            self._publish()
        elif name == "opacity":
            self._set_opacity(value)
        elif name == "labels":
            self.panel.labels = value
            self._publish()
        elif name == "visible":
            self._set_visible(value)
        elif isinstance(getattr(type(self), name, None), Told):
            raise AttributeError(f"{name} follows from what is asked for; it cannot be set")
        else:
            super().__setattr__(name, value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser sends: choices of one moment; those that no longer fit are sent back as they are."""
        asked = {name: value for name, value in sync_data.items() if name in CHOICES}
        taken = {name: value for name, value in sync_data.items() if name not in CHOICES}
        with self._lock_property(**sync_data), self.hold_sync():
            if asked and not self._try(asked):
                asked = {name: value for name, value in asked.items() if self._try({name: value})}
            super().set_state(taken | asked)
            self._publish()
        back = [name for name in sync_data if name in CHOICES and name not in asked]
        if back:
            if _ECHOES:  # a page that gets no echo of what it sent hears nothing more of it
                refused = {name: sync_data[name] for name in back}
                self._send({"method": "echo_update", "state": refused, "buffer_paths": []})
            self.send_state(back)

    def _try(self, asked: dict[str, Any]) -> bool:
        """Ask the model; whether it can be."""
        with suppress(ValueError, TypeError):
            self.model.ask(**asked)
            return True
        return False

    def _publish(self) -> None:
        """Make the traits what the model has.

        One thread at a time writes them; another one's news is seen by it on its next round. Nobody waits, so that
        explorers whose traits are linked cannot wait for each other. An interrupt lets go of the traits wherever it
        comes: what one `finally` may miss, the other does not.
        """
        self._news = True
        while self._news and self._alive:
            mine = object()
            try:
                try:
                    if self._writing.setdefault("by", mine) is not mine:
                        return
                    self._news = False
                    self._write()
                finally:
                    self._let_go(mine)
            finally:
                self._let_go(mine)

    def _restored(self, settings: Mapping[str, Any]) -> None:
        """How the factors of a session looked; what does not fit is not worth an error."""
        for name in ("opacity", "visible"):
            with suppress(t.TraitError, TypeError):
                setattr(self, name, settings[name] if name in settings else getattr(self, name))

    def _let_go(self, mine: object) -> None:
        if self._writing.get("by") is mine:
            del self._writing["by"]

    def _heard(self, _widget: object, content: Any, buffers: Sequence[Any]) -> None:
        """A message of the browser: of a pane, or for the desk."""
        if not self._panes.receive(content, buffers):
            self._desk.receive(content, buffers)

    def _told(self, _event: object) -> None:
        """The model has changed."""
        labels, stack = self._named_first, self.model.stack
        if labels is not None and stack is not None and stack.whole:
            self._named_first = None
            self.panel.labels = labels
        self._publish()
        self._still.refresh()

    def _write(self) -> None:
        now = self.model.now
        parts, pages = self.panel.live.known_parts, sampling(self.panel.session)
        values: dict[str, Any] = self._wire.values(now, known=parts, sampling=pages)
        values["place"] |= {
            "steer": self.steering.steps,
            "locked": [] if now.result is None else list(now.result.locked),
        }
        values["notes"] = self._noted(now)
        values["appearance"] = self._undoable(values["appearance"])
        for name, trait in self.traits().items():
            if isinstance(trait, Told):
                values[name] = getattr(self, name)
        with self.hold_sync():
            for name, value in values.items():
                if self.model.now is not now:  # an observer asked for something else: what follows is of no use
                    self._news = True
                    return
                if self._trait_values.get(name) is not value:
                    self.set_trait(name, value)

    def _noted(self, now: Now) -> dict[str, Any]:
        """What the gallery shows of the review; the same object where nothing changed."""
        with suppress(ValueError):  # other images came between
            notes = self.reviewing.wire(now)
            return self.notes if notes == self.notes else notes
        return {}

    def _undoable(self, appearance: dict[str, Any]) -> dict[str, Any]:
        """With whether there is anything to undo, of whatever kind; the same object where nothing changed."""
        undoing = self.panel.undoing
        told = {**appearance, "undoable": undoing.can_undo, "redoable": undoing.can_redo}
        return self.appearance if told == self.appearance else told

    def _say(self, content: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        if self._alive:
            self.send(dict(content), list(buffers))

    # --------------------------------------------------------------------------------------------- per factor of this k
    def _concepts(self) -> tuple[int, ...]:
        now = self.model.now
        return () if now.result is None else now.appearance.concepts(now.result.k)

    def _colors(self) -> list[str]:
        now = self.model.now
        return [] if now.result is None else now.appearance.hues(now.result.k)

    def _progress(self) -> float:
        status = self.model.status
        return status.done / status.total if status.total else 0.0

    def _opacity(self) -> list[float]:
        return [float(self.opacities.get(str(concept), 0.7)) for concept in self._concepts()]

    def _visible(self) -> list[bool]:
        return [concept not in self.hidden for concept in self._concepts()]

    def _set_opacity(self, values: Sequence[float]) -> None:
        concepts = self._concepts()
        if len(values) != len(concepts) or not all(0 <= v <= 1 for v in values):
            raise t.TraitError(f"opacity is {values}; give {len(concepts)} values from 0 to 1, one a factor")
        given = {str(concept): float(v) for concept, v in zip(concepts, values, strict=True)}
        self.opacities = {**self.opacities, **given}

    def _set_visible(self, values: Sequence[bool]) -> None:
        concepts = self._concepts()
        if len(values) != len(concepts):
            raise t.TraitError(f"visible is {values}; give {len(concepts)} values True or False, one a factor")
        others = [concept for concept in self.hidden if concept not in concepts]
        self.hidden = [*others, *(c for c, seen in zip(concepts, values, strict=True) if not seen)]


def _as_store(images: Any) -> Store | None:
    """A `scale.Store`, if it is one; to ask that of other things is not worth the import."""
    if images is None or isinstance(images, ImageSet | Sequence | str | Path):
        return None
    from ..scale import Store

    return images if isinstance(images, Store) else None
