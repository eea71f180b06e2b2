import subprocess
import sys
import threading
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from dff_widgets.explore.jobs import CancelledError, Inline, LatestJob, Ticket
from tests.test_cell import interrupted


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


def test_a_job_and_the_jobs_it_asks_for_run_in_the_context_of_whoever_asked(jobs: LatestJob) -> None:
    asking: ContextVar[str] = ContextVar("asking", default="nobody")
    seen: list[str] = []

    def job(ticket: Ticket) -> None:
        seen.append(asking.get())
        if len(seen) < 3:
            jobs.submit(job)

    copy_context().run(lambda: (asking.set("a cell"), jobs.submit(job)))
    assert jobs.wait(10)
    assert seen == ["a cell"] * 3


SLIDER = """
import threading, ipywidgets
from dff_widgets.explore.jobs import LatestJob
slider, gate, jobs = ipywidgets.IntSlider(), threading.Event(), LatestJob("answer")
jobs.submit(lambda _: (gate.wait(20), setattr(slider, "value", 7)))
"""


def test_a_widget_hears_the_browser_after_a_job_outlived_a_subshell() -> None:
    """ipykernel 7.4 hands a comm's messages to the subshell whose message its last answer was an answer to."""
    kernel, client = start_new_kernel()
    try:
        if "kernel subshells" not in _reply(client, client.kernel_info())["content"].get("supported_features", []):
            pytest.skip("this kernel has no subshells")
        _print(client, SLIDER)
        subshell = _control(client, "create_subshell_request")["subshell_id"]
        message = client.session.msg("execute_request", {"code": "gate.set(); jobs.wait(20)", "silent": False})
        message["header"]["subshell_id"] = subshell
        client.shell_channel.send(message)
        _reply(client, message["header"]["msg_id"])
        _control(client, "delete_subshell_request", {"subshell_id": subshell})
        comm = _print(client, "print(slider.comm.comm_id)")
        client.shell_channel.send(
            client.session.msg(
                "comm_msg", {"comm_id": comm, "data": {"method": "update", "state": {"value": 3}, "buffer_paths": []}}
            )
        )
        assert _print(client, "print(slider.value)") == "3"
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


def _reply(client: Any, asked: str) -> Any:
    while (reply := client.get_shell_msg(timeout=30))["parent_header"].get("msg_id") != asked:
        pass
    return reply


def _print(client: Any, code: str) -> str:
    said: list[str] = []
    client.execute_interactive(
        code, output_hook=lambda m: said.append(m["content"].get("text", "".join(m["content"].get("traceback", []))))
    )
    return "".join(said).strip()


def _control(client: Any, kind: str, content: Any = None) -> Any:
    message = client.session.msg(kind, content or {})
    client.control_channel.send(message)
    while (reply := client.get_control_msg(timeout=30))["parent_header"].get("msg_id") != message["header"]["msg_id"]:
        pass
    assert reply["content"]["status"] == "ok", reply["content"]
    return reply["content"]


@pytest.mark.parametrize("phase", ["loading", "extracting"])
def test_python_ends_well_whatever_an_explorer_is_doing(phase: str) -> None:
    code = f"""
import time
import dff_widgets as dff

explorer = dff.DFFExplorer(dff.datasets.creatures(n=12, size=64), k=2)
while not explorer.status.startswith({phase!r}):
    time.sleep(0.01)
time.sleep(0.5)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


# ------------------------------------------------------------------------------------------------------- interrupts
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_that_leaves_a_job_does_not_keep_the_next_one_from_running(jobs: LatestJob, error: type) -> None:
    def fail(_: Ticket) -> None:
        raise error

    jobs.submit(fail)
    assert jobs.wait(10)
    seen: list[int] = []
    jobs.submit(lambda _: seen.append(1))
    assert jobs.wait(10)
    assert seen == [1]


def test_whatever_line_of_submit_an_interrupt_hits_the_next_job_runs() -> None:
    for line in range(1, 100):
        jobs, seen = LatestJob("test"), []
        hit = interrupted(lambda jobs=jobs, seen=seen: jobs.submit(lambda _: seen.append("first")), line, ("jobs.py",))
        jobs.submit(lambda _, seen=seen: seen.append("second"))
        assert jobs.wait(10)
        assert seen[-1] == "second"
        assert not jobs.busy
        if not hit:
            assert line > 8
            break


def test_inline_runs_at_once_and_a_job_asked_for_by_a_job_after_it() -> None:
    jobs, seen = Inline(), []

    def first(ticket: Ticket) -> None:
        jobs.submit(lambda _: seen.append("second"))
        seen.append("first")
        assert jobs.busy
        ticket.check()
        seen.append("never")

    jobs.submit(first)
    assert seen == ["first", "second"]
    assert not jobs.busy
    assert jobs.wait()
