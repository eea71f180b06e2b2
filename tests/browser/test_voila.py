"""The explorer in Voila, which shows a notebook as a page of its own: no cells, no toolbar, the kernel behind it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import BrowserContext

CELL = """
import dff_widgets as dff
images = dff.datasets.creatures(n=3, seed=0, size=96)
explorer = dff.DFFExplorer(images, k=2, size=96)
explorer
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, tmp_path / "page.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "voila.log").open("wb")
    command = [sys.executable, "-m", "voila", "page.ipynb", "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "JUPYTER_PLATFORM_DIRS": "1"},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}/"
    end = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                break
        except OSError:
            said = (tmp_path / "voila.log").read_text()[-2000:]
            assert process.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.2)
    yield url
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(20)
    log.close()


def test_the_explorer_is_at_work_in_voila(context: BrowserContext, address: str) -> None:
    pytest.importorskip("voila")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address, timeout=120_000)
    page.locator(".dffw-foot").get_by_text("2 factors explain").wait_for(timeout=120_000)
    page.wait_for_function("document.querySelectorAll('.dffw-tile canvas').length === 3")
    box = page.get_by_label("Name of factor 1", exact=True)
    box.fill("head")
    box.press("Enter")
    page.wait_for_function("""document.querySelector('[aria-label="Name of factor 1"]').title === 'head'""")  # heard
    page.locator(".dffw-number[data-k='3']").click()
    page.locator(".dffw-foot").get_by_text("3 factors explain").wait_for()
    page.wait_for_function("document.querySelectorAll('.dffw-card').length === 3")
    assert not errors, errors
    page.close()
