"""Which parts a factor stands for: coverage, the association by it (section 4.3 of the paper), and names with undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from .metrics import overlaps
from .tally import ratio

Array = npt.NDArray[Any]
T = TypeVar("T")

JOIN = " + "  # between the parts of one factor, as a person reads and types them


class Coverage(np.ndarray[tuple[int, ...], np.dtype[np.float64]]):
    """A (k, p) float64 array that knows the names of its p columns.

    It is an array in every way. What is computed or cut from it is an array too, but knows no names: they may not fit.

    Attributes:
        parts: the names of the columns.
    """

    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: npt.ArrayLike, parts: Sequence[str]) -> Coverage:
        """Values (k, p) whose columns are `parts`."""
        coverage = np.asarray(values, dtype=np.float64).view(cls)
        coverage.parts = tuple(parts)
        return coverage


def coverage(masks: Iterable[Array], parts: Iterable[Mapping[str, Array]]) -> Coverage:
    """The fraction of each part's pixels, over the whole set, that lie in each factor's masks (eq. 7 of the paper).

    Args:
        masks: per image (k, h, w) bool; images may differ in size.
        parts: per image {name: (h, w) bool}. Parts may overlap; one that an image does not name is empty there.

    Returns:
        (k, p) in 0..1; the columns are ``.parts``: the names in the order in which they first appear in the set. A part
        without a pixel in any image is covered by no factor: 0.

    Raises:
        ValueError: no images, masks and parts of another number of images, or a mask of another size or dtype.

    >>> mask, head = np.zeros((1, 2, 4), dtype=bool), np.ones((2, 4), dtype=bool)
    >>> mask[0, :, 0] = True
    >>> found = coverage([mask], [{"head": head}])
    >>> found.shape, found.parts, float(found[0, 0])
    ((1, 1), ('head',), 0.25)
    """
    counts = overlaps(masks, parts)
    return Coverage.of(ratio(counts.intersection, counts.part_area), counts.parts)


def assign(coverage: Array, threshold: float = 0.5, *, parts: Sequence[str] | None = None) -> dict[int, list[Any]]:
    """Associate with each factor the parts it covers (section 4.3 of the paper).

    Args:
        coverage: (k, p), from `coverage`.
        threshold: 0..1; a part goes with every factor that covers more than this of it.
        parts: the names of the p columns; by default those the coverage knows.

    Returns:
        factor -> its parts, in the order of the columns; an empty list for a factor without one. Parts are names, or
        for a plain array, which knows none, the numbers of the columns.

    Raises:
        ValueError: coverage is not (k, p), the names do not fit, or the threshold is outside 0..1.

    >>> assign(np.array([[0.9, 0.5], [0.1, 0.6]]), parts=["head", "torso"])
    {0: ['head'], 1: ['torso']}
    """
    if np.ndim(coverage) != 2:
        raise ValueError(f"coverage is {np.shape(coverage)}; give (k, p)")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold!r}; give a fraction from 0 to 1")
    p = np.shape(coverage)[1]
    names: Sequence[Any] = parts if parts is not None else getattr(coverage, "parts", ()) or range(p)
    if len(names) != p:
        raise ValueError(f"parts has {len(names)} names; coverage has {p} columns")
    return {
        f: [name for name, covered in zip(names, row, strict=True) if covered > threshold]
        for f, row in enumerate(np.asarray(coverage))
    }


class PartLabels(Mapping[int, list[str]]):
    """The parts that each of k factors was named after: an immutable mapping, factor -> its parts, as `assign` returns.

    It equals every mapping that names the same factors the same way.

    Args:
        names: factor -> its parts; or one part, as text. White space in a name becomes single blanks, and what is said
            twice counts once.
        k: the number of factors; by default as many as `names` has.

    Raises:
        ValueError: a factor that is not there, or a name that is empty or no text.

    >>> labels = PartLabels({0: ["head"], 2: ["torso", "legs"]})
    >>> labels[2], labels[1], labels.title(2), labels.title(1), labels.named
    (['torso', 'legs'], [], 'torso + legs', 'factor 1', 2)
    """

    def __init__(self, names: Mapping[int, str | Iterable[str]] | None = None, *, k: int | None = None) -> None:
        names = dict(names or {})
        count = max(names, default=-1) + 1 if k is None else k
        if outside := [f for f in names if not isinstance(f, int) or not 0 <= f < count]:
            raise ValueError(f"labels name factor {outside[0]!r}; there are factors 0..{count - 1}")
        self._names = tuple(_clean(names.get(f, ())) for f in range(count))

    def __getitem__(self, factor: int) -> list[str]:
        if factor not in range(len(self)):
            raise KeyError(factor)
        return list(self._names[factor])

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._names)))

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        mine = {f: list(names) for f, names in enumerate(self._names) if names}
        return mine == {f: list(names) for f, names in other.items() if names}

    def __hash__(self) -> int:
        return hash(frozenset((f, names) for f, names in enumerate(self._names) if names))

    def __repr__(self) -> str:
        return f"PartLabels({dict(self)})"

    @property
    def named(self) -> int:
        """How many factors have a name."""
        return sum(map(bool, self._names))

    def title(self, factor: int) -> str:
        """The factor's parts as one line; ``"factor j"`` for one without a name."""
        return JOIN.join(self._names[factor]) or f"factor {factor}"

    def replace(self, factor: int, parts: str | Iterable[str]) -> PartLabels:
        """The same labels but for one factor."""
        if factor not in self:
            raise ValueError(f"factor is {factor!r}; there are factors 0..{len(self) - 1}")
        return PartLabels({**self, factor: parts}, k=len(self))

    def toggle(self, factor: int, part: str) -> PartLabels:
        """The same labels with `part` added to a factor, or taken from it where it was."""
        now = self.get(factor, [])
        return self.replace(factor, [p for p in now if p != part] if part in now else [*now, part])

    def carry(self, kept: Mapping[int, int], k: int) -> PartLabels:
        """The labels of k other factors, where `kept` says which of them continues which of these."""
        return PartLabels({new: self[old] for new, old in kept.items() if old in self}, k=k)


def parse_parts(text: str, known: Iterable[str] = ()) -> list[str]:
    """What a person typed into a name box: parts with ``+`` between them, unless it is one part's very name.

    >>> parse_parts("torso+ legs"), parse_parts("black + white", known=["black + white"]), parse_parts(" ")
    (['torso', 'legs'], ['black + white'], [])
    """
    whole = " ".join(text.split())
    return [whole] if whole in known else [part.strip() for part in whole.split("+") if part.strip()]


def _clean(parts: str | Iterable[str]) -> tuple[str, ...]:
    listed = [parts] if isinstance(parts, str) else list(parts)
    if bad := [p for p in listed if not isinstance(p, str) or not p.strip()]:
        raise ValueError(f"{bad[0]!r} is no name of a part; give text that is not blank")
    return tuple(dict.fromkeys(" ".join(p.split()) for p in listed))


class History(Generic[T]):
    """A value that can be changed, and every change undone.

    Attributes:
        past: what it was, oldest first.
        value: what it is.
        future: what was undone, the next to redo last.
    """

    def __init__(self, value: T, past: Iterable[T] = (), future: Iterable[T] = ()) -> None:
        self.past, self.value, self.future = list(past), value, list(future)

    def push(self, value: T) -> None:
        """Change the value; what was undone before is forgotten. Nothing happens when it is the same."""
        if value != self.value:
            self.past.append(self.value)
            self.value = value
            self.future.clear()

    def undo(self) -> T:
        """Go one change back, if there is one."""
        if self.past:
            self.future.append(self.value)
            self.value = self.past.pop()
        return self.value

    def redo(self) -> T:
        """Go one change forth, if there is one."""
        if self.future:
            self.past.append(self.value)
            self.value = self.future.pop()
        return self.value

    def map(self, change: Callable[[T], T]) -> None:
        """Change every value there is or was; changes that now change nothing are left out."""
        values = [change(v) for v in [*self.past, self.value, *reversed(self.future)]]
        here = len(self.past)
        self.value = values[here]
        self.past = _without_repeats(values[: here + 1])[:-1]
        self.future = _without_repeats(values[here:][::-1])[:-1]


def _without_repeats(values: Sequence[T]) -> list[T]:
    return [v for i, v in enumerate(values) if i + 1 == len(values) or v != values[i + 1]]
