"""PASCAL-Part: the objects of PASCAL VOC 2010 with masks of their parts (section 4.5 of the paper)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..images import ImageSet, PerImage
from ..wording import one_line
from .voc import all_hard, listed, photo, read_objects

Array = npt.NDArray[Any]

_URL = "http://roozbehm.info/pascal-parts/pascal-parts.html"
_PHOTOS_URL = "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/"
_HEADER = 128  # bytes of a MAT-file, version 5; then elements of an 8-byte tag (type, length) and data
_COMPRESSED, _MATRIX = 15, 14  # types of elements
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TYPES |= {16: "u1", 17: "u2", 18: "u4"}  # text
_CELL, _STRUCT, _CHAR = 1, 2, 4  # classes of arrays
_ENCODINGS = {1: "utf-8", 2: "utf-16-{}e", 4: "utf-32-{}e"}
_MAX_BYTES = 2**29  # of one file, inflated; the largest of PASCAL-Part has about 2^27

# What table 3 of the paper tells apart in a cow and a horse; as `merge`.
QUADRUPED: Mapping[str, str | None] = {
    **dict.fromkeys(("head", "leye", "reye", "lear", "rear", "muzzle", "lhorn", "rhorn"), "head"),
    **dict.fromkeys(("neck", "torso"), "neck+torso"),
    **dict.fromkeys((f"{side}{end}{half}" for side in "lr" for end in "fb" for half in ("uleg", "lleg")), "leg"),
    **dict.fromkeys(("lfho", "rfho", "lbho", "rbho"), "leg"),  # hooves
    "tail": None,
}

_MOST_NUMBERED = 100  # "window_1", "window_2"...; the data set stays far below
_SIDES = ("frontside", "leftside", "rightside", "backside", "roofside")

# The pieces of all classes under the names of table 4: left and right, front and back, and numbers are dropped, and
# what belongs to a head, an arm or a leg is joined; as `merge`. The sides of cars, buses and trains are their body.
PIECES: Mapping[str, str | None] = {
    **{
        f"{name}_{i}": name
        for name in ("engine", "wheel", "headlight", "door", "window")
        for i in range(_MOST_NUMBERED)
    },
    **dict.fromkeys(("fwheel", "bwheel", "chainwheel"), "wheel"),
    **dict.fromkeys(("lwing", "rwing"), "wing"),
    **dict.fromkeys(("leftmirror", "rightmirror"), "mirror"),
    **dict.fromkeys(("fliplate", "bliplate"), "plate"),
    **dict.fromkeys(_SIDES, "body"),
    **{f"{name}_{i}": "body" for name in ("coach", *(f"c{s}" for s in _SIDES)) for i in range(_MOST_NUMBERED)},
    **dict.fromkeys((f"h{side}" for side in _SIDES), "head"),  # of a train
    **dict.fromkeys(("leye", "reye", "lear", "rear", "lebrow", "rebrow"), "head"),
    **dict.fromkeys(("nose", "mouth", "hair", "beak", "muzzle", "lhorn", "rhorn"), "head"),
    **dict.fromkeys(("torso", "neck"), "torso"),
    **dict.fromkeys((f"{side}{piece}" for side in "lr" for piece in ("uarm", "larm", "hand")), "arm"),
    **dict.fromkeys((f"{side}{piece}" for side in "lr" for piece in ("uleg", "lleg", "leg", "foot")), "leg"),
    **dict.fromkeys(
        (f"{side}{end}{p}" for side in "lr" for end in "fb" for p in ("uleg", "lleg", "leg", "pa", "ho")), "leg"
    ),
}


def pascal_parts(
    root: str | Path,
    cls: str,
    *,
    split: str = "trainval",
    filtered: bool = True,
    merge: Mapping[str, str | None] | None = None,
    others: bool = False,
) -> ImageSet:
    """The photos of one class of PASCAL-Part, with its part masks, which are read one photo at a time on use.

    Args:
        root: the folder that holds ``Annotations_Part`` and either ``VOCdevkit`` (of VOC 2010) or ``JPEGImages``.
            ``Annotations_Part`` may lie in ``VOCdevkit`` or ``VOCdevkit/VOC2010`` too.
        cls: one of VOC's classes, such as ``"cow"``.
        split: the list in ``VOCdevkit/VOC2010/ImageSets/Main``. Where there is no such list, all ``.mat`` files are
            read.
        filtered: leave a photo out when all its objects of the class are difficult or truncated, as the paper does.
            This stands in VOC's XML (``Annotations``); without it no photo is left out.
        merge: name of a part -> another name, which several may share, or None to leave it out; what it does not
            mention keeps its name. ``dff.datasets.QUADRUPED`` gives the parts of the paper's table 3, and ``PIECES``
            those of its table 4: wheel, wing, engine, leg, head...
        others: add the objects of other classes, whole and under the name of their class: the "person" on a motorbike
            in table 4.

    Returns:
        ImageSet whose parts have the names in the files ("head", "lfuleg": left front upper leg). The parts of all
        objects of the class in a photo are joined by name.

    Raises:
        ValueError: a folder or a file is missing or malformed, or there is no photo of that class; the message says
            which, and where to get it. A malformed ``.mat`` file is noticed when it is read.
    """
    root = Path(root).expanduser()
    devkit = root / "VOCdevkit" / "VOC2010"
    annotations = _first([root, root / "VOCdevkit", devkit], "Annotations_Part", _URL)
    photos = _first([devkit, root], "JPEGImages", _PHOTOS_URL)
    names = listed(devkit, cls, split)
    if names is None:
        names = _with_class(annotations, cls)
    if filtered and (photos.parent / "Annotations").is_dir():
        xml = photos.parent / "Annotations"
        names = [name for name in names if not all_hard(read_objects(xml / f"{name}.xml"), cls)]
    if not names:
        raise ValueError(f"no photo of {cls!r} in {str(annotations)!r} that is not left out")
    for name in names:
        if not (annotations / f"{name}.mat").is_file():
            raise ValueError(f"{name}.mat is not in {str(annotations)!r}; get it from {_URL}")
    images = ImageSet.from_files(photo(photos, name) for name in names)
    files = [annotations / f"{Path(name).stem}.mat" for name in images.names]
    arguments = [(file, images.size(i), cls, merge or {}, others) for i, file in enumerate(files)]
    return replace(images, parts=PerImage(arguments, _joined))


def _first(folders: list[Path], name: str, url: str) -> Path:
    for folder in folders:
        if (folder / name).is_dir():
            return folder / name
    looked = ", ".join(repr(str(folder)) for folder in folders)
    raise ValueError(f"no folder {name} in {looked}; get it from {url}")


def _with_class(annotations: Path, cls: str) -> list[str]:
    """The photos in which `cls` is, by reading every file."""
    there = {path.stem: {o.name for o in read_parts(path)} for path in sorted(annotations.glob("*.mat"))}
    found = [name for name, classes in there.items() if cls in classes]
    if not found:
        classes = ", ".join(sorted(set().union(*there.values()))) or "no .mat file at all"
        raise ValueError(f"no photo of {cls!r} in {str(annotations)!r}; there are {classes}")
    return found


def _joined(
    path: Path, size: tuple[int, int], cls: str, merge: Mapping[str, str | None], others: bool
) -> dict[str, npt.NDArray[np.bool_]]:
    masks: dict[str, npt.NDArray[np.bool_]] = {}
    for found in read_parts(path):
        if found.name == cls:
            named = [(merge.get(part, part), mask) for part, mask in found.parts.items()]
        else:
            named = [(found.name, found.mask)] if others else []
        for name, mask in named:
            if mask.shape != size:
                raise ValueError(f"the mask of {name!r} in {path.name} is {mask.shape}; its photo is {size}")
            if name is not None:
                masks[name] = masks[name] | mask if name in masks else mask
    return masks


# ---------------------------------------------------------------------------------------------------------- .mat
@dataclass(frozen=True)
class PartObject:
    """An object in a PASCAL-Part annotation.

    Attributes:
        name: its class.
        mask: (h, w) bool, the whole object.
        parts: part name -> (h, w) bool; empty for a class without parts.
    """

    name: str
    mask: npt.NDArray[np.bool_]
    parts: dict[str, npt.NDArray[np.bool_]]


def read_parts(path: Path) -> list[PartObject]:
    """The objects in a PASCAL-Part ``.mat`` file: ``anno.objects(i)`` with ``class``, ``mask`` and ``parts``.

    Raises:
        ValueError: the file is no MAT-file, truncated, unreasonably large, or of another structure.
    """
    try:
        anno = mat_variables(path)["anno"][0]
        return [
            PartObject(
                _text(found["class"]),
                _mask(found["mask"]),
                {_text(part["part_name"]): _mask(part["mask"]) for part in found["parts"]},
            )
            for found in anno["objects"]
        ]
    except Exception as error:  # a damaged file can fail anywhere; the file is the news
        raise ValueError(f"{path.name} is no annotation of PASCAL-Part that can be read: {one_line(error)}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a name is a {type(value).__name__}")
    return value


def _mask(array: Array) -> npt.NDArray[np.bool_]:
    if array.ndim != 2 or array.dtype.kind not in "bui":
        raise ValueError(f"a mask is {array.shape} of {array.dtype}")
    return np.asarray(array != 0)


# MAT-files are read here and not by scipy: 1.17 reads beyond its memory when they are malformed.
def mat_variables(path: Path) -> dict[str, Any]:
    """The variables of a MAT-file: structs as lists of dicts, cells as lists, text as str, numbers as arrays."""
    data, order = _inflated(path)
    return dict(_matrix(body, order) for kind, body in _elements(data[_HEADER:], order) if kind == _MATRIX)


def _elements(data: bytes, order: Any) -> Iterator[tuple[int, bytes]]:
    """Type and data of each element: a tag of 8 bytes and data up to a multiple of 8, or both in 8 bytes."""
    at = 0
    while at + 8 <= len(data):
        kind, length = (int.from_bytes(data[at + i : at + i + 4], order) for i in (0, 4))
        if kind >> 16:
            yield kind & 0xFFFF, data[at + 4 : at + 8][: kind >> 16]
            at += 8
        else:
            body = data[at + 8 : at + 8 + length]
            if len(body) < length:
                raise ValueError("it is truncated")
            yield kind, body
            at += 8 + length + -length % 8


def _matrix(body: bytes, order: Any) -> tuple[str, Any]:
    """Name and value of an array."""
    if not body:  # MATLAB's []
        return "", np.empty((0, 0), np.uint8)
    elements = _elements(body, order)

    def numbers() -> Array:
        kind, data = next(elements, (0, b""))
        return np.frombuffer(data, np.dtype(_TYPES[kind]).newbyteorder(order))

    cls, shape = int(numbers()[0]) & 0xFF, [int(n) for n in numbers()]
    name = numbers().tobytes().decode()
    if cls == _STRUCT:
        width, text = int(numbers()[0]), numbers().tobytes()
        if math.prod(shape) > len(body):
            raise ValueError(f"a struct of {math.prod(shape)} elements has {len(body)} bytes")
        fields = [text[i : i + width].split(b"\0")[0].decode() for i in range(0, len(text), width)]
        return name, [
            {field: _matrix(next(elements)[1], order)[1] for field in fields} for _ in range(math.prod(shape))
        ]
    if cls == _CELL:
        if math.prod(shape) > len(body):
            raise ValueError(f"a cell array of {math.prod(shape)} has {len(body)} bytes")
        return name, [_matrix(next(elements)[1], order)[1] for _ in range(math.prod(shape))]
    values = numbers()
    if cls == _CHAR:
        return name, values.tobytes().decode(_ENCODINGS[values.itemsize].format(order[0]))
    return name, values.reshape(shape, order="F")


def _inflated(path: Path) -> tuple[bytes, Any]:
    """The file with its compressed elements expanded, none beyond all bounds, and its byte order."""
    data = path.read_bytes()
    if len(data) < _HEADER or not data.startswith(b"MATLAB 5.0"):
        raise ValueError("it is no MAT-file of version 5")
    order: Any = "little" if data[126:128] == b"IM" else "big"
    whole, at = bytearray(data[:_HEADER]), _HEADER
    while at + 8 <= len(data):
        kind, length = (int.from_bytes(data[at + i : at + i + 4], order) for i in (0, 4))
        body = data[at + 8 : at + 8 + length]
        if len(body) < length:
            raise ValueError(f"it is truncated after {len(data):,} bytes")
        if kind == _COMPRESSED:
            stream = zlib.decompressobj()
            whole += stream.decompress(body, _MAX_BYTES - len(whole))
            if stream.unconsumed_tail or len(whole) >= _MAX_BYTES:
                raise ValueError(f"it expands to more than {_MAX_BYTES:,} bytes")
            if not stream.eof:
                raise ValueError("it is truncated")
        else:
            whole += data[at : at + 8 + length]
        at += 8 + length
    return bytes(whole), order
