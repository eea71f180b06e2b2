"""CMU-Cornell iCoseg: 38 sets of photos of one object each, with its mask (section 4.3 of the paper)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..images import ImageSet
from ._masks import masks_from

_URL = "http://chenlab.ece.cornell.edu/projects/touch-coseg/CMU_Cornell_iCoseg_dataset.zip"
_INSIDE = ("", "dataset_public", "CMU_Cornell_iCoseg_dataset/dataset_public")  # of the archive


def icoseg(
    root: str | Path, name: str, *, parts: str | Path | None = None, labels: Mapping[int, str | None] | None = None
) -> ImageSet:
    """One set of iCoseg, with the object's masks, or with part masks where you have them.

    Args:
        root: the unpacked archive: the folder that holds ``images/<set>`` and ``ground_truth/<set>``. A folder that
            holds ``<set>`` itself will do too, without masks.
        name: the set's folder, or enough of its name to tell it from the others: ``"Elephants"``.
        parts: a folder of part masks of that set, laid out as `folder` takes them (the paper's own are no longer
            online).
        labels: the names of the values in `parts`; see `folder`.

    Returns:
        ImageSet whose parts are those in `parts`; else ``"object"``; else None.

    Raises:
        ValueError: the set is not there, or several fit; or as `folder`.
    """
    root = Path(root).expanduser()
    base = next((root / inside for inside in _INSIDE if (root / inside / "images").is_dir()), None)
    at = _find((base / "images") if base else root, name)
    images = ImageSet.from_folder(at)
    if parts is not None:
        if not Path(parts).expanduser().is_dir():
            raise ValueError(f"no folder of part masks at {str(parts)!r}")
        return replace(images, parts=masks_from(Path(parts).expanduser(), images, labels))
    truth = base / "ground_truth" / at.name if base else None
    if truth is None or not truth.is_dir():
        return images
    return replace(images, parts=masks_from(truth, images, binary=True))


def _find(folder: Path, name: str) -> Path:
    """The set's folder."""
    sets = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    exact = [p for p in sets if p.name == name]
    found = exact or [p for p in sets if name.lower() in p.name.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{len(found)} sets of iCoseg fit {name!r}: {', '.join(p.name for p in found)}; give one of them"
        )
    there = f"there are {', '.join(p.name for p in sets)}" if sets else f"get the photos from {_URL}"
    raise ValueError(f"no set {name!r} of iCoseg in {str(folder)!r}; {there}")
