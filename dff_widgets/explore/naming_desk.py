"""What the browser asks about names, answered; see `desk`."""

from __future__ import annotations

from collections.abc import Callable

from .desk import Ask
from .live_scores import LiveScores
from .naming import Namer
from .undoing import Undoing


def naming_desk(namer: Namer, scores: LiveScores, undoing: Undoing) -> dict[str, Callable[[Ask], object]]:
    """By name what answers a message about names: ``name``, ``toggle``, ``assign``, ``clear``, ``undo``, ``redo``.

    Args:
        namer: that gives the names.
        scores: whose coverage they are assigned by.
        undoing: takes back what was done last, of whatever kind.
    """

    def name(ask: Ask) -> None:
        namer.name(int(ask.content["factor"]), str(ask.content["text"]))
        ask.answer()

    def toggle(ask: Ask) -> None:
        namer.toggle(int(ask.content["factor"]), str(ask.content["part"]))
        ask.answer()

    def assign(ask: Ask) -> None:
        threshold = float(ask.content.get("threshold", scores.coverage_threshold))
        namer.assign(scores.coverage_so_far(), threshold)  # by what is known, without waiting for the rest
        scores.coverage_threshold = threshold
        ask.answer()

    def clear(ask: Ask) -> None:
        namer.clear()
        ask.answer()

    def undo(ask: Ask) -> None:
        ask.answer(said=undoing.undo().said)

    def redo(ask: Ask) -> None:
        ask.answer(said=undoing.redo().said)

    return {"name": name, "toggle": toggle, "assign": assign, "clear": clear, "undo": undo, "redo": redo}
