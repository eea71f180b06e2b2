"""How well DFF finds objects and parts, beside what else one could do: ``python -m benchmarks.quality [--only ...]``.

Needs ``DFF_WIDGETS_DATA``, the folder with ``voc2010-coseg``, ``voc2007`` and ``exercise-parts`` (see its README);
the creatures are always there. Every method sees the same activations, and each is shown with the same endings: its own
rule, DFF-CRF, and carried to the finer layer. Nothing but the rows marked "supervised" looks at a label. The counts of
every image go to ``--out``, so that a run that was stopped goes on, and intervals cost nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dff_widgets import ImageSet, load_network
from dff_widgets.datasets import creatures, folder, labelme, voc2007
from dff_widgets.evaluation import baselines
from dff_widgets.evaluation.bench import Bench, Task, run
from dff_widgets.experiments import METHODS, RIVALS, SHARPENED, Method, refined, sharpened
from dff_widgets.networks import Network

from .quality_tables import best_parts, object_table, part_rows

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
PAPER, OWN = {"percentile": 75}, {"percentile": 0}
FIRST = "DFF, sharpened"  # that others are compared with
DFF = METHODS["DFF"]
OBJECTS = {  # others' ways to find one object, with their own rule of where it ends
    "DDT": Method(baselines.ddt, OWN),
    "k-means": Method(baselines.kmeans, PAPER),
    "PCA": Method(baselines.pca, PAPER),
    "normalized cut (second eigenvector)": Method(baselines.second_eigenvector, OWN),
    "sum of activations": Method(baselines.total, PAPER),
    "LOST": Method(baselines.lost, OWN),
    "TokenCut": Method(baselines.token_cut, OWN),
}
PARTS = {name: RIVALS[name] for name in ("k-means", "PCA", "normalized cut")}
AUTOMATIC = "DFF, automatic without sharpening"


def object_methods(network: Network, name: str) -> dict[str, Method]:
    """The rows of the tables of objects."""
    found = {
        "DFF (paper: 75th percentile)": DFF,
        "DFF-CRF, 75th percentile": METHODS["DFF-CRF"],
        "DFF, Otsu": Method(DFF.fit, {"threshold": "otsu"}),
        AUTOMATIC: refined(DFF),
        "DFF, sharpened by its maps": sharpened(DFF),
        FIRST: SHARPENED[FIRST],
        "DDT, 75th percentile": Method(baselines.ddt, PAPER),
    }
    for rival, method in OBJECTS.items():
        found |= {
            rival: method,
            f"{rival}, automatic": refined(method),
            f"{rival}, sharpened by its maps": sharpened(method),
            f"{rival}, sharpened": sharpened(method, "factors"),
        }
    found["centred box, 25 %"] = Method(baselines.centred_box, PAPER)
    if name in IMAGENET:
        cam = Method(partial(_cam, network, name), PAPER)
        found |= {"Grad-CAM (supervised)": cam, "Grad-CAM (supervised), automatic": refined(cam)}
    return found


def _cam(network: Network, name: str, activations: Any, _k: int, _seed: int) -> Any:
    return baselines.grad_cam(activations, network, list(IMAGENET[name]))


def part_methods() -> dict[str, Method]:
    """The rows of the tables of parts."""
    found = {"DFF (paper: 75th percentile)": DFF, "DFF-CRF, 75th percentile": METHODS["DFF-CRF"]}
    found |= {AUTOMATIC: refined(DFF)} | SHARPENED
    for rival, method in PARTS.items():
        found |= {
            rival: method,
            f"{rival}, automatic": refined(method),
            f"{rival}, sharpened": sharpened(method),
            f"{rival}, object first": sharpened(method, focus=True),
        }
    return found


# ------------------------------------------------------------------------------------------------------------- what
class Runs:
    """What the tables are made of: counts of images by method, from the network or from the file."""

    def __init__(self, root: Path | None, out: Path, wanted: str) -> None:
        self._root, self._out, self._wanted = root, out, wanted
        self._network = load_network("efficientnet_lite0")
        out.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        if self._root is None:
            sys.exit(f"set DFF_WIDGETS_DATA to the folder with {name}")
        return self._root / name

    def counts(
        self, name: str, images: ImageSet, methods: Mapping[str, Method], what: str, score: Callable[..., Any], k: int
    ) -> dict[str, Any]:
        """What a score gives for each method."""
        bench = Bench(images, self._network, None, 320)
        tasks = [
            Task(row, bench, bench.key(what, method=row, **method.about, k=k, seed=0), partial(score, bench, method))
            for row, method in methods.items()
            if self._wanted in row
        ]
        found = dict(run(tasks, self._out / "quality.jsonl", progress=True))
        print(f"{name}: done", file=sys.stderr, flush=True)
        return found

    def objects(self, name: str, images: ImageSet, what: str) -> dict[str, Any]:
        methods = object_methods(self._network, name)
        if what == "hits":
            return self.counts(name, images, methods, what, lambda bench, method: bench.hits(method, 0, "paper"), 1)
        return self.counts(name, images, methods, what, lambda bench, method: bench.object_counts(method, 0, None), 1)

    def parts(self, name: str, images: ImageSet, k: int) -> dict[str, Any]:
        return self.counts(
            name, images, part_methods(), "overlaps", lambda bench, method: bench.part_overlaps(method, k, 0), k
        )


def coseg(runs: Runs) -> Iterator[str]:
    at = runs.path("voc2010-coseg")
    classes = sorted(p.name for p in (at / "images").iterdir())
    sets = {c: folder(at / "images" / c, masks=at / "masks" / c) for c in classes}
    found = {c: runs.objects(c, images, "object counts") for c, images in sets.items()}
    yield object_table("Co-segmentation, VOC 2010, k = 1: IoU in %", found, FIRST, images=True)


def corloc(runs: Runs) -> Iterator[str]:
    at = runs.path("voc2007")
    lists = sorted((at / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main").glob("*_trainval.txt"))
    classes = [p.name.removesuffix("_trainval.txt") for p in lists]
    found = {c: runs.objects(c, voc2007(at, c), "hits") for c in classes}
    pairs = {
        c: {row: [[hit, 1] for hit in hits if hit is not None] for row, hits in rows.items()}
        for c, rows in found.items()
    }
    yield object_table("Co-localization, VOC 2007, k = 1: CorLoc in %", pairs, FIRST)


def exercise(runs: Runs) -> Iterator[str]:
    images = labelme(runs.path("exercise-parts") / "segmentation_data")
    whole = {"all parts joined": runs.objects("exercise-parts", images, "object counts")}
    yield object_table("exercise-parts, all parts joined, k = 1: IoU in %", whole, FIRST, images=True)
    found = {f"k={k}": {row: [c] for row, c in runs.parts(f"k={k}", images, k).items()} for k in (3, 4, 5)}
    yield part_rows("exercise-parts: mean best-part IoU of the factors in %", found, FIRST)


def drawn(runs: Runs) -> Iterator[str]:
    """The animals of ten seeds; the seed of every factorization is 0."""
    seeds = {seed: runs.parts(f"creatures {seed}", creatures(12, seed=seed, size=256), 3) for seed in range(10)}
    rows = {row: [counts[row] for counts in seeds.values()] for row in seeds[0]}
    yield part_rows("creatures, k = 3, mean of seeds 0 to 9: best-part IoU in %", {"k=3": rows}, FIRST)
    for row in (AUTOMATIC, FIRST):
        if row in rows:
            yield f"{row}, seed by seed: " + ", ".join(f"{100 * best_parts(c):.1f}" for c in rows[row])


TABLES = {"coseg": coseg, "corloc": corloc, "exercise-parts": exercise, "creatures": drawn}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--methods", default="", help="only rows with this text in their names")
    parser.add_argument("--out", type=Path, default=Path("quality"))
    arguments = parser.parse_args()
    root = os.environ.get("DFF_WIDGETS_DATA")
    runs = Runs(None if root is None else Path(root), arguments.out, arguments.methods)
    shown = [text for name in arguments.only for text in TABLES[name](runs)]
    (arguments.out / f"{'-'.join(arguments.only)}.md").write_text("\n\n".join(shown) + "\n", encoding="utf-8")
    print("\n\n".join(shown))


if __name__ == "__main__":
    main()
