"""COCO instances with run-length encoded masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..images import paths
from ..storage import write_file
from .regions import Array, Choices, Labels, Progress, Regions, about, as_json, each

if TYPE_CHECKING:
    from ..result import DFFResult


def to_coco(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | bool = False,
    **choices: Unpack[Choices],
) -> list[Path]:
    """Write a COCO file: a category per class, one annotation per image and class that is in it.

    An image's ``file_name`` is where it lies, below the folder that all of them share. Masks are run lengths as
    `pycocotools` writes them; ``bbox`` is ``x, y, width, height`` in pixels, ``area`` in pixels, ``score`` (0..1) the
    mean heat inside. Masks of different classes may overlap.

    Args:
        result: the factors, and the images.
        path: of the file.
        labels: factor -> the names of its parts, as from `assign`. None makes each factor a class, ``"factor 0"`` etc.
            Factors with the same names share a class.
        overwrite: whether a file that is there is replaced.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the export.
        choices: which masks these are, and of which images; see `Choices`.

    Returns:
        The files that were written.

    Raises:
        ValueError: no factor has a name, a label is of a factor that is not there, or another argument is something
            else.
        FileExistsError: a file is there, and is not to be replaced.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    regions = Regions(result, labels, **choices)
    files = paths(result.images)
    images = [
        {"id": i + 1, "file_name": files[i], "width": result.sizes[i][1], "height": result.sizes[i][0]}
        for i in regions.images
    ]
    categories = [
        {"id": c, "name": one.title, "supercategory": "part", "color": one.color}
        for c, one in enumerate(regions.classes, start=1)
    ]

    def annotation(image_id: int, category_id: int, strength: Array) -> dict[str, Any]:
        mask = strength > 0
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
        return {
            "image_id": image_id,
            "category_id": category_id,
            "segmentation": {"size": list(mask.shape), "counts": run_lengths(mask)},
            "bbox": [float(value) for value in box],
            "area": int(mask.sum()),
            "iscrowd": 0,
            "score": round(float(strength[mask].mean()), 6),
        }

    def chunks() -> Iterator[bytes]:  # one image's masks are held at a time
        head = {"info": {"description": about(result)}, "licenses": [], "images": images, "categories": categories}
        yield as_json(head)[:-1] + b',"annotations":['
        written = 0
        for i in each(regions.images, progress):
            for c, strength in enumerate(regions.strength(i), start=1):
                if strength.any():
                    written += 1
                    yield b",\n" if written > 1 else b"\n"
                    yield as_json({"id": written, **annotation(i + 1, c, strength)})
        yield b"\n]}\n"

    return write_file(Path(path), chunks(), overwrite=overwrite)


def run_lengths(mask: Array) -> str:
    """A mask in COCO's characters: the lengths of its runs, column by column, the first of what is outside.

    From the fourth on, a number is the difference from the run before the last. It has 5 bits a character, the low ones
    first; a sixth says that more follow, and the last one's highest is the sign.

    Args:
        mask: (h, w) bool.

    >>> run_lengths(np.array([[False, True], [True, True]]))
    '13'
    """
    flat = np.asarray(mask, dtype=bool).T.ravel()
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    runs = np.diff(changes, prepend=0, append=flat.size)
    runs[3:] -= runs[1:-2].copy()
    return "".join(map(_characters, runs.tolist()))


def _characters(number: int) -> str:
    found = ""
    while True:
        bits, number = number & 31, number >> 5
        ends = number == (-1 if bits & 16 else 0)
        found += chr(48 + bits + (0 if ends else 32))
        if ends:
            return found
