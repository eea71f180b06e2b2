"""What people who see, hear or type differently need: axe-core's rules on every part of the app, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from dff_widgets.explore import Inline
from dff_widgets.widgets.app import DFFExplorer

from ..explore.conftest import network, photos
from .axe import violations
from .served import Served

WIDTHS = (1440, 640)
PARTS: dict[str, dict[str, Any]] = {  # of the app: the traits that show it
    "gallery": {"selected": 0},
    "masks": {"look": "masks"},
    "tree": {"tab": "tree"},
    "compare": {"tab": "compare"},
    "sweep": {"tab": "sweep"},
    "focus": {"opened": 1},
}


@pytest.fixture
def served(context: BrowserContext) -> Iterator[Callable[..., Page]]:
    """served(k=3, ...): the page of the app, with an explorer of four small creatures behind it."""
    opened: list[tuple[Page, DFFExplorer]] = []

    def make(**choices: Any) -> Page:
        page = context.new_page()
        explorer = DFFExplorer(photos(), network=network(), size=64, run=Inline, **{"k": 3, **choices})
        opened.append((page, explorer))
        Served(page, explorer)
        page.wait_for_function("+document.querySelector('.dffw-panel').dataset.frames > 0")
        return page

    yield make
    for page, explorer in opened:
        page.close()
        explorer.close()


def dress(page: Page, theme: str) -> None:
    """The page in one of JupyterLab's themes."""
    page.evaluate("(light) => { document.body.dataset.jpThemeLight = light; }", "true" if theme == "light" else "false")
    page.wait_for_selector(f".dffw[data-dffw-theme={theme}]")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("part", PARTS)
def test_axe_finds_nothing_serious(served, part, theme) -> None:
    page = served(**PARTS[part])
    dress(page, theme)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(300)
        assert violations(page, ".dffw-app") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("side", ["Label", "Session"])
def test_axe_finds_nothing_serious_beside_the_stage(served, side, theme) -> None:
    page = served(height=1400)  # axe cannot see the colours behind what is half scrolled away
    dress(page, theme)
    page.set_viewport_size({"width": 1280, "height": 1500})
    page.get_by_role("tab", name=side).click()
    page.wait_for_timeout(300)
    assert violations(page, ".dffw-side") == []


def test_axe_is_listened_to(served) -> None:
    """These checks can fail: a box without a name, and grey on grey."""
    page = served()
    page.evaluate(
        """() => {const box = document.querySelector('.dffw-name');
        for (const name of ['aria-label', 'placeholder', 'title']) box.removeAttribute(name);
        document.querySelector('.dffw-there span:not([hidden])').style.color = '#ddd';}"""
    )
    found = " ".join(violations(page, ".dffw-app"))
    assert "label: <input" in found
    assert "color-contrast: <span" in found


EXPLORER = """
import dff_widgets as dff
images = dff.datasets.creatures(n=4, seed=0, size=128)
explorer = dff.DFFExplorer(images, k=3, size=160)
explorer
"""


@pytest.mark.parametrize("server", ["lab"], indirect=True)
def test_axe_finds_nothing_serious_in_jupyterlab(open_notebook) -> None:
    book = open_notebook(EXPLORER)
    book.run_all()
    book.page.wait_for_selector(".dffw-card")
    for theme in ("Light", "Dark"):
        change = f"jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}}).then(() => 1)"
        book.page.evaluate(change)
        book.page.wait_for_selector(f".dffw-app[data-dffw-theme={theme.lower()}]")
        book.page.wait_for_timeout(500)
        assert violations(book.page, ".dffw-app") == []
        book.page.screenshot(path=f"shots/lab-{theme}.png")
    wide = book.page.locator(".dffw-app").evaluate("(e) => [e.scrollWidth, e.clientWidth]")
    assert wide[0] <= wide[1]
