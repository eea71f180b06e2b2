"""Live scores: how well the masks of a result fit the parts, counted in a thread, the visible page first."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..evaluation import Coverage, Tally, ratio
from ..heat import binarise
from ..labelling import PartLabels, PartMasks
from ..result import DFFResult
from ..wording import sentence
from .jobs import CancelledError, LatestJob, Ticket

_OFTEN = 0.15  # seconds between two looks at scores that are still being counted
_TOGETHER = 8  # images between two looks at whether the counts are still wanted
_SAMPLED = 12  # images that the table of levels is made of


@dataclass(frozen=True)
class Task:
    """What scores depend on.

    Attributes:
        result: whose heat maps become masks.
        truth: the part masks.
        version: of the truth.
        percentile, threshold: see `DFFResult.masks`.
        images: of the result, that count.
    """

    result: DFFResult
    truth: PartMasks
    version: int
    percentile: float
    threshold: str | None
    images: Sequence[int]


class Meter:
    """Counts what a `Task` asks for; a new task takes the place of the one before.

    Args:
        lock: orders the threads that write traits; the callbacks are called inside it.
        on_levels: called as ``(source, levels)`` as soon as the masks are known: the result whose heat maps they are
            made of, and (n, k) from which strength a pixel is in the mask.
        on_counts: called without arguments now and then, and when the counts are whole.
        on_problem: called with a sentence when masks or photos are not what they should be.

    Attributes:
        tally: the counts so far.
        known: images with a ground truth, in all.
        busy: whether the counts are not yet whole.
    """

    def __init__(
        self,
        lock: threading.RLock,
        on_levels: Callable[[DFFResult, np.ndarray], None],
        on_counts: Callable[[], None],
        on_problem: Callable[[str], None],
    ) -> None:
        self._lock, self._on_levels, self._on_counts, self._on_problem = lock, on_levels, on_counts, on_problem
        self._jobs = LatestJob("dff-scores")
        self._whole: Task | None = None  # what the tally is of, once it is whole
        self.tally, self.known, self.busy = Tally(0), 0, False

    def start(self, task: Task, page: Sequence[int]) -> None:
        """Count; the images of the page come first. What is counted already is only shown again."""
        self.busy = True
        self._jobs.submit(lambda ticket: self._count(task, page, ticket))

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the counts are whole; False when it takes longer than `timeout` seconds."""
        return self._jobs.wait(timeout)

    def _count(self, task: Task, page: Sequence[int], ticket: Ticket) -> None:
        try:
            source, levels = task.result.cut(task.percentile, task.threshold)
            truth, places = task.truth, task.truth.places(task.result.images)
            known = [i for i in task.images if truth.known(places[i])]
            with self._lock:
                ticket.check()
                self._on_levels(source, levels)
                if self._whole != task:
                    self.tally, self.known, self._whole = Tally(task.result.k), len(known), None
            told = time.monotonic()

            def one(i: int) -> Tally:
                counts = Tally(task.result.k)
                counts.add(binarise(source.heatmaps(i), levels[i]), truth[places[i]], image=i)
                return counts

            order = [] if self._whole == task else sorted(known, key=lambda i: i not in page)
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy lets go of the interpreter
                for start in range(0, len(order), _TOGETHER):
                    for counts in pool.map(one, order[start : start + _TOGETHER]):
                        with self._lock:
                            ticket.check()
                            self.tally.merge(counts)
                            if time.monotonic() - told > _OFTEN:
                                told = time.monotonic()
                                self._on_counts()
            with self._lock:
                ticket.check()
                self._whole, self.busy = task, False
                self._on_counts()
        except CancelledError:
            raise
        except Exception as error:  # whatever a mask or a photo does, the widget goes on
            with self._lock:
                ticket.check()
                self.tally, self.known, self._whole, self.busy = Tally(task.result.k), 0, None, False
                self._on_problem(sentence(error))


def score(tally: Tally, labels: PartLabels) -> list[float | None]:
    """Per factor its IoU 0..1, or None for one without a name that the ground truth knows."""
    seen = set(tally.parts)
    iou = tally.iou(labels) if tally.images else np.zeros(len(labels))
    return [float(iou[f]) if seen.intersection(labels[f]) else None for f in labels]


def coverage_of(tally: Tally) -> Coverage:
    """(k, p) of eq. 7 from what was counted."""
    shared = [ratio(tally.shared([part]), tally.area([part])) for part in tally.parts]
    return Coverage.of(np.stack(shared, axis=1) if shared else np.zeros((tally.k, 0)), tally.parts)


def quantile_table(result: DFFResult) -> list[list[float]]:
    """Per factor its levels at 0, 1, ... 100 %, of a sample of the images: for a slider's every step."""
    step = max(1, len(result) // _SAMPLED)
    sample = [result.heatmaps(i)[:, ::3, ::3].reshape(result.k, -1) for i in range(0, len(result), step)]
    table: Any = np.quantile(np.concatenate(sample, axis=1), np.linspace(0, 1, 101), axis=1)
    return [[float(v) for v in row] for row in table.T]
