"""The focus view's ESM on a blank page with the widget itself behind it, and in JupyterLab."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import BrowserContext, Page

import dff_widgets as dff
from dff_widgets.labelling import PartMasks
from dff_widgets.labelling.rasterize import brush, polygon
from dff_widgets.widgets.focus import FocusView

from .conftest import FAKE_MODEL, _wire

SIZE = (180, 260)


class Desk:
    """A focus view on a blank page; `deliver` is the wire between the page and the widget."""

    def __init__(self, page: Page, view: FocusView) -> None:
        self.page, self.view = page, view
        if page.viewport_size == {"width": 1440, "height": 1000}:
            page.set_viewport_size({"width": 860, "height": 640})  # fewer pixels to draw in software
        page.set_content("<!doctype html><body></body>")
        page.add_style_tag(content=view._css)
        names = [n for n in view.trait_names(sync=True) if not n.startswith("_")]
        self.names = [n for n in names if n not in ("layout", "comm", "tabbable", "tooltip")]
        page.evaluate(FAKE_MODEL, [view._esm, {n: _wire(getattr(view, n)) for n in self.names}])
        page.wait_for_function("+document.querySelector('.dffw').dataset.frames > 0")
        page.wait_for_timeout(100)

    def deliver(self) -> list[dict[str, Any]]:
        """Hand what the page sent to the widget, and the widget's answer to the page; what was sent."""
        sent = self.page.evaluate("outbox.splice(0)")
        for message in sent:
            before = {n: getattr(self.view, n) for n in self.names}
            if "content" in message:
                self.view.presenter.receive(message["content"], [])
            else:
                self.view.set_state(message["state"])
            answer = {n: _wire(getattr(self.view, n)) for n in self.names if getattr(self.view, n) != before[n]}
            self.page.evaluate("fromKernel", answer)
        self.page.wait_for_timeout(100)
        return [message.get("content", message.get("state")) for message in sent]

    def drag(self, *points: tuple[float, float], button: str = "left", steps: int = 12) -> None:
        """Press at the first point (image pixels), go through the others, and let go."""
        self.page.mouse.move(*self.at(points[0]))
        self.page.mouse.down(button=button)
        for point in points[1:]:
            self.page.mouse.move(*self.at(point), steps=steps)
        self.page.mouse.up(button=button)

    def at(self, point: tuple[float, float]) -> tuple[float, float]:
        """Where a point of the fitted image is on the page."""
        box = self.page.locator("canvas[role=application]").bounding_box()
        height, width = self.view.size
        scale = min((box["width"] - 16) / width, (box["height"] - 16) / height)
        x, y = point
        return (
            box["x"] + (box["width"] - width * scale) / 2 + x * scale,
            box["y"] + (box["height"] - height * scale) / 2 + y * scale,
        )


@pytest.fixture
def truth() -> PartMasks:
    photos = []
    for shift in (0, 40):
        photo = Image.new("RGB", SIZE[::-1], (90, 120, 90))
        ImageDraw.Draw(photo).ellipse((60 + shift, 40, 180 + shift, 140), fill=(200, 160, 110))
        photos.append(np.asarray(photo))
    body = np.zeros(SIZE, dtype=bool)
    body[80:130, 80:170] = True
    parts = [{"body": body}, {}]
    return PartMasks(dff.ImageSet.from_arrays(photos, parts=parts, names=["one", "<b>two</b>"]))


@pytest.fixture
def open_desk(context: BrowserContext) -> Iterator[Callable[..., Desk]]:
    """open_desk(view): a desk; options go to a browser context of its own."""
    opened: list[Any] = []

    def make(view: FocusView, **options: Any) -> Desk:
        where = context
        if options:
            where = context.browser.new_context(**options)
            opened.append(where)
        page = where.new_page()
        opened.append(page)
        return Desk(page, view)

    yield make
    for each in reversed(opened):
        each.close()


def whole(patch: tuple[int, int, np.ndarray]) -> np.ndarray:
    top, left, pixels = patch
    mask = np.zeros(SIZE, dtype=bool)
    mask[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return mask


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def pixels(page: Page, nth: int = 0) -> np.ndarray:
    url = page.evaluate(
        """async (n) => {await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);
        return [...document.querySelectorAll('.dffw canvas')].filter((c) => c.offsetWidth)[n].toDataURL();}""",
        nth,
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))).astype(int)


def parts_under(desk: Desk, point: tuple[float, float]) -> list[str]:
    """The parts that the page says are at a point."""
    desk.page.mouse.move(*desk.at(point))
    return desk.page.locator(".dffw-focus-readout").inner_text().split(" · ")[1:]


def test_a_stroke_is_one_message_and_the_mask_is_what_was_painted(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth, part="head", radius=9))
    line = [(40, 30), (120, 60), (200, 30)]
    desk.page.mouse.move(*desk.at(line[0]))
    desk.page.mouse.down()
    before = pixels(desk.page)
    for point in line[1:]:
        desk.page.mouse.move(*desk.at(point), steps=20)
    assert desk.page.evaluate("outbox.length") == 0  # nothing is sent while the mouse moves ...
    assert np.abs(pixels(desk.page) - before).mean() > 0.5  # ... but it is drawn
    desk.page.mouse.up()
    sent = desk.deliver()
    assert [message["do"] for message in sent] == ["stroke"]
    assert len(sent[0]["points"]) <= 42
    assert iou(truth[0]["head"], whole(brush(line, 9, SIZE))) > 0.97


def test_what_the_page_draws_is_what_the_kernel_paints(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth, part="head", radius=9))
    desk.drag((40, 30), (120, 60), (200, 30))
    desk.page.mouse.move(5, 5)
    alone = pixels(desk.page)
    desk.deliver()
    desk.page.mouse.move(5, 5)
    answered = pixels(desk.page)
    assert (np.abs(alone - answered).max(axis=2) > 40).mean() < 0.003


def test_strokes_that_wait_for_their_answer_stay_in_sight(open_desk, truth) -> None:
    view = FocusView(truth, part="head", radius=9)
    desk = open_desk(view)
    desk.drag((30, 20), (60, 20))
    desk.drag((200, 20), (240, 20))
    first, second = desk.page.evaluate("outbox.splice(0)")
    view.presenter.receive(first["content"], [])
    desk.page.evaluate("fromKernel", {"masks": _wire(view.masks), "handled": view.handled})
    desk.page.wait_for_timeout(100)
    assert parts_under(desk, (50, 20)) == ["head"]
    assert parts_under(desk, (220, 20)) == ["head"]
    view.presenter.receive(second["content"], [])
    assert truth[0]["head"][20, 50]
    assert truth[0]["head"][20, 220]


def test_shift_and_the_eraser_take_away(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth, radius=12))
    desk.page.keyboard.down("Shift")
    desk.drag((80, 90), (170, 90))
    desk.page.keyboard.up("Shift")
    desk.page.get_by_role("button", name="Erase").click()
    desk.drag((80, 120), (170, 120))
    sent = desk.deliver()
    assert [m["erase"] for m in sent] == [True, True, True]  # the one between is the button's own
    assert not truth[0]["body"][90, 80:170].any()
    assert not truth[0]["body"][120, 80:170].any()
    assert truth[0]["body"][105, 80:170].all()


@pytest.mark.parametrize("close", ["Enter", "double click", "first corner"])
def test_a_polygon_is_closed_and_filled(open_desk, truth, close: str) -> None:
    desk = open_desk(FocusView(truth, part="head"))
    corners = [(30, 20), (210, 40), (120, 160)]
    desk.page.get_by_role("button", name="Polygon").click()
    desk.deliver()
    for corner in corners:
        desk.page.mouse.click(*desk.at(corner))
    assert desk.deliver() == []
    if close == "Enter":
        desk.page.keyboard.press("Enter")
    elif close == "double click":
        desk.page.mouse.dblclick(*desk.at(corners[-1]))
    else:
        desk.page.mouse.click(*desk.at(corners[0]))
    assert [m["do"] for m in desk.deliver()] == ["polygon"]
    assert iou(truth[0]["head"], whole(polygon(corners, SIZE))) > 0.98


def test_escape_drops_a_polygon(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth, tool="polygon"))
    before = pixels(desk.page)
    for corner in [(30, 20), (210, 40), (120, 160)]:
        desk.page.mouse.click(*desk.at(corner))
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("Enter")
    assert desk.deliver() == []
    desk.page.mouse.move(5, 5)
    desk.page.evaluate("document.activeElement.blur()")
    assert np.abs(pixels(desk.page) - before).max() < 3


def test_keys_choose_parts_tools_and_radius(open_desk, truth) -> None:
    truth.add("head")
    desk = open_desk(FocusView(truth, radius=10))
    desk.page.locator("canvas[role=application]").focus()
    for key, name, want in [
        ("2", "part", "head"),
        ("1", "part", "body"),
        ("9", "part", "body"),
        ("p", "tool", "polygon"),
        ("d", "tool", "hand"),
        ("B", "tool", "brush"),
        ("e", "erase", True),
        ("]", "radius", 12),
        ("[", "radius", 10),
    ]:
        desk.page.keyboard.press(key)
        desk.deliver()
        assert getattr(desk.view, name) == want, key
    pressed = desk.page.locator(".dffw-focus-part[aria-pressed=true]")
    assert pressed.locator(".dffw-focus-name").inner_text() == "body"


def test_undo_and_redo_by_key_show_where_they_act(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth, radius=9))
    undo, redo = (desk.page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo"))
    assert undo.is_disabled()
    desk.drag((20, 20), (60, 20))
    desk.deliver()
    desk.page.keyboard.press("PageDown")
    desk.deliver()
    assert desk.view.index == 1
    desk.page.keyboard.press("Control+z")
    desk.deliver()
    assert (desk.view.index, truth[0]["body"][20, 40]) == (0, False)
    assert desk.page.get_by_role("status").inner_text() == "Undone: body in one"
    assert parts_under(desk, (40, 20)) == []
    assert undo.is_disabled()
    desk.page.keyboard.press("Control+Shift+Z")
    desk.deliver()
    assert truth[0]["body"][20, 40]
    assert parts_under(desk, (40, 20)) == ["body"]
    assert redo.is_disabled()


def test_a_new_part_is_typed_and_is_text(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth, radius=9, index=1))
    name = "<img src=x onerror=alert(1)> 🦊"
    picker = desk.page.get_by_label("Find or add a part")
    picker.fill(name)
    picker.press("Enter")
    desk.deliver()
    desk.drag((20, 20), (60, 20))
    desk.deliver()
    assert list(truth[1]) == [name]
    assert desk.page.locator(".dffw img, .dffw-focus-name b, .dffw-focus-where b").count() == 0
    assert desk.page.locator(".dffw-focus-name").nth(1).inner_text() == name
    assert "2 of 2 · <b>two</b>" in desk.page.locator(".dffw-focus-where").inner_text()


def test_digits_typed_as_a_name_choose_no_part(open_desk, truth) -> None:
    truth.add("head")
    desk = open_desk(FocusView(truth))
    desk.page.get_by_label("Find or add a part").press_sequentially("2b[")
    assert desk.deliver() == []
    assert desk.view.part == "body"


def test_without_a_part_nothing_is_painted_and_a_name_is_asked_for(open_desk, truth) -> None:
    desk = open_desk(FocusView(PartMasks(truth.images, [{}, {}])))
    desk.drag((20, 20), (60, 20))
    assert desk.deliver() == []
    assert desk.page.get_by_role("status").inner_text() == "Name a part first."
    assert desk.page.evaluate("document.activeElement.ariaLabel") == "Find or add a part"


def test_zoom_and_pan_keep_the_point_under_the_mouse(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth, radius=2))
    page = desk.page
    before = pixels(page)
    page.mouse.move(*desk.at((100, 60)))
    page.mouse.wheel(0, -300)
    assert np.abs(pixels(page) - before)[..., :3].mean() < 1  # the page's own wheel, until the image is worked on
    page.locator("canvas[role=application]").focus()
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    page.mouse.down()
    page.mouse.up()
    (stroke,) = desk.deliver()
    assert stroke["points"][0] == pytest.approx([100, 60], abs=1)
    # 60 CSS pixels to the right with space held, and the point goes along
    x, y = desk.at((100, 60))
    page.keyboard.down(" ")
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=4)
    page.mouse.up()
    page.keyboard.up(" ")
    assert desk.deliver() == []
    page.mouse.down()
    page.mouse.up()
    assert desk.deliver()[0]["points"][0] == pytest.approx([100, 60], abs=1)
    page.keyboard.press("0")
    page.mouse.move(*desk.at((200, 100)))
    page.mouse.down()
    page.mouse.up()
    assert desk.deliver()[0]["points"][0] == pytest.approx([200, 100], abs=0.3)


def test_the_middle_button_moves_the_image(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth))
    before = pixels(desk.page)
    desk.drag((100, 60), (140, 80), button="middle")
    assert desk.deliver() == []
    assert np.abs(pixels(desk.page) - before).mean() > 3


def test_a_hidpi_screen_gets_all_its_pixels(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth, part="head", radius=9), device_scale_factor=2)
    box = desk.page.locator("canvas[role=application]").bounding_box()
    height, width = pixels(desk.page).shape[:2]
    assert (width, height) == pytest.approx((2 * box["width"], 2 * box["height"]), abs=2)
    desk.drag((40, 30), (120, 60))
    desk.deliver()
    assert iou(truth[0]["head"], whole(brush([(40, 30), (120, 60)], 9, SIZE))) > 0.97


def test_factors_lie_over_the_photo_and_opacity_sends_one_message(open_desk, truth) -> None:
    heat = np.zeros((1, 2, 2), np.uint8)
    heat[0, 0, 0] = 255
    desk = open_desk(FocusView(truth, names=["<i>f</i>"], colors=["#FF0000"], opacity=[1.0], visible=[True]))
    assert desk.page.locator(".dffw-focus-panel input[type=range]").count() == 0  # without a result there are none
    state = {"names": ["<i>f</i>"], "colors": ["#FF0000"], "opacity": [1.0], "visible": [True], "gains": [1.0]}
    desk.page.evaluate("fromKernel", {**state, "heat": _wire(heat.tobytes()), "grid": [2, 2]})
    box = desk.page.locator("canvas[role=application]").bounding_box()
    x, y = (round(a - b) for a, b in zip(desk.at((20, 15)), (box["x"], box["y"]), strict=True))
    assert list(pixels(desk.page)[y, x, :3]) == pytest.approx([255, 0, 0], abs=3)
    desk.page.evaluate("fromKernel", {"levels": [0.5], "opacity": [0.5]})
    half = pixels(desk.page)
    assert list(half[y, x, :3]) == pytest.approx([(90 + 255) / 2, 60, 45], abs=4)
    slider = desk.page.get_by_label("Opacity of <i>f</i>").bounding_box()
    desk.page.mouse.move(slider["x"] + slider["width"] / 2, slider["y"] + slider["height"] / 2)
    desk.page.mouse.down()
    desk.page.mouse.move(slider["x"] + 1, slider["y"] + slider["height"] / 2, steps=8)
    assert desk.page.evaluate("outbox.length") == 0
    assert np.abs(pixels(desk.page) - half).mean() > 0.5
    desk.page.mouse.up()
    assert desk.page.evaluate("outbox.length") == 1


def test_raw_heat_maps_are_beside_the_refined_ones_until_c_is_pressed(open_desk, truth) -> None:
    raw, refined = np.zeros((1, 2, 2), np.uint8), np.zeros((1, 2, 2), np.uint8)
    raw[0, 0, 0] = refined[0, 1, 1] = 255
    desk = open_desk(FocusView(truth))
    button = desk.page.get_by_role("button", name="The raw heat maps beside the sharp ones")
    assert not button.is_visible()  # nothing is refined
    state = {
        "names": ["f"],
        "colors": ["#FF0000"],
        "opacity": [1.0],
        "visible": [True],
        "gains": [1.0],
        "levels": [0.5],
    }
    heat = {"heat": _wire(refined.tobytes()), "grid": [2, 2]}
    before = {"raw": _wire(raw.tobytes()), "raw_grid": [2, 2], "raw_gains": [1.0]}
    desk.page.evaluate("fromKernel", {**state, **heat, **before})
    desk.page.wait_for_timeout(200)
    assert desk.page.locator(".dffw-focus-tag").all_inner_texts() == ["raw", "sharp"]
    boxes = [desk.page.locator("canvas:visible").nth(n).bounding_box() for n in range(2)]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=1)

    def red(nth: int) -> list[bool]:
        """Whether the corners top left and bottom right of the image are red."""
        shown = pixels(desk.page, nth).astype(int)
        h, w = SIZE
        scale = min((shown.shape[1] - 16) / w, (shown.shape[0] - 16) / h)
        left, top = (shown.shape[1] - w * scale) / 2, (shown.shape[0] - h * scale) / 2
        spots = [(10, 10), (w - 10, h - 10)]
        colors = [shown[round(top + y * scale), round(left + x * scale)] for x, y in spots]
        return [bool(c[0] > 240 and c[1] < 30) for c in colors]

    assert (red(0), red(1)) == ([True, False], [False, True])
    desk.page.locator("canvas[role=application]").focus()
    desk.page.keyboard.press("c")
    assert desk.deliver() == [{"beside": False}]
    assert desk.page.locator("canvas:visible").count() == 1
    assert desk.page.locator("canvas[role=application]").bounding_box()["width"] > 2 * boxes[1]["width"]
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    desk.deliver()
    assert desk.page.locator("canvas:visible").count() == 2
    assert (red(0), red(1)) == ([True, False], [False, True])


def test_another_image_with_the_same_photo_is_shown(open_desk) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    desk = open_desk(FocusView(PartMasks(dff.ImageSet.from_arrays([photo, photo])), part="head"))
    desk.drag((20, 20), (60, 20))
    desk.page.get_by_role("button", name="Next image").click()
    desk.deliver()
    desk.page.mouse.move(5, 5)
    assert pixels(desk.page)[..., :3].std() > 20
    assert parts_under(desk, (40, 20)) == []
    desk.page.get_by_role("button", name="Previous image").click()
    desk.deliver()
    assert parts_under(desk, (40, 20)) == ["head"]


def test_it_closes_and_opens(open_desk, truth) -> None:
    view, seen = FocusView(truth), []
    view.observe(lambda change: seen.append(change["new"]), "closed")
    desk = open_desk(view)
    desk.page.get_by_role("button", name="Close").click()
    desk.deliver()
    assert seen == [True]
    assert not desk.page.locator("canvas[role=application]").is_visible()
    desk.page.evaluate("fromKernel({closed: false})")
    desk.page.locator("canvas[role=application]").wait_for()
    assert pixels(desk.page)[..., :3].std() > 5


def test_every_control_has_a_name_and_keeps_its_keys(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth))
    nameless = desk.page.evaluate(
        """[...document.querySelectorAll('.dffw :is(input, canvas, button)')]
        .filter(e => !e.hidden && !e.ariaLabel && !(e.closest('label') ?? e).textContent.trim())
        .map(e => e.outerHTML)"""
    )
    assert nameless == []
    for where in ("canvas[role=application]", ".dffw-focus-part", "input[type=range]"):
        desk.page.locator(where).first.focus()
        assert desk.page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"
    assert desk.page.locator("canvas[role=application]").get_attribute("aria-label") == "one; brush for body"


def test_a_narrow_page_has_no_sideways_scroll(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth), viewport={"width": 640, "height": 900})
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 640
    stage, parts = (desk.page.locator(s).bounding_box() for s in ("canvas[role=application]", ".dffw-focus-panel"))
    assert parts["y"] >= stage["y"] + stage["height"]


def test_disposing_leaves_no_listener(open_desk, truth) -> None:
    desk = open_desk(FocusView(truth))
    assert desk.page.evaluate("model.listeners()") > 0
    desk.page.evaluate("dispose()")
    assert desk.page.evaluate("model.listeners()") == 0


PAINT = """
import numpy as np, dff_widgets as dff
from dff_widgets.labelling import PartMasks
from dff_widgets.widgets.focus import FocusView
images = dff.datasets.creatures(n=2, seed=0, size=128)
truth = PartMasks(images)
view = FocusView(truth, part='ear', radius=6)
view
"""


@pytest.mark.lab_only
def test_painting_in_jupyter(open_notebook) -> None:
    book = open_notebook(PAINT)
    book.run_all()
    page = book.page
    page.wait_for_function("+document.querySelector('.dffw')?.dataset.frames > 0")
    canvas = page.locator("canvas[role=application]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    scale = (min(box["width"], box["height"]) - 16) / 128
    left, top = box["x"] + box["width"] / 2 - 64 * scale, box["y"] + box["height"] / 2 - 64 * scale

    def move(x: float, y: float, steps: int = 1) -> None:
        page.mouse.move(left + x * scale, top + y * scale, steps=steps)

    def until(code: str, want: str) -> None:
        for _ in range(100):
            if book.run(f"print({code})") == want:
                return
            page.wait_for_timeout(50)
        raise AssertionError(f"{code} is {book.run(f'print({code})')}, not {want}")

    move(20, 30)
    page.mouse.down()
    quiet = len(book.messages())
    move(100, 40, steps=40)
    page.wait_for_timeout(200)
    assert len(book.messages()) == quiet
    page.mouse.up()
    until("truth.version > 0 and truth.mask(0, 'ear').any()", "True")
    assert len(book.messages()) == quiet + 1
    want = "want = PartMasks(images); want.stroke(0, 'ear', [(20, 30), (100, 40)], 6); want = want.mask(0, 'ear')"
    assert float(book.run(f"{want}\nm = truth.mask(0, 'ear')\nprint((m & want).sum() / (m | want).sum())")) > 0.95

    # Jupyter's own keys stay quiet, ours act
    cells = book.cells()
    for key in ("b", "a", "1"):
        page.keyboard.press(key)
    until("view.part", "head")
    assert book.cells() == cells
    page.keyboard.press("Control+z")
    until("truth.known(0), truth.can_undo, view.part", "True False ear")
    page.keyboard.press("Control+Shift+Z")
    until("truth.can_undo", "True")

    # a reload finds the picture again, and painting goes on
    move(-10, -10)
    page.wait_for_timeout(300)
    before = pixels(page)
    book.save()
    page.reload()
    book.ready()
    page.wait_for_function("+document.querySelector('.dffw')?.dataset.frames > 0")
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    now = pixels(page)
    assert now.shape == before.shape
    assert np.abs(now - before).mean() < 1
    box = canvas.bounding_box()
    left, top = box["x"] + box["width"] / 2 - 64 * scale, box["y"] + box["height"] / 2 - 64 * scale
    move(30, 100)
    page.mouse.down()
    move(60, 100, steps=5)
    page.mouse.up()
    until("truth.mask(0, 'ear')[100, 45]", "True")
    ours = [e for e in book.errors if ("pageerror" in e or "widget" in e.lower()) and "schema" not in e]
    assert not ours, ours
