"""A review on the real widget: masks edited, found in others, accepted and rejected, filtered, undone; the probe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

import dff_widgets as dff
from dff_widgets.explore import Inline

from .served import Served


@pytest.fixture
def app(context: BrowserContext) -> Iterator[Served]:
    page = context.new_page()
    images = dff.datasets.creatures(4, seed=0, size=128)
    explorer = dff.DFFExplorer(images, k=3, size=128, run=Inline, foresee=False)
    served = Served(page, explorer)
    yield served
    explorer.close()
    page.close()


def open_image(app: Served, image: int) -> None:
    app.page.locator(".dffw-caption").nth(image).click()
    app.deliver()


def turn(app: Served, mode: str) -> None:
    app.page.locator(".dffw-focus").get_by_role("radio", name=mode).click()
    app.deliver()


def drag(app: Served) -> None:
    """A stroke over the middle of the image."""
    box = app.page.locator("canvas[role=application]").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    app.page.mouse.move(x - 60, y)
    app.page.mouse.down()
    app.page.mouse.move(x + 60, y, steps=6)
    app.page.mouse.up()
    app.deliver()


def test_masks_are_corrected_reviewed_and_undone_in_one_order(app: Served) -> None:
    page, panel = app.page, app.explorer.panel
    open_image(app, 1)
    turn(app, "Edit masks")
    page.keyboard.press("b")
    drag(app)
    assert [image for image, _ in panel.notes.masks] == [1]
    assert panel.notes.masks[1, app.explorer.model.appearance.concepts(3)[0]].correction.added.sum() > 100
    page.keyboard.press("a")
    app.deliver()
    assert panel.notes.reviews[1] == "accepted"
    expect(page.get_by_role("button", name="Accept the image")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    app.deliver()
    assert app.explorer.opened == 2
    page.keyboard.press("x")
    app.deliver()
    assert panel.notes.reviews == ["unreviewed", "accepted", "rejected", "unreviewed"]
    page.keyboard.press("Escape")
    app.deliver()
    badges = page.locator(".dffw-badge:visible")
    expect(badges).to_have_text(["✓✎", "✕"])
    for _ in range(3):
        page.keyboard.press("Control+z")
        app.deliver()
    expect(badges).to_have_count(0)
    assert not panel.notes.masks


def test_a_click_grows_and_reset_gives_the_prediction_back(app: Served) -> None:
    page, panel = app.page, app.explorer.panel
    open_image(app, 0)
    turn(app, "Edit masks")
    page.keyboard.press("w")
    page.locator("canvas[role=application]").click()
    app.deliver()
    assert panel.notes.masks
    page.get_by_role("button", name="Reset this mask").click()
    app.deliver()
    assert not panel.notes.masks


def test_a_mask_is_found_in_the_others(app: Served) -> None:
    page, panel = app.page, app.explorer.panel
    open_image(app, 0)
    turn(app, "Edit masks")
    page.keyboard.press("b")
    drag(app)
    page.get_by_role("button", name="Find this mask in the other images").click()
    app.deliver()
    assert {image for image, _ in panel.notes.masks} == {0, 1, 2, 3}
    expect(page.locator(".dffw-focus-message")).to_have_text("found in 3 other images")


def test_presence_is_declared_part_by_part(app: Served) -> None:
    page, panel = app.page, app.explorer.panel
    open_image(app, 0)
    turn(app, "Parts")
    said = page.locator(".dffw-focus-presence").first
    expect(said).to_have_text("✓")
    said.click()
    app.deliver()
    expect(said).to_have_text("–")
    assert panel.notes.presence == {(0, panel.truth.parts[0]): "absent"}


def test_the_gallery_shows_what_is_left_and_the_least_certain_first(app: Served) -> None:
    page = app.page
    page.get_by_role("tab", name="Label").click()
    app.explorer.panel.review([0, 2], "accepted")
    app.deliver()
    page.get_by_role("radio", name="Left").click()
    app.deliver()
    expect(page.locator(".dffw-tile")).to_have_count(2)
    page.locator(".dffw-review-doubt").click()
    app.deliver()
    doubts = app.explorer.notes["doubts"]
    shown = [int(tile.get_attribute("data-image") or -1) for tile in page.locator(".dffw-tile").all()]
    left = [tile for tile in shown if tile in (1, 3)]
    assert sorted(left) == [1, 3]
    first = page.evaluate(
        "+[...document.querySelectorAll('.dffw-tile')]"
        ".sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left)[0].dataset.image"
    )
    assert first == max((1, 3), key=lambda image: doubts[image])
    page.get_by_role("button", name="Review one by one").click()
    app.deliver()
    assert app.explorer.opened == first


def test_the_probe_asks_while_its_key_is_held(app: Served) -> None:
    page = app.page
    page.locator(".dffw-tile canvas").first.hover()
    page.locator(".dffw-caption").first.focus()
    page.keyboard.down("p")
    said = app.deliver()
    assert [message["do"] for message in said if "do" in message].count("probe") >= 1
    expect(page.locator(".dffw-probing")).to_have_count(1)
    page.keyboard.up("p")
    app.deliver()
    expect(page.locator(".dffw-probing")).to_have_count(0)
