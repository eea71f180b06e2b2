"""How well DFF finds objects, beside what else one could do: ``python -m benchmarks.quality [--json FILE]``.

Needs ``DFF_WIDGETS_DATA``, the folder with ``voc2010-coseg`` and ``voc2007`` (see the README there). Every method sees
the same activations in one run; nothing but the rows marked "supervised" looks at a label.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dff_widgets import DFFResult, ImageSet, load_network
from dff_widgets.datasets import folder, voc2007
from dff_widgets.dff import factorize
from dff_widgets.evaluation import baselines
from dff_widgets.evaluation.bench import Bench, Method
from dff_widgets.extraction import Activations, extract, finer_layer
from dff_widgets.networks import Network

IMAGENET = {  # VOC's classes -> those of ImageNet-1k, for Grad-CAM only
    "Bird": [*range(7, 25), *range(80, 101), *range(127, 147)],
    "Cat": range(281, 286),
    "Cow": [345],
    "Dog": range(151, 269),
    "Train": [466, 547, 705, 820],
    "aeroplane": [404, 895],
    "bicycle": [444, 671],
    "horse": [339],
}
PAPER, AUTO = {"percentile": 75}, {"threshold": "auto"}


def dff(activations: Activations, k: int, seed: int) -> DFFResult:
    return factorize(activations, k, seed=seed)


def crf(fit):
    return lambda activations, k, seed: fit(activations, k, seed).refine()


def sharpened(fit, network: Network, *, clean: bool = False):
    """The same method, carried to the finer layer; `clean` gives DFF the activations, as its estimator does."""

    def fitted(activations: Activations, k: int, seed: int) -> DFFResult:
        fine = extract(network, activations.images, layer=finer_layer(network).name, size=activations.size)
        return fit(activations, k, seed).sharpen(coarse=activations if clean else None, fine=fine)

    return fitted


def methods(network: Network, name: str) -> dict[str, Method]:
    def cam(activations: Activations, _k: int, _seed: int) -> DFFResult:
        return baselines.grad_cam(activations, network, list(IMAGENET[name]))

    found = {
        "DFF (paper: 75th percentile)": Method(dff, PAPER),
        "DFF-CRF, 75th percentile": Method(crf(dff), PAPER),
        "DFF, threshold=otsu": Method(dff, {"threshold": "otsu"}),
        "automatic: DFF-CRF, threshold=auto": Method(crf(dff), AUTO),
        "DDT, its own threshold": Method(baselines.ddt, {"percentile": 0}),
        "DDT, 75th percentile": Method(baselines.ddt, PAPER),
        "DDT, CRF and threshold=auto": Method(crf(baselines.ddt), AUTO),
        "k-means, 75th percentile": Method(baselines.kmeans, PAPER),
        "sum of activations, 75th percentile": Method(baselines.total, PAPER),
        "sum of activations, CRF and threshold=auto": Method(crf(baselines.total), AUTO),
        "DFF, sharpened": Method(sharpened(dff, network, clean=True), AUTO),
        "DDT, sharpened": Method(sharpened(baselines.ddt, network), AUTO),
        "k-means, sharpened": Method(sharpened(baselines.kmeans, network), AUTO),
        "sum of activations, sharpened": Method(sharpened(baselines.total, network), AUTO),
        "centred box, 25 %": Method(baselines.centred_box, PAPER),
    }
    if name in IMAGENET:
        found["Grad-CAM (supervised), 75th percentile"] = Method(cam, PAPER)
        found["Grad-CAM (supervised), CRF and threshold=auto"] = Method(crf(cam), AUTO)
    return found


def data(root: Path) -> tuple[dict[str, ImageSet], dict[str, ImageSet]]:
    """The classes that are there: with object masks, and with boxes."""
    coseg, voc = root / "voc2010-coseg", root / "voc2007"
    lists = sorted((voc / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main").glob("*_trainval.txt"))
    masks = {p.name: folder(p, masks=coseg / "masks" / p.name) for p in sorted((coseg / "images").iterdir())}
    return masks, {cls: voc2007(voc, cls) for cls in (p.name.removesuffix("_trainval.txt") for p in lists)}


def score(sets: Mapping[str, ImageSet], network: Network, what: str, half: int | None) -> dict[str, dict[str, float]]:
    """Method -> class -> score in percent; a dash in the table where a method does not know the class."""
    table: dict[str, dict[str, float]] = {}
    for name, images in sets.items():
        bench = Bench(images if half is None else images[half::2], network, None, 320)
        for method, how in methods(network, name).items():
            value = bench.object_iou(how, 0, None) if what == "IoU" else bench.corloc(how, 0)
            table.setdefault(method, {})[name] = 100 * value
        print(f"{name}: done", file=sys.stderr, flush=True)
        bench.release()
    return table


def show(title: str, table: Mapping[str, Mapping[str, float]]) -> None:
    names = list(dict.fromkeys(name for row in table.values() for name in row))
    print(f"\n{title}\n\n| method | {' | '.join(names)} | mean |\n|---|{'---:|' * (len(names) + 1)}")
    for method, row in table.items():
        cells = [f"{row[n]:.1f}" if n in row else "-" for n in names]
        mean = f"{np.mean(list(row.values())):.1f}" if len(row) == len(names) else "-"
        print(f"| {method} | {' | '.join(cells)} | {mean} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the tables there too")
    parser.add_argument(
        "--half", type=int, choices=(0, 1), help="every second photo only, from the first or the second"
    )
    arguments = parser.parse_args()
    root = os.environ.get("DFF_WIDGETS_DATA")
    if root is None:
        sys.exit("set DFF_WIDGETS_DATA to the folder with voc2010-coseg and voc2007")
    masks, boxes = data(Path(root))
    network = load_network("efficientnet_lite0")
    tables = {}
    for title, sets, what in (
        ("Co-segmentation, VOC 2010: IoU in %", masks, "IoU"),
        ("Co-localization, VOC 2007: CorLoc in %", boxes, "CorLoc"),
    ):
        tables[what] = score(sets, network, what, arguments.half)
        show(title, tables[what])
    if arguments.json:
        arguments.json.write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main()
