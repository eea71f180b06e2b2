"""Which factor of one factorization is which factor of another: matching across k, layers and networks; the tree."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .heat import OKABE_ITO, fold, palette, unfold, upsample

if TYPE_CHECKING:
    from .result import DFFResult

Array = npt.NDArray[Any]


def match_factors(
    H: Array,
    W: Array,
    other_H: Array,
    other_W: Array,
    *,
    shapes: Sequence[tuple[int, int]] = (),
    other_shapes: Sequence[tuple[int, int]] = (),
) -> dict[int, int]:
    """The one-to-one matching of factors that are most alike (Hungarian method).

    Alike means: the cosine of the columns of H, where a factor is, and the cosine of the rows of W, what it is made of,
    count the same. Where the channels differ (another layer or network) only the maps count, brought to one grid.

    Args:
        H: (rows, k), where the factors are.
        W: (k, c), what they are made of.
        other_H: (rows', k'), of the same images.
        other_W: (k', c').
        shapes: per image the grid (h, w) of the rows; needed only where the grids differ.
        other_shapes: likewise.

    Returns:
        factor -> the other's factor, min(k, k') entries.

    Raises:
        ValueError: the rows and the shapes do not fit, or the results are of different numbers of images.
    """
    if len(H) != len(other_H) or list(map(tuple, shapes)) != list(map(tuple, other_shapes)):
        H = unfold(upsample(m, grid) for m, grid in zip(fold(H, shapes), other_shapes, strict=True))
    similarity = _cosine(H.T, other_H.T)
    if W.shape[1] == other_W.shape[1]:
        similarity = (similarity + _cosine(W, other_W)) / 2
    from scipy.optimize import linear_sum_assignment  # a quarter of a second, and the first picture needs none

    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True)}


def _cosine(a: Array, b: Array) -> Array:
    """(k, k') cosines of the rows of a (k, m) and b (k', m); 0 where a row is empty."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    return np.asarray(a @ b.T / np.where(norms > 0, norms, 1))


# ------------------------------------------------------------------------------------------------------------ the tree
class Node(NamedTuple):
    """A factor of a `FactorTree`: k, and its index among the k."""

    k: int
    factor: int


@dataclass(frozen=True, eq=False)
class FactorTree:
    """The factors of several k, each tied to the factor of the previous k that it overlaps most.

    A factor is as present at a position as what it adds there is long, ``h ‖w‖``. The overlap of a child with a parent
    is the sum over all positions of the smaller of their two presences, divided by the sum of the child's own: 1 where
    the child lies inside the parent, 0 where they never meet. So a weak link tells of something that the previous k did
    not see. Each k is factorized on its own; where children lie inside parents all the same, the parts form a hierarchy
    in the network's feature space (section 4.3 and fig. 3 of the paper).

    Within each k, the children of one parent stand together, in the order of their parents. The *heir* comes first:
    the child that is most like the parent (their intersection over union); the others follow, strongest first.

    A tree reads like a mapping: ``tree[3]`` is the result of k = 3, ``for k in tree`` goes through the k.

    Attributes:
        results: one per k, by increasing k, with its factors in the order of the tree.
        overlaps: for each result but the first, (k of the previous one, k) in 0..1.
        colors: per result a ``#RRGGBB`` for each factor. The heir keeps the parent's colour; another child gets the
            nearest hue that is still free, from a set that is safe for the colour-blind up to k = 7.
    """

    results: tuple[DFFResult, ...]
    overlaps: tuple[Array, ...] = field(repr=False)
    colors: tuple[tuple[str, ...], ...] = field(repr=False)

    @staticmethod
    def of(results: Iterable[DFFResult]) -> FactorTree:
        """The tree of results that are there already; `factor_tree` computes them.

        Args:
            results: of the same images at the same layer, each of another k, in any order.

        Raises:
            ValueError: there are none, two have the same k, or their positions are not the same.
        """
        given = sorted(results, key=lambda r: r.k)
        ks = [r.k for r in given]
        if not given or len(set(ks)) < len(ks):
            raise ValueError(f"the results have k = {ks}; give at least one, and each of another k")
        if len({tuple(r.shapes) for r in given}) > 1:
            raise ValueError("the results have different images or grids; give results of the same activations")
        ring = _ring(max(ks))
        ordered = [given[0].reorder(np.argsort(-given[0].factorization.strength, kind="stable").tolist())]
        colors = [_palette(ks[0])]
        overlaps = []
        for result in given[1:]:
            overlap, alike = _compare(ordered[-1], result)
            order, heirs = _siblings_together(overlap.argmax(axis=0), alike, result.factorization.strength)
            overlap = overlap[:, order]
            ordered.append(result.reorder(order))
            overlaps.append(overlap)
            colors.append(_inherit(colors, overlap.argmax(axis=0).tolist(), heirs, ring))
        return FactorTree(tuple(ordered), tuple(overlaps), tuple(map(tuple, colors)))

    def __repr__(self) -> str:
        first = self.results[0]
        ks = ", ".join(str(k) for k in self)
        return f"FactorTree(k = {ks}; {len(first)} images; {first.network}, {first.layer})"

    def __iter__(self) -> Iterator[int]:
        return (r.k for r in self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, k: int) -> DFFResult:
        return self.results[self._level(k)]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All factors, level by level."""
        return tuple(Node(r.k, f) for r in self.results for f in range(r.k))

    def parent(self, k: int, factor: int) -> int | None:
        """The factor of the previous k that this one overlaps most; None in the first level."""
        level = self._level(k, factor)
        return int(self.overlaps[level - 1][:, factor].argmax()) if level else None

    def children(self, k: int, factor: int) -> tuple[int, ...]:
        """The factors of the next k whose parent this is, the heir first; none in the last level."""
        level = self._level(k, factor)
        if level == len(self) - 1:
            return ()
        return tuple(np.flatnonzero(self.overlaps[level].argmax(axis=0) == factor).tolist())

    def overlap(self, k: int, factor: int) -> float:
        """How much of this factor lies inside its parent, 0..1: the weight of the link; 1 in the first level."""
        level = self._level(k, factor)
        return float(self.overlaps[level - 1][:, factor].max()) if level else 1.0

    def color(self, k: int, factor: int) -> str:
        """The factor's ``#RRGGBB``."""
        return self.colors[self._level(k, factor)][factor]

    def by_image(self, k: int) -> Array:
        """(k, n) how much of each image each factor of k fills: the mean of its heat map, 0..1."""
        result = self[k]
        return np.stack([result.coarse_heatmaps(i).mean(axis=(1, 2)) for i in range(len(result))], axis=1)

    def _level(self, k: int, factor: int = 0) -> int:
        ks = list(self)
        if k not in ks:
            raise ValueError(f"k is {k!r}; this tree has k = {', '.join(map(str, ks))}")
        if not 0 <= factor < k:
            raise ValueError(f"factor is {factor!r}; k = {k} has factors 0..{k - 1}")
        return ks.index(k)


def _compare(parents: DFFResult, children: DFFResult) -> tuple[Array, Array]:
    """(k, k') intersection over the child, and intersection over union, of how present the factors are."""
    P, C = _presence(parents), _presence(children)
    common = np.array([[np.minimum(p, c).sum() for c in C.T] for p in P.T], dtype=np.float64)
    own, other = C.sum(axis=0, dtype=np.float64), P.sum(axis=0, dtype=np.float64)
    either = own + other[:, None] - common
    return common / np.where(own > 0, own, 1), common / np.where(either > 0, either, 1)


def _presence(result: DFFResult) -> Array:
    """(rows, k) the length of what each factor adds at each position."""
    H, W = np.asarray(result.factorization.H), np.asarray(result.factorization.W)
    return np.asarray(np.maximum(H, 0) * np.linalg.norm(W, axis=1))  # a baseline's H may be negative


def _siblings_together(parents: Array, alike: Array, strength: Array) -> tuple[list[int], set[int]]:
    """The order of a level's factors, and the places in it that are heirs'."""
    heirs = {int(max(np.flatnonzero(parents == p), key=lambda c: alike[p, c])) for p in set(parents.tolist())}
    order = sorted(range(len(parents)), key=lambda c: (parents[c], c not in heirs, -strength[c]))
    return order, {place for place, c in enumerate(order) if c in heirs}


def _palette(n: int) -> list[str]:
    """`palette` without grey, which has no hue."""
    return [color for color in palette(n + 1) if color != OKABE_ITO[-1]][:n]


def _ring(most: int) -> list[str]:
    """Colours for levels of at most `most` factors, in the order of their hues."""
    return sorted(_palette(max(most, len(OKABE_ITO) - 1)), key=lambda c: colorsys.rgb_to_hsv(*bytes.fromhex(c[1:]))[0])


def _inherit(above: Sequence[Sequence[str]], parents: Sequence[int], heirs: set[int], ring: Sequence[str]) -> list[str]:
    """The colours of a level: an heir's is its parent's, another's the nearest on the ring, best one never used."""
    colors = {place: above[-1][parents[place]] for place in heirs}
    used = {color for level in above for color in level}

    def steps(a: str, b: str) -> int:
        there = abs(ring.index(a) - ring.index(b))
        return min(there, len(ring) - there)

    for place, parent in enumerate(parents):
        if place not in heirs:
            free = [color for color in ring if color not in colors.values()]
            colors[place] = min(free, key=lambda c: (c in used, steps(c, above[-1][parent])))
            used.add(colors[place])
    return [colors[place] for place in range(len(parents))]
