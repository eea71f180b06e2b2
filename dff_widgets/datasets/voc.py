"""PASCAL VOC: photos with the boxes of their objects (section 4.4 of the paper)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ..images import ImageSet
from ..wording import one_line

_URL = "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/VOCtrainval_06-Nov-2007.tar"
_MAX_XML = 2**20  # bytes; VOC's largest has 11 KB


@dataclass(frozen=True)
class VOCObject:
    """An object in a photo.

    Attributes:
        name: its class.
        box: ``xmin, ymin, xmax, ymax`` in pixels from 0, both ends included.
        difficult, truncated: as tagged; False where there is no tag.
    """

    name: str
    box: tuple[int, int, int, int]
    difficult: bool
    truncated: bool


def voc2007(
    root: str | Path, cls: str | None, *, split: str = "trainval", filtered: bool = True, download: bool = False
) -> ImageSet:
    """The photos of one class of PASCAL VOC 2007, with the boxes of that class.

    Args:
        root: the folder that holds ``VOCdevkit``.
        cls: one of VOC's 20 classes, such as ``"aeroplane"``; or None for all photos of the split with the boxes of
            all their objects, as LOST's protocol has it: then nothing is left out.
        split: ``"trainval"`` (the paper's), ``"train"``, ``"val"`` or ``"test"``.
        filtered: leave a photo out when all its objects of the class are difficult or truncated, as the paper does.
        download: get train and val (450 MB) with torchvision where they are not there.

    Returns:
        ImageSet in the order of VOC's list; its boxes are those of all objects of the class, difficult ones too.

    Raises:
        ValueError: a file is missing or malformed; the message says which, and where to get it.
        ConnectionError: the download failed.
    """
    root = Path(root).expanduser()
    base = root / "VOCdevkit" / "VOC2007"
    if download and not base.is_dir():
        _download(root)
    stems = listed(base, cls, split) if cls is not None else _all_listed(base, split)
    if stems is None:
        raise ValueError(_missing(base, cls, split))
    kept, boxes = [], []
    for stem in stems:
        objects = read_objects(base / "Annotations" / f"{stem}.xml")
        mine = [o for o in objects if cls is None or o.name == cls]
        if not mine and cls is None:
            continue
        if not mine:
            raise ValueError(f"{stem}.xml has no box of a {cls!r}, though VOC's list of that class names it")
        if cls is None or not filtered or not all_hard(objects, cls):
            kept.append(photo(base / "JPEGImages", stem))
            boxes.append(np.array([o.box for o in mine]))
    if not kept:
        raise ValueError(f"all photos of {cls!r} in {split} show only difficult or truncated ones; give filtered=False")
    images = ImageSet.from_files(kept)
    if len(images) < len(kept):  # a photo that cannot be read was left out, with a warning
        boxes = [box for path, box in zip(kept, boxes, strict=True) if path in images.sources]
    return replace(images, boxes=tuple(boxes))


def listed(base: Path, cls: str, split: str) -> list[str] | None:
    """The photos with an object of a class in ``ImageSets/Main``; None where that list is not there."""
    path = base / "ImageSets" / "Main" / f"{cls}_{split}.txt"
    if not path.is_file():
        return None
    lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    for number, words in enumerate(lines, start=1):
        if len(words) != 2 or words[1] not in ("-1", "0", "1") or Path(words[0]).name != words[0] or len(words[0]) > 60:
            raise ValueError(
                f"{path.name}, line {number}, is {' '.join(words)[:40]!r}; expected a photo and -1, 0 or 1"
            )
    return [stem for stem, flag in lines if flag != "-1"]  # 0: only difficult ones


def _all_listed(base: Path, split: str) -> list[str] | None:
    """The photos that some class's list of the split names, whatever is in them; None where there is no such list."""
    lists = sorted((base / "ImageSets" / "Main").glob(f"*_{split}.txt"))
    found = [listed(base, path.name.removesuffix(f"_{split}.txt"), split) or [] for path in lists]
    return sorted({stem for stems in found for stem in stems}) if lists else None


def read_objects(path: Path) -> list[VOCObject]:
    """The objects in a VOC annotation; there may be none.

    Boxes in the file count pixels from 1; some publishers' count from 0, and such a -1 is made 0.

    Raises:
        ValueError: the file is missing, no VOC annotation, or has an object without a name or a proper box.
    """
    if not path.is_file():
        raise ValueError(f"no annotation {path.name} in {str(path.parent)!r}")
    root = _parse(path)
    objects = []
    for number, element in enumerate(root.findall("object"), start=1):
        name = (element.findtext("name") or "").strip()
        try:
            corners = [float(element.findtext(f"bndbox/{key}") or "") for key in ("xmin", "ymin", "xmax", "ymax")]
            xmin, ymin, xmax, ymax = (max(round(corner) - 1, 0) for corner in corners)  # a few files have fractions
            tags = [float(element.findtext(tag) or 0) != 0 for tag in ("difficult", "truncated")]
        except (ValueError, OverflowError):
            raise ValueError(
                f"object {number} in {path.name} has no box of four numbers, or a tag that is no number"
            ) from None
        if not name or xmax < xmin or ymax < ymin or not math.isfinite(sum(corners)):
            raise ValueError(f"object {number} in {path.name} has the name {name!r:.60} and the box {corners}")
        objects.append(VOCObject(name, (xmin, ymin, xmax, ymax), *tags))
    return objects


def _parse(path: Path) -> ElementTree.Element:
    """XML that can only be what it shows: no document type, so no entity that grows when it is read."""
    if path.stat().st_size > _MAX_XML:
        raise ValueError(
            f"{path.name} has {path.stat().st_size:,} bytes; an annotation of VOC has at most {_MAX_XML:,}"
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")  # one known encoding: the next check cannot be hidden in another
        if "<!DOCTYPE" in text:
            raise ValueError("it declares a document type, which VOC's files do not")
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise ValueError(f"{path.name} is no VOC annotation: {one_line(error)}") from None
    if root.tag != "annotation":
        raise ValueError(f"{path.name} is no VOC annotation: its root is <{root.tag[:40]}>")
    return root


def all_hard(objects: Sequence[VOCObject], cls: str) -> bool:
    """Whether the paper leaves the photo out: it has objects of that class, and each is difficult or truncated."""
    hard = [o.difficult or o.truncated for o in objects if o.name == cls]
    return bool(hard) and all(hard)


def photo(folder: Path, stem: str) -> Path:
    """The JPEG of that name.

    Raises:
        ValueError: it is not there.
    """
    path = folder / f"{stem}.jpg"
    if not path.is_file():
        raise ValueError(f"the photo {path.name} is not in {str(folder)!r}; unpack VOC's archive again")
    return path


def _missing(base: Path, cls: str | None, split: str) -> str:
    lists = base / "ImageSets" / "Main"
    classes = sorted(p.name.removesuffix(f"_{split}.txt") for p in lists.glob(f"*_{split}.txt"))
    if classes:
        return f"no list {cls}_{split}.txt in {str(lists)!r}; there are {', '.join(classes)}"
    return (
        f"no lists of {split} in {str(lists)!r}: root must be the folder that holds VOCdevkit; unpack {_URL} there, "
        "or give download=True"
    )


def _download(root: Path) -> None:
    from torchvision.datasets import VOCDetection

    root.mkdir(parents=True, exist_ok=True)
    try:
        VOCDetection(str(root), year="2007", image_set="trainval", download=True)
    except (OSError, RuntimeError) as error:  # no network; a file that does not have the expected checksum
        raise ConnectionError(
            f"VOC 2007 cannot be downloaded to {str(root)!r} ({type(error).__name__}: {error}); unpack {_URL} there"
        ) from error
