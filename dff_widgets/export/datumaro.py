"""Datumaro's own JSON, from which its tools convert to many formats more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ..images import stems
from ..storage import write_files
from .coco import run_lengths
from .folders import open_folder, photo, suffix_of
from .regions import Choices, Labels, PartClass, Progress, Regions, about, as_json, each

if TYPE_CHECKING:
    from ..result import DFFResult

_SUBSET = "default"
_IMAGE = 2  # Datumaro's number for a data set of images


def to_datumaro(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    photos: bool = False,
    overwrite: bool = False,
    progress: Progress | bool = False,
    **choices: Unpack[Choices],
) -> list[Path]:
    """Write a data set of Datumaro: ``annotations/default.json``, with a mask for each image and class that is in it.

    ``datum convert -i <path> -if datumaro -f <format>`` makes other formats of it. Masks have their holes and all their
    pieces; those of different classes may overlap. An annotation has the mean heat inside as its attribute ``score``
    (0..1).

    Args:
        result: the factors, and the images.
        path: a folder; it is made if its parent is there.
        labels: factor -> the names of its parts, as from `assign`. None makes each factor a class, ``"factor 0"`` etc.
            Factors with the same names share a class.
        photos: whether the images go along; else they are expected where the format looks for them.
        overwrite: whether the folder may hold files already; those that are not written anew stay.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the export.
        choices: which masks these are, and of which images; see `Choices`.

    Returns:
        The files that were written.

    Raises:
        ValueError: no factor has a name, a label is of a factor that is not there, or another argument is something
            else.
        FileExistsError: the folder holds something, and may not.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    regions = Regions(result, labels, **choices)
    inside = ("annotations", f"images/{_SUBSET}")
    folder = open_folder(path, inside, overwrite=overwrite)
    names = stems(result.images)

    def annotations(i: int) -> Iterator[dict[str, Any]]:
        for c, strength in enumerate(regions.strength(i)):
            if strength.any():
                mask = strength > 0
                yield {
                    "id": c,
                    "type": "mask",
                    "attributes": {"score": round(float(strength[mask].mean()), 6)},
                    "group": 0,
                    "label_id": c,
                    "rle": {"counts": run_lengths(mask), "size": list(mask.shape)},
                    "z_order": 0,
                }

    def items() -> Iterator[bytes]:  # one image's masks are held at a time
        yield as_json(_head(about(result), regions.classes))[:-1] + b',"items":['
        for done, i in enumerate(each(regions.images, progress)):
            image = {"path": names[i] + suffix_of(result.images.sources[i]), "size": list(result.sizes[i])}
            item = {"id": names[i], "annotations": list(annotations(i)), "image": image}
            yield (b",\n" if done else b"\n") + as_json(item)
        yield b"\n]}\n"

    def files() -> Iterator[tuple[Path, Iterable[bytes]]]:
        yield folder / "annotations" / f"{_SUBSET}.json", items()
        for i in regions.images if photos else ():
            suffix, content = photo(result.images.sources[i])
            yield folder / "images" / _SUBSET / f"{names[i]}{suffix}", [content]

    return write_files(files())


def _head(said: str, classes: Sequence[PartClass]) -> dict[str, Any]:
    names = [{"name": c.title, "parent": "", "attributes": []} for c in classes]
    ink = [[int(c.color[at : at + 2], 16) for at in (1, 3, 5)] for c in classes]
    colors = [{"label_id": n, "r": r, "g": g, "b": b} for n, (r, g, b) in enumerate(ink)]
    return {
        "dm_format_version": "1.0",
        "media_type": _IMAGE,
        "infos": {"description": said},
        "categories": {
            "label": {"labels": names, "label_groups": [], "attributes": ["score"]},
            "mask": {"colormap": colors},
        },
    }
