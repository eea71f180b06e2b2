"""From named factors to classes, and where each class is in an image: what all mask formats are made of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ..heat import palette
from ..labelling import JOIN, Corrections, Seen

if TYPE_CHECKING:  # at run time an export needs no torch, which result.py loads
    from ..result import DFFResult

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Array = npt.NDArray[Any]
Labels = Mapping[int, Sequence[str] | str]
Unnamed = Literal["skip", "background", "keep"]
Correct = Callable[[int], Corrections]  # the index of an image -> what a person corrected there
Progress = Callable[[int, int], None]  # (images done, images in all)


@dataclass(frozen=True)
class PartClass:
    """What a mask format calls a class, a category or a label.

    Attributes:
        title: the names of its parts, joined; or ``"factor 3"``.
        color: ``#RRGGBB``.
        factors: those that carry these names.
        parts: the names.
    """

    title: str
    color: str
    factors: tuple[int, ...]
    parts: tuple[str, ...]


def part_names(labels: Labels | None, k: int) -> list[tuple[str, ...]]:
    """Per factor the names of its parts, each once; none for a factor without a name.

    Raises:
        TypeError: labels is no mapping.
        ValueError: it has a factor that is not there.
    """
    labels = {} if labels is None else labels
    if not isinstance(labels, Mapping):
        raise TypeError(f"labels is a {type(labels).__name__}; give a mapping factor -> names, such as assign returns")
    names: list[tuple[str, ...]] = [()] * k
    for factor, its_names in labels.items():
        if factor not in range(k):
            raise ValueError(f"labels has the factor {factor!r}; this result has factors 0..{k - 1}")
        several = [its_names] if isinstance(its_names, str) else its_names
        names[int(factor)] = tuple(dict.fromkeys(str(name) for name in several if str(name).strip()))
    return names


def titles(labels: Labels | None, k: int) -> list[str]:
    """Per factor its names as one text; ``"factor 3"`` where it has none. Arguments and errors as in `part_names`."""
    return [JOIN.join(names) or f"factor {f}" for f, names in enumerate(part_names(labels, k))]


def known_parts(result: DFFResult, labels: Labels | None) -> dict[int, list[str]]:
    """Factor -> those of its names that are parts in the images' ground truth; factors without one are left out."""
    if not any(names := part_names(labels, result.k)):
        return {}
    known = {part for here in result.images.parts or () for part in here}
    return {f: here for f in range(result.k) if (here := [name for name in names[f] if name in known])}


def paint(colors: Sequence[str] | None, k: int) -> list[str]:
    """Per factor ``#RRGGBB``: the colors given, or those of `palette`.

    Raises:
        ValueError: they are fewer than the factors, or one is no ``#RRGGBB``.
    """
    colors = palette(k) if colors is None else list(colors)
    if len(colors) < k:
        raise ValueError(f"there are {len(colors)} colors for {k} factors")
    if wrong := [c for c in colors if not re.fullmatch("#[0-9a-fA-F]{6}", c)]:
        raise ValueError(f"{wrong[0]!r} is no color; give #RRGGBB")
    return colors


class Choices(TypedDict, total=False):
    """What every export of masks lets one choose; all of it may be left out.

    Attributes:
        percentile: of the masks, as in `DFFResult.masks`; 75.
        threshold: in its place, as in `DFFResult.masks`; None.
        unnamed: what becomes of a factor that has no name: ``"skip"`` (the default) leaves it out; ``"background"``
            too, but where it is stronger than a class, the class ends; ``"keep"`` makes it a class.
        colors: ``#RRGGBB`` per factor; `palette` when left out.
        corrections: given the index of an image, what a person corrected there, by factor; see `labelling.Seen`.
        only: indices of the images that are written, such as the accepted ones; by default all.
    """

    percentile: float
    threshold: str | None
    unnamed: Unnamed
    colors: Sequence[str] | None
    corrections: Correct | None
    only: Iterable[int] | None


class Regions:
    """The classes of a result, and where they are in each image.

    Args:
        result: its factors, and the images.
        labels: factor -> the names of its parts, as from `assign`; None makes each factor a class. Factors with the
            same names share a class, whose mask is the union of theirs and whose colour is the first one's.
        percentile, threshold, unnamed, colors, corrections, only: see `Choices`.

    Attributes:
        result: as given.
        classes: in the order of their first factors.
        images: the indices that count, ascending.

    Raises:
        ValueError: an argument is something else, or no factor has a name and none is kept.
    """

    def __init__(
        self,
        result: DFFResult,
        labels: Labels | None,
        *,
        percentile: float = 75,
        threshold: str | None = None,
        unnamed: Unnamed = "skip",
        colors: Sequence[str] | None = None,
        corrections: Correct | None = None,
        only: Iterable[int] | None = None,
    ) -> None:
        if unnamed not in ("skip", "background", "keep"):
            raise ValueError(f"unnamed is {unnamed!r}; give 'skip', 'background' or 'keep'")
        names = part_names(labels, result.k)
        kept = range(result.k) if labels is None or unnamed == "keep" else [f for f in range(result.k) if names[f]]
        if not kept:
            raise ValueError("no factor has a name: name at least one, or give unnamed='keep'")
        members: dict[str, list[int]] = {}
        same: dict[frozenset[str], str] = {}  # the names in any order
        for f, title in enumerate(titles(labels, result.k)):
            if f in kept:
                members.setdefault(same.setdefault(frozenset(names[f] or [title]), title), []).append(f)
        ink = paint(colors, result.k)
        self.result = result
        self.classes = tuple(PartClass(t, ink[f[0]], tuple(f), names[f[0]]) for t, f in members.items())
        self._background = [f for f in range(result.k) if f not in kept] if unnamed == "background" else []
        self._seen = Seen(result, percentile=percentile, threshold=threshold, corrections=corrections, only=only)
        self.images = self._seen.images

    def strength(self, i: int) -> Array:
        """(c, h, w) float32 of image i: the strongest of each class where it is inside, 0 outside; see `Seen`."""
        maps = self._seen.strength(i)
        found = np.stack([maps[list(c.factors)].max(axis=0) for c in self.classes])
        return np.where(found >= maps[self._background].max(axis=0, initial=0), found, 0)

    def label_map(self, i: int) -> npt.NDArray[np.intp]:
        """(h, w) of image i: 0 for the background, 1.. for the class that is strongest."""
        strength = self.strength(i)
        return np.where(strength.any(axis=0), strength.argmax(axis=0) + 1, 0)


def each(images: Sequence[int], progress: Progress | bool) -> Iterator[int]:
    """The images, with a tqdm bar if `progress` is True; a function is called with (images done, images in all)."""
    if callable(progress):
        for done, i in enumerate(images, start=1):
            yield i
            progress(done, len(images))
    else:
        yield from tqdm(images, disable=not progress, unit="image")


def about(result: DFFResult) -> str:
    """Where a result is from, as one line of text."""
    return f"dff-widgets: {result.k} factor{'s'[: result.k != 1]} of {result.network}, layer {result.layer}"


def encoded(text: str) -> bytes:
    r"""UTF-8; what a file's name may hold and UTF-8 may not is written as ``\udcff``, which JSON reads back."""
    return text.encode("utf-8", "backslashreplace")


def xml_text(text: str) -> str:
    """Text without the characters that XML forbids; each is U+FFFD."""
    return _NO_XML.sub("\ufffd", text)


def as_json(content: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return encoded(json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
