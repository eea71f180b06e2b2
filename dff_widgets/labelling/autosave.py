"""A session's file, kept up to date by itself: seconds of work at risk, and nobody's file overwritten unasked."""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from itertools import count
from pathlib import Path

from .. import storage
from ..wording import sentence

_ALL: weakref.WeakSet[Autosave] = weakref.WeakSet()


class UnknownFileError(FileExistsError):
    """A file is there that may hold another's work: whoever asks to write it answers first."""


class SessionFiles:
    """The files that a session was loaded from or written to, each by what it held then.

    Another notebook's save, yesterday's session and somebody's photo are told from our own file by their content, not
    by times, which clocks and copies change.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._known: dict[Path, str] = {}  # -> checksum of what it held when we last read or wrote it
        self._written: set[Path] = set()  # holding what we wrote: no backup is due

    def read(self, path: str | Path) -> str:
        """The checksum of a file that is about to be loaded, for `loaded`.

        Raises:
            ValueError, OSError: see `check`.
        """
        return _checksum(storage.place(path))

    def loaded(self, path: str | Path, checksum: str) -> None:
        """Its content is what is worked on from now on."""
        place = storage.place(path)
        with self._lock:
            self._known[place] = checksum
            self._written.discard(place)

    def check(self, path: str | Path) -> None:
        """Whether this file may be written without asking.

        Raises:
            UnknownFileError: it was neither loaded nor written here, or was changed since; one sentence, a question.
            ValueError: it is no regular file, or no place at all.
            OSError: it cannot be read.
        """
        place = storage.place(path)
        with self._lock:
            if place.exists() and self._known.get(place) != _checksum(place):
                changed = "was changed by another notebook or program since"
                said = changed if place in self._known else "is there, and was not written here"
                raise UnknownFileError(f"{str(path)!r} {said}: overwrite it, or load it?")

    def mine(self, path: str | Path) -> bool:
        """Whether the file holds what was written or loaded here, and so may be replaced without asking."""
        place = storage.place(path)
        with self._lock:
            return place.is_file() and self._known.get(place) == _checksum(place)

    def wrote(self, path: str | Path) -> None:
        """Something else than a session was written here, such as an export."""
        place = storage.place(path)
        with self._lock:
            if place.is_file():
                self._known[place] = _checksum(place)
                self._written.add(place)

    def write(self, path: str | Path, data: bytes, *, overwrite: bool = False) -> None:
        """Write a file, or leave what was there untouched.

        What was loaded, or is another's, is kept beside it first, as ``<name>.backup``: the last one of these.

        Args:
            path: of the file.
            data: what it shall hold.
            overwrite: whether it may hold another's work.

        Raises:
            UnknownFileError, ValueError, OSError: see `check`, and `storage.write_file`.
        """
        place, checksum = storage.place(path), hashlib.blake2b(data).hexdigest()
        with self._lock:
            if not overwrite:
                self.check(path)
            before = _checksum(place) if place.exists() else None
            if before != checksum:
                if before is not None and (place not in self._written or before != self._known[place]):
                    _keep_backup(place)
                storage.write_file(place, [data])
            self._known[place] = checksum
            self._written.add(place)


class Autosave:
    """Writes what `snapshot` gives to a file, soon after `changed` is called; an error is said, and ends nothing.

    A save follows a second without a change, and never later than five seconds after the first change that is not
    saved; at the end of the process what is still unsaved is written. While there is a `question` nothing is written to
    the file; what is unsaved at the end goes to ``<stem>.unsaved-1<suffix>`` beside it.

    Args:
        snapshot: gives the bytes of the session; it may take locks of its owner, for none of ours is held inside them.
        files: what is known of files; loading and saving by hand share it.
        say: called as ``(sentence, problem)``, in the context of the change that is saved.
        start: runs a function beside the caller's work; by default in a thread that ends when all is saved.

    Attributes:
        path: the file; ``""`` for none.
        question: None, or the sentence to be answered: by `answered` after the file was overwritten by hand, or by
            `follow` after it was loaded, or with another path.
        quiet, most: seconds without a change before a save, and from the first change that is not saved.
    """

    quiet, most = 1.0, 5.0

    def __init__(
        self,
        snapshot: Callable[[], bytes],
        files: SessionFiles,
        say: Callable[[str, bool], None],
        *,
        start: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._snapshot, self._files, self._say = snapshot, files, say
        self._start = start or _in_a_thread
        self._saving = threading.RLock()  # one writer at a time; taken before the next one, never inside it
        self._news = threading.Condition()  # of all below
        self.path = ""
        self.question: str | None = None
        self._first: float | None = None  # when the first change came that is not saved; None: all is
        self._last = 0.0
        self._failed = False  # the last save; the next change tries again
        self._working = False
        self._context = copy_context()
        _ALL.add(self)
        _save_at_the_end()

    def follow(self, path: str) -> None:
        """Keep this file up to date from the next change on; ``""`` for none, after a last save of the one before.

        When the file may hold another's work there is a `question` at once.
        """
        if not path:
            self.flush()
        with self._news:
            self.path, self.question, self._first = path, None, None
            self._news.notify_all()
        if path:
            self._try(lambda: self._files.check(path))

    def answered(self) -> None:
        """The file holds our work now: there is no question any more."""
        with self._news:
            self.question = None
        if self._first is not None:
            self.changed()

    def changed(self) -> None:
        """There is something to save."""
        with self._news:
            if not self.path:
                return
            self._last = time.monotonic()
            self._first = self._last if self._first is None else self._first
            self._failed, self._context = False, copy_context()
            if self._working or self.question is not None:
                return
            try:
                self._working = True
                self._start(self._work)
            except BaseException:  # an interrupt: the next change starts it
                self._working = False
                raise

    def flush(self) -> None:
        """Save now what is not saved yet, unless there is a question."""
        with self._saving:
            with self._news:
                path, first, context = self.path, self._first, self._context.copy()
                if first is None or self.question is not None:
                    return
                self._first = None  # a change from now on is for the next save
            saved = False
            try:
                saved = context.run(self._try, lambda: self._save(path))
            finally:
                if not saved:
                    with self._news:
                        self._first, self._failed = first, self._first is None

    def wait(self, timeout: float | None = None) -> bool:
        """Block until nothing is about to be saved, at most `timeout` seconds; True when that is so."""
        with self._news:
            return self._news.wait_for(lambda: not self._working, timeout)

    def end(self) -> None:
        """Save what is not saved yet, in the file or, while there is a question, beside it; nothing is saved after."""
        with self._saving:
            if self.question is not None and self._first is not None:
                place = storage.place(self.path)
                names = (place.with_name(f"{place.stem}.unsaved-{n}{place.suffix}") for n in count(1))
                self.path, self.question = str(next(name for name in names if not name.exists())), None
            self.flush()
            with self._news:
                self.path, self.question, self._first = "", None, None
                self._news.notify_all()

    def _work(self) -> None:
        try:
            while self._wait_until_due():
                self.flush()
        finally:
            with self._news:
                self._working = False
                self._news.notify_all()

    def _wait_until_due(self) -> bool:
        """False when there is nothing to save."""
        with self._news:
            while self._first is not None and self.question is None and not self._failed:
                wait = min(self._last + self.quiet, self._first + self.most) - time.monotonic()
                if wait <= 0:
                    return True
                self._news.wait(wait)
            self._working = False  # a change from now on starts the next thread
            return False

    def _save(self, path: str) -> None:
        self._files.write(path, self._snapshot())
        self._say(f"autosaved in {path!r}", False)

    def _try(self, action: Callable[[], None]) -> bool:
        """Whether it went well; if not, that is said."""
        try:
            action()
        except UnknownFileError as error:
            self.question = str(error)
            self._say(self.question, True)
        except Exception as error:  # whatever a disk or a path does: it is said, and the next change tries again
            self._say(f"autosave failed: {sentence(error)}", True)
        else:
            return True
        return False


def _checksum(place: Path) -> str:
    if not place.exists():
        raise ValueError(f"no file at {str(place)!r}")
    if not place.is_file():
        raise ValueError(f"{str(place)!r} is no regular file: give the name of a file")
    with place.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _keep_backup(place: Path) -> None:
    with place.open("rb") as file:
        chunks = iter(partial(file.read, 1 << 20), b"")
        storage.write_files([(place.with_name(f"{place.name}.backup"), chunks)], like=place)


def _in_a_thread(work: Callable[[], None]) -> None:
    # A daemon, so that the process need not wait for a second of quiet: `end` has written everything before it stops.
    threading.Thread(target=work, name="dff-autosave", daemon=True).start()


@functools.cache  # once
def _save_at_the_end() -> None:
    atexit.register(_end_all)


def _end_all() -> None:
    for autosave in list(_ALL):
        autosave._say = lambda _sentence, _problem: None  # nobody listens any more
        with contextlib.suppress(Exception):
            autosave.end()
