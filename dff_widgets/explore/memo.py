"""Values that are made once: by key, the most recently used ones, up to a number of bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

_LOOK = 0.02  # seconds between two looks at whether who waits for another's work is still wanted


class _Making:
    """A value that a thread is making."""

    def __init__(self) -> None:
        self.thread = threading.current_thread()
        self.done = threading.Event()


class Memo(Generic[T]):
    """Remembers values. Threads that want the same one share the work; nobody holds a lock while it is done.

    Args:
        most: values at most, None for any number.
        room: bytes at most, together, but for the latest value, which is kept whatever its size; None for any number.
        size: of a value in bytes.
    """

    def __init__(
        self, *, most: int | None = None, room: int | None = None, size: Callable[[T], int] | None = None
    ) -> None:
        self._most, self._room, self._size = most, room, size
        self._values: dict[Hashable, T] = {}  # the least recently used one first
        self._making: dict[Hashable, _Making] = {}

    def __len__(self) -> int:
        return len(self._values)

    @property
    def nbytes(self) -> int:
        """Of all values together."""
        return sum(self._size(value) for value in list(self._values.values())) if self._size is not None else 0

    def known(self, key: Hashable) -> T | None:
        """The value, if it is there."""
        return self._values.get(key)

    def put(self, key: Hashable, value: T) -> T:
        """Remember a value, in place of another one of this key."""
        self._values.pop(key, None)
        self._values[key] = value
        while len(self._values) > 1 and self._too_much():
            self._values.pop(next(iter(self._values), None), None)
        return value

    def get(self, key: Hashable, make: Callable[[], T], report: Callable[[str, int, int], object]) -> T:
        """The value; made now if it is not there, or by the thread that is making it already.

        Args:
            key: of the value.
            make: makes it.
            report: called as ``("waiting", 0, 0)`` while another thread makes it; what it raises ends the waiting.
        """
        while True:
            value = self._values.get(key)
            if value is not None:
                return self.put(key, value)
            mine = _Making()
            making = self._making.setdefault(key, mine)  # one atomic step
            if making is mine:
                try:
                    return self.put(key, make())
                finally:
                    self._making.pop(key, None)
                    mine.done.set()
            if making.thread is mine.thread or not making.thread.is_alive():  # it was interrupted
                self._making.pop(key, None)
            elif not making.done.wait(_LOOK):
                report("waiting", 0, 0)

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()

    def _too_much(self) -> bool:
        if self._most is not None and len(self._values) > self._most:
            return True
        return self._room is not None and self.nbytes > self._room
