"""How long a person waits: latencies of the explorer in JupyterLab, measured in the browser.

    python -m benchmarks.interaction [--runs 15] [--json FILE]

Twelve creatures, the embedded network at 320 px. Each row is the time from the event in the page to the frame that
shows its effect. Results are computed anew each time: only the activations are cached, as after a person's first look.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.browser.jupyter import BROWSER_ARGS, Notebook, Server

CELLS = (
    "import dff_widgets as dff\nimages = dff.datasets.creatures(n=12, seed=0, size=256)",
    "explorer = dff.DFFExplorer(images, k=3)\nexplorer",
)

# Resolves to the milliseconds from the next `event` to the first frame in which `done()` is true.
WATCH = """([event, done]) => {
  const test = new Function('return ' + done);
  window.waited = new Promise((resolve) => addEventListener(event, () => {
    const start = performance.now();
    const look = () =>
      test() ? requestAnimationFrame(() => resolve(performance.now() - start)) : requestAnimationFrame(look);
    look();
  }, { capture: true, once: true }));
}"""
FRAMES = "+document.querySelector('.dffw').dataset.frames"
FORGET = "explorer._pipeline._results.clear()"


def timed(book: Notebook, event: str, done: str, act) -> float:
    book.page.evaluate(WATCH, [event, done])
    act()
    return book.page.evaluate("window.waited")


def k_changes(book: Notebook, runs: int) -> list[float]:
    handle = book.page.locator(".dffw-explorer .noUi-handle").first
    times = []
    for run in range(runs):
        book.run(FORGET)
        up = run % 2 == 0
        handle.focus()
        rows = f"document.querySelectorAll('.dffw-row').length === {4 if up else 3}"
        times.append(
            timed(book, "keydown", rows, lambda up=up: book.page.keyboard.press("ArrowRight" if up else "ArrowLeft"))
        )
        book.run("explorer.wait()")
    return times


def layer_changes(book: Notebook, runs: int) -> list[float]:
    picker = book.page.locator(".dffw-explorer select").nth(1)
    layers = ["bn2", "blocks.6.0.bn2"]
    for layer in reversed(layers):
        book.run(f"explorer.layer = {layer!r}; explorer.wait()")
    times = []
    for run in range(runs):
        book.run(FORGET)
        frames = book.page.evaluate(FRAMES)
        value = picker.locator("option", has_text=f"{layers[(run + 1) % 2]} ").first.inner_text()
        times.append(
            timed(book, "change", f"{FRAMES} > {frames}", lambda value=value: picker.select_option(label=value))
        )
        book.run("explorer.wait()")
    return times


def opacity_changes(book: Notebook, runs: int) -> list[float]:
    slider = book.page.get_by_label("Opacity of factor 0", exact=True)
    slider.focus()
    times = []
    for run in range(runs):
        frames = book.page.evaluate(FRAMES)
        key = "ArrowLeft" if run % 2 else "ArrowRight"
        times.append(timed(book, "input", f"{FRAMES} > {frames}", lambda key=key: book.page.keyboard.press(key)))
    return times


def first_picture(book: Notebook) -> float:
    """Seconds from running the notebook to overlays on the screen, in a fresh kernel."""
    book.page.evaluate(
        """() => { const start = performance.now();
        const shown = () => document.querySelector('.dffw-row') && document.querySelector('.dffw canvas');
        window.first = new Promise((resolve) => { const look = () => requestAnimationFrame(
          shown() ? () => resolve(performance.now() - start) : look); look(); }); }"""
    )
    book.run_all()
    return book.page.evaluate("window.first")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, Path(folder) / "bench.ipynb")
        server = Server(Path(folder), "lab")
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=BROWSER_ARGS)
        try:
            page = Notebook(browser.new_context(viewport={"width": 1440, "height": 1000}), server, "bench.ipynb")
            table = {"first picture, imports included": [first_picture(page)]}
            page.run("explorer.wait()")
            table["k, cached activations"] = k_changes(page, options.runs)
            table["layer, cached activations"] = layer_changes(page, options.runs)
            table["opacity"] = opacity_changes(page, options.runs)
        finally:
            browser.close()
            server.close()
    print("| action | median | least | most | n |\n|---|---|---|---|---|")
    for action, times in table.items():
        print(f"| {action} | {statistics.median(times):.0f} ms | {min(times):.0f} | {max(times):.0f} | {len(times)} |")
    if options.json:
        options.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
