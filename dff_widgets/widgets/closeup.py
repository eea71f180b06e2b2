"""The selected factor from close up, inside the explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from .inspector import FactorInspector

if TYPE_CHECKING:
    from .explorer import DFFExplorer


class Closeup(w.VBox):
    """Follows the explorer's selected factor while its `closeup` is on; what is not shown is not computed.

    Args:
        explorer: whose factors these are.
    """

    children: Any

    def __init__(self, explorer: DFFExplorer) -> None:
        self._explorer = explorer
        self.inspector = FactorInspector()
        self._hint = w.Label("Select a factor to look closer: click its number, or the image where it is.")
        super().__init__()
        explorer.observe(lambda _: self.refresh(), ["closeup", "selected", "result", "labels", "colors"])

    def refresh(self) -> None:
        """Look at the selected factor, if it is wanted."""
        explorer = self._explorer
        result, factor = explorer.result, explorer.selected
        if not explorer.closeup:
            self.children = ()
        elif result is None or not 0 <= factor < min(result.k, len(explorer.colors)):
            self.children = (self._hint,)
        else:
            name = explorer.labels.title(factor) if factor in explorer.labels else None
            network = explorer.pipeline.known_network(explorer.network)
            self.inspector.show(result, factor, network, color=explorer.colors[factor], name=name)
            self.children = (self.inspector,)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the factor is shown; False when it takes longer than `timeout` seconds."""
        return self.inspector.wait(timeout)
