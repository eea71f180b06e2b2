"""Tables 1 to 4 of the paper (its section 4), in percent as there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..evaluation import Cell, Table
from ..evaluation.bench import Bench, Task, run
from ..evaluation.bootstrap import quotient_interval
from ..evaluation.methods import AUTOMATIC, BASELINES, METHODS, Method
from .setup import Sets, Setup, about, benches, named

Array = npt.NDArray[Any]


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
        intervals: how many sets of images are drawn for the middle 95 % beside each IoU; 0 for none. The parts of a
            factor are those of the whole set.
        setup: see `Setup`.

    Returns:
        Table: first a row per method with the IoU of a single factor with the object, in percent, and its mean; then
        for each k and method a row per factor, whose cells name the parts it covers to more than half, and its IoU with
        them (eqs. 7-9).

    Raises:
        ValueError: a set has no part masks.
    """
    sets, options = named(images, "parts"), Setup(**setup)
    ks = tuple(ks)
    whole = dict(methods) | {name: method for name, method in others.items() if name not in methods}
    chosen = None if objects is None else sorted(objects)
    tasks = []
    for data, bench in benches(sets, options).items():
        for name, method in whole.items():
            key = bench.key("object counts", **about(name, method, options), objects=chosen)
            tasks.append(Task((1, name, data), bench, key, partial(bench.object_counts, method, options.seed, chosen)))
        tasks += _part_tasks(data, bench, ks, methods, options)
    scores = dict(run(tasks, options.path, options.progress))
    rows: list[tuple[Cell, ...]] = [
        (1, name, "object", *_quotients([scores[1, name, data] for data in sets], intervals)) for name in whole
    ]
    rows += [(*row, None) for row in _part_rows(scores, sets, ks, methods, intervals)]
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
    sets, options = named(images, "boxes"), Setup(**setup)
    tasks = []
    for data, bench in benches(sets, options).items():
        for name, method in methods.items():
            key = bench.key("hits", **about(name, method, options), protocol=protocol)
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
    intervals: int = 0,
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
        intervals: how many sets of images are drawn for the middle 95 % beside each IoU; 0 for none. Labels stay those
            of the whole set.
        setup: see `Setup`.

    Returns:
        Table with a column for each part of each set: the IoU in percent, over the set, of the part with all factors
        that are labelled with it; 0 for a part that no factor shows.

    Raises:
        ValueError: a set has no part masks, or its labels name a factor or a part that is not there.
    """
    sets, options = named(images, "parts"), Setup(**setup)
    tasks = []
    for data, bench in benches(sets, options).items():
        if labels is not None and data not in labels:
            raise ValueError(f"labels has no entry for the set {data!r}; it has {sorted(labels)}")
        chosen = None if labels is None else dict(labels[data])
        for name, method in methods.items():
            known = None if chosen is None else sorted(chosen.items())
            key = bench.key("label counts", **about(name, method, options), k=k, labels=known)
            tasks.append(Task((name, data), bench, key, partial(bench.labelled, method, k, options.seed, chosen)))
    scores = dict(run(tasks, options.path, options.progress))
    columns = list(dict.fromkeys((data, part) for (_, data), parts in scores.items() for part in parts))
    rows: list[tuple[Cell, ...]] = [
        (name, *_quotients([scores[name, data][part] for data, part in columns], intervals)) for name in methods
    ]
    titles = ("method", *(f"{data}: {part}" for data, part in columns), "mean")
    return Table(f"Part co-segmentation with k={k}: IoU in %", titles, tuple(rows))


def table4(
    images: Sets,
    *,
    ks: Iterable[int] = (1, 2, 3, 4),
    methods: Mapping[str, Method] = METHODS,
    intervals: int = 0,
    **setup: Any,
) -> Table:
    """Part co-segmentation, labelled by coverage: each factor's parts and its IoU with them (table 4 of the paper).

    Args:
        images: a set with part masks, or several by name: the columns.
        ks: numbers of factors.
        methods: by name.
        intervals: as in `table1`.
        setup: see `Setup`.

    Returns:
        Table as the lower part of `table1`.

    Raises:
        ValueError: a set has no part masks.
    """
    sets, options = named(images, "parts"), Setup(**setup)
    ks = tuple(ks)
    tasks = [
        task
        for data, bench in benches(sets, options).items()
        for task in _part_tasks(data, bench, ks, methods, options)
    ]
    rows = _part_rows(dict(run(tasks, options.path, options.progress)), sets, ks, methods, intervals)
    return Table("Part co-segmentation: IoU in %", ("k", "method", "factor", *sets), tuple(rows))


def _part_tasks(
    data: str, bench: Bench, ks: Iterable[int], methods: Mapping[str, Method], options: Setup
) -> list[Task]:
    return [
        Task(
            ("factors", k, name, data),
            bench,
            bench.key("factor counts", **about(name, method, options), k=k),
            partial(bench.factors, method, k, options.seed),
        )
        for k, (name, method) in product(ks, methods.items())
    ]


def _part_rows(
    scores: Mapping[Any, Any], sets: Iterable[str], ks: Iterable[int], methods: Iterable[str], intervals: int
) -> list[tuple[Cell, ...]]:
    """A row per k, method and factor: the parts it covers, and its IoU with them."""
    rows: list[tuple[Cell, ...]] = []
    for k, name in product(ks, methods):
        for f in range(k):
            found = [scores["factors", k, name, data][f] for data in sets]
            rows.append((k, name, f, *(_covered(at["parts"], at["counts"], intervals) for at in found)))
    return rows


def _covered(parts: Sequence[str], counts: Sequence[Sequence[int]], intervals: int) -> str | None:
    """The parts by name, and the IoU with their union."""
    if not parts:
        return None
    value, _ = _quotients([counts], intervals)
    return f"{', '.join(parts)} {value if isinstance(value, str) else f'{value:.1f}'}"


def _quotients(counts: Iterable[Iterable[Sequence[float]]], intervals: int) -> tuple[Cell, ...]:
    """Of each column the sum of the first over that of the second, in percent, with the middle 95 %; and their mean."""
    columns = [np.array(list(pairs), dtype=np.float64).reshape(-1, 2).T for pairs in counts]
    values = [100 * float(above.sum() / max(below.sum(), 1)) for above, below in columns]
    mean = float(np.mean(values))
    if not intervals:
        return (*values, mean)
    shown = (_with_interval(v, top, whole, intervals) for v, (top, whole) in zip(values, columns, strict=True))
    return (*shown, mean)


def _with_interval(percent: float, above: Array, below: Array, repeats: int) -> str:
    if not below.sum():  # nothing was asked and nothing found, in any image
        return f"{percent:.1f}"
    low, high = quotient_interval(above, below, repeats)
    return f"{percent:.1f} ({100 * low:.1f} … {100 * high:.1f})"
