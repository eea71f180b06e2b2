"""Results kept in a file as they are computed, so that a long run can be stopped and goes on where it was."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Journal:
    """Results by key, in a file of JSON lines: ``{"key": {...}, "value": ...}``.

    Args:
        path: the file, made when the first result is there; None keeps the results in memory alone.

    Raises:
        ValueError: the file holds something else.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._known: dict[str, Any] = {}
        self._torn_at: int | None = None  # where the line begins that was not finished
        if self._path is not None and self._path.exists():
            self._load(self._path.read_bytes())

    def _load(self, content: bytes) -> None:
        *lines, unfinished = content.split(b"\n")
        if unfinished:
            self._torn_at = len(content) - len(unfinished)
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                self._known[_canonical(entry["key"])] = entry["value"]
            except (ValueError, TypeError, KeyError, RecursionError):
                where = f"line {number} of {str(self._path)!r}"
                raise ValueError(f"{where} is no result of an experiment; give the path of a new file") from None

    def __contains__(self, key: Mapping[str, Any]) -> bool:
        return _canonical(key) in self._known

    def get(self, key: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """The result of that key; computed and written down first if it is not known.

        Args:
            key: all that the result depends on, as JSON.
            compute: gives the result, as JSON.
        """
        name = _canonical(key)
        if name not in self._known:
            value = compute()
            if self._path is not None:
                self._append(self._path, json.dumps({"key": dict(key), "value": value}))
            self._known[name] = value
        return self._known[name]

    def _append(self, path: Path, line: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            if self._torn_at is not None:
                file.truncate(self._torn_at)
            self._torn_at = file.seek(0, io.SEEK_END)  # until the whole line is there: the disk may be full
            file.write(line.encode() + b"\n")
        self._torn_at = None


def _canonical(key: Mapping[str, Any]) -> str:
    return json.dumps(dict(key), sort_keys=True)
