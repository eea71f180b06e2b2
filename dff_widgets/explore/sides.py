"""The sides of a comparison: their settings, the results that answer them, and which factor is which of the other's."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..evaluation import baselines
from ..images import ImageSet
from ..names import EMBEDDED
from ..result import DFFResult
from .matching import ALIKE, map_likeness, match
from .memo import Memo
from .pipeline import Pipeline
from .prepared import Report
from .state import Place, Request

if TYPE_CHECKING:
    from ..networks import Network

Settings = dict[str, Any]
Row = tuple[int | None, int | None]

SIDES = ("left", "right")
METHODS = {"dff": "DFF", "pca": "PCA", "kmeans": "k-means"}
DEFAULTS: Mapping[str, Any] = {"network": EMBEDDED, "layer": "", "k": 4, "method": "dff", "seed": 0}
_FITS: dict[str, Callable[..., DFFResult]] = {"pca": baselines.pca, "kmeans": baselines.kmeans}


def settings(given: Any, base: Mapping[str, Any], which: str) -> Settings:
    """The complete settings of a side.

    Args:
        given: some of them; another network than that of `base` begins at its default layer.
        base: where the others come from.
        which: the side, for what is said when they are wrong.

    Raises:
        ValueError: they are no mapping, or one of them is unknown or of the wrong kind.
    """
    if not isinstance(given, Mapping) or not set(given) <= set(DEFAULTS):
        said = list(given) if isinstance(given, Mapping) else given
        raise ValueError(f"{which} is given {said!r}; give a dict of {', '.join(DEFAULTS)}")
    found = {**base, **given}
    if "layer" not in given and found["network"] != base["network"]:
        found["layer"] = ""
    if found["method"] not in METHODS:
        raise ValueError(f"the method of {which} is {found['method']!r}; it is one of {', '.join(METHODS)}")
    for name in ("k", "seed"):
        try:
            found[name] = operator.index(found[name])
        except TypeError:
            raise ValueError(f"{name} of {which} is {found[name]!r}; give a whole number") from None
    if not isinstance(found["layer"], str) or not _is_network(found["network"]):
        raise ValueError(
            f"{which} has the network {type(found['network']).__name__} and the layer {found['layer']!r}; "
            "give names, an nn.Module or a Network"
        )
    return found


def _is_network(value: Any) -> bool:
    if isinstance(value, str):
        return True
    from torch import nn  # whoever gives a module has waited for it already

    from ..networks import Network

    return isinstance(value, nn.Module | Network)


def network_name(network: Any) -> str:
    """A network in words."""
    return network if isinstance(network, str) else str(getattr(network, "name", type(network).__name__))


def title(side: Mapping[str, Any]) -> str:
    """The settings in one line."""
    return (
        f"{network_name(side['network'])} · {side['layer'] or 'default layer'} · "
        f"{METHODS[side['method']]}, k = {side['k']}"
    )


def explained(request: Request, result: DFFResult) -> float | None:
    """The part (0..1) of the activations' energy that the factors hold; None for one of the two clusters of k = 1."""
    if request.solver == "kmeans" and request.k == 1:
        return None
    return float(1 - result.factorization.error**2)


class Methods:
    """Answers requests whose solver may be ``"pca"`` or ``"kmeans"`` too, from the activations of a pipeline.

    Args:
        pipeline: whose activations, networks and stacks.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._fitted: Memo[DFFResult] = Memo(most=16)

    def request(self, side: Mapping[str, Any], images: ImageSet, size: int, report: Report) -> Request:
        """What a side asks for; on a layer with negative activations DFF is semi-NMF.

        Raises:
            ValueError, TypeError, ConnectionError: there is no such network or layer.
        """
        network: Network = self.pipeline.network(side["network"], report)
        layer = network.layer(side["layer"] or None)
        solver = ("hals" if layer.nonnegative else "semi") if side["method"] == "dff" else side["method"]
        return Place(images, side["network"], layer.name, solver, side["seed"], size).at(side["k"])

    def result(self, request: Request, report: Report) -> DFFResult:
        """The result of a request.

        Raises:
            ValueError, TypeError, ConnectionError: as the stages raise them.
        """
        fit = _FITS.get(request.solver)
        if fit is None:
            return self.pipeline.result(request, report)

        def compute() -> DFFResult:
            prepared = self.pipeline.prepared(request.place, report)
            if prepared.stored:
                raise ValueError(f"{len(request.images)} images are too many for {METHODS[request.solver]}; give fewer")
            report(METHODS[request.solver], 0, 0)
            return fit(prepared.activations, request.k, request.seed)

        return self._fitted.get(request, compute, report)


def pair(left: DFFResult, right: DFFResult) -> tuple[DFFResult, list[Row], list[float | None]]:
    """Put the factors of two results into rows, those that are alike into the same one.

    Returns:
        `right` with its matched factors first, in the order of their partners; per row the factor of each side, None
        where it has none: first the factors of the left, then what only the right has; and per row the likeness.
    """
    alike = map_likeness(left, right)
    partner = dict(sorted(match(alike, ALIKE).items()))
    matched = list(partner.values())
    places = {f: place for place, f in enumerate(partner)}
    rows: list[Row] = [(f, places.get(f)) for f in range(left.k)]
    rows += [(None, g) for g in range(len(matched), right.k)]
    right = right.reorder([*matched, *(g for g in range(right.k) if g not in matched)])
    return right, rows, [float(alike[f, partner[f]]) if f in partner else None for f, _ in rows]
