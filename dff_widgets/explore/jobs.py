"""Who computes: a thread that does the latest thing it was asked for, or, in tests, whoever asks."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Protocol

_ALL: weakref.WeakSet[LatestJob] = weakref.WeakSet()


class CancelledError(Exception):
    """Raised inside a job that is no longer wanted."""


class Ticket:
    """What a job asks, now and then, whether it is still wanted.

    Attributes:
        superseded: cancelled because a newer job took its place.
    """

    def __init__(self) -> None:
        self.superseded = False
        self._cancelled = False

    def cancel(self, *, superseded: bool = False) -> None:
        """Ask the job to stop at its next check."""
        self.superseded = self.superseded or superseded
        self._cancelled = True

    def check(self) -> None:
        """Go on, or raise `CancelledError`."""
        if self._cancelled:
            raise CancelledError


Job = Callable[[Ticket], object]


class Jobs(Protocol):
    """What runs jobs: `LatestJob`, or `Inline` where there shall be no threads."""

    def submit(self, job: Job) -> None:
        """Run this job; one that runs is asked to stop, one that waits is forgotten."""

    def cancel(self) -> None:
        """Ask the running job to stop; a waiting one still runs, and learns at its first check that it is cancelled."""

    def wait(self, timeout: float | None = None) -> bool:
        """Block until no job runs or waits, at most `timeout` seconds; True when that is so."""

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""


Run = Callable[[str], Jobs]  # makes them, given a name for the thread


class LatestJob:
    """Runs jobs one at a time in a thread of its own; a new job cancels the running one and replaces the waiting one.

    A job is called with its `Ticket`, and handles its own errors; a `CancelledError` it lets out just ends it, and any
    other ends the thread, after which the next job has a new one. It runs in the context of whoever asked for it: what
    it sends to the browser is then an answer to that message. Else the kernel takes it for an answer to the latest
    one, perhaps of a subshell that the browser is about to end, and hands what a person does next to that subshell
    (ipykernel 7.4), where it is lost.

    Whoever asks takes no lock (see `Cell`): the waiting job is in a box of one place, and the thread takes it out.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._box: deque[tuple[Job, Ticket]] = deque(maxlen=1)  # a newer job pushes the waiting one out
        self._running: Ticket | None = None
        self._thread: threading.Thread | None = None
        self._one_at_a_time = threading.Lock()  # of the threads alone
        _ALL.add(self)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        thread = self._thread
        return bool(self._box) or (thread is not None and thread.is_alive())

    def submit(self, job: Job) -> None:
        """Run `job` as soon as the one before it has noticed that it is no longer wanted."""
        context = copy_context()
        self._box.append((lambda ticket: context.run(job, ticket), Ticket()))
        running = self._running
        if running is not None:
            running.cancel(superseded=True)
        self._start()

    def cancel(self) -> None:
        """Ask the running job to stop; a waiting one still runs, and learns at its first check that it is cancelled."""
        running = self._running
        if running is not None:
            running.cancel()
        for _, ticket in tuple(self._box):
            ticket.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until no job runs or waits, at most `timeout` seconds; True when that is so."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.busy:
            self._start()  # an interrupt may have come between a job and its thread
            thread = self._thread
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            if thread is not None and thread.is_alive():
                thread.join(left)
        return True

    def _start(self) -> None:
        """See to it that what is in the box is taken out."""
        thread = self._thread
        if self._box and (thread is None or not thread.is_alive()):
            _watch_for_the_end()
            # No daemon: Python would end it inside torch, which takes the process down ("terminate called").
            thread = threading.Thread(target=self._work, name=self._name)
            self._thread = thread
            thread.start()

    def _work(self) -> None:
        # The thread ends when there is nothing left to do, so that an idle widget costs none.
        with self._one_at_a_time:
            while self._box:
                self._do_next()
                if not self._box:
                    self._thread = None  # from here on whoever asks starts another
                    if not self._box:
                        return
                    self._thread = threading.current_thread()

    def _do_next(self) -> None:
        self._running = self._box[-1][1]  # from here on it hears of `cancel`
        job, self._running = self._box.pop()
        ticket = self._running
        if self._box:  # asked for between the lines above
            ticket.cancel(superseded=True)
        try:
            with contextlib.suppress(CancelledError):
                job(ticket)
        finally:
            self._running = None


class Inline:
    """Runs a job at once, in the thread of whoever asks.

    A job that is asked for by a running one cancels it, and runs after it.

    Args:
        name: not used; for `LatestJob`.
    """

    def __init__(self, name: str = "") -> None:
        self._running: Ticket | None = None
        self._waiting: Job | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._running is not None

    def submit(self, job: Job) -> None:
        """Run `job`."""
        self._waiting = job
        if self._running is not None:
            self._running.cancel(superseded=True)
            return
        while self._waiting is not None:
            job, self._waiting = self._waiting, None
            self._running = Ticket()
            try:
                with contextlib.suppress(CancelledError):
                    job(self._running)
            finally:
                self._running = None

    def cancel(self) -> None:
        """Ask the running job to stop."""
        if self._running is not None:
            self._running.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """True: whoever asks has waited already."""
        return True


@functools.cache  # once
def _watch_for_the_end() -> None:
    """Cancel all jobs when the main thread has ended; Python waits for their threads then."""

    def watch() -> None:
        threading.main_thread().join()
        for jobs in list(_ALL):
            jobs.cancel()

    threading.Thread(target=watch, name="dff-end").start()
