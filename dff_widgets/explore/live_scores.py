"""How well the masks of the factors that are shown fit the parts, counted anew with every change."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..evaluation import Coverage, DeclaredTally, ratio
from ..images import ImageSet
from ..labelling import Annotations, Corrections, PartLabels, PartMasks, measured
from ..result import DFFResult
from ..wording import sentence
from .annotating import Annotator, rule_of
from .events import AppearanceChanged, Event, ResultFound, StateChanged
from .jobs import CancelledError, Ticket
from .model import Model
from .state import Place

_OFTEN = 0.15  # seconds between two looks at scores that are still being counted
_TOGETHER = 8  # images between two looks at whether the counts are still wanted
_WHOLE = 64  # tallies of a result that are kept


@dataclass(frozen=True, eq=False)
class Scores:
    """How well masks fit parts.

    Attributes:
        k: of the factors.
        look: of the state they were asked for in.
        iou: per factor 0..1, dataset-wide (eqs. 8-9 of the paper); None for one without a name that is a part's.
        over: per factor in how many images it is measured: those that say whether its parts are there.
        mean: of the factors that have one, or None.
        coverage: (k, p) of eq. 7.
        parts: names of its p columns.
        threshold: of coverage, above which a part is assigned; 0..1.
        covered: images that are counted so far.
        of: images that say of any part whether and where it is there.
        stale: whether they are still being counted.
        summary: one line that says all this.
        problem: None, or the sentence that says why they cannot be counted.
    """

    k: int
    look: str
    iou: tuple[float | None, ...]
    over: tuple[int, ...]
    mean: float | None
    coverage: Coverage
    parts: tuple[str, ...]
    threshold: float
    covered: int
    of: int
    stale: bool
    summary: str
    problem: str | None = None


@dataclass(frozen=True)
class Task:
    """What counts depend on.

    Attributes:
        result: whose heat maps become masks.
        place: of the result.
        truth: the part masks.
        notes: which parts are declared.
        versions: of the truth, and of what is declared.
        rule: percentile and threshold; see `DFFResult.masks`.
        corrections: image -> factor -> what a person corrected there.
    """

    result: DFFResult
    place: Place
    truth: PartMasks
    notes: Annotations
    versions: tuple[int, int]
    rule: tuple[float, str | None]
    corrections: Mapping[int, Corrections]


class LiveScores:
    """Counts the pixels of the masks that a model shows, in a lane of its own, and puts `Scores` into the model.

    Args:
        model: that is followed from now on, until `close`.
        threads: that count at once; 1 counts in the lane itself.

    Attributes:
        annotator: keeps and applies what a person says of the images beside the part masks.
        coverage_threshold: above which a part is assigned; 0..1.
    """

    def __init__(self, model: Model, *, threads: int | None = None) -> None:
        self._model, self._threads = model, threads or os.cpu_count() or 1
        self.annotator = Annotator(model)
        self._jobs = model.run("dff-scores")
        self._truths: dict[int, PartMasks] = {}  # by identity of their images, which they hold
        self._whole: weakref.WeakKeyDictionary[DFFResult, dict[object, DeclaredTally]] = weakref.WeakKeyDictionary()
        self._task: Task | None = None  # what is counted, or was last
        self._begun = False
        self._tally, self._known = DeclaredTally(0), 0
        self._problem: str | None = None
        self._first: tuple[int, ...] = ()
        self._listeners: dict[object, Callable[[], object]] = {}
        self.coverage_threshold = 0.5
        self._stops = [model.subscribe(self._told), self.annotator.on_change(self._noted)]
        self.refresh()

    # ------------------------------------------------------------------------------------------------- the ground truth
    @property
    def truth(self) -> PartMasks:
        """The part masks of the images that are open: their own, and what was painted."""
        return self.truth_of(self._model.state.images)

    def truth_of(self, images: ImageSet) -> PartMasks:
        """The part masks of a set; those of other sets are kept where a person painted some."""
        known = self._truths.get(id(images))
        if known is None:
            kept = {i: one for i, one in self._truths.items() if one.can_undo or one.can_redo or one.painted}
            self._truths = kept
            known = self.use(PartMasks(images))
        return known

    def use(self, truth: PartMasks) -> PartMasks:
        """Measure with other part masks of their images from now on; their changes are followed."""
        self._truths[id(truth.images)] = truth
        truth.on_change(self._painted)
        self.refresh()
        return truth

    def on_painted(self, told: Callable[[], object]) -> Callable[[], None]:
        """Call `told` after every change of a mask, or of the masks; returns what ends it."""
        key = object()
        self._listeners[key] = told

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    @property
    def known_parts(self) -> tuple[str, ...]:
        """Names of parts: those of the masks, then those that were met while counting."""
        return tuple(dict.fromkeys([*self.truth.parts, *self._tally.parts]))

    # --------------------------------------------------------------------------------------------------------- asking
    def refresh(self) -> None:
        """Count what the model shows, unless that is done or being done."""
        now = self._model.now
        if now.result is None or now.stack is None:
            self._task = None
            return
        truth, notes = self.truth_of(now.state.images), self.annotator.of(now.state.images)
        versions, on = (truth.version, notes.version), self.annotator.attached(now).on
        task = Task(now.result, now.stack.place, truth, notes, versions, rule_of(now.state), on)
        if task != self._task or not self._begun:
            same = self._task is not None and self._task.result is task.result
            self._begun = False  # an interrupt may come before the counting is asked for
            self._task, self._problem = task, None
            if not same:  # numbers of other factors say nothing
                self._tally, self._known = DeclaredTally(now.result.k), 0
            self._publish(task, stale=True)
            self._jobs.submit(self._count)
            self._begun = True

    def look_at(self, images: Iterable[int]) -> None:
        """Count these images of the result first, next time."""
        self._first = tuple(images)

    def coverage(self) -> Coverage:
        """(k, p) of all images with a ground truth; waits for it.

        Raises:
            ValueError: no image has part masks, or they cannot be counted.
        """
        self.wait()
        return self.coverage_so_far()

    def coverage_so_far(self) -> Coverage:
        """(k, p) of the images that are counted already. Raises as `coverage`."""
        task, tally = self._task, self._tally
        if self._problem is not None:
            raise ValueError(self._problem)
        if task is None or tally.k != task.result.k or not tally.images:
            raise ValueError("no coverage: the images have no part masks; paint some, or give parts")
        return _coverage(tally)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until all is counted; False when it takes longer than `timeout` seconds."""
        self.refresh()
        return self._jobs.wait(timeout)

    def close(self) -> None:
        """Count nothing any more."""
        for stop in self._stops:
            stop()
        self._jobs.cancel()
        self.annotator.close()
        self._truths.clear()
        self._listeners.clear()

    # ------------------------------------------------------------------------------------------------------- following
    def _told(self, event: Event) -> None:
        if isinstance(event, StateChanged | ResultFound):
            self.refresh()
        elif isinstance(event, AppearanceChanged):
            task, scores = self._task, self._model.scores
            if task is not None and task.result is self._model.result:
                self._publish(task, stale=scores is None or scores.stale)
            self.refresh()  # a name may have brought a correction along

    def _painted(self, _index: int, _part: str) -> None:
        self._noted()

    def _noted(self) -> None:
        self.refresh()
        for told in list(self._listeners.values()):
            told()

    def _publish(self, task: Task, *, stale: bool) -> None:
        """Put what is counted so far into the model, if it still shows that."""
        now, tally = self._model.now, self._tally
        if now.result is not task.result or tally.k != task.result.k or now.result.k not in now.appearance:
            return
        labels = now.appearance.labels(tally.k)
        declared = {part for _, part in task.notes.presence}
        iou, over = _iou(tally, labels, declared.union(tally.parts))
        scored = [one for one in iou if one is not None]
        coverage = _coverage(tally)
        scores = Scores(
            tally.k,
            now.state.look,
            iou,
            over,
            float(np.mean(scored)) if scored else None,
            coverage,
            coverage.parts,
            self.coverage_threshold,
            tally.images,
            self._known,
            stale,
            "",
            self._problem,
        )
        self._model.score(replace(scores, summary=_summary(scores, labels, len(task.result))))

    # ------------------------------------------------------------------------------------------ counting, in the lane
    def _count(self, ticket: Ticket) -> None:
        now, task = self._model.now, self._task  # the latest: two threads may have asked at once
        if task is None:
            return
        if now.result is not task.result or rule_of(now.state) != task.rule:
            self._begin_anew()
            return
        try:
            kept = self._whole.setdefault(task.result, {})
            places = task.truth.places(task.result.images)
            declared = {i for i, _ in task.notes.presence}
            known = [i for i, place in enumerate(places) if task.truth.known(place) or place in declared]
            corrected = tuple((i, f, c) for i, on in task.corrections.items() for f, c in on.items())
            refs = weakref.ref(task.truth), weakref.ref(task.notes)  # so that the key holds neither of the two
            key = (*refs, task.versions, task.rule, corrected)
            tally = kept.get(key)
            if tally is None:
                tally = self._added_up(task, known, places, ticket)
                kept[key] = tally
                while len(kept) > _WHOLE:
                    kept.pop(next(iter(kept)))
            ticket.check()
            self._tally, self._known = tally, len(known)
        except CancelledError:
            ticket.check()
            self._begin_anew()  # what is shown was another meanwhile, and may be this again
            return
        except Exception as error:  # whatever a mask or a photo does, the explorer goes on
            ticket.check()
            self._tally, self._known, self._problem = DeclaredTally(task.result.k), 0, sentence(error)
        self._publish(task, stale=False)

    def _begin_anew(self) -> None:
        self._begun = False
        self.refresh()

    def _added_up(self, task: Task, known: Sequence[int], places: Sequence[int], ticket: Ticket) -> DeclaredTally:
        now = self._model.now
        if now.result is not task.result or rule_of(now.state) != task.rule:
            raise CancelledError
        seen = self.annotator.predicted(now, ticket.check).corrected(lambda i: task.corrections.get(places[i], {}))
        tally = DeclaredTally(task.result.k)
        told = time.monotonic()
        first = set(self._first)

        def one(i: int) -> DeclaredTally:
            counts = DeclaredTally(task.result.k)
            declared, parts = measured(task.truth, task.notes, places[i])
            counts.add(seen.masks(i), parts, declared, image=i)
            return counts

        order = sorted(known, key=lambda i: i not in first)
        with self._mapping() as run:
            for start in range(0, len(order), _TOGETHER):
                for counts in run(one, order[start : start + _TOGETHER]):
                    ticket.check()
                    tally.merge(counts)
                if time.monotonic() - told > _OFTEN:
                    told = time.monotonic()
                    self._tally, self._known = tally, len(known)
                    self._publish(task, stale=True)
        return tally

    @contextlib.contextmanager
    def _mapping(self) -> Iterator[Callable[..., Iterable[DeclaredTally]]]:
        if self._threads == 1:
            yield map
        else:
            with ThreadPoolExecutor(self._threads) as pool:  # numpy lets go of the interpreter
                yield pool.map


def quantile_table(result: DFFResult, *, images: int = 12) -> list[list[float]]:
    """Per factor its levels at 0, 1, ... 100 %, of a sample of the images: for a slider's every step."""
    step = max(1, len(result) // images)
    sample = [result.heatmaps(i)[:, ::3, ::3].reshape(result.k, -1) for i in range(0, len(result), step)]
    table: npt.NDArray[Any] = np.quantile(np.concatenate(sample, axis=1), np.linspace(0, 1, 101), axis=1)
    return [[float(v) for v in row] for row in table.T]


def _iou(
    tally: DeclaredTally, labels: PartLabels, known: Container[str]
) -> tuple[tuple[float | None, ...], tuple[int, ...]]:
    """Per factor its IoU 0..1, or None for one without a name that the ground truth knows; and over how many images."""
    named = [[part for part in labels[f] if part in known] for f in labels]
    over = tuple(tally.over(parts) if parts else 0 for parts in named)
    return tuple(tally.iou(f, named[f]) if n else None for f, n in enumerate(over)), over


def _coverage(tally: DeclaredTally) -> Coverage:
    shared = [ratio(tally.shared([part]), tally.area([part])) for part in tally.parts]
    return Coverage.of(np.stack(shared, axis=1) if shared else np.zeros((tally.k, 0)), tally.parts)


def _summary(scores: Scores, labels: PartLabels, images: int) -> str:
    if scores.problem is not None:
        return f"⚠ {scores.problem}"
    named = f"{labels.named} of {len(labels)} named"
    if not scores.of:
        return f"{named} · no ground truth yet"
    mean = "–" if scores.mean is None else f"{scores.mean:.2f}"
    over = max(scores.over, default=0) or scores.covered
    some = f"{over} of {images}" if over < images else f"all {images}"
    return f"mean IoU {mean} · {named} · over {some} images"
