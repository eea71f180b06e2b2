"""The tree of factors inside the explorer: computed when it is asked for, and a way to go from k to k."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np

from ..hierarchy import FactorTree
from ..result import DFFResult
from .jobs import CancelledError, LatestJob, Ticket
from .request import Request
from .tree import TreeView

if TYPE_CHECKING:
    from .explorer import DFFExplorer

_LEAST = 5  # levels of a tree, where the activations have as many


class Branches(w.VBox):
    """Shows the factors for k = 1, 2, ... of what the explorer shows; a click goes to that k, that factor selected.

    While it is shown its colours are the explorer's, so that a concept keeps its hue from level to level.

    Args:
        explorer: whose factors these are.
    """

    children: Any

    def __init__(self, explorer: DFFExplorer) -> None:
        self._explorer = explorer
        self._jobs = LatestJob("dff-tree")
        self._tree: FactorTree | None = None
        self._about: Request | None = None  # what the tree is of, its k aside
        self._going: list[int] = []  # [k, factor] that was clicked, until its result is there
        self.view = TreeView(lock=explorer.lock)
        self.view.observe(self._chosen, "selected")
        self._said = w.HTML()
        super().__init__()
        explorer.observe(lambda _: self._mark(), "labels")

    def refresh(self, request: Request) -> None:
        """Follow the explorer: make the tree of the request, if it is wanted and is not there."""
        if not self._explorer.hierarchy:
            self.children = ()
            return
        about = dataclasses.replace(request, k=0, refine=False, basis=None)
        known = self._tree is not None and self._about == about
        if known and self._tree is not None and request.k in self._tree:
            self._mark()
            return
        self.children = (self._said, self.view) if known else (self._said,)
        self._said.value = "<span role='status'>growing the tree …</span>"
        self._jobs.submit(lambda ticket: self._grow(about, max(_LEAST, request.k), ticket))

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the tree is there; False when it takes longer than `timeout` seconds."""
        return self._jobs.wait(timeout)

    def colors(self, result: DFFResult) -> list[str] | None:
        """The colours of the factors of a result that the tree has, else None."""
        order = self._order(result)
        return None if order is None or self._tree is None else [self._tree.color(result.k, f) for f in order]

    def _order(self, result: DFFResult) -> list[int] | None:
        """Per factor of a result its place in the tree's level, or None where the tree has no such result."""
        tree = self._tree
        if not self._explorer.hierarchy or tree is None or result.k not in tree:
            return None
        own, its = (np.asarray(r.factorization.W) for r in (result, tree[result.k]))
        if own.shape != its.shape:
            return None
        order = [int(np.abs(its - row).sum(axis=1).argmin()) for row in own]
        return order if np.allclose(its[order], own) else None

    def _grow(self, about: Request, most: int, ticket: Ticket) -> None:
        explorer, results = self._explorer, []
        try:
            for k in range(1, most + 1):
                ticket.check()
                results.append(explorer.pipeline.result(dataclasses.replace(about, k=k), lambda *_: ticket.check()))
            tree = FactorTree.of(results)
            with explorer.settling():
                ticket.check()
                self._tree, self._about = tree, about
                self.view.show(tree)
                self._said.value = ""
                self.children = (self.view,)
                self._mark()
                explorer.recolor()
        except CancelledError:
            raise
        except Exception as error:  # such as fewer channels than levels: the explorer goes on without a tree
            with explorer.settling():
                ticket.check()
                self._said.value = ""
                explorer.status = f"no tree: {error}"

    def _mark(self) -> None:
        """Mark the level and the factor that the explorer shows, and call the factors as it does."""
        explorer, tree = self._explorer, self._tree
        result = explorer.result
        order = None if result is None else self._order(result)
        if tree is None or result is None or order is None:
            return
        names = {(result.k, f): explorer.labels.title(j) for j, f in enumerate(order)}
        with self.view.hold_sync():
            self.view.names = [names.get((n.k, n.factor), f"factor {n.factor}") for n in tree.nodes]
            self.view.k = result.k
            if self._going and self._going[0] == result.k:
                explorer.selected, self._going = order.index(self._going[1]), []

    def _chosen(self, change: Any) -> None:
        if change["new"]:
            explorer = self._explorer
            self._going = list(change["new"])
            if explorer.k == self._going[0]:
                self._mark()
            else:
                explorer.k = self._going[0]
