"""What a person can choose, what a result depends on, and what is said about it: plain, immutable data."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..images import ImageSet
from ..names import EMBEDDED

if TYPE_CHECKING:
    from ..result import DFFResult

LOOKS = ("heat", "sharp", "masks")
PHOTOS = ("grey", "colour", "dim")
SORTS = ("as given", "name", "factor", "doubt")
REVIEWED = ("", "unreviewed", "accepted", "rejected")
TABS = ("gallery", "tree", "compare", "sweep")
THRESHOLDS = (None, "auto", "otsu")
FOCI = (None, "object")
SOLVERS = {"HALS": "hals", "Multiplicative (paper)": "mu", "Semi-NMF (signed)": "semi"}
LOWEST_SIZE, HIGHEST_SIZE = 16, 4096  # pixels; below, a network has no positions left

PLACED = ("images", "network", "layer", "solver", "seed", "size", "shown", "focus", "basis")  # what a stack depends on
FITTED = (*PLACED, "k")  # what a result depends on


@dataclass(frozen=True, eq=False)
class Basis:
    """Factors to look for in the images, in place of a factorization of them; compared by identity.

    Attributes:
        W: (k, channels).
        result: None, or a result that has this W: of a session. Where it is of the very images that are asked about, it
            is shown as it is, and nothing is extracted.
    """

    W: npt.NDArray[Any]
    result: DFFResult | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Place:
    """What a `Stack` depends on; places that are equal have the same stack.

    Attributes:
        images: compared by identity, as are a module and a `Network`.
        network: a name, an ``nn.Module`` or a `Network`.
        layer: a name; ``""`` is the network's default, which nobody knows before the network is loaded.
        solver, seed: see `nmf`.
        size: short side of the images in pixels; see `extract`.
        shown: the images that count, by index; empty for all.
        focus: None, or ``"object"`` for the parts of what the images have in common; see `DeepFeatureFactorization`.
        basis: None, or factors found elsewhere: then solver and seed do not matter.
    """

    images: ImageSet = field(repr=False)
    network: Any
    layer: str
    solver: str
    seed: int
    size: int
    shown: tuple[int, ...] = ()
    focus: str | None = None
    basis: Basis | None = None

    def at(self, k: int) -> Request:
        """The request for k factors here."""
        return Request(**{name: getattr(self, name) for name in PLACED}, k=k)


@dataclass(frozen=True)
class Request(Place):
    """What a `DFFResult` depends on: a place, and k."""

    k: int = field(kw_only=True)

    @property
    def place(self) -> Place:
        """All but k."""
        return Place(**{name: getattr(self, name) for name in PLACED})


@dataclass(frozen=True)
class State:
    """Everything a person can choose.

    Attributes:
        images: the images.
        network: a name, an ``nn.Module`` or a `Network`.
        layer: a layer's name; ``""`` asks for the network's default, and is replaced by its name when that is known.
        k: the number of factors.
        solver, seed, size, focus: see `Place`.
        shown: the images that the factors are shown in, by index; empty for all.
        basis: None, or a `Basis`; ended by whatever asks for other factors.
        held: whether nothing is computed until `Model.start`: so it is with more than a thousand images.
        look: ``"heat"``, ``"sharp"`` (maps that follow the edges) or ``"masks"``.
        photo: ``"grey"``, ``"colour"`` or ``"dim"``.
        percentile: of the masks, 0..100, per factor over the set.
        threshold: in its place ``"auto"`` or ``"otsu"``; see `DFFResult.masks`.
        sort: ``"as given"``, ``"name"``, or ``"factor"`` for the strength of the selected factor, or
            ``"doubt"`` for the least certain masks first.
        filter: only images with this in their names are shown.
        reviewed: only images with this review are shown; ``""`` for all.
        tile_size: height of a row of photos in CSS pixels; 0 for as high as fits.
        tab: of the stage.
        selected: the selected factor of the present k, or -1.
        opened: the image in focus, by index into the result's images, or -1.
    """

    images: ImageSet = field(repr=False)
    network: Any = EMBEDDED
    layer: str = ""
    k: int = 4
    solver: str = "hals"
    seed: int = 0
    size: int = 320
    shown: tuple[int, ...] = ()
    focus: str | None = None
    basis: Basis | None = None
    held: bool = False
    look: str = "heat"
    photo: str = "grey"
    percentile: float = 75.0
    threshold: str | None = None
    sort: str = "as given"
    filter: str = ""
    reviewed: str = ""
    tile_size: int = 0
    tab: str = "gallery"
    selected: int = -1
    opened: int = -1

    @property
    def place(self) -> Place:
        """What the stack depends on."""
        return Place(**{name: getattr(self, name) for name in PLACED})

    @property
    def request(self) -> Request:
        """What the result depends on."""
        return self.place.at(self.k)

    def given(self, request: Request) -> State:
        """The same look at another request."""
        return dataclasses.replace(self, **{name: getattr(request, name) for name in FITTED})


@dataclass(frozen=True)
class Status:
    """What is going on, in one line.

    Attributes:
        text: the line.
        step: what is being done, such as ``"extracting"``; empty when nothing is.
        done, total: of the step; 0 of 0 where nobody knows.
        seconds_left: an estimate, or None.
        busy: whether something is being computed that a person waits for.
        problem: None, or the sentence that says what went wrong.
    """

    text: str = ""
    step: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    busy: bool = False
    problem: str | None = None


# ----------------------------------------------------------------------------------------------------------- checking
def checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values that a `State` can have, each of its kind.

    Raises:
        ValueError: one is none; a sentence that says what arrived and what would do.
        TypeError: there is no such choice, or the value is of another kind.
    """
    known = [one.name for one in dataclasses.fields(State)]
    unknown = [name for name in changes if name not in known]
    if unknown:
        raise TypeError(f"there is no choice {unknown[0]!r}; there are {', '.join(known)}")
    return {name: _CHECKS[name](name, value) for name, value in changes.items()}


def _whole(low: int, high: int | None, what: str) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        try:
            number = low - 1 if isinstance(value, bool) else operator.index(value)
        except TypeError:
            number = low - 1
        if number < low or (high is not None and number > high):
            bounds = f"at least {low}" if high is None else f"{low} to {high}"
            raise ValueError(f"{name} is {value!r}; give {what}, {bounds}")
        return number

    return check


def _one_of(*possible: Any) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if not any(value is one or (isinstance(value, str) and value == one) for one in possible):
            raise ValueError(f"{name} is {value!r}; give {', '.join(map(repr, possible[:-1]))} or {possible[-1]!r}")
        return value

    return check


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {value!r}; give text")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is {value!r}; give True or False")
    return bool(value)


def _percentile(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value <= 100:
        raise ValueError(f"{name} is {value!r}; give a number from 0 to 100")
    return float(value)


def _network(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return value
    from torch import nn  # whoever gives a module has waited for it already

    from ..networks import Network

    if not isinstance(value, nn.Module | Network):
        raise TypeError(f"{name} is {value!r:.100}; give the name of a network, an nn.Module or a Network")
    return value


def _indices(name: str, value: Any) -> tuple[int, ...]:
    try:
        indices = tuple(operator.index(i) for i in value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}; give images by index, each once, or () for all") from None
    if len(set(indices)) < len(indices) or any(i < 0 for i in indices):
        raise ValueError(f"{name} is {indices}; give images by index from 0, each once, or () for all")
    return indices


def _basis(name: str, value: Any) -> Basis | None:
    if value is not None and not isinstance(value, Basis):
        raise TypeError(f"{name} is a {type(value).__name__}; give a Basis or None")
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "images": lambda _, value: ImageSet.of(value),
    "network": _network,
    "layer": _text,
    "k": _whole(1, None, "a number of factors"),
    "solver": _one_of(*SOLVERS.values()),
    "seed": _whole(0, 2**62, "a whole number"),
    "size": _whole(LOWEST_SIZE, HIGHEST_SIZE, "the short side of the images in whole pixels"),
    "shown": _indices,
    "focus": _one_of(*FOCI),
    "basis": _basis,
    "held": _flag,
    "look": _one_of(*LOOKS),
    "photo": _one_of(*PHOTOS),
    "percentile": _percentile,
    "threshold": _one_of(*THRESHOLDS),
    "sort": _one_of(*SORTS),
    "filter": _text,
    "reviewed": _one_of(*REVIEWED),
    "tile_size": _whole(0, 2000, "the height of a row in whole pixels, or 0 for as high as fits"),
    "tab": _one_of(*TABS),
    "selected": _whole(-1, None, "a factor, or -1 for none"),
    "opened": _whole(-1, None, "an image, or -1 for none"),
}
