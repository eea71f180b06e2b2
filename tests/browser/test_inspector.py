"""The inspector's ESM on a blank page, with a model that has no kernel."""

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.factorization import Factorization
from dff_widgets.widgets.inspector import FactorInspector

from .axe import violations
from .steady import change, held

LIVE = """
import dff_widgets as dff
from torch import nn
images = dff.datasets.creatures(n=2, seed=0, size=96)
net = nn.Sequential(nn.Conv2d(3, 7, 9, stride=8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(7, 6))
result = dff.DeepFeatureFactorization(2, network=net, size=96).fit(images)
view = dff.FactorInspector(result, 0, network=net)
view
"""
CLASSES = [
    {"index": 3, "name": "<i>zebra</i>", "score": 22.0, "probability": 0.98},
    {"index": 1, "name": "sock", "score": 5.5, "probability": 0.01},
    {"index": 2, "name": "maillot", "score": -1.0, "probability": 0.01},
]


@pytest.fixture
def view() -> FactorInspector:
    rng = np.random.default_rng(0)
    images = dff.ImageSet.from_arrays(
        [np.full((40, 60, 3), grey, dtype=np.uint8) for grey in (80, 160)], names=["<b>first</b>.jpg", "second.jpg"]
    )
    H = rng.random((192, 2), dtype=np.float32)
    W = np.array([[3.0, 0, 0, 1], [1, 0, 2, 1]])
    factors = Factorization(H, W, 0.0, 1, True)
    result = dff.DFFResult(factors, images, ((8, 12),) * 2, ((40, 60),) * 2, "toy", "layer", 40)
    view = FactorInspector(result, 0, color="#D55E00", name="<b>head</b>", patches=3)
    assert view.wait(30)
    view.classes, view.note = CLASSES, ""
    return view


@pytest.fixture
def page(blank, view):
    page = blank(view)
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    return page


def test_the_patches_are_there_with_their_strengths(page, view) -> None:
    patches = page.get_by_label("Where it is strongest")
    alts = [image.get_attribute("alt") for image in patches.get_by_role("img").all()]
    want = [f"patch of {p['image']}, strength {100 * p['strength']:.0f} %" for p in view.patches]
    assert alts == want
    assert len(alts) == 3
    widths = [i.evaluate("i => i.offsetWidth") for i in patches.locator(".dffw-closer-meter i").all()]
    full = patches.locator(".dffw-closer-meter").first.evaluate("i => i.offsetWidth")
    assert [w / full for w in widths] == pytest.approx([p["strength"] for p in view.patches], abs=0.02)
    assert page.locator("img").first.evaluate("i => i.width === i.height && i.naturalWidth > 0")


def test_text_is_text(page) -> None:
    assert page.get_by_role("heading", level=3).inner_text() == "<b>head</b>"
    assert page.get_by_text("<i>zebra</i>").is_visible()
    assert (
        page.locator(
            ".dffw-closer-patches b, .dffw-closer-title b, .dffw-closer-classes i i, .dffw-closer-classes span i"
        ).count()
        == 0
    )


def test_classes_are_a_list_with_bars(page) -> None:
    items = page.get_by_label("What the classifier sees in it").get_by_role("listitem")
    assert [item.inner_text().split("\n")[-1] for item in items.all()] == ["22.0", "5.5", "-1.0"]
    bars = page.locator(".dffw-closer-classes .dffw-closer-meter")
    shares = [bar.evaluate("b => b.firstChild.offsetWidth / b.offsetWidth") for bar in bars.all()]
    assert shares == pytest.approx([1, 0.25, 0], abs=0.02)


def test_the_spectrum_and_what_distinguishes(page) -> None:
    chart = page.get_by_label("Which channels make it")
    labels = lambda: [item.get_attribute("aria-label") for item in chart.get_by_role("listitem").all()]  # noqa: E731
    assert labels()[0] == "channel 0: 75.0 %, in another factor at most 25.0 %"
    assert labels()[1] == "channel 3: 25.0 %, in another factor at most 25.0 %"
    heights = [bar.evaluate("b => b.offsetHeight / b.parentNode.clientHeight") for bar in chart.locator("i").all()]
    assert heights == pytest.approx([1, 1 / 3, 0, 0], abs=0.03)
    button = chart.get_by_role("button", name="distinguishing")
    button.focus()
    page.keyboard.press("Enter")
    assert [label.split(":")[0] for label in labels()] == [f"channel {c}" for c in (0, 1, 3, 2)]
    assert page.evaluate("document.activeElement.textContent") == "distinguishing"
    assert button.get_attribute("aria-pressed") == "true"
    assert page.evaluate("model.saved") == 0  # nothing for the kernel to do


def test_what_the_kernel_sets_is_shown(page) -> None:
    page.evaluate("model.set({title: 'tail', color: '#0072B2', busy: true})")
    page.get_by_role("heading", name="tail").wait_for()
    assert page.get_by_role("status").inner_text() == "Looking…"
    swatch = page.locator(".dffw-closer-swatch")
    assert swatch.evaluate("s => getComputedStyle(s).backgroundColor") == "rgb(0, 114, 178)"
    page.evaluate("model.set({classes: [], note: 'There is <b>no</b> classifier.', busy: false})")
    page.get_by_text("There is <b>no</b> classifier.").wait_for()
    assert page.get_by_label("What the classifier sees in it").count() == 0
    page.evaluate("model.set({factor: -1, patches: [], pictures: [], spectrum: [], distinct: [], note: ''})")
    page.wait_for_selector("section", state="detached")
    assert page.get_by_role("status").inner_text().startswith("Select a factor")
    assert page.get_by_role("heading", level=3).count() == 0


def test_negative_shares_are_told_apart(page) -> None:
    page.evaluate("model.set({distinct: [], spectrum: [{channel: 9, share: -0.5, others: 0}]})")
    page.get_by_label("channel 9: -50.0 %").wait_for()
    assert page.get_by_role("button").count() == 0
    assert page.locator(".dffw-negative").evaluate("b => b.offsetHeight") > 50


@pytest.mark.parametrize("width", [1200, 420, 250])
def test_it_fits_every_page(page, width) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".dffw-closer-patches img").first.evaluate("i => i.offsetWidth") >= 40


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_accessible(page, theme) -> None:
    page.add_style_tag(content=f"body {{ background: {'#fff' if theme == 'light' else '#111'} }}")
    page.evaluate(f"document.body.dataset.jpThemeLight = '{theme == 'light'}'.toLowerCase()")
    page.wait_for_selector(f"[data-dffw-theme={theme}]")
    assert violations(page, ".dffw-closer") == []


def test_thousands_of_changes_leave_as_many_listeners_and_elements_as_there_were(page) -> None:
    before = held(page)
    again = "if (i % 20 === 0) model.set({pictures: [...model.get('pictures')]})"
    change(page, "model.set({title: `${i}`, busy: i % 2 > 0}); " + again)
    assert held(page) == before


def test_disposing_leaves_nothing_behind(page) -> None:
    assert page.evaluate("model.listeners()") > 0
    page.evaluate("dispose()")
    assert page.evaluate("model.listeners()") == 0


@pytest.mark.lab_only
def test_with_a_kernel_it_follows_show(open_notebook) -> None:
    book = open_notebook(LIVE)
    book.run_all()
    book.page.get_by_label("What the classifier sees in it").wait_for()
    assert book.page.locator(".dffw-closer-patches img").count() > 3
    assert book.run("view.show(result, 1, net, name='legs'); print(view.wait(30), len(view.classes))") == "True 5"
    book.page.get_by_role("heading", name="legs").wait_for()
