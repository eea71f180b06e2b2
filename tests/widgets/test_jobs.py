import threading

import pytest

from dff_widgets.widgets.jobs import CancelledError, LatestJob, Ticket


def block(gate: threading.Event, entered: threading.Event | None = None) -> None:
    if entered is not None:
        entered.set()
    assert gate.wait(10)


@pytest.fixture
def jobs() -> LatestJob:
    return LatestJob("test")


def test_a_job_runs_in_another_thread_and_wait_ends_after_it(jobs: LatestJob) -> None:
    seen: list[str] = []
    jobs.submit(lambda _: seen.append(threading.current_thread().name))
    assert jobs.wait(10)
    assert seen == ["test"]


def test_wait_returns_at_once_when_nothing_was_asked(jobs: LatestJob) -> None:
    assert jobs.wait(0)


def test_wait_gives_up_after_its_timeout(jobs: LatestJob) -> None:
    gate = threading.Event()
    jobs.submit(lambda _: block(gate))
    assert not jobs.wait(0.05)
    gate.set()
    assert jobs.wait(10)


def test_the_latest_request_wins_and_those_between_never_run(jobs: LatestJob) -> None:
    entered, gate, ran = threading.Event(), threading.Event(), []

    def first(ticket: Ticket) -> None:
        entered.set()
        gate.wait(10)
        try:
            ticket.check()
        except CancelledError:
            ran.append(("first", ticket.superseded))
            raise

    jobs.submit(first)
    assert entered.wait(10)
    jobs.submit(lambda _: ran.append("second"))
    jobs.submit(lambda _: ran.append("third"))
    gate.set()
    assert jobs.wait(10)
    assert ran == [("first", True), "third"]


def test_a_cancelled_job_learns_it_and_is_not_superseded(jobs: LatestJob) -> None:
    entered, gate, told = threading.Event(), threading.Event(), []

    def job(ticket: Ticket) -> None:
        entered.set()
        gate.wait(10)
        with pytest.raises(CancelledError):
            ticket.check()
        told.append(ticket.superseded)

    jobs.submit(job)
    assert entered.wait(10)
    jobs.cancel()
    gate.set()
    assert jobs.wait(10)
    assert told == [False]


def test_a_waiting_job_that_is_cancelled_still_runs_to_say_so(jobs: LatestJob) -> None:
    entered, gate, told = threading.Event(), threading.Event(), []
    jobs.submit(lambda _: block(gate, entered))
    assert entered.wait(10)

    def waiting(ticket: Ticket) -> None:
        try:
            ticket.check()
        except CancelledError:
            told.append("cancelled")

    jobs.submit(waiting)
    jobs.cancel()
    gate.set()
    assert jobs.wait(10)
    assert told == ["cancelled"]


def test_it_works_again_after_it_was_idle(jobs: LatestJob) -> None:
    seen: list[int] = []
    for i in range(3):
        jobs.submit(lambda _, i=i: seen.append(i))
        assert jobs.wait(10)
    assert seen == [0, 1, 2]
