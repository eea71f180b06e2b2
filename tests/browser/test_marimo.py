"""The notebook for marimo in marimo's editor: the explorer is whole there, and cells hear of what a person does."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "marimo" / "explore.py"
SETTINGS = "[tool.marimo.runtime]\nauto_instantiate = true\n"  # cells run when the notebook is opened


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    shutil.copy(NOTEBOOK, tmp_path)
    (tmp_path / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "marimo.log").open("wb")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "marimo", "-q", "edit", NOTEBOOK.name, "--headless", "--no-token"),
            *("--skip-update-check", "--host=127.0.0.1", f"--port={port}"),
        ],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                break
        except OSError:
            said = (tmp_path / "marimo.log").read_text()[-2000:]
            assert process.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.2)
    yield f"http://127.0.0.1:{port}/"
    for kill in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, kill)
            process.wait(20)
    log.close()


def look(page: Page, nth: int = 0) -> np.ndarray:
    """A tile's pixels, (h, w, 4)."""
    width, height, values = (
        page.locator(".dffw-tile canvas")
        .nth(nth)
        .evaluate("(c) => [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]")
    )
    return np.array(values, np.uint8).reshape(height, width, 4)


def coloured(pixels: np.ndarray) -> float:
    """The fraction of pixels that are not grey, as an overlay on a grey photo is not."""
    spread = np.ptp(pixels[..., :3].astype(int), axis=-1)
    return float((spread > 24).mean())


def another(page: Page, before: np.ndarray) -> np.ndarray:
    """The tile's pixels once they are other ones."""
    for _ in range(100):
        after = look(page)
        if after.shape == before.shape and np.abs(after.astype(int) - before).mean() > 1:
            return after
        page.wait_for_timeout(100)
    raise AssertionError("the tile has not changed")


def test_the_explorer_is_whole_in_marimo(context: BrowserContext, address: str) -> None:
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address, timeout=60_000)
    page.locator(".dffw-foot").get_by_text("3 factors explain").wait_for(timeout=120_000)
    expect(page.locator(".dffw-tile canvas").nth(9)).to_be_attached()
    three = look(page)
    assert coloured(three) > 0.1  # the photos are grey, the overlays are not
    assert three[..., :3].std() > 20  # and there is a photo

    page.locator(".dffw-number[data-k='4']").click()
    page.locator(".dffw-foot").get_by_text("4 factors explain").wait_for()
    four = another(page, three)
    expect(page.locator(".dffw-card")).to_have_count(4)
    rows = page.locator("marimo-table").get_by_role("row")
    expect(rows).to_have_count(1 + 4)  # the table of the last cell, which runs again

    box = page.get_by_label("Name of factor 1", exact=True)
    box.fill("hind <leg>")
    box.press("Enter")
    expect(rows.nth(1).get_by_role("cell", name="hind <leg>")).to_be_attached()

    page.get_by_role("radio", name="Masks").click()
    another(page, four)

    app = page.locator(".dffw-app").bounding_box()
    output = page.locator(".output-area:has(.dffw-app)").bounding_box()
    assert app is not None
    assert output is not None
    assert app["y"] + app["height"] <= output["y"] + output["height"]  # the status line is in sight
    assert not errors, errors
    page.close()
