import io

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.heat import contrast, pack_heat
from dff_widgets.images import encode_tile
from dff_widgets.widgets.gallery import Gallery


def test_heat_is_cut_from_one_buffer_in_the_order_of_the_tiles() -> None:
    rng = np.random.default_rng(0)
    maps = [rng.random((3, 4, 5)), rng.random((3, 2, 7))]
    heat, grids = pack_heat(maps)
    assert grids == [[4, 5], [2, 7]]
    values = np.frombuffer(heat, np.uint8)
    np.testing.assert_allclose(values[:60].reshape(3, 4, 5) / 255, maps[0], atol=0.5 / 255 + 1e-9)
    np.testing.assert_allclose(values[60:].reshape(3, 2, 7) / 255, maps[1], atol=0.5 / 255 + 1e-9)


def test_heat_that_is_no_number_or_out_of_range_stays_in_range() -> None:
    heat, _ = pack_heat([np.array([[[np.nan, -1.0, 2.0, 0.5]]])])
    assert list(heat) == [0, 0, 255, 128]


def test_contrast_lifts_a_factor_with_one_peak_and_leaves_an_empty_one() -> None:
    peaky = np.full((1, 10, 10), 0.25)
    peaky[0, 0, 0] = 1
    gains = contrast([np.concatenate([peaky, np.zeros((1, 10, 10))])])
    assert gains[0] == pytest.approx(4, rel=0.05)
    assert gains[1] == 1


def test_a_tile_is_a_jpeg_with_the_aspect_of_its_image_and_no_larger_than_needed() -> None:
    images = dff.ImageSet.from_arrays([np.zeros((300, 900, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)])
    assert Image.open(io.BytesIO(encode_tile(images, 0))).size == (400, 133)
    assert Image.open(io.BytesIO(encode_tile(images, 1))).size == (30, 20)


def test_an_image_that_vanished_leaves_a_grey_tile(tmp_path) -> None:
    path = tmp_path / "gone.png"
    Image.new("RGB", (40, 30), "red").save(path)
    images = dff.ImageSet.from_files([path])
    path.unlink()
    tile = Image.open(io.BytesIO(encode_tile(images, 0)))
    assert tile.getpixel((5, 5)) == pytest.approx((136, 136, 136), abs=3)


def test_traits_can_be_observed_without_a_browser() -> None:
    gallery, seen = Gallery(opacity=[0.7, 0.7]), []
    gallery.observe(lambda change: seen.append(change["new"]), "opacity")
    gallery.set_state({"opacity": [0.1, 0.2]})
    gallery.set_state({"opacity": [0.1, 0.2, 0.3], "selected": 2})  # of factors that are no longer there
    assert (seen, gallery.selected) == ([[0.1, 0.2]], -1)
