"""The loop of a sweep over layers, k and seeds: on the pipeline's activations, pass after pass; no widgets here."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Any

from ..dff import factorize
from ..evaluation.bench import Bench
from ..evaluation.journal import Journal
from ..factorization import Sketch
from ..images import ImageSet, UnreadableImageWarning
from ..networks import Network
from .pipeline import Pipeline
from .state import Place

Point = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a sweep computes.

    Attributes:
        images, network, size: as in a `Place`.
        layers: their names.
        ks: numbers of factors.
        seeds: of the random starts.
        percentile: 0..100, of the masks.
    """

    images: ImageSet
    network: Any
    layers: tuple[str, ...]
    ks: tuple[int, ...]
    seeds: tuple[int, ...]
    size: int
    percentile: float

    @property
    def total(self) -> int:
        """How many factorizations it has."""
        return len(self.layers) * len(self.ks) * len(self.seeds)


class LiveBench(Bench):
    """A `Bench` on what a pipeline has, or extracts now; images without part masks are measured by the error alone.

    Args:
        pipeline: whose activations: a point of the sweep then leads to a result without another pass.
        place: with its layer by name; solver and seed do not matter.
        network: that of the place, loaded.
        report: told of the pass, as by `Pipeline`.
    """

    def __init__(
        self, pipeline: Pipeline, place: Place, network: Network, report: Callable[[str, int, int], None]
    ) -> None:
        super().__init__(place.images, network, place.layer, place.size)
        self._pipeline, self._place, self._report = pipeline, place, report

    @cached_property
    def activations(self) -> Any:
        """Those of the layer; an image that cannot be read is left out."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnreadableImageWarning)  # the explorer says it
            return self._pipeline.prepared(self._place, self._report).activations

    def error(self, k: int, seed: int, max_k: int, options: Mapping[str, Any]) -> dict[str, float]:
        """``‖A - H W‖ / ‖A‖`` of one factorization."""
        sketch = self._sketches.get((max_k, False))
        if sketch is None:
            sketch = self._sketches[max_k, False] = Sketch(self.activations.matrix, max_k=max_k)
        result = factorize(self.activations, k, matrix=sketch, seed=seed, **options)
        return {"error": float(result.factorization.error)}


def run(
    plan: Plan,
    network: Network,
    pipeline: Pipeline,
    journal: Journal,
    *,
    between: Callable[[str], None],
    say: Callable[[str], None],
    found: Callable[[Point, int, int], None],
) -> None:
    """Compute what the journal does not know, layer after layer and seed after seed, so that whole curves come early.

    Scores and their keys are those of `experiments.sweep`; on a layer with negative activations it is given
    ``solver="semi"``.

    Args:
        plan: its layers are names.
        network: the loaded network of the plan.
        pipeline: gives, and keeps, the activations.
        journal: keeps the scores.
        between: called with a line of text between two passes, when nothing is held; what it raises ends the sweep.
        say: called with a line of text during a pass; what it raises ends the sweep, and the pass is lost.
        found: called with each point, and how many of how many there are now.
    """
    done, computed, begin = 0, 0, time.monotonic()
    for layer in plan.layers:
        place = Place(plan.images, plan.network, layer, "hals", 0, plan.size)
        bench = LiveBench(pipeline, place, network, partial(_report, say, layer))
        options = {} if network.layer(layer).nonnegative else {"solver": "semi"}
        for seed, k in product(plan.seeds, plan.ks):
            left = ""
            if computed:
                left = f" · about {span((time.monotonic() - begin) / computed * (plan.total - done))} left"
            point = {"layer": layer, "k": k, "seed": seed}
            between(f"{describe(point)} · {done} of {plan.total}{left}")
            key, compute = _score(bench, plan, k, seed, options)
            if key not in journal:
                computed += 1
                if "activations" not in bench.__dict__:
                    _ = bench.activations  # a pass of its own
                    between(f"{describe(point)} · {done} of {plan.total}{left}")
            score = journal.get(key, compute)
            done += 1
            found({**point, **score, "explained": 1 - score["error"] ** 2}, done, plan.total)


def _score(
    bench: LiveBench, plan: Plan, k: int, seed: int, options: Mapping[str, Any]
) -> tuple[dict[str, Any], Callable[[], Any]]:
    """The key of a point's score, and what computes it."""
    max_k = max([5, *plan.ks])  # as `experiments.sweep` does
    if plan.images.parts is None:
        return bench.key("error", asked=(k, seed, max_k, options)), partial(bench.error, k, seed, max_k, options)
    percentile = int(plan.percentile) if float(plan.percentile).is_integer() else plan.percentile  # as in a file's keys
    asked = (k, seed, max_k, percentile, False, options)
    return bench.key("trial", asked=asked), partial(bench.trial, *asked)


def _report(say: Callable[[str], None], layer: str, step: str, done: int, total: int) -> None:
    say(f"{layer}: {step} {done} of {total} images" if total else f"{layer}: {step} …")


def best_of(points: list[Point]) -> Point | None:
    """The point of the highest IoU; None where none has one.

    What is explained says nothing here: it grows with k, and shares of the activations of two layers do not compare.
    """
    return max((p for p in points if "iou" in p), key=lambda p: p["iou"], default=None)


def describe(point: Mapping[str, Any]) -> str:
    """A point in words."""
    return f"{point['layer']}, k = {point['k']}, seed {point['seed']}"


def span(seconds: float) -> str:
    """A time in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
