"""Acts of naming, as values: what each one changed, so that it can be undone and redone wherever one has gone since."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from .state import Place

Parts = tuple[str, ...]
Node = tuple[int, int]  # k, factor

_MOST = 10_000  # acts that can be undone: a few megabytes


@dataclass(frozen=True)
class Naming:
    """A name that was given to a factor.

    Attributes:
        parts: the parts it stands for; none where a person took the name away.
        when: the number of the act in which a person gave it.
        carried: whether it came here from another place.
    """

    parts: Parts
    when: int
    carried: bool = False


Namings = Mapping[Place, Mapping[Node, Naming]]
Changes = Mapping[Place, Mapping[Node, Naming | None]]  # None: it has none any more


@dataclass(frozen=True, eq=False)
class Act:
    """What a person named at once.

    Attributes:
        place: where.
        k: of the factors.
        when: its number.
        own: per factor that was named anew, what was given to itself before; None for nothing.
        meant: by the new parts, what those factors were called before, by whatever way; None for nothing.
    """

    place: Place
    k: int
    when: int
    own: Mapping[Node, Naming | None]
    meant: Mapping[Parts, Naming | None]


@dataclass(frozen=True)
class Acts:
    """What can be undone and redone.

    Attributes:
        past: oldest first.
        future: acts that were undone, the next to redo last, each with the namings that this took away.
    """

    past: tuple[Act, ...] = ()
    future: tuple[tuple[Act, Namings], ...] = ()

    def did(self, act: Act) -> Acts:
        """After another act; what was undone before is forgotten."""
        return Acts((*self.past[1 - _MOST :], act))

    def undo(self, namings: Namings) -> tuple[Acts, Changes]:
        """Take the last act back: where it was done, and wherever its names were carried since.

        Args:
            namings: those there are.
        """
        act = self.past[-1]
        removed: dict[Place, dict[Node, Naming]] = {}
        changes: dict[Place, dict[Node, Naming | None]] = {}
        for place, here in namings.items():
            for node, naming in here.items():
                if naming.when == act.when:
                    given = place == act.place and not naming.carried
                    before = act.own.get(node) if given else act.meant.get(naming.parts)
                    if before is not None and not given:
                        before = dataclasses.replace(before, carried=True)
                    removed.setdefault(place, {})[node] = naming
                    changes.setdefault(place, {})[node] = before
        return Acts(self.past[:-1], (*self.future, (act, removed))), changes

    def redo(self) -> tuple[Acts, Changes]:
        """Do the act again that was undone last, wherever it was taken back."""
        act, removed = self.future[-1]
        return Acts((*self.past, act), self.future[:-1]), removed
