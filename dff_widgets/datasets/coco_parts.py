"""Part masks in COCO's JSON, as PartImageNet and PACO ship them."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..images import ImageSet, PerImage, is_file
from ..wording import one_line

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CocoImage:
    """What a file says of one image.

    Attributes:
        size: (h, w).
        segmentations: the part and the mask of each annotation.
    """

    size: tuple[int, int]
    segmentations: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class CocoFile:
    """What a file says.

    Attributes:
        name: of the file.
        images: by ``file_name``.
        count: of the entries of images, which may name one file twice.
    """

    name: str
    images: Mapping[str, CocoImage]
    count: int


def coco_parts(json: str | Path, images: str | Path, *, only: str = "*") -> ImageSet:
    """The images of a COCO file that show certain parts, with their masks, which are made one image at a time on use.

    Args:
        json: the annotation file: ``images``, ``categories`` (the parts), ``annotations`` with polygons or run lengths.
        images: the folder below which its ``file_name``s lie. Where they name no folder, as in PartImageNet, one
            named after the class (what stands before ``_``) is looked into too.
        only: which categories, with ``*`` for any characters: ``"Quadruped *"`` in PartImageNet, ``"dog:*"`` in PACO.

    Returns:
        ImageSet of the images with at least one such annotation, in the order of the file; its parts are named after
        the categories, and those of several objects are joined.

    Raises:
        ValueError: a file is missing, or of another structure; no category fits. What is wrong with a mask is said
            when it is read.
    """
    path, folder = Path(json).expanduser(), Path(images).expanduser()
    file = read_coco(path, only=only)
    places = {name: _find(folder, name) for name in file.images}
    if missing := [name for name, place in places.items() if place is None]:
        raise ValueError(f"{len(missing)} of {len(places)} images are not in {str(folder)!r}: {_some(missing)}")
    name_of = {place: name for name, place in places.items() if place is not None}
    if len(name_of) < file.count:
        raise ValueError(f"{path.name} has {file.count} images with such parts, but they are {len(name_of)} files")
    found = ImageSet.from_files(name_of)
    arguments = []
    for i, source in enumerate(found.sources):
        name = name_of[Path(str(source))]
        entry = file.images[name]
        if entry.size != found.size(i):
            raise ValueError(
                f"{path.name} says that {one_line(name)} is {one_line(entry.size)}; the image is {found.size(i)}"
            )
        arguments.append((name, entry.size, entry.segmentations))
    return replace(found, parts=PerImage(arguments, joined))


def read_coco(path: Path, *, only: str = "*") -> CocoFile:
    """The images of a COCO file that show certain parts; masks are not made yet.

    Raises:
        ValueError: it is missing, or of another structure; no category fits.
    """
    content = _read(path)
    try:
        names = {int(c["id"]): str(c["name"]) for c in content["categories"]}
        wanted = {number for number, name in names.items() if fnmatchcase(name, only)}
        annotations: dict[int, list[tuple[str, Any]]] = {}
        for a in content["annotations"]:
            part = int(a["category_id"])
            if part in wanted:
                annotations.setdefault(int(a["image_id"]), []).append((names[part], a["segmentation"]))
        entries = [entry for entry in content["images"] if int(entry["id"]) in annotations]
        images = {
            str(entry["file_name"]): CocoImage(
                (int(entry["height"]), int(entry["width"])), tuple(annotations[int(entry["id"])])
            )
            for entry in entries
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path.name} is no COCO file: {type(error).__name__} {one_line(error)}") from None
    if not images:
        raise ValueError(f"{path.name} has no annotation of {only!r}; its parts are {_some(sorted(names.values()))}")
    return CocoFile(path.name, images, len(entries))


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"no COCO file at {str(path)!r}")
    try:
        content = jsonlib.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is no JSON: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} is no COCO file: it holds a {type(content).__name__}, not an object")
    return content


def _find(folder: Path, name: str) -> Path | None:
    plain = Path(name).name
    for place in (folder / name, folder / plain.split("_")[0] / plain, folder / plain):
        if is_file(place):
            return place
    return None


def joined(image: str, size: tuple[int, int], annotations: Sequence[tuple[str, Any]]) -> dict[str, Mask]:
    """By part its mask in an image of this (h, w).

    Raises:
        ValueError: a segmentation is malformed.
    """
    masks: dict[str, Mask] = {}
    for part, segmentation in annotations:
        try:
            mask = decode(segmentation, size)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ValueError(f"the mask of {part!r:.60} in {one_line(image)} is malformed: {one_line(error)}") from None
        masks[part] = masks[part] | mask if part in masks else mask
    return masks


def decode(segmentation: Any, size: tuple[int, int]) -> Mask:
    """A COCO segmentation as a mask.

    Run lengths are decoded here and not by pycocotools: 2.0.11 writes beyond its memory when they are malformed.

    Args:
        segmentation: a list of polygons ``[x, y, x, y, ...]``, or ``{"size": [h, w], "counts": ...}`` with run
            lengths, as a list or in COCO's characters.
        size: (h, w) of the image in pixels.

    Returns:
        (h, w) bool.

    Raises:
        ValueError, TypeError, KeyError: it is something else, or does not fit the size.
    """
    if isinstance(segmentation, list):
        return _polygons(segmentation, size)
    if list(segmentation["size"]) != list(size):
        raise ValueError(f"its size is {segmentation['size']}, and the image is {list(size)}")
    counts = segmentation["counts"]
    runs = _characters(counts) if isinstance(counts, str) else [int(run) for run in counts]
    if min(runs, default=0) < 0 or sum(runs) != size[0] * size[1]:
        raise ValueError(f"its runs cover {sum(runs)} of {size[0] * size[1]} pixels")
    inside = np.arange(len(runs)) % 2 == 1  # the first run is outside
    return np.asarray(np.repeat(inside, runs).reshape(size[::-1]).T)  # column by column


def _characters(text: str) -> list[int]:
    """COCO's run lengths: numbers in 5 bits a character, counted from "0", low bits first.

    Bit 6 says that more follow, and bit 5 of the last character is the sign. From the fourth number on, each is the
    difference from the run before the last.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError(f"its run lengths have the character {character!r} where none belongs")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("its run lengths end in the middle of one")
    return runs


def _polygons(polygons: list[Any], size: tuple[int, int]) -> Mask:
    try:
        from pycocotools import mask as coco
    except ImportError:
        raise ImportError("masks of polygons need pycocotools: pip install pycocotools") from None
    h, w = size
    for polygon in polygons:
        points = np.asarray(polygon, dtype=np.float64)
        if points.ndim != 1 or len(points) < 6 or len(points) % 2:
            raise ValueError(f"a polygon has {points.size} numbers; give x, y of at least three points")
        # pycocotools walks along every edge: one that ends far away would take all time and memory
        if not np.isfinite(points).all() or np.abs(points).max() > 2 * max(h, w):
            raise ValueError("a polygon has a point far outside the image")
    if not polygons:
        return np.zeros(size, dtype=bool)
    joined = coco.merge(coco.frPyObjects(polygons, h, w))
    return decode({"size": joined["size"], "counts": joined["counts"].decode("ascii")}, size)


def _some(names: Sequence[str]) -> str:
    return ", ".join(f"{name:.60}" for name in map(one_line, names[:8])) + (
        f"... ({len(names)} in all)" if len(names) > 8 else ""
    )
