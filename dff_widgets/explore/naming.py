"""Names that a person gives to the factors that are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..evaluation import Coverage, assign
from ..labelling import PartLabels, parse_parts
from .acts import Act
from .appearance import Appearance
from .model import Model


class Namer:
    """Names the factors that a model shows.

    Args:
        model: whose.
        known: the names of parts there are, for what a person types.
    """

    def __init__(self, model: Model, known: Callable[[], Sequence[str]] = tuple) -> None:
        self._model, self._known = model, known

    @property
    def labels(self) -> PartLabels:
        """What the factors that are shown are called."""
        now = self._model.now
        return PartLabels() if now.result is None else now.appearance.labels(now.result.k)

    def set(self, labels: Mapping[int, Any]) -> None:
        """Name the factors that are shown; one that is left out has no name.

        Args:
            labels: factor -> its part or parts.

        Raises:
            ValueError: there is no such factor, or no result yet.
        """
        self._change(lambda now: PartLabels(labels, k=len(now)))

    def name(self, factor: int, text: str) -> None:
        """Name one factor by what a person typed; see `parse_parts`. Raises as `set`."""
        self._change(lambda now: now.replace(factor, parse_parts(text, self._known())))

    def toggle(self, factor: int, part: str) -> None:
        """Add a part to a factor's, or take it away. Raises as `set`."""
        self._change(lambda now: now.toggle(factor, part))

    def clear(self) -> None:
        """Take all names away."""
        if self._model.result is not None:
            self._change(lambda now: PartLabels(k=len(now)))

    def assign(self, coverage: Coverage, threshold: float) -> None:
        """Name every factor after the parts of which it covers more than `threshold` (section 4.3 of the paper).

        Args:
            coverage: (k, p) of the factors that are shown.
            threshold: 0..1.

        Raises:
            ValueError: the threshold is outside 0..1, or the coverage is of other factors.
        """
        named = assign(coverage, threshold)

        def change(now: PartLabels) -> PartLabels:
            if len(now) != len(coverage):
                raise ValueError(f"the coverage is of {len(coverage)} factors; {len(now)} are shown")
            return PartLabels(named, k=len(now))

        self._change(change)

    def undo(self) -> str:
        """Take the last act back, if there is one.

        Returns:
            ``""``, or a sentence that says where, if that is not what is shown.
        """
        acts = self._model.appearance.acts
        self._model.dress(lambda appearance: appearance.undone())
        return self._elsewhere("undone", acts.past[-1]) if acts.past else ""

    def redo(self) -> str:
        """Do the act again that was undone last, if there is one; as `undo`."""
        acts = self._model.appearance.acts
        self._model.dress(lambda appearance: appearance.redone())
        return self._elsewhere("done again", acts.future[-1][0]) if acts.future else ""

    def _elsewhere(self, what: str, act: Act) -> str:
        now = self._model.now
        if now.appearance.here == act.place and now.result is not None and now.result.k == act.k:
            return ""
        if now.state.images is not act.place.images:
            return f"{what} in the images that were open before"
        return f"{what} at {act.place.layer}, k = {act.k}"

    def _change(self, change: Callable[[PartLabels], PartLabels]) -> None:
        if self._model.result is None:
            raise ValueError("no factors to name yet: wait for the first result")

        def renamed(appearance: Appearance) -> Appearance:
            result = self._model.result
            if result is None or result.k not in appearance:
                return appearance  # other images were opened meanwhile
            return appearance.named(result.k, change(appearance.labels(result.k)))

        self._model.dress(renamed)
