"""Steering in the app: factors split, merged, dropped, added and locked by a person, each act undone at a click."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..result import DFFResult
from ..wording import sentence
from .desk import Ask
from .jobs import CancelledError, Ticket
from .model import Model
from .state import Basis
from .undoing import Kind, Step

_MOST = 100  # acts that can be undone
Change = Callable[[DFFResult, Any], DFFResult]  # of a result and its rows


class Steering:
    """Steers the factors that a model shows.

    What comes of an act is a `Basis` of the model: shown at once, kept by the session, applied to other images, and
    left by the next k or layer. The factors it leaves alone keep their names and colours, as everywhere.

    Args:
        model: whose.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._jobs = model.run("dff-steer")
        self._past: tuple[tuple[Basis | None, int], ...] = ()
        self._future: tuple[tuple[Basis | None, int], ...] = ()

    @property
    def steps(self) -> dict[str, int]:
        """How many acts can be undone, and done again: ``{undo, redo}``."""
        return {"undo": len(self._past), "redo": len(self._future)}

    def act(self, change: Change, done: Callable[[], object], refused: Callable[[str], object]) -> None:
        """Change the factors that are shown, in a lane of its own.

        Args:
            change: what `DFFResult.split` and the others do.
            done: called when it is asked of the model.
            refused: called with a sentence, where it cannot be; nothing has changed then.
        """
        self._jobs.submit(partial(self._act, change, done, refused))

    def undo(self) -> None:
        """Show the factors that were there before the last act.

        Raises:
            ValueError: there is none.
        """
        self._past, self._future = self._back(self._past, self._future, "undo")

    def redo(self) -> None:
        """Show the factors again that were taken back last.

        Raises:
            ValueError: there are none.
        """
        self._future, self._past = self._back(self._future, self._past, "do again")

    def wait(self, timeout: float | None = None) -> bool:
        """Block until nothing is being steered; False when it takes longer than `timeout` seconds."""
        return self._jobs.wait(timeout)

    def close(self) -> None:
        """Steer no more."""
        self._jobs.cancel()

    def _act(
        self, change: Change, done: Callable[[], object], refused: Callable[[str], object], ticket: Ticket
    ) -> None:
        def report(_step: str, _done: int, _total: int) -> None:
            ticket.check()

        now = self._model.now
        try:
            if now.result is None or now.stack is None or not now.stack.whole:
                raise ValueError("no factors to steer yet: wait for the first result")
            place = dataclasses.replace(now.stack.place, basis=None)
            steered = change(now.result, self._model.pipeline.prepared(place, report).sketch(report))
            ticket.check()
            if self._model.now.result is not now.result:
                raise ValueError("other factors are shown by now; try again")
            self._past = (*self._past, (now.state.basis, now.result.k))[-_MOST:]
            self._future = ()
            self._model.ask(basis=Basis(np.asarray(steered.factorization.W), steered), k=steered.k, selected=-1)
        except CancelledError:
            refused("cancelled")
            raise
        except (ValueError, TypeError, LookupError, RuntimeError) as error:
            refused(sentence(error))
        else:
            done()

    def _back(self, steps: Any, others: Any, what: str) -> tuple[Any, Any]:
        if not steps:
            raise ValueError(f"there is nothing to {what}: no factor was steered")
        state = self._model.state
        basis, k = steps[-1]
        self._model.ask(basis=basis, k=k, selected=-1)
        return steps[:-1], (*others, (state.basis, state.k))


def steps_of(steering: Steering) -> Kind:
    """Its acts among all others that can be undone."""

    def step(do: Callable[[], None]) -> Step:
        do()
        return Step()

    return Kind(lambda: steering.steps["undo"], lambda: step(steering.undo), lambda: step(steering.redo))


def steering_desk(steering: Steering) -> dict[str, Callable[[Ask], object]]:
    """By name what answers a message about steering: ``steer``, with a ``verb``.

    ``split {factor, k}``, ``merge {factor, other}``, ``drop {factor}``, ``lock {factors}``, ``anchor {points, against,
    factor}``, ``undo``, ``redo``. Points are [image, x, y], x and y as fractions of the image.

    Args:
        steering: that does it.
    """

    def steer(ask: Ask) -> None:
        verb, content = ask.content.get("verb"), ask.content
        if verb in ("undo", "redo"):
            {"undo": steering.undo, "redo": steering.redo}[verb]()
            ask.answer()
            return
        made = _CHANGES.get(str(verb))
        if made is None:
            raise ValueError(f"steering knows no {verb!r:.60}; give one of {', '.join(_CHANGES)}, undo, redo")
        steering.act(made(content), ask.answer, ask.refuse)

    return {"steer": steer}


def _split(content: Any) -> Change:
    factor, k = int(content["factor"]), int(content.get("k", 2))
    return lambda result, rows: result.split(factor, k, activations=rows)


def _merge(content: Any) -> Change:
    factor, other = int(content["factor"]), int(content["other"])
    return lambda result, rows: result.merge(factor, other, activations=rows)


def _drop(content: Any) -> Change:
    factor = int(content["factor"])
    return lambda result, rows: result.drop(factor, activations=rows)


def _lock(content: Any) -> Change:
    factors = [int(f) for f in content["factors"]]
    return lambda result, _rows: result.lock(*factors)


def _anchor(content: Any) -> Change:
    points, against = ([(int(i), float(x), float(y)) for i, x, y in content.get(n, ())] for n in ("points", "against"))
    factor = None if content.get("factor") is None else int(content["factor"])

    def change(result: DFFResult, rows: Any) -> DFFResult:
        return result.anchor(
            _in_pixels(result, points), against=_in_pixels(result, against), factor=factor, activations=rows
        )

    return change


_CHANGES: dict[str, Callable[[Any], Change]] = {
    "split": _split,
    "merge": _merge,
    "drop": _drop,
    "lock": _lock,
    "anchor": _anchor,
}


def _in_pixels(result: DFFResult, points: list[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """(image, y, x) in pixels; a point on the far border counts as inside."""
    found = []
    for image, x, y in points:
        if not 0 <= image < len(result):
            raise ValueError(f"there is no image {image}; there are {len(result)}")
        height, width = result.sizes[image]
        found.append((image, min(y * height, height - 0.5), min(x * width, width - 0.5)))
    return found
