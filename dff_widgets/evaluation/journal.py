"""Results kept in a file as they are computed, so that a long run can be stopped and goes on where it was."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..storage import locked

_STEP = 1 << 16  # bytes that are looked through at once


class Journal:
    """Results by key, in a file of JSON lines: ``{"key": {...}, "value": ...}``.

    Several processes may write to one file. A line that was not finished, by a kill or on a full disk, is forgotten,
    and nothing else is.

    Args:
        path: the file, made when the first result is there; None keeps the results in memory alone.

    Raises:
        ValueError: the file holds something else.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._known: dict[str, Any] = {}
        if self._path is not None and self._path.exists():
            self._load(self._path.read_bytes())

    def _load(self, content: bytes) -> None:
        *lines, last = content.split(b"\n")
        for number, line in enumerate(lines, start=1):
            entry = _entry(line)
            if entry is None:
                where = f"line {number} of {str(self._path)!r}"
                raise ValueError(f"{where} is no result of an experiment; give the path of a new file")
            self._known[entry[0]] = entry[1]
        entry = _entry(last)
        if entry is not None:
            self._known[entry[0]] = entry[1]

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
        with path.open("a+b") as file, locked(file):  # what others write is there before this, or after
            last, start = _last_line(file)
            if last and _entry(last) is None:
                file.truncate(start)
            file.write(b"\n" * bool(last and _entry(last) is not None) + line.encode() + b"\n")


def _last_line(file: BinaryIO) -> tuple[bytes, int]:
    """What follows the last line break, and where it begins."""
    start, found = file.seek(0, io.SEEK_END), b""
    while start and b"\n" not in found:
        step = min(start, _STEP)
        start = file.seek(start - step)
        found = file.read(step) + found
    before, line_break, last = found.rpartition(b"\n")
    return last, start + len(before) + len(line_break)


def _entry(line: bytes) -> tuple[str, Any] | None:
    """The key and the value that a line holds, if it is whole."""
    try:
        entry = json.loads(line)
        return _canonical(entry["key"]), entry["value"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _canonical(key: Mapping[str, Any]) -> str:
    return json.dumps(dict(key), sort_keys=True)
