"""Names for factors, with undo, and an IoU that moves as they change: what the labelling panel is about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets as w
import numpy as np
import traitlets as t

from ..evaluation import assign
from ..labelling import History, PartLabels, PartMasks, parse_parts
from ..result import DFFResult
from .pages import Pages
from .scores import Meter, Task, coverage_of, quantile_table, score

Where = tuple[str, str, int]  # a network, a layer, and its channels: networks of one's own may share a name

_SAME = 0.95  # cosine of two rows of W from which a factor that comes back has its name again


class Named(t.HasTraits):
    """What the explorer and its panel both say of the factors of a result."""

    result = t.Instance(DFFResult, allow_none=True)
    labels = t.Instance(Mapping)  # always PartLabels, once it is checked
    iou = t.List(t.Float(allow_none=True))
    percentile = t.Float(75.0)
    threshold = t.Enum([None, "auto", "otsu"], None, allow_none=True)

    @t.validate("labels")  # type: ignore[untyped-decorator]
    def _any_labels(self, proposal: Any) -> PartLabels:
        return PartLabels(proposal["value"], k=self.result.k if self.result is not None else None)

    @t.validate("percentile")  # type: ignore[untyped-decorator]
    def _in_range(self, proposal: Any) -> float:
        return as_percentile(proposal["value"])


class Naming(Named, w.VBox):
    """Keeps the names of the factors of a result, and measures them; see `LabelingPanel` for its traits.

    Args:
        pages: the gallery that is filled, and what is on its page.
        traits: values of traits.
    """

    mean_iou = t.Float(None, allow_none=True)
    covered = t.Int(0)
    coverage = t.Instance(np.ndarray, allow_none=True)
    coverage_threshold = t.Float(0.5)
    measuring = t.Bool(False)
    error = t.Unicode(None, allow_none=True)
    shown = t.Tuple()

    def __init__(self, pages: Pages, **traits: Any) -> None:
        self._pages, self.gallery, self._lock = pages, pages.gallery, pages.lock
        self._meter = Meter(self._lock, self._show_masks, self._show_counts, self._show_problem)
        self._history = History(PartLabels())
        self._lost: list[tuple[Where, np.ndarray, list[str]]] = []  # names of factors that went away
        self.truth: PartMasks | None = None
        self._stop_listening = lambda: None
        unknown = [name for name in traits if not self.has_trait(name)]
        if unknown:
            raise TypeError(f"LabelingPanel has no option {unknown[0]!r}")
        super().__init__(labels=PartLabels(), **traits)
        self.gallery.labelling = True
        for name in ("percentile", "coverage_threshold"):
            t.link((self, name), (self.gallery, name))
        self.gallery.observe(self._automatic, "automatic")
        self.observe(lambda c: setattr(self.gallery, "automatic", c["new"] == "auto"), "threshold")
        self.gallery.observe(lambda _: self._remeasure(), "view")
        self.gallery.on_msg(lambda _widget, content, _buffers: self.act(content))
        self.observe(self._relabelled, "labels")
        self.observe(lambda _: self._remeasure(), ["percentile", "threshold"])

    def __setattr__(self, name: str, value: Any) -> None:
        """Traits that a result carries on are written by one thread at a time."""
        with self._lock if name in ("labels", "percentile", "threshold") else contextlib.nullcontext():
            super().__setattr__(name, value)

    def _automatic(self, change: Any) -> None:
        if change["new"] != (self.threshold == "auto"):  # else it only follows the threshold, which may be "otsu"
            self.threshold = "auto" if change["new"] else None

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
        return self._meter.wait(timeout)

    # ------------------------------------------------------------------------------------------------------- naming
    def assign_by_coverage(self, threshold: float | None = None) -> None:
        """Name every factor after the parts of which it covers more than `threshold` (section 4.3 of the paper).

        Args:
            threshold: 0..1; by default `coverage_threshold`, which it becomes.

        Raises:
            ValueError: the threshold is outside 0..1, or there is no ground truth.
        """
        while True:
            self._meter.wait()
            with self._lock:
                if not self._meter.busy:  # else another result came between
                    self._assign(self.coverage_threshold if threshold is None else threshold)
                    return

    def _assign(self, threshold: float) -> None:
        with self._lock:
            if not self._meter.tally.images:
                raise ValueError("no coverage: the images have no part masks; paint some, or give parts")
            named = assign(coverage_of(self._meter.tally), threshold)
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
        with contextlib.suppress(LookupError, TypeError, ValueError, AttributeError, OverflowError):
            self._do(content)

    def _do(self, content: Mapping[str, Any]) -> None:
        what = content.get("do")
        with self._lock:
            if what == "name":
                self.labels = self.labels.replace(content["factor"], parse_parts(content["text"], self._known_parts()))
                self._sync_labels()  # also when nothing changed: the box shows what was understood
            elif what == "toggle":
                self.labels = self.labels.toggle(content["factor"], content["part"])
            elif what == "assign" and self._meter.tally.k == len(self.labels) and self._meter.tally.images:
                self._assign(float(content["threshold"]))  # by what is known so far, without waiting for the rest
            elif what in ("clear", "undo", "redo"):
                {"clear": self.clear, "undo": self.undo, "redo": self.redo}[what]()

    def _known_parts(self) -> list[str]:
        return list(dict.fromkeys([*(self.truth.parts if self.truth is not None else ()), *self._meter.tally.parts]))

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
            self._sync_labels()
            self._remeasure()

    def _returned(self, result: DFFResult, kept: Mapping[int, int]) -> dict[int, list[str]]:
        """Factors of `result` that were named once, went away with a smaller k, and are here again."""
        before = self.result
        if before is not None:
            where, W = _where(before), np.asarray(before.factorization.W)
            for f in (f for f in self.labels if self.labels[f] and f not in kept.values()):
                others = [lost for lost in self._lost if lost[0] != where or _cosines(W[[f]], lost[1])[0] <= _SAME]
                self._lost = [*others, (where, W[f].copy(), self.labels[f])]  # its last names count
        W = np.asarray(result.factorization.W)
        found: dict[int, list[str]] = {}
        still_lost = []
        for lost in self._lost:
            cosines = _cosines(W, lost[1]) if lost[0] == _where(result) else np.zeros(1)
            best = int(cosines.argmax())
            if cosines[best] > _SAME and best not in kept and best not in found:
                found[best] = lost[2]
            else:
                still_lost.append(lost)
        self._lost = still_lost
        return found

    @contextmanager
    def _unobserved(self) -> Iterator[None]:
        self.unobserve(self._relabelled, "labels")
        try:
            yield
        finally:
            self.observe(self._relabelled, "labels")

    # ---------------------------------------------------------------------------------------------------- measuring
    def _remeasure(self) -> None:
        with self._lock:
            result, truth = self.result, self.truth
            if result is not None and truth is not None:
                self.measuring, self.error = True, None
                images = self.shown or tuple(range(len(result)))
                task = Task(result, truth, truth.version, self.percentile, self.threshold, images)
                self._meter.start(task, self._pages.indices)

    def page_changed(self) -> None:
        """Other images are on the page: their masks are wanted, and their counts first."""
        if self.gallery.view == "masks":
            self._remeasure()

    def _show_masks(self, source: DFFResult, levels: np.ndarray) -> None:
        masked = self.gallery.view == "masks"
        with self.gallery.hold_sync():
            self.gallery.levels = [[float(v) for v in levels[i]] for i in self._pages.indices if i < len(levels)]
            self.gallery.quantiles = quantile_table(source) if masked else []
            self._pages.draw_heat(source if masked else self.result)

    def _show_counts(self) -> None:
        meter = self._meter
        with self.gallery.hold_sync():
            self.coverage = coverage_of(meter.tally)
            self.gallery.coverage = [[float(v) for v in row] for row in self.coverage]
            self.gallery.coverage_parts = list(self.coverage.parts)
            self.gallery.measured = meter.tally.images / max(meter.known, 1) if meter.busy else 1.0
            self.gallery.known = self._known_parts()
            self.measuring = meter.busy
            self._rescore()

    def _show_problem(self, sentence: str) -> None:
        self.error = sentence
        self._show_counts()  # there are none: no number that was true before is left standing

    def _rescore(self) -> None:
        tally = self._meter.tally
        if tally.k == len(self.labels):
            with self.gallery.hold_sync():
                self.iou = score(tally, self.labels)
                scored = [v for v in self.iou if v is not None]
                self.mean_iou, self.covered = (float(np.mean(scored)) if scored else None), tally.images
                self.gallery.scores = list(self.iou)
                self.gallery.summary = self._summary()

    def _summary(self) -> str:
        if self.error is not None:
            return f"⚠ {self.error}"
        named = f"{self.labels.named} of {len(self.labels)} named"
        if not self._meter.known:
            return f"{named} · no ground truth yet"
        images = len(self.shown) or len(self.result or ())
        mean = "–" if self.mean_iou is None else f"{self.mean_iou:.2f}"
        some = f"{self.covered} of {images}" if self.covered < images else f"all {images}"
        return f"mean IoU {mean} · {named} · over {some} images"


def as_percentile(value: float) -> float:
    """A percentile that a trait can take.

    Raises:
        TraitError: it is outside 0..100.
    """
    if not 0 <= value <= 100:
        raise t.TraitError(f"percentile is {value!r}; give a number from 0 to 100")
    return float(value)


def _where(result: DFFResult) -> Where:
    return result.network, result.layer, result.factorization.W.shape[1]


def _cosines(W: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(k,) of each row of W with another one."""
    return np.asarray(W @ row / np.maximum(np.linalg.norm(W, axis=1) * np.linalg.norm(row), 1e-12))


def _with(labels: PartLabels, names: Mapping[int, list[str]]) -> PartLabels:
    return PartLabels({**labels, **names}, k=len(labels))
