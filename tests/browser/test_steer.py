"""Steering in the app, on a blank page: what a person presses, what the kernel is asked, and what it says."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from .test_app import Open, answer, app, recorded  # noqa: F401 - fixtures


@pytest.fixture
def page(app: Open) -> Page:  # noqa: F811
    return app(k=3, selected=1)


def asked(page: Page) -> dict[str, object]:
    content = answer(page, "steer")
    return {name: value for name, value in content.items() if name not in ("do", "id")}


def test_the_selected_factor_is_split_dropped_locked_and_merged(page: Page) -> None:
    steer = page.get_by_label("Steer the factors")
    expect(steer.get_by_text("Steer factor 1")).to_be_visible()
    for name, content in (
        ("Split", {"verb": "split", "factor": 1}),
        ("Drop", {"verb": "drop", "factor": 1}),
        ("Lock", {"verb": "lock", "factors": [1]}),
    ):
        steer.get_by_role("button", name=name, exact=True).click()
        assert asked(page) == content
        page.evaluate("outbox.splice(0)")
    steer.get_by_role("button", name="Merge …").click()
    page.get_by_role("menu", name="Merge with").get_by_text("head + tail").click()
    assert asked(page) == {"verb": "merge", "factor": 1, "other": 2}


def test_a_click_on_an_image_adds_a_factor_and_selects_none(page: Page) -> None:
    page.get_by_role("button", name="Add by a click").click()
    expect(page.get_by_text("Click what the new factor shall be.")).to_be_visible()
    canvas = page.locator(".dffw-tile canvas").nth(1)
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.75})
    content = asked(page)
    assert (content["verb"], content["factor"]) == ("anchor", None)
    image, x, y = content["points"][0]  # type: ignore[index]
    assert image == 1
    assert (x, y) == (pytest.approx(0.25, abs=0.03), pytest.approx(0.75, abs=0.03))
    assert page.evaluate("model.get('selected')") == 1
    expect(page.get_by_role("button", name="Add by a click")).to_have_attribute("aria-pressed", "false")


def test_escape_takes_the_crosshair_away_and_a_click_selects_again(page: Page) -> None:
    page.get_by_role("button", name="Refine by a click").click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Click what this factor shall be like.")).to_have_count(0)
    page.locator(".dffw-tile canvas").first.click()
    assert not page.evaluate("outbox.some((m) => m.content?.do === 'steer')")


def test_what_cannot_be_is_said(page: Page) -> None:
    page.get_by_role("button", name="Split", exact=True).click()
    answer(page, "steer", problem="factor 1 is in 0 positions")
    expect(page.get_by_text("factor 1 is in 0 positions")).to_be_visible()


def test_without_a_selected_factor_or_a_kernel_it_rests(app: Open) -> None:  # noqa: F811
    page = app(k=3, selected=-1)
    for name in ("Split", "Merge …", "Drop", "Lock", "Refine by a click"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Add by a click")).to_be_enabled()


def test_any_k_leads_back_from_what_was_steered(app: Open, recorded: dict) -> None:  # noqa: F811
    stack = recorded["stack"]
    level = next(level for level in stack["levels"] if level["k"] == 3)
    page = app(k=3, stack=stack | {"ks": [3], "levels": [level]})
    numbers = page.get_by_role("radiogroup", name="Number of factors").get_by_role("radio")
    expect(numbers).to_have_count(10)
    numbers.nth(4).click()
    page.wait_for_function("outbox.some((m) => m.state?.k === 5)")
