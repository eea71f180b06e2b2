"""Pascal VOC's masks of classes: a palette PNG for each image, with the table of its colours."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
from PIL import Image

from ..images import stems
from ..storage import write_files
from .folders import open_folder, photo
from .regions import Choices, Labels, Progress, Regions, each, encoded

if TYPE_CHECKING:
    from ..result import DFFResult

_MOST_CLASSES = 254  # beside the background; VOC keeps 255 for pixels that are not looked at
_SUBSET = "default"
_BACKGROUND = "background"


def to_voc(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    photos: bool = False,
    overwrite: bool = False,
    progress: Progress | bool = False,
    **choices: Unpack[Choices],
) -> list[Path]:
    """Write masks as Pascal VOC has them: ``SegmentationClass/<image>.png``, whose palette ``labelmap.txt`` explains.

    A pixel is 0 (background) or the number of its class; where masks overlap, the strongest heat map wins.
    ``ImageSets/Segmentation/default.txt`` lists the images. A line of ``labelmap.txt`` is ``name:r,g,b::``; readers
    tell the classes by these colours, so that a colour that two of them have is changed a little.

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
    if len(regions.classes) > _MOST_CLASSES:
        raise ValueError(f"there are {len(regions.classes)} classes; Pascal VOC has at most {_MOST_CLASSES}")
    inside = ("SegmentationClass", "ImageSets/Segmentation", *(["JPEGImages"] if photos else []))
    folder = open_folder(path, inside, overwrite=overwrite)
    stem = stems(result.images, spaces=False)
    ink = _distinct([c.color for c in regions.classes])
    names = _plain([c.title for c in regions.classes])
    table = "".join(f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in zip(names, ink, strict=True))

    def files() -> Iterator[tuple[Path, Iterable[bytes]]]:
        yield folder / "labelmap.txt", [encoded(f"# label:color_rgb:parts:actions\n{table}")]
        listed = "".join(f"{stem[i]}\n" for i in regions.images)
        yield folder / "ImageSets" / "Segmentation" / f"{_SUBSET}.txt", [encoded(listed)]
        for i in each(regions.images, progress):
            image = Image.fromarray(regions.label_map(i).astype(np.uint8))
            image.putpalette([value for color in ink for value in color])
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            yield folder / "SegmentationClass" / f"{stem[i]}.png", [buffer.getvalue()]
            if photos:
                suffix, content = photo(result.images.sources[i])
                yield folder / "JPEGImages" / f"{stem[i]}{suffix}", [content]

    return write_files(files())


def _distinct(colors: Sequence[str]) -> list[tuple[int, int, int]]:
    """Black, and the colours; one that was there already is brought to the next that was not."""
    found = [(0, 0, 0)]
    for color in colors:
        value = int(color[1:], 16)
        while (value >> 16, value >> 8 & 255, value & 255) in found:
            value = (value + 1) % 2**24
        found.append((value >> 16, value >> 8 & 255, value & 255))
    return found


def _plain(titles: Sequence[str]) -> list[str]:
    """The background and the names, on one line each, without the signs of the table; no two are the same."""
    found = [_BACKGROUND]
    for title in titles:
        name = " ".join("".join(c if c.isprintable() and c not in ":#" else " " for c in title).split()) or "part"
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name} ({number})"
        found.append(unique)
    return found
