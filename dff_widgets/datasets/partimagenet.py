"""PartImageNet: photos of ImageNet with part masks (He et al. 2022)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..images import SUFFIXES, ImageSet
from ._masks import masks_from

_URL = "https://github.com/TACJu/PartImageNet"
_KINDS = {
    "Quadruped": ("head", "body", "foot", "tail"),
    "Biped": ("head", "body", "hand", "foot", "tail"),
    "Fish": ("head", "body", "fin", "tail"),
    "Bird": ("head", "body", "wing", "foot", "tail"),
    "Snake": ("head", "body"),
    "Reptile": ("head", "body", "foot", "tail"),
    "Car": ("body", "tire", "side mirror"),
    "Bicycle": ("head", "body", "seat", "tire"),
    "Boat": ("body", "sail"),
    "Aeroplane": ("head", "body", "wing", "engine", "tail"),
    "Bottle": ("body", "mouth"),
}
_PARTS = [part for parts in _KINDS.values() for part in parts]
_LABELS = {**dict(enumerate(_PARTS)), len(_PARTS): None}  # 40 is the background


def partimagenet(root: str | Path, synset: str, *, split: str = "val") -> ImageSet:
    """The photos of one class of PartImageNet (segmentation), with their part masks, read one photo at a time on use.

    Args:
        root: the folder that holds ``images/<split>`` and ``annotations/<split>``, with ``<synset>_<number>.JPEG`` and
            ``.png`` of the same name, in it or in a folder of the synset.
        synset: the class, such as ``"n02100583"``.
        split: ``"train"``, ``"val"`` or ``"test"``.

    Returns:
        ImageSet whose parts are named without their kind: "head", "body", "wing"...

    Raises:
        ValueError: a folder or mask is missing, or there is no photo of that class; a malformed mask when it is read.
    """
    base = Path(root).expanduser()
    photos, masks = base / "images" / split, base / "annotations" / split
    for folder in (photos, masks):
        if not folder.is_dir():
            raise ValueError(f"no folder {folder.parent.name}/{split} in {str(base)!r}; get it from {_URL}")
    nested = (photos / synset).is_dir() and Path(synset).name == synset
    at = photos / synset if nested else photos
    files = [p for p in sorted(at.iterdir()) if p.suffix.lower() in SUFFIXES and p.name.startswith(f"{synset}_")]
    if not files:
        there = sorted({p.name.partition("_")[0] for p in photos.iterdir()})[:10]
        raise ValueError(f"no photo of {synset!r} in {str(photos)!r}; there are {', '.join(there) or 'none'}")
    images = ImageSet.from_files(files)
    return replace(images, parts=masks_from(masks / synset if nested else masks, images, _LABELS, flat=True))
