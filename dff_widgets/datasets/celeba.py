"""CelebA: faces with five landmarks."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from .landmarked import Landmarked, inside, landmarked, numbers, rows_of

_URL = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
_NAMES = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")


def celeba(root: str | Path, *, aligned: bool = False, n: int | None = None) -> Landmarked:
    """Faces of CelebA with their landmarks: eyes, nose and corners of the mouth.

    Args:
        root: the folder that holds ``img_celeba`` (or ``img_align_celeba``), ``list_landmarks_celeba.txt`` (or
            ``list_landmarks_align_celeba.txt``), ``list_bbox_celeba.txt`` and ``list_eval_partition.txt``; the lists
            may lie in ``Anno`` and ``Eval``, and the photos in ``Img``, as in the archive.
        aligned: the photos that were turned and cropped; the box of each is the whole photo, 178 x 218.
        n: the first n only.

    Returns:
        Landmarked; ``found.distance("lefteye", "righteye")`` is the unit that errors on faces are measured in. Photos
        for training are those of partition 0.

    Raises:
        ValueError: a file is missing or malformed.
    """
    base = Path(root).expanduser()
    kind = "align_celeba" if aligned else "celeba"
    marks = _find(base, f"list_landmarks_{kind}.txt", "Anno")
    table = {name: numbers(words, marks) for name, *words in islice(rows_of(marks, 11, url=_URL, skip=2), n)}
    if not table:
        raise ValueError(f"{marks.name} names no photo")
    partition = _find(base, "list_eval_partition.txt", "Eval")
    split = {name: number == "0" for name, number in rows_of(partition, 2, url=_URL)}
    if missing := [name for name in table if name not in split]:
        raise ValueError(f"{partition.name} does not say what {missing[0][:40]} is for")
    folder = _find(base, f"img_{kind}", "Img")
    files = [inside(folder, name, marks) for name in table]
    points = np.array(list(table.values())).reshape(len(table), 5, 2)
    boxes = np.tile([0.0, 0, 177, 217], (len(table), 1)) if aligned else _boxes(base, list(table))
    return landmarked(files, points, boxes, _NAMES, [split[name] for name in table])


def _find(base: Path, name: str, folder: str) -> Path:
    return next((at / name for at in (base, base / folder) if (at / name).exists()), base / name)


def _boxes(base: Path, names: list[str]) -> np.ndarray:
    path, wanted, found = _find(base, "list_bbox_celeba.txt", "Anno"), set(names), {}
    for name, *words in rows_of(path, 5, url=_URL, skip=2):
        if name in wanted:
            x, y, width, height = numbers(words, path)
            found[name] = [x, y, x + max(width, 1) - 1, y + max(height, 1) - 1]
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"{path.name} has no box of {missing[0][:40]}")
    return np.array([found[name] for name in names])
