"""Clothing Co-Parsing (CCP): photos of people with a mask for each garment (Yang et al. 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..images import ImageSet, PerImage
from ..wording import one_line
from .pascal_parts import mat_variables

_URL = "https://github.com/bearpaw/clothing-co-parsing"
_NOTHING = "null"  # CCP's name of the background


def clothing(root: str | Path, *, n: int | None = None) -> ImageSet:
    """The photos of Clothing Co-Parsing that have pixel-level annotations, whose masks are read on use.

    Args:
        root: the folder that holds ``photos``, ``annotations/pixel-level`` and ``label_list.mat``.
        n: the first n only.

    Returns:
        ImageSet whose parts are the labels but ``null``: "hair", "skin", "shirt"...

    Raises:
        ValueError: a folder or file is missing, or the list of labels malformed; a malformed mask when it is read.
    """
    base = Path(root).expanduser()
    masks, photos = base / "annotations" / "pixel-level", base / "photos"
    for folder in (masks, photos):
        if not folder.is_dir():
            raise ValueError(f"no folder {folder.relative_to(base)} in {str(base)!r}; get it from {_URL}")
    files = sorted(masks.glob("*.mat"))[:n]
    if not files:
        raise ValueError(f"no .mat file in {str(masks)!r}; get them from {_URL}")
    labels = _labels(base / "label_list.mat")
    paths = [photos / f"{file.stem}.jpg" for file in files]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise ValueError(f"the photo {missing[0]} is not in {str(photos)!r}")
    images = ImageSet.from_files(paths)
    chosen = [masks / f"{Path(name).stem}.mat" for name in images.names]
    return replace(images, parts=PerImage([(f, images.size(i), labels) for i, f in enumerate(chosen)], _parts))


def _labels(path: Path) -> dict[int, str]:
    if not path.is_file():
        raise ValueError(f"no label_list.mat in {str(path.parent)!r}; get it from {_URL}")
    try:
        names = mat_variables(path)["label_list"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"label_list is a {type(names).__name__}")
        return dict(enumerate(names))
    except Exception as error:  # a damaged file can fail anywhere; the file is the news
        raise ValueError(f"{path.name} is no list of labels that can be read: {one_line(error)}") from error


def _parts(path: Path, size: tuple[int, int], labels: Mapping[int, str]) -> dict[str, npt.NDArray[np.bool_]]:
    try:
        truth: Any = mat_variables(path)["groundtruth"]
        found = np.asarray(truth)
        if found.ndim != 2 or found.dtype.kind not in "ui" or found.shape != tuple(size):
            raise ValueError(f"groundtruth is {found.shape} of {found.dtype}; its photo is {tuple(size)}")
        values = np.unique(found).tolist()
        if unknown := [v for v in values if v not in labels]:
            raise ValueError(f"it has the value {unknown[0]}, which label_list.mat does not name")
    except Exception as error:  # see _labels
        raise ValueError(f"{path.name} is no annotation of CCP that can be read: {one_line(error)}") from error
    return {labels[v]: found == v for v in values if labels[v] != _NOTHING}
