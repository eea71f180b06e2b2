"""The ground truth of images that are open: part masks from label maps, COCO, labelme or YOLO, found by their names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..images import ImageSet, PerImage, is_file, paths, stems
from ..wording import one_line
from ._masks import check_sizes, read_label_map, read_masks
from .coco_parts import CocoFile, joined, read_coco
from .labelme import drawn, read_shapes
from .yolo import read_names, yolo_masks

Mask = npt.NDArray[np.bool_]
Parts = PerImage[dict[str, Mask]]


def part_masks(images: ImageSet, path: str | Path) -> Parts:
    """The part masks of images, in whichever of these formats they are; read one image at a time on use.

    - label maps: a folder of PNG files named after the images, with what their values mean in `to_png`'s
      ``labels.json`` or Pascal VOC's ``labelmap.txt``, if that is there; or a folder of such masks for each part;
    - COCO: a JSON file with polygons or run lengths;
    - labelme: a folder of JSON files;
    - YOLO segmentation: a folder with ``labels`` and ``data.yaml``, or of text files alone.

    An image is found by where it lies, by its name, or by that without its suffix. One that is not found has no ground
    truth.

    Args:
        images: of which they are; none is decoded.
        path: the file or folder.

    Raises:
        ValueError: there is nothing of these formats, something in it is malformed or of another size than its image,
            or it is of other images. What is wrong with a mask is said when it is read.

    >>> import dff_widgets as dff
    >>> dff.datasets.part_masks(dff.datasets.creatures(n=1, size=32), "nowhere")
    Traceback (most recent call last):
    ValueError: no file or folder at 'nowhere'
    """
    place = Path(path).expanduser()
    names = _Names(images)
    if is_file(place):
        if place.suffix.lower() != ".json":
            raise ValueError(f"{place.name} is no COCO file (.json); give that, or the folder of the masks")
        return _coco(images, names, read_coco(place))
    if not place.is_dir():
        raise ValueError(f"no file or folder at {str(path)!r}")
    for reader in (_yolo, _labelme, _label_maps):
        found = reader(images, names, place)
        if found is not None:
            return found
    inside = sorted(child.name for child in place.iterdir() if child.is_dir() and not child.name.startswith("."))
    hint = f"; it has the folders {', '.join(map(one_line, inside[:5]))}" if inside else ""
    raise ValueError(f"no masks (PNG), labelme files (JSON) or YOLO labels (TXT) in {str(path)!r}{hint}")


class _Names:
    """Which image is meant by a name that stands in annotations.

    Args:
        images: of which it is one.
    """

    def __init__(self, images: ImageSet) -> None:
        self._images = images
        self._at: dict[str, int | None] = {}  # None: it would be more than one
        whole = [paths(images), list(images.names)]
        short = [[_stem(name) for name in one] for one in whole]
        for names in (*whole, *short, stems(images), [Path(name).name for name in whole[0]]):
            here: dict[str, int | None] = {}
            for i, name in enumerate(names):
                here[name] = None if name in here else i
            self._at = {**here, **self._at}

    def find(self, name: str) -> int | None:
        """Its index, or None."""
        plain = name.replace("\\", "/")
        for text in (plain, _stem(plain), plain.rpartition("/")[2], _stem(plain.rpartition("/")[2])):
            if (at := self._at.get(text)) is not None:
                return at
        return None

    def sort(self, found: Mapping[str, Any], where: str) -> dict[int, str]:
        """Index of the image -> the name that it has there.

        Raises:
            ValueError: no name is of an image, or two are of one.
        """
        mine: dict[int, str] = {}
        for name in found:
            at = self.find(name)
            if at is None:
                continue
            if at in mine:
                raise ValueError(f"{one_line(mine[at])} and {one_line(name)} in {where} are of one image")
            mine[at] = name
        if not mine:
            some = ", ".join(one_line(name) for name in list(found)[:3]) or "nothing"
            raise ValueError(f"{where} is of other images: it has {some}; these are {_some(self._images.names)}")
        return mine


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(one_line, names[:3])) + (", …" if len(names) > 3 else "")


def _each(images: ImageSet, mine: Mapping[int, Any], read: Callable[..., dict[str, Mask]]) -> Parts:
    """`read` of the arguments of each image that has some."""
    return PerImage([(read, mine.get(i)) for i in range(len(images))], _read_one)


def _read_one(read: Callable[..., dict[str, Mask]], arguments: tuple[Any, ...] | None) -> dict[str, Mask]:
    return {} if arguments is None else read(*arguments)


# ---------------------------------------------------------------------------------------------------- each format
def _coco(images: ImageSet, names: _Names, file: CocoFile) -> Parts:
    found = {}
    for i, name in names.sort(file.images, file.name).items():
        entry = file.images[name]
        _check(name, entry.size, images.size(i))
        found[i] = (name, entry.size, entry.segmentations)
    return _each(images, found, joined)


def _labelme(images: ImageSet, names: _Names, folder: Path) -> Parts | None:
    files = {file.name: file for file in sorted(folder.glob("*.json")) if file.name != "labels.json"}
    if not files:
        return None
    found = {}
    for i, name in names.sort(files, f"{str(folder)!r}").items():
        annotation, size = read_shapes(files[name])
        if size is not None:
            _check(name, size, images.size(i))
        found[i] = (annotation, images.size(i))
    return _each(images, found, drawn)


def _yolo(images: ImageSet, names: _Names, folder: Path) -> Parts | None:
    base = folder / "labels" if (folder / "labels").is_dir() else folder
    several = {file.relative_to(base).as_posix(): file for file in sorted(base.rglob("*.txt"))}
    outside = ("classes.txt", "labelmap.txt", "train.txt", "val.txt", "test.txt")
    files = {name: file for name, file in several.items() if file.name not in outside and "ImageSets" not in file.parts}
    if not files:
        return None
    classes = read_names(folder)
    mine = names.sort(files, f"{str(folder)!r}")
    return _each(images, {i: (files[name], images.size(i), classes) for i, name in mine.items()}, yolo_masks)


def _label_maps(images: ImageSet, names: _Names, folder: Path) -> Parts | None:
    inside = folder / "SegmentationClass"
    maps = sorted((inside if inside.is_dir() else folder).glob("*.png"))
    if maps:
        values = _values(folder)
        files = {file.name: file for file in maps}
        mine = names.sort(files, f"{str(folder)!r}")
        check_sizes(images, [[files[mine[i]]] if i in mine else [] for i in range(len(images))])
        return _each(images, {i: (files[name], values) for i, name in mine.items()}, read_label_map)
    parts = [child for child in sorted(folder.iterdir()) if child.is_dir() and any(child.glob("*.png"))]
    if not parts:
        return None
    found: dict[int, dict[str, Path]] = {}
    for part in parts:
        files = {file.name: file for file in sorted(part.glob("*.png"))}
        for i, name in names.sort(files, f"{str(part)!r}").items():
            found.setdefault(i, {})[part.name] = files[name]
    check_sizes(images, [list(found.get(i, {}).values()) for i in range(len(images))])
    return _each(images, {i: (files,) for i, files in found.items()}, read_masks)


def _values(folder: Path) -> dict[int, str | None] | None:
    """Value in a label map -> the part's name, where a file beside the maps says so."""
    for name, read in (("labels.json", _of_ours), ("labelmap.txt", _of_voc)):
        file = folder / name
        if is_file(file):
            try:
                return read(file.read_text(encoding="utf-8"))
            except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
                raise ValueError(f"{name} in {str(folder)!r} is no table of classes: {one_line(error)}") from None
    return None


def _of_ours(text: str) -> dict[int, str | None]:
    classes = json.loads(text)["classes"]
    found: dict[int, str | None] = {int(one["index"]): str(one["name"]) for one in classes}
    return {index: name if index else None for index, name in found.items()}


def _of_voc(text: str) -> dict[int, str | None]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    names = [line.partition(":")[0] for line in lines]
    found: dict[int, str | None] = {n: None if name == "background" else name for n, name in enumerate(names)}
    return found | {255: None}  # pixels that are not looked at


def _check(name: str, said: tuple[int, int], size: tuple[int, int]) -> None:
    if tuple(said) != tuple(size):
        raise ValueError(f"{one_line(name)} is {one_line(said)} there; the image is {size}")
