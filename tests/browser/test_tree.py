"""The tree's ESM on a blank page, with a model that has no kernel."""

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.factorization import Factorization
from dff_widgets.heat import upsample
from dff_widgets.widgets.tree import TreeView

from .steady import change, held

LIVE = """
import numpy as np
import dff_widgets as dff
from dff_widgets.factorization import Factorization
rng = np.random.default_rng(0)
images = dff.ImageSet.from_arrays(rng.integers(0, 256, (60, 40, 3), dtype=np.uint8) for _ in range(3))
tree = dff.FactorTree.of(
    dff.DFFResult(Factorization(rng.random((72, k)), rng.random((k, 7)), 0.0, 1, True), images, ((6, 4),) * 3,
                  ((60, 40),) * 3, "toy", "layer", 64)
    for k in (1, 2, 3))
view = dff.TreeView(tree)
view
"""

SHAPES = ((4, 6), (6, 4), (5, 5))
BLOCKS = {1: [range(12)], 2: [range(4), range(4, 12)], 3: [range(4), range(4, 8), range(8, 12)]}


@pytest.fixture
def tree() -> dff.FactorTree:
    """Of rows in twelve blocks: 0-11 | 0-3, 4-11 | 0-3, 4-7, 8-11; the larger of two is the heir."""
    rows = sum(h * w for h, w in SHAPES)
    rng = np.random.default_rng(1)
    coarse = [Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)) for _ in SHAPES]
    images = dff.ImageSet.from_arrays(
        np.asarray(image.resize((16 * w, 16 * h), Image.Resampling.BICUBIC))
        for image, (h, w) in zip(coarse, SHAPES, strict=True)
    )
    sizes = tuple((16 * h, 16 * w) for h, w in SHAPES)
    results = []
    for blocks in BLOCKS.values():
        H = np.stack([np.isin(np.arange(rows) % 12, b) for b in blocks], axis=1).astype(np.float32)
        factors = Factorization(H, np.eye(len(blocks), 5, dtype=np.float32), 0.0, 1, True)
        results.append(dff.DFFResult(factors, images, SHAPES, sizes, "toy", "layer", 64))
    return dff.FactorTree.of(results)


@pytest.fixture
def page(blank, tree):
    view = TreeView(tree, names=["all", "body", "<b>head</b>", "torso", "legs", "<b>head</b>"])
    page = blank(view)
    page.wait_for_selector("[role=treeitem] >> nth=5")
    return page


def state(page, name):
    return page.evaluate(f"model.get('{name}')")


def focused(page) -> str:
    return page.evaluate("document.activeElement.querySelector('.dffw-tree-name span').textContent")


def test_a_node_per_factor_and_a_link_per_child(page) -> None:
    assert [group.get_attribute("aria-label") for group in page.get_by_role("group").all()] == [
        "k = 1",
        "k = 2",
        "k = 3",
    ]
    assert page.get_by_role("treeitem").count() == 6
    labels = [item.get_attribute("aria-label") for item in page.get_by_role("treeitem").all()]
    assert labels[0].startswith("k = 1: all, share 100 %")
    assert labels[3].endswith("100 % inside body of k = 2")
    levels = [item.get_attribute("aria-level") for item in page.get_by_role("treeitem").all()]
    assert levels == ["1", "2", "2", "3", "3", "3"]
    assert page.locator("[role=treeitem] b").count() == 0


def test_links_run_from_parent_to_child_in_the_childs_colour(page, tree) -> None:
    ends = page.evaluate(
        """() => [...document.querySelectorAll('.dffw-tree-links path')].map(p => {
        const box = p.ownerSVGElement.getBoundingClientRect(), n = p.getTotalLength();
        const [a, b] = [p.getPointAtLength(0), p.getPointAtLength(n)];
        return [a.x + box.x, a.y + box.y, b.x + box.x, b.y + box.y, p.getAttribute('stroke')];})"""
    )
    boxes = [item.bounding_box() for item in page.get_by_role("treeitem").all()]
    for child, parent, (x0, y0, x1, y1, color) in zip(range(1, 6), [0, 0, 1, 1, 2], ends, strict=True):
        up, down = boxes[parent], boxes[child]
        assert (x0, y0) == pytest.approx(
            (up["x"] + up["width"] / 2, up["y"] + up["height"] - 4), abs=1.5
        )  # it goes on behind
        assert (x1, y1) == pytest.approx((down["x"] + down["width"] / 2, down["y"] + 4), abs=1.5)
        assert color == tree.color(*tree.nodes[child])


def test_thumbnails_are_the_grey_images_under_the_factors_colour(page, tree) -> None:
    node = page.get_by_role("treeitem").nth(1)
    seen = node.evaluate(
        """n => [...n.querySelectorAll('canvas')].map(c =>
        [c.height, c.width, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]])"""
    )
    assert len(seen) == 2
    strength = tree.by_image(2)[0]
    r, g, b = (int(tree.color(2, 0)[c : c + 2], 16) for c in (1, 3, 5))
    for (height, width, values), i in zip(seen, np.argsort(-strength, kind="stable"), strict=False):
        assert height == width
        pixels = np.array(values).reshape(height, width, 4)[..., :3].astype(int)
        chroma = (pixels.max(axis=2) - pixels.min(axis=2)) / (max(r, g, b) - min(r, g, b))  # 0 where the photo is seen
        h, w = SHAPES[i]
        heat = upsample(tree[2].coarse_heatmaps(i)[:1], (height * h // min(h, w), width * w // min(h, w)))[0]
        top, left = (heat.shape[0] - height) // 2, (heat.shape[1] - width) // 2
        middle = heat[top : top + height, left : left + width]
        assert np.corrcoef(chroma.ravel(), middle.ravel())[0, 1] > 0.95
        inside = pixels[middle > 0.99].mean(axis=0)
        assert inside == pytest.approx((r, g, b), abs=45)  # 85 % of the colour


def test_a_click_selects_the_factor_and_its_level_in_one_message(page) -> None:
    page.get_by_role("treeitem", name="legs").click()
    assert (state(page, "selected"), state(page, "k")) == ([3, 1], 3)
    assert page.evaluate("model.saved") == 1
    assert page.locator("[aria-selected=true]").count() == 1
    assert page.locator(".dffw-now .dffw-tree-k").inner_text() == "3"
    assert page.locator(".dffw-tree-links path.dffw-on").count() == 2


def test_arrows_walk_along_the_links_and_enter_selects(page) -> None:
    page.keyboard.press("Tab")
    assert focused(page) == "all"
    walk = [("ArrowDown", "body"), ("ArrowDown", "torso"), ("ArrowRight", "legs"), ("ArrowRight", "<b>head</b>")]
    walk += [("ArrowRight", "<b>head</b>"), ("ArrowUp", "<b>head</b>"), ("ArrowLeft", "body"), ("ArrowUp", "all")]
    walk += [("ArrowUp", "all"), ("ArrowLeft", "all"), ("End", "<b>head</b>"), ("ArrowDown", "<b>head</b>")]
    walk += [("Home", "all"), ("ArrowDown", "body")]
    for key, want in walk:
        page.keyboard.press(key)
        assert focused(page) == want, key
    assert state(page, "selected") == []
    page.keyboard.press("Enter")
    assert (state(page, "selected"), state(page, "k")) == ([2, 0], 2)
    page.keyboard.press("Escape")
    assert (state(page, "selected"), state(page, "k")) == ([], 2)
    assert page.evaluate("model.saved") == 2


def test_one_tab_stop_a_visible_focus_and_keys_of_its_own(page) -> None:
    assert page.locator("[role=treeitem][tabindex='0']").count() == 1
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert page.locator("[role=treeitem][tabindex='0']").count() == 1
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"


def test_what_the_kernel_sets_is_shown(page) -> None:
    page.evaluate("model.set({selected: [2, 1], k: 2})")
    page.wait_for_selector("[aria-selected=true]")
    assert page.locator("[aria-selected=true]").get_attribute("aria-label").startswith("k = 2: <b>head</b>")
    page.get_by_role("treeitem").nth(3).focus()
    page.evaluate("model.set({names: ['a', 'b', 'c', 'd', 'e', 'f']})")
    page.wait_for_selector("[aria-label^='k = 3: d']")
    assert focused(page) == "d"
    page.evaluate("model.set({nodes: [], names: [], colors: [], selected: []})")
    page.wait_for_selector("[role=treeitem]", state="detached")


def test_a_narrow_page_shows_one_image_a_node_and_scrolls_inside(page) -> None:
    widest = page.get_by_role("treeitem").nth(5).locator("canvas")
    assert widest.count() == 2
    frames = page.evaluate("+document.querySelector('.dffw').dataset.frames")
    page.set_viewport_size({"width": 300, "height": 700})
    page.wait_for_function(f"+document.querySelector('.dffw').dataset.frames > {frames}")
    assert widest.count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_thousands_of_changes_leave_as_many_listeners_and_elements_as_there_were(page) -> None:
    before = held(page)
    again = "if (i % 20 === 0) model.set({names: ['a', 'b', 'c', 'd', 'e', `${i}`]})"
    change(page, "model.set({selected: [3, i % 3], k: 3}); " + again)
    assert held(page) == before


def test_disposing_leaves_nothing_behind(page) -> None:
    assert page.evaluate("model.listeners()") > 0
    page.evaluate("dispose()")
    assert page.evaluate("model.listeners()") == 0


@pytest.mark.lab_only
def test_with_a_kernel_a_choice_arrives_and_keys_run_no_shortcut(open_notebook) -> None:
    book = open_notebook(LIVE)
    book.run_all()
    items = book.page.get_by_role("treeitem", name="k = ")
    items.nth(5).wait_for()
    cells = book.cells()
    items.nth(4).click()
    book.page.wait_for_selector("[aria-selected=true][aria-label^='k = 3']")
    assert book.run("print(view.selected, view.k)") == "[3, 1] 3"
    for key in ("ArrowUp", "b", "Enter"):  # b would insert a cell
        book.page.keyboard.press(key)
    book.page.wait_for_selector("[aria-selected=true][aria-label^='k = 2']")
    assert book.run("print(view.selected == [2, tree.parent(3, 1)], view.k)") == "True 2"
    assert book.cells() == cells
    book.run("view.selected = [1, 0]")
    book.page.wait_for_selector("[aria-selected=true][aria-label^='k = 1']")
    assert book.page.locator(".dffw-now .dffw-tree-k").inner_text() == "1"
