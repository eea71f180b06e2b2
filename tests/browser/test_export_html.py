"""The exported page in a browser: opened from a file, with no kernel and no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

from dff_widgets import export

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
        page.wait_for_selector(".dffw[data-frames] canvas")  # a function would be kept from polling by the page's CSP
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not noise


def look(page: Page) -> np.ndarray:
    """The first tile at 16 x 16 pixels, RGB."""
    values = page.evaluate(
        """() => {const small = new OffscreenCanvas(16, 16).getContext('2d');
        small.drawImage(document.querySelector('.dffw canvas'), 0, 0, 16, 16);
        return [...small.getImageData(0, 0, 16, 16).data];}"""
    )
    return np.array(values).reshape(16, 16, 4)[..., :3]


def test_opacity_and_visibility_move_without_a_kernel(opened) -> None:
    result = make()
    page = opened(result, LABELS)
    assert page.locator(".dffw canvas").count() == len(result)
    before = look(page)
    page.get_by_label("Opacity of factor 1", exact=True).fill("0.1")
    faint = look(page)
    assert np.abs(faint - before).mean() > 2
    for check in page.get_by_label("Show").all():
        check.uncheck()
    assert np.abs(look(page) - faint).mean() > 2
    page.get_by_label("Brightness of the photos").fill("0")
    assert not look(page).any()
    page.keyboard.press("1")
    assert page.locator(".dffw-selected").count() == 1


def test_names_and_iou_are_read_on_the_page(opened) -> None:
    result = make()
    page = opened(result, LABELS, ious=[0.71, None, 0.25, 0.5])
    assert page.locator(".dffw-name").all_inner_texts() == ["head", "factor 1", "leg + tail", "head"]
    assert page.locator("header li").all_inner_texts() == ["head\n0.71", "leg + tail\n0.25", "head\n0.50", "mean\n0.49"]
    assert page.get_by_role("heading", name="Deep Feature Factorization").is_visible()
    # What needs a kernel is not offered.
    assert not any(button.is_visible() for button in page.locator("button:not(.dffw-name)").all())
    assert not any(box.is_visible() for box in page.locator("input[type=text], input[type=number], select").all())


def test_names_are_text(opened) -> None:
    page = opened(make(k=len(NASTY), names=NASTY[:3]), dict(enumerate(NASTY)), ious=[0.5] * len(NASTY), title=NASTY[0])
    texts = "(elements) => elements.map((e) => e.textContent)"
    assert page.locator(".dffw-name span").evaluate_all(texts) == list(NASTY)
    assert page.locator("figcaption").evaluate_all(texts) == list(NASTY[:3])
    in_html = page.locator("header bdi").evaluate_all(texts)
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

    for text in ("h1", "header p", "header bdi", ".dffw-title", ".dffw-name", "figcaption"):
        contrast = brightness("body", "backgroundColor") - brightness(text, "color")
        assert contrast > 120 if scheme == "light" else contrast < -120
    assert (brightness(".dffw-panel", "backgroundColor") > 200) == (scheme == "light")


def test_one_factor_and_a_part_of_the_images(opened) -> None:
    page = opened(make(k=1), most=1)
    assert page.locator(".dffw canvas").count() == 1
    assert "Shown: the first 1 of 3 images." in page.locator("header").inner_text()
    assert page.locator("header ul").count() == 0
