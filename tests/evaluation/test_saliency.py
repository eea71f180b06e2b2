import numpy as np
import pytest

from dff_widgets.evaluation.saliency import saliency, structure


def e_slowly(binary, mask):
    """Fan et al. 2018, pixel by pixel."""
    if not mask.any():
        enhanced = 1 - binary
    elif mask.all():
        enhanced = binary
    else:
        a, b = binary - binary.mean(), mask - mask.mean()
        enhanced = (2 * a * b / (a**2 + b**2 + 1e-16) + 1) ** 2 / 4
    return enhanced.sum() / (mask.size - 1)


def f_slowly(binary, mask):
    hits = (binary * mask).sum()
    if not hits:
        return 0.0
    precision, recall = hits / binary.sum(), hits / mask.sum()
    return 1.3 * precision * recall / (0.3 * precision + recall)


def s_slowly(heat, mask):
    """Fan et al. 2017."""

    def of(values):
        return 2 * values.mean() / (values.mean() ** 2 + 1 + values.std(ddof=1))

    def ssim(x, y):
        n = x.size - 1
        cov = ((x - x.mean()) * (y - y.mean())).sum() / n
        var = ((x - x.mean()) ** 2).sum() / n + ((y - y.mean()) ** 2).sum() / n
        top, bottom = 4 * x.mean() * y.mean() * cov, (x.mean() ** 2 + y.mean() ** 2) * var
        return top / bottom if top else float(bottom == 0)

    u = mask.mean()
    whole = u * of(heat[mask]) + (1 - u) * of((1 - heat)[~mask])
    centre = np.argwhere(mask).mean(axis=0).round().astype(int) + 1
    y, x = centre
    pieces = [np.s_[:y, :x], np.s_[:y, x:], np.s_[y:, :x], np.s_[y:, x:]]
    regions = sum(heat[p].size / heat.size * ssim(heat[p], mask[p].astype(float)) for p in pieces)
    return max(0, 0.5 * whole + 0.5 * regions)


def photos(n=4):
    rng = np.random.default_rng(0)
    maps, masks = [], []
    for i in range(n):
        shape = (17 + i, 12)
        mask = np.zeros(shape, bool)
        mask[4 : 10 + i, 3:9] = True
        maps.append(np.clip(mask * 0.5 + rng.uniform(0, 0.6, shape), 0, 1))
        masks.append(mask)
    return maps, masks


def test_all_four_agree_with_their_definitions():
    maps, masks = photos()
    found = saliency(maps, masks)
    assert found.images == 4
    assert found.mae == pytest.approx(np.mean([np.abs(m - t).mean() for m, t in zip(maps, masks, strict=True)]))
    assert found.s == pytest.approx(np.mean([s_slowly(m, t) for m, t in zip(maps, masks, strict=True)]), abs=1e-9)
    for slowly, value in ((f_slowly, found.f_max), (e_slowly, found.e_max)):
        curve = [
            np.mean([slowly((np.floor(m * 255) >= t).astype(float), g) for m, g in zip(maps, masks, strict=True)])
            for t in range(256)
        ]
        assert value == pytest.approx(max(curve), abs=1e-9)


def test_the_mask_itself_is_perfect_and_its_opposite_is_not():
    _, masks = photos()
    best = saliency([m.astype(float) for m in masks], masks)
    assert (best.mae, best.f_max, best.e_max) == pytest.approx((0, 1, 1))
    assert best.s == pytest.approx(1, abs=1e-6)
    worst = saliency([1 - m.astype(float) for m in masks], masks)
    assert worst.mae == pytest.approx(1)
    assert worst.s < 0.1


def test_an_image_without_the_object_asks_for_an_empty_map():
    empty = np.zeros((5, 7), bool)
    assert structure(np.full((5, 7), 0.25), empty) == pytest.approx(0.75)
    assert structure(np.full((5, 7), 0.25), ~empty) == pytest.approx(0.25)
    assert saliency([np.zeros((5, 7))], [empty]).e_max == pytest.approx(1)


@pytest.mark.parametrize(
    ("maps", "masks", "sentence"),
    [
        ([], [], "no images"),
        ([np.zeros((2, 3))], [], "masks end after 0 images"),
        ([np.zeros((2, 3))], [np.zeros((3, 2), bool)], r"image 0 is \(2, 3\), its mask \(3, 2\)"),
        ([np.full((2, 3), 1.5)], [np.zeros((2, 3), bool)], "from 1.5 to 1.5; give 0..1"),
        ([np.full((2, 3), np.nan)], [np.zeros((2, 3), bool)], "give 0..1"),
    ],
)
def test_what_cannot_be_is_said(maps, masks, sentence):
    with pytest.raises(ValueError, match=sentence):
        saliency(maps, masks)
