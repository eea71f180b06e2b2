"""The explorer's toolbar and status line, made of ipywidgets."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from ..names import EMBEDDED, PAPER
from .jobs import Ticket
from .network_search import OTHER, NetworkSearch
from .request import Request

if TYPE_CHECKING:
    from ..networks import Layer, Network
    from .explorer import DFFExplorer

Grids = Mapping[str, tuple[int, int]]  # (h, w) by the name of a layer
NETWORKS = (EMBEDDED, *PAPER, "resnet50", "densenet161", "googlenet")
LAYERS_SAY = "Shape (h×w×channels) for the first image, stride in pixels; signed: has negative activations"
SOLVERS = {"HALS": "hals", "Multiplicative (paper)": "mu", "Semi-NMF (signed)": "semi"}
_SIZES = (160, 224, 320, 448, 512)
MOST_FACTORS = 10  # of the slider; more can be set from Python


class Controls:
    """Each control follows its trait, and sets it when a person moves it."""

    def __init__(self, explorer: DFFExplorer) -> None:
        self._explorer = explorer
        narrow = {"description_width": "initial"}

        def dropdown(name: str, options: Any, width: str) -> w.Dropdown:
            return w.Dropdown(description=name, options=options, style=narrow, layout=w.Layout(width=width))

        self._network = dropdown("Network", [*NETWORKS, OTHER], "235px")
        self._other = NetworkSearch("250px", lambda name: explorer.set_by_person("network", name))
        self._layer = dropdown("Layer", [("default", "")], "280px")
        self._layer.tooltip = LAYERS_SAY  # no argument: not in ipywidgets 7
        self._k = w.IntSlider(
            min=1, max=MOST_FACTORS, description="Factors k", style=narrow, layout=w.Layout(width="235px")
        )
        self._solver = dropdown("Solver", tuple(SOLVERS.items()), "180px")
        self._seed = w.BoundedIntText(
            min=0, max=2**31 - 1, description="Seed", style=narrow, layout=w.Layout(width="95px")
        )
        self._size = dropdown("Image size", [(f"{s} px", s) for s in _SIZES], "155px")

        self._refine = w.Checkbox(description="Refine (CRF)", indent=False, layout=w.Layout(width="110px"))
        self._tree = w.Checkbox(description="Tree of k", indent=False, layout=w.Layout(width="90px"))
        self._closeup = w.Checkbox(description="Look closer", indent=False, layout=w.Layout(width="100px"))
        self._sweep = w.Checkbox(description="Sweep", indent=False, layout=w.Layout(width="75px"))
        self._bar = w.FloatProgress(min=0, max=1, layout=w.Layout(width="160px", height="18px", visibility="hidden"))
        self._status = w.HTML(layout=w.Layout(flex="1 1 auto", min_width="0"))
        self._cancel = w.Button(description="Cancel", icon="times", layout=w.Layout(width="90px", visibility="hidden"))
        self._start = w.Button(description="Start", icon="play", layout=w.Layout(width="80px", display="none"))
        self._back = w.Button(description="◂", layout=w.Layout(width="36px"))
        self._forth = w.Button(description="▸", layout=w.Layout(width="36px"))
        self._place = w.Label()
        self._pager = w.HBox([self._back, self._place, self._forth], layout=w.Layout(display="none"))

        self._pickers = {
            "network": self._network,
            "layer": self._layer,
            "k": self._k,
            "solver": self._solver,
            "seed": self._seed,
            "size": self._size,
            "refine": self._refine,
            "hierarchy": self._tree,
            "closeup": self._closeup,
            "sweep": self._sweep,
        }
        for name, control in self._pickers.items():
            control.observe(lambda change, name=name: self._moved(name, change["new"]), "value")
            explorer.observe(lambda change, name=name: self._follow(name, change["new"]), name)
            self._follow(name, getattr(explorer, name))
        self._start.on_click(lambda _: explorer.start())
        explorer.observe(lambda c: setattr(self._start.layout, "display", "" if c["new"] else "none"), "held")
        self._cancel.on_click(lambda _: explorer.cancel())
        self._back.on_click(lambda _: explorer.turn_page(-1))
        self._forth.on_click(lambda _: explorer.turn_page(+1))
        explorer.observe(self._show_state, ["busy", "progress", "status", "error"])
        explorer.observe(self._show_page, ["page", "images", "shown", "sort", "filter", "result"])
        self._show_page()

    def rows(self) -> list[w.Widget]:
        """Toolbar and status line."""
        wrap = w.Layout(flex_flow="row wrap", align_items="center")
        first, *others = self._pickers.values()
        pickers = [first, self._other, *others]
        status = [self._start, self._status, self._bar, self._cancel, self._pager]
        return [
            w.HBox(pickers, layout=wrap),
            w.HBox(status, layout=w.Layout(align_items="center", min_height="34px")),
        ]

    def accept(self, network: Network, request: Request, grids: Grids) -> None:
        """Make room for values that worked and that the controls did not offer; list the network's layers."""
        self._other.show(False)  # what did not work stays there, to be mended
        self._offer(self._network, getattr(request.network, "name", type(request.network).__name__), request.network)
        self._offer(self._size, f"{request.size} px", request.size)
        self._k.max = max(self._k.max, request.k)
        # The layers that suit the solver: the default first, then all in forward order.
        signed = request.solver == "semi" or not any(layer.nonnegative for layer in network.layers)
        fit = [layer for layer in network.layers if layer.nonnegative or signed]
        listed = {layer.name: layer for layer in (network.layer(), *fit, network.layer(request.layer))}
        options = [(layer_title(layer, grids.get(name)), name) for name, layer in listed.items()]
        if list(self._layer.options) != options:
            self._layer.options = options
        for name, control in self._pickers.items():
            control.value = getattr(self._explorer, name)

    @staticmethod
    def _offer(control: w.Dropdown, label: str, value: Any) -> None:
        options = pairs(control.options)
        if value not in [v for _, v in options]:
            control.options = [(value if isinstance(value, str) else label, value), *options]

    # ------------------------------------------------------------------------------------------ controls and traits
    def _moved(self, name: str, value: Any) -> None:
        if name == "network" and value == OTHER:
            self._other.show(True)
        elif self._explorer.set_by_person(name, value) and name == "network":
            self._other.show(False)

    def _follow(self, name: str, value: Any) -> None:
        """Move the control to the value, where it has a place for it; `accept` makes one once the value works."""
        control = self._pickers[name]
        if isinstance(control, w.Dropdown):
            possible = value in [v for _, v in pairs(control.options)]
        elif isinstance(control, w.Checkbox):
            possible = True
        else:
            possible = control.min <= value <= control.max
        if possible:
            with self._explorer.settling():
                control.value = value

    # ----------------------------------------------------------------------------------------------- status and page
    def _show_state(self, _change: Any) -> None:
        explorer = self._explorer
        self._bar.value = explorer.progress
        self._bar.layout.visibility = self._cancel.layout.visibility = "visible" if explorer.busy else "hidden"
        color = "var(--jp-error-color1, #b00020)" if explorer.error else "inherit"
        mark = "⚠ " if explorer.error else ""
        self._status.value = f'<span role="status" style="color:{color}">{mark}{html.escape(explorer.status)}</span>'

    def _show_page(self, _change: Any = None) -> None:
        page, pages = self._explorer.page, self._explorer.pages
        self._pager.layout.display = "none" if pages == 1 else "flex"
        self._place.value = f"page {page + 1} of {pages}"
        self._back.disabled, self._forth.disabled = page == 0, page >= pages - 1


class Reporter:
    """What a job calls as it goes: ends it when it is no longer wanted, else says what is being done, and how long."""

    def __init__(self, explorer: DFFExplorer, ticket: Ticket) -> None:
        self._explorer, self._ticket = explorer, ticket
        self._step, self._start = "", 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        """`done` of `total` are done (0 of 0: nobody knows)."""
        now = time.monotonic()
        if step != self._step:
            self._step, self._start = step, now
        left = f" · about {(now - self._start) * (total - done) / done:.0f} s left" if 0 < done < total else ""
        with self._explorer.settling():
            self._ticket.check()
            self._explorer.status = f"{step} {done}/{total}{left}" if total else f"{step} …"
            self._explorer.progress = done / total if total else 0.0


def layer_title(layer: Layer, grid: tuple[int, int] | None = None) -> str:
    """What a picker of layers says of one: its name, shape, stride, and whether it has negative activations.

    Args:
        layer: the layer.
        grid: (h, w) for some image; without it the shape is the channels alone.
    """
    shape = f"{layer.channels} ch" if grid is None else "×".join(map(str, (*grid, layer.channels)))
    return f"{layer.name} · {shape} · /{layer.stride}" + ("" if layer.nonnegative else " · signed")


def pairs(options: Any) -> list[tuple[str, Any]]:
    """The options of a picker as (what is read, value)."""
    return [option if isinstance(option, tuple) else (option, option) for option in options]
