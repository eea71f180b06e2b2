"""`make lab` with a fresh kernel: the first overlays, and every k after them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat

from .page import Lab, run
from .rows import Row

ROOT = Path(__file__).parents[2]
LABEXTENSIONS = f"--LabApp.extra_labextensions_path={ROOT / 'tools' / 'labextensions'}"  # as `make lab` has it
NOTEBOOK = ROOT / "notebooks" / "01_explore.ipynb"
STAMP = "import time\nbegan = time.time()\n"

# From the start of the page on: when the first overlays were on the screen, and when every k could be chosen.
WATCH = """(() => {
  window.shown = {};
  const drawn = (c) => c.getContext("2d").getImageData(c.width / 2, c.height / 2, 1, 1).data[3] > 0;
  bench.everyPaint((now) => {
    const time = performance.timeOrigin + now;
    if (!shown.overlays && document.querySelector(".dffw-card") && bench.tiles().some(drawn)) shown.overlays = time;
    if (shown.overlays && document.querySelectorAll(".dffw-number[title*=explains]").length >= 10) shown.stack = time;
    return Boolean(shown.stack);
  });
})()"""


def starting(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """Fresh kernels, one after the other; the extension of `make lab` runs the notebook as far as the explorer."""
    overlays, stack, page = [], [], []
    for _ in range(max(3, runs // 3)):
        stamped(lab.folder / NOTEBOOK.name)
        with lab.notebook(where=where, path=NOTEBOOK.name, at_start=WATCH) as book:
            book.page.wait_for_function("shown.stack")
            shown = book.page.evaluate("({ ...shown, opened: performance.timeOrigin })")
            began = 1000 * float(run(book, "print(began)"))
        overlays.append(shown["overlays"] - began)
        stack.append(shown["stack"] - shown["overlays"])
        page.append(shown["overlays"] - shown["opened"])
    yield Row(where, "`make lab`: first overlays, from the explorer's cell", overlays, bound=3000, aim=2000)
    yield Row(where, "`make lab`: first overlays, from opening the page", page)
    yield Row(where, "every k, after the first overlays", stack, bound=400, aim=200)


def stamped(path: Path) -> None:
    """A copy of the notebook whose explorer's cell remembers when it began."""
    shutil.copy(NOTEBOOK, path)
    book = nbformat.read(path, as_version=4)
    cell = next(cell for cell in book.cells if cell.cell_type == "code" and "DFFExplorer(" in cell.source)
    cell.source = STAMP + cell.source
    nbformat.write(book, path)
