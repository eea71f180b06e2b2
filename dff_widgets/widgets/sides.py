"""One side of a comparison: its settings, the pipeline that answers them, and its toolbar."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import traitlets as t
from torch import nn

from ..evaluation import baselines
from ..extraction import Activations
from ..factorization import Sketch
from ..images import ImageSet
from ..names import EMBEDDED
from ..networks import Network
from ..result import DFFResult
from ..scale import Store
from .controls import LAYERS_SAY, MOST_FACTORS, NETWORKS, Grids, layer_title, pairs
from .network_search import OTHER, NetworkSearch
from .pipeline import _IN_MEMORY, _MAX_SKETCH_RANK, Pipeline, Report
from .request import Request

if TYPE_CHECKING:
    from .comparison import DFFComparison

DEFAULTS: Mapping[str, Any] = {"network": EMBEDDED, "layer": "", "k": 4, "method": "dff", "seed": 0}

_METHODS = {"dff": "DFF", "pca": "PCA", "kmeans": "k-means"}
_FITS = {"pca": baselines.pca, "kmeans": baselines.kmeans}


def settings(given: Any, base: Mapping[str, Any], which: str) -> dict[str, Any]:
    """The complete settings of a side.

    Args:
        given: some of them; another network than that of `base` begins at its default layer.
        base: where the others come from.
        which: the side, for what is said when they are wrong.

    Raises:
        TraitError: they are no mapping, or one of them is unknown or of the wrong kind.
    """
    if not isinstance(given, Mapping) or not set(given) <= set(DEFAULTS):
        said = list(given) if isinstance(given, Mapping) else given
        raise t.TraitError(f"{which} is given {said!r}; give a dict of {', '.join(DEFAULTS)}")
    found = {**base, **given}
    if "layer" not in given and found["network"] != base["network"]:
        found["layer"] = ""
    if found["method"] not in _METHODS:
        raise t.TraitError(f"the method of {which} is {found['method']!r}; it is one of {', '.join(_METHODS)}")
    for name in ("k", "seed"):
        try:
            found[name] = operator.index(found[name])
        except TypeError:
            raise t.TraitError(f"{name} of {which} is {found[name]!r}; give a whole number") from None
    if not isinstance(found["layer"], str) or not isinstance(found["network"], str | Network | nn.Module):
        raise t.TraitError(
            f"{which} has the network {type(found['network']).__name__} and the layer {found['layer']!r}; "
            "give names, an nn.Module or a Network"
        )
    return found


def request_of(side: Mapping[str, Any], network: Network, images: ImageSet, size: int) -> Request:
    """What `Methods` is asked for; on a layer with negative activations DFF is semi-NMF."""
    layer = network.layer(side["layer"] or None)
    solver = ("hals" if layer.nonnegative else "semi") if side["method"] == "dff" else side["method"]
    return Request(images, side["network"], layer.name, side["k"], solver, side["seed"], size)


def title(side: Mapping[str, Any]) -> str:
    """The settings in one line."""
    network = side["network"]
    named = network if isinstance(network, str) else getattr(network, "name", type(network).__name__)
    return f"{named} · {side['layer'] or 'default layer'} · {_METHODS[side['method']]}, k = {side['k']}"


def explained(request: Request, result: DFFResult) -> float | None:
    """The part (0..1) of the activations' energy that the factors hold; None for one of the two clusters of k = 1."""
    if request.solver == "kmeans" and request.k == 1:
        return None
    return float(1 - result.factorization.error**2)


class Methods(Pipeline):
    """A pipeline that also answers requests whose solver is ``"pca"`` or ``"kmeans"``, from the same activations."""

    def _result(self, request: Request, report: Report) -> DFFResult:
        fit = _FITS.get(request.solver)
        if fit is None:
            return super()._result(request, report)
        network, images = self.network(request.network, report), request.images
        layer = network.layer(request.layer or None).name
        where = (images, network, layer, request.size)

        def prepare() -> tuple[Activations | Store, Sketch]:
            found = self._extracted(network, images, layer, request.size, report)
            report("preparing", 0, 0)
            return found, Sketch(self._placed(found), rank=min(_MAX_SKETCH_RANK, *found.matrix.shape))

        def compute() -> DFFResult:
            activations, _ = self._activations.get(where, prepare)
            if isinstance(activations, Store):
                raise ValueError(f"{len(images)} images are too many for {request.solver}; give at most {_IN_MEMORY}")
            report(_METHODS[request.solver], 0, 0)
            return fit(activations, request.k, request.seed)

        return self._results.get((*where, request.k, request.solver, request.seed, None), compute)


class Toolbar(w.VBox):
    """Each control follows its side's settings, and sets them when a person moves it."""

    def __init__(self, comparison: DFFComparison, which: str) -> None:
        self._comparison, self._which = comparison, which

        def dropdown(name: str, options: Any, width: str) -> w.Dropdown:
            style = {"description_width": "initial"}
            return w.Dropdown(description=name, options=options, style=style, layout=w.Layout(width=width))

        self._other = NetworkSearch("230px", lambda name: comparison.set_by_person(which, "network", name))
        self.controls = {
            "network": dropdown("Network", [*NETWORKS, OTHER], "230px"),
            "layer": dropdown("Layer", [("default", "")], "230px"),
            "method": dropdown("Method", [(name, method) for method, name in _METHODS.items()], "150px"),
            "k": w.IntSlider(
                min=1,
                max=MOST_FACTORS,
                description="Factors k",
                style={"description_width": "initial"},
                layout=w.Layout(width="260px"),
            ),
        }
        self.controls["layer"].tooltip = LAYERS_SAY
        self._follow()
        for name, control in self.controls.items():
            control.observe(lambda change, name=name: self._moved(name, change["new"]), "value")
        comparison.observe(lambda _: self._follow(), which)
        network, *others = self.controls.values()
        wrap = w.Layout(flex_flow="row wrap", align_items="center")
        head = w.HTML(f"<b>{which.capitalize()}</b>", layout=w.Layout(margin="2px"))
        super().__init__([head, w.HBox([network, self._other, *others], layout=wrap)])

    def accept(self, network: Network, grids: Grids) -> None:
        """Make room for values that worked and that the controls did not offer; list the network's layers."""
        self._other.show(False)  # what did not work stays there, to be mended
        side = getattr(self._comparison, self._which)
        asked, control = side["network"], self.controls["network"]
        offered = pairs(control.options)
        if asked not in [value for _, value in offered]:
            control.options = [(asked if isinstance(asked, str) else network.name, asked), *offered]
        self.controls["k"].max = max(self.controls["k"].max, side["k"])
        listed = {layer.name: layer for layer in (network.layer(), *network.layers)}
        options = [(layer_title(layer, grids.get(name)), name) for name, layer in listed.items()]
        if list(self.controls["layer"].options) != options:
            self.controls["layer"].options = options
        self._follow()

    def _moved(self, name: str, value: Any) -> None:
        if name == "network" and value == OTHER:
            self._other.show(True)
        elif self._comparison.set_by_person(self._which, name, value) and name == "network":
            self._other.show(False)

    def _follow(self) -> None:
        """Move the controls to the settings they have a place for; `accept` makes one once the settings work."""
        with self._comparison.settling():
            for name, control in self.controls.items():
                value = getattr(self._comparison, self._which)[name]
                if name == "k":
                    possible = control.min <= value <= control.max
                else:
                    possible = value in [offered for _, offered in pairs(control.options)]
                if possible:
                    control.value = value
