"""What is kept in a notebook, how large it is, and that k moves in it without a kernel."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.jupyter import Notebook

from .page import KS, Lab, all_there, run, settle
from .playing import again, by_keys, shown_k, visit
from .rows import Row

MB = 1e6
STATE = """
import json
state = {name: value for name, value in explorer.get_state().items() if not name.startswith("_")}
def packed(value):
    if isinstance(value, (bytes, memoryview)):
        return [4 / 3 * len(value), 0]
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (bytes, memoryview)):
        return [4 / 3 * sum(map(len, value)), 0]
    return [0, len(json.dumps(value))]
print(sum(sum(packed(value)) for value in state.values()))
"""


def sizes(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """The state of the app, and the saved notebook with it, of 12, 100 and 500 images."""
    for n in (12, 100, 500):
        with lab.explorer(n=n, where=where) as book:
            state = float(run(book, STATE)) / MB
            yield Row(where, f"state of {n} images", [state], "MB", bound=6 if n == 100 else None)
            path = save(lab, book)
            once = path.stat().st_size / MB
            yield Row(where, f"saved notebook of {n} images", [once], "MB")
            if n == 12:
                for _ in range(3):
                    book.run_all()
                    run(book, "explorer.wait(100)")
                    settle(book)
                save(lab, book)
                yield Row(where, "the same, its cells run three times more", [path.stat().st_size / MB], "MB")


def save(lab: Lab, book: Notebook) -> Path:
    """The notebook on disk, with the state of its widgets as it is now."""
    path = lab.folder / Path(book.page.url.split("?")[0]).name
    for _ in range(20):
        book.page.evaluate(
            "jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState').then(() => 1)"
        )
        book.page.wait_for_timeout(500)
        book.save()
        if '"heat"' in path.read_text(encoding="utf-8"):  # a buffer of the app
            return path
    raise RuntimeError("the notebook was saved without the state of its widgets")


def without_kernel(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """k in a saved notebook that is opened again, whose kernel knows nothing of the app."""
    with lab.explorer(where=where) as book:
        path = save(lab, book).name
    first: list[float] = []
    while len(first) < runs:
        with lab.notebook(where=where, path=path) as book:
            asleep(book.page)
            all_there(book)
            book.page.evaluate("document.querySelector('.dffw-app').scrollIntoView({ block: 'end' })")
            settle(book)
            ks = [k for k in KS if k != shown_k(book)]
            random.Random(len(first)).shuffle(ks)
            first += [visit(book, k) for k in ks]
            if len(first) >= runs:
                yield Row("no kernel", "k, first visit", first, bound=25, aim=16)
                yield Row("no kernel", "k, seen before", again(book, runs), bound=25, aim=16)
                yield Row("no kernel", "k by a key, ] and [", by_keys(book, runs), bound=25, aim=16)


def asleep(page: Page) -> None:
    page.get_by_text("No kernel answers").wait_for()
