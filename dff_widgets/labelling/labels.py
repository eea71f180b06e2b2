"""What each factor is called: part names as values, and changes of them that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy.typing as npt

Array = npt.NDArray[Any]
T = TypeVar("T")

JOIN = " + "  # between the parts of one factor, as a person reads and types them


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
