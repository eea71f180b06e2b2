"""Naming factors as a person does it: on a blank page with the panel itself behind it, and a session in Jupyter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

import dff_widgets as dff
from dff_widgets.factorization import Factorization
from dff_widgets.heat import palette

from .conftest import _wire
from .test_explorer import no_errors, settle, until

SIZES = ((48, 64), (64, 40), (56, 56))
PARTS = ("head", "torso", "legs")
CELL = 8
NASTY = ("<img src=x onerror=alert(1)>", "x" * 10_000, "🦁" * 30, "שלום עולם \u202eevil", "a\tb\n<b>c</b>")


def make(k: int = 4, parts: tuple[str, ...] = PARTS, seed: int = 0) -> dff.DFFResult:
    """A result whose factor j is strong on part j, a quarter of each image, and random elsewhere."""
    rng = np.random.default_rng(seed)
    images = dff.ImageSet.from_arrays(
        [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES],
        parts=[{part: _stripe(size, j) for j, part in enumerate(parts)} for size in SIZES],
    )
    shapes = tuple((h // CELL, w // CELL) for h, w in SIZES)
    cells = [
        np.stack([_stripe(shape, j).ravel() for j in range(k)], axis=1) + rng.random((shape[0] * shape[1], k)) / 2
        for shape in shapes
    ]
    factors = Factorization(np.concatenate(cells).astype(np.float32), np.eye(k, 6, dtype=np.float32), 0.4, 3, True)
    return dff.DFFResult(factors, images, shapes, SIZES, "Net", "deep", CELL)


def _stripe(shape: tuple[int, int], j: int) -> np.ndarray:
    """A quarter of the rows, from above; after four of them, a quarter of the columns."""
    mask = np.zeros(shape, dtype=bool)
    mask = mask if j < 4 else mask.T
    n = len(mask)
    mask[j % 4 * n // 4 : (j % 4 + 1) * n // 4] = True
    return mask if j < 4 else mask.T


class Wired:
    """A panel on a blank page; `deliver` is the wire between the two."""

    def __init__(self, page: Page, panel: dff.LabelingPanel) -> None:
        self.page, self.panel = page, panel
        self._changed: set[str] = set()
        traits = [n for n in panel.gallery.trait_names(sync=True) if not n.startswith("_")]
        panel.gallery.observe(lambda change: self._changed.add(change["name"]), traits)

    def deliver(self) -> list[dict[str, Any]]:
        """Hand what the page sent to the panel, and the panel's answer to the page; what was sent."""
        sent = self.page.evaluate("outbox.splice(0)")
        for message in sent:
            if "content" in message:
                self.panel.gallery._handle_custom_msg(message["content"], [])
            else:
                self.panel.gallery.set_state(message["state"])
        self.answer()
        return [message.get("content", message.get("state")) for message in sent]

    def answer(self) -> None:
        """What the panel has to say by now goes to the page, as one message."""
        self.panel.wait(30)
        names, self._changed = self._changed, set()
        self.page.evaluate("fromKernel", {n: _wire(getattr(self.panel.gallery, n)) for n in sorted(names)})
        self.page.evaluate("new Promise(requestAnimationFrame)")

    def box(self, j: int) -> Any:
        return self.page.get_by_label(f"Name of factor {j}", exact=True)

    def ious(self) -> list[str]:
        return self.page.locator(".dffw-score").all_inner_texts()

    def focused(self) -> str:
        """What a screen reader calls the control that has the focus."""
        return self.page.evaluate(
            """() => {const e = document.activeElement;
            return e.ariaLabel ?? (e.labels?.[0] ?? e).textContent.trim();}"""
        )

    def press(self, *keys: str) -> None:
        press(self.page, *keys)


@pytest.fixture
def wired(blank) -> Callable[..., Wired]:
    """wired(result, labels): a panel of one's own on a blank page."""

    def open_panel(result: dff.DFFResult | None = None, labels: Any = None) -> Wired:
        panel = dff.LabelingPanel(result or make(), labels=labels)
        panel.wait(30)
        return Wired(blank(panel.gallery), panel)

    return open_panel


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def pixels(page: Page) -> np.ndarray:
    """The first tile at 24 x 24 pixels, RGB."""
    values = page.evaluate(
        """() => {const small = new OffscreenCanvas(24, 24).getContext('2d');
        small.drawImage(document.querySelector('.dffw canvas'), 0, 0, 24, 24);
        return [...small.getImageData(0, 0, 24, 24).data];}"""
    )
    return np.array(values).reshape(24, 24, 4)[..., :3]


def shown(ious: list[float | None]) -> list[str]:
    return ["" if v is None else f"IoU {v:.2f}" for v in ious]


# ------------------------------------------------------------------------------------------------------- naming
def test_a_factor_is_named_by_keyboard_alone(wired) -> None:
    desk = wired()
    desk.press("Tab", "1", "Enter")  # the images, then a factor, then its name
    assert desk.focused() == "Name of factor 1"
    desk.page.keyboard.type("torso")
    assert desk.panel.labels.named == 0
    desk.press("Enter")
    desk.deliver()
    assert desk.panel.labels == {1: ["torso"]}
    assert desk.focused() == "Select torso"
    assert desk.panel.iou[1] > 0.5
    assert desk.ious() == shown(desk.panel.iou)
    assert desk.page.get_by_text(f"mean IoU {desk.panel.iou[1]:.2f} · 1 of 4 named · over all 3 images").is_visible()

    desk.press("3", "Enter")  # the next one, without the mouse and without Tab
    desk.page.keyboard.type("head + mane")
    desk.press("Enter")
    desk.deliver()
    assert desk.panel.labels == {1: ["torso"], 3: ["head", "mane"]}

    desk.press("Control+z")
    desk.deliver()
    assert desk.panel.labels == {1: ["torso"]}
    assert desk.box(3).input_value() == ""
    desk.press("Control+z", "Control+z")  # the second has nothing to undo
    desk.deliver()
    assert desk.panel.labels.named == 0
    assert desk.ious() == [""] * 4
    desk.press("Control+Shift+z", "Control+Shift+Z", "Control+y")
    desk.deliver()
    assert desk.panel.labels == {1: ["torso"], 3: ["head", "mane"]}
    assert desk.box(3).input_value() == "head + mane"

    desk.press("v")
    desk.deliver()
    assert desk.panel.gallery.visible == [True, True, True, False]


def test_escape_takes_the_typed_text_back(wired) -> None:
    desk = wired(labels={2: ["legs"]})
    desk.box(2).fill("wheels")
    desk.press("Escape")
    assert desk.box(2).input_value() == "legs"
    assert desk.focused() == "Select legs"
    assert [m for m in desk.deliver() if "do" in m] == []
    assert desk.panel.labels == {2: ["legs"]}


def test_undo_inside_typed_text_is_the_boxs_own(wired) -> None:
    desk = wired(labels={0: ["head"]})
    desk.box(1).fill("torso")
    desk.press("Enter")
    desk.deliver()
    desk.box(0).focus()
    desk.press("End")
    desk.page.keyboard.type("ache")
    desk.press("Control+z")
    desk.deliver()
    assert desk.panel.labels == {0: ["head"], 1: ["torso"]}
    assert desk.box(0).input_value() != "headache"


def test_an_emptied_box_takes_the_name_away(wired) -> None:
    desk = wired(labels={0: ["head"], 1: ["torso"]})
    desk.box(0).fill("")
    desk.press("Enter")
    desk.deliver()
    assert desk.panel.labels == {1: ["torso"]}
    assert desk.ious()[0] == ""


def test_the_list_offers_parts_and_parts_in_addition(wired) -> None:
    desk = wired(labels={0: ["head"]})
    offered = "(box) => [...document.getElementById(box.getAttribute('list')).options].map((o) => o.value)"
    desk.box(1).focus()
    assert desk.box(1).evaluate(offered) == list(PARTS)
    desk.box(0).focus()
    assert desk.box(0).evaluate(offered) == ["torso", "legs", "head + torso", "head + legs"]
    # What Chromium fires when an entry of the list is picked; its popup is not in the page.
    desk.box(0).evaluate(
        """(box) => {box.value = "head + legs";
        box.dispatchEvent(new InputEvent("input", {inputType: "insertReplacementText", bubbles: true}));}"""
    )
    assert {"do": "name", "factor": 0, "text": "head + legs"} in desk.deliver()
    assert desk.panel.labels == {0: ["head", "legs"]}


def test_tab_goes_through_a_row_and_the_matrix_is_one_stop(wired) -> None:
    desk = wired(make(k=2), {0: ["head"]})
    stops = []
    while not stops or stops[-1] != "Size of the tiles in pixels":
        desk.press("Tab")
        stops.append(desk.focused())
        assert len(stops) < 40
    matrix = [i for i, stop in enumerate(stops) if stop.endswith("% covered")]
    assert len(matrix) == 1
    rows = stops[stops.index("Show head") : matrix[0]]
    chips = [s for s in rows if "it covers" in s]
    assert [s for s in rows if s not in chips] == [
        *("Show head", "Select head", "Name of factor 0", "Opacity of head"),
        *("Show factor 1", "Select factor 1", "Name of factor 1", "Opacity of factor 1"),
    ]
    assert all(stops.index("Opacity of head") < stops.index(c) for c in chips)
    assert stops[matrix[0] + 1 :] == [
        *("Assign by coverage >", "Coverage above which a part is assigned", "Clear"),  # nothing to undo: skipped
        *("What is drawn", "Percentile from which a pixel is in the mask"),
        *("Find the masks automatically, with the CRF", "Brightness of the photos", "Size of the tiles in pixels"),
    ]
    assert stops[:4] == ["Images", "image 0", "image 1", "image 2"]


def test_what_has_the_focus_shows_it(wired) -> None:
    desk = wired(make(k=2), {0: ["head"]})
    seen = set()
    for _ in range(30):
        desk.press("Tab")
        name, style, width = desk.page.evaluate(
            """() => {const e = document.activeElement, style = getComputedStyle(e);
            return [e === document.body ? null : e.tagName, style.outlineStyle, style.outlineWidth];}"""
        )
        if name:
            seen.add(name)
            assert (style, width) == ("solid", "2px"), desk.focused()
    assert seen == {"DIV", "BUTTON", "INPUT", "SELECT"}


# ------------------------------------------------------------------------------------------- chips, cells, coverage
def test_a_chip_names_the_factor_after_its_best_part(wired) -> None:
    desk = wired()
    best = int(np.argmax(desk.panel.coverage[0]))
    chip = desk.page.locator(".dffw-row").nth(0).locator(".dffw-chip").first
    assert chip.inner_text() == f"+ {PARTS[best]} {desk.panel.coverage[0][best]:.0%}".replace("%", " %")
    chip.click()
    desk.deliver()
    assert desk.panel.labels == {0: [PARTS[best]]}
    assert desk.box(0).input_value() == PARTS[best]
    assert desk.ious()[0] == f"IoU {desk.panel.iou[0]:.2f}"
    assert PARTS[best] not in desk.page.locator(".dffw-row").nth(0).locator(".dffw-chips").inner_text()


def test_cells_assign_and_arrows_move_between_them(wired) -> None:
    desk = wired()
    cells = desk.page.locator(".dffw-cell")
    values = np.array([int(text) for text in cells.all_inner_texts()]).reshape(4, 3)
    np.testing.assert_allclose(values, 100 * desk.panel.coverage, atol=0.51)
    cells.nth(4).click()  # factor 1, torso
    desk.deliver()
    assert desk.panel.labels == {1: ["torso"]}
    assert cells.nth(4).get_attribute("aria-pressed") == "true"
    before = desk.ious()[1]

    desk.press("ArrowRight", "Space")  # a factor may carry several parts
    desk.deliver()
    assert desk.focused().startswith("Factor 1, legs")
    assert desk.panel.labels == {1: ["torso", "legs"]}
    assert desk.ious()[1] not in ("", before)
    desk.press("ArrowRight")  # there is nothing: it stays
    assert desk.focused().startswith("Factor 1, legs")
    desk.press("ArrowDown", "Enter")  # and factors may share a part
    desk.deliver()
    assert desk.panel.labels == {1: ["torso", "legs"], 2: ["legs"]}
    desk.press("ArrowUp", "Space")
    desk.deliver()
    assert desk.panel.labels == {1: ["torso"], 2: ["legs"]}
    assert desk.page.locator(".dffw-cell[tabindex='0']").count() == 1


def test_assign_by_coverage_then_clear_undo_and_redo(wired) -> None:
    desk = wired()
    button = desk.page.get_by_role("button", name="Assign by coverage")
    undo, redo = (desk.page.get_by_role("button", name=name) for name in ("Undo", "Redo"))
    assert undo.is_disabled()
    assert redo.is_disabled()
    button.click()
    desk.deliver()
    assert desk.panel.labels == {0: ["head"], 1: ["torso"], 2: ["legs"]}
    assert [desk.box(j).input_value() for j in range(4)] == ["head", "torso", "legs", ""]
    assert desk.ious() == shown(desk.panel.iou)
    assert all(iou > 0.5 for iou in desk.panel.iou[:3])

    desk.page.get_by_label("Coverage above which a part is assigned").fill("1")
    button.click()  # more than all of a part: nobody
    desk.deliver()
    assert desk.panel.labels.named == 0
    assert desk.panel.coverage_threshold == 1
    undo.click()
    desk.deliver()
    assert desk.panel.labels.named == 3
    desk.page.get_by_role("button", name="Clear").click()
    desk.deliver()
    assert desk.panel.labels.named == 0
    assert desk.page.get_by_role("button", name="Clear").is_disabled()
    undo.click()
    undo.click()
    undo.click()
    desk.deliver()
    assert desk.panel.labels.named == 0
    assert undo.is_disabled()
    redo.click()
    desk.deliver()
    assert desk.panel.labels.named == 3
    assert desk.ious() == shown(desk.panel.iou)


# ------------------------------------------------------------------------------------------------------------- masks
def test_dragging_the_percentile_draws_at_once_and_tells_once(wired) -> None:
    desk = wired(labels={0: ["head"]})
    page = desk.page
    heat = pixels(page)
    page.get_by_label("What is drawn").select_option("masks")
    desk.deliver()
    masks = pixels(page)
    assert np.abs(masks - heat).mean() > 2
    ious = desk.ious()

    box = page.get_by_label("Percentile from which a pixel is in the mask").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.75 * box["width"], middle)
    page.mouse.down()
    frames = page.evaluate("+document.querySelector('.dffw').dataset.frames")
    page.mouse.move(box["x"] + 0.3 * box["width"], middle, steps=8)
    assert page.evaluate("+document.querySelector('.dffw').dataset.frames") >= frames + 6
    dragged = pixels(page)
    assert np.abs(dragged - masks).mean() > 2
    assert page.evaluate("outbox.length") == 0
    assert desk.ious() == ious
    page.mouse.up()
    assert page.evaluate("outbox.length") == 1
    assert np.array_equal(pixels(page), dragged)  # what the kernel is asked for is drawn already
    (state,) = desk.deliver()
    assert set(state) == {"percentile"}
    assert 25 < desk.panel.percentile < 35
    assert page.locator(".dffw-three").inner_text().endswith(f"{desk.panel.percentile:g} %")
    assert desk.ious() == shown(desk.panel.iou) != ious
    assert np.abs(pixels(page) - dragged).mean() < 2  # the table is of a sample


# ------------------------------------------------------------------------------------------ while the kernel answers
@pytest.mark.parametrize("k", [4, 5, 3])
def test_a_new_result_leaves_what_is_being_typed(wired, k) -> None:
    desk = wired(labels={0: ["head"]})
    desk.box(1).focus()
    desk.page.keyboard.type("tor")
    kept = {f: f for f in range(min(k, 4))}
    new = make(k=k, seed=1)
    images = desk.panel.result.images
    new = dff.DFFResult(new.factorization, images, new.shapes, new.sizes, "Net", "deep", CELL)
    with desk.panel.gallery.hold_sync():
        desk.panel.gallery.colors = palette(k)
        desk.panel.gallery.opacity, desk.panel.gallery.visible = [0.5] * k, [True] * k
        desk.panel.show(new, kept)
    desk.answer()
    assert desk.page.locator(".dffw-row").count() == k
    assert desk.focused() == "Name of factor 1"
    desk.page.keyboard.type("so")
    assert desk.box(1).input_value() == "torso"
    desk.press("Enter")
    desk.deliver()
    assert desk.panel.labels == {0: ["head"], 1: ["torso"]}


# ---------------------------------------------------------------------------------------------------- hostile names
def test_any_name_is_text_and_the_layout_holds(wired) -> None:
    desk = wired(make(k=5, parts=NASTY))
    dialogs: list[str] = []
    desk.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    desk.page.get_by_role("button", name="Assign by coverage").click()
    desk.deliver()
    assert desk.panel.labels.named == 5
    assert [desk.box(j).input_value() for j in range(5)] == [desk.panel.labels.title(j) for j in range(5)]
    desk.page.locator(".dffw-cell").first.click()
    desk.deliver()
    typed = "<b>typed</b> " + "y" * 10_000
    desk.box(4).fill(typed)
    desk.press("Enter")
    desk.deliver()
    assert desk.panel.labels[4] == [typed]
    assert desk.page.locator(".dffw :is(img, b, script)").count() == 0
    for width in (1440, 700):
        desk.page.set_viewport_size({"width": width, "height": 1000})
        inside = desk.page.locator(".dffw-panel").bounding_box()
        assert inside["x"] + inside["width"] <= width
        assert inside["width"] <= (460 if width > 760 else width)
        heights = [row.bounding_box()["height"] for row in desk.page.locator(".dffw-row").all()]
        assert max(heights) < 60
        assert desk.page.evaluate("document.documentElement.scrollWidth") <= width
    desk.page.set_viewport_size({"width": 1440, "height": 1000})
    assert not dialogs


# ------------------------------------------------------------------------------------------------ a session in Jupyter
SESSION = """
import dff_widgets as dff
images = dff.datasets.creatures(n=4, seed=0, size=128)
explorer = dff.DFFExplorer(images, k=2, size=160)
explorer
"""


@pytest.mark.lab_only
def test_a_session_from_the_first_name_to_the_exported_page(open_notebook, notebooks_folder, context) -> None:
    book = open_notebook(SESSION)
    book.run_all()
    settle(book)
    page, dialogs = book.page, []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    boxes = page.locator(".dffw-box")
    scores = page.locator(".dffw-score")

    page.get_by_label("Images", exact=True).and_(page.locator(".dffw-grid")).focus()
    press(page, "1", "Enter")
    page.keyboard.type("head")
    press(page, "Enter")
    until(book, lambda: scores.nth(1).inner_text().startswith("IoU"))
    assert book.run("print(dict(explorer.labels))") == "{0: [], 1: ['head']}"
    named = scores.nth(1).inner_text()

    cells = book.cells()
    press(page, "b", "a", "d", "d")  # JupyterLab's own, which insert and delete cells
    page.wait_for_timeout(200)
    assert book.cells() == cells

    page.get_by_role("button", name="Assign by coverage").click()
    until(book, lambda: book.run("print(explorer.labels.named)") == "2")
    until(book, lambda: all(text.startswith("IoU") for text in scores.all_inner_texts()))
    assert scores.all_inner_texts() == book.run("print(*[f'IoU {v:.2f}' for v in explorer.iou], sep='\\n')").split("\n")
    assigned = [box.input_value() for box in boxes.all()]
    press(page, "Control+z")
    until(book, lambda: [box.input_value() for box in boxes.all()] == ["", "head"])
    assert scores.nth(1).inner_text() == named
    press(page, "Control+Shift+z")
    until(book, lambda: [box.input_value() for box in boxes.all()] == assigned)

    book.save()
    page.reload()
    book.ready()
    page.wait_for_function("document.querySelectorAll('.dffw-box').length === 2")
    assert [box.input_value() for box in boxes.all()] == assigned

    book.run("explorer.k = 3; explorer.percentile = 80.0")
    settle(book)
    assert boxes.count() == 3
    book.run("explorer.panel.truth.stroke(0, 'whisker', [(20, 20), (60, 60)], 6)")
    until(book, lambda: page.locator(".dffw-matrix").get_by_text("whisker").count() == 1)
    boxes.nth(2).fill("<img src=x onerror=alert(1)>")
    press(page, "Enter")
    until(book, lambda: book.run("print(explorer.labels[2])") == "['<img src=x onerror=alert(1)>']")
    before = [box.input_value() for box in boxes.all()]
    page.get_by_label("Session", exact=True).fill("mine.dff")
    press(page, "Tab")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("saved in 'mine.dff'").wait_for()

    page.get_by_label("Export", exact=True).and_(page.locator("select")).select_option(label="HTML page")
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_text("HTML page of 4 images in 'labels.html'").wait_for()

    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    book.ready()
    book.run_all()
    settle(book)
    assert boxes.count() == 2
    page.get_by_label("Session", exact=True).fill("mine.dff")
    press(page, "Tab")
    page.get_by_role("button", name="Load", exact=True).click()
    page.get_by_text("loaded from 'mine.dff'").wait_for()
    until(book, lambda: [box.input_value() for box in boxes.all()] == before)
    settle(book)
    assert book.run("print(explorer.k, explorer.percentile)") == "3 80.0"
    assert book.run("print(explorer.panel.truth[0]['whisker'].any())") == "True"
    page.locator(".dffw-name").nth(2).click()
    press(page, "Control+z")
    until(book, lambda: boxes.nth(2).input_value() != before[2])
    assert not dialogs
    no_errors(book)

    alone = context.new_page()
    alone.goto((notebooks_folder / "labels.html").as_uri())
    alone.wait_for_selector(".dffw[data-frames] canvas")
    assert alone.locator(".dffw-name").all_inner_texts() == [name or f"factor {j}" for j, name in enumerate(before)]
    assert "0." in alone.locator("header li").first.inner_text()
    drawn = pixels(alone)
    for slider in alone.locator(".dffw-row input[type=range]").all():
        slider.fill("0.1")
    assert np.abs(pixels(alone) - drawn).mean() > 2
    alone.close()
