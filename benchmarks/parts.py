"""Part discovery, ours beside others' on the same activations: ``python -m benchmarks.parts [sets] [--out FOLDER]``.

Sets: ``creatures`` (always there), ``exercise-parts`` and ``pascal-part`` (in ``DFF_WIDGETS_DATA``), or any folder of
photos with a folder ``masks`` of part masks beside it. A run that was stopped goes on where it was; the folder gets
``parts.md``, ``parts.csv``, ``parts.tex`` and the counts of every image, ``parts.jsonl``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from dff_widgets import ImageSet
from dff_widgets.datasets import PIECES, creatures, folder, labelme, pascal_parts
from dff_widgets.evaluation import Table
from dff_widgets.evaluation.part_table import part_scores, part_table
from dff_widgets.experiments import AUTOMATIC, METHODS, RIVALS, SHARPENED, refined, sharpened

METHODS_HERE = METHODS | AUTOMATIC | SHARPENED | RIVALS
for rival in ("PCA", "k-means", "k-means, normalized", "normalized cut"):  # with the same endings
    METHODS_HERE |= {
        f"{rival}, CRF, auto": refined(RIVALS[rival]),
        f"{rival}, sharpened": sharpened(RIVALS[rival]),
        f"{rival}, object first": sharpened(RIVALS[rival], focus=True),
    }


def data() -> Path:
    root = os.environ.get("DFF_WIDGETS_DATA")
    if root is None:
        sys.exit("set DFF_WIDGETS_DATA to the folder with exercise-parts and pascal-part")
    return Path(root)


def pascal() -> dict[str, ImageSet]:
    classes = ("person", "cat", "bird", "dog", "car")  # of which there is more than one photo
    return {f"PASCAL-Part {cls}": pascal_parts(data() / "pascal-part", cls, merge=PIECES) for cls in classes}


SETS: dict[str, Callable[[], dict[str, ImageSet]]] = {
    "creatures": lambda: {"creatures": creatures(24, seed=0, size=256)},
    "exercise-parts": lambda: {"exercise-parts": labelme(data() / "exercise-parts" / "segmentation_data")},
    "pascal-part": pascal,
}


def own(path: str) -> dict[str, ImageSet]:
    return {Path(path).name: folder(path, masks=Path(path) / "masks")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["creatures"], help=f"{', '.join(SETS)}, or a folder")
    parser.add_argument("--out", type=Path, default=Path("parts"))
    parser.add_argument("-k", type=int, default=4)
    parser.add_argument("--network", default="efficientnet_lite0")
    parser.add_argument("--layer")
    parser.add_argument("--size", type=int, default=320)
    arguments = parser.parse_args()
    sets: dict[str, ImageSet] = {}
    for name in arguments.sets:
        sets |= SETS[name]() if name in SETS else own(name)
    options = {
        "k": arguments.k,
        "methods": METHODS_HERE,
        "network": arguments.network,
        "layer": arguments.layer,
        "size": arguments.size,
        "path": arguments.out / "parts.jsonl",
    }
    table = part_table(sets, published=True, **options)
    for suffix in ("md", "tex"):
        table.save(arguments.out / f"parts.{suffix}")
    Table.of(part_scores(sets, **options)).save(arguments.out / "parts.csv")
    print(table)


if __name__ == "__main__":
    main()
