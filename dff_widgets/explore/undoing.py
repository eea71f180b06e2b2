"""One undo over everything that a person does: names, corrections and reviews, painted parts, steered factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """An act that was taken back, or done again.

    Attributes:
        said: a sentence about it; ``""`` where it is seen anyway.
        image: that it was of, or -1.
        part: the part or factor, by name; ``""`` for none.
    """

    said: str = ""
    image: int = -1
    part: str = ""


@dataclass(frozen=True)
class Kind:
    """Acts of one kind, which have their own order.

    Attributes:
        count: how many of them can be undone.
        undo, redo: take the last one back, and do it again.
    """

    count: Callable[[], int]
    undo: Callable[[], Step]
    redo: Callable[[], Step]


class History(Protocol):
    """Takes back what was done last."""

    @property
    def can_undo(self) -> bool:
        """Whether there is an act to take back."""

    @property
    def can_redo(self) -> bool:
        """Whether there is an act to do again."""

    def undo(self) -> Step:
        """Take the last act back, if there is one."""

    def redo(self) -> Step:
        """Do the act again that was undone last, if there is one."""


class Undoing:
    """Takes back what was done last, of whatever kind.

    It only remembers the order in which the kinds came; `look` is to be called after every act.

    Args:
        kinds: by name.
    """

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = dict(kinds)
        self._done: list[str] = []
        self._undone: list[str] = []
        self._counts: dict[str, int] = {}
        self._listeners: dict[object, Callable[[], object]] = {}
        self.restart()

    def join(self, name: str, kind: Kind) -> None:
        """One more kind, whose acts so far came before all others."""
        self._kinds[name] = kind
        self.restart(self._done)

    def restart(self, order: Sequence[str] = ()) -> None:
        """Begin anew with the acts there are, such as those of a session or of other images.

        Args:
            order: of the last acts, oldest first; acts that are not in it came before.
        """
        self._counts = {name: kind.count() for name, kind in self._kinds.items()}
        known: list[str] = []
        left = dict(self._counts)
        for name in reversed(order):
            if left.get(name, 0) > 0:
                left[name] -= 1
                known.append(name)
        self._done = [name for name, n in left.items() for _ in range(n)] + known[::-1]
        self._undone = []
        self._tell()

    @property
    def order(self) -> list[str]:
        """The kinds of the acts that can be undone, oldest first."""
        return list(self._done)

    @property
    def can_undo(self) -> bool:
        """Whether there is an act to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an act to do again."""
        return bool(self._undone)

    def look(self) -> None:
        """See what was done, or undone by someone else."""
        changed = False
        for name, kind in self._kinds.items():
            count, before = kind.count(), self._counts[name]
            self._counts[name] = count
            changed = changed or count != before
            for _ in range(count - before):
                self._done.append(name)
                self._undone.clear()
            for _ in range(before - count):
                if name in self._done:
                    del self._done[len(self._done) - 1 - self._done[::-1].index(name)]
                    self._undone.append(name)
        if changed:
            self._tell()

    def undo(self) -> Step:
        """Take the last act back, if there is one."""
        return self._step(self._done, self._undone, lambda kind: kind.undo())

    def redo(self) -> Step:
        """Do the act again that was undone last, if there is one."""
        return self._step(self._undone, self._done, lambda kind: kind.redo())

    def on_change(self, told: Callable[[], object]) -> Callable[[], None]:
        """Call `told` when there is more or less to undo; returns what ends it."""
        key = object()
        self._listeners[key] = told

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    def _step(self, acts: list[str], others: list[str], do: Callable[[Kind], Step]) -> Step:
        if not acts:
            return Step()
        name = acts.pop()
        others.append(name)
        kind = self._kinds[name]
        self._counts[name] += 1 if others is self._done else -1  # so that `look` sees nothing in it
        step = do(kind)
        self._counts[name] = kind.count()
        self._tell()
        return step

    def _tell(self) -> None:
        for told in list(self._listeners.values()):
            told()
