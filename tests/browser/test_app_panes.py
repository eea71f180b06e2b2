"""The panes inside the app, on a blank page with the real explorer behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

import dff_widgets as dff
from dff_widgets.explore import Inline
from dff_widgets.widgets.app import DFFExplorer

from ..explore.conftest import network, photos
from .served import Served

SIZE = 64


@pytest.fixture
def served(context: BrowserContext) -> Iterator[Callable[..., Served]]:
    """served(k=3, ...): the app with an explorer of four small creatures."""
    opened: list[tuple[Page, DFFExplorer]] = []

    def make(**choices: Any) -> Served:
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.set_viewport_size({"width": 1200, "height": 800})
        images = photos()
        halves = [(images.size(i), images.size(i)[0] // 2) for i in range(len(images))]
        parts = [{"top": _half(size, cut), "bottom": ~_half(size, cut)} for size, cut in halves]
        images = dff.ImageSet.from_arrays([images[i] for i in range(len(images))], parts=parts)
        explorer = DFFExplorer(images, network=network(), size=SIZE, run=Inline, **{"k": 3, **choices})
        opened.append((page, explorer))
        return Served(page, explorer)

    yield make
    for page, explorer in opened:
        page.close()
        explorer.close()


def _half(size: tuple[int, int], cut: int) -> Any:
    mask = np.zeros(size, dtype=bool)
    mask[:cut] = True
    return mask


def test_a_node_of_the_tree_goes_to_its_k_and_factor_in_one_message(served) -> None:
    app = served(tab="tree")
    app.page.get_by_role("treeitem", name="k = 5: factor 2").click()
    said = app.deliver()
    assert [m for m in said if "k" in m] == [{"k": 5, "selected": 2}]
    assert (app.explorer.k, app.explorer.selected) == (5, 2)
    assert app.page.locator(".dffw-tree-level.dffw-now").get_attribute("aria-label") == "k = 5"


def test_the_tree_has_the_colours_and_names_of_the_gallery_and_changes_neither(served) -> None:
    app = served()
    before = app.explorer.colors
    app.explorer.model.dress(lambda appearance: appearance.named(3, {1: ["ear"]}))
    app.deliver()
    app.page.get_by_role("tab", name="Tree").click()
    app.deliver()
    assert app.explorer.colors == before
    level = app.page.get_by_role("group", name="k = 3", exact=True).get_by_role("treeitem")
    hues = [node.evaluate("n => n.style.getPropertyValue('--dffw-color')") for node in level.all()]
    assert hues == before
    assert level.nth(1).get_attribute("aria-label").startswith("k = 3: ear, share")


def test_the_tree_works_with_no_kernel(served) -> None:
    app = served(tab="tree")
    app.page.evaluate("outbox.length = 0")
    app.page.get_by_role("treeitem", name="k = 2: factor 1").click()
    app.page.wait_for_selector("[role=treeitem][aria-selected=true][aria-label^='k = 2: factor 1']")
    assert app.page.locator(".dffw-tree-level.dffw-now").get_attribute("aria-label") == "k = 2"


def test_the_closer_looks_at_the_selected_factor(served) -> None:
    app = served(selected=1)
    app.page.locator(".dffw-card").nth(1).get_by_role("button", name="More").click()
    app.page.get_by_role("menuitem", name="Look closer").click()
    app.deliver()
    closer = app.page.locator(".dffw-closer")
    patches = closer.get_by_label("Where it is strongest").get_by_role("img")
    assert patches.count() > 3
    assert all(patch.evaluate("async (p) => (await p.decode(), p.naturalWidth)") for patch in patches.all())
    assert closer.get_by_label("What the classifier sees in it").get_by_role("listitem").count() == 4
    app.explorer.selected = 0
    app.deliver()
    assert closer.get_by_role("heading", level=3).inner_text() == "factor 0"


def test_an_image_is_opened_painted_and_left_with_escape(served) -> None:
    app = served()
    app.explorer.opened = 1
    app.deliver()
    focus = app.page.locator(".dffw-focus")
    assert "2 of 4" in focus.locator(".dffw-focus-where").inner_text()
    focus.get_by_role("button", name="top", exact=True).click()
    app.deliver()
    canvas = focus.locator("canvas[role=application]")
    box = canvas.bounding_box()
    app.page.keyboard.down("Shift")  # erase
    app.page.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + 60)
    app.page.mouse.down()
    app.page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + 60, steps=6)
    app.page.mouse.up()
    app.page.keyboard.up("Shift")
    assert [m["do"] for m in app.deliver() if "do" in m] == ["stroke"]
    truth = app.explorer.panel.truth
    assert truth.can_undo
    assert truth[1]["top"].sum() < truth.own[1]["top"].sum()
    app.page.keyboard.press("Control+z")
    app.deliver()
    assert not truth.can_undo
    app.page.keyboard.press("Escape")
    app.deliver()
    assert app.explorer.opened == -1
    assert not focus.is_visible()


def test_a_part_is_painted_in_the_colour_of_its_factor(served) -> None:
    app = served()
    app.explorer.opened = 0
    app.deliver()
    part = app.page.locator(".dffw-focus-part", has_text="bottom")
    part.click()
    app.deliver()
    app.page.get_by_role("button", name="Zoom in").click(click_count=3)
    color = app.explorer.colors[2]
    wanted = [int(color[c : c + 2], 16) for c in (1, 3, 5)]
    before = pixels_of(app.page, wanted)
    app.explorer.model.dress(lambda appearance: appearance.named(3, {2: ["bottom"]}))
    app.deliver()
    assert pixels_of(app.page, wanted) > before + 100
    focus = app.explorer._panes.presenter("focus")
    focus.call_factors(["factor 0", "factor 1", "factor 2"], app.explorer.colors)  # and from the kernel alone
    app.deliver()
    assert pixels_of(app.page, wanted) < before + 50
    focus.call_factors(["factor 0", "factor 1", "bottom"], app.explorer.colors)
    app.deliver()
    assert part.locator("i").evaluate("s => s.style.getPropertyValue('--dffw-color')") == color
    assert pixels_of(app.page, wanted) > before + 100  # not the list alone: the mask's border too


def pixels_of(page: Page, color: list[int]) -> int:
    """How many pixels of the image in focus have about this colour."""
    found: int = page.evaluate(
        """async (color) => {
        await new Promise((done) => setTimeout(done, 100));
        const canvas = document.querySelector('.dffw-focus canvas[role=application]');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let p = 0; p < data.length; p += 4) count += color.every((v, c) => Math.abs(data[p + c] - v) < 25);
        return count;}""",
        color,
    )
    return found


def test_pages_and_zoom_of_the_focus_send_nothing_but_the_image(served) -> None:
    app = served()
    app.explorer.opened = 0
    app.deliver()
    app.page.keyboard.press("PageDown")
    assert app.deliver() == [{"opened": 1}]
    for key in ("+", "-", "0", "d"):
        app.page.keyboard.press(key)
    assert [m for m in app.deliver() if "opened" in m] == []


def test_parts_are_given_by_a_click_in_the_label_tab(served) -> None:
    app = served(selected=0)
    app.page.get_by_role("tab", name="Label").click()
    app.deliver()
    app.page.locator(".dffw-label-part", has_text="top").click()
    app.deliver()
    assert app.explorer.model.appearance.names(3)[0] == ("top",)
    assert app.page.locator(".dffw-label-part", has_text="top").get_attribute("aria-pressed") == "true"
    app.page.get_by_label("Name the selected factor after another part").fill("<b>ear</b>")
    app.page.keyboard.press("Enter")
    app.deliver()
    assert app.explorer.model.appearance.names(3)[0] == ("top", "<b>ear</b>")
    assert app.page.locator(".dffw-label-part b").count() == 0


def test_a_session_is_saved_and_a_file_of_another_is_asked_about(served, tmp_path) -> None:
    app = served()
    app.page.get_by_role("tab", name="Session").click()
    box = app.page.get_by_label("Session file")
    box.fill(str(tmp_path / "mine.dff"))
    app.page.get_by_role("button", name="Save", exact=True).click()
    app.deliver()
    assert (tmp_path / "mine.dff").exists()
    app.page.get_by_text("saved in").wait_for()
    theirs = tmp_path / "theirs.dff"
    theirs.write_bytes(b"another's work")
    box.fill(str(theirs))
    app.page.get_by_label("save every change by itself").check()
    app.deliver()
    question = app.page.get_by_role("alertdialog")
    assert "theirs.dff" in question.inner_text()
    question.get_by_role("button", name="Neither").click()
    app.deliver()
    assert not question.is_visible()
    assert theirs.read_bytes() == b"another's work"
    assert not app.page.get_by_label("save every change by itself").is_checked()
    box.fill("   ")
    app.page.get_by_role("button", name="Load", exact=True).click()
    app.deliver()
    app.page.get_by_text("give the name of a file").wait_for()


def test_a_few_images_are_labelled_page_by_page(served) -> None:
    app = served()
    app.page.get_by_role("tab", name="Label").click()
    app.page.get_by_label("Images on a page").fill("2")
    app.page.get_by_role("button", name="Label on").click()
    app.deliver()
    app.page.get_by_text("0 of 4 done · page 1 of 2, 2 images").wait_for()
    app.page.get_by_role("button", name="Next page").click()
    app.deliver()
    app.page.get_by_text("2 of 4 done · page 2 of 2, 2 images").wait_for()
    app.page.get_by_role("button", name="Apply to all").click()
    app.deliver()
    app.page.get_by_text("2 of 4 done · all 4 images").wait_for()
    assert len(app.explorer.result) == 4


def test_a_point_of_the_sweep_leads_to_its_factors(served) -> None:
    app = served(tab="sweep")
    app.page.get_by_label("Largest k").fill("3")
    app.page.keyboard.press("Enter")
    app.page.get_by_label("Seeds", exact=False).last.fill("1")
    app.page.keyboard.press("Enter")
    app.deliver()
    app.page.get_by_role("button", name="Start", exact=True).click()
    app.deliver()
    app.page.wait_for_selector("[role=option]")
    assert app.page.locator("[role=option]").count() == 6
    point = app.page.locator("[role=option][aria-label^='2, k = 2, seed 0']")
    point.focus()
    app.page.keyboard.press("Enter")
    app.deliver()
    assert (app.explorer.layer, app.explorer.k, app.explorer.seed) == ("2", 2, 0)
    app.page.keyboard.press("Enter")
    app.deliver()
    assert app.explorer.tab == "gallery"


@pytest.mark.parametrize("width", [1200, 640])
def test_the_sides_of_a_comparison_stay_in_their_halves_and_in_the_apps_colours(served, width) -> None:
    app = served(tab="compare")
    app.page.set_viewport_size({"width": width, "height": 900})
    app.deliver()
    app.page.wait_for_selector(".dffw-compare-stack canvas")
    wide = "[...document.querySelectorAll('.dffw-compare-half')].map(h => h.scrollWidth > h.clientWidth)"
    assert app.page.evaluate(wide) == [False, False]
    swatches = app.page.locator(".dffw-compare-factor").all()
    hues = [one.evaluate("n => n.style.getPropertyValue('--dffw-color')") for one in swatches]
    assert hues[:3] == app.explorer.colors
    app.page.get_by_label("Right: layer").select_option("2")
    app.deliver()
    assert app.explorer.layer == "4"  # the app stays where it is
    assert app.page.get_by_label("Right: layer").input_value() == "2"


@pytest.mark.parametrize("tab", ["tree", "compare", "sweep"])
def test_panes_leave_as_many_listeners_as_there_were(served, tab) -> None:
    app = served(tab=tab)
    app.page.get_by_role("tab", name="Gallery").click()
    app.deliver()
    before = app.page.evaluate("[model.listeners(), document.querySelectorAll('*').length]")
    for _ in range(20):
        app.page.get_by_role("tab", name=tab.capitalize()).click()
        app.page.get_by_role("tab", name="Gallery").click()
    app.deliver()
    assert app.page.evaluate("[model.listeners(), document.querySelectorAll('*').length]") == before
