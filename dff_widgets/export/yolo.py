"""YOLO segmentation: a text file of polygons for each image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ..images import stems
from ..storage import write_files
from .folders import open_folder, photo
from .outlines import polygons
from .regions import Array, Choices, Labels, Progress, Regions, about, each, encoded

if TYPE_CHECKING:
    from ..result import DFFResult

_SUBSET = "train"


def to_yolo(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    photos: bool = False,
    overwrite: bool = False,
    progress: Progress | bool = False,
    **choices: Unpack[Choices],
) -> list[Path]:
    """Write a data set for YOLO's segmentation: ``data.yaml``, and ``labels/train/<image>.txt`` for each image.

    A line is a class and the corners of a polygon, as fractions of the image's width and height. A polygon has no
    holes, so each is cut in through a bridge inside the mask, which is walked there and back. Each piece of a mask has
    a line of its own, and so counts as an object: a bridge between pieces would cross the background, and be drawn
    there. What Ultralytics, or a reader that asks which pixels have their centre inside, makes of the lines of a class
    is its mask.

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
    folder = open_folder(path, (f"labels/{_SUBSET}", f"images/{_SUBSET}"), overwrite=overwrite)
    names = stems(result.images)

    def files() -> Iterator[tuple[Path, Iterable[bytes]]]:
        yield folder / "data.yaml", [encoded(_yaml(about(result), [c.title for c in regions.classes]))]
        for i in each(regions.images, progress):
            lines = [_line(c, polygon, result.sizes[i]) for c, polygon in _pieces(regions.strength(i))]
            yield folder / "labels" / _SUBSET / f"{names[i]}.txt", ["".join(lines).encode()]
            if photos:
                suffix, content = photo(result.images.sources[i])
                yield folder / "images" / _SUBSET / f"{names[i]}{suffix}", [content]

    return write_files(files())


def _pieces(strength: Array) -> Iterator[tuple[int, Array]]:
    for c, one in enumerate(strength):
        for polygon in polygons(one > 0):
            yield c, polygon


def _line(number: int, polygon: Array, size: tuple[int, int]) -> str:
    fractions = polygon / (size[1], size[0])
    return " ".join([str(number), *(f"{value:.7f}".rstrip("0") for value in fractions.ravel())]) + "\n"


def _yaml(said: str, names: Sequence[str]) -> str:
    listed = "".join(f"  {n}: {_quoted(name)}\n" for n, name in enumerate(names))
    return f"# {_quoted(said)}\ntrain: images/{_SUBSET}\nval: images/{_SUBSET}\nnames:\n{listed}"


def _quoted(text: str) -> str:
    """Text as a double-quoted scalar of YAML."""

    def sign(character: str) -> str:
        code = ord(character)
        if 0xD800 <= code < 0xE000:
            return "\N{REPLACEMENT CHARACTER}"
        if character in '"\\':
            return f"\\{character}"
        return character if character.isprintable() else f"\\U{code:08x}"

    return f'"{"".join(map(sign, text))}"'
