"""The labelling panel: how long a person waits for the IoU, and what a whole session on real frames comes to.

    python -m benchmarks.labelling [--runs 11] [--cpu] [--only latency|session|person] [--json FILE]

Latency: twenty creatures at 448 px, k = 3; the median wall time from the change to the end of `panel.wait()`. For k,
layer and refinement, which the explorer computes or remembers, it is from the arrival of the result on: what the panel
adds.

Session: the thirty frames of ``exercise-parts`` (set DFF_WIDGETS_DATA). Factors are found in five frames drawn at
random, and k, size and threshold chosen by the IoU in those five, as a person would who looks at them; then the factors
go to all thirty. The table says how well each part is met, in the five frames, in the others and in all.

Person: seconds a mask and IoU of those thirty frames, automatic, by clicks and by hand; see `scripted_person`. It is a
count of acts, not a measured time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import dff_widgets as dff
from dff_widgets.evaluation import overlaps

from . import scripted_person

PARTS = ("up", "arm", "left", "right", "full")
CHOICES = [
    (size, k, threshold) for size in (320, 448) for k in (3, 4, 5) for threshold in ("percentile", "otsu", "auto")
]


# --------------------------------------------------------------------------------------------------------- latency
def latencies(runs: int, clock: Callable[[], float]) -> dict[str, float]:
    """What is changed -> median milliseconds of `clock`."""
    explorer = dff.DFFExplorer(dff.datasets.creatures(20, seed=0, size=448), k=3, size=448)
    explorer.wait()
    panel, layer = explorer.panel, explorer.layer
    other_layer = [choice.name for choice in dff.load_network(explorer.network).layers if choice.nonnegative][-2]
    panel.assign_by_coverage()
    arrived: list[float] = []
    explorer.observe(lambda _: arrived.append(clock()), "result")

    def from_change(change: Callable[[], object]) -> float:
        start = clock()
        change()
        panel.wait()
        return 1000 * (clock() - start)

    def from_result(change: Callable[[], object]) -> float:
        change()
        explorer.wait()
        return 1000 * (clock() - arrived[-1])

    def put(name: str, values: Iterator[object], timed: Callable[[Callable[[], object]], float]) -> float:
        timed(lambda: setattr(explorer, name, next(values)))  # the first computes what the others remember
        return statistics.median(timed(lambda: setattr(explorer, name, next(values))) for _ in range(runs))

    def turns(*values: object) -> Iterator[object]:
        while True:
            yield from values

    def stroke(rng: np.random.Generator) -> None:
        panel.truth.stroke(int(rng.integers(20)), "head", rng.uniform(0, 448, (12, 2)), radius=9)

    found = {
        "assignment": put("labels", turns({0: ["head"]}, {0: ["torso", "legs"], 1: ["head"]}), from_change),
        "percentile": put("percentile", iter(np.linspace(60, 90, runs + 1)), from_change),
        "k, from the result": put("k", turns(4, 3), from_result),
        "layer, from the result": put("layer", turns(other_layer, layer), from_result),
    }
    explorer.wait()
    found["automatic, the first time (refines)"] = from_change(lambda: setattr(explorer, "threshold", "auto"))
    found["automatic on or off"] = put("threshold", turns(None, "auto"), from_change)
    explorer.threshold = None
    explorer.wait()
    rng = np.random.default_rng(0)
    found["a stroke of the brush"] = statistics.median(from_change(lambda: stroke(rng)) for _ in range(runs))
    return found


# --------------------------------------------------------------------------------------------------------- session
def session(images: dff.ImageSet) -> tuple[dff.DFFExplorer, tuple[int, int, str], dict[str, dict[str, float]]]:
    """Label on five frames, apply to all: the explorer, the (size, k, threshold) chosen, and part -> IoU where."""
    explorer = dff.DFFExplorer(images, k=3)
    explorer.wait()
    panel = explorer.panel
    panel.label_on(5, seed=0)
    explorer.wait()

    def use(choice: tuple[int, int, str]) -> None:
        explorer.size, explorer.k = choice[:2]
        explorer.threshold = None if choice[2] == "percentile" else choice[2]
        explorer.wait()

    def quality(choice: tuple[int, int, str]) -> float:
        use(choice)
        return float(np.mean([iou for iou, _ in best(explorer, panel.sampling.page).values()]))

    chosen = max(CHOICES, key=quality)
    use(chosen)
    panel.assign_by_coverage()
    five = panel.sampling.page
    panel.apply_to_all()
    explorer.wait()
    others = [i for i in range(len(images)) if i not in five]
    where = {"the five": five, "the others": others, "all": range(len(images))}
    table: dict[str, dict[str, float]] = {part: {} for part in PARTS}
    for title, these in where.items():
        for part, (iou, _) in best(explorer, these).items():
            table[part][title] = iou
    return explorer, chosen, table


def best(explorer: dff.DFFExplorer, images: object) -> dict[str, tuple[float, int]]:
    """Part -> the IoU of the factor that meets it best over these images of the set, and that factor."""
    result = explorer.result
    masks = result.lazy_masks(explorer.percentile, threshold=explorer.threshold)
    rows = dict(zip(explorer.images.find(result.images), range(len(result)), strict=True))
    counts = overlaps((masks[rows[i]] for i in images), (explorer.images.parts[i] for i in images))
    columns = {part: counts.iou[:, counts.parts.index(part)] for part in PARTS}
    return {part: (float(column.max()), int(column.argmax())) for part, column in columns.items()}


def joined(explorer: dff.DFFExplorer, part: str) -> float:
    """The IoU of all named factors together with a part."""
    named = [f for f, names in explorer.labels.items() if names]
    masks = explorer.result.masks(explorer.percentile, threshold=explorer.threshold)
    return float(dff.iou([m[named].any(axis=0)[None] for m in masks], explorer.images.parts, {0: [part]})[0])


def show_session(images: dff.ImageSet) -> dict[str, object]:
    explorer, (size, k, threshold), table = session(images)
    print(f"\nexercise-parts: {size} px, k = {k}, {threshold} (chosen on five frames)")
    for f, names in explorer.labels.items():
        iou = explorer.iou[f]
        print(f"  factor {f}: {' + '.join(names) or '-':20s} IoU {'-' if iou is None else f'{iou:.2f}'}")
    print(f"{'part':8s}{'factor':>8s}{'the five':>10s}{'the others':>12s}{'all':>6s}")
    for part, row in table.items():
        factor = best(explorer, range(len(images)))[part][1]
        print(f"{part:8s}{factor:8d}{row['the five']:10.2f}{row['the others']:12.2f}{row['all']:6.2f}")
    print(f"{'full':8s}{'joined':>8s}{joined(explorer, 'full'):28.2f}")
    return {"chosen": [size, k, threshold], "iou": table, "joined": joined(explorer, "full")}


def show_person(images: dff.ImageSet, folder: Path) -> dict[str, object]:
    """The automatic masks of a session, and what a scripted person makes of them."""
    explorer, _, table = session(images)
    factors = best(explorer, range(5))  # by eye, in the first frames
    result = explorer.result
    masks = result.lazy_masks(explorer.percentile, threshold=explorer.threshold)
    rows = dict(zip(explorer.images.find(result.images), range(len(result)), strict=True))
    starts = [{part: masks[rows[i]][factors[part][1]] for part in scripted_person.PARTS} for i in range(len(images))]
    polygons = []
    for i, name in enumerate(images.names):
        for shape in json.loads((folder / f"{name}.json").read_text())["shapes"]:
            if shape["label"] in scripted_person.PARTS:
                polygons.append((shape["points"], images.size(i)))
    return scripted_person.show(images, starts, polygons) | {"five": table}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--only", choices=["latency", "session", "person"])
    parser.add_argument("--cpu", action="store_true", help="processor time, for a busy machine")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, object] = {}
    data = os.environ.get("DFF_WIDGETS_DATA")
    if options.only in (None, "latency"):
        found["latency_ms"] = times = latencies(options.runs, time.process_time if options.cpu else time.perf_counter)
        print(
            f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; median of {options.runs}{', CPU' * options.cpu}"
        )
        for what, ms in times.items():
            print(f"{what:40s}{ms:8.0f} ms")
    folder = Path(data or ".") / "exercise-parts" / "segmentation_data"
    if options.only in (None, "session") and data:
        found["session"] = show_session(dff.datasets.labelme(folder))
    if options.only in (None, "person") and data:
        found["person"] = show_person(dff.datasets.labelme(folder), folder)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
