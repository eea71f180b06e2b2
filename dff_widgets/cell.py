"""A value that several threads exchange without a lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Link(Generic[T]):
    """A value, and in ``__dict__["next"]`` the link that took its place, once there is one."""

    def __init__(self, value: T) -> None:
        self.value = value


class Cell(Generic[T]):
    """Holds one immutable object; a thread that wants another one in its place never waits.

    A lock would do but for the kernel's interrupt: raised on the way out of a ``with``, it leaves the lock taken, and
    the explorer deaf for the rest of the day. Here the new value counts from one atomic step on (``dict.setdefault``),
    so that an interrupt at any line leaves the value before or the value after.

    >>> cell = Cell(1)
    >>> cell.swap(lambda value: value + 1)
    (1, 2)
    >>> cell.value
    2
    """

    def __init__(self, value: T) -> None:
        self._link = _Link(value)

    @property
    def value(self) -> T:
        """What is there now."""
        return self._last().value

    def swap(self, change: Callable[[T], T]) -> tuple[T, T]:
        """Put ``change(value)`` in the place of the value.

        Args:
            change: has no effects of its own: it is called again where another thread came between. What it raises
                leaves the value as it was.

        Returns:
            The value before and the value after; the same object where there was nothing to change.
        """
        while True:
            link = self._last()
            value = change(link.value)
            if value is link.value:
                return value, value
            following = _Link(value)
            if link.__dict__.setdefault("next", following) is following:
                self._link = following
                return link.value, value

    def _last(self) -> _Link[T]:
        link = self._link
        while "next" in link.__dict__:  # a thread was interrupted, or is just about to say so
            link = link.__dict__["next"]
        return link
