"""The experiments of the paper on any images with ground truth: figure 4 and tables 1 to 4 (its section 4).

Give ``path``, a file that keeps each score as it is computed, and a run that was stopped goes on where it was. Scores
are fractions in records, and percent in tables, as in the paper.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Literal

import numpy as np

from .evaluation import Cell, Table
from .evaluation.bench import ALONE, AUTOMATIC, BASELINES, METHODS, RIVAL_OBJECTS, RIVALS, Bench, Method, Task, run
from .evaluation.bootstrap import quotient_interval
from .evaluation.part_table import PartScores, part_scores, part_table
from .images import ImageSet
from .names import EMBEDDED
from .networks import load_network

__all__ = [
    "ALONE",
    "AUTOMATIC",
    "BASELINES",
    "METHODS",
    "RIVALS",
    "RIVAL_OBJECTS",
    "Method",
    "PartScores",
    "Setup",
    "Trial",
    "figure4",
    "part_scores",
    "part_table",
    "sweep",
    "table1",
    "table2",
    "table3",
    "table4",
]

Sets = ImageSet | Mapping[str, ImageSet]


@dataclass(frozen=True)
class Setup:
    """What all scores of a table share.

    Attributes:
        network: a name, an ``nn.Module`` or a `Network`; see `load_network`.
        layer: a name; the network's default layer when left out.
        size: short side in pixels at which images go through the network.
        seed: of the factorizations.
        path: a file that keeps the results (JSON lines): a second call computes only what is not there. The file knows
            a method by its name and options, a network by its name, and a set by the names of its images and the first
            of them; take another file when more has changed.
        progress: show a tqdm bar.
    """

    network: Any = EMBEDDED
    layer: str | None = None
    size: int = 320
    seed: int = 0
    path: Any = None
    progress: bool = True


# ------------------------------------------------------------------------------------------------------- figure 4
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
            ``METHODS | AUTOMATIC | RIVALS``. They take neither percentile, clamp nor options.
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
    for data, at in _named(images, "parts").items():
        for network in map(load_network, networks if isinstance(networks, list | tuple) else [networks]):
            for bench in [Bench(at, network, layer, size) for layer in names]:
                about = {"data": data, "network": network.name, "layer": bench.layer, "size": size}
                for k, seed in product(ks, seeds) if methods is None else ():
                    asked = (k, seed, max_k, percentile, clamp, options)
                    key, score = bench.key("trial", asked=asked), partial(bench.trial, *asked)
                    tasks.append(Task({**about, "k": k, "seed": seed}, bench, key, score))
                for (name, method), k, seed in product((methods or {}).items(), ks, seeds):
                    key = bench.key("method trial", method=name, options=dict(method.options), k=k, seed=seed)
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


# --------------------------------------------------------------------------------------------------------- tables
def table1(
    images: Sets,
    *,
    ks: Iterable[int] = (2, 3, 4),
    methods: Mapping[str, Method] = METHODS,
    others: Mapping[str, Method] = AUTOMATIC | BASELINES,
    objects: Iterable[str] | None = None,
    intervals: int = 0,
    **setup: Any,
) -> Table:
    """Object co-segmentation (k=1), then part co-segmentation: IoU with the parts each factor covers (table 1).

    Args:
        images: a set with part masks, or several by name: the columns.
        ks: numbers of factors of the lower part of the table.
        methods: by name, the rows.
        others: further rows of the upper part: methods for one object.
        objects: the parts that are the common object; ``"object"`` where there is a part of that name, else all
            parts but the background.
        intervals: how many sets of images are drawn for the middle 95 % beside each IoU of the upper part; 0 for none.
        setup: see `Setup`.

    Returns:
        Table: first a row per method with the IoU of a single factor with the object, in percent, and its mean; then
        for each k and method a row per factor, whose cells name the parts it covers to more than half, and its IoU with
        them (eqs. 7-9).

    Raises:
        ValueError: a set has no part masks.
    """
    sets, options = _named(images, "parts"), Setup(**setup)
    benches, ks = _benches(sets, options), tuple(ks)
    whole = dict(methods) | {name: method for name, method in others.items() if name not in methods}
    chosen = None if objects is None else sorted(objects)
    tasks = []
    for data, bench in benches.items():
        for name, method in whole.items():
            key = bench.key("object counts", **_about(name, method, options), objects=chosen)
            tasks.append(Task((1, name, data), bench, key, partial(bench.object_counts, method, options.seed, chosen)))
        tasks += _part_tasks(data, bench, ks, methods, options)
    scores = dict(run(tasks, options.path, options.progress))
    rows: list[tuple[Cell, ...]] = [
        (1, name, "object", *_quotients([scores[1, name, data] for data in sets], intervals)) for name in whole
    ]
    rows += [(*row, None) for row in _part_rows(scores, sets, ks, methods)]
    return Table("Co-segmentation: IoU in %", ("k", "method", "factor", *sets, "mean"), tuple(rows))


def table2(
    images: Sets,
    *,
    methods: Mapping[str, Method] = METHODS | AUTOMATIC | BASELINES,
    protocol: Literal["paper", "lost"] = "paper",
    intervals: int = 0,
    **setup: Any,
) -> Table:
    """Object co-localization: CorLoc of each class and their mean (table 2 of the paper).

    Args:
        images: a set with boxes, or several by name: the columns.
        methods: by name, the rows; ``ALONE | RIVAL_OBJECTS`` find the object in each image on its own.
        protocol: as in `corloc`; for ``"lost"`` load the boxes of all objects.
        intervals: how many sets of images are drawn for the middle 95 % beside each CorLoc; 0 for none.
        setup: see `Setup`.

    Raises:
        ValueError: a set has no boxes.
    """
    sets, options = _named(images, "boxes"), Setup(**setup)
    tasks = []
    for data, bench in _benches(sets, options).items():
        for name, method in methods.items():
            key = bench.key("hits", **_about(name, method, options), protocol=protocol)
            tasks.append(Task((name, data), bench, key, partial(bench.hits, method, options.seed, protocol)))
    scores = {
        label: [(h, 1) for h in hit if h is not None] for label, hit in run(tasks, options.path, options.progress)
    }
    rows: list[tuple[Cell, ...]] = [
        (name, *_quotients([scores[name, data] for data in sets], intervals)) for name in methods
    ]
    return Table("Co-localization: CorLoc in %", ("method", *sets, "mean"), tuple(rows))


def table3(
    images: Sets,
    *,
    k: int = 3,
    methods: Mapping[str, Method] = METHODS,
    labels: Mapping[str, Mapping[int, str]] | None = None,
    **setup: Any,
) -> Table:
    """Part co-segmentation with factors labelled by a person: IoU of each part (table 3 of the paper).

    Args:
        images: a set with part masks, or several by name; for the paper's parts of cow and horse, load them with
            ``pascal_parts(..., merge=QUADRUPED)``.
        k: number of factors.
        methods: by name, the rows.
        labels: set -> factor (0..k-1) -> the part it shows, as a person has read it off the heat maps. By default each
            factor has its best part, which looks at the ground truth.
        setup: see `Setup`.

    Returns:
        Table with a column for each part of each set: the IoU in percent, over the set, of the part with all factors
        that are labelled with it; 0 for a part that no factor shows.

    Raises:
        ValueError: a set has no part masks, or its labels name a factor or a part that is not there.
    """
    sets, options = _named(images, "parts"), Setup(**setup)
    tasks = []
    for data, bench in _benches(sets, options).items():
        if labels is not None and data not in labels:
            raise ValueError(f"labels has no entry for the set {data!r}; it has {sorted(labels)}")
        chosen = None if labels is None else dict(labels[data])
        for name, method in methods.items():
            known = None if chosen is None else sorted(chosen.items())
            key = bench.key("labelled", **_about(name, method, options), k=k, labels=known)
            tasks.append(Task((name, data), bench, key, partial(bench.labelled, method, k, options.seed, chosen)))
    scores = dict(run(tasks, options.path, options.progress))
    columns = list(dict.fromkeys((data, part) for (_, data), parts in scores.items() for part in parts))
    rows: list[tuple[Cell, ...]] = [
        (name, *_percent(scores[name, data][part] for data, part in columns)) for name in methods
    ]
    titles = ("method", *(f"{data}: {part}" for data, part in columns), "mean")
    return Table(f"Part co-segmentation with k={k}: IoU in %", titles, tuple(rows))


def table4(
    images: Sets, *, ks: Iterable[int] = (1, 2, 3, 4), methods: Mapping[str, Method] = METHODS, **setup: Any
) -> Table:
    """Part co-segmentation, labelled by coverage: each factor's parts and its IoU with them (table 4 of the paper).

    Args:
        images: a set with part masks, or several by name: the columns.
        ks: numbers of factors.
        methods: by name.
        setup: see `Setup`.

    Returns:
        Table as the lower part of `table1`.

    Raises:
        ValueError: a set has no part masks.
    """
    sets, options = _named(images, "parts"), Setup(**setup)
    ks = tuple(ks)
    tasks = [
        task
        for data, bench in _benches(sets, options).items()
        for task in _part_tasks(data, bench, ks, methods, options)
    ]
    rows = _part_rows(dict(run(tasks, options.path, options.progress)), sets, ks, methods)
    return Table("Part co-segmentation: IoU in %", ("k", "method", "factor", *sets), tuple(rows))


# ---------------------------------------------------------------------------------------------------- what they share
def _named(images: Sets, truth: str) -> dict[str, ImageSet]:
    """The sets by name, checked to have that ground truth."""
    if not isinstance(images, ImageSet | Mapping):
        raise TypeError(f"images is a {type(images).__name__}; give an ImageSet, or a mapping from names to ImageSets")
    sets = {"images": images} if isinstance(images, ImageSet) else dict(images)
    if not sets:
        raise ValueError("no images: give a set, or several by name")
    for data, found in sets.items():
        if getattr(found, truth) is None:
            loaders = "voc2007" if truth == "boxes" else "creatures, folder(..., masks=...), labelme or pascal_parts"
            raise ValueError(f"the set {data!r} has no {truth} to compare with; load it with {loaders}")
    return sets


def _benches(sets: Mapping[str, ImageSet], options: Setup) -> dict[str, Bench]:
    network = load_network(options.network)
    return {data: Bench(found, network, options.layer, options.size) for data, found in sets.items()}


def _about(name: str, method: Method, options: Setup) -> dict[str, Any]:
    return {"method": name, "options": dict(method.options), "seed": options.seed}


def _part_tasks(
    data: str, bench: Bench, ks: Iterable[int], methods: Mapping[str, Method], options: Setup
) -> list[Task]:
    return [
        Task(
            ("factors", k, name, data),
            bench,
            bench.key("factors", **_about(name, method, options), k=k),
            partial(bench.factors, method, k, options.seed),
        )
        for k, (name, method) in product(ks, methods.items())
    ]


def _part_rows(
    scores: Mapping[Any, Any], sets: Iterable[str], ks: Iterable[int], methods: Iterable[str]
) -> list[tuple[Cell, ...]]:
    """A row per k, method and factor: the parts it covers, and its IoU with them."""
    rows: list[tuple[Cell, ...]] = []
    for k, name in product(ks, methods):
        for f in range(k):
            found = [scores["factors", k, name, data][f] for data in sets]
            shown = [f"{', '.join(at['parts'])} {100 * at['iou']:.1f}" if at["parts"] else None for at in found]
            rows.append((k, name, f, *shown))
    return rows


def _quotients(counts: Iterable[Iterable[tuple[float, float]]], intervals: int) -> tuple[Cell, ...]:
    """Of each set the sum of the first over that of the second, in percent, with the middle 95 %; and their mean."""
    columns = [np.array(list(pairs), dtype=np.float64).reshape(-1, 2).T for pairs in counts]
    values = [100 * float(above.sum() / max(below.sum(), 1)) for above, below in columns]
    mean = float(np.mean(values))
    if not intervals:
        return (*values, mean)
    ends = [quotient_interval(above, below, intervals) for above, below in columns]
    shown = (f"{v:.1f} ({100 * low:.1f} … {100 * high:.1f})" for v, (low, high) in zip(values, ends, strict=True))
    return (*shown, mean)


def _percent(fractions: Iterable[float]) -> tuple[float, ...]:
    """In percent, with their mean at the end."""
    values = [100 * f for f in fractions]
    return (*values, float(np.mean(values)))
