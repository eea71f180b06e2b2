"""A kernel that ends while the notebook is open: what needs one says that it sleeps, and a new kernel wakes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .jupyter import Notebook

CELL = """
import dff_widgets as dff
explorer = dff.DFFExplorer(dff.datasets.creatures(n=3, seed=0, size=96), k=2, size=128)
explorer
"""
KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"


def turn_to_it_until_it_sleeps(page: Page) -> None:
    """Move the pointer over the app, as a person does who goes on working."""
    foot = page.locator(".dffw-foot")
    for step in range(120):
        page.locator(".dffw-stage").hover(position={"x": 20 + step % 5, "y": 20})
        if "No kernel answers" in foot.inner_text():
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"still awake: {foot.inner_text()!r}")


@pytest.mark.lab_only
def test_a_killed_kernel_is_noticed_and_another_one_wakes_the_app(open_notebook: Callable[..., Notebook]) -> None:
    book = open_notebook(CELL)
    book.run_all()
    page = book.page
    foot = page.locator(".dffw-foot")
    foot.get_by_text("2 factors explain").wait_for(timeout=60_000)
    expect(page.get_by_role("button", name="Export", exact=True)).to_be_enabled()

    page.evaluate(f"{KERNEL}.requestExecute({{code: 'import os; os.kill(os.getpid(), 9)'}}).done.catch(() => 0) && 1")
    page.locator(".jp-Dialog button").click()  # "appears to have died"
    turn_to_it_until_it_sleeps(page)
    expect(page.get_by_role("button", name="Export", exact=True)).to_be_disabled()
    page.locator(".dffw-number[data-k='3']").click()  # what does not need one goes on
    expect(page.locator(".dffw-card")).to_have_count(3)
    expect(foot).to_contain_text("3 factors explain")

    page.wait_for_function(f"{KERNEL}.status === 'idle'")
    book.run_all()
    page.locator(".dffw-foot").get_by_text("2 factors explain").wait_for(timeout=60_000)
    page.wait_for_timeout(3500)  # past the patience of the first question
    expect(page.locator(".dffw-foot")).not_to_contain_text("No kernel answers")


def test_a_restart_puts_it_to_sleep_at_once(open_notebook: Callable[..., Notebook]) -> None:
    book = open_notebook(CELL)
    book.run_all()
    page = book.page
    page.locator(".dffw-foot").get_by_text("2 factors explain").wait_for(timeout=60_000)
    page.evaluate(f"{KERNEL}.restart().then(() => 1)")
    expect(page.locator(".dffw-foot")).to_contain_text("No kernel answers")
