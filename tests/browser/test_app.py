"""The app on a blank page, with a fake model and a recorded state: what a person sees, with no kernel at all."""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

import dff_widgets as dff
from dff_widgets.heat import blend, upsample
from dff_widgets.link import link

from ..explore.recorded import encoded
from ..explore.recorded import recorded as record
from .axe import violations
from .conftest import FAKE_MODEL
from .steady import change

FRONT = Path(dff.__file__).parent / "front"
PARTS = ["head", "torso", "legs", "tail"]
State = dict[str, Any]
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def recorded() -> State:
    """Four creatures; at k = 3 two factors have names, and there are scores, as the kernel would send them."""
    state = record(dff.datasets.creatures(n=4, seed=0, size=96), size=160, k=3)
    names = [["torso"], [], ["head", "tail"]]
    titles = ["torso", "factor 1", "head + tail"]
    state["appearance"]["levels"]["3"] |= {"names": names, "titles": titles}
    state["appearance"] |= {"known": PARTS, "undoable": True}
    coverage = [[0.16, 0.82, 0.05, 0.49], [0.09, 0.08, 0.96, 0.14], [1.0, 0.33, 0.13, 0.81]]
    state["scores"] = {
        "k": 3,
        "look": "heat",
        "iou": [0.73, None, 0.31],
        "mean": 0.52,
        "coverage": coverage,
        "parts": PARTS,
        "threshold": 0.5,
        "covered": 4,
        "of": 4,
        "stale": False,
        "summary": "",
    }
    return state


@pytest.fixture
def app(context: BrowserContext, recorded: State) -> Iterator[Open]:
    """app(k=4, ...): the app, with some traits of the recorded state changed. It must not complain."""
    pages: list[Page] = []
    noise: list[str] = []

    def open_app(*, width: int = 1200, awake: bool = True, **traits: Any) -> Page:
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": 900})
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("console", lambda message: noise.append(message.text) if message.type == "error" else None)
        module, style = link(FRONT / "app" / "index.js")
        page.set_content("<!doctype html><body></body>")
        page.add_style_tag(content=style)
        page.evaluate(FAKE_MODEL, [module, encoded(copy.deepcopy(recorded) | traits)])
        if awake:
            answer(page, "hello")
        page.wait_for_function("+document.querySelector('.dffw-panel').dataset.frames > 0")
        settle(page)
        return page

    yield open_app
    for page in pages:
        page.close()
    assert noise == []


def answer(page: Page, what: str, **content: Any) -> dict[str, Any]:
    """Answer the last question of that name, as the kernel does; what was asked."""
    page.wait_for_function(f"outbox.some((m) => m.content?.do === '{what}')")
    asked = page.evaluate(f"outbox.filter((m) => m.content?.do === '{what}').at(-1).content")
    page.evaluate("(c) => answerFront(c, [])", {"re": asked["id"], **content})
    return dict(asked)


def settle(page: Page) -> None:
    """Wait until no frame has been drawn for a while."""
    page.evaluate(
        """async () => {
          const panel = document.querySelector('.dffw-panel');
          for (let last = null; last !== panel.dataset.frames; ) {
            last = panel.dataset.frames;
            await new Promise((done) => setTimeout(done, 120));
            for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);  // on a busy machine these take long
          }
        }"""
    )


def look(page: Page, nth: int = 0) -> np.ndarray:
    """A tile's pixels, (h, w, 3)."""
    settle(page)
    width, height, values = page.evaluate(
        """(n) => {const c = document.querySelectorAll('.dffw-tile canvas')[n];
        return [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]];}""",
        nth,
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def differ(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def changed(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a person sees that some pixels are others."""
    return bool((np.abs(a.astype(int) - b).max(axis=-1) > 12).mean() > 0.002)


def saved(page: Page) -> list[dict[str, Any]]:
    """What the kernel was told of a person's choices, message by message; they are taken away."""
    page.wait_for_timeout(50)
    return list(page.evaluate("outbox.splice(0).filter((m) => m.state).map((m) => m.state)"))


def k_button(page: Page, k: int) -> Locator:
    return page.locator(f".dffw-number[data-k='{k}']")


def fullest(state: State, k: int, factor: int) -> int:
    """The image that a factor fills most."""
    return int(np.argmax([maps_of(state, i, k)[factor].mean() for i in range(4)]))


def card(page: Page, nth: int) -> Locator:
    return page.locator(".dffw-card").nth(nth)


# ------------------------------------------------------------------------------------------------- what is drawn
def test_a_tile_is_what_blend_computes(app: Open, recorded: State) -> None:
    page = app(photo="colour", k=3, tile_size=96)
    level = recorded["stack"]["levels"][2]
    result = maps_of(recorded, image=1, k=3)
    got = look(page, 1)
    photo = np.asarray(Image.open(io.BytesIO(recorded["photos"][1])).resize(got.shape[1::-1]))
    gains = np.array(level["gains"])[:, None, None]
    colors = recorded["appearance"]["levels"]["3"]["colors"]
    want = blend(photo, (upsample(result, got.shape[:2]) * gains).clip(0, 1), colors, [0.7] * 3)
    assert differ(got, want) < 5  # JPEG, two interpolations of bytes, rounding


def maps_of(state: State, image: int, k: int) -> np.ndarray:
    """(k, h, w) in 0..1, unpacked as the wire packs them."""
    ks, grids = state["stack"]["ks"], state["stack"]["grids"]
    sizes = [sum(ks) * h * w for h, w in grids]
    h, w = grids[image]
    start = sum(sizes[:image]) + sum(other for other in ks if other < k) * h * w
    return np.frombuffer(state["heat"][start : start + k * h * w], np.uint8).reshape(k, h, w) / 255


def test_k_changes_the_pixels_at_once_and_the_kernel_hears_of_it_once(app: Open) -> None:
    page = app(k=3)
    before = look(page)
    saved(page)
    k_button(page, 5).click()
    assert changed(look(page), before)
    assert page.locator(".dffw-card").count() == 5
    assert "5 factors explain" in page.locator(".dffw-foot").inner_text()
    assert saved(page) == [{"k": 5}]
    k_button(page, 3).click()
    assert not changed(look(page), before)


def test_a_drag_along_the_numbers_shows_each_and_tells_the_last(app: Open) -> None:
    page = app(k=1)
    saved(page)
    boxes = [k_button(page, k).bounding_box() for k in (1, 4)]
    (x0, y0), (x1, _) = [(b["x"] + 8, b["y"] + 30) for b in boxes if b]
    page.mouse.move(x0, y0)
    page.mouse.down()
    for step in range(1, 5):
        page.mouse.move(x0 + (x1 - x0) * step / 4, y0)
    expect(page.locator(".dffw-card")).to_have_count(4)
    assert saved(page) == []
    page.mouse.up()
    assert saved(page) == [{"k": 4}]


def test_a_suggested_k_that_comes_later_leaves_the_focus_where_it_is(app: Open, recorded: State) -> None:
    page = app(k=3)
    k_button(page, 4).click()
    stack = encoded(copy.deepcopy(recorded["stack"]) | {"suggested": 7})
    page.evaluate("(stack) => fromKernel({stack})", stack)
    expect(page.locator(".dffw-suggested")).to_have_attribute("data-k", "7")
    assert page.evaluate("document.activeElement.dataset.k") == "4"
    page.keyboard.press("]")
    expect(page.locator(".dffw-card")).to_have_count(5)


def test_what_goes_on_keeps_its_card_and_its_place_in_the_page(app: Open, recorded: State) -> None:
    page = app(k=2)
    page.evaluate("document.querySelectorAll('.dffw-card').forEach((c, i) => (c.mark = i))")
    top = page.locator(".dffw-ks").bounding_box()
    page.keyboard.press("Tab")
    k_button(page, 3).click()
    kept = page.evaluate("[...document.querySelectorAll('.dffw-card')].map((c) => c.mark ?? null)")
    concepts = [level["concepts"] for level in recorded["stack"]["levels"]]
    assert kept == [concepts[1].index(c) if c in concepts[1] else None for c in concepts[2]]
    assert page.locator(".dffw-ks").bounding_box() == top


def test_hidden_alone_and_opacity(app: Open, recorded: State) -> None:
    page = app(k=3)
    image = fullest(recorded, 3, 0)
    before = look(page, image)
    saved(page)
    swatch = card(page, 0).locator(".dffw-chip-color")
    swatch.click()
    assert changed(look(page, image), before)
    (told,) = saved(page)
    assert len(told["hidden"]) == 1
    swatch.click()
    assert not changed(look(page, image), before)
    swatch.click(modifiers=["Alt"])
    alone = look(page, image)
    assert changed(alone, before)
    for other in (1, 2):
        card(page, other).locator(".dffw-chip-color").click()  # ends solo, hides one, then the other
    assert not changed(look(page, image), alone)
    card(page, 0).get_by_label("Opacity").fill("0")
    photo = look(page, image)
    assert np.ptp(photo.astype(int), axis=-1).mean() < 3  # a grey photo, and nothing over it


def test_dragging_tells_the_kernel_at_release_only(app: Open) -> None:
    page = app(k=3)
    saved(page)
    slider = card(page, 1).get_by_label("Opacity")
    slider.evaluate("(e) => { for (const v of [0.6, 0.5, 0.4]) { e.value = v; e.dispatchEvent(new Event('input')); } }")
    before = look(page)
    assert saved(page) == []
    slider.evaluate("(e) => e.dispatchEvent(new Event('change'))")
    (told,) = saved(page)
    assert list(told["opacities"].values()) == [0.4]
    assert not changed(look(page), before)


def test_masks_are_cut_at_the_percentile_of_the_table(app: Open, recorded: State) -> None:
    page = app(k=2, look="masks", photo="dim", percentile=90, tile_size=96, opacities={"0": 1, "1": 1})
    level = recorded["stack"]["levels"][1]
    color = np.array([int(recorded["appearance"]["levels"]["2"]["colors"][1][i : i + 2], 16) for i in (1, 3, 5)])
    for percentile in (90, 60):
        page.get_by_label("Percentile").fill(str(percentile))
        got = look(page)
        cut = level["quantiles"][1][percentile] / 255
        want = upsample(maps_of(recorded, 0, 2), got.shape[:2])[1] >= cut
        seen = np.abs(got.astype(int) - color).max(axis=-1) < 40
        assert (seen != want).mean() < 0.03  # the last factor lies over the others; its edge is smoothed
    assert page.locator(".dffw-cut-number").inner_text() == "60 %"


def test_grey_colour_and_dim_photos(app: Open) -> None:
    page = app(k=1, opacities={"0": 0})
    grey = look(page).astype(int)
    assert np.ptp(grey, axis=-1).max() <= 3
    page.get_by_role("radio", name="Colour").click()
    colour = look(page).astype(int)
    assert np.ptp(colour, axis=-1).mean() > 10
    page.get_by_role("radio", name="Dim").click()
    assert look(page).mean() < 0.6 * colour.mean()


def test_pointing_at_a_card_shows_its_factor(app: Open) -> None:
    page = app(k=3)
    before = look(page)
    card(page, 1).locator(".dffw-score").hover()
    page.wait_for_timeout(200)
    assert changed(look(page), before)
    page.locator(".dffw-foot").hover()
    assert not changed(look(page), before)


def test_old_overlays_fade_while_new_ones_are_computed(app: Open) -> None:
    page = app(k=3)
    before = look(page)
    place = page.evaluate("model.get('place')")
    page.evaluate("(place) => fromKernel({place})", place | {"key": "another"})
    page.wait_for_timeout(300)
    faint = look(page)
    assert changed(faint, before)
    page.evaluate("(place) => fromKernel({place})", place)
    page.wait_for_timeout(300)
    assert differ(look(page), before) < 0.5


# ------------------------------------------------------------------------------------------------ hand and keys
def test_the_readout_names_the_strongest_factor_and_a_click_selects_it(app: Open, recorded: State) -> None:
    page = app(k=3)
    maps = maps_of(recorded, 2, 3)
    _, h, w = maps.shape
    y, x = np.unravel_index(maps[1].argmax(), (h, w))
    tile = page.locator(".dffw-tile canvas").nth(2)
    box = tile.bounding_box()
    assert box
    at = {"x": (x + 0.5) / w * box["width"], "y": (y + 0.5) / h * box["height"]}
    tile.hover(position=at)
    said = page.locator(".dffw-readout .dffw-first").inner_text().split("\n")
    strongest = int(maps[:, y, x].argmax())
    assert said[0] == recorded["appearance"]["levels"]["3"]["titles"][strongest]
    assert abs(float(said[1]) - maps[strongest, y, x]) < 0.02
    tile.click(position=at)
    assert page.evaluate("model.get('selected')") == strongest
    assert "dffw-selected" in (card(page, strongest).get_attribute("class") or "")


def test_keys(app: Open, recorded: State) -> None:
    page = app(k=3)
    image = fullest(recorded, 3, 1)
    saved(page)
    page.locator(".dffw-app").focus()
    press = page.keyboard.press
    press("2")
    assert page.evaluate("model.get('selected')") == 1
    before = look(page, image)
    press("v")
    assert changed(look(page, image), before)
    press("v")
    press("s")
    assert changed(look(page, image), before)
    press("Escape")
    assert not changed(look(page, image), before)
    press("Escape")
    assert page.evaluate("model.get('selected')") == -1
    saved(page)
    for _ in range(2):
        press("]")
    press("[")
    page.wait_for_timeout(400)
    assert saved(page) == [{"k": 4}]
    press("m")
    assert page.evaluate("model.get('look')") == "masks"
    press("h")
    press("g")
    assert (page.evaluate("model.get('look')"), page.evaluate("model.get('photo')")) == ("heat", "colour")
    press("/")
    page.keyboard.type("2v")
    assert page.locator(".dffw-nothing").inner_text() == "No image's name has “2v”."
    assert page.evaluate("model.get('hidden')") == []  # a letter in a box is a letter
    press("Escape")
    assert page.locator(".dffw-tile").count() == 4
    page.locator(".dffw-app").focus()
    press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    press("Escape")
    assert page.get_by_role("dialog", name="Keys").count() == 0


def test_tab_comes_to_the_first_image_within_twelve_stops_and_arrows_move_inside(app: Open) -> None:
    page = app(k=3)
    page.locator(".dffw-app").focus()
    stops = 0
    while not page.evaluate("document.activeElement.matches('.dffw-caption')"):
        page.keyboard.press("Tab")
        stops += 1
        assert stops <= 13
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "creature 1"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == "creature 3"
    k_button(page, 3).focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("model.get('k')") == 4
    assert page.evaluate("document.activeElement.dataset.k") == "4"


def test_every_control_keeps_jupyters_shortcuts_away(app: Open) -> None:
    page = app(k=3)
    missing = page.evaluate(
        """[...document.querySelectorAll('.dffw :is(button, input, select, [tabindex])')]
        .filter((e) => !e.dataset.lmSuppressShortcuts).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert missing == []


def test_sort_and_filter(app: Open, recorded: State) -> None:
    names = ["img 10", "img 2", "Img 1", "other"]
    page = app(k=3, captions=names, selected=1)

    def shown() -> list[str]:
        settle(page)
        return list(
            page.evaluate(
                """[...document.querySelectorAll('.dffw-tile')].map((e) => [e.getBoundingClientRect(), e.innerText])
                .sort((a, b) => a[0].top - b[0].top || a[0].left - b[0].left).map((e) => e[1].trim())"""
            )
        )

    assert shown() == names
    page.get_by_title("Order of the images").click()
    page.get_by_role("menuitemradio", name="By name").click()
    assert shown() == ["Img 1", "img 2", "img 10", "other"]
    page.get_by_label("Filter the images").fill("IMG")
    assert shown() == ["Img 1", "img 2", "img 10"]
    page.get_by_title("Order of the images").click()
    page.get_by_role("menuitemradio", name="By factor").click()
    fill = {name: maps_of(recorded, i, 3)[1].mean() for i, name in enumerate(names)}
    assert shown() == sorted(names[:3], key=lambda name: -fill[name])


# --------------------------------------------------------------------------------------------- with a kernel
def test_naming(app: Open) -> None:
    page = app(k=3)
    box = card(page, 0).get_by_label("Name of factor 1")
    box.fill("legs + tail")
    box.press("Enter")
    assert {"factor": 0, "text": "legs + tail"}.items() <= answer(page, "name").items()
    cell = page.locator(".dffw-cell").nth(1)
    cell.click()
    assert answer(page, "toggle")["factor"] == 0
    page.get_by_role("button", name="Assign above").click()
    assert answer(page, "assign")["threshold"] == 0.5
    page.get_by_title("Undo (Ctrl+Z)").click()
    answer(page, "undo")


def test_another_network_a_folder_and_what_goes_wrong(app: Open) -> None:
    page = app(k=3)
    page.get_by_title(re.compile("^Network")).click()
    page.get_by_label("Search networks").fill("dino")
    found = [{"name": "vit_small_patch14_dinov2", "installed": False, "note": "84 MB to download"}]
    assert answer(page, "networks", options=found)["text"] == "dino"
    page.get_by_role("button", name="vit_small_patch14_dinov2").click()
    answer(page, "network", problem="it is not on this machine, and there is no internet")
    assert page.get_by_role("alert").first.inner_text() == "it is not on this machine, and there is no internet"
    page.keyboard.press("Escape")
    page.get_by_title(re.compile("^creatures")).click()
    box = page.get_by_label("Path of a folder")
    box.fill("/pho")
    answer(page, "complete", options=["/photos/horses", "/photos/birds"])
    page.wait_for_function("document.querySelectorAll('.dffw-popover datalist option').length === 2")
    box.fill("/photos/horses")
    box.press("Enter")
    assert answer(page, "images")["path"] == "/photos/horses"
    expect(page.locator(".dffw-popover")).to_have_count(0)


def test_status_and_cancel(app: Open) -> None:
    page = app(k=3)
    busy = {"text": "", "step": "extracting", "done": 30, "total": 100, "left": 12.2, "busy": True, "problem": None}
    page.evaluate("(status) => fromKernel({status})", busy)
    foot = page.locator(".dffw-foot")
    expect(foot).to_contain_text("extracting 30/100, 12 s left")
    assert page.locator("progress").get_attribute("value") == "0.3"
    foot.get_by_role("button", name="Cancel").click()
    answer(page, "cancel")
    page.evaluate("(status) => fromKernel({status})", busy | {"busy": False, "problem": "the disk is full"})
    expect(foot.get_by_role("alert")).to_have_text("the disk is full")


def test_later_images_and_sharp_maps_are_asked_for_when_they_are_seen(app: Open, recorded: State) -> None:
    stack = copy.deepcopy(recorded["stack"]) | {"kept": 3}
    page = app(k=3, stack=stack, photos=recorded["photos"][:3])
    page.wait_for_function("outbox.some((m) => m.content?.do === 'tiles')")
    asked = page.evaluate("outbox.find((m) => m.content?.do === 'tiles').content")
    assert asked["of"] == [3]
    per = [sum(stack["ks"]) * h * w for h, w in stack["grids"]]
    chunk = recorded["heat"][sum(per[:3]) :]
    part = {"re": asked["id"], "part": True, "image": 3, "key": recorded["stack"]["key"]}
    page.evaluate(
        "([c, ...b]) => answerFront(c, b.map((s) => decodeWire(s)))",
        [part, *map(encoded, (recorded["photos"][3], chunk))],
    )
    assert differ(look(page, 3), look(app(k=3), 3)) < 1
    saved(page)
    before = look(page, 0)
    page.get_by_role("radio", name="Sharp").click()
    page.wait_for_function("outbox.some((m) => m.content?.do === 'sharp')")
    asked = page.evaluate("outbox.find((m) => m.content?.do === 'sharp').content")
    assert (asked["k"], sorted(asked["of"])) == (3, [0, 1, 2, 3])
    assert not changed(look(page, 0), before)  # until it is there, the raw heat
    sharp = np.zeros((3, 40, 40), np.uint8)
    sharp[0, :20] = 255
    part = {"re": asked["id"], "part": True, "image": 0, "k": 3, "key": recorded["stack"]["key"], "grid": [40, 40]}
    page.evaluate("([c, b]) => answerFront(c, [decodeWire(b)])", [part, encoded(sharp.tobytes())])
    got = look(page, 0).astype(int)
    half = len(got) // 2
    assert np.ptp(got[: half - 4], axis=-1).mean() > 60
    assert np.ptp(got[half + 4 :], axis=-1).max() < 6


# ------------------------------------------------------------------------------------------ asleep, narrow, large
def test_asleep_it_says_so_and_goes_on(app: Open) -> None:
    page = app(k=3, awake=False)
    page.wait_for_function("document.querySelector('.dffw-foot').innerText.includes('No kernel answers')", timeout=8000)
    before = look(page)
    k_button(page, 5).click()
    assert changed(look(page), before)
    for name in ("Export", "Clear"):
        assert page.get_by_role("button", name=name, exact=True).is_disabled()
    assert card(page, 0).get_by_label("Name of factor 1").get_attribute("readonly") is not None
    answer(page, "hello")  # a late one wakes it
    expect(page.locator(".dffw-foot")).not_to_contain_text("No kernel")
    assert page.get_by_role("button", name="Export", exact=True).is_enabled()


def test_narrow_the_factors_are_a_strip_of_chips(app: Open) -> None:
    page = app(k=3, width=640)
    assert not page.locator(".dffw-card").first.is_visible()
    chips = page.locator(".dffw-factor-chip")
    assert chips.count() == 3
    chips.nth(1).locator("button").nth(1).click()
    assert page.evaluate("model.get('selected')") == 1
    page.get_by_role("button", name="Factors …").click()
    assert page.locator(".dffw-card").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


@pytest.mark.parametrize("width", [1440, 1000, 640, 400])
def test_nothing_runs_out_of_its_box(app: Open, width: int) -> None:
    page = app(k=5, width=width, look="masks")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut_off = page.evaluate(
        """[...document.querySelectorAll('.dffw-top, .dffw-stage-bar, .dffw-foot, .dffw-card, .dffw-assign')]
        .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).map((e) => e.className)"""
    )
    assert cut_off == []


def test_three_rows_fit_at_1440_x_900(app: Open, recorded: State) -> None:
    page = app(width=1440, **many(recorded, 24))
    stage = page.locator(".dffw-scroller").bounding_box()
    tops = page.evaluate(
        "[...new Set([...document.querySelectorAll('.dffw-tile')].map((e) => e.getBoundingClientRect().bottom))]"
    )
    assert stage
    assert sum(bottom <= stage["y"] + stage["height"] for bottom in tops) >= 3


def many(state: State, n: int) -> State:
    """The traits of n images that are the recorded ones over and over; only the first four have heat in the state."""
    times = -(-n // 4)
    return {
        "captions": [f"photo {i}" for i in range(n)],
        "sizes": (state["sizes"] * times)[:n],
        "photos": (state["photos"] * times)[: min(n, 100)],
        "stack": state["stack"] | {"grids": (state["stack"]["grids"] * times)[:n]},
        "place": state["place"] | {"n": n},
    }


def test_of_five_thousand_images_only_those_near_exist(app: Open, recorded: State) -> None:
    page = app(**many(recorded, 5000))
    assert 4 < page.locator(".dffw-tile").count() < 120
    scroller = page.locator(".dffw-scroller")
    assert scroller.evaluate("(e) => e.scrollHeight") > 50_000
    scroller.evaluate("(e) => { e.scrollTop = e.scrollHeight; }")
    expect(page.get_by_text("photo 4999", exact=True)).to_be_visible()
    assert page.locator(".dffw-tile").count() < 120


def test_new_images_and_the_end(app: Open, recorded: State) -> None:
    page = app(k=3)
    empty = {
        "captions": [],
        "sizes": [],
        "photos": [],
        "stack": recorded["stack"] | {"levels": [], "ks": [], "grids": []},
    }
    page.evaluate("(traits) => fromKernel(traits)", empty)
    expect(page.locator(".dffw-nothing")).to_contain_text("No images yet")
    assert page.locator(".dffw-card").count() == 0
    page.evaluate("dispose()")
    assert page.evaluate("model.listeners()") == 0


def test_changes_of_k_leave_nothing_behind(app: Open, recorded: State) -> None:
    """Neither elements nor listeners, those included that are no longer in the page but held by something."""
    page = app(k=3)
    ks = recorded["stack"]["ks"]
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")

    def held() -> tuple[float, float]:
        change(page, f"model.set({{k: [{','.join(map(str, ks))}][i % {len(ks)}], selected: -1}})", 6 * len(ks))
        settle(page)
        client.send("HeapProfiler.collectGarbage")
        found = {one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]}
        return found["Nodes"], found["JSEventListeners"]

    held()
    before = held()
    after = held()
    assert after[0] - before[0] < 100
    assert after[1] - before[1] < 20


def test_its_height_can_be_changed_and_is_remembered(app: Open) -> None:
    page = app(k=3)
    root = page.locator(".dffw-app")
    assert root.evaluate("(e) => e.offsetHeight") == 720
    edge = page.get_by_role("separator", name="Height")
    edge.focus()
    saved(page)
    page.keyboard.press("ArrowDown")
    assert saved(page) == [{"height": 740}]
    assert root.evaluate("(e) => e.offsetHeight") == 740


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(app: Open, scheme: str) -> None:
    page = app(k=3, selected=1, width=1440)
    page.emulate_media(color_scheme=scheme)
    for width in (1440, 640):
        page.set_viewport_size({"width": width, "height": 1000})
        assert violations(page, ".dffw") == []
        if width < 800:
            page.get_by_role("button", name="Factors …").click()
        for title in ("creatures", "Network", "Layer bn2", "Settings", "Export", "More for"):
            page.locator(f".dffw [title^='{title}'], .dffw-export:text('{title}')").first.click()
            assert violations(page, ".dffw-popover") == []
            page.keyboard.press("Escape")
        page.locator(".dffw-app").focus()
        page.keyboard.press("?")
        assert violations(page, ".dffw-sheet") == []
        page.keyboard.press("Escape")


@pytest.mark.parametrize(
    ("mark", "theme"),
    [
        ("document.body.dataset.jpThemeLight = 'false'", "dark"),
        ("document.body.dataset.vscodeThemeKind = 'vscode-dark'", "dark"),
        ("document.body.classList.add('dark')", "dark"),
        ("document.documentElement.setAttribute('theme', 'dark')", "dark"),
        ("document.body.dataset.jpThemeLight = 'true'", "light"),
    ],
)
def test_it_follows_the_theme_of_the_page(app: Open, mark: str, theme: str) -> None:
    page = app(k=2)
    page.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    page.evaluate(f"() => {{ {mark}; }}")
    expect(page.locator(".dffw-app")).to_have_attribute("data-dffw-theme", theme)


def test_settings_ask_for_the_object_first(app: Open) -> None:
    page = app(k=3)
    page.get_by_title("Settings: object first").click()
    chooser = page.locator("label", has_text="what is factorized").locator("select")
    assert chooser.input_value() == ""
    chooser.select_option("object")
    page.get_by_role("button", name="Apply").click()
    assert answer(page, "settings")["focus"] == "object"
    page.wait_for_function("!document.body.innerText.includes('what is factorized')")
