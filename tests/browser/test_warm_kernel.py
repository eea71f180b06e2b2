"""A kernel that is forked warm is told from a fresh one by nothing but its start."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.manager import start_new_kernel

from .warm_kernel import Forge

Kernel = tuple[KernelManager, BlockingKernelClient]


@pytest.fixture
def kernel(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setenv("JUPYTER_PATH", str(forge.folder))
    manager, client = start_new_kernel(startup_timeout=120)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def ask(client: BlockingKernelClient, code: str) -> tuple[str, str]:
    """What a cell prints, and the name of the error that it ends with."""
    printed: list[str] = []

    def listen(message: dict[str, Any]) -> None:
        printed.append(message["content"].get("text", ""))

    reply = client.execute_interactive(code, output_hook=listen, timeout=120)
    return "".join(printed).strip(), reply["content"].get("ename", "")


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.1)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_is_warm_and_no_two_share_what_they_set(forge: Forge, kernel: Kernel) -> None:
    where = "import os, sys, dff_widgets; print('torch' in sys.modules, hasattr(dff_widgets, 'mine'), os.getcwd())"
    assert ask(kernel[1], where)[0] == f"True False {os.getcwd()}"  # noqa: PTH109
    ask(kernel[1], "dff_widgets.mine = 1")
    other, client = start_new_kernel(startup_timeout=120)
    try:
        assert ask(client, where)[0].startswith("True False")
    finally:
        client.stop_channels()
        other.shutdown_kernel(now=True)


def test_it_is_interrupted_and_goes_on(kernel: Kernel) -> None:
    manager, client = kernel
    interrupt = "import os, signal, threading; threading.Timer(1, os.kill, ({}, signal.SIGINT)).start()"
    ask(client, interrupt.format(manager.provisioner.pid))  # as Jupyter does: it knows the client only
    assert ask(client, "import time; time.sleep(60)")[1] == "KeyboardInterrupt"
    assert ask(client, "import subprocess; print(subprocess.run(['false']).returncode)") == ("1", "")


@pytest.mark.parametrize("now", [False, True], ids=["asked to", "killed"])
def test_it_ends_when_jupyter_ends_it(kernel: Kernel, now: bool) -> None:
    manager, client = kernel
    pid = int(ask(client, "import os; print(os.getpid())")[0])
    manager.shutdown_kernel(now=now)
    until(lambda: gone(pid))


def test_jupyter_sees_it_die(kernel: Kernel) -> None:
    manager, client = kernel
    client.execute("import os; os._exit(3)")
    until(lambda: not manager.is_alive())
