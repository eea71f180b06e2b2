"""The sweep's chart: its ESM on a blank page with a model that has no kernel, and in a notebook."""

import numpy as np
import pytest

import dff_widgets as dff

from .steady import change, held

LIVE = """
import dff_widgets as dff
images = dff.datasets.creatures(n=3, seed=0, size=96)
chosen = []
sweep = dff.SweepView(images, layers=["bn2"], ks=[1, 2, 3], seeds=[0], size=96, on_select=chosen.append, start=False)
sweep
"""
POINTS = ".dffw-sweep-chart [role=option]"
IOU = {("deep", 1): [0.2, 0.4], ("deep", 2): [0.5, 0.5], ("<b>early</b>", 1): [0.1, 0.1], ("<b>early</b>", 2): [0.3]}


def points() -> list[dict]:
    return [
        {"layer": layer, "k": k, "seed": seed, "iou": iou, "explained": 0.3 * k + 0.1 * seed, "error": 0.5}
        for (layer, k), values in IOU.items()
        for seed, iou in enumerate(values)
    ]


@pytest.fixture
def page(blank):
    images = dff.ImageSet.from_arrays([np.zeros((8, 8, 3), np.uint8)], parts=[{"p": np.ones((8, 8), bool)}])
    view = dff.SweepView(images, layers=["deep", "<b>early</b>"], ks=[1, 2, 3], seeds=[0, 1], start=False)
    view.points = points()
    page = blank(view)
    page.wait_for_selector("[role=option]")
    return page


def option(page, layer: str, k: int, seed: int):
    return page.locator(f"[role=option][aria-label^='{layer}, k = {k}, seed {seed}:']")


def place(page, *point) -> tuple[float, float]:
    x, y = option(page, *point).get_attribute("transform")[len("translate(") : -1].split()
    return float(x), float(y)


def selected(page) -> dict:
    return page.evaluate("model.get('selected')")


def ticks(page) -> list[str]:
    return page.locator(".dffw-sweep-axes text").all_text_contents()


def test_points_lines_and_bands_stand_at_their_values(page) -> None:
    zero, top = (page.locator(".dffw-sweep-axes line").nth(i).get_attribute("y1") for i in (0, 5))
    assert ticks(page)[:6] == ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]
    assert page.locator(POINTS).count() == 7

    def value(y: float) -> float:
        return 0.5 * (float(zero) - y) / (float(zero) - float(top))

    for (layer, k), values in IOU.items():
        for seed, iou in enumerate(values):
            assert value(place(page, layer, k, seed)[1]) == pytest.approx(iou, abs=0.002)
    line = page.locator(".dffw-sweep-curve").first.get_attribute("points").split()
    assert [value(float(p.split(",")[1])) for p in line] == pytest.approx([0.3, 0.5], abs=0.002)
    middle = [np.mean([place(page, "deep", k, seed)[0] for seed in (0, 1)]) for k in (1, 2)]
    assert [float(p.split(",")[0]) for p in line] == pytest.approx(middle, abs=0.01)
    band = page.locator(".dffw-sweep-band").first.get_attribute("points").split()
    spread = np.std(IOU["deep", 1], ddof=1)
    heights = [value(float(p.split(",")[1])) for p in band]
    assert heights == pytest.approx([0.3 + spread, 0.5, 0.5, 0.3 - spread], abs=0.002)
    assert "mean best-part IoU (0–1)" in ticks(page)
    assert "number of factors k" in ticks(page)
    assert page.locator(".dffw-sweep-legend b").count() == 0


def test_the_other_measure_has_its_own_axis(page) -> None:
    page.get_by_role("radio", name="Explained").click()
    page.wait_for_function("document.querySelector('.dffw-sweep-axes').textContent.includes('%')")
    assert "explained energy of the activations (%)" in ticks(page)
    assert option(page, "deep", 2, 1).count() == 1
    assert place(page, "deep", 2, 1)[1] < place(page, "deep", 2, 0)[1] < place(page, "deep", 1, 1)[1]
    assert page.evaluate("model.saved") == 1


def test_hover_tells_and_a_click_selects_the_nearest_point(page) -> None:
    x, y = place(page, "deep", 1, 1)
    box = page.locator(".dffw-sweep-chart").bounding_box()
    page.mouse.move(box["x"] + x + 4, box["y"] + y - 4)
    tip = page.locator(".dffw-sweep-tip")
    assert tip.locator("b").inner_text() == "deep, k = 1, seed 1"
    assert "mean best-part IoU 0.400 · explains 40.0 %" in tip.inner_text()
    assert "mean of 2 seeds 0.300 ± 0.141" in tip.inner_text()
    page.mouse.down()
    page.mouse.up()
    assert selected(page) == {"layer": "deep", "k": 1, "seed": 1}
    assert page.evaluate("model.saved") == 1
    assert option(page, "deep", 1, 1).get_attribute("aria-selected") == "true"
    page.mouse.down()
    page.mouse.up()
    assert page.evaluate("model.saved") == 1
    assert page.evaluate("outbox.at(-1).content") == {"do": "again"}
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 3)
    assert not page.locator(".dffw-sweep-ring").is_visible()


def test_the_keyboard_walks_to_every_point_and_enter_selects(page) -> None:
    page.locator("[role=option][tabindex='0']").focus()
    assert page.locator("[role=option][tabindex='0']").count() == 1

    def now() -> str:
        return page.evaluate("document.activeElement.getAttribute('aria-label').split(':')[0]")

    page.keyboard.press("Home")
    walk = [("ArrowRight", "2"), ("ArrowRight", "2"), ("ArrowLeft", "1")]
    for key, k in walk:
        page.keyboard.press(key)
        assert f"k = {k}" in now(), key
    seen = {now()}
    for key in ["ArrowDown"] * 4 + ["ArrowUp"] * 4:
        page.keyboard.press(key)
        seen.add(now())
    assert len(seen) == 4  # all of k = 1
    assert now() == "deep, k = 1, seed 1"  # the highest
    assert selected(page) == {}
    page.keyboard.press("Enter")
    assert selected(page) == {"layer": "deep", "k": 1, "seed": 1}
    assert page.locator("[role=option][tabindex='0']").count() == 1


def test_points_that_arrive_leave_focus_and_tip_in_place(page) -> None:
    option(page, "deep", 1, 1).focus()
    more = {"layer": "deep", "k": 3, "seed": 0, "iou": 0.9, "explained": 0.9, "error": 0.3}
    page.evaluate("p => model.set('points', [...model.get('points'), p])", more)
    page.wait_for_function("document.querySelectorAll('[role=option]').length === 8")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("deep, k = 1, seed 1:")
    assert page.locator(".dffw-sweep-tip b").inner_text() == "deep, k = 1, seed 1"
    assert ticks(page)[:6] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_buttons_follow_the_state_and_send(page) -> None:
    def buttons() -> list[tuple[str, bool]]:
        return [(b.inner_text(), b.is_enabled()) for b in page.locator(".dffw-sweep-tools > button").all()]

    assert buttons() == [("Start", True), ("Cancel", False)]
    for state, want in (
        ("running", [("Pause", True), ("Cancel", True)]),
        ("paused", [("Go on", True), ("Cancel", True)]),
        ("cancelled", [("Go on", True), ("Cancel", False)]),
        ("failed", [("Go on", True), ("Cancel", False)]),
        ("done", [("Start", False), ("Cancel", False)]),
        ("running", [("Pause", True), ("Cancel", True)]),
    ):
        page.evaluate("s => model.set({state: s, status: '<b>x</b>'})", state)
        page.wait_for_function(
            "b => document.querySelector('.dffw-sweep-tools > button').textContent === b", arg=want[0][0]
        )
        assert buttons() == want
    assert page.locator(".dffw-sweep-status b").count() == 0
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Cancel").click()
    assert page.evaluate("outbox.map(m => m.content.do)") == ["pause", "cancel"]


def test_each_layer_has_its_best_k_and_explained_shares_are_not_compared(page) -> None:
    entries = page.locator(".dffw-sweep-legend li").all_inner_texts()
    assert [entry.replace("\n", " ") for entry in entries[:2]] == [
        "deep best 0.500 at k = 2",
        "<b>early</b> best 0.300 at k = 2",
    ]
    assert page.locator(".dffw-sweep-highest").inner_text().startswith("deep")
    page.get_by_role("radio", name="Explained").click()
    page.get_by_text("do not compare").wait_for()
    assert "best" not in page.locator(".dffw-sweep-legend").inner_text()


def test_layers_k_and_seeds_are_chosen_from_what_the_kernel_offers(page) -> None:
    assert not page.get_by_role("group", name="Layers: a curve each").is_visible()  # nothing is offered yet
    offered = [{"name": name, "title": f"{name} · 4 ch"} for name in ("<b>early</b>", "deep", "deeper")]
    page.evaluate("offered => model.set({options: offered, most: 6})", offered)
    page.get_by_label("deeper · 4 ch").check()
    assert page.evaluate("model.get('layers')") == ["deep", "<b>early</b>", "deeper"]
    page.get_by_label("deep · 4 ch").uncheck()
    page.get_by_label("<b>early</b> · 4 ch").uncheck()
    assert page.evaluate("model.get('layers')") == ["deeper"]
    page.get_by_label("deeper · 4 ch").click()  # the last one stays
    assert page.evaluate("model.get('layers')") == ["deeper"]
    assert page.get_by_label("deeper · 4 ch").is_checked()
    page.get_by_label("Smallest k").fill("5")
    page.keyboard.press("Enter")
    assert page.evaluate("model.get('ks')") == [5]
    page.get_by_label("Largest k").fill("99")
    page.keyboard.press("Enter")
    assert page.evaluate("model.get('ks')") == [5, 6]
    page.get_by_label("Seeds").fill("3")
    page.keyboard.press("Enter")
    assert page.evaluate("model.get('seeds')") == [0, 1, 2]


def test_thousands_of_changes_leave_as_many_listeners_and_elements_as_there_were(page) -> None:
    before = held(page)
    again = "if (i % 20 === 0) model.set({points: [...model.get('points')]})"
    change(page, "model.set({status: `${i}`, progress: i / 2000, selected: {}}); " + again)
    assert held(page) == before


def test_a_narrow_page_and_disposing(page) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    page.wait_for_function("document.querySelector('.dffw-sweep-chart').viewBox.baseVal.width < 320")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("dispose()")
    assert page.evaluate("model.listeners()") == 0


def test_with_a_kernel_curves_grow_a_point_is_chosen_and_a_reload_keeps_them(open_notebook) -> None:
    book = open_notebook(LIVE)
    book.run_all()
    book.page.get_by_role("button", name="Start", exact=True).click()
    book.page.get_by_text("done · 3 of 3").wait_for()
    assert book.page.locator(POINTS).count() == 3
    cells = book.cells()
    book.page.locator(POINTS).nth(1).click(force=True)
    book.page.keyboard.press("b")  # would insert a cell
    book.page.keyboard.press("ArrowRight")
    book.page.keyboard.press("Enter")
    book.page.wait_for_selector("[role=option][aria-label^='bn2, k = 3'][aria-selected=true]")
    assert book.run("print([p['k'] for p in chosen], sweep.selected['k'])") == "[2, 3] 3"
    assert book.cells() == cells
    book.save()
    book.page.reload()
    book.ready()
    book.page.wait_for_selector("[role=option][aria-label^='bn2, k = 3'][aria-selected=true]")
    assert book.page.locator(POINTS).count() == 3
