"""labelme: a JSON file of polygons for each image, to be corrected point by point."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ..images import Source, stems
from ..storage import write_files
from .folders import open_folder, photo
from .outlines import polygons
from .regions import Array, Choices, Labels, Progress, Regions, as_json, each

if TYPE_CHECKING:
    from ..result import DFFResult

_VERSION = "5.5.0"  # of labelme, whose keys these are


def to_labelme(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    photos: bool = False,
    overwrite: bool = False,
    progress: Progress | bool = False,
    **choices: Unpack[Choices],
) -> list[Path]:
    """Write ``<image>.json`` for each image, as labelme does: open the folder in labelme, and correct the polygons.

    A hole is cut in through a bridge inside the mask. Each piece of a mask is a polygon, and those of one class are a
    group. What labelme draws of them is the mask. An image that is a file stays where it is, and is found from the
    folder; another one goes into the JSON.

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
    folder = open_folder(path, overwrite=overwrite)
    names = stems(result.images)

    def files() -> Iterator[tuple[Path, Iterable[bytes]]]:
        for i in each(regions.images, progress):
            source, (height, width) = result.images.sources[i], result.sizes[i]
            if photos:
                suffix, content = photo(source)
                yield folder / f"{names[i]}{suffix}", [content]
                place: tuple[str, str | None] = f"{names[i]}{suffix}", None
            else:
                place = _place(source, names[i], folder)
            shapes = [
                shape
                for c, one in zip(regions.classes, regions.strength(i), strict=True)
                for shape in _shapes(c.title, one > 0, c.factors[0])
            ]
            annotation: dict[str, Any] = {
                "version": _VERSION,
                "flags": {},
                "shapes": shapes,
                "imagePath": place[0],
                "imageData": place[1],
                "imageHeight": height,
                "imageWidth": width,
            }
            yield folder / f"{names[i]}.json", [as_json(annotation)]

    return write_files(files())


def _shapes(title: str, mask: Array, group: int) -> Iterator[dict[str, Any]]:
    pieces = polygons(mask)
    for piece in pieces:
        yield {
            "label": title,
            "points": piece.tolist(),
            "group_id": group if len(pieces) > 1 else None,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }


def _place(source: Source, name: str, folder: Path) -> tuple[str, str | None]:
    """Where an image is, seen from the folder, or itself as text."""
    if isinstance(source, Path):
        try:
            return Path(os.path.relpath(source.absolute(), folder.absolute())).as_posix(), None
        except ValueError:  # on another drive
            return source.absolute().as_posix(), None
    suffix, content = photo(source)
    return f"{name}{suffix}", base64.b64encode(content).decode("ascii")
