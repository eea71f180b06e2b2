"""The explorer without widgets: what a person chooses, what follows from it, and who computes it.

    model = Model(images, k=3)
    stop = model.subscribe(print)     # StateChanged, StackFound, ResultFound, AppearanceChanged, StatusSaid, ...
    model.ask(k=4, layer="blocks.4.2.bn2")
    model.wait(); model.result; model.stack; model.appearance

Nothing here imports a widget library; torch is imported by the first computation.
"""

from .appearance import Appearance
from .events import (
    AppearanceChanged,
    Event,
    ProblemSaid,
    ResultFound,
    ScoresFound,
    StackFound,
    StateChanged,
    StatusSaid,
)
from .jobs import CancelledError, Inline, Jobs, LatestJob, Ticket
from .live_scores import LiveScores, Scores
from .model import Model
from .moment import Now
from .naming import Namer
from .session_keeper import SessionKeeper
from .stack import KS, Stack
from .state import Basis, Place, Request, State, Status

__all__ = [
    "KS",
    "Appearance",
    "AppearanceChanged",
    "Basis",
    "CancelledError",
    "Event",
    "Inline",
    "Jobs",
    "LatestJob",
    "LiveScores",
    "Model",
    "Namer",
    "Now",
    "Place",
    "ProblemSaid",
    "Request",
    "ResultFound",
    "Scores",
    "ScoresFound",
    "SessionKeeper",
    "Stack",
    "StackFound",
    "State",
    "StateChanged",
    "Status",
    "StatusSaid",
    "Ticket",
]
