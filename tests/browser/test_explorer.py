"""The explorer as a person uses it, in JupyterLab 4 and Notebook 7."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from .jupyter import Notebook

SMALL = """
import dff_widgets as dff
images = dff.datasets.creatures(n=4, seed=0, size=128)
explorer = dff.DFFExplorer(images, k=2, size=128)
explorer
"""
MANY = """
import numpy as np, dff_widgets as dff
images = list(np.random.default_rng(0).integers(0, 256, (150, 64, 64, 3), dtype=np.uint8))
explorer = dff.DFFExplorer(images, k=2, size=320)
explorer
"""


def pixels(book: Notebook, nth: int = 0) -> np.ndarray:
    width, height, values = book.page.evaluate(
        """(n) => {const c = document.querySelectorAll('.dffw canvas')[n];
        return [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]];}""",
        nth,
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3].astype(int)


def settle(book: Notebook) -> str:
    """Wait until the explorer is idle and drawn; its status."""
    status = book.run("explorer.wait(60); print(explorer.status)")
    book.page.wait_for_function("+document.querySelector('.dffw')?.dataset.frames > 0")
    book.page.wait_for_timeout(300)
    return status


def until(book: Notebook, true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that a busy machine may take its time for."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never became true"
        book.page.wait_for_timeout(50)


def no_errors(book: Notebook) -> None:
    # Notebook 7 itself trips over a missing settings schema; that is not ours.
    ours = [e for e in book.errors if ("pageerror" in e or "widget" in e.lower()) and "schema" not in e]
    assert not ours, ours


def test_k_moves_with_the_mouse(open_notebook) -> None:
    book = open_notebook(SMALL.replace("k=2", "k=4"))
    book.run_all()
    assert settle(book).startswith("4 images · 4 factors explain")
    assert book.page.locator(".dffw canvas").count() == 4
    assert book.page.locator(".dffw-row").count() == 4
    before = pixels(book)
    handle = book.page.locator(".dffw-explorer .noUi-handle").first
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    book.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    book.page.mouse.down()
    book.page.mouse.move(box["x"] - 60, box["y"] + box["height"] / 2, steps=8)
    book.page.mouse.up()
    book.page.wait_for_function("document.querySelectorAll('.dffw-row').length < 4")
    settle(book)
    until(book, lambda: int(book.run("print(explorer.k)")) == book.page.locator(".dffw-row").count())
    until(book, lambda: np.abs(pixels(book) - before).mean() > 2)
    no_errors(book)


def test_dragging_opacity_sends_nothing_until_release(open_notebook) -> None:
    book = open_notebook(SMALL)
    book.run_all()
    settle(book)
    before = pixels(book)
    slider = book.page.get_by_label("Opacity of factor 0", exact=True)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    book.page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
    book.page.mouse.down()
    quiet = len(book.messages())
    book.page.mouse.move(box["x"] + 3, box["y"] + box["height"] / 2, steps=12)
    book.page.wait_for_timeout(300)
    until(book, lambda: np.abs(pixels(book) - before).mean() > 1)
    assert len(book.messages()) == quiet
    book.page.mouse.up()
    until(book, lambda: float(book.run("print(explorer.opacity[0])")) < 0.1)
    assert len(book.messages()) == quiet + 1
    no_errors(book)


@pytest.mark.lab_only
def test_an_extraction_can_be_cancelled(open_notebook) -> None:
    book = open_notebook(MANY)
    book.run_all()
    book.page.get_by_text("extracting").wait_for()
    book.page.get_by_role("button", name="Cancel").click()
    book.page.get_by_text("cancelled", exact=True).wait_for(timeout=10000)
    assert book.run("print(explorer.busy, explorer.error, explorer.result)") == "False None None"
    book.run("explorer.images = images[:3]")
    assert settle(book).startswith("3 images · 2 factors explain")
    no_errors(book)


def test_a_reload_finds_the_gallery_again(open_notebook) -> None:
    book = open_notebook(SMALL)
    book.run_all()
    settle(book)
    book.run("explorer.opacity = [0.9, 0.2]")
    book.page.wait_for_timeout(300)
    before = pixels(book, 1)
    book.save()
    book.page.reload()
    book.ready()
    book.page.wait_for_function("document.querySelectorAll('.dffw canvas').length === 4")
    until(book, lambda: (now := pixels(book, 1)).shape == before.shape and np.abs(now - before).mean() < 1)
    book.run("explorer.k = 3")
    book.page.wait_for_function("document.querySelectorAll('.dffw-row').length === 3")
    assert settle(book).startswith("4 images · 3 factors")


@pytest.mark.lab_only
def test_it_can_be_shown_twice(open_notebook) -> None:
    book = open_notebook(SMALL, "explorer")
    book.run_all()
    settle(book)
    book.page.wait_for_function("document.querySelectorAll('.dffw canvas').length === 8")
    book.page.get_by_label("Show factor 1", exact=True).first.uncheck()
    book.page.wait_for_function(
        "[...document.querySelectorAll('[aria-label=\"Show factor 1\"]')].every(box => !box.checked)"
    )
    until(book, lambda: book.run("print(explorer.visible)") == "[True, False]")
    until(book, lambda: (pixels(book, 0) == pixels(book, 4)).all())


CONTROLS = {
    "slider of ours": ".dffw-row input[type=range]",
    "slider of ipywidgets": ".dffw-explorer .noUi-handle",
    "check box": ".dffw-row input[type=checkbox]",
    "dropdown": ".dffw-explorer select",
}


def test_keys_typed_into_a_control_insert_no_cell(open_notebook) -> None:
    book = open_notebook(SMALL)
    book.run_all()
    settle(book)
    cells = book.cells()
    for control, where in CONTROLS.items():
        book.page.locator(where).first.focus()
        book.page.keyboard.press("b")
        book.page.keyboard.press("a")
        book.page.wait_for_timeout(300)
        assert book.cells() == cells, control


@pytest.mark.lab_only
def test_an_error_is_a_sentence_in_the_status_line(open_notebook) -> None:
    book = open_notebook(SMALL)
    book.run_all()
    settle(book)
    book.run("explorer.layer = 'bn7'")
    book.page.get_by_text("has no layer 'bn7'; the nearest are bn2").wait_for()
    assert book.page.locator(".dffw canvas").count() == 4
    no_errors(book)


@pytest.mark.lab_only
def test_any_network_is_found_by_a_part_of_its_name_and_a_wrong_one_stays_to_be_mended(open_notebook) -> None:
    book = open_notebook(SMALL)
    book.run_all()
    settle(book)
    picker, box = book.page.get_by_label("Network", exact=True), book.page.get_by_placeholder("names, then Enter")
    assert not box.is_visible()
    picker.select_option(label="another…")
    box.wait_for(timeout=60000)
    book.page.wait_for_function("document.querySelectorAll('.widget-text option').length > 1000")
    offered = set(book.page.locator(".widget-text option").evaluate_all("all => all.map(o => o.value)"))
    assert {"efficientnet_lite0", "vgg19", "resnet10t", "convnext_tiny"} <= offered
    box.fill("vgg91")
    box.press("Enter")
    book.page.get_by_text("there is no network 'vgg91'; the nearest are vgg19").wait_for()
    assert picker.evaluate("e => e.selectedOptions[0].label") == "efficientnet_lite0"
    assert box.input_value() == "vgg91"
    box.fill("efficientnet_lite0")
    box.press("Enter")
    book.page.get_by_text("there is no network").wait_for(state="hidden")
    box.wait_for(state="hidden")
    picker.select_option(label="another…")
    picker.select_option(label="vgg16")
    box.wait_for(state="hidden")
