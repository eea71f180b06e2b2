"""A notebook saved with its widget state, opened again: the app lives, with a kernel that knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable

import nbformat
import pytest
from playwright.sync_api import BrowserContext, expect

from .jupyter import Notebook, Server

CELL = """
import dff_widgets as dff
explorer = dff.DFFExplorer(dff.datasets.creatures(n=3, seed=0, size=96), k=2, size=128)
explorer
"""


@pytest.mark.lab_only
def test_k_masks_and_the_tree_work_and_nothing_is_broken_or_red(
    open_notebook: Callable[..., Notebook], context: BrowserContext, server: Server, notebooks_folder
) -> None:
    first = open_notebook(CELL)
    first.run_all()
    first.run("explorer.wait(100)")
    first.page.evaluate("jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')")
    first.page.wait_for_function("+document.querySelector('.dffw-panel').dataset.frames > 0")
    first.save()
    name = first.page.url.split("/")[-1].split("?")[0]
    path = notebooks_folder / name
    assert "widgets" in nbformat.read(path, 4).metadata
    first.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    first.page.close()

    again = Notebook(context, server, name)
    page = again.page
    expect(page.get_by_text("No kernel answers")).to_be_visible()
    numbers = page.get_by_role("radiogroup", name="Number of factors").get_by_role("radio")
    expect(numbers).to_have_count(10)
    numbers.nth(3).click()
    expect(page.locator(".dffw-card")).to_have_count(4)
    page.get_by_role("tab", name="Tree").click()
    expect(page.get_by_role("treeitem").first).to_be_visible()
    mark = page.evaluate(
        "getComputedStyle(document.querySelector('.jupyter-widgets-disconnected'), '::before').display"
    )
    assert mark == "none"
    assert again.errors == []
    again.close()
