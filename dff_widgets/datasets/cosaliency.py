"""Folders of groups of photos with the object's masks, as MSRC, iCoseg, CoSal2015 and CoCA are laid out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..images import ImageSet, PerImage
from ._masks import OBJECT, read_object

_PHOTOS = ("image", "images", "img", "imgs", "jpegimages")
_MASKS = ("binary", "gt", "groundtruth", "ground_truth", "mask", "masks")


def cosaliency(root: str | Path, name: str) -> ImageSet:
    """One group of photos of a co-saliency or co-segmentation data set, with the masks of its object.

    Args:
        root: the folder that holds one of photos (``image``, ``Images``, ``img``...) and one of masks (``binary``,
            ``gt``, ``GroundTruth``, ``masks``...), both with a folder for each group.
        name: the group's folder.

    Returns:
        ImageSet whose part is ``"object"``: the brighter half of each mask's grey values.

    Raises:
        ValueError: a folder, the group or a mask is missing; the message says what is there. A malformed mask is
            noticed when it is read.
    """
    base = Path(root).expanduser()
    photos, masks = _folder(base, _PHOTOS, "photos"), _folder(base, _MASKS, "masks")
    groups = sorted(p.name for p in photos.iterdir() if p.is_dir())
    if name not in groups:
        raise ValueError(f"no group {name!r} in {str(photos)!r}; there are {', '.join(groups[:20]) or 'none'}")
    images = ImageSet.from_folder(photos / name)
    files = [masks / name / f"{Path(photo).stem}.png" for photo in images.names]
    if missing := [file.name for file in files if not file.is_file()]:
        raise ValueError(f"{len(missing)} masks, such as {missing[0]}, are missing in {str(masks / name)!r}")
    return replace(images, parts=PerImage([(file, images.size(i)) for i, file in enumerate(files)], _object))


def _object(path: Path, size: tuple[int, int]) -> dict[str, np.ndarray]:
    return {OBJECT: read_object(path, size)}


def _folder(base: Path, names: tuple[str, ...], what: str) -> Path:
    inside = sorted(p for p in base.iterdir() if p.is_dir()) if base.is_dir() else []
    found = [p for p in inside if p.name.lower() in names]
    if not found:
        there = ", ".join(p.name for p in inside[:10]) or "no folder at all"
        raise ValueError(f"no folder of {what} in {str(base)!r}, such as {names[0]!r}; there is {there}")
    return found[0]
