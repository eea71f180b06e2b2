"""The box for a network that a picker does not offer: one types a part of its name, and takes what fits."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as w

from .jobs import LatestJob, Ticket

OTHER = "another…"  # what a picker calls it


class NetworkSearch(w.Combobox):
    """Offers every name that `load_network` knows; hidden until it is asked for, and only then are they looked up.

    Args:
        width: in CSS units.
        ask: called with what was entered.
    """

    def __init__(self, width: str, ask: Callable[[str], object]) -> None:
        self._jobs = LatestJob("dff-names")  # the names are torchvision's and timm's, which take seconds to import
        super().__init__(continuous_update=False, layout=w.Layout(width=width, display="none"))
        self.observe(lambda change: ask(change["new"].strip()) if change["new"].strip() else None, "value")

    def show(self, shown: bool) -> None:
        """Be there, or be hidden again."""
        self.layout.display = "" if shown else "none"
        if shown and not self.options:
            self.placeholder = "looking up the names …"
            self._jobs.submit(self._look_up)

    def _look_up(self, _ticket: Ticket) -> None:
        from ..networks import network_names

        names = network_names()
        self.options = tuple(names)
        self.placeholder = f"search {len(names):,} names, then Enter"
