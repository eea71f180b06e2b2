"""One thread that does the latest thing it was asked for."""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable
from contextvars import copy_context

_ALL: weakref.WeakSet[LatestJob] = weakref.WeakSet()


class CancelledError(Exception):
    """Raised inside a job that is no longer wanted."""


class Ticket:
    """What a job asks, now and then, whether it is still wanted."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self.superseded = False  # cancelled because a newer job took its place

    def cancel(self, *, superseded: bool = False) -> None:
        """Ask the job to stop at its next check."""
        self.superseded = self.superseded or superseded
        self._cancelled.set()

    def check(self) -> None:
        """Go on, or raise `CancelledError`."""
        if self._cancelled.is_set():
            raise CancelledError


class LatestJob:
    """Runs jobs one at a time in a thread of its own; a new job cancels the running one and replaces the waiting one.

    A job is called with its `Ticket`, and handles its own errors; a `CancelledError` it lets out just ends it. It runs
    in the context of whoever asked for it: what it sends to the browser is then an answer to that message. Else the
    kernel takes it for an answer to the latest one, perhaps of a subshell that the browser is about to end, and hands
    what a person does next to that subshell (ipykernel 7.4), where it is lost.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._waiting: tuple[Callable[[Ticket], None], Ticket] | None = None
        self._running: Ticket | None = None
        self._thread: threading.Thread | None = None
        _ALL.add(self)

    def submit(self, job: Callable[[Ticket], None]) -> None:
        """Run `job` as soon as the one before it has noticed that it is no longer wanted."""
        context = copy_context()
        with self._changed:
            if self._running is not None:
                self._running.cancel(superseded=True)
            self._waiting = (lambda ticket: context.run(job, ticket), Ticket())
            if self._thread is None:
                _watch_for_the_end()
                # No daemon: Python would end it inside torch, which takes the process down ("terminate called").
                self._thread = threading.Thread(target=self._work, name=self._name)
                self._thread.start()

    def cancel(self) -> None:
        """Ask the running job to stop; a waiting one still runs, and learns at its first check that it is cancelled."""
        with self._changed:
            if self._running is not None:
                self._running.cancel()
            if self._waiting is not None:
                self._waiting[1].cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until no job runs or waits, at most `timeout` seconds; True when that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def _work(self) -> None:
        # The thread ends when there is nothing left to do, so that an idle widget costs none.
        while True:
            with self._changed:
                if self._waiting is None:
                    self._thread = None
                    self._changed.notify_all()
                    return
                (job, ticket), self._waiting = self._waiting, None
                self._running = ticket
            try:
                with contextlib.suppress(CancelledError):
                    job(ticket)
            finally:
                with self._changed:
                    self._running = None


@functools.cache  # once
def _watch_for_the_end() -> None:
    """Cancel all jobs when the main thread has ended; Python waits for their threads then."""

    def watch() -> None:
        threading.main_thread().join()
        for jobs in list(_ALL):
            jobs.cancel()

    threading.Thread(target=watch, name="dff-end").start()
