"""`LabelingPanel`: from factors to named parts, with an IoU that moves as a person works."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import ipywidgets as w
import numpy as np
import traitlets as t

from ..heatmaps import palette
from ..painting import PartMasks
from ..parts import History, PartLabels, assign, parse_parts
from ..result import DFFResult
from ..sampling import Sampling
from ..session import Session
from ..tally import Tally
from ..tiles import contrast
from .focus import FocusView
from .gallery import Gallery
from .jobs import LatestJob, Ticket
from .pages import PAGE, Pages
from .scores import coverage_of, quantile_table, samples, score
from .session_bar import EXPORTS, SessionBar

_SETTINGS = ("percentile", "threshold", "coverage_threshold")  # traits that a session keeps
_SETTLE = 1.0  # seconds without a change before a session is saved by itself
_OFTEN = 0.15  # seconds between two looks at scores that are still being counted
_SAME = 0.95  # cosine of two rows of W from which a factor that comes back has its name again


class Host(Protocol):
    """What a panel needs of the explorer it is in, which computes its results."""

    def look_at(self, images: tuple[int, ...], *, refit: bool) -> None:
        """Show these images of the set (all, if empty), with factors found in them or with those that are there."""

    def settings(self) -> dict[str, Any]:
        """What a session keeps of the explorer, as plain data."""

    def restore(self, session: Session, then: Callable[[], None]) -> None:
        """Show a session's factors, and call `then` when they are there; what does not fit changes nothing."""


class LabelingPanel(w.VBox):
    """Name the factors of a result after parts, and see at once how well they fit.

    Every trait can be read, set, observed and linked; nothing needs a browser. Changes of `labels` can be undone
    without limit. The IoU is that of the masks that `percentile` and `threshold` make, dataset-wide over the images
    that have a ground truth (eqs. 8-9 of the paper); a thread of its own counts it, the images of the page first.

    Args:
        result: the factors to name; None until `show` brings some.
        parts: per image {name: (h, w) bool}, or a `PartMasks`; by default those of the images of the result.
        labels: what the factors are named after at first: factor -> parts.
        traits: any of the traits below.

    Attributes:
        result: the `DFFResult` that is labelled.
        labels: `PartLabels`; any mapping factor -> parts can be set.
        truth: the `PartMasks` that the IoU is measured with; painting there moves the IoU.
        iou: per factor 0..1, or None for one whose names no ground truth knows.
        mean_iou: of the factors that have one, or None.
        covered: the number of images that the IoU covers so far.
        coverage: `Coverage`, (k, p), or None before it is known.
        coverage_threshold: above which `assign_by_coverage` assigns, 0..1.
        percentile: of the masks, 0..100; see `DFFResult.masks`.
        threshold: None for the percentile, ``"auto"`` or ``"otsu"``.
        measuring: whether the IoU is still being counted.
        shown: the images of the result that are looked at, by index; empty for all. Only for a panel of its own.
        sampling: the pages of a semi-automatic session, or None.
        autosave: the file that every change goes to, a second later; ``""`` for none.
        error: None, or the sentence that says why it cannot be counted.
    """

    result = t.Instance(DFFResult, allow_none=True)
    labels = t.Instance(PartLabels)
    iou = t.List(t.Float(allow_none=True))
    mean_iou = t.Float(None, allow_none=True)
    covered = t.Int(0)
    coverage = t.Instance(np.ndarray, allow_none=True)
    coverage_threshold = t.Float(0.5)
    percentile = t.Float(75.0)
    threshold = t.Enum([None, "auto", "otsu"], None, allow_none=True)
    measuring = t.Bool(False)
    error = t.Unicode(None, allow_none=True)
    shown = t.Tuple()
    autosave = t.Unicode("")

    def __init__(
        self,
        result: DFFResult | None = None,
        parts: Sequence[Mapping[str, Any]] | PartMasks | None = None,
        labels: Mapping[int, Any] | None = None,
        *,
        pages: Pages | None = None,
        host: Host | None = None,
        **traits: Any,
    ) -> None:
        self._host = host
        self.sampling: Sampling | None = None
        self._saving = LatestJob("dff-autosave")
        self._focus: FocusView | None = None
        self._lock = pages.lock if pages else threading.RLock()
        self.gallery = pages.gallery if pages else Gallery(lock=self._lock)
        self._pages = pages or Pages(self.gallery, self._lock)
        self._jobs = LatestJob("dff-scores")
        self._history = History(PartLabels())
        self._lost: list[tuple[tuple[str, str], np.ndarray, list[str]]] = []  # names of factors that went away
        self._tally, self._known = Tally(0), 0
        self._measured: tuple[Any, ...] | None = None  # what the tally is of, once it is whole
        self._places: list[int] = []
        self.truth: PartMasks | None = None
        self._stop_listening = lambda: None
        unknown = [name for name in traits if not self.has_trait(name)]
        if unknown:
            raise TypeError(f"LabelingPanel has no option {unknown[0]!r}")
        super().__init__(labels=PartLabels(), **traits)
        self.gallery.labelling = self.gallery.openable = True
        self.bar = SessionBar(self)
        self.slot = w.VBox()  # where an image is opened
        for name in ("percentile", "coverage_threshold"):
            t.link((self, name), (self.gallery, name))
        self.gallery.observe(lambda c: setattr(self, "threshold", "auto" if c["new"] else None), "automatic")
        self.gallery.on_msg(lambda _widget, content, _buffers: self.act(content))
        self.observe(self._relabelled, "labels")
        self.observe(lambda _: self._remeasure(), ["percentile", "threshold"])
        self.observe(lambda _: self._look(), "shown")
        self.observe(lambda _: self._changed(), ["labels", "percentile", "threshold", "coverage_threshold", "autosave"])
        self.gallery.observe(lambda _: self._remeasure(), "view")
        if result is not None:
            self.use_truth(parts if isinstance(parts, PartMasks) else PartMasks(result.images, parts))
            self.show(result)
            self._draw_alone(result)
            self.children = [self.bar, self.slot, self.gallery]
            self.add_class("dffw-explorer")
            if labels is not None:
                self.labels = PartLabels(labels, k=result.k)
                self._history = History(self.labels)

    @t.validate("labels")  # type: ignore[untyped-decorator]
    def _any_labels(self, proposal: Any) -> PartLabels:
        return PartLabels(proposal["value"], k=self.result.k if self.result is not None else None)

    @t.validate("percentile")  # type: ignore[untyped-decorator]
    def _in_range(self, proposal: Any) -> float:
        if not 0 <= proposal["value"] <= 100:
            raise t.TraitError(f"percentile is {proposal['value']!r}; give a number from 0 to 100")
        return float(proposal["value"])

    def wait(self, timeout: float | None = None) -> None:
        """Block until the IoU covers every image with a ground truth.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            TimeoutError: it took longer.
        """
        if not (self._pages.wait(timeout) and self.wait_measured(timeout)):
            raise TimeoutError(f"not measured after {timeout} s: {self.covered} images so far")

    def wait_measured(self, timeout: float | None = None) -> bool:
        """`wait`, without the photos; False where that raises."""
        return self._jobs.wait(timeout)

    # ------------------------------------------------------------------------------------------------------- naming
    def assign_by_coverage(self, threshold: float | None = None) -> None:
        """Name every factor after the parts of which it covers more than `threshold` (section 4.3 of the paper).

        Args:
            threshold: 0..1; by default `coverage_threshold`, which it becomes.

        Raises:
            ValueError: the threshold is outside 0..1, or there is no ground truth.
        """
        self._jobs.wait()
        self._assign(self.coverage_threshold if threshold is None else threshold)

    def _assign(self, threshold: float) -> None:
        with self._lock:
            if not self._tally.images:
                raise ValueError("no coverage: the images have no part masks; paint some, or give parts")
            named = assign(coverage_of(self._tally), threshold)
            self.coverage_threshold = threshold
            self.labels = PartLabels(named, k=len(self.labels))

    def clear(self) -> None:
        """Take all names away."""
        self.labels = PartLabels(k=len(self.labels))

    def undo(self) -> None:
        """Take the last change of the labels back, if there is one."""
        with self._lock:
            self.labels = self._history.undo()

    def redo(self) -> None:
        """Make the change again that was undone last, if there is one."""
        with self._lock:
            self.labels = self._history.redo()

    def act(self, content: Mapping[str, Any]) -> None:
        """What a person did in the browser, as its message says it; a message that makes no sense does nothing."""
        try:
            self._do(content)
        except (KeyError, TypeError, ValueError) as error:
            self.error = str(error)

    def _do(self, content: Mapping[str, Any]) -> None:
        what = content.get("do")
        with self._lock:
            if what == "name":
                self.labels = self.labels.replace(content["factor"], parse_parts(content["text"], self._known_parts()))
                self._sync_labels()  # also when nothing changed: the box shows what was understood
            elif what == "toggle":
                self.labels = self.labels.toggle(content["factor"], content["part"])
            elif what == "assign" and self._tally.k == len(self.labels) and self._tally.images:
                self._assign(float(content["threshold"]))  # by what is known so far, without waiting for the rest
            elif what == "open":
                self.open_image(self._places[self._pages.indices[content["tile"]]])
            elif what in ("clear", "undo", "redo"):
                {"clear": self.clear, "undo": self.undo, "redo": self.redo}[what]()

    def _known_parts(self) -> list[str]:
        return list(dict.fromkeys([*(self.truth.parts if self.truth is not None else ()), *self._tally.parts]))

    # ------------------------------------------------------------------------------- a few images, and then all of them
    def label_on(self, n: int = 5, seed: int = 0) -> str:
        """Look at `n` images, drawn at random; what is named there goes to the others by `apply_to_all`.

        Inside an explorer the factors are found in these images alone, so that it takes a moment for any set.

        Args:
            n: images on a page.
            seed: of the order in which they come.

        Returns:
            What was done, in a sentence.
        """
        images = self._of_truth().images
        self.sampling = Sampling(len(images), min(n, len(images)), seed)
        self._look_at(self.sampling.page, refit=True)
        return f"{len(self.sampling.page)} of {len(images)} images: name the factors, then apply them to all"

    def next_page(self) -> str:
        """These images are done: look at the next ones, with the same factors."""
        return self._turn(skip=False)

    def skip(self) -> str:
        """Look at the next images; these are not counted as done."""
        return self._turn(skip=True)

    def _turn(self, *, skip: bool) -> str:
        if self.sampling is None:
            raise ValueError("no pages yet: label on a few images first")
        self.sampling.next(skip=skip)
        self._look_at(self.sampling.page, refit=False)
        return f"page {self.sampling.at + 1} of {self.sampling.pages}"

    def apply_to_all(self) -> str:
        """The same factors (W) in every image, and the IoU over all of them."""
        self._look_at((), refit=False)
        return f"the factors in all {len(self._of_truth().images)} images"

    def _look_at(self, images: tuple[int, ...], *, refit: bool) -> None:
        if self._host is not None:
            self._host.look_at(images, refit=refit)
        else:
            self.shown = images
        self._changed()

    def _look(self) -> None:
        """Draw and measure the images that are looked at; a panel of its own knows their factors already."""
        result = self.result
        if self._host is None and result is not None:
            with self._lock:
                self._pages.show(result.images, self.shown or range(min(PAGE, len(result))), result)
                self._remeasure()

    def _of_truth(self) -> PartMasks:
        if self.truth is None:
            raise ValueError("nothing to label yet: wait for the first result")
        return self.truth

    # --------------------------------------------------------------------------------------------- files and painting
    def open_image(self, index: int) -> None:
        """Open image `index` of the set at full size, to look at it and to paint its parts."""
        with self._lock:
            if self._focus is None or self._focus.truth is not self.truth:
                self._focus = FocusView(self._of_truth(), self.result, index, lock=self._lock)
                for name in ("names", "colors", "opacity", "visible"):
                    t.dlink((self.gallery, name), (self._focus, name))
                self._focus.observe(
                    lambda c: setattr(self.slot, "children", () if c["new"] else (self._focus,)), "closed"
                )
            self._focus.index, self._focus.result, self._focus.closed = index, self.result, False
            self._show_focus()

    def _show_focus(self, _change: Any = None) -> None:
        self.slot.children = () if self._focus is None or self._focus.closed else (self._focus,)

    def export(self, kind: str, path: str | Path, **options: Any) -> str:
        """Write what is labelled; see `dff_widgets.export`.

        Args:
            kind: ``"png"``, ``"coco"``, ``"label_studio"``, ``"html"``, ``"csv"`` or ``"figure"``.
            path: of the file, or for ``"png"`` of the folder.
            options: of the function in `dff_widgets.export`.

        Returns:
            What was written, in a sentence.

        Raises:
            ValueError: there is nothing to export, or no such kind.
            OSError: the disk is full, or the place is not there or cannot be written to.
        """
        if self.result is None or kind not in EXPORTS:
            raise ValueError(f"no result yet, or no export {kind!r}: give one of {', '.join(EXPORTS)}")
        title, write, _ = EXPORTS[kind]
        if kind != "figure":
            options = {"percentile": self.percentile, "threshold": self.threshold, **options}
        if kind == "html":
            self.wait()
            options = {"ious": list(self.iou), **options}
        if kind != "csv":
            options = {"colors": list(self.gallery.colors), **options}
        write(self.result, path, self.labels, **options)
        return f"{title} of {len(self.result)} images in {str(path)!r}"

    def save(self, path: str | Path) -> str:
        """Write the session to a file: the factors, the names and their undo, the painted masks, the settings.

        Returns:
            What was written, in a sentence.

        Raises:
            ValueError: there is no result yet.
            OSError: the disk is full, or the place is not there or cannot be written to.
        """
        self._session().save(path)
        return f"saved in {str(path)!r}"

    def _session(self) -> Session:
        with self._lock:
            if self.result is None:
                raise ValueError("nothing to save yet: wait for the first result")
            truth, history = self._of_truth(), self._history
            labels = History(history.value, history.past, history.future)
            settings = {name: getattr(self, name) for name in _SETTINGS}
            settings |= {name: list(getattr(self.gallery, name)) for name in ("colors", "opacity", "visible")}
            settings |= self._host.settings() if self._host is not None else {}
            page = self.sampling.state() if self.sampling is not None else {}
            return Session(self.result, labels, settings, truth.images.names, truth.to_tensors(), page)

    def load(self, path: str | Path) -> str:
        """Go on with a saved session: on its images where they are the same, else with its factors in those at hand.

        Returns:
            What was done, in a sentence.

        Raises:
            ValueError: the file is damaged, no session, of a newer version, or its factors do not fit; nothing changed.
        """
        session = Session.load(path)
        images = self._of_truth().images
        truth = session.truth(images, names=self._of_truth().parts)
        sampling = Sampling.restored(session.page) if session.page else None
        for name in _SETTINGS:  # checked before anything changes
            self._validate(name, session.settings.get(name, getattr(self, name)))
        if self._host is not None:
            self._host.restore(session, lambda: self._take(session, truth, sampling))
        else:
            self._restore_alone(session)
            self._take(session, truth, sampling)
        return f"loaded from {str(path)!r}"

    def _take(self, session: Session, truth: PartMasks, sampling: Sampling | None) -> None:
        """Go on where the session stopped; its factors are shown already."""
        with self._lock, self.gallery.hold_sync():
            self.use_truth(truth)
            self._lost.clear()
            self._history = session.labels
            self.sampling = sampling if sampling is not None and sampling.images == len(truth) else None
            for name in _SETTINGS:
                setattr(self, name, session.settings.get(name, getattr(self, name)))
            self.labels = self._history.value
            for name in ("opacity", "visible"):
                self._if_fits(name, session.settings.get(name))
            self._sync_labels()
            self._remeasure()
            self.bar.refresh()

    def _if_fits(self, name: str, values: Any) -> None:
        with contextlib.suppress(t.TraitError):  # how it looked is not worth an error
            if isinstance(values, list) and len(values) == len(self.labels):
                setattr(self.gallery, name, values)

    def _validate(self, name: str, value: Any) -> None:
        try:
            self.traits()[name]._validate(self, value)
        except t.TraitError as error:
            raise ValueError(f"the session's {name} is {value!r}: {error}") from error

    def _restore_alone(self, session: Session) -> None:
        if self.result is None or session.result.images.names != self.result.images.names:
            raise ValueError("the session is of other images: open it in a DFFExplorer, which can apply its factors")
        self.show(dataclasses.replace(session.result, images=self.result.images))
        self._draw_alone(self.result)

    def _changed(self) -> None:
        """Something that a session keeps has changed."""
        path = self.autosave
        if path and self.result is not None:
            self._saving.submit(lambda ticket: self._save_later(path, ticket))

    def _save_later(self, path: str, ticket: Ticket) -> None:
        for _ in range(10):  # one file for a burst of changes
            time.sleep(_SETTLE / 10)
            ticket.check()
        try:
            said = f"auto{self.save(path)}"
        except (OSError, ValueError) as error:
            self.bar.say(f"autosave failed: {error}", problem=True)
        else:
            self.bar.say(said)

    def _relabelled(self, _change: Any) -> None:
        with self._lock:
            self._history.push(self.labels)
            self._sync_labels()
            self._rescore()

    def _sync_labels(self) -> None:
        with self.gallery.hold_sync():
            self.gallery.labels = [self.labels[f] for f in self.labels]
            self.gallery.names = [self.labels.title(f) for f in self.labels]
            self.gallery.undoable, self.gallery.redoable = bool(self._history.past), bool(self._history.future)
            self.gallery.known = self._known_parts()

    # ------------------------------------------------------------------------------------------------ what is shown
    def use_truth(self, truth: PartMasks) -> None:
        """Measure with other part masks from now on; their changes are followed."""
        self._stop_listening()
        self.truth = truth
        self._stop_listening = truth.on_change(self._painted)

    def _painted(self, _index: int, _part: str) -> None:
        self._remeasure()
        self._changed()

    def show(self, result: DFFResult, kept: Mapping[int, int] | None = None) -> None:
        """Label another result.

        Args:
            result: its images are among those of `truth`.
            kept: which of its factors continues which of the factors before, as `match_factors` says; their names stay.
                None: they have nothing in common.
        """
        with self._lock, self.gallery.hold_sync():
            if self.result is None:  # the labels given at first are for this one
                kept = {f: f for f in range(result.k)}
            kept = kept or {}
            back = self._returned(result, kept)
            self._history.map(lambda labels: _with(labels.carry(kept, result.k), back))
            self.result = result
            with self._unobserved():
                self.labels = self._history.value
            if self.truth is not None:
                at = {id(source): i for i, source in enumerate(self.truth.images.sources)}
                self._places = [at[id(source)] for source in result.images.sources]
            self._sync_labels()
            self._remeasure()

    def _returned(self, result: DFFResult, kept: Mapping[int, int]) -> dict[int, list[str]]:
        """Factors of `result` that were named once, went away with a smaller k, and are here again."""
        where = (result.network, result.layer)
        before = self.result
        if before is not None:
            W = np.asarray(before.factorization.W)
            gone = [f for f in self.labels if self.labels[f] and f not in kept.values()]
            self._lost += [((before.network, before.layer), W[f], self.labels[f]) for f in gone]
        W = np.asarray(result.factorization.W)
        found: dict[int, list[str]] = {}
        for entry in list(self._lost):
            if entry[0] != where:
                continue
            cosines = W @ entry[1] / np.maximum(np.linalg.norm(W, axis=1) * np.linalg.norm(entry[1]), 1e-12)
            best = int(cosines.argmax())
            if cosines[best] > _SAME and best not in kept and best not in found:
                found[best] = entry[2]
                self._lost.remove(entry)
        return found

    @contextmanager
    def _unobserved(self) -> Iterator[None]:
        self.unobserve(self._relabelled, "labels")
        try:
            yield
        finally:
            self.observe(self._relabelled, "labels")

    def _draw_alone(self, result: DFFResult) -> None:
        """Without an explorer the panel fills the gallery itself."""
        with self.gallery.hold_sync():
            self.gallery.colors = palette(result.k)
            self.gallery.shares = [float(s) for s in result.factorization.strength]
            self.gallery.gains = contrast([result.coarse_heatmaps(i) for i in range(len(result))])
            self.gallery.opacity, self.gallery.visible = [0.7] * result.k, [True] * result.k
            self._pages.show(result.images, range(min(PAGE, len(result))), result)

    # ---------------------------------------------------------------------------------------------------- measuring
    def _remeasure(self) -> None:
        with self._lock:
            result, truth = self.result, self.truth
            if result is None or truth is None:
                return
            self.measuring, self.error = True, None
            self._jobs.submit(lambda ticket: self._measure(result, truth, ticket))

    def _measure(self, result: DFFResult, truth: PartMasks, ticket: Ticket) -> None:
        try:
            masked = self.gallery.view == "masks"
            source, levels = result.cut(self.percentile, self.threshold)
            table = quantile_table(result) if masked else []
            about = (result, truth, truth.version, self.percentile, self.threshold, self.shown)
            with self._lock, self.gallery.hold_sync():
                ticket.check()
                places, page = self._places, [i for i in self._pages.indices if i < len(result)]
                counted = self.shown or range(len(result))
                self.gallery.levels = [[float(v) for v in levels[i]] for i in page]
                self.gallery.quantiles = table
                self._pages.draw_heat(source if masked else result)
                if self._measured == about:  # only what is drawn has changed
                    self.measuring = False
                    return
                tally, self._known = Tally(result.k), sum(truth.known(places[i]) for i in counted)
                self._tally, self._measured = tally, None
            told = time.monotonic()
            for masks, parts in samples(source, levels, truth, places, [*(i for i in page if i in counted), *counted]):
                with self._lock:
                    ticket.check()
                    tally.add(masks, parts)
                if time.monotonic() - told > _OFTEN:
                    self._publish(ticket, done=False)
                    told = time.monotonic()
            self._publish(ticket, done=True)
            self._measured = about
        except (ValueError, OSError) as error:  # masks or photos that are not what they should be
            with self._lock:
                ticket.check()
                self.error, self.measuring = str(error), False

    def _publish(self, ticket: Ticket, *, done: bool) -> None:
        with self._lock, self.gallery.hold_sync():
            ticket.check()
            self.coverage = coverage_of(self._tally)
            self.gallery.coverage = [[float(v) for v in row] for row in self.coverage]
            self.gallery.coverage_parts = list(self.coverage.parts)
            self.gallery.measured = 1.0 if done else self._tally.images / max(self._known, 1)
            self.gallery.known = self._known_parts()
            self.measuring = not done
            self._rescore()

    def _rescore(self) -> None:
        if self._tally.k != len(self.labels):
            return
        scores = score(self._tally, self.labels, self._known)
        with self.gallery.hold_sync():
            self.iou, self.mean_iou, self.covered = list(scores.iou), scores.mean, scores.covered
            self.gallery.scores = list(scores.iou)
            self.gallery.summary = self._summary(scores.known)

    def _summary(self, known: int) -> str:
        named = f"{self.labels.named} of {len(self.labels)} named"
        if not known:
            return f"{named} · no ground truth yet"
        images = len(self.shown) or len(self._places)
        mean = "–" if self.mean_iou is None else f"{self.mean_iou:.2f}"
        some = f"{self.covered} of {images}" if self.covered < images else f"all {images}"
        return f"mean IoU {mean} · {named} · over {some} images"


def _with(labels: PartLabels, names: Mapping[int, list[str]]) -> PartLabels:
    return PartLabels({**labels, **names}, k=len(labels))
