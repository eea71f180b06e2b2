"""What a pane shows, as plain data that a person and the machine both change; no widget library here.

A presenter serves a pane of the app and the same pane as a widget of its own: whoever serves it replaces `publish`,
and hands it what comes from the browser.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


def _nowhere(_changes: dict[str, Any]) -> None:
    """Before anybody serves the presenter."""


class Presenter:
    """Named plain values (numbers, text, lists, dicts, bytes), and a word to whoever draws them when they change.

    Args:
        values: the names and what they are at first.

    Attributes:
        state: name -> value; read it, and change it by `put`.
        publish: called with the changes, name -> value, once for all that change together; under `lock`, so that
            changes arrive in their order. A bytes value stays bytes.
        lock: orders the threads that change values; nothing slow is done under it.
    """

    chosen: frozenset[str] = frozenset()  # names that a person may set

    def __init__(self, **values: Any) -> None:
        self.state: dict[str, Any] = values
        self.publish: Callable[[dict[str, Any]], object] = _nowhere
        self.lock = threading.RLock()
        self._held: dict[str, Any] | None = None  # changes that are published together, at the end

    def put(self, **changes: Any) -> None:
        """Change values; what stays equal is not published."""
        with self.lock:
            if unknown := set(changes) - set(self.state):
                raise KeyError(f"{type(self).__name__} has no value {sorted(unknown)[0]!r}")
            fresh = {name: value for name, value in changes.items() if _differs(self.state[name], value)}
            self.state.update(fresh)
            if fresh:
                with self.together():
                    assert self._held is not None
                    self._held.update(fresh)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What changes inside is published at once, at the end."""
        with self.lock:
            if self._held is not None:
                yield
                return
            self._held = {}
            try:
                yield
            finally:
                changes, self._held = self._held, None
                if changes:
                    self.publish(changes)

    def choose(self, changes: Mapping[str, Any]) -> None:
        """What a person set.

        Raises:
            ValueError: one of the values cannot be; none is changed then.
        """
        if unknown := set(changes) - self.chosen:
            raise ValueError(f"{sorted(unknown)[0]!r} is not for a person to set; there are {sorted(self.chosen)}")
        self.put(**{name: self.check(name, value) for name, value in changes.items()})

    def check(self, name: str, value: Any) -> Any:
        """A value that a person gives, as it is kept.

        Raises:
            ValueError: it cannot be.
        """
        if type(value) is not type(self.state[name]) and not _both_numbers(value, self.state[name]):
            raise ValueError(f"{name} is {value!r}; give a value such as {self.state[name]!r}")
        return value

    def receive(self, content: Any, _buffers: Sequence[Any] = ()) -> None:
        """A message of the pane: ``{"set": {...}}`` or ``{"do": "...", ...}``; one that makes no sense does nothing."""
        if not isinstance(content, Mapping):
            return
        if content.get("do") == "open":
            self._again(self.state)
        try:
            if isinstance(content.get("set"), Mapping):
                self.choose(content["set"])
            elif isinstance(content.get("do"), str):
                self.act(content["do"], content)
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            self.refused(error)

    def act(self, do: str, content: Mapping[str, Any]) -> None:
        """What a person did, as ``content`` says it; by default nothing."""

    def refused(self, error: Exception) -> None:
        """A message asked for what cannot be; by default nobody is told, and the pane gets the values back."""
        self._again(sorted(self.chosen))

    def _again(self, names: Iterable[str]) -> None:
        """Publish values that did not change."""
        with self.together():
            assert self._held is not None
            self._held.update({name: self.state[name] for name in names})

    def close(self) -> None:
        """Stop, for good."""


def _differs(old: Any, new: Any) -> bool:
    return type(old) is not type(new) or bool(old != new)


def _both_numbers(a: Any, b: Any) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in (a, b))
