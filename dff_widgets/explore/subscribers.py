"""Who follows a model: each is told of what is different since it was told last, whatever came between."""

from __future__ import annotations

from collections.abc import Callable

from .events import Event
from .moment import Now, differences

Told = Callable[[Event], object]


class Subscribers:
    """Those who follow a model.

    Args:
        now: the moment that there is.
    """

    def __init__(self, now: Callable[[], Now]) -> None:
        self._now = now
        self._told: dict[object, Told] = {}
        self._known: dict[object, Now] = {}  # the moment that each has been told of

    def add(self, told: Told) -> Callable[[], None]:
        """Call `told` with every `Event` from now on; returns what ends it."""
        key = object()
        self._known[key] = self._now()
        self._told[key] = told

        def stop() -> None:
            self._told.pop(key, None)
            self._known.pop(key, None)

        return stop

    def tell(self) -> None:
        """Tell each of them what it does not know yet: also what an interrupt kept from it before."""
        for key, told in list(self._told.items()):
            now = self._now()
            before = self._known.get(key, now)
            try:
                if before is not now:
                    self._known[key] = now
                    for event in differences(before, now):
                        told(event)
            except (KeyboardInterrupt, SystemExit):
                if key in self._told:
                    self._known[key] = before
                raise

    def clear(self) -> None:
        """Tell nobody any more."""
        self._told.clear()
        self._known.clear()
