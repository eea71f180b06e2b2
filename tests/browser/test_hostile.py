"""The explorer on a bad day: interrupts, reloads and restarts in the middle of each phase, and two tabs at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from dff_widgets.labelling import Session

from .jupyter import Notebook, Server
from .test_explorer import no_errors, settle, until

pytestmark = pytest.mark.parametrize("server", ["lab"], indirect=True)

# While there is a file ``<step>.hold`` beside the notebook, a step that comes to it says so by ``<step>.entered`` and
# waits: so a test decides how long a phase lasts, also where the kernel's own thread is the one that waits.
SLOW = """
import os, time
from pathlib import Path
import numpy as np, torch
from torch import nn
import dff_widgets as dff
import dff_widgets.dff as stages
import dff_widgets.extraction as sweeping

def holds(name, step):
    def held(*args, **options):
        while Path(f"{name}.hold").exists():
            Path(f"{name}.entered").touch()
            time.sleep(0.02)
        return step(*args, **options)
    return held

class Slow(nn.Module):
    forward = holds("extract", lambda self, x: x)

def network():
    torch.manual_seed(0)
    return nn.Sequential(Slow(), nn.Conv2d(3, 12, 5, stride=4), nn.ReLU(), nn.Conv2d(12, 16, 3, stride=2), nn.ReLU())

dff.networks.load_network = holds("load", dff.networks.load_network)
stages.factorize = holds("factorize", stages.factorize)
sweeping.extract = holds("sweep", sweeping.extract)
os.fsync = holds("save", os.fsync)

def parts(i):
    return {"top": np.tile(np.arange(96)[:, None] < 20 * (i + 1), (1, 128))}

photos = list(np.random.default_rng(0).integers(0, 256, (4, 96, 128, 3), dtype=np.uint8))
masks = dff.images.PerImage([(i,) for i in range(4)], holds("measure", parts))
images = dff.ImageSet.from_arrays(photos)
images = dff.ImageSet(images.sources, images.names, masks)
"""
EXPLORE = "explorer = dff.DFFExplorer(images, network=network(), k=2, size=96)\nexplorer.sweep = True\nexplorer"

# per phase what begins it
PHASES = {
    "load": "explorer.network = network()",
    "extract": "explorer.size += 16",
    "factorize": "explorer.seed += 1",
    "measure": "explorer.percentile -= 5.0",  # the IoU of what is labelled
    "sweep": "explorer.sweeping.view.seeds = [explorer.seed]; explorer.sweeping.view.start()",
}
LABELLED = "explorer.k = 2; explorer.wait(); explorer.labels = {0: ['top']}; explorer.selected = 1"
STATE = "print(explorer.k, list(explorer.labels.values()), explorer.selected)"

Held = Callable[[Notebook, str, Callable[[], object]], AbstractContextManager[Callable[[], None]]]


@pytest.fixture
def held(notebooks_folder: Path) -> Iterator[Held]:
    """held(book, step, begin): inside, the step has begun, and does not end before what it yields is called."""
    files: list[Path] = []

    def release() -> None:
        while files:
            files.pop().unlink(missing_ok=True)

    @contextmanager
    def hold(book: Notebook, step: str, begin: Callable[[], object]) -> Iterator[Callable[[], None]]:
        files.extend(notebooks_folder / f"{step}.{what}" for what in ("entered", "hold"))
        files[-1].touch()
        begin()
        until(book, files[-2].exists)
        yield release
        release()

    yield hold
    release()


def kernel(book: Notebook, what: str) -> None:
    """Interrupt or restart the kernel."""
    book.page.evaluate(f"() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.{what}()")


def not_the_widget(book: Notebook) -> list[str]:
    """What the cells printed or raised."""
    return book.page.evaluate(
        """() => jupyterapp.shell.currentWidget.content.widgets.flatMap(c => c.model.outputs?.toJSON() ?? [])
        .filter(o => ['stream', 'error'].includes(o.output_type)).map(o => JSON.stringify(o))"""
    )


def names(book: Notebook) -> list[str]:
    return [box.input_value() for box in book.page.locator(".dffw-box").all()]


def press(book: Notebook, button: str) -> None:
    book.page.locator(".dffw-explorer button", has_text=re.compile(rf"^\s*{button}\s*$")).click()


def session_file(book: Notebook, name: str) -> None:
    book.page.get_by_label("Session", exact=True).fill(name)
    book.page.keyboard.press("Tab")


def temporary(folder: Path) -> list[str]:
    return [path.name for path in folder.glob(".*.dff.*")]


@pytest.mark.lab_only
def test_an_interrupt_in_any_phase_leaves_nothing_stuck(open_notebook, held: Held, notebooks_folder: Path) -> None:
    book = open_notebook(SLOW, EXPLORE)
    book.run_all()
    settle(book)
    for phase, begin in PHASES.items():
        book.run(LABELLED)
        before = book.run(STATE)
        with held(book, phase, lambda begin=begin: book.run(begin)):
            kernel(book, "interrupt")
            assert book.run(STATE) == before
        settle(book)
        assert book.run(STATE) == before
        assert book.run("explorer.sweeping.view.wait(30); print(explorer.busy, explorer.error)") == "False None"
        book.run("explorer.k = 3")
        assert "3 factors explain" in settle(book)
        until(book, lambda: sorted(names(book)) == ["", "", "top"])
    # a cell that waits is what an interrupt ends; the work goes on
    with held(book, "extract", lambda: book.run(PHASES["extract"])):
        book.page.evaluate(
            """() => {window.waiting = jupyterapp.shell.currentWidget.sessionContext.session.kernel
            .requestExecute({code: "Path('cell.entered').touch(); explorer.wait()", store_history: false}).done}"""
        )
        until(book, (notebooks_folder / "cell.entered").exists)
        kernel(book, "interrupt")
        assert book.page.evaluate("async () => (await window.waiting).content.ename") == "KeyboardInterrupt"
        assert book.run("print(explorer.busy, explorer.error)") == "True None"
    assert "3 factors explain" in settle(book)
    # a file is whole, also when its writing is interrupted
    session_file(book, "mine.dff")
    press(book, "Save")
    book.page.get_by_text("saved in 'mine.dff'").wait_for()
    whole = (notebooks_folder / "mine.dff").read_bytes()
    book.run("explorer.panel.clear()")
    with held(book, "save", lambda: press(book, "Save")):
        kernel(book, "interrupt")
        book.page.get_by_text("⚠ interrupted").wait_for()
    assert (notebooks_folder / "mine.dff").read_bytes() == whole
    assert temporary(notebooks_folder) == []
    press(book, "Save")
    book.page.get_by_text("saved in 'mine.dff'").wait_for()
    assert (notebooks_folder / "mine.dff").read_bytes() != whole
    assert not_the_widget(book) == []
    no_errors(book)


@pytest.mark.lab_only
def test_a_reload_in_any_phase_finds_the_same_state(open_notebook, held: Held) -> None:
    book = open_notebook(SLOW, EXPLORE)
    book.run_all()
    settle(book)
    book.save()
    for phase, begin in {**PHASES, "save": ""}.items():
        book.run(LABELLED)
        session_file(book, "mine.dff")
        before = book.run(STATE)
        with held(book, phase, lambda begin=begin: book.run(begin) if begin else press(book, "Save")) as release:
            book.page.reload()
            if phase == "save":  # the kernel itself is busy, and can tell the page nothing before it is done
                release()
            book.ready()
            book.page.wait_for_function("document.querySelectorAll('.dffw canvas').length === 4")
            assert names(book) == ["top", ""]
            assert book.run(STATE) == before
        status = settle(book)
        book.page.get_by_text(status).wait_for()
        assert book.run(STATE) == before
        cancel = book.page.locator(".jupyter-button", has_text="Cancel")
        assert cancel.count() == 1
        until(book, lambda cancel=cancel: not cancel.is_visible())
        book.run("explorer.k = 3")
        book.page.wait_for_function("document.querySelectorAll('.dffw-row').length === 3")
        assert "3 factors explain" in settle(book)
    no_errors(book)


@pytest.mark.lab_only
def test_after_a_restart_in_any_phase_the_page_says_so_and_a_new_run_finds_the_labels(
    open_notebook, held: Held, notebooks_folder: Path
) -> None:
    book = open_notebook(SLOW, EXPLORE)
    file = notebooks_folder / "mine.dff"
    book.run_all()
    settle(book)
    session_file(book, "mine.dff")
    book.page.get_by_label("autosave").check()
    for phase, word in zip([*PHASES, "save"], ["head", "tail", "ear", "leg", "wing", "horn"], strict=True):
        book.page.locator(".dffw-box").first.fill(word)
        book.page.keyboard.press("Enter")
        until(book, lambda w=word: file.exists() and Session.load(file).labels.value[0] == [w])
        with held(book, phase, lambda p=phase: book.run(PHASES[p]) if p in PHASES else press(book, "Save")):
            whole = file.read_bytes()
            kernel(book, "restart")
            book.page.wait_for_selector(".jupyter-widgets-disconnected .dffw")
            title = "getComputedStyle(document.querySelector('.dffw-title'), '::after').content"
            assert "disconnected" in book.page.evaluate(title)
            sent = len(book.messages())
            book.page.locator(".dffw-row input[type=range]").first.fill("0.2")
            book.page.locator(".dffw-row input[type=checkbox]").first.uncheck()
            book.page.wait_for_timeout(300)
            assert [m for m in book.messages()[sent:] if "request_states" not in m] == []  # that is the page's own
            assert file.read_bytes() == whole
        book.ready()
        book.run_all()
        settle(book)
        session_file(book, "mine.dff")
        press(book, "Load")
        book.page.get_by_text("loaded from 'mine.dff'").wait_for()
        settle(book)
        until(book, lambda w=word: names(book) == [w, ""])
        book.page.get_by_label("autosave").check()
    no_errors(book)


def test_two_tabs_on_one_notebook_follow_each_other(open_notebook, context: BrowserContext, server: Server) -> None:
    first = open_notebook(SLOW, EXPLORE)
    first.run_all()
    settle(first)
    first.run(LABELLED)
    first.save()
    path = first.page.evaluate("() => jupyterapp.shell.currentWidget.context.path")
    second = Notebook(context, server, path)
    second.page.wait_for_function("document.querySelectorAll('.dffw canvas').length === 4")
    assert names(second) == ["top", ""]
    tabs = (first, second)
    for k, here, there in ((3, first, second), (4, second, first)):
        here.page.bring_to_front()
        handle = here.page.locator(".dffw-explorer .noUi-handle").first
        handle.focus()
        here.page.keyboard.press("ArrowRight")
        there.page.bring_to_front()
        until(there, lambda k=k, there=there: there.page.locator(".dffw-row").count() == k)
        assert f"{k} factors explain" in settle(first)
        box = there.page.locator(".dffw-box").nth(k - 1)
        box.fill(f"name {k}")
        there.page.keyboard.press("Enter")
        here.page.bring_to_front()
        until(here, lambda k=k, here=here: names(here)[k - 1] == f"name {k}")
    assert names(first) == names(second)
    assert first.run("print([n for n in explorer.labels.values()])").count("name") == 2
    first.page.wait_for_timeout(500)
    quiet = [(len(tab.messages()), tab.received) for tab in tabs]
    first.page.wait_for_timeout(3000)
    assert [(len(tab.messages()), tab.received) for tab in tabs] == quiet
    second.page.close()
    assert not_the_widget(first) == []
    for tab in tabs:
        no_errors(tab)
