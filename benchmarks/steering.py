"""Steering and propagation: how well a part is met after a click or one painted image, and how long an act takes.

    python -m benchmarks.steering [--only clicks|painted|time] [--seeds 10] [--runs 11] [--json FILE]

Clicks: twelve creatures of each seed, k = 4 for head, torso, legs and tail. A scripted person clicks each part in the
two images where it is largest, at its innermost pixel; the four factors are fitted again, held to these examples, and
sharpened. IoU over the set, automatic masks.

Painted: the thirty frames of ``exercise-parts`` (set DFF_WIDGETS_DATA). A part is painted in one frame, and found in
the other 29; the mean over every frame that it may be painted in. Beside it what one has without the network: the very
mask that was painted, in the other frames.

Time: split, merge and anchor, from the act to the new heat maps, on twelve images, and a probe of as many; the median.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

import dff_widgets as dff
from dff_widgets.extraction import extract_layers, finer_layer
from dff_widgets.heat import propagate, upsample

PARTS = ("head", "torso", "legs", "tail")
EXERCISE = ("up", "arm", "left", "right")
SIZE = 448
CLICKS = 2  # a part


def layers(images: dff.ImageSet, size: int = SIZE) -> tuple[Any, Any]:
    """The activations of the deep layer and of the finer one."""
    network = dff.load_network("efficientnet_lite0")
    names = network.default_layer, finer_layer(network).name
    both = extract_layers(network, images, names, size=size)
    return both[names[0]], both[names[1]]


def maps_of(activations: Any) -> list[Any]:
    """Per image (h, w, c)."""
    rows, maps, start = np.asarray(activations.matrix, dtype=np.float32), [], 0
    for h, w in activations.shapes:
        maps.append(rows[start : start + h * w].reshape(h, w, -1))
        start += h * w
    return maps


def truth_of(images: dff.ImageSet, part: str) -> list[Any]:
    """Per image the part's mask; empty where it is not."""
    return [images.parts[i].get(part, np.zeros(images.size(i), dtype=bool)) for i in range(len(images))]


def iou(masks: Sequence[Any], truth: Sequence[Any]) -> float:
    """Over the set."""
    common = sum(int((a & b).sum()) for a, b in zip(masks, truth, strict=True))
    return common / max(sum(int((a | b).sum()) for a, b in zip(masks, truth, strict=True)), 1)


# ---------------------------------------------------------------------------------------------------------- clicks
def clicks(images: dff.ImageSet, part: str) -> list[tuple[int, float, float]]:
    """Where a person clicks a part: (image, y, x) in pixels, in the images where it is largest."""
    masks = truth_of(images, part)
    found = []
    for i in sorted(range(len(images)), key=lambda i: -int(masks[i].sum()))[:CLICKS]:
        depth = ndimage.distance_transform_edt(np.pad(masks[i], 1))[1:-1, 1:-1]
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        found.append((i, float(y) + 0.5, float(x) + 0.5))
    return found


def by_clicks(seed: int) -> list[float]:
    """Per part the IoU of its factor after the clicks."""
    images = dff.datasets.creatures(12, seed=seed, size=256)
    deep, fine = layers(images)
    result = dff.DFFResult.of(deep, dff.nmf(deep.matrix, k=len(PARTS)))
    for f, part in enumerate(PARTS):
        others = [point for other in PARTS if other != part for point in clicks(images, other)]
        result = result.anchor(clicks(images, part), against=others, factor=f, activations=deep).lock(*range(f + 1))
    sharp = result.sharpen(coarse=deep, fine=fine)
    masks = sharp.masks(threshold="auto")
    return [iou([m[f] for m in masks], truth_of(images, part)) for f, part in enumerate(PARTS)]


# --------------------------------------------------------------------------------------------------------- painted
def by_painting(images: dff.ImageSet) -> dict[str, dict[str, float]]:
    """Part -> IoU in the other frames: as it is found, and of the painted mask itself."""
    deep, fine = layers(images)
    features = propagate.described([maps_of(deep), maps_of(fine)])
    table: dict[str, dict[str, float]] = {}
    for part in EXERCISE:
        truth, found, copied = truth_of(images, part), [], []
        for i in range(len(images)):
            if not truth[i].any():
                continue
            beliefs = propagate.propagate(features, {i: truth[i]})
            others = [j for j in range(len(images)) if j != i]
            masks = [upsample(beliefs[j][None], images.size(j))[0] >= propagate.SHARE for j in others]
            found.append(iou(masks, [truth[j] for j in others]))
            copied.append(iou([truth[i]] * len(others), [truth[j] for j in others]))
        table[part] = {"found": float(np.mean(found)), "copied": float(np.mean(copied))}
    return table


# ------------------------------------------------------------------------------------------------------------ time
def times(runs: int) -> dict[str, float]:
    """Act -> median milliseconds."""
    images = dff.datasets.creatures(12, seed=0, size=256)
    deep, _ = layers(images)
    sketch = dff.Sketch(deep.matrix, rank=64)
    result = dff.DFFResult.of(deep, dff.nmf(sketch, k=4))
    points = clicks(images, "head")
    units = propagate.unit_rows(maps_of(deep))
    acts: dict[str, Callable[[], Any]] = {
        "split": lambda: result.split(0, activations=sketch),
        "merge": lambda: result.merge(0, 1, activations=sketch),
        "anchor": lambda: result.anchor(points, activations=sketch),
    }

    def median(act: Callable[[], Any]) -> float:
        took = []
        for _ in range(runs + 1):  # the first warms up
            start = time.perf_counter()
            act()
            took.append(time.perf_counter() - start)
        return 1000 * statistics.median(took[1:])

    def drawn(act: Callable[[], Any]) -> None:
        steered = act()
        for i in range(len(steered)):
            steered.heatmaps(i)

    found = {name: median(lambda act=act: drawn(act)) for name, act in acts.items()}
    found["probe"] = median(lambda: propagate.cosines(units, 0, 0.5, 0.5))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["clicks", "painted", "time"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    said: dict[str, Any] = {}
    data = os.environ.get("DFF_WIDGETS_DATA")
    if options.only in (None, "clicks"):
        rows = [by_clicks(seed) for seed in range(options.seeds)]
        said["clicks"] = rows
        print(f"creatures, {CLICKS} clicks a part, seeds 0..{options.seeds - 1}")
        for part, column in zip(PARTS, zip(*rows, strict=True), strict=True):
            print(f"  {part:8s}{np.mean(column):6.3f}")
        print(f"  {'mean':8s}{np.mean(rows):6.3f}")
    if options.only in (None, "painted") and data:
        images = dff.datasets.labelme(Path(data) / "exercise-parts" / "segmentation_data")
        said["painted"] = table = by_painting(images)
        print(f"exercise-parts, one painted frame, found in the other {len(images) - 1}")
        print(f"{'':10s}{'found':>8s}{'copied':>8s}")
        for part, row in table.items():
            print(f"  {part:8s}{row['found']:8.3f}{row['copied']:8.3f}")
        means = [float(np.mean([row[name] for row in table.values()])) for name in ("found", "copied")]
        print(f"  {'mean':8s}{means[0]:8.3f}{means[1]:8.3f}")
    if options.only in (None, "time"):
        said["time_ms"] = acts = times(options.runs)
        print(f"12 images, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; median of {options.runs}")
        for act, ms in acts.items():
            print(f"  {act:8s}{ms:8.1f} ms")
    if options.json:
        options.json.write_text(json.dumps(said, indent=1))


if __name__ == "__main__":
    main()
