"""What the files of an image are called: in an export, and in the annotations that are read."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .decoding import SUFFIXES
from .image_set import ImageSet

_LONGEST = 120  # bytes of a file's name
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)", re.IGNORECASE)  # Windows keeps these names


def paths(images: ImageSet) -> list[str]:
    """Per image where it lies: below the folder that all share, with ``/``; its name where it is no file.

    No two are the same: of those that would be, the later ones have a number, as in ``a (2).png``.
    """
    found: dict[str, None] = {}
    for path in _places(images):
        stem, dot, suffix = path.rpartition(".")
        begin, end = (stem, dot + suffix) if f"{dot}{suffix}".lower() in SUFFIXES else (path, "")
        unique, number = path, 1
        while unique in found:
            number += 1
            unique = f"{begin} ({number}){end}"
        found[unique] = None
    return list(found)


def _places(images: ImageSet) -> list[str]:
    files = [source.absolute() for source in images.sources if isinstance(source, Path)]
    try:
        base = os.path.commonpath([file.parent for file in files])
    except ValueError:  # there are none, or they are on several drives
        return list(images.names)
    return [
        source.absolute().relative_to(base).as_posix() if isinstance(source, Path) else name
        for source, name in zip(images.sources, images.names, strict=True)
    ]


def stems(images: ImageSet, *, spaces: bool = True) -> list[str]:
    """Per image what its files are called, without a suffix: as itself where that is a name on every system.

    Args:
        images: whose.
        spaces: whether there may be spaces; else there is ``_`` in their place.
    """
    names = _places(images)
    return safe_names(names if spaces else [name.replace(" ", "_") for name in names])


def safe_names(names: Iterable[str]) -> list[str]:
    """File names without a suffix, one for each name, that every system takes: no two are the same there.

    Args:
        names: any text, such as names of images; the suffix of an image file is dropped.

    >>> safe_names(["a/b.jpg", "../../etc/passwd", "A_b.png", "", "con.png", "lion 🦁.webp"])
    ['a_b', '_.._etc_passwd', 'A_b-2', 'image', '_con', 'lion _']
    """
    used: set[str] = set()
    last: Counter[str] = Counter()
    found = []
    for name in names:
        safe = _safe_name(name)
        unique, key = safe, safe.casefold()  # Windows and macOS take A and a for the same
        while unique.casefold() in used:
            last[key] += 1
            unique = f"{safe}-{last[key] + 1}"
        used.add(unique.casefold())
        found.append(unique)
    return found


def _safe_name(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    name = stem if f"{dot}{suffix}".lower() in SUFFIXES else name
    name = re.sub(r"[^\w .-]", "_", unicodedata.normalize("NFKC", name))
    name = name.encode()[:_LONGEST].decode(errors="ignore").strip(" .")
    return f"_{name}" if _DEVICES.match(name) else name or "image"
