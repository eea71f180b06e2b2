"""The comparison: its ESM on a blank page with a model that has no kernel, and in a notebook."""

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.heat import pack_heat, palette
from dff_widgets.images import encode_tile
from dff_widgets.widgets.comparison import DFFComparison

from .steady import change, held

LIVE = """
import dff_widgets as dff
images = dff.datasets.creatures(n=3, seed=0, size=96)
comparison = dff.DFFComparison(images, {"k": 2}, {"k": 3}, size=96)
comparison
"""
ROWS = {"left": [0, 1], "right": [0, 2]}  # row 0 is on both sides


@pytest.fixture
def maps() -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    return {
        "left": [rng.random((2, 4, 6)), rng.random((2, 5, 3))],
        "right": [rng.random((2, 2, 3)), rng.random((2, 3, 2))],
    }


@pytest.fixture
def page(blank, maps, monkeypatch):
    rng = np.random.default_rng(1)
    photos = dff.ImageSet.from_arrays(rng.integers(0, 256, s, dtype=np.uint8) for s in [(40, 60, 3), (50, 30, 3)])
    packed = {which: pack_heat(m) for which, m in maps.items()}
    state = {
        "tiles": [encode_tile(photos, i) for i in range(2)],
        "captions": ["one", "<b>two</b>"],
        "sides": [
            {
                "title": f"<i>{which}</i>",
                "line": "explains 9 %",
                "rows": rows,
                "gains": [1.0, 2.0],
                "shares": [0.75, 0.25],
            }
            | {"grids": packed[which][1]}
            for which, rows in ROWS.items()
        ],
        "heats": [packed[which][0] for which in ROWS],
        "colors": palette(3),
        "names": ["a", "b", "<i>c</i>"],
        "alike": [0.9, None, None],
        "opacity": [0.7, 0.4, 1.0],
        "visible": [True, True, True],
        "tile_size": 120,
    }
    with monkeypatch.context() as patch:  # the traits alone: nothing is computed
        patch.setattr(DFFComparison, "_asked", lambda *_: None)
        patch.setattr("dff_widgets.explore.compare.Compare.start", lambda self: None)
        patch.setattr("dff_widgets.explore.compare.Compare.show_page", lambda self: None)
        view = DFFComparison(photos, {"k": 2}, {"k": 2})
    view.presenter.put(**state, pairs=[[0, 0], [1, None], [None, 1]])
    page = blank(view)
    page.wait_for_selector(".dffw-compare-stack >> nth=3")
    return page


def opacities(page, side: int) -> list[float]:
    """Of the heat maps of a side's first image, as the browser blends them."""
    return page.evaluate(
        "s => [...document.querySelectorAll('.dffw-compare-half')[s].querySelector('.dffw-compare-stack').children]"
        ".filter(c => c.tagName === 'CANVAS').map(c => Number(getComputedStyle(c).opacity))",
        side,
    )


def column(page, n: int) -> list[str]:
    return page.locator(f".dffw-compare-factor .dffw-compare-row > :nth-child({n + 3})").all_inner_texts()


def test_each_heat_map_is_drawn_in_the_colour_of_its_row(page, maps) -> None:
    drawn = page.evaluate(
        """() => [...document.querySelectorAll('.dffw-compare-stack')].map(s =>
        [...s.querySelectorAll('canvas')].map(c =>
        [c.height, c.width, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]))"""
    )
    colors = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in palette(3)]
    for which, start in (("left", 0), ("right", 2)):
        for i in range(2):
            for f, (h, w, values) in enumerate(drawn[start + i]):
                heat = np.array(values).reshape(h, w, 4)
                want = (np.round(255 * maps[which][i][f]) * (1, 2)[f]).clip(0, 255)
                np.testing.assert_allclose(heat[..., 3], want, atol=1)
                full = heat[heat[..., 3] == 255][:, :3]
                assert (full == colors[ROWS[which][f]]).all()
    assert (
        page.locator(".dffw-compare-half i:not(.dffw-compare-mark), figcaption b").count() == 0
    )  # titles and captions are text


def test_a_drag_moves_both_sides_and_sends_one_message_on_release(page) -> None:
    assert (opacities(page, 0), opacities(page, 1)) == (pytest.approx([0.7, 0.4]), pytest.approx([0.7, 1]))
    box = page.get_by_label("Opacity of a", exact=True).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2, steps=8)
    dragged = page.evaluate("model.get('opacity')[0]")
    assert page.evaluate("model.saved") == 0
    assert 0.2 < dragged < 0.4
    assert (opacities(page, 0), opacities(page, 1)) == (pytest.approx([dragged, 0.4]), pytest.approx([dragged, 1]))
    page.mouse.up()
    assert page.evaluate("model.saved") == 1
    page.get_by_label("Show a", exact=True).uncheck()
    assert (opacities(page, 0)[0], opacities(page, 1)[0]) == (0, 0)


def test_pointing_reads_both_sides_at_the_same_point(page, maps) -> None:
    assert (column(page, 0), column(page, 1)) == (["75 %", "25 %", "–"], ["75 %", "–", "25 %"])
    stack = page.locator(".dffw-compare-stack").first
    box = stack.bounding_box()
    # the centre of cell (1, 2) of the left's 4 x 6 grid: between the centres of cells of the right's 2 x 3 grid
    stack.hover(position={"x": box["width"] * 2.5 / 6, "y": box["height"] * 1.5 / 4})
    left, right = maps["left"][0][:, 1, 2], maps["right"][0]
    want = (right * np.outer([0.75, 0.25], [0.25, 0.75, 0])).sum(axis=(1, 2))
    assert [float(v) for v in column(page, 0)[:2]] == pytest.approx(left, abs=0.05)
    assert [float(v) for v in (column(page, 1)[0], column(page, 1)[2])] == pytest.approx(want, abs=0.05)
    assert column(page, 2) == ["0.90", "–", "–"]
    dominant = page.locator(".dffw-compare-factor .dffw-dominant").all_inner_texts()
    assert sorted(map(float, dominant)) == pytest.approx(sorted([left.max(), want.max()]), abs=0.05)
    marks = page.locator(".dffw-compare-mark:visible")
    assert marks.count() == 2
    places = [
        mark.evaluate("m => [m.style.left, m.style.top, m.closest('.dffw-compare-half').ariaLabel]")
        for mark in marks.all()
    ]
    assert places[0][:2] == places[1][:2]
    assert [where[2] for where in places] == ["Left", "Right"]
    page.mouse.move(0, 0)
    assert page.locator(".dffw-compare-mark:visible, .dffw-dominant").count() == 0
    assert column(page, 0)[0] == "75 %"


def test_a_click_and_keys_select_a_row_of_both_sides(page, maps) -> None:
    stack = page.locator(".dffw-compare-stack").nth(2)
    box = stack.bounding_box()
    stack.click(position={"x": box["width"] / 6, "y": box["height"] / 4})
    assert page.evaluate("model.get('selected')") == ROWS["right"][int(maps["right"][0][:, 0, 0].argmax())]
    assert page.locator(".dffw-selected").count() == 1
    page.get_by_label("Opacity of a", exact=True).focus()
    page.keyboard.press("0")
    page.keyboard.press("v")
    assert page.evaluate("model.get('visible')") == [False, True, True]
    page.keyboard.press("Escape")
    assert page.evaluate("model.get('selected')") == -1
    page.get_by_role("list", name="Right: images").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("outbox.filter(m => m.content).map(m => m.content)") == [{"do": "page", "step": 1}]


def test_photos_keep_their_aspect_and_a_narrow_page_scrolls_nothing_sideways(page) -> None:
    for nth, aspect in ((0, 60 / 40), (1, 30 / 50), (2, 60 / 40), (3, 30 / 50)):
        box = page.locator(".dffw-compare-stack").nth(nth).bounding_box()
        assert box["width"] / box["height"] == pytest.approx(aspect, rel=0.03)
        assert max(box["width"], box["height"]) == pytest.approx(120, abs=2)
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_new_heat_and_rows_replace_the_old_and_disposing_leaves_nothing(page) -> None:
    page.evaluate("model.set({sides: [], heats: [], names: [], colors: [], alike: [], opacity: [], visible: []})")
    page.wait_for_function(
        "!document.querySelector('.dffw-compare-stack canvas') && !document.querySelector('.dffw-compare-factor')"
    )
    page.evaluate("dispose()")
    assert page.evaluate("model.listeners()") == 0


def test_settings_are_set_by_a_message_each(page) -> None:
    side = {"network": "n", "layer": "a", "k": 2, "method": "dff", "seed": 0}
    layers = [{"name": "a", "title": "a · 4 ch"}, {"name": "b", "title": "<b>b</b>"}]
    settings = {"settings": [side, {**side, "layer": "b"}], "layers": [layers[:1], layers], "most": 10}
    page.evaluate("settings => model.set(settings)", settings)
    page.wait_for_function("document.querySelectorAll('select')[2].options.length === 2")
    page.get_by_label("Right: layer").select_option("a")
    page.get_by_label("Left: factors k").fill("5")
    page.keyboard.press("Enter")
    page.get_by_label("Left: network").fill(" vgg19 ")
    page.keyboard.press("Enter")
    page.get_by_label("Right: method").select_option("k-means")
    said = [message["content"] for message in page.evaluate("outbox.filter((m) => m.content?.do === 'side')")]
    assert [(m["which"], m["name"], m["value"]) for m in said] == [
        ("right", "layer", "a"),
        ("left", "k", 5),
        ("left", "network", "vgg19"),
        ("right", "method", "kmeans"),
    ]
    assert page.locator("option b").count() == 0


def test_thousands_of_changes_leave_as_many_listeners_and_elements_as_there_were(page) -> None:
    before = held(page)
    again = "if (i % 20 === 0) model.set({heats: [...model.get('heats')], names: ['a', 'b', `${i}`]})"
    change(page, "model.set({opacity: [i / 2000, 0.4, 1], status: `${i}`, selected: i % 3}); " + again)
    assert held(page) == before


def test_with_a_kernel_both_sides_move_together(open_notebook) -> None:
    book = open_notebook(LIVE)
    book.run_all()
    assert book.run("comparison.wait(60); print(comparison.error)") == "None"
    book.page.wait_for_selector(".dffw-compare-stack canvas")
    assert book.page.locator(".dffw-compare-stack").count() == 6
    rows = int(book.run("print(len(comparison.pairs))"))
    book.page.wait_for_function(f"document.querySelectorAll('.dffw-compare-factor').length === {rows}")
    book.page.get_by_label("Show factor 0", exact=True).uncheck()
    book.page.wait_for_function(
        "Number(getComputedStyle(document.querySelector('.dffw-compare-stack canvas')).opacity) === 0"
    )
    cells = book.cells()
    book.page.keyboard.press("b")  # would insert a cell
    book.page.get_by_label("Right: method").select_option("PCA")
    book.page.wait_for_function("document.querySelector('[aria-label=\"Right: images\"] canvas')")
    assert book.run("comparison.wait(60); print(comparison.right['method'], comparison.visible[0])") == "pca False"
    assert book.cells() == cells
    canvases = book.page.locator(".dffw-compare-stack canvas").count()
    assert canvases == 3 * (2 + 3)
