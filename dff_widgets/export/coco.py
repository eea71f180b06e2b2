"""COCO instances with run-length encoded masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..storage import write_file
from .regions import Array, Labels, Progress, Regions, Unnamed, about, as_json, each

if TYPE_CHECKING:
    from ..result import DFFResult


def to_coco(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    percentile: float = 75,
    threshold: str | None = None,
    unnamed: Unnamed = "skip",
    colors: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: Progress | bool = False,
) -> None:
    """Write a COCO file: a category per class, one annotation per image and class that is in it.

    Masks are run lengths as `pycocotools` writes them; ``bbox`` is ``x, y, width, height`` in pixels, ``area`` in
    pixels, ``score`` (0..1) the mean heat inside. Masks of different classes may overlap.

    Args:
        result: the factors, and the images.
        path: of the file.
        labels: factor -> the names of its parts, as from `assign`. None makes each factor a class, ``"factor 0"`` etc.
            Factors with the same names share a class.
        percentile: of the masks, as in `DFFResult.masks`.
        threshold: in its place, as in `DFFResult.masks`.
        unnamed: a factor without a name is left out (``"skip"``), left out but takes pixels from the classes it is
            stronger than (``"background"``), or is a class (``"keep"``).
        colors: ``#RRGGBB`` per factor, which go into the categories; `palette` when left out.
        overwrite: whether a file that is there is replaced.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the export.

    Raises:
        ImportError: pycocotools is not installed.
        ValueError: no factor has a name, a label is of a factor that is not there, or another argument is something
            else.
        FileExistsError: a file is there, and is not to be replaced.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    try:
        from pycocotools import mask as run_lengths
    except ImportError:
        raise ImportError("to_coco needs pycocotools: pip install pycocotools") from None
    regions = Regions(result, labels, percentile=percentile, threshold=threshold, unnamed=unnamed, colors=colors)
    images = [
        {"id": i, "file_name": name, "width": width, "height": height}
        for i, (name, (height, width)) in enumerate(zip(result.images.names, result.sizes, strict=True), start=1)
    ]
    categories = [
        {"id": c, "name": one.title, "supercategory": "part", "color": one.color}
        for c, one in enumerate(regions.classes, start=1)
    ]

    def annotation(image_id: int, category_id: int, strength: Array) -> dict[str, Any]:
        mask = strength > 0
        encoded = run_lengths.encode(np.asfortranarray(mask, dtype=np.uint8))
        return {
            "image_id": image_id,
            "category_id": category_id,
            "segmentation": {"size": list(mask.shape), "counts": encoded["counts"].decode("ascii")},
            "bbox": [float(v) for v in run_lengths.toBbox(encoded)],
            "area": int(mask.sum()),
            "iscrowd": 0,
            "score": round(float(strength[mask].mean()), 6),
        }

    def chunks() -> Iterator[bytes]:  # one image's masks are held at a time
        head = {"info": {"description": about(result)}, "licenses": [], "images": images, "categories": categories}
        yield as_json(head)[:-1] + b',"annotations":['
        written = 0
        for i in each(len(result), progress):
            for c, strength in enumerate(regions.strength(i), start=1):
                if strength.any():
                    written += 1
                    yield b",\n" if written > 1 else b"\n"
                    yield as_json({"id": written, **annotation(i + 1, c, strength)})
        yield b"\n]}\n"

    write_file(Path(path), chunks(), overwrite=overwrite)
