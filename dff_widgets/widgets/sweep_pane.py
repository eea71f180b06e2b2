"""The sweep over layers, k and seeds inside the explorer: a click on a point goes there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from ..networks import Network
from .sweep import SweepView

if TYPE_CHECKING:
    from .explorer import DFFExplorer

_LAYERS = 3  # curves at first; `view.layers` takes others


def distant_layers(network: Network, layer: str, most: int = _LAYERS) -> list[str]:
    """A layer, and before it the last one of each coarser-grained stage: layers worth comparing.

    Args:
        network: the network.
        layer: a name in ``network.layers``.
        most: how many, at most.
    """
    names = [one.name for one in network.layers]
    found = {network.layer(layer).stride: layer}
    for one in reversed(network.layers[: names.index(layer)]):
        if one.nonnegative == network.layer(layer).nonnegative:
            found.setdefault(one.stride, one.name)
    return list(found.values())[:most]


class SweepPane(w.VBox):
    """Made when the explorer's `sweep` is turned on, for its images and network; begins when a person starts it.

    Args:
        explorer: that a click on a point moves.
    """

    children: Any

    def __init__(self, explorer: DFFExplorer) -> None:
        self._explorer = explorer
        self.view: SweepView | None = None
        super().__init__()
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
            if self.view is not None:
                self.view.close()
            layers = distant_layers(network, explorer.result.layer)
            self.view = SweepView(
                explorer.images,
                network=network,
                layers=layers,
                size=explorer.result.size,
                on_select=self._go,
                start=False,
            )
        self.children = (self.view,)

    def _go(self, point: Mapping[str, Any]) -> None:
        explorer = self._explorer
        with explorer.hold_trait_notifications():  # one request
            explorer.layer, explorer.k, explorer.seed = point["layer"], point["k"], point["seed"]
