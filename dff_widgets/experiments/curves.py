"""Figure 4 of the paper: how well factors match parts, over layers, k and seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from ..evaluation import Cell, Table
from ..evaluation.bench import Bench, Task, run
from ..evaluation.methods import Method
from ..names import EMBEDDED
from ..networks import load_network
from .setup import Sets, named


@dataclass(frozen=True)
class Trial:
    """One factorization and how well it matches the parts.

    Attributes:
        data: the name of the set of images.
        network: the network's name.
        layer: the layer's name.
        size: short side in pixels at which the images went through the network.
        k: number of factors.
        seed: of the random start.
        iou: 0..1, the mean over the factors of the IoU with their best part, background excepted.
        error: ``‖A - H W‖ / ‖A‖``; NaN for a method that does not model A.
        method: its name.
    """

    data: str
    network: str
    layer: str
    size: int
    k: int
    seed: int
    iou: float
    error: float
    method: str = "DFF"


def sweep(
    images: Sets,
    layers: Iterable[str] | None = None,
    ks: Iterable[int] = range(1, 6),
    seeds: Iterable[int] = range(3),
    *,
    networks: Any = EMBEDDED,
    size: int = 320,
    percentile: float = 75,
    path: Any = None,
    progress: bool = True,
    clamp: bool = False,
    methods: Mapping[str, Method] | None = None,
    **options: Any,
) -> list[Trial]:
    """Factorize with every layer, k and seed, and score each factorization by its best-part IoU (fig. 4 of the paper).

    Images go once through each network and layer, and all k and seeds share one sketch of the activations.

    Args:
        images: with part masks; or several such sets by name.
        layers: names of layers of the network; its default layer when left out.
        ks: numbers of factors.
        seeds: of the random starts, over which fig. 4 takes mean and deviation.
        networks: one, or a list of them for fig. 4(b): what `load_network` takes.
        size: short side in pixels at which images go through the network.
        percentile: 0..100, of the binary maps.
        path: a file that keeps the results; see `Setup`.
        progress: show a tqdm bar.
        clamp: set negative activations to 0, for a layer that has some.
        methods: by name, others than NMF at the percentile, each with its own options and masks: such as
            ``METHODS | AUTOMATIC | SHARPENED | RIVALS``. They take neither percentile, clamp nor options.
        options: of `nmf`, such as ``solver="mu"``.

    Returns:
        Trials in the order set, network, layer, method, k, seed. ``Table.of(trials)`` shows them.

    Raises:
        ValueError: a set has no part masks; or as `extract` and `nmf`.
    """
    ks, seeds = list(ks), list(seeds)
    max_k = max([5, *ks])  # at least 5, so that the sketch and its results stay when a smaller k is added later
    names: list[str | None] = [None] if layers is None else list(layers)
    tasks = []
    for data, at in named(images, "parts").items():
        for network in map(load_network, networks if isinstance(networks, list | tuple) else [networks]):
            for bench in [Bench(at, network, layer, size) for layer in names]:
                about = {"data": data, "network": network.name, "layer": bench.layer, "size": size}
                for k, seed in product(ks, seeds) if methods is None else ():
                    asked = (k, seed, max_k, percentile, clamp, options)
                    key, score = bench.key("trial", asked=asked), partial(bench.trial, *asked)
                    tasks.append(Task({**about, "k": k, "seed": seed}, bench, key, score))
                for (name, method), k, seed in product((methods or {}).items(), ks, seeds):
                    key = bench.key("method trial", method=name, **method.about, k=k, seed=seed)
                    label = {**about, "k": k, "seed": seed, "method": name}
                    tasks.append(Task(label, bench, key, partial(bench.method_trial, method, k, seed)))
    found = run(tasks, path, progress)
    return [Trial(**label, iou=s["iou"], error=math.nan if s["error"] is None else s["error"]) for label, s in found]


def figure4(trials: Iterable[Trial]) -> Table:
    """Mean and deviation of the best-part IoU over the seeds, for each network, layer and k (fig. 4 of the paper).

    Args:
        trials: from `sweep`. Of several sets, each seed first gets the mean.

    Returns:
        Table with the columns network, layer, k, IoU, deviation (both in percent) and seeds; `figures.figure4` draws
        it. The deviation is that of the sample; None for a single seed. Where there are several methods, the layer's
        name has the method's before it.
    """
    groups: dict[tuple[str, str, int], dict[int, list[float]]] = {}
    listed = list(trials)
    several = len({t.method for t in listed}) > 1
    for t in listed:
        where = f"{t.method}, {t.layer}" if several else t.layer
        groups.setdefault((t.network, where, t.k), {}).setdefault(t.seed, []).append(100 * t.iou)
    rows: list[tuple[Cell, ...]] = []
    for group, by_seed in groups.items():
        values = [float(np.mean(scores)) for scores in by_seed.values()]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
        rows.append((*group, float(np.mean(values)), deviation, len(values)))
    columns = ("network", "layer", "k", "IoU", "deviation", "seeds")
    return Table("Mean IoU of each factor with its best part, in %", columns, tuple(rows))
