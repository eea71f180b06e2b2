"""Which concept each factor is, and so its colour and its name: a function of the place, whatever way led there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from ..heat.colors import OKABE_ITO, palette
from ..labelling import JOIN, PartLabels
from .acts import Act, Acts, Changes, Naming, Node, Parts
from .matching import ALIKE, likeness, match
from .stack import KS, Stack
from .state import Place

_Nothing = partial(MappingProxyType, {})


@dataclass(frozen=True)
class Level:
    """One k of a place.

    Attributes:
        concepts: per factor a small number. An heir has its parent's; where two places were compared, factors that are
            alike have the same. What a person sets of a factor's look (opacity, hidden) belongs to its concept.
        things: per factor another number, of this place alone: an heir has its parent's where the two are alike enough
            to bear one name.
    """

    concepts: tuple[int, ...]
    things: tuple[int, ...]


@dataclass(frozen=True)
class _Known:
    """What is known of a place.

    Attributes:
        levels: by k.
        namings: by (k, factor).
        left: the number of acts when it was left last.
        lost: names that came from elsewhere and that no factor here is like.
    """

    levels: Mapping[int, Level] = field(default_factory=_Nothing)
    namings: Mapping[Node, Naming] = field(default_factory=_Nothing)
    left: int = -1
    lost: tuple[Parts, ...] = ()


@dataclass(frozen=True, eq=False)
class Appearance:
    """Colours and names of the factors at every place that was visited.

    Immutable: each method returns another one, so that undo is to take the one before. At a place and k where one has
    been, everything is as it was there, however one comes back. At a new place a factor takes concept and name of the
    factor it is like (`matching.likeness` of at least `ALIKE`), one to one, level by level; where none is, it is a new
    concept, and the name is parked. Within a place a name holds along the heirs of the tree as long as each is alike
    with the next (intersection over union of at least `ALIKE`): a name that a person gave at a k is that factor's for
    good, and others take the latest one of theirs.

    Attributes:
        here: the place that is shown, or None before there is one.
        colors: by concept ``#RRGGBB``.
        acts: namings that can be undone and redone.
    """

    here: Place | None = None
    colors: Mapping[int, str] = field(default_factory=_Nothing)
    acts: Acts = field(default_factory=Acts, repr=False)
    _places: Mapping[Place, _Known] = field(default_factory=_Nothing, repr=False)
    _acts: int = 0

    # ----------------------------------------------------------------------------------------------- what is there
    def __contains__(self, k: object) -> bool:
        return k in self._here.levels

    @property
    def ks(self) -> tuple[int, ...]:
        """The k that are known here, ascending."""
        return tuple(sorted(self._here.levels))

    def concepts(self, k: int) -> tuple[int, ...]:
        """Per factor of k here its concept."""
        return self._here.levels[k].concepts

    def hues(self, k: int) -> list[str]:
        """Per factor of k here its ``#RRGGBB``; all of them differ."""
        return [self.colors[concept] for concept in self.concepts(k)]

    def names(self, k: int) -> list[Parts]:
        """Per factor of k here the parts it is named after."""
        return [self._name((k, f)) for f in range(len(self.concepts(k)))]

    def labels(self, k: int) -> PartLabels:
        """The same as `PartLabels`."""
        names = self.names(k)
        return PartLabels({f: list(parts) for f, parts in enumerate(names) if parts}, k=len(names))

    def parked(self, k: int) -> list[str]:
        """Names that there are, but not at this k here."""
        known = self._here
        alive = {naming.parts for one in self._places.values() for naming in one.namings.values()}
        lost = [parts for parts in known.lost if parts in alive]
        there = [self._name((level, f)) for level, one in known.levels.items() for f in range(len(one.concepts))]
        shown = set(self.names(k))
        return [JOIN.join(parts) for parts in dict.fromkeys((*lost, *there)) if parts and parts not in shown]

    # ---------------------------------------------------------------------------------------------------- going about
    def enter(self, stack: Stack, k: int, before: Stack | None = None, before_k: int = 0) -> Appearance:
        """What it is at another place, or with more levels at this one.

        Args:
            stack: of the place.
            k: that is looked at: its factors are the first to take the concepts of those before.
            before: the stack of the place one comes from, as far as it is known here; None for none.
            before_k: that was looked at there.
        """
        place = stack.place
        places = dict(self._places)
        if self.here is not None and self.here != place:
            places[self.here] = dataclasses.replace(places[self.here], left=self._acts)
        known = places.get(place, _Known())
        source = self._places.get(before.place) if before is not None else None
        colors = dict(self.colors)
        new = [level for level in stack.ks if level not in known.levels]
        if new:
            levels = _levels(stack, known.levels)
            if before is not None and source is not None:
                pairs = [(before_k, k), *((one, one) for one in sorted(new, key=lambda one: (abs(one - k), one)))]
                _take_concepts(levels, stack, source, before, pairs, colors)
            _invent_concepts(levels, stack, colors)
            known = dataclasses.replace(known, levels=_frozen(levels))
        if before is not None and source is not None and before.place != place:
            known = self._take_names(known, stack, source, before, new, (before_k, k))
        places[place] = known
        return dataclasses.replace(self, here=place, colors=MappingProxyType(colors), _places=MappingProxyType(places))

    def named(self, k: int, labels: Mapping[int, Iterable[str]]) -> Appearance:
        """What it is after a person named the factors of k here.

        Args:
            k: of the factors.
            labels: factor -> its parts; a factor that is left out has none. Those that have the same name as before
                are not touched.

        Raises:
            ValueError: there is no such factor.
        """
        wanted = PartLabels(labels, k=len(self.concepts(k)))
        changed = {
            (k, f): Naming(tuple(wanted[f]), self._acts + 1)
            for f, parts in enumerate(self.names(k))
            if parts != tuple(wanted[f])
        }
        if not changed or self.here is None:
            return self
        own = {node: self._here.namings.get(node) for node in changed}
        meant = {naming.parts: _naming(self._here, node) for node, naming in changed.items()}
        act = Act(self.here, k, self._acts + 1, MappingProxyType(own), MappingProxyType(meant))
        return self._with({self.here: changed}, self.acts.did(act))

    def undone(self) -> Appearance:
        """What it is after the last act of naming was taken back, also where its names were carried since."""
        if not self.acts.past:
            return self
        acts, changes = self.acts.undo({place: known.namings for place, known in self._places.items()})
        return self._with(changes, acts)

    def redone(self) -> Appearance:
        """What it is after the act was done again that was undone last."""
        if not self.acts.future:
            return self
        acts, changes = self.acts.redo()
        return self._with(changes, acts)

    def _with(self, changes: Changes, acts: Acts) -> Appearance:
        """What it is with other namings, and so another number of acts."""
        places = dict(self._places)
        for place, here in changes.items():
            if place not in places:
                continue  # an act of elsewhere, seen by one that knows a single place: `alone`
            namings = {node: naming for node, naming in {**places[place].namings, **here}.items() if naming is not None}
            places[place] = dataclasses.replace(places[place], namings=MappingProxyType(namings))
        return dataclasses.replace(self, acts=acts, _places=MappingProxyType(places), _acts=self._acts + 1)

    def alone(self) -> Appearance:
        """The same without any place but the one that is shown."""
        return dataclasses.replace(self, _places={} if self.here is None else {self.here: self._here})

    # --------------------------------------------------------------------------------------------------------- names
    @property
    def _here(self) -> _Known:
        return _Known() if self.here is None else self._places[self.here]

    def _name(self, node: Node) -> Parts:
        return _name(self._here, node)

    def _take_names(
        self, known: _Known, stack: Stack, source: _Known, before: Stack, new: Iterable[int], looked: Node
    ) -> _Known:
        """Names of the place before, on the factors that are alike, as far as they are news here.

        Level by level; the level that was looked at there goes to the one that is looked at here, where there is none
        of its own, as where factors were steered.
        """
        new = set(new)
        namings, lost = dict(known.namings), dict.fromkeys(known.lost)
        found: set[Parts] = set()
        candidates: dict[Parts, None] = dict.fromkeys(source.lost if known.left < 0 else ())
        for k in before.ks:
            if k not in source.levels:
                continue
            here = k if k in stack else looked[1] if k == looked[0] else -1
            news = {}
            for f in range(len(source.levels[k].concepts)):
                naming = _naming(source, (k, f))
                if naming is not None and naming.parts and (here in new or naming.when > known.left):
                    news[f] = naming
            candidates.update(dict.fromkeys(naming.parts for naming in news.values()))
            if not news or here not in stack:
                continue
            partner = match(likeness(before[k], stack[here]), ALIKE)
            for f, naming in news.items():
                node = (here, partner.get(f, -1))
                mine = namings.get(node)
                if f in partner and (mine is None or mine.carried):
                    namings[node] = dataclasses.replace(naming, carried=True)
                    found.add(naming.parts)
        lost.update(dict.fromkeys(candidates))
        named = {naming.parts for naming in namings.values()} | found
        kept = tuple(parts for parts in lost if parts not in named)
        return dataclasses.replace(known, namings=MappingProxyType(namings), lost=kept)


def _naming(known: _Known, node: Node) -> Naming | None:
    """The naming that holds for a factor: a person's own, else the latest of its thing, the nearest k among equals."""
    own = known.namings.get(node)
    if own is not None and not own.carried:
        return own
    k, factor = node
    thing = known.levels[k].things[factor]
    others = [
        (naming.when, -abs(there - k), -there, naming)
        for (there, f), naming in known.namings.items()
        if there in known.levels and known.levels[there].things[f] == thing
    ]
    return max(others, key=lambda one: one[:3])[3] if others else None


def _name(known: _Known, node: Node) -> Parts:
    naming = _naming(known, node)
    return () if naming is None else naming.parts


# ------------------------------------------------------------------------------------------------------------ concepts
_UNKNOWN = -1  # a concept that is not decided yet


def _frozen(levels: Mapping[int, Level]) -> Mapping[int, Level]:
    return MappingProxyType(dict(sorted(levels.items())))


def _levels(stack: Stack, known: Mapping[int, Level]) -> dict[int, Level]:
    """The levels of a stack; those that are known stay, the concepts of others are as their parents', or unknown."""
    levels = dict(known)
    things = max((thing for level in known.values() for thing in level.things), default=-1) + 1
    above: int | None = None
    for k in stack.ks:
        if k not in levels:
            parents, heirs = stack.parents(k), stack.heirs(k)
            concepts, names = [], []
            for f in range(k):
                alike = heirs.get(f, -1.0)
                inherits = above is not None and f in heirs
                concepts.append(levels[above].concepts[parents[f]] if inherits and above is not None else _UNKNOWN)
                if inherits and above is not None and alike >= ALIKE:
                    names.append(levels[above].things[parents[f]])
                else:
                    names.append(things)
                    things += 1
            levels[k] = Level(tuple(concepts), tuple(names))
        above = k
    return levels


def _chain(levels: Mapping[int, Level], stack: Stack, node: Node) -> list[Node]:
    """A factor whose concept is unknown, and those that inherit it: its parents up to the first, and the heirs."""
    ks = stack.ks
    k, f = node
    while ks.index(k) and f in stack.heirs(k):
        above, parent = ks[ks.index(k) - 1], stack.parents(k)[f]
        k, f = above, parent
    chain = [(k, f)]
    for following in ks[ks.index(k) + 1 :]:
        children = stack.tree.children(k, f)
        if not children:
            break
        k, f = following, children[0]
        chain.append((k, f))
    return [(k, f) for k, f in chain if levels[k].concepts[f] == _UNKNOWN]


def _give(levels: dict[int, Level], nodes: Iterable[Node], concept: int) -> None:
    for k, f in nodes:
        concepts = list(levels[k].concepts)
        concepts[f] = concept
        levels[k] = dataclasses.replace(levels[k], concepts=tuple(concepts))


def _take_concepts(
    levels: dict[int, Level],
    stack: Stack,
    source: _Known,
    before: Stack,
    pairs: Iterable[Node],
    colors: Mapping[int, str],
) -> None:
    """Factors that are like one at the place before take its concept, with all that inherit from them.

    Args:
        levels: of the stack, changed in place.
        stack: whose.
        source: what is known of the place before.
        before: its stack.
        pairs: the k there and the k here to compare, the one that is looked at first.
        colors: by concept.
    """
    for there, here in pairs:
        if there not in before or there not in source.levels or here not in stack:
            continue
        if _UNKNOWN not in levels[here].concepts:
            continue
        for f, g in match(likeness(before[there], stack[here]), ALIKE).items():
            if levels[here].concepts[g] == _UNKNOWN:
                concept, chain = source.levels[there].concepts[f], _chain(levels, stack, (here, g))
                if colors[concept] not in _colors_beside(levels, chain, colors):
                    _give(levels, chain, concept)


def _colors_beside(levels: Mapping[int, Level], chain: Iterable[Node], colors: Mapping[int, str]) -> set[str]:
    """The colours at the levels of a chain."""
    return {colors[c] for k, _ in chain for c in levels[k].concepts if c != _UNKNOWN}


def _invent_concepts(levels: dict[int, Level], stack: Stack, colors: dict[int, str]) -> None:
    """New concepts for what has none, by rising k, each of a colour that none beside it has.

    The first of the palette that no concept has, so that the few of a small k are told apart best; else the first that
    is free here.
    """
    for k in stack.ks:
        for f in range(k):
            if levels[k].concepts[f] != _UNKNOWN:
                continue
            chain = _chain(levels, stack, (k, f))
            taken, used = _colors_beside(levels, chain, colors), set(colors.values())
            ring = [c for c in palette(max(len(KS), len(taken)) + 2) if c != OKABE_ITO[-1] and c not in taken]
            concept = max(colors, default=-1) + 1
            colors[concept] = min(ring, key=lambda c: (c in used, ring.index(c)))
            _give(levels, chain, concept)
