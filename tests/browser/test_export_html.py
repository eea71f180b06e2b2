"""The exported page in a browser: opened from a file, with no kernel and no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

import dff_widgets as dff
from dff_widgets import export
from dff_widgets.labelling import Correction

from ..export.test_export import LABELS, NASTY, make


@pytest.fixture
def opened(context: BrowserContext, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """opened(result, labels, ...): the page of `to_html`. That it stayed quiet and alone is checked at the end."""
    pages: list[Page] = []
    noise: list[str] = []
    file = tmp_path / "a result.html"

    def open_page(*arguments: Any, **options: Any) -> Page:
        export.to_html(arguments[0], file, *arguments[1:], **options)
        page = context.new_page()
        pages.append(page)
        page.on("console", lambda message: message.type != "error" or noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (noise.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: request.url == file.as_uri() or noise.append(f"request: {request.url}"))
        page.route("http*://**", lambda route: route.abort())
        page.goto(file.as_uri())
        page.wait_for_selector(".dffw-panel[data-frames] .dffw-tile canvas")  # no function: CSP
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not noise


def look(page: Page) -> np.ndarray:
    """The first tile at 16 x 16 pixels, RGB."""
    page.wait_for_timeout(150)
    values = page.evaluate(
        """() => {const small = new OffscreenCanvas(16, 16).getContext('2d');
        small.drawImage(document.querySelector('.dffw-tile canvas'), 0, 0, 16, 16);
        return [...small.getImageData(0, 0, 16, 16).data];}"""
    )
    return np.array(values).reshape(16, 16, 4)[..., :3]


def test_k_opacity_visibility_masks_and_photos_move_without_a_kernel(opened) -> None:
    tree = dff.FactorTree.of([make(k=k) for k in (2, 3, 4)])
    page = opened(tree[4], LABELS, tree=tree)
    assert page.locator(".dffw-tile canvas").count() == len(tree[4])

    def changes(act: Callable[[], Any]) -> bool:
        before = look(page)
        act()
        return bool(np.abs(look(page) - before).mean() > 1)

    assert changes(lambda: page.locator(".dffw-card input[type=range]").nth(1).fill("0.05"))
    assert changes(lambda: page.locator(".dffw-number[data-k='2']").click())
    assert page.locator(".dffw-card").count() == 2
    assert changes(lambda: page.locator(".dffw-card .dffw-chip-color").nth(0).click())
    assert changes(lambda: page.get_by_role("radio", name="Masks").click())
    assert changes(lambda: page.get_by_label("Percentile").fill("20"))
    assert changes(lambda: page.get_by_role("radio", name="Dim").click())
    page.keyboard.press("2")
    assert page.locator(".dffw-card.dffw-selected").count() == 1
    page.get_by_role("tab", name="Tree").click()
    assert page.locator(".dffw-tree-node").count() == 2 + 3 + 4


def test_names_and_iou_are_read_on_the_page(opened) -> None:
    result = make()
    page = opened(result, LABELS, ious=[0.71, None, 0.25, 0.5])
    boxes = page.locator(".dffw-name")
    names = boxes.evaluate_all("(all) => all.map((e) => e.value || e.placeholder)")
    assert names == ["head", "factor 1", "leg + tail", "head"]
    assert page.locator(".dffw-score b").all_inner_texts() == ["0.71", "–", "0.25", "0.50"]
    assert page.locator("body > header li").all_inner_texts() == [
        "head\n0.71",
        "leg + tail\n0.25",
        "head\n0.50",
        "mean\n0.49",
    ]
    assert page.get_by_role("heading", name="Deep Feature Factorization").is_visible()
    # What needs a kernel is not offered.
    for name in ("Export", "Undo (Ctrl+Z)", "Settings: object first, solver, seed, size", "Assign above", "Cancel"):
        assert page.get_by_role("button", name=name).count() == 0
    assert page.get_by_role("radio", name="Sharp").count() == 0
    assert boxes.first.get_attribute("readonly") is not None


def test_names_are_text(opened) -> None:
    page = opened(make(k=len(NASTY), names=NASTY[:3]), dict(enumerate(NASTY)), ious=[0.5] * len(NASTY), title=NASTY[0])
    texts = "(elements) => elements.map((e) => e.textContent)"
    assert page.locator(".dffw-factor-chip .dffw-one-line").evaluate_all(texts) == list(NASTY)
    assert page.locator(".dffw-caption").evaluate_all(texts) == list(NASTY[:3])
    in_html = page.locator("body > header bdi").evaluate_all(texts)
    assert [name for name in in_html if name in NASTY] == [name for name in NASTY if "\x00" not in name]
    assert page.title() == page.locator("h1").inner_text() == NASTY[0]
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_systems_colors(opened, scheme) -> None:
    page = opened(make(), LABELS)
    page.emulate_media(color_scheme=scheme)

    def brightness(selector: str, what: str) -> float:
        color = page.locator(selector).first.evaluate(f"(e) => getComputedStyle(e).{what}")
        return float(np.mean([int(v) for v in color.removeprefix("rgb(").removesuffix(")").split(",")]))

    for text in ("h1", "body > header p", "body > header bdi", ".dffw-tab", ".dffw-name", ".dffw-caption"):
        contrast = brightness("body", "backgroundColor") - brightness(text, "color")
        assert contrast > 120 if scheme == "light" else contrast < -120
    assert (brightness(".dffw-app", "backgroundColor") > 200) == (scheme == "light")


def test_one_factor_and_a_part_of_the_images(opened) -> None:
    page = opened(make(k=1), most=1)
    assert page.locator(".dffw-tile canvas").count() == 1
    assert "Shown: the first 1 of 3 images." in page.locator("body > header").inner_text()
    assert page.locator("body > header ul").count() == 0


def test_masks_that_a_person_corrected_are_shown_as_they_were_seen(opened) -> None:
    result = make()

    def corrected(i: int) -> dict[int, tuple[Correction, ...]]:
        size = result.sizes[i]
        none = np.zeros(size, dtype=bool)
        said = Correction.none(size)
        return {f: ((said.put if f == 0 and i == 0 else said.take)(np.ones(size, dtype=bool), none),) for f in range(4)}

    page = opened(result, LABELS, masks=True, corrections=corrected, colors=["#ff0000"] * 4)
    button = page.get_by_role("button", name="as seen")
    assert button.get_attribute("aria-pressed") == "true"
    red = look(page).astype(int)
    assert (red[..., 0] > red[..., 2] + 40).all()  # all of the first image is of the first factor
    page.get_by_role("radio", name="Heat").click()
    page.get_by_role("radio", name="Masks").click()
    button.click()  # what the percentile alone says
    assert button.get_attribute("aria-pressed") == "false"
    plain = look(page).astype(int)
    assert not (plain[..., 0] > plain[..., 2] + 40).all()
