"""Fixtures: Chromium, a blank page with a widget on a fake model, and notebooks in JupyterLab 4 and Notebook 7."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from . import chromium
from .jupyter import BROWSER_ARGS, Notebook, Server
from .warm_kernel import Forge

FAKE_MODEL = (Path(__file__).parent / "fake_model.js").read_text()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here is a browser test; without a browser it is skipped, in CI it fails.

    Notebook 7 has the kernels, pages and widget manager of JupyterLab: what is slow is tried in one of them only.
    """
    here = Path(__file__).parent
    missing = chromium.find() is None and not os.environ.get("CI")
    items[:] = [item for item in items if not (item.get_closest_marker("lab_only") and "[notebook" in item.name)]
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")
            if missing:
                item.add_marker(pytest.mark.skip(reason="no Chrome or Chromium; `make test` installs one"))


@pytest.fixture(scope="session")
def context() -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=BROWSER_ARGS)
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        context.set_default_timeout(30000)
        yield context
        browser.close()


@pytest.fixture
def blank(context: BrowserContext) -> Iterator[Callable[[Any], Page]]:
    """blank(widget): a page on which the widget's ESM is rendered with a fake model; no kernel, no Jupyter."""
    pages: list[Page] = []

    def open_blank(widget: Any) -> Page:
        page = context.new_page()
        pages.append(page)
        page.set_content("<!doctype html><body></body>")
        page.add_style_tag(content=widget._css)
        state: dict[str, Any] = {}
        for name in widget.trait_names(sync=True):
            if name.startswith("_") or name in ("layout", "comm", "tabbable", "tooltip"):
                continue
            state[name] = _wire(getattr(widget, name))
        page.evaluate(FAKE_MODEL, [widget._esm, state])
        page.wait_for_function("+document.querySelector('.dffw').dataset.frames > 0")
        return page

    yield open_blank
    for page in pages:
        page.close()


def _wire(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return [_wire(v) for v in value] if isinstance(value, list) else value


@pytest.fixture(scope="session")
def notebooks_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    forge = Forge(tmp_path_factory.mktemp("forge"))
    yield forge
    forge.close()


@pytest.fixture(scope="session", params=["lab", "notebook"])
def server(request: pytest.FixtureRequest, notebooks_folder: Path, forge: Forge) -> Iterator[Server]:
    server = Server(notebooks_folder, request.param, kernels=forge.folder)
    yield server
    server.close()


@pytest.fixture
def open_notebook(
    context: BrowserContext, server: Server, notebooks_folder: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Notebook]]:
    """open_notebook(cell, cell, ...) or open_notebook(path): an open notebook, not yet run."""
    opened: list[Notebook] = []

    def open_one(*cells: str | Path) -> Notebook:
        name = request.node.name.translate(str.maketrans("[]/ ", "____")) + ".ipynb"
        if isinstance(cells[0], Path):
            notebook = nbformat.read(cells[0], as_version=4)
        else:
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, notebooks_folder / name)
        opened.append(Notebook(context, server, name))
        return opened[-1]

    yield open_one
    for one in opened:
        if getattr(request.node, "failed", False):
            shots = Path("shots")
            shots.mkdir(exist_ok=True)
            one.page.screenshot(path=shots / f"{request.node.name}.png")
        one.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    item.failed = getattr(item, "failed", False) or report.failed  # type: ignore[attr-defined]
    return report
