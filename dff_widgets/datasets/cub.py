"""CUB-200-2011: birds with boxes, 15 landmarks and masks; what part discovery is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..images import PerImage
from ._masks import OBJECT, read_object
from .landmarked import Landmarked, inside, landmarked, numbers, rows_of

_URL = "https://www.vision.caltech.edu/datasets/cub_200_2011/"


def cub(root: str | Path, classes: Sequence[int] | None = None) -> Landmarked:
    """Birds of CUB-200-2011 with the box and the landmarks of each.

    Args:
        root: the folder ``CUB_200_2011`` of the archive, or the one that holds it. The masks are in another archive,
            unpacked as ``segmentations`` in either.
        classes: numbers of species, 1..200, such as ``[1, 2, 3]`` for the sets 001 to 003 of SCOPS; all when None.

    Returns:
        Landmarked, in the order of ``images.txt``; its images have the part ``"object"`` where the masks are there:
        more than half of the annotators saw the bird. Pixels count as in the files.

    Raises:
        ValueError: a file is missing or malformed, or there is no bird of those classes; a malformed mask is noticed
            when it is read.
    """
    given = Path(root).expanduser()
    base = given / "CUB_200_2011" if (given / "CUB_200_2011").is_dir() else given
    wanted = None if classes is None else {str(int(c)) for c in classes}
    species = dict(rows_of(base / "image_class_labels.txt", 2, url=_URL))
    listed = dict(rows_of(base / "images.txt", 2, url=_URL))
    kept = [i for i in listed if wanted is None or species.get(i) in wanted]
    if not kept:
        raise ValueError(f"no photo of the classes {sorted(wanted or ())} in {str(base)!r}; there are 1..200")
    files = [inside(base / "images", listed[i], base / "images.txt") for i in kept]
    split = {i: flag == "1" for i, flag in rows_of(base / "train_test_split.txt", 2, url=_URL)}
    boxes, names = _boxes(base), dict(rows_of(base / "parts" / "parts.txt", 2, url=_URL, last=True))
    points = _points(base, kept, list(names))
    for what, where in (("box", boxes), ("entry in the split", split)):
        if missing := [i for i in kept if i not in where]:
            raise ValueError(f"photo {missing[0]} of CUB-200-2011 has no {what}")
    found = landmarked(
        files, points, np.array([boxes[i] for i in kept]), list(names.values()), [split[i] for i in kept]
    )
    folder = next((at for at in (base / "segmentations", given / "segmentations") if at.is_dir()), None)
    if folder is None:
        return found
    images = found.images
    masks = [folder / Path(str(s)).relative_to(base / "images").with_suffix(".png") for s in images.sources]
    if missing_masks := [m.name for m in masks if not m.is_file()]:
        raise ValueError(f"{len(missing_masks)} masks, such as {missing_masks[0]}, are missing in {str(folder)!r}")
    parts = PerImage([(mask, images.size(i)) for i, mask in enumerate(masks)], _object)
    return replace(found, images=replace(images, parts=parts))


def _object(path: Path, size: tuple[int, int]) -> dict[str, np.ndarray]:
    return {OBJECT: read_object(path, size)}


def _boxes(base: Path) -> dict[str, list[float]]:
    """``xmin, ymin, xmax, ymax`` by photo, from corner and sides."""
    path, found = base / "bounding_boxes.txt", {}
    for i, *words in rows_of(path, 5, url=_URL):
        x, y, width, height = numbers(words, path)
        if width <= 0 or height <= 0:
            raise ValueError(f"{path.name} has a box of {width} x {height} pixels for photo {i}")
        found[i] = [x, y, x + width - 1, y + height - 1]
    return found


def _points(base: Path, kept: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """(n, l, 2), NaN where not visible."""
    path = base / "parts" / "part_locs.txt"
    place, column = {i: at for at, i in enumerate(kept)}, {i: at for at, i in enumerate(names)}
    points = np.full((len(kept), len(names), 2), np.nan)
    for i, part, *words in rows_of(path, 5, url=_URL):
        if i in place:
            if part not in column:
                raise ValueError(f"{path.name} has a part {part[:20]!r} that parts.txt does not name")
            x, y, visible = numbers(words, path)
            if visible:
                points[place[i], column[part]] = x, y
    return points
