"""The explorer on a bad day: interrupts, reloads and restarts in the middle of each phase, and two tabs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from .jupyter import Notebook, Server

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
stages.factorize_stack = holds("factorize", stages.factorize_stack)
os.fsync = holds("save", os.fsync)

def parts(i):
    return {"top": np.tile(np.arange(96)[:, None] < 20 * (i + 1), (1, 128))}

photos = list(np.random.default_rng(0).integers(0, 256, (4, 96, 128, 3), dtype=np.uint8))
masks = dff.images.PerImage([(i,) for i in range(4)], holds("measure", parts))
images = dff.ImageSet.from_arrays(photos)
images = dff.ImageSet(images.sources, images.names, masks)
"""
EXPLORE = "base = network()\nexplorer = dff.DFFExplorer(images, network=base, k=2, size=96, foresee=False)\nexplorer"

# per phase what begins it
PHASES = {
    "load": "explorer.network = network()",  # another module of the same weights
    "extract": "explorer.size += 16",
    "factorize": "explorer.seed += 1",
    "measure": "explorer.percentile -= 5.0",  # the IoU of what is labelled
}
BACK = "explorer.network, explorer.size, explorer.seed, explorer.percentile = base, 96, 0, 75.0"
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


def until(book: Notebook, true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what the page or the kernel comes to."""
    for _ in range(int(10 * seconds)):
        if true():
            return
        book.page.wait_for_timeout(100)
    raise AssertionError("it never became true")


def settle(book: Notebook) -> str:
    """Wait until the kernel has nothing to do and the page knows; the status."""
    said = book.run("explorer.wait(60); print(explorer.status)")
    until(book, lambda: names(book) == eval(book.run("print([' + '.join(n) for n in explorer.labels.values()])")))
    return said


def names(book: Notebook) -> list[str]:
    """What the name boxes hold."""
    boxes = book.page.locator("[aria-label^='Name of factor']")
    return [box.input_value() for box in boxes.all()]


def no_errors(book: Notebook) -> None:
    """Nothing was complained of but what Jupyter itself says of a kernel that went away."""
    theirs = ("WebSocket", "Kernel", "404", "favicon", "comm", "Failed to load resource", "Disconnected")
    assert [e for e in book.errors if not any(word in e for word in theirs)] == []


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
        assert book.run("print(explorer.busy, explorer.error)") == "False None"
        book.run(BACK)  # where one has been, all is as it was
        settle(book)
        assert book.run(STATE) == before
        book.run("explorer.k = 3")
        assert "3 factors explain" in settle(book)
        assert sorted(names(book))[-1] == "top"
    # a cell that waits is what an interrupt ends; the work goes on
    with held(book, "extract", lambda: book.run("explorer.size = 128")):
        waiting = "Path('cell.entered').touch(); explorer.wait()"
        begin_in_a_cell(book, waiting)
        until(book, (notebooks_folder / "cell.entered").exists)
        kernel(book, "interrupt")
        assert book.page.evaluate("async () => (await window.waiting).content.ename") == "KeyboardInterrupt"
        assert book.run("print(explorer.busy, explorer.error)") == "True None"
    assert "3 factors explain" in settle(book)
    # a file is whole, also when its writing is interrupted
    file = notebooks_folder / "mine.dff"
    book.run("explorer.save('mine.dff')")
    whole = file.read_bytes()
    book.run("explorer.labels = {0: ['changed']}")
    with held(book, "save", lambda: begin_in_a_cell(book, "explorer.save('mine.dff')")):
        kernel(book, "interrupt")
        assert book.page.evaluate("async () => (await window.waiting).content.ename") == "KeyboardInterrupt"
    assert file.read_bytes() == whole
    assert [path.name for path in notebooks_folder.glob(".*mine*")] == []
    book.run("explorer.save('mine.dff')")
    assert file.read_bytes() != whole
    assert not_the_widget(book) == []
    no_errors(book)


def begin_in_a_cell(book: Notebook, code: str) -> None:
    """Run code in the kernel, and do not wait for it: ``window.waiting`` is its end."""
    book.page.evaluate(
        """(code) => {window.waiting = jupyterapp.shell.currentWidget.sessionContext.session.kernel
        .requestExecute({code, store_history: false}).done}""",
        code,
    )


@pytest.mark.lab_only
def test_a_reload_in_any_phase_finds_the_same_state(open_notebook, held: Held) -> None:
    book = open_notebook(SLOW, EXPLORE)
    book.run_all()
    settle(book)
    book.save()
    for phase, begin in PHASES.items():
        book.run(LABELLED)
        before = book.run(STATE)
        with held(book, phase, lambda begin=begin: book.run(begin)):
            book.page.reload()
            book.ready()
            book.page.wait_for_function("document.querySelectorAll('.dffw-tile canvas').length === 4")
            assert names(book) == ["top", ""]
            assert book.run(STATE) == before
        settle(book)
        book.run(BACK)
        settle(book)
        assert book.run(STATE) == before
        cancel = book.page.locator(".dffw-foot button", has_text="Cancel")
        until(book, lambda cancel=cancel: not cancel.is_visible())
        book.run("explorer.k = 3")
        book.page.wait_for_function("document.querySelectorAll('.dffw-card').length === 3")
        assert "3 factors explain" in settle(book)
    no_errors(book)


@pytest.mark.lab_only
def test_after_a_restart_k_works_without_a_kernel_and_a_new_run_finds_the_labels(
    open_notebook, held: Held, notebooks_folder: Path
) -> None:
    book = open_notebook(SLOW, EXPLORE)
    book.run_all()
    settle(book)
    for phase, word in zip(PHASES, ["head", "tail", "ear", "leg"], strict=True):
        book.run("explorer.basis = None; explorer.wait()")  # a session's factors are of one k
        book.run(f"explorer.labels = {{0: [{word!r}]}}; explorer.save('mine.dff', overwrite=True)")
        whole = (notebooks_folder / "mine.dff").read_bytes()
        with held(book, phase, lambda phase=phase: book.run(PHASES[phase])):
            kernel(book, "restart")
            book.page.wait_for_timeout(500)
            book.page.locator(".dffw-number[data-k='4']").click()
            book.page.wait_for_function("document.querySelectorAll('.dffw-card').length === 4")  # with no kernel
            assert (notebooks_folder / "mine.dff").read_bytes() == whole
        book.ready()
        book.run_all()
        settle(book)
        assert "load" in book.run("print(explorer.load('mine.dff'))")
        settle(book)
        assert names(book) == [word, ""]
    no_errors(book)


def test_two_tabs_on_one_notebook_follow_each_other(open_notebook, context: BrowserContext, server: Server) -> None:
    first = open_notebook(SLOW, EXPLORE)
    first.run_all()
    settle(first)
    first.run(LABELLED)
    first.save()
    path = first.page.evaluate("() => jupyterapp.shell.currentWidget.context.path")
    second = Notebook(context, server, path)
    second.page.wait_for_function("document.querySelectorAll('.dffw-tile canvas').length === 4")
    assert names(second) == ["top", ""]
    tabs = (first, second)
    for k, here, there in ((3, first, second), (4, second, first)):
        here.page.bring_to_front()
        here.page.locator(f".dffw-number[data-k='{k}']").click()
        there.page.bring_to_front()
        until(there, lambda k=k, there=there: there.page.locator(".dffw-card").count() == k)
        assert f"{k} factors explain" in settle(first)
        box = there.page.get_by_label(f"Name of factor {k}", exact=True)
        box.fill(f"name {k}")
        there.page.keyboard.press("Enter")
        here.page.bring_to_front()
        until(here, lambda k=k, here=here: names(here)[k - 1] == f"name {k}")
    assert names(first) == names(second)
    first.page.wait_for_timeout(500)
    quiet = [(len(tab.messages()), tab.received) for tab in tabs]
    first.page.wait_for_timeout(3000)
    assert [(len(tab.messages()), tab.received) for tab in tabs] == quiet
    second.page.close()
    assert not_the_widget(first) == []
    for tab in tabs:
        no_errors(tab)
