"""The gallery's ESM on a blank page, with a model that has no kernel."""

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.heat import blend, pack_heat, palette, upsample
from dff_widgets.images import encode_tile
from dff_widgets.widgets.gallery import Gallery

TILE = 64


@pytest.fixture
def maps() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((3, 4, 6)), rng.random((3, 5, 3))]


@pytest.fixture
def photos() -> dff.ImageSet:
    rng = np.random.default_rng(1)
    coarse = [Image.fromarray(rng.integers(0, 256, s, dtype=np.uint8)) for s in [(4, 6, 3), (5, 4, 3)]]
    sizes = [(TILE, 40), (48, TILE)]
    return dff.ImageSet.from_arrays(
        np.asarray(image.resize(size, Image.Resampling.BICUBIC)) for image, size in zip(coarse, sizes, strict=True)
    )


@pytest.fixture
def gallery(maps, photos) -> Gallery:
    heat, grids = pack_heat(maps)
    return Gallery(
        tiles=[encode_tile(photos, i) for i in range(2)],
        captions=["one", "<b>two</b>"],
        heat=heat,
        grids=grids,
        colors=palette(3),
        names=["a", "b", "<i>c</i>"],
        shares=[0.5, 0.3, 0.2],
        gains=[1.0, 1.5, 1.0],
        opacity=[0.7, 0.4, 1.0],
        visible=[True, True, True],
        tile_size=TILE,
    )


def pixels(page, nth: int) -> np.ndarray:
    width, height, values = page.evaluate(
        """(n) => {const c = document.querySelectorAll('.dffw canvas')[n];
        return [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]];}""",
        nth,
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def sent(page) -> int:
    return page.evaluate("model.saved")


def test_the_browser_paints_what_blend_computes(blank, gallery, maps, photos) -> None:
    page = blank(gallery)
    for i in range(2):
        got = pixels(page, i)
        gains = np.array(gallery.gains)[:, None, None]
        want = blend(photos[i], upsample((maps[i] * gains).clip(0, 1), got.shape[:2]), gallery.colors, gallery.opacity)
        assert got.shape == want.shape
        # JPEG, 8-bit alphas and Chromium's fixed-point interpolation each cost a few levels.
        assert np.abs(got.astype(int) - want).mean() < 4
        assert np.percentile(np.abs(got.astype(int) - want), 99) < 24


def test_hiding_all_factors_leaves_the_photo(blank, gallery, photos) -> None:
    page = blank(gallery)
    for j in range(3):
        page.get_by_label(f"Show {gallery.names[j]}", exact=True).uncheck()
    assert np.abs(pixels(page, 0).astype(int) - photos[0]).mean() < 3
    assert page.evaluate("model.get('visible')") == [False, False, False]
    assert sent(page) == 3


def test_a_drag_draws_at_once_and_sends_one_message_on_release(blank, gallery) -> None:
    page = blank(gallery)
    before = pixels(page, 0)
    frames = page.evaluate("+document.querySelector('.dffw').dataset.frames")
    box = page.get_by_label("Opacity of a", exact=True).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2, steps=10)
    assert sent(page) == 0
    assert page.evaluate("+document.querySelector('.dffw').dataset.frames") >= frames + 5
    assert np.abs(pixels(page, 0).astype(int) - before).mean() > 3
    page.mouse.up()
    assert sent(page) == 1
    assert page.evaluate("model.get('opacity')[0]") < 0.1


def test_new_heat_with_another_k_is_drawn(blank, gallery, maps) -> None:
    page = blank(gallery)
    before = pixels(page, 0)
    page.evaluate("model.set({colors: [], names: [], shares: [], opacity: [], visible: [], gains: []})")
    page.wait_for_function("document.querySelectorAll('.dffw-row').length === 0")
    assert np.abs(pixels(page, 0).astype(int) - before).mean() > 3


def test_pointing_reads_the_factors_and_a_click_selects_the_strongest(blank, gallery, maps) -> None:
    page = blank(gallery)
    canvas = page.locator(".dffw canvas").first
    box = canvas.bounding_box()
    # the centre of cell (1, 2) of the 4 x 6 grid
    at = {"x": box["width"] * 2.5 / 6, "y": box["height"] * 1.5 / 4}
    canvas.hover(position=at)
    read = page.locator(".dffw-readout span").all_inner_texts()
    values, names = maps[0][:, 1, 2], page.evaluate("model.get('names')")
    dominant = int(values.argmax())
    assert [float(v) for v in read] == pytest.approx(values, abs=0.05)
    readout = page.locator(".dffw-readout")
    assert readout.locator("strong").inner_text() == names[dominant]
    assert page.locator(".dffw-readout .dffw-dominant").inner_text() == read[dominant]
    canvas.click(position=at)
    assert page.evaluate("model.get('selected')") == dominant
    assert page.locator(".dffw-selected").count() == 1
    page.evaluate("model.set('visible', model.get('visible').map(() => false))")
    canvas.hover(position={"x": 1, "y": 1})
    assert readout.locator("strong").inner_text() == "no factor shown here"
    for tile in page.locator(".dffw canvas").all():
        box, whole = tile.bounding_box(), page.locator(".dffw").bounding_box()
        for x, y in [(2, 2), (box["width"] - 2, box["height"] - 2)]:
            tile.hover(position={"x": x, "y": y})
            at = readout.bounding_box()
            assert at["x"] >= whole["x"]
            assert at["x"] + at["width"] <= whole["x"] + whole["width"]
            assert not at["x"] <= box["x"] + x <= at["x"] + at["width"] or not (
                at["y"] <= box["y"] + y <= at["y"] + at["height"]
            )
    page.get_by_label("Opacity of a", exact=True).hover()
    assert not readout.is_visible()


def test_keys_select_and_hide(blank, gallery) -> None:
    page = blank(gallery)
    page.get_by_label("Opacity of a", exact=True).focus()
    page.keyboard.press("2")
    assert page.evaluate("model.get('selected')") == 2
    page.keyboard.press("v")
    assert page.evaluate("model.get('visible')") == [True, True, False]
    page.keyboard.press("7")
    assert page.evaluate("model.get('selected')") == 2
    page.keyboard.press("Escape")
    assert page.evaluate("model.get('selected')") == -1


def test_what_the_kernel_sets_moves_the_controls(blank, gallery) -> None:
    page = blank(gallery)
    page.evaluate("model.set({opacity: [0, 0.5, 1], visible: [false, true, true], tile_size: 100})")
    page.wait_for_function("document.querySelector('.dffw-row input[type=range]').value === '0'")
    assert not page.get_by_label("Show a", exact=True).is_checked()
    assert page.locator(".dffw canvas").first.bounding_box()["width"] == pytest.approx(100)


def test_names_and_captions_are_text(blank, gallery) -> None:
    page = blank(gallery)
    assert page.locator(".dffw b, .dffw-row span i").count() == 0
    assert page.locator("figcaption").nth(1).inner_text() == "<b>two</b>"


def test_every_control_has_a_name_and_keeps_its_keys(blank, gallery) -> None:
    page = blank(gallery)
    nameless = page.evaluate(
        """[...document.querySelectorAll('.dffw :is(input, canvas)')].filter(e => !e.ariaLabel).length"""
    )
    assert nameless == 0
    page.get_by_label("Opacity of b", exact=True).focus()
    assert page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"


def test_disposing_leaves_no_listener(blank, gallery) -> None:
    page = blank(gallery)
    assert page.evaluate("model.listeners()") > 0
    page.evaluate("dispose()")
    assert page.evaluate("model.listeners()") == 0


def test_the_number_of_a_factor_is_whole_while_names_are_given(blank, gallery) -> None:
    page = blank(gallery)
    page.evaluate(
        """() => {const many = (value) => Array(12).fill(value); model.set({labelling: true, labels: many([]),
        coverage: [], coverage_parts: [], names: many("a"), colors: many("#888888"), shares: many(0.1),
        opacity: many(1), visible: many(true), gains: many(1)});}"""
    )
    last = page.locator(".dffw-name span").last
    page.wait_for_function("document.querySelectorAll('.dffw-row').length === 12")
    assert last.inner_text() == "11"
    assert last.evaluate("e => e.scrollWidth <= e.clientWidth")
