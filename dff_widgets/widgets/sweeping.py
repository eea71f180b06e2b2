"""The loop of a sweep over layers, k and seeds that says how far it is, and can be held; no widgets here."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Any

from ..dff import factorize
from ..evaluation import Journal
from ..evaluation.bench import Bench
from ..extraction import Activations, Progress, extract
from ..factorization import Sketch
from ..images import ImageSet, UnreadableImageWarning
from ..networks import Network

Point = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a sweep computes; see the traits of `SweepView`."""

    images: ImageSet
    network: Any
    layers: tuple[str, ...]
    ks: tuple[int, ...]
    seeds: tuple[int, ...]
    size: int
    percentile: float


class LiveBench(Bench):
    """A `Bench` that tells how far it is with the images, and measures images without part masks by the error alone."""

    def __init__(self, images: ImageSet, network: Network, layer: str, size: int, progress: Progress) -> None:
        super().__init__(images, network, layer, size)
        self._progress = progress

    @cached_property
    def activations(self) -> Activations:
        """Those of the layer; an image that cannot be read is left out."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnreadableImageWarning)  # the explorer says it
            return extract(self._network, self._images, layer=self.layer, size=self._size, progress=self._progress)

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
    journal: Journal,
    go_on: Callable[[str], None],
    found: Callable[[Point, int, int], None],
) -> None:
    """Compute what the journal does not know, layer after layer and seed after seed, so that whole curves come early.

    Scores and their keys are those of `experiments.sweep`; on a layer with negative activations it is given
    ``solver="semi"``.

    Args:
        plan: its layers are names.
        network: the loaded network of the plan.
        journal: keeps the scores.
        go_on: called with a line of text before and during each slow step; what it raises ends the sweep.
        found: called with each point, and how many of how many there are now.
    """
    total, done, computed, begin = len(plan.layers) * len(plan.ks) * len(plan.seeds), 0, 0, time.monotonic()
    max_k = max([5, *plan.ks])  # as `experiments.sweep` does
    for layer in plan.layers:

        def extracting(images: int, of: int, layer: str = layer) -> None:
            go_on(f"{layer}: extracting {images} of {of} images")

        bench = LiveBench(plan.images, network, layer, plan.size, extracting)
        options = {} if network.layer(layer).nonnegative else {"solver": "semi"}
        for seed, k in product(plan.seeds, plan.ks):
            point = {"layer": layer, "k": k, "seed": seed}
            left = ""
            if computed:
                left = f" · about {_span((time.monotonic() - begin) / computed * (total - done))} left"
            go_on(f"{describe(point)} · {done} of {total}{left}")
            if plan.images.parts is None:
                key = bench.key("error", asked=(k, seed, max_k, options))
                compute = partial(bench.error, k, seed, max_k, options)
            else:
                asked = (k, seed, max_k, plan.percentile, False, options)
                key, compute = bench.key("trial", asked=asked), partial(bench.trial, *asked)
            computed += key not in journal
            score = journal.get(key, compute)
            done += 1
            found({**point, **score, "explained": 1 - score["error"] ** 2}, done, total)


def describe(point: Mapping[str, Any]) -> str:
    """A point in words."""
    return f"{point['layer']}, k = {point['k']}, seed {point['seed']}"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
