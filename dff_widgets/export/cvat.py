"""CVAT's XML for images 1.1, with masks as run lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from ..images import paths
from ..storage import write_file
from .regions import Array, Choices, Labels, PartClass, Progress, Regions, about, each, encoded, xml_text

if TYPE_CHECKING:
    from ..result import DFFResult


def to_cvat(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | bool = False,
    **choices: Unpack[Choices],
) -> list[Path]:
    """Write CVAT's *CVAT for images 1.1*: a mask for each image and class that is in it.

    In CVAT, make a task of the same images with these classes, and upload the file as its annotations. The name of an
    image is where it lies, below the folder that all of them share. Masks have their holes and all their pieces; those
    of different classes may overlap.

    Args:
        result: the factors, and the images.
        path: of the file.
        labels: factor -> the names of its parts, as from `assign`. None makes each factor a class, ``"factor 0"`` etc.
            Factors with the same names share a class.
        overwrite: whether a file that is there is replaced.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the export.
        choices: which masks these are, and of which images; see `Choices`.

    Returns:
        The files that were written.

    Raises:
        ValueError: no factor has a name, a label is of a factor that is not there, or another argument is something
            else.
        FileExistsError: a file is there, and is not to be replaced.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    regions = Regions(result, labels, **choices)
    names = [xml_text(c.title) for c in regions.classes]
    files = paths(result.images)

    def chunks() -> Iterator[bytes]:  # one image's masks are held at a time
        yield encoded(_head(about(result), len(regions.images), names, regions.classes))
        for i in each(regions.images, progress):
            height, width = result.sizes[i]
            where = f'id="{i}" name={_value(xml_text(files[i]))} width="{width}" height="{height}"'
            masks = "".join(_mask(names[c], one > 0) for c, one in enumerate(regions.strength(i)) if one.any())
            yield encoded(f"  <image {where}>\n{masks}  </image>\n")
        yield b"</annotations>\n"

    return write_file(Path(path), chunks(), overwrite=overwrite)


def row_runs(mask: Array) -> list[int]:
    """Lengths of the runs of a mask, row by row; the first is of what is outside, and may be 0.

    >>> row_runs(np.array([[True, True], [False, True]]))
    [0, 2, 1, 1]
    """
    flat = np.asarray(mask, dtype=bool).ravel()
    ends = np.flatnonzero(np.diff(flat, prepend=False, append=not flat[-1]))
    return [int(run) for run in np.diff(ends, prepend=0)]


def _mask(name: str, mask: Array) -> str:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    inside = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    runs = ", ".join(map(str, row_runs(inside)))
    box = f'left="{left}" top="{top}" width="{inside.shape[1]}" height="{inside.shape[0]}"'
    return f'    <mask label={_value(name)} source="auto" occluded="0" rle="{runs}" {box} z_order="0">\n    </mask>\n'


def _head(said: str, images: int, names: Sequence[str], classes: Sequence[PartClass]) -> str:
    labels = "".join(
        f"        <label>\n          <name>{_text(name)}</name>\n          <color>{c.color}</color>\n"
        "          <type>mask</type>\n          <attributes>\n          </attributes>\n        </label>\n"
        for name, c in zip(names, classes, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>\n'
        f"      <name>{_text(xml_text(said))}</name>\n      <size>{images}</size>\n      <mode>annotation</mode>\n"
        f"      <labels>\n{labels}      </labels>\n    </task>\n  </meta>\n"
    )


def _text(text: str) -> str:
    return escape(text, {"\r": "&#13;"})  # else it would be read as a line feed


def _value(text: str) -> str:
    return quoteattr(text, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
