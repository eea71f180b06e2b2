"""The tree widget: factors of a growing k, each a small picture, tied to the factor it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets as t

from ..heat import contrast, pack_heat
from ..hierarchy import FactorTree
from ..images import encode_tile
from ..link import link
from .base import FRONT, Base


class TreeView(Base):
    """A `FactorTree` to look at and to choose from: a row per k, a node per factor, links as wide as the overlap.

    A click, or Enter on the focused node, puts ``[k, factor]`` in `selected`; the arrow keys move the focus. The traits
    are plain data that `show` fills; everything works with no browser too.

    Args:
        tree: shown at once.
        lock: held while the browser's changes are taken in, for a widget whose traits are set by several threads.
        traits: any of the traits below.

    Attributes:
        nodes: level by level, per factor a dict of ``k``, ``factor``, ``parent`` (a place in this list, -1: none),
            ``overlap`` with the parent and ``share`` of what the level explains (0..1), and ``tiles`` (places in
            `tiles`), the images that it fills most.
        names: per node, text.
        colors: per node, ``#RRGGBB``.
        tiles: images as encoded JPEG.
        captions: per tile a line of text.
        heat: node after node, tile after tile, the node's heat map on it (h, w) uint8, as strong as it is drawn.
        grids: per heat map [h, w].
        k: the level that is marked as the present one; 0: none.
        selected: ``[k, factor]``, or ``[]``; a level with a selected factor becomes the present one.
    """

    _esm, _css = link(FRONT / "tree" / "widget.js")

    nodes = t.List(t.Dict()).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    colors = t.List(t.Unicode()).tag(sync=True)
    tiles = t.List(t.Bytes()).tag(sync=True)
    captions = t.List(t.Unicode()).tag(sync=True)
    heat = t.Bytes(b"").tag(sync=True)
    grids = t.List(t.List(t.Int())).tag(sync=True)
    k = t.Int(0).tag(sync=True)
    selected = t.List(t.Int()).tag(sync=True)

    def __init__(self, tree: FactorTree | None = None, *, lock: Any = None, **traits: Any) -> None:
        fills = ("names", "colors", "k", "selected")  # `show` would set them again
        late: dict[str, Any] = {name: traits.pop(name) for name in fills if name in traits}
        super().__init__(lock=lock, **traits)
        if tree is not None:
            self.show(tree)
        self.publish(late)

    def show(self, tree: FactorTree, *, images: int = 2, names: Mapping[tuple[int, int], str] | None = None) -> None:
        """Show a tree; `k` and `selected` stay where the new tree has them.

        Args:
            tree: from `factor_tree`.
            images: how many images each node shows, of those that its factor fills most.
            names: by (k, factor), in place of "factor 0" and so on.
        """
        places: dict[int, int] = {}  # image -> its tile
        nodes, maps = [], []
        starts = dict(zip(tree, np.cumsum([0, *tree]).tolist(), strict=False))  # k -> the place of its first node
        above = 0
        for k in tree:
            result = tree[k]
            coarse = [result.coarse_heatmaps(i) for i in range(len(result))]
            gains, shares, filled = contrast(coarse), result.factorization.strength, tree.by_image(k)
            for f in range(k):
                best = np.argsort(-filled[f], kind="stable")[:images].tolist()
                maps += [gains[f] * coarse[i][[f]] for i in best]
                parent = tree.parent(k, f)
                nodes.append(
                    {
                        "k": k,
                        "factor": f,
                        "parent": -1 if parent is None else starts[above] + parent,
                        "overlap": tree.overlap(k, f),
                        "share": float(shares[f]),
                        "tiles": [places.setdefault(i, len(places)) for i in best],
                    }
                )
            above = k
        pictures = tree.results[0].images
        tiles = [encode_tile(pictures, i) for i in places]
        heat, grids = pack_heat(maps)
        with self._lock, self.hold_sync():
            self.nodes, self.tiles, self.heat, self.grids = nodes, tiles, heat, grids
            self.captions = [pictures.names[i] for i in places]
            self.colors = [tree.color(*node) for node in tree.nodes]
            self.names = [(names or {}).get(node, f"factor {node.factor}") for node in tree.nodes]
            self.selected = self.selected if tuple(self.selected) in tree.nodes else []
            self.k = self.k if self.k in tree else 0

    @t.validate("selected")  # type: ignore[untyped-decorator]
    def _a_node(self, proposal: Any) -> list[int]:
        chosen = list(proposal["value"])
        if chosen and chosen not in [[node["k"], node["factor"]] for node in self.nodes]:
            ks = sorted({node["k"] for node in self.nodes})
            raise t.TraitError(f"selected is {chosen}; give [] or [k, factor] of a tree with k in {ks}")
        return chosen

    @t.observe("selected")  # type: ignore[untyped-decorator]
    def _its_level(self, change: Any) -> None:
        if change["new"]:
            self.k = change["new"][0]

    def __repr__(self) -> str:
        ks = sorted({node["k"] for node in self.nodes})
        chosen = f", selected {self.selected}" if self.selected else ""
        return f"TreeView({len(self.nodes)} factors of k = {', '.join(map(str, ks))}{chosen})" if ks else "TreeView()"
