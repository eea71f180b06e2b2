"""How long a person waits: latencies of the explorer in JupyterLab, measured in the browser.

    python -m benchmarks.interaction [--runs 15] [--json FILE]

Twelve creatures, the embedded network at 320 px. Each row is the time from the event in the page to the frame that
shows its effect: for names, the changed IoU. Results are computed anew each time: only the activations are cached, as
after a person's first look. All of it here, and over a link of 100 ms (both ways together) and 20 Mbit/s.

It still speaks to the page of the first edition, and has to be written anew for the app before it can run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.browser.jupyter import BROWSER_ARGS, Notebook, Server

CELLS = (
    "import dff_widgets as dff\ndff.warm_up()\nimages = dff.datasets.creatures(n=12, seed=0, size=256)",
    "explorer = dff.DFFExplorer(images, k=3)\nexplorer",
)

# Resolves to the milliseconds from the next `event` to the paint of the first frame in which `done()` is true.
WATCH = """([event, done]) => {
  const test = new Function('return ' + done);
  window.waited = new Promise((resolve) => addEventListener(event, () => {
    const start = performance.now();
    // urgent: it comes right after the paint of the frame that posts it, before whatever else the page has to do
    const look = () => requestAnimationFrame(() => scheduler.postTask(painted, { priority: 'user-blocking' }));
    const painted = () => (test() ? resolve(performance.now() - start) : look());
    look();
  }, { capture: true, once: true }));
}"""
FRAMES = "+document.querySelector('.dffw').dataset.frames"
FORGET = "explorer.pipeline._results.clear()"
SCORE = "document.querySelector('.dffw-score').textContent"
SUMMARY = "document.querySelector('.dffw-summary').textContent"


class SlowLink:
    """A TCP proxy to a port of this machine that delays and throttles, each way; Chromium's own spares WebSockets."""

    def __init__(self, to: int, delay: float = 0.05, rate: float = 20e6 / 8) -> None:
        self._to, self._delay, self._rate = to, delay, rate  # seconds and bytes per second, one way
        self._free = {"up": 0.0, "down": 0.0}  # when the line has sent what it has to send
        self._loop = asyncio.new_event_loop()  # in a thread of its own: Playwright has this one's
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connect, "127.0.0.1"), self._loop)
        self._server = starting.result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _end(self) -> None:
        self._server.close()
        connections = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        await asyncio.gather(self._pump("up", reader, back), self._pump("down", there, writer), return_exceptions=True)

    async def _pump(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(under_way, writer))
        data = b"."
        while data:  # the last is empty: closed
            data = await reader.read(1 << 14)
            self._free[way] = max(self._free[way], self._loop.time()) + len(data) / self._rate
            under_way.put_nowait((self._free[way] + self._delay, data))
        await arriving

    async def _arrive(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - self._loop.time())
            if not data:
                return writer.close()
            writer.write(data)
            await writer.drain()


def timed(book: Notebook, event: str, done: str, act) -> float:
    book.page.evaluate(WATCH, [event, done])
    act()
    return book.page.evaluate("window.waited")


def run(book: Notebook, code: str) -> None:
    """Run code in the kernel; an error there ends the benchmark, which would measure something else."""
    said = book.run(code)
    if said.startswith("ERROR"):
        raise RuntimeError(f"{code!r} said {said}")


def rows(k: int) -> str:
    return f"document.querySelectorAll('.dffw-row').length === {k}"


def k_changes(book: Notebook, runs: int, done: Callable[[int], str] = rows) -> list[float]:
    run(book, "explorer.k = 3; explorer.wait()")
    handle = book.page.get_by_role("slider", name="Factors k")
    times = []
    for number in range(runs):
        run(book, FORGET)
        k, key = (4, "ArrowRight") if number % 2 == 0 else (3, "ArrowLeft")
        handle.focus()
        times.append(timed(book, "keydown", done(k), lambda key=key: book.page.keyboard.press(key)))
        run(book, "explorer.wait()")
    return times


def layer_changes(book: Notebook, runs: int) -> list[float]:
    picker = book.page.get_by_label("Layer", exact=True)
    layers = ["bn2", "blocks.6.0.bn2"]
    for layer in reversed(layers):
        run(book, f"explorer.layer = {layer!r}; explorer.wait()")
    times = []
    for number in range(runs):
        run(book, FORGET)
        frames = book.page.evaluate(FRAMES)
        value = picker.locator("option", has_text=f"{layers[(number + 1) % 2]} ").first.inner_text()
        times.append(
            timed(book, "change", f"{FRAMES} > {frames}", lambda value=value: picker.select_option(label=value))
        )
        run(book, "explorer.wait()")
    return times


def drags(book: Notebook, runs: int, slider: str) -> list[float]:
    """A slider pulled to and fro."""
    page, handle = book.page, book.page.get_by_label(slider, exact=True)
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.75 * box["width"], y)
    page.mouse.down()
    times = []
    for number in range(runs):
        frames, x = page.evaluate(FRAMES), box["x"] + (0.6 if number % 2 else 0.8) * box["width"]
        times.append(timed(book, "input", f"{FRAMES} > {frames}", lambda x=x: page.mouse.move(x, y)))
    page.mouse.up()
    return times


def opacity_keys(book: Notebook, runs: int) -> list[float]:
    slider = book.page.get_by_label("Opacity of factor 0", exact=True)
    slider.focus()
    times = []
    for number in range(runs):
        frames = book.page.evaluate(FRAMES)
        key = "ArrowLeft" if number % 2 else "ArrowRight"
        times.append(timed(book, "input", f"{FRAMES} > {frames}", lambda key=key: book.page.keyboard.press(key)))
    return times


def forget_names(book: Notebook) -> None:
    run(book, "explorer.panel.clear()")
    book.page.wait_for_function(f"{SCORE} === ''")


def visibility_changes(book: Notebook, runs: int) -> list[float]:
    box, times = book.page.get_by_label("Show factor 0", exact=True), []
    for _ in range(runs):
        frames = book.page.evaluate(FRAMES)
        times.append(timed(book, "change", f"{FRAMES} > {frames}", box.click))
    return times


def namings(book: Notebook, runs: int) -> list[float]:
    box = book.page.locator(".dffw-box").first
    times = []
    for number in range(runs):
        old = book.page.evaluate(SCORE)
        box.fill("torso" if number % 2 else "head")
        times.append(timed(book, "keydown", f"{SCORE} !== {old!r}", lambda: book.page.keyboard.press("Enter")))
    return times


def clicks(book: Notebook, runs: int, what: str) -> list[float]:
    times = []
    for _ in range(runs):
        forget_names(book)
        target = book.page.locator(what).first
        target.scroll_into_view_if_needed()
        times.append(timed(book, "click", f"{SCORE} !== ''", target.click))
    return times


def percentile_frames(book: Notebook, runs: int) -> list[float]:
    page = book.page
    page.get_by_label("What is drawn").select_option("masks")
    run(book, "explorer.wait()")
    page.wait_for_timeout(500)
    times = drags(book, runs, "Percentile from which a pixel is in the mask")
    page.get_by_label("What is drawn").select_option("heat")
    run(book, "explorer.wait()")
    return times


def percentiles_let_go(book: Notebook, runs: int) -> list[float]:
    run(book, "explorer.panel.assign_by_coverage(); explorer.wait()")
    slider = book.page.get_by_label("Percentile from which a pixel is in the mask")
    slider.focus()
    times = []
    for number in range(runs):
        old = book.page.evaluate(SUMMARY)
        done = f"{SUMMARY} !== {old!r} && {SUMMARY}.includes('all 12')"
        key = "PageDown" if number % 2 else "PageUp"
        times.append(timed(book, "keydown", done, lambda key=key: book.page.keyboard.press(key)))
        run(book, "explorer.wait()")
    return times


def named_k_changes(book: Notebook, runs: int) -> list[float]:
    """Until every IoU of the new factors is there."""
    run(book, "explorer.panel.assign_by_coverage(); explorer.wait()")
    return k_changes(book, runs, lambda k: f"{SUMMARY}.includes('of {k} named') && {SUMMARY}.includes('all 12')")


def first_pictures(book: Notebook, start: str) -> None:
    """Run a command; `window.photos` and `window.overlays` are the times until they are on the screen."""
    book.page.evaluate(
        """(command) => { const start = performance.now();
        const painted = () => [...document.querySelectorAll('.dffw canvas')].some(
          (c) => c.width && c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data[3]);
        const factors = () => painted() && document.querySelector('.dffw-row');
        const when = (shown) => new Promise((resolve) => { const look = () => requestAnimationFrame(
          shown() ? () => resolve(performance.now() - start) : look); look(); });
        [window.photos, window.overlays] = [when(painted), when(factors)];
        jupyterapp.commands.execute(command); }""",
        start,
    )


def photos_of_all(book: Notebook, _runs: int) -> list[float]:
    """From running the whole notebook, in a fresh kernel, to the photos on the screen."""
    first_pictures(book, "notebook:run-all-cells")
    return [book.page.evaluate("window.photos")]


def photos_of_cell(book: Notebook, pause: float) -> list[float]:
    """From running the explorer's cell, so many seconds after the cell before it, to the photos on the screen."""
    book.page.evaluate(
        """async () => { const { content, sessionContext } = jupyterapp.shell.currentWidget;
        await jupyterapp.commands.execute('notebook:clear-all-cell-outputs');
        await sessionContext.session.kernel.restart();
        await sessionContext.session.kernel.info;
        content.activeCellIndex = 0;
        await jupyterapp.commands.execute('notebook:run-cell');
        content.activeCellIndex = 1; }"""
    )
    book.page.wait_for_timeout(1000 * pause)
    first_pictures(book, "notebook:run-cell")
    return [book.page.evaluate("window.photos")]


def overlays(book: Notebook, _runs: int) -> list[float]:
    """From the same start to the overlays on the screen."""
    return [book.page.evaluate("window.overlays")]


ACTIONS: dict[str, Callable[[Notebook, int], list[float]]] = {
    "fresh kernel, both cells: photos": photos_of_all,
    "fresh kernel, both cells: overlays": overlays,
    "fresh kernel, the explorer's cell at once: photos": lambda book, _runs: photos_of_cell(book, 0),
    "fresh kernel, the explorer's cell at once: overlays": overlays,
    "fresh kernel, the explorer's cell after 5 s: photos": lambda book, _runs: photos_of_cell(book, 5),
    "fresh kernel, the explorer's cell after 5 s: overlays": overlays,
    "k, cached activations": k_changes,
    "layer, cached activations": layer_changes,
    "opacity dragged: a frame": lambda book, runs: drags(book, runs, "Opacity of factor 0"),
    "opacity by a key": opacity_keys,
    "visibility": visibility_changes,
    "a name typed, Enter": namings,
    "a suggestion": lambda book, runs: clicks(book, runs, ".dffw-chip"),
    "a cell of the matrix": lambda book, runs: clicks(book, runs, ".dffw-cell"),
    "assign by coverage": lambda book, runs: clicks(book, runs, ".dffw-assign button"),
    "percentile dragged, masks shown: a frame": percentile_frames,
    "percentile let go: every IoU": percentiles_let_go,
    "k, with names: every IoU": named_k_changes,
}


def measure(book: Notebook, runs: int, where: str) -> dict[str, list[float]]:
    table = {}
    for action, timing in ACTIONS.items():
        times = table[action] = timing(book, runs)
        numbers = f"{statistics.median(times):.0f} ms | {min(times):.0f} | {max(times):.0f} | {len(times)}"
        print(f"| {where} | {action} | {numbers} |", flush=True)
        run(book, "explorer.wait()")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tables = {}
    print("| where | action | median | least | most | n |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder), "lab")
        link = SlowLink(urllib.parse.urlsplit(server.base).port or 0)
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=BROWSER_ARGS)
        try:
            for where, base in (("here", server.base), ("link", f"http://127.0.0.1:{link.port}")):
                book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
                book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
                nbformat.write(book, Path(folder) / f"{where}.ipynb")
                server.base = base
                context = browser.new_context(viewport={"width": 1440, "height": 1000})
                notebook = Notebook(context, server, f"{where}.ipynb")
                tables[where] = measure(notebook, options.runs, where)
                notebook.close()
        finally:
            browser.close()
            server.close()
            link.close()
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
