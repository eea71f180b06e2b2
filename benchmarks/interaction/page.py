"""The explorer in JupyterLab, and the stop watch in its page."""

from __future__ import annotations

import tempfile
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, sync_playwright

from tests.browser import chromium
from tests.browser.jupyter import BROWSER_ARGS, Notebook, Server

from .slow_link import SlowLink

PROBE = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8")
IMAGES = "import dff_widgets as dff\nimages = dff.datasets.creatures(n={n}, seed=0, size=256)"
EXPLORER = "explorer = dff.DFFExplorer(images, k=3)\nexplorer"
WIDE = {"width": 1440, "height": 900}
KS = range(1, 11)


class Lab:
    """A Jupyter server, its notebooks' folder, and a browser; the same server over a slow line too."""

    def __init__(self, folder: Path, server: Server, browser: Browser, link: SlowLink) -> None:
        self.folder, self.browser = folder, browser
        self._server, self._bases = server, {"here": server.base, "link": f"http://127.0.0.1:{link.port}"}
        self._made = 0

    @contextmanager
    def notebook(self, *cells: str, where: str = "here", path: str = "", at_start: str = "") -> Iterator[Notebook]:
        """A notebook of these cells, open and not yet run; closed with its kernel at the end.

        Args:
            cells: its code.
            where: ``"here"`` or ``"link"``.
            path: of one that is there, in place of cells.
            at_start: JavaScript that is run before anything else of the page.
        """
        if not path:
            self._made += 1
            path = f"{self._made}.ipynb"
            write(self.folder / path, cells)
        self._server.base = self._bases[where]
        context = self.browser.new_context(viewport=WIDE)
        context.set_default_timeout(120_000)
        context.add_init_script(f"({PROBE})(); {at_start}")
        book = Notebook(context, self._server, path)
        try:
            yield book
        finally:
            book.close()
            context.close()

    @contextmanager
    def explorer(self, *cells: str, where: str = "here", n: int = 12) -> Iterator[Notebook]:
        """The same, run; by default an explorer of n creatures. Every k is there, and all is quiet."""
        with self.notebook(*(cells or (IMAGES.format(n=n), EXPLORER)), where=where) as book:
            book.run_all(600)
            run(book, "explorer.wait(600)")
            all_there(book)
            # JupyterLab scrolls after a run; a benchmark wants the app whole and where it is
            book.page.evaluate("document.querySelector('.dffw-app').scrollIntoView({ block: 'end' })")
            settle(book)
            yield book


@contextmanager
def lab(*options: str) -> Iterator[Lab]:
    """A `Lab`.

    Args:
        options: of JupyterLab.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        playwright = stack.enter_context(sync_playwright())
        server = Server(folder, "lab", *options)
        stack.callback(server.close)
        link = SlowLink(urllib.parse.urlsplit(server.base).port or 0)
        stack.callback(link.close)
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=BROWSER_ARGS)
        stack.callback(browser.close)
        yield Lab(folder, server, browser, link)


def write(path: Path, cells: Sequence[str]) -> None:
    """A notebook of code cells."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)


def run(book: Notebook, code: str) -> str:
    """Run code in the kernel; an error there ends the benchmark, which would measure something else."""
    said = book.run(code)
    if "ERROR" in said:
        raise RuntimeError(f"{code!r} said {said}")
    return said


def number(book: Notebook, k: int) -> Locator:
    """The button of a k."""
    return book.page.locator(f".dffw-number[data-k='{k}']")


def all_there(book: Notebook) -> None:
    """Wait until every k can be chosen."""
    book.page.wait_for_function(
        "[...document.querySelectorAll('.dffw-number[title*=explains]')].length >= 10 && bench.tiles().length > 0"
    )


def settle(book: Notebook, quiet: int = 400) -> None:
    """Wait until no frame of the gallery has been drawn for so many ms."""
    book.page.evaluate(
        """async (quiet) => {
          const panel = document.querySelector('.dffw-panel');
          for (let last = null; last !== panel.dataset.frames; ) {
            last = panel.dataset.frames;
            await new Promise((done) => setTimeout(done, quiet));
          }
        }""",
        quiet,
    )


def timed(book: Notebook, event: str, act: Callable[[], Any], told: str = "") -> float:
    """Milliseconds from the next `event`, which `act` brings about, to the paint of the last frame that shows it.

    Args:
        book: where.
        event: its name.
        act: with the hand of a person: pointer, or keys.
        told: a selector whose text has to change before a frame counts.
    """
    book.page.evaluate("([event, told]) => bench.watch(event, told)", [event, told])
    act()
    return float(book.page.evaluate("bench.found"))
