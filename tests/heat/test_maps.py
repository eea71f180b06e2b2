import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import dff_widgets.heat.maps as heat_maps
import dff_widgets.heat.maps as module
from dff_widgets.heat import binarise, blend, fold, normalise, palette, percentiles, unfold, upsample

seeded = settings(derandomize=True, deadline=None)
sides = st.integers(1, 9)
grids = st.lists(st.tuples(sides, sides), min_size=1, max_size=4)


# ---------------------------------------------------------------------------------------------------------- folding
@seeded
@given(grids, st.integers(1, 4))
def test_fold_puts_each_row_where_it_came_from(shapes, k):
    H = np.arange(sum(h * w for h, w in shapes) * k).reshape(-1, k)
    maps = fold(H, shapes)
    row = 0
    for (h, w), m in zip(shapes, maps, strict=True):  # slow twin
        assert m.shape == (k, h, w)
        for y in range(h):
            for x in range(w):
                assert np.array_equal(m[:, y, x], H[row])
                row += 1
    assert row == len(H)
    assert np.array_equal(unfold(maps), H)


def test_fold_gives_views_and_refuses_other_rows():
    H = np.zeros((10, 3))
    assert all(np.shares_memory(m, H) for m in fold(H, [(2, 3), (4, 1)]))
    assert fold(np.zeros((0, 3)), []) == []
    with pytest.raises(ValueError, match=r"H is \(10, 3\); the shapes of 2 images need \(11, k\)"):
        fold(H, [(2, 3), (5, 1)])
    with pytest.raises(ValueError, match=r"H is \(10,\)"):
        fold(np.zeros(10), [(2, 5)])


@seeded
@given(arrays(np.float32, (7, 3), elements=st.floats(-2, 100, width=32)))
def test_normalise_divides_by_the_largest_of_the_set(H):
    before = H.copy()
    found = normalise(H)
    assert np.array_equal(H, before)
    assert found.dtype == np.float32
    assert found.min() >= 0
    for f in range(3):
        largest = H[:, f].max()
        assert found[:, f].max() == pytest.approx(1 if largest > 1e-37 else 0, abs=1e-6 if largest > 1e-37 else 1)
        if largest > 1e-30:
            assert np.allclose(found[:, f], np.maximum(H[:, f], 0) / largest)


def test_an_empty_factor_stays_zero():
    assert not normalise(np.zeros((4, 2))).any()


# -------------------------------------------------------------------------------------------------------- upsampling
@seeded
@given(sides, sides, st.integers(1, 40), st.integers(1, 40), st.integers(1, 3))
def test_upsample_is_torchs_bilinear(h, w, height, width, k):
    maps = np.random.default_rng(h * w).random((k, h, w), dtype=np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], (height, width), mode="bilinear", align_corners=False
    )[0].numpy()
    assert np.allclose(upsample(maps, (height, width)), expected, atol=1e-5)


def at_position(m, y, x):
    """Bilinear interpolation of m (h, w) at one place, clamped at the border."""
    y, x = np.clip(y, 0, m.shape[0] - 1), np.clip(x, 0, m.shape[1] - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, m.shape[0] - 1), min(left + 1, m.shape[1] - 1)
    v, u = y - top, x - left
    above = (1 - u) * m[top, left] + u * m[top, right]
    below = (1 - u) * m[bottom, left] + u * m[bottom, right]
    return (1 - v) * above + v * below


@pytest.mark.parametrize(("grid", "shape"), [((3, 5), (17, 11)), ((1, 4), (6, 9)), ((7, 2), (7, 2)), ((6, 5), (2, 3))])
def test_upsample_pixel_by_pixel(grid, shape):
    m = np.random.default_rng(0).random(grid)
    found = upsample(m[None], shape)[0]
    assert found.dtype == np.float32
    for y in range(shape[0]):
        for x in range(shape[1]):
            expected = at_position(m, (y + 0.5) * grid[0] / shape[0] - 0.5, (x + 0.5) * grid[1] / shape[1] - 0.5)
            assert found[y, x] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("alone", [0, 2 * 7 * 16, 5 * 7 * 24, 10**9])
def test_pieces_of_any_size_make_the_same_maps(alone, monkeypatch):
    maps = np.random.default_rng(0).random((3, 5, 7), dtype=np.float32)
    whole = upsample(maps, (103, 61))
    monkeypatch.setattr(module, "_ALONE", alone)
    np.testing.assert_allclose(upsample(maps, (103, 61)), whole, atol=1e-6)
    np.testing.assert_allclose(upsample(maps[None, :, ::2, ::-1], (50, 90))[0], upsample(maps[:, ::2, ::-1], (50, 90)))


# -------------------------------------------------------------------------------------------------------- thresholds
@seeded
@given(grids, st.integers(1, 3), st.floats(0, 100))
def test_percentiles_are_those_of_all_entries_of_a_factor(shapes, k, q):
    rng = np.random.default_rng(len(shapes))
    maps = [rng.random((k, h, w), dtype=np.float32) ** 4 for h, w in shapes]
    expected = [np.percentile(np.concatenate([m[f].ravel() for m in maps]).astype(np.float64), q) for f in range(k)]
    assert np.array_equal(percentiles(lambda: iter(maps), q), np.array(expected, dtype=np.float32))


@pytest.mark.parametrize("q", [0, 10, 75, 99.9, 100])
@pytest.mark.parametrize("kind", ["ties", "mostly zero", "constant", "sorted", "an unlucky sample"])
def test_percentiles_of_many_entries(kind, q):
    n = 50_000
    values = np.random.default_rng(2).random((5, n // 5)).astype(np.float32)
    values = {
        "ties": values.round(1),
        "mostly zero": np.maximum(values - 0.8, 0),
        "constant": np.full_like(values, 0.25),
        "sorted": np.sort(values, axis=None).reshape(values.shape),
        "an unlucky sample": np.where(np.arange(n).reshape(values.shape) % 3 == 0, values, values + 5),
    }[kind] / 8
    expected = np.float32(np.percentile(values.astype(np.float64), q))
    assert percentiles(lambda: iter([values[None]]), q)[0] == expected


@pytest.mark.parametrize("q", [0, 12.5, 50, 75, 99, 100])
def test_large_sets_take_the_percentile_from_a_histogram(monkeypatch, q):
    rng = np.random.default_rng(1)
    maps = [rng.random((2, h, 30), dtype=np.float32) ** 3 * [[[1]], [[0.01]]] for h in (40, 50)]
    exact = percentiles(lambda: iter(maps), q)
    monkeypatch.setattr(heat_maps, "_EXACT_ENTRIES", 100)
    found = percentiles(lambda: iter(maps), q)
    assert found.dtype == exact.dtype == np.float32
    for f in range(2):
        entries = np.sort(np.concatenate([m[f].ravel() for m in maps]))
        below = entries[int(q / 100 * (len(entries) - 1))]
        assert found[f] == pytest.approx(below, abs=1.01 / 65535)
    assert np.allclose(found, exact, atol=2e-3)


@pytest.mark.parametrize("q", [-1, 100.5, float("nan")])
def test_a_percentile_is_in_0_to_100(q):
    with pytest.raises(ValueError, match=r"percentile is .*; give a number from 0 to 100"):
        percentiles(lambda: iter([np.zeros((1, 2, 2))]), q)


def test_a_mask_holds_the_threshold_itself_but_never_a_zero():
    maps = np.array([[[0.0, 0.2, 0.5]], [[0.0, 0.0, 0.1]]])
    found = binarise(maps, np.array([0.2, 0.0]))
    assert found.dtype == bool
    assert found.tolist() == [[[False, True, True]], [[False, False, True]]]


# ------------------------------------------------------------------------------------------------------------ colour
def test_the_palette_begins_with_okabe_and_ito_and_does_not_repeat():
    assert palette(3) == ["#E69F00", "#56B4E9", "#009E73"]
    assert palette(0) == []
    colors = palette(64)
    assert len(set(colors)) == len(colors) == 64
    assert colors[:8] == palette(8)
    assert all(len(c) == 7 and int(c[1:], 16) >= 0 for c in colors)


@pytest.mark.parametrize("opacity", [0.7, 0.0, 1.0, [0.2, 1.0, 0.5]])
def test_blend_pixel_by_pixel(opacity):
    rng = np.random.default_rng(2)
    image, maps = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8), rng.random((3, 4, 5))
    maps[0, 0, 0] = np.nan
    before, colors = (image.copy(), maps.copy()), palette(3)
    found = blend(image, maps, colors, opacity)
    opacities = opacity if isinstance(opacity, list) else [opacity] * 3
    for y in range(4):
        for x in range(5):
            pixel = [float(v) for v in image[y, x]]
            for m, color, o in zip(maps, colors, opacities, strict=True):
                alpha = 0.0 if np.isnan(m[y, x]) else m[y, x] * o
                paint = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
                pixel = [(1 - alpha) * p + alpha * c for p, c in zip(pixel, paint, strict=True)]
            assert np.abs(found[y, x] - np.array(pixel)).max() <= 0.51
    assert found.dtype == np.uint8
    assert np.array_equal(image, before[0])
    assert np.array_equal(maps, before[1], equal_nan=True)


@pytest.mark.parametrize(
    ("maps", "colors", "message"),
    [
        (np.zeros((1, 5, 4)), ["#112233"], r"maps is \(1, 5, 4\); an image of \(4, 5, 3\) needs \(k, 4, 5\)"),
        (np.zeros((1, 4, 5)), ["red"], "colors holds 'red'; give '#RRGGBB'"),
        (np.zeros((2, 4, 5)), ["#112233"], "shorter|longer"),
    ],
)
def test_blend_says_what_does_not_fit(maps, colors, message):
    with pytest.raises(ValueError, match=message):
        blend(np.zeros((4, 5, 3), dtype=np.uint8), maps, colors)
