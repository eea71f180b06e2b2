"""`DFFExplorer`: pick a network, a layer and k, and see the concepts."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np
import traitlets as t

from ..heat import contact_sheet, contrast, palette
from ..hierarchy import match_factors
from ..images import ImageSet, UnreadableImageWarning
from ..labelling import PartLabels, PartMasks, Session
from ..result import DFFResult
from ..wording import sentence
from .asked import Asked
from .branches import Branches
from .closeup import Closeup
from .controls import SOLVERS, Controls, Reporter
from .gallery import Gallery
from .jobs import CancelledError, LatestJob, Ticket
from .labeling import LabelingPanel, check_trait
from .pages import PAGE, Pages
from .pipeline import Pipeline
from .request import Basis, Request
from .sources import Sources, arranged
from .sweep_pane import SweepPane

if TYPE_CHECKING:
    from ..scale import Store

_FITTED = ("images", "network", "layer", "k", "solver", "seed", "size")  # what the factors depend on
_KEPT = ("layer", "k", "solver", "seed", "size", "refine")  # what a session keeps, beside the network
_STILL = 6  # images in the picture for viewers without widgets
_MANY = 1000  # images from which a person is asked first
_ASKED = (*_FITTED, "refine", "shown", "basis")  # and the result
_ORDERED = (*_ASKED, "labels", "percentile", "threshold")


class DFFExplorer(Asked, w.VBox):
    """See what a network thinks is the same across images.

    Every trait can be read, set, observed and linked. A trait that a result depends on (`images`, `network`, `layer`,
    `k`, `solver`, `seed`, `size`) starts the computation in a thread; the latest request wins. What fails is said in
    the status line and in `error`, and the traits go back to the last values that worked.

    Args:
        images: an `ImageSet`, a folder, a list of image files, arrays or PIL images; or a `scale.Store`, whose
            activations are shown without extracting anything.
        client: a ``dask.distributed.Client``, whose workers extract and factorize.
        traits: any of the traits below.

    Attributes:
        images: the images.
        network: a name (see `load_network`), an ``nn.Module`` or a `Network`.
        layer: a layer's name; ``""`` asks for the network's default, and is replaced by its name.
        k: the number of factors.
        solver: ``"hals"``, ``"mu"`` or ``"semi"``.
        seed: of the factorization's random start.
        size: short side in pixels at which the images go through the network.
        refine: whether the heat maps follow the edges of the images; see `DFFResult.refine`.
        shown: the images that the factors are shown in, by index; empty for all.
        basis: None, or a `Basis`: factors that were found in other images, until k, layer or network change.
        hierarchy: whether the tree of the factors for k = 1, 2, ... is shown under the gallery.
        closeup: whether the selected factor is shown from close up: where it is strongest, its channels, its classes.
        sweep: whether the sweep over layers, k and seeds is shown, whose points lead to their results.
        held: whether nothing is computed until `start`: so it is with more than a thousand images.
        sort: ``"as given"``, ``"name"``, or ``"factor"`` for the strength of the selected factor.
        filter: only images with this in their names are shown.
        page: the page of the gallery, from 0.
        opacity: per factor, 0..1.
        visible: per factor, bool.
        selected: the selected factor, or -1.
        percentile, threshold: what the masks are made by; see `DFFResult.masks`.
        labels: factor -> the parts it is named after; names stay with their factors when k, layer or network change.
        iou: per factor 0..1 with its parts, or None where it has none that the ground truth knows.
        colors: per factor, ``#RRGGBB``; a factor keeps its colour when k, layer or network change.
        busy: whether something is being computed.
        progress: 0..1 of the present step.
        status: one line about what is going on.
        result: the `DFFResult` that is shown, or None.
        error: None, or the sentence that says what went wrong.
        panel: the `LabelingPanel`; `labels`, `iou`, `percentile` and `threshold` are its own.
    """

    def __init__(self, images: Any, *, client: Any = None, **traits: Any) -> None:
        store = _as_store(images)
        if store is not None:
            images = store.images
            traits = {"network": store.network, "layer": store.layer.name, "size": store.size, **traits}
        # One lock orders the threads that write traits: the kernel's, and the workers' when they publish.
        self.lock = threading.RLock()
        self._settling = False  # True while the explorer itself sets traits, which asks for nothing
        self.pipeline = Pipeline(store, client)
        self._jobs = LatestJob("dff-explorer")
        self._good: Request | None = None  # the last request that worked
        self._slots: list[int] = []  # per factor the place of its colour in the palette
        self.gallery = Gallery(lock=self.lock)
        self._pages = Pages(self.gallery, self.lock)
        self.panel = LabelingPanel(pages=self._pages, host=self)
        unknown = [name for name in traits if not self.has_trait(name)]
        if unknown:
            raise TypeError(f"DFFExplorer has no option {unknown[0]!r}; it has {', '.join(_ASKED)}")
        super().__init__(images=ImageSet.of(images), **{"labels": PartLabels(), **traits})
        self.branches, self.closer, self.sweeping = Branches(self), Closeup(self), SweepPane(self)
        self._controls = Controls(self)
        self.sources = Sources(self)
        above = [self.sources, *self._controls.rows(), self.panel.bar, self.panel.slot]
        self.children = [*above, self.gallery, self.closer, self.branches, self.sweeping]
        self.add_class("dffw-explorer")
        for name in ("opacity", "visible", "selected"):
            t.link((self, name), (self.gallery, name))
        for name in ("percentile", "threshold", "labels"):
            t.link((self, name), (self.panel, name))
        t.dlink((self.panel, "iou"), (self, "iou"))
        self._use_truth()
        self.observe(self._asked, _ASKED)
        self.observe(lambda _: self._draw_page(), "page")
        self.observe(self._rearranged, ["sort", "filter"])
        self.observe(self._resorted, "selected")
        self.observe(self._toggle_tree, "hierarchy")
        self.held = store is None and client is None and len(self.images) > _MANY
        self._draw_page()
        self._submit()

    def __setattr__(self, name: str, value: Any) -> None:
        """One thread at a time writes traits, so that an answer on its way does not undo what is asked meanwhile."""
        with self.lock if name in _ORDERED else contextlib.nullcontext():
            super().__setattr__(name, value)

    @t.validate("page")  # type: ignore[untyped-decorator]
    def _a_page(self, proposal: Any) -> int:
        if not 0 <= proposal["value"] < self.pages:
            raise t.TraitError(f"page is {proposal['value']}; give one of 0..{self.pages - 1}")
        return int(proposal["value"])

    def __repr__(self) -> str:
        shown = f"{self.network_name} · {self.layer or 'default layer'} · k={self.k}"
        return f"DFFExplorer({len(self.images)} images: {shown}; {self.status or 'starting'})"

    _ipython_display_ = None  # the way of ipywidgets 7, which Colab has: it would leave the picture out

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """The widget, and for viewers without widgets a still picture and a line of text."""
        result, shown = self.result, self._arranged()[:_STILL]
        images = self.images if result is None else result.images
        maps = [] if result is None else [result.coarse_heatmaps(i) for i in shown]
        picture = contact_sheet(images, shown, maps, self.colors)
        return {
            "text/plain": repr(self),
            "image/jpeg": base64.b64encode(picture).decode(),
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.model_id,
            },
        }

    @property
    def network_name(self) -> str:
        """The network, as a name."""
        network = self.network
        return network if isinstance(network, str) else getattr(network, "name", type(network).__name__)

    @property
    def pages(self) -> int:
        """The number of pages of the gallery."""
        return max(1, -(-len(self._arranged()) // PAGE))

    def wait(self, timeout: float | None = None) -> None:
        """Block until everything asked for is computed and shown.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            TimeoutError: it took longer.
        """
        end = None if timeout is None else time.monotonic() + timeout
        asking = (self.sources, self._jobs, self.branches, self.closer, self._pages)  # each asks the next ones only
        for waiting in (*(one.wait for one in asking), self.panel.wait_measured):
            if not waiting(None if end is None else max(0.0, end - time.monotonic())):
                raise TimeoutError(f"not done after {timeout} s: {self.status}")

    def save(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write the session to a file; see `LabelingPanel.save`."""
        return self.panel.save(path, overwrite=overwrite)

    def load(self, path: str | Path) -> str:
        """Go on with a saved session, in a thread: `wait` for it. See `LabelingPanel.load`."""
        return self.panel.load(path)

    def close(self) -> None:
        """The end of the explorer; what is not saved yet is saved, if its panel saves it by itself."""
        self.panel.close()
        super().close()

    def start(self) -> None:
        """Run the network over all images, however many there are."""
        with self.lock:
            self.held = False
            self._submit()

    def say(self, text: str, *, problem: bool = False) -> None:
        """Put a sentence in the status line; a problem is an `error` too."""
        with self.settling():
            self.status, self.error = text, text if problem else None

    def cancel(self) -> None:
        """Stop what is being computed; the last result stays, and the traits go back to it."""
        self._jobs.cancel()

    # ------------------------------------------------------------------------------------------------------- asking
    @contextmanager
    def settling(self) -> Iterator[None]:
        """Traits and controls set inside are the explorer's own doing, and ask for nothing."""
        with self.lock:
            before, self._settling = self._settling, True
            try:
                yield
            finally:
                self._settling = before

    def set_by_person(self, name: str, value: Any) -> bool:
        """A control was moved; nothing happens when the explorer moved it. Whether a person did."""
        with self.lock:
            if self._settling:
                return False
            setattr(self, name, value)
            if self.error and name in _ASKED:  # back to what there was before something failed
                self._submit()
            return True

    def _asked(self, change: Any) -> None:
        with self.lock:
            if self._settling:
                return
            with self.settling():
                setattr(self, change["name"], change["new"])  # an answer may have come between the change and the lock
                if change["name"] == "network":
                    self.layer = ""
                if change["name"] in _FITTED:
                    self.basis = None
                if change["name"] == "images":
                    self.page, self.result, self.shown, self.panel.sampling = 0, None, (), None
                    if self._good is not None:
                        self._good = dataclasses.replace(self._good, images=self.images, shown=(), basis=None)
                    self._use_truth()
                    self.panel.bar.refresh()
                    self.held = len(self.images) > _MANY
                    self._draw_page()
            self._submit()

    def _submit(self, then: Callable[[], None] | None = None) -> None:
        if self.held and not self.shown:
            self.say(f"{len(self.images):,} images: Start runs the network over all of them; or label on a few first")
            return
        request = Request(**{name: getattr(self, name) for name in _ASKED})
        self.error = None
        self.busy = True
        self._jobs.submit(lambda ticket: self._answer(request, ticket, then))

    # ------------------------------------------------------------------------------------- what the panel asks for
    def look_at(self, images: tuple[int, ...], *, refit: bool) -> None:
        """Show these images of the set (all, if empty), with factors found in them or with those that are there."""
        with self.lock:
            with self.settling():
                if not refit and self.result is not None and self._good is not None:
                    for name in _FITTED:  # what is on its way would have other factors
                        setattr(self, name, getattr(self._good, name))
                    self.basis = Basis(np.asarray(self.result.factorization.W))
                else:
                    self.basis = None
                self.shown, self.page = images, 0
                self.held = self.held and bool(images)
            self._submit()

    def turn_page(self, step: int) -> None:
        """Show the next page of the gallery, or the one before."""
        self.page = min(max(self.page + step, 0), self.pages - 1)

    def settings(self) -> dict[str, Any]:
        """What a session keeps of the explorer, as plain data."""
        network = self.network if isinstance(self.network, str) else ""  # a module of one's own is brought along
        return {"network": network, **{name: getattr(self, name) for name in _KEPT}}

    def restore(self, session: Session, then: Callable[[], None]) -> None:
        """Show a session's factors, and call `then` when they are there; what does not fit changes nothing."""
        said, result, images = session.settings, session.result, self.images
        network = said.get("network") or (result.network if isinstance(self.network, str) else self.network)
        if isinstance(network, str) and not re.fullmatch(r"[\w.-]+", network):  # no hub, no path
            raise ValueError(f"the session's network is {network!r}; set explorer.network to it first if you trust it")
        values = {name: said.get(name, getattr(self, name)) for name in _KEPT}
        values |= {"network": network, "layer": result.layer, "k": result.k, "size": result.size}
        possible = {"solver": SOLVERS.values(), "seed": range(2**63), "size": range(16, 2**16)}
        for name, value in values.items():
            check_trait(self, name, value)
            if value not in possible.get(name, (value,)):
                raise ValueError(f"the session's {name} is {value!r}, which is no {name}")
        places = [images.names.index(name) if name in images.names else -1 for name in result.images.names]
        same = session.names == images.names and -1 not in places and session.seen_in(images.subset(places))
        shown = tuple(places) if same and len(places) < len(images) else ()
        asked = {"images": images, **values, "shown": shown}
        request = Request(**asked, basis=Basis(np.asarray(result.factorization.W)))
        if same:
            self.pipeline.adopt(request, result)
        with self.lock:
            self._settle_on(request)
            self.held = False
            self._submit(then)

    # --------------------------------------------------------------------------------- answering, in a worker thread
    def _answer(self, request: Request, ticket: Ticket, then: Callable[[], None] | None = None) -> None:
        start = time.monotonic()
        report = Reporter(self, ticket)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnreadableImageWarning)  # the status line says it
                network = self.pipeline.network(request.network, report)
                layer = network.layer(request.layer or None).name
                request = dataclasses.replace(request, layer=layer)
                result = self.pipeline.result(request, report)
                request = dataclasses.replace(request, k=result.k)  # a basis brings its own
                grids = self.pipeline.grids(network, result.images, request.size)
            with self._publishing(ticket):
                self._good = request
                if then is not None:  # the factors of a session keep their order
                    self.result, self._slots = None, []
                self._show(result)
                self._settle_on(request)
                self._controls.accept(network, request, grids)
                self.status = _summary(result, len(request.shown or request.images), time.monotonic() - start)
                if then is not None:
                    then()
                self.branches.refresh(request)
        except CancelledError:
            self._give_up(ticket, "cancelled")
        except Exception as error:  # whatever a network or a file does, the widget goes on
            self._give_up(ticket, one_sentence(error), failed=True)

    @contextmanager
    def _publishing(self, ticket: Ticket) -> Iterator[None]:
        """The end of a job: traits change only while its answer is still wanted."""
        with self.settling():
            ticket.check()
            yield
            self.busy = False
            self.progress = 0.0

    def _give_up(self, ticket: Ticket, why: str, *, failed: bool = False) -> None:
        with self.settling():
            if ticket.superseded:
                return
            if self._good is not None:
                self._settle_on(self._good)
            self.error = why if failed else None
            self.status = why
            self.busy = False
            self.progress = 0.0

    def _settle_on(self, request: Request) -> None:
        with self.settling():
            for name in _ASKED:
                setattr(self, name, getattr(request, name))

    def _show(self, result: DFFResult) -> None:
        """Make `result` the one that is shown; factors that were there before keep place, colour and settings."""
        kept: dict[int, int] = {}  # place in the new result -> factor of the old one
        old = self.result
        if old is not None:
            new_of_old = {o: n for n, o in _match(result, old).items()}
            order = [new_of_old[o] for o in sorted(new_of_old)]
            kept = dict(enumerate(sorted(new_of_old)))
            result = result.reorder([*order, *(f for f in range(result.k) if f not in order)])
        slots = [self._slots[kept[j]] if j in kept else -1 for j in range(result.k)]
        free = iter(sorted(set(range(result.k + len(self._slots))) - set(slots)))
        self._slots = [next(free) if slot < 0 else slot for slot in slots]

        def carried(values: list[Any], default: Any) -> list[Any]:
            return [values[kept[j]] if j in kept else default for j in range(result.k)]

        page_changes = old is None or old.images is not result.images
        selected = next((j for j, o in kept.items() if o == self.selected), -1)
        with self.gallery.hold_sync():
            self.result = result
            self.recolor()
            self.gallery.shares = [float(s) for s in result.factorization.strength]
            self.gallery.gains = contrast([result.coarse_heatmaps(i) for i in range(len(result))])
            self.opacity = carried(self.opacity, 0.7)
            self.visible = carried(self.visible, True)
            self.selected = selected
            if page_changes:
                self.page = min(self.page, self.pages - 1)
                self._draw_page()
            else:
                self._pages.draw_heat(result)
            self.panel.show(result, kept)
            self.labels = self.panel.labels  # a link passes on what is said differently, and k alone may have changed

    def recolor(self) -> None:
        """Give every factor its colour again: the tree's where it is shown."""
        if self.result is not None:
            colors = palette(max(self._slots) + 1)
            own = [colors[slot] for slot in self._slots]
            self.colors = self.gallery.colors = self.branches.colors(self.result) or own

    def _toggle_tree(self, _change: Any) -> None:
        with self.settling():
            self.recolor()
            if self._good is not None:
                self.branches.refresh(self._good)

    def _draw_page(self) -> None:
        """Show the photos of the page, and what is known of their factors."""
        with self.lock:
            images = self.images if self.result is None else self.result.images
            self._pages.show(images, self._arranged()[self.page * PAGE :][:PAGE], self.result)
            self.panel.page_changed()

    def _arranged(self) -> list[int]:
        images = self.images if self.result is None else self.result.images
        return arranged(images, self.result, self.sort, self.filter, self.selected)

    def _resorted(self, _change: Any) -> None:
        if self.sort == "factor":
            self._rearranged()

    def _rearranged(self, _change: Any = None) -> None:
        with self.lock:
            self.page = 0
            self._draw_page()

    def _use_truth(self) -> None:
        """The part masks of the images; the names of the first few do, those of thousands would have to be read."""
        first = [] if self.images.parts is None else [self.images.parts[i] for i in range(min(4, len(self.images)))]
        self.panel.use_truth(PartMasks(self.images, names=tuple(dict.fromkeys(n for here in first for n in here))))


def _as_store(images: Any) -> Store | None:
    """A `scale.Store`, if it is one; to ask that of other things is not worth the import."""
    if isinstance(images, ImageSet | Sequence | str | Path):
        return None
    from ..scale import Store

    return images if isinstance(images, Store) else None


def _match(new: DFFResult, old: DFFResult) -> dict[int, int]:
    """Factor of `new` -> the factor of `old` it continues."""
    if np.array_equal(new.factorization.W, old.factorization.W):  # applied to other images
        return {f: f for f in range(new.k)}
    if new.images is not old.images:
        return {}
    a, b = new.factorization, old.factorization
    same = (new.network, new.layer) == (old.network, old.layer)  # else channels that are equally many are not the same
    W, other_W = (np.asarray(f.W) if same else np.zeros((len(f.W), 0)) for f in (a, b))
    return match_factors(a.H, W, b.H, other_W, shapes=new.shapes, other_shapes=old.shapes)


def _summary(result: DFFResult, asked: int, seconds: float) -> str:
    explained = 100 * (1 - result.factorization.error**2)
    images = f"{len(result)} image{'s'[: len(result) != 1]}"
    factors = f"{result.k} factor{'s'[: result.k != 1]}"
    lost = max(asked - len(result), len(result.skipped))  # a refined result also names those it could not refine
    left_out = f" · {lost} left out: {'; '.join(result.skipped)}" if result.skipped else ""
    return f"{images} · {factors} explain {explained:.0f} % of the activations · {seconds:.2f} s{left_out}"


def one_sentence(error: Exception) -> str:
    """An exception as a person can read it; those that are not meant for people also say their type."""
    text = sentence(error)
    return text if isinstance(error, ValueError | TypeError | ConnectionError) else f"{type(error).__name__}: {text}"
