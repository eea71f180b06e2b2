import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import dff_widgets as dff
from dff_widgets import figures
from dff_widgets.factorization import Factorization
from dff_widgets.images import ImageSet
from dff_widgets.inspection import Patch, crop, spectrum, top_patches
from dff_widgets.inspection.classes import ClassScore

SHAPES = ((4, 7), (5, 3), (6, 6))
SIZES = ((40, 77), (60, 31), (48, 48))


def result_of(H, shapes=SHAPES, sizes=SIZES, W=None):
    """Of images whose files are not there: what decodes one fails."""
    images = ImageSet(tuple(b"" for _ in shapes), tuple(f"image {i}" for i in range(len(shapes))))
    H = np.asarray(H, dtype=np.float32)
    W = np.ones((H.shape[1], 5), dtype=np.float32) if W is None else np.asarray(W)
    return dff.DFFResult(Factorization(H, W, 0.1, 1, True), images, shapes, sizes, "toy", "layer", 64)


def random_result(seed, shapes=SHAPES, sizes=SIZES, k=2):
    rng = np.random.default_rng(seed)
    return result_of(np.maximum(rng.normal(size=(sum(h * w for h, w in shapes), k)), 0) ** 2, shapes, sizes)


def pixels(patch):
    x0, y0, x1, y1 = patch.box
    return {(patch.image, x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)}


def test_patches_as_one_would_look_for_them_by_hand():
    for seed in range(5):
        result = random_result(seed)
        H = result.factorization.H[:, 1]
        places, row = [], 0
        for i, ((h, w), (height, width)) in enumerate(zip(SHAPES, SIZES, strict=True)):
            side = round(2 * ((height / h) * (width / w)) ** 0.5)
            for y in range(h):
                for x in range(w):
                    left = min(max(round((x + 0.5) * width / w - side / 2), 0), width - side)
                    top = min(max(round((y + 0.5) * height / h - side / 2), 0), height - side)
                    box = (left, top, left + side - 1, top + side - 1)
                    places.append(Patch(i, box, float(H[row] / H.max())))
                    row += 1
        want, covered = [], set()
        while len(want) < 8:
            free = [p for p in places if p.strength > 0 and not pixels(p) & covered]
            if not free:
                break
            shown = [p.image for p in want]
            best = max(free, key=lambda p: p.strength * 0.5 ** shown.count(p.image))
            want.append(best)
            covered |= pixels(best)
        want.sort(key=lambda p: -p.strength)
        got = top_patches(result, 1, 8, size=2)
        assert [(p.image, p.box) for p in got] == [(p.image, p.box) for p in want]
        assert [p.strength for p in got] == pytest.approx([p.strength for p in want])


@settings(max_examples=40, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=5),
    pixels_per_cell=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    n=st.integers(1, 12),
    size=st.floats(0.1, 9),
    seed=st.integers(0, 99),
)
def test_patches_lie_inside_their_images_apart_and_in_order(shapes, pixels_per_cell, n, size, seed):
    sizes = tuple((h * pixels_per_cell[0], w * pixels_per_cell[1]) for h, w in shapes)
    found = top_patches(random_result(seed, tuple(shapes), sizes), 0, n, size=size)
    assert len(found) <= n
    assert [p.strength for p in found] == sorted((p.strength for p in found), reverse=True)
    assert all(0 < p.strength <= 1 for p in found)
    for j, patch in enumerate(found):
        x0, y0, x1, y1 = patch.box
        height, width = sizes[patch.image]
        assert 0 <= x0 <= x1 < width
        assert 0 <= y0 <= y1 < height
        assert x1 - x0 == y1 - y0
        assert not any(pixels(patch) & pixels(other) for other in found[:j])


def test_other_images_come_first_unless_they_are_half_as_strong():
    shapes, sizes = ((1, 8),) * 2, ((10, 80),) * 2
    H = np.zeros((16, 1))
    H[[0, 3, 6], 0] = 1, 0.9, 0.8  # image 0
    H[8 + 4, 0] = 0.46
    found = top_patches(result_of(H, shapes, sizes), 0, 2, size=1)
    assert [p.image for p in found] == [0, 1]
    H[8 + 4, 0] = 0.44
    assert [p.image for p in top_patches(result_of(H, shapes, sizes), 0, 2, size=1)] == [0, 0]
    assert [round(p.strength, 2) for p in top_patches(result_of(H, shapes, sizes), 0, 9, size=1)] == [1, 0.9, 0.8, 0.44]


def test_a_factor_that_is_nowhere_has_no_patches_and_signed_ones_only_above_zero():
    assert top_patches(result_of(np.zeros((28, 1)), SHAPES[:1], SIZES[:1]), 0) == ()
    assert top_patches(result_of(-np.ones((28, 1)), SHAPES[:1], SIZES[:1]), 0) == ()


def test_h_is_not_changed_and_refined_maps_do_not_count():
    result = random_result(3)
    before = result.factorization.H.copy()
    found = top_patches(result, 0)
    np.testing.assert_array_equal(result.factorization.H, before)
    maps = tuple(np.zeros((2, *size), dtype=np.float16) for size in SIZES)
    refined = dff.DFFResult(result.factorization, result.images, SHAPES, SIZES, "toy", "layer", 64, (), maps)
    assert top_patches(refined, 0) == found


def test_a_crop_is_the_pixels_of_the_box():
    rng = np.random.default_rng(0)
    images = ImageSet.from_arrays([rng.integers(0, 256, (30, 50, 3), dtype=np.uint8)])
    patch = Patch(0, (10, 5, 29, 24), 1.0)
    np.testing.assert_array_equal(np.asarray(crop(images, patch)), images[0][5:25, 10:30])
    np.testing.assert_array_equal(np.asarray(crop(images, patch, 40)), images[0][5:25, 10:30])


def test_a_small_crop_of_a_large_file_shows_the_same_place():
    large = np.zeros((600, 900, 3), dtype=np.uint8)
    large[200:400, 500:700] = 255
    buffer = io.BytesIO()
    Image.fromarray(large).save(buffer, "JPEG")
    small = np.asarray(crop(ImageSet((buffer.getvalue(),), ("x",)), Patch(0, (400, 100, 799, 499), 1.0), 40))
    assert small.shape == (40, 40, 3)
    assert (small[12:28, 12:28] > 230).all()
    assert (small[:8] < 25).all()
    assert (small[:, 32:] < 25).all()


def test_the_spectrum_by_hand():
    W = np.array([[1.0, 4, 0, 5], [2, 1, 1, 0], [0, 0, 9, 1]])
    result = result_of(np.ones((28, 3)), SHAPES[:1], SIZES[:1], W)
    found = spectrum(result, 0, 3)
    assert [c.channel for c in found] == [3, 1, 0]
    assert [c.share for c in found] == pytest.approx([0.5, 0.4, 0.1])
    assert [c.others for c in found] == pytest.approx([0.1, 0.25, 0.5])
    apart = spectrum(result, 0, distinct=True)
    assert [c.channel for c in apart] == [3, 1, 0, 2]
    assert sum(c.share for c in apart) == pytest.approx(1)
    assert [c.channel for c in spectrum(result, 1, 2)] == [0, 1]  # equal ones by index


def test_the_spectrum_of_a_lone_and_of_a_signed_factor():
    alone = spectrum(result_of(np.ones((28, 1)), SHAPES[:1], SIZES[:1], [[1.0, -3.0]]), 0)
    assert [(c.channel, c.share, c.others) for c in alone] == [(1, -0.75, 0.0), (0, 0.25, 0.0)]
    empty = spectrum(result_of(np.ones((28, 1)), SHAPES[:1], SIZES[:1], [[0.0, 0.0]]), 0)
    assert [c.share for c in empty] == [0, 0]


def test_what_is_wrong_is_said():
    result = random_result(0)
    for look in (top_patches, spectrum):
        for factor in (2, -1):
            with pytest.raises(ValueError, match=rf"factor is {factor}; this result has factors 0\.\.1"):
                look(result, factor)
        with pytest.raises(ValueError, match="n is 0"):
            look(result, 0, 0)
    with pytest.raises(ValueError, match=r"size 0"):
        top_patches(result, 0, size=0)


def test_the_figure_shows_patches_channels_and_classes():
    rng = np.random.default_rng(0)
    images = ImageSet.from_arrays(rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES)
    W = rng.random((2, 9))
    result = dff.DFFResult(
        Factorization(rng.random((79, 2), dtype=np.float32), W, 0.1, 1, True), images, SHAPES, SIZES, "toy", "layer", 64
    )
    scores = [ClassScore(4, "zebra", 9.0, 0.9), ClassScore(2, "sock", 3.0, 0.1)]
    figure = figures.closeup(result, 1, classes=scores, label="stripes", color="#0072B2", patches=4, channels=5)
    *patches, channels, classes = figure.axes
    found = top_patches(result, 1, 4)
    assert len(patches) == 4
    for axes, patch in zip(patches, found, strict=False):
        np.testing.assert_array_equal(axes.images[0].get_array(), np.asarray(crop(images, patch)))
        assert axes.get_title() == f"{100 * patch.strength:.0f} %"
    want = spectrum(result, 1, 5)
    assert [bar.get_height() for bar in channels.patches] == pytest.approx([100 * c.share for c in want])
    assert [text.get_text() for text in channels.get_xticklabels()] == [str(c.channel) for c in want]
    assert [bar.get_width() for bar in classes.patches] == [9, 3]
    assert figure.get_suptitle() == "stripes"
    figure.canvas.draw()
    assert len(figures.closeup(result, 0, patches=30).axes) == 31  # fewer are found; no classes
    with pytest.raises(ValueError, match="factor is 2"):
        figures.closeup(result, 2)
