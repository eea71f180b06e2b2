"""Label maps: one PNG file an image, whose pixel values are classes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..images import DAMAGE, safe_names
from ..storage import write_files
from .regions import Array, Choices, Labels, Progress, Regions, about, as_json, each

if TYPE_CHECKING:
    from ..result import DFFResult

_MARK = "dff-widgets"  # in every file written here: only such files are replaced
_INDEX = "labels.json"
_MOST_CLASSES = 255  # of a palette, beside the background
_NOT_READ: tuple[type[Exception], ...] = (*DAMAGE, RecursionError, Image.DecompressionBombError)


def to_png(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | bool = False,
    **choices: Unpack[Choices],
) -> list[Path]:
    """Write one palette PNG per image, with the classes as pixel values, and ``labels.json``.

    A pixel is 0 (background) or the index of its class; where masks overlap, the strongest heat map wins. The files are
    named after the images; ``labels.json`` says which is which: ``classes`` (index, name, color, parts, factors) and
    ``images`` (file, name, width, height).

    Args:
        result: the factors, and the images.
        path: a folder; it is made if its parent is there. Other files in it stay.
        labels: factor -> the names of its parts, as from `assign`. None makes each factor a class, ``"factor 0"`` etc.
            Factors with the same names share a class.
        overwrite: whether files that are there and were not written by this function are replaced.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the export.
        choices: which masks these are, and of which images; see `Choices`.

    Returns:
        The files that were written.

    Raises:
        ValueError: no factor has a name, there are more than 255 classes, a label is of a factor that is not there, or
            another argument is something else.
        FileExistsError: a file of that name is there and was not written by this function; nothing is written.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    regions = Regions(result, labels, **choices)
    if len(regions.classes) > _MOST_CLASSES:
        raise ValueError(f"there are {len(regions.classes)} classes; a label map has at most {_MOST_CLASSES}")
    folder = Path(path).expanduser()
    files = [f"{name}.png" for name in safe_names(result.images.names)]
    _make_folder(folder, [files[i] for i in regions.images], overwrite=overwrite)
    ink = [0, 0, 0, *(int(c.color[at : at + 2], 16) for c in regions.classes for at in (1, 3, 5))]
    classes = [{"index": 0, "name": "background", "color": "#000000", "parts": [], "factors": []}]
    for index, c in enumerate(regions.classes, start=1):
        classes.append({"index": index, "name": c.title, "color": c.color, "parts": c.parts, "factors": c.factors})
    images = [
        {"file": files[i], "name": result.images.names[i], "width": result.sizes[i][1], "height": result.sizes[i][0]}
        for i in regions.images
    ]
    index_file = {"software": _MARK, "description": about(result), "classes": classes, "images": images}
    maps = ((folder / files[i], [_png(regions.label_map(i), ink)]) for i in each(regions.images, progress))
    return write_files(chain(maps, [(folder / _INDEX, [as_json(index_file)])]))


def _make_folder(folder: Path, files: Iterable[str], *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is a file; give a folder")
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"no folder at {str(folder.parent)!r}: make it before saving there")
    folder.mkdir(exist_ok=True)
    for file in (*files, _INDEX):
        if not overwrite and (folder / file).exists() and not _is_ours(folder / file):
            raise FileExistsError(
                f"{str(folder / file)!r} is no label map of an earlier export; give an empty folder, or overwrite=True"
            )


def _is_ours(path: Path) -> bool:
    try:
        if path.name == _INDEX:
            content = json.loads(path.read_bytes())
            return isinstance(content, dict) and content.get("software") == _MARK
        with Image.open(path) as image:
            return image.info.get("Software") == _MARK
    except _NOT_READ:
        return False


def _png(label_map: Array, ink: list[int]) -> bytes:
    image = Image.fromarray(label_map.astype(np.uint8))
    image.putpalette(ink)
    mark = PngInfo()
    mark.add_text("Software", _MARK)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=mark)
    return buffer.getvalue()
