"""The sweep over layers, k and seeds inside the explorer: what it runs over, and a click on a point goes there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from .controls import MOST_FACTORS, layer_title

if TYPE_CHECKING:
    from ..networks import Network
    from .explorer import DFFExplorer
    from .sweep import SweepView

_LAYERS = 3  # curves at first
_ABOUT = "A curve each. Name, channels, stride in pixels; signed: has negative activations, so semi-NMF factorizes it"
_HINT = f'<span title="{_ABOUT}">Ctrl (⌘) or Shift and a click: several layers</span>'  # a list has no tooltip


def distant_layers(network: Network, layer: str, most: int = _LAYERS) -> list[str]:
    """A layer, and before it the last one of each coarser-grained stage: layers worth comparing.

    Args:
        network: the network.
        layer: a name that ``network.layer`` knows.
        most: how many, at most.
    """
    first, names = network.layer(layer), [one.name for one in network.layers]
    if layer in names:
        before = network.layers[: names.index(layer)]
    else:  # a listed one by another name
        before = tuple(one for one in network.layers if one.stride < first.stride)
    found = {first.stride: layer}
    for one in reversed(before):
        if one.nonnegative == first.nonnegative:
            found.setdefault(one.stride, one.name)
    return list(found.values())[:most]


class SweepPickers(w.HBox):
    """A row of controls: which layers, k and seeds a sweep runs over. Each follows its view, and is followed by it."""

    def __init__(self) -> None:
        self._view: SweepView | None = None
        self._settling = False  # True while the controls follow the view
        self._titles: dict[str, str] = {}  # of the layers, by name
        self.layers = w.SelectMultiple(description="Layers", rows=6, layout=w.Layout(width="360px", max_width="100%"))
        self.ks = w.IntRangeSlider(
            value=(1, MOST_FACTORS),
            min=1,
            max=MOST_FACTORS,
            description="Range of k",
            continuous_update=False,  # points that a slider only passes over would be taken away
            layout=w.Layout(width="310px", max_width="100%"),
        )
        self.seeds = w.BoundedIntText(1, min=1, max=99, description="Seeds", layout=w.Layout(width="130px"))
        self.ks.tooltip = "The numbers of factors, from the first to the last"  # no argument: not in ipywidgets 7
        self.seeds.tooltip = "How many random starts of each factorization: 0, 1, ...; a curve is their mean"
        hint = w.HTML(_HINT, layout=w.Layout(margin="2px 2px 2px 84px"))
        for control in (self.layers, self.ks, self.seeds):
            control.style.description_width = "74px"
        self.layers.observe(lambda change: self._choose("layers", change["new"]), "value")
        self.ks.observe(lambda change: self._choose("ks", range(change["new"][0], change["new"][1] + 1)), "value")
        self.seeds.observe(lambda change: self._choose("seeds", range(change["new"])), "value")
        super().__init__(
            [self.layers, w.VBox([self.ks, self.seeds, hint])],
            layout=w.Layout(flex_flow="row wrap", align_items="flex-start"),
        )

    def accept(self, view: SweepView, network: Network, most: int) -> None:
        """Go on with another sweep.

        Args:
            view: the sweep.
            network: of the view.
            most: a k to offer.
        """
        if self._view is not None:
            self._view.unobserve(self._follow, ["layers", "ks", "seeds"])
        self._view = view
        titles = {one.name: layer_title(one) for one in network.layers}
        self._titles = {**dict.fromkeys(view.layers, ""), **titles}  # those that are chosen at first come first
        self.ks.max = max(MOST_FACTORS, most)
        self._follow()
        view.observe(self._follow, ["layers", "ks", "seeds"])

    def _choose(self, name: str, values: Sequence[Any]) -> None:
        if self._settling:
            return
        if values:
            setattr(self._view, name, list(values))
        else:  # no layer at all: the last one stays
            self._follow()

    def _follow(self, _change: Any = None) -> None:
        """Show what the view runs over, as far as there is a place for it: code may give it ks that are no range."""
        view, self._settling = self._view, True
        assert view is not None
        try:
            self._titles |= {name: name for name in view.layers if not self._titles.get(name)}  # not listed
            options = [(title, name) for name, title in self._titles.items()]
            if list(self.layers.options) != options:
                self.layers.options = options
            self.layers.value = view.layers
            self.ks.max = max(self.ks.max, *view.ks)
            self.ks.value = view.ks[0], view.ks[-1]
            self.seeds.value = len(view.seeds)
        finally:
            self._settling = False


class SweepPane(w.VBox):
    """Made when the explorer's `sweep` is turned on, for its images and network; begins when a person starts it.

    Args:
        explorer: that a click on a point moves.
    """

    children: Any

    def __init__(self, explorer: DFFExplorer) -> None:
        self._explorer = explorer
        self.view: SweepView | None = None
        self.pickers = SweepPickers()
        super().__init__()
        self.add_class("dffw-sweep-pane")
        explorer.observe(lambda _: self.refresh(), ["sweep", "images", "network", "result"])

    def refresh(self) -> None:
        """Show the sweep, if it is wanted and the explorer has something to sweep over."""
        explorer = self._explorer
        network = explorer.pipeline.known_network(explorer.network)
        if not explorer.sweep or network is None or explorer.result is None:
            if self.view is not None:
                self.view.cancel()
            self.children = ()
            return
        if self.view is None or (self.view.images, self.view.network) != (explorer.images, network):
            self._renew(network, explorer.result.layer, explorer.result.size)
        self.children = (self.pickers, self.view)

    def _renew(self, network: Network, layer: str, size: int) -> None:
        """A sweep for other images or another network; what a person chose stays where it fits."""
        from .sweep import SweepView  # with torch, which what is shown first need not wait for

        chosen: dict[str, Any] = {}
        if self.view is not None:
            chosen = {"ks": self.view.ks, "seeds": self.view.seeds}
            if self.view.network is network:
                chosen["layers"] = self.view.layers
            self.view.close()
        chosen.setdefault("layers", distant_layers(network, layer))
        self.view = SweepView(
            self._explorer.images, network=network, size=size, on_select=self._go, start=False, **chosen
        )
        self.pickers.accept(self.view, network, self._explorer.k)

    def _go(self, point: Mapping[str, Any]) -> None:
        explorer = self._explorer
        with explorer.hold_trait_notifications():  # one request
            explorer.layer, explorer.k, explorer.seed = point["layer"], point["k"], point["seed"]
