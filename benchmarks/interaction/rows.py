"""A row of the table: what was measured, how often, and what it must reach."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

HEAD = "| where | action | median | least | most | n | bound | aim | |\n|---|---|---:|---:|---:|---:|---:|---:|---|"


@dataclass(frozen=True)
class Row:
    """Measurements of one thing.

    Attributes:
        where: ``"here"``, ``"link"`` (100 ms, 20 Mbit/s) or ``"no kernel"``.
        action: what was done, or looked at.
        values: what came of it, each time.
        unit: of the values.
        bound: that the median must not pass; None where nothing was asked for.
        aim: the same, better.
        at_least: the bound and the aim are to be reached from below.
        note: in words.
    """

    where: str
    action: str
    values: list[float]
    unit: str = "ms"
    bound: float | None = None
    aim: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        """Whether the median is within the aim, the bound, or neither."""

        def within(limit: float | None) -> bool:
            return limit is not None and (self.median >= limit if self.at_least else self.median <= limit)

        if self.bound is None and self.aim is None:
            return ""
        return "aim" if within(self.aim) else "bound" if within(self.bound) else "**missed**"

    def __str__(self) -> str:
        """A line of Markdown."""
        numbers = (self.median, min(self.values), max(self.values))
        shown = [_number(value) for value in numbers]
        limits = ["" if limit is None else f"{_number(limit)} {self.unit}" for limit in (self.bound, self.aim)]
        word = "; ".join(part for part in (self.verdict, self.note) if part)
        cells = [self.where, self.action, f"{shown[0]} {self.unit}", *shown[1:], str(len(self.values)), *limits, word]
        return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    """Three digits where the value is small, none behind the point where it is not."""
    return f"{value:,.0f}" if abs(value) >= 20 or value == int(value) else f"{value:.1f}"
