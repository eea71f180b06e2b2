"""What people who see, hear or type differently need: axe-core's rules on each widget, in JupyterLab's own colours."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

import dff_widgets as dff
from dff_widgets.widgets.tree import TreeView

from .test_explorer import settle
from .test_labeling import NASTY, make

THEMES = Path(sys.prefix) / "share/jupyter/lab/themes/@jupyterlab"
WIDTHS = (1440, 640)


def colors(theme: str) -> str:
    """JupyterLab's variables of a theme, as its style sheet sets them, and the page's own colours by them."""
    sheet = (THEMES / f"theme-{theme}-extension" / "index.css").read_text()
    variables = dict(re.findall(r"(--(?:jp|md)-[\w-]+):\s*([^;}]+)[;}]", sheet))
    body = "body { background: var(--jp-layout-color0); color: var(--jp-ui-font-color1); }"
    return ":root {" + ";".join(f"{name}: {value}" for name, value in variables.items()) + "}" + body


def violations(page: Page, where: str) -> list[str]:
    """What axe-core finds serious or critical inside an element; contrast that it cannot tell counts too."""
    found = Axe().run(page, context=where).response
    unsure = [rule for rule in found["incomplete"] if rule["id"] == "color-contrast"]
    return [
        f"{rule['id']}: {node['html'][:150]} {' '.join((node.get('failureSummary') or '').split())[:300]}"
        for rule in [*found["violations"], *unsure]
        for node in rule["nodes"]
        if rule["impact"] in ("serious", "critical") and not _is_no_word(node)
    ]


def _is_no_word(node: dict[str, Any]) -> bool:
    """A digit of the matrix, an arrow, a k beside drawn links: axe-core cannot tell; words have the same colours."""
    return any((c["data"] or {}).get("messageKey") in ("shortTextContent", "nonBmp", "imgNode") for c in node["any"])


def labelled(k: int = 4, parts: Any = ("head", "torso", "legs")) -> dff.LabelingPanel:
    panel = dff.LabelingPanel(make(k=k, parts=parts))
    panel.assign_by_coverage()
    panel.act({"do": "name", "factor": k - 1, "text": ""})
    panel.wait(30)
    return panel


def _focus() -> Any:
    panel = labelled()
    panel.truth.stroke(0, "head", [(5, 5), (20, 20)], 4)
    panel.open_image(0)
    (view,) = panel.slot.children
    return view


WIDGETS: dict[str, Callable[[], Any]] = {
    "panel": lambda: labelled().gallery,
    "panel, any name": lambda: labelled(k=8, parts=(*NASTY, "head", "legs")).gallery,
    "panel, nothing known": lambda: dff.LabelingPanel(make(k=1), [{}, {}, {}]).gallery,
    "focus": _focus,
    "tree": lambda: TreeView(dff.FactorTree.of([make(k=1), make(k=2), make(k=3)]), k=2),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("widget", WIDGETS)
def test_axe_finds_nothing_serious(blank, widget, theme) -> None:
    page = blank(WIDGETS[widget]())
    page.add_style_tag(content=colors(theme))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        assert violations(page, ".dffw") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_is_listened_to(blank) -> None:
    """These checks can fail: a box without a name, and grey on grey."""
    page = blank(labelled().gallery)
    page.evaluate(
        """() => {document.querySelector('.dffw-box').removeAttribute('aria-label');
        document.querySelector('.dffw-box').removeAttribute('placeholder');
        document.querySelector('.dffw-box').removeAttribute('title');
        document.querySelector('.dffw-summary').style.color = '#ccc';}"""
    )
    found = " ".join(violations(page, ".dffw"))
    assert "label: <input" in found
    assert 'color-contrast: <div class="dffw-summary"' in found


EXPLORER = """
import dff_widgets as dff
images = dff.datasets.creatures(n=4, seed=0, size=128)
explorer = dff.DFFExplorer(images, k=3, size=160)
explorer
"""


@pytest.mark.parametrize("server", ["lab"], indirect=True)
def test_axe_finds_nothing_serious_in_the_explorer(open_notebook) -> None:
    book = open_notebook(EXPLORER)
    book.run_all()
    settle(book)
    book.run("explorer.panel.assign_by_coverage(); explorer.panel.label_on(3); explorer.wait(60)")
    book.run("explorer.panel.open_image(1)")
    book.page.locator(".dffw-focus[data-frames]").wait_for()
    for theme in ("Light", "Dark"):
        change = f"jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}}).then(() => 1)"
        book.page.evaluate(change)
        book.page.wait_for_function(f"document.body.dataset.jpThemeName === 'JupyterLab {theme}'")
        for width in WIDTHS:
            book.page.set_viewport_size({"width": width, "height": 1000})
            assert violations(book.page, ".dffw-explorer") == []
    wide = book.page.locator(".dffw-explorer").evaluate("(e) => [e.scrollWidth, e.clientWidth]")
    assert wide[0] <= wide[1]
