"""Where the images come from: a folder, a data set by name, files that are dropped; and what they are called."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import datasets
from ..images import SUFFIXES, ImageSet, UnreadableImageError, UnreadableImageWarning, open_header
from ..wording import one_line

_MOST_OPTIONS = 50  # completions that are offered


@dataclass(frozen=True)
class Named:
    """A data set that has a name.

    Attributes:
        title: for a menu.
        note: what comes with it, and whether it must be downloaded.
        load: makes it.
    """

    title: str
    note: str
    load: Callable[[], ImageSet]


DATASETS: Mapping[str, Named] = {
    "creatures": Named("Creatures", "12 drawn animals with part masks", datasets.creatures),
    "gymnast": Named("Gymnast", "the photos of the paper's figure 1; downloaded once", datasets.gymnast),
}


@dataclass(frozen=True)
class Found:
    """Images, and how they are spoken of.

    Attributes:
        images: those.
        title: a word or two.
        problems: a sentence for each file that was left out.
    """

    images: ImageSet
    title: str
    problems: tuple[str, ...] = ()


def find_images(text: str) -> Found:
    """The images of a data set by name, of a folder or of a file.

    Raises:
        ValueError: there are none; the message says what would do, such as the folders inside that have some.
    """
    text = text.strip()
    if not text:
        raise ValueError(f"give the path of a folder with images, or one of {', '.join(DATASETS)}")
    if text in DATASETS:
        return Found(DATASETS[text].load(), text)
    path = Path(text).expanduser()
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UnreadableImageWarning)
            images = ImageSet.of(path)
    except ValueError as error:
        inside = [child.name for child in _folders(path) if _has_images(child)]
        if not inside:
            raise
        some = ", ".join(inside[:5]) + (", …" if len(inside) > 5 else "")
        raise ValueError(f"the images of {str(path)!r} are in its folders; open one of them: {some}") from error
    problems = [str(one.message).removeprefix("left out: ") for one in said]
    return Found(images, path.name or str(path), tuple(problems))


def uploaded(files: Sequence[tuple[str, bytes]]) -> Found:
    """The images of files that were dropped or chosen; those that cannot be read are left out, unless that is all.

    Args:
        files: (name, content) of each.

    Raises:
        UnreadableImageError: none of them is an image.
    """
    readable, problems = [], []
    for name, content in files:
        try:
            open_header(content, name).close()
            readable.append((name, content))
        except UnreadableImageError as error:
            problems.append(str(error))
    if not readable:
        raise UnreadableImageError("; ".join(problems) or "no images: choose at least one file")
    names, contents = zip(*readable, strict=True)
    title = one_line(names[0]) if len(names) == 1 else f"{len(names)} files"
    return Found(ImageSet(tuple(contents), tuple(names)), title, tuple(problems))


def completions(text: str, suffixes: Collection[str] = SUFFIXES) -> list[str]:
    """Paths that a person may mean by the beginning of one: folders, each with a separator at its end, and files.

    Args:
        text: the beginning.
        suffixes: of the files; with those of images, data sets by name too.
    """
    before, separator, last = text.rpartition(os.sep)
    folder = Path(before + separator or ".").expanduser()
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                hidden = entry.name.startswith(".") and not last.startswith(".")
                if hidden or not entry.name.casefold().startswith(last.casefold()):
                    continue
                if entry.is_dir():
                    found.append(before + separator + entry.name + os.sep)
                elif Path(entry.name).suffix.lower() in suffixes and separator:
                    found.append(before + separator + entry.name)
    except OSError:
        found = []
    named = [name for name in DATASETS if name.startswith(text)] if not separator and suffixes is SUFFIXES else []
    return [*named, *sorted(found, key=lambda path: (not path.endswith(os.sep), path.casefold()))][:_MOST_OPTIONS]


def title_of(images: ImageSet) -> str:
    """What images are called that nobody has named: their folder, or what their names begin with."""
    folders = {source.parent for source in images.sources if isinstance(source, Path)}
    if len(folders) == 1 and all(isinstance(source, Path) for source in images.sources):
        return next(iter(folders)).name or "images"
    first, last = min(images.names), max(images.names)  # what these two share, all do
    alike = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    begin = re.sub(r"[\s\d._-]*$", "", first[:alike]).strip()
    return f"{begin}s" if begin and len(images) > 1 else "images"


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    except OSError:
        return []


def _has_images(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(Path(entry.name).suffix.lower() in SUFFIXES for entry in entries)
    except OSError:
        return False
