"""What a `Model` tells its subscribers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..result import DFFResult
from .appearance import Appearance
from .stack import Stack
from .state import State, Status


@dataclass(frozen=True)
class StateChanged:
    """A person chose something, or what could not be had was taken back.

    Attributes:
        state: as it is after it.
        names: of the fields that changed.
    """

    state: State
    names: tuple[str, ...]


@dataclass(frozen=True)
class StackFound:
    """The stack of the place that is shown: another place's, or a longer one; or one of another layer is ready.

    Attributes:
        stack: None where other images were opened, of which nothing is known yet.
    """

    stack: Stack | None


@dataclass(frozen=True)
class ResultFound:
    """The result of the place and the k that are shown.

    Attributes:
        result: None where other images were opened, of which nothing is known yet.
    """

    result: DFFResult | None


@dataclass(frozen=True)
class AppearanceChanged:
    """Colours, names or concepts changed."""

    appearance: Appearance


@dataclass(frozen=True)
class ScoresFound:
    """Numbers about the fit to the parts changed; see `live_scores`."""

    scores: Any


@dataclass(frozen=True)
class StatusSaid:
    """Something is going on, or has ended."""

    status: Status


@dataclass(frozen=True)
class ProblemSaid:
    """Something went wrong; all is as it was before."""

    sentence: str


Event = StateChanged | StackFound | ResultFound | AppearanceChanged | ScoresFound | StatusSaid | ProblemSaid
