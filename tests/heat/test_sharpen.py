"""The sums, axes and maps of a finer layer, beside slow twins that read as the formulas do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dff_widgets.heat import cell_means
from dff_widgets.heat.discriminant import Sums
from dff_widgets.heat.sharpen import PASSES, Sharpening, carry
from dff_widgets.heat.sharpen import learn as learn_of_factors

RNG = np.random.default_rng(0)


def discriminant_by_hand(F, y, shrinkage):
    """Row by row: the scatter around the two means, weighted by how much a row belongs to each."""
    mu, nu = (F * y[:, None]).sum(0) / y.sum(), (F * (1 - y)[:, None]).sum(0) / (1 - y).sum()
    within = np.zeros((F.shape[1], F.shape[1]))
    for row, share in zip(F, y, strict=True):
        within += share * np.outer(row - mu, row - mu) + (1 - share) * np.outer(row - nu, row - nu)
    within /= len(F)
    v = np.linalg.solve(within + shrinkage * np.trace(within) / len(within) * np.eye(len(within)), mu - nu)
    return np.clip((F - nu) @ v / ((mu - nu) @ v), 0, 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(1, 4), st.sampled_from([0.1, 1.0, 5.0]))
def test_the_discriminants_are_those_of_their_slow_twin(seed, channels, k, shrinkage):
    rng = np.random.default_rng(seed)
    F = (rng.normal(size=(40, channels)) * 10 ** rng.uniform(-2, 2)).astype(np.float32)
    Y = rng.uniform(0.01, 0.99, (40, k)).astype(np.float32)
    sums = Sums(k, channels)
    for part in (slice(0, 13), slice(13, 14), slice(14, 40)):
        sums.add(F[part], Y[part], 1 - Y[part])
    found = sums.discriminants(shrinkage).scores(F)
    for f in range(k):
        expected = discriminant_by_hand(F.astype(np.float64), Y[:, f].astype(np.float64), shrinkage)
        np.testing.assert_allclose(found[:, f], expected, atol=2e-3)


def test_the_means_score_zero_and_one():
    F, y = RNG.normal(size=(50, 6)).astype(np.float32), RNG.uniform(size=(50, 1)).astype(np.float32)
    sums = Sums(1, 6)
    sums.add(F, y, 1 - y)
    mu, nu = (F * y).sum(0) / y.sum(), (F * (1 - y)).sum(0) / (1 - y).sum()
    for axes in (sums.nearest_means(), sums.discriminants()):
        np.testing.assert_allclose(axes.scores(np.stack([nu, mu]))[:, 0], [0, 1], atol=1e-4)


def test_new_examples_among_the_same_positions_need_no_second_scatter():
    F = RNG.normal(size=(30, 5)).astype(np.float32)
    first, second = (RNG.uniform(size=(30, 2)).astype(np.float32) for _ in range(2))
    sums, once = Sums(2, 5), Sums(2, 5)
    sums.add(F, first, 1 - first)
    anew = sums.anew()
    anew.add(F, second, 1 - second)
    once.add(F, second, 1 - second)
    np.testing.assert_allclose(anew.discriminants().directions, once.discriminants().directions, rtol=1e-5)


@pytest.mark.parametrize("inside", [0.0, 1.0])
def test_a_factor_without_examples_or_without_a_rest_has_no_axis(inside):
    sums = Sums(1, 4)
    F = RNG.normal(size=(20, 4)).astype(np.float32)
    sums.add(F, np.full((20, 1), inside, np.float32), np.full((20, 1), 1 - inside, np.float32))
    for axes in (sums.nearest_means(), sums.discriminants()):
        assert not axes.directions.any()
        assert not axes.scores(F).any()


def test_positions_that_are_all_alike_tell_nothing_apart():
    F = np.full((20, 4), 3.7, np.float32)
    y = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
    sums = Sums(1, 4)
    sums.add(F, y, 1 - y)
    assert not sums.nearest_means().scores(F).any()
    assert not sums.discriminants().scores(F).any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 30), st.integers(1, 30))
def test_cell_means_keep_the_mean_of_a_map(h, w, height, width):
    m = np.random.default_rng(h).normal(size=(2, height, width)).astype(np.float32)
    found = cell_means(m, (h, w))
    assert found.shape == (2, h, w)
    if height >= h and width >= w:
        np.testing.assert_allclose(found.mean((1, 2)), m.mean((1, 2)), atol=1e-4)
        if height % h == 0 and width % w == 0:
            blocks = m.reshape(2, h, height // h, w, width // w).mean((2, 4))
            np.testing.assert_allclose(found, blocks, atol=1e-4)


# ------------------------------------------------------------------------------------------------------ a planted set
GRIDS = [(12, 16), (14, 10), (12, 16), (9, 11)]  # of the finer layer, twice the coarse one's, nearly
PLACES = [
    (slice(2, 7), slice(3, 9)),
    (slice(6, 12), slice(2, 7)),
    (slice(1, 6), slice(9, 14)),
    (slice(3, 8), slice(2, 8)),
]


def planted(absent=()):
    """Photos of a red thing on blue, features that know red from blue, and coarse maps that are blurred and shifted."""
    rng = np.random.default_rng(1)
    red, blue = rng.normal(size=(2, 7))
    photos, features, coarse, truth = [], [], [], []
    for i, (grid, place) in enumerate(zip(GRIDS, PLACES, strict=True)):
        inside = np.zeros(grid, bool)
        if i not in absent:
            inside[place] = True
        clean = np.where(inside[..., None], red, blue) + 0.3 * rng.normal(size=(*grid, 7))
        features.append(clean.astype(np.float32))
        large = inside.repeat(4, 0).repeat(4, 1)
        photos.append(np.where(large[..., None], (200, 30, 30), (30, 30, 200)).astype(np.uint8))
        blurred = np.roll(
            cell_means(inside[None].astype(np.float32), (max(1, grid[0] // 2), max(1, grid[1] // 2))), 1, 2
        )
        coarse.append(blurred + 0.02)
        truth.append(inside)
    return photos, features, coarse, truth


def learn(layer, fine, coarse, photo, **options):
    return learn_of_factors(layer, fine, coarse, photo, norms=np.ones(len(coarse[0])), **options)


def passes(features, batch=3, count=None):
    def one():
        if count is not None:
            count.append(1)
        for start in range(0, len(features), batch):
            yield [(i, features[i]) for i in range(start, min(start + batch, len(features)))]

    return one


def shown(photos):
    return lambda i, shape: np.asarray(photos[i][: shape[0], : shape[1]])


def overlap(sharpening, photos, truth):
    """Per image the IoU of the belief with what was planted, and how many positions are inside."""
    found = []
    for i, (photo, inside) in enumerate(zip(photos, truth, strict=True)):
        belief = sharpening.belief(i, photo, photo.shape[:2])
        assert belief.dtype == np.float16
        assert 0 <= belief.min() <= belief.max() <= 1
        mask = cell_means(belief, inside.shape)[0] >= 0.5
        found.append((mask & inside).sum() / max((mask | inside).sum(), 1))
    return found


def test_a_planted_thing_is_found_where_it_is_though_the_coarse_map_is_off():
    photos, features, coarse, truth = planted()
    count = []
    found = learn("fine", passes(features, count=count), coarse, shown(photos), everywhere=True)
    assert len(count) == PASSES
    assert found.layer == "fine"
    assert [m.shape for m in found.maps] == [(1, *grid) for grid in GRIDS]
    assert 0.4 < found.ratio < 0.6
    before = [(cell_means(c, t.shape)[0] >= 0.5) for c, t in zip(coarse, truth, strict=True)]
    before = [(m & t).sum() / (m | t).sum() for m, t in zip(before, truth, strict=True)]
    after = overlap(found, photos, truth)
    assert min(after) > 0.75
    assert np.mean(after) > np.mean(before) + 0.2


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_factor_is_not_invented_in_an_image_without_it(everywhere):
    photos, features, coarse, truth = planted(absent=[2])
    found = learn("fine", passes(features), coarse, shown(photos), everywhere=everywhere)
    assert np.isinf(found.levels[:, 0]).tolist() == [False, False, True, False]
    assert not found.belief(2, photos[2], photos[2].shape[:2]).any()
    assert min(overlap(found, photos, truth)[i] for i in (0, 1, 3)) > 0.75


def test_how_the_images_are_cut_into_batches_changes_nothing():
    photos, features, coarse, _ = planted()
    one, other = (learn("fine", passes(features, batch), coarse, shown(photos), everywhere=True) for batch in (1, 4))
    for a, b in zip(one.maps, other.maps, strict=True):
        np.testing.assert_allclose(a.astype(np.float32), b.astype(np.float32), atol=5e-3)


def test_the_scale_of_the_features_and_of_the_coarse_maps_changes_nothing():
    photos, features, coarse, _ = planted()
    one = learn("fine", passes(features), coarse, shown(photos), everywhere=True)
    large = [100 * f for f in features]
    other = learn("fine", passes(large), [7 * c for c in coarse], shown(photos), everywhere=True)
    for a, b in zip(one.maps, other.maps, strict=True):
        np.testing.assert_allclose(a.astype(np.float32), b.astype(np.float32), atol=5e-3)


def test_factors_are_told_apart_and_keep_to_their_order():
    photos, features, coarse, truth = planted()
    both = [np.concatenate([c, c.max() - c, np.zeros_like(c)]) for c in coarse]  # thing, surroundings, nothing
    found = learn("fine", passes(features), both, shown(photos), everywhere=False)
    assert np.isinf(found.levels[:, 2]).all()
    turned = found.reorder([2, 0, 1])
    for i, photo in enumerate(photos):
        belief = found.belief(i, photo, photo.shape[:2])
        assert not belief[2].any()
        inside = truth[i].repeat(4, 0).repeat(4, 1)
        assert belief[0][inside].mean() > belief[0][~inside].mean() + 0.5
        assert belief[1][inside].mean() < belief[1][~inside].mean() - 0.3
        assert np.array_equal(turned.belief(i, photo, photo.shape[:2]), belief[[2, 0, 1]])
        together = found.belief(i, photo, photo.shape[:2], joint=True).astype(np.float32)
        assert together.sum(0).max() <= 1.01


def test_other_images_are_sharpened_with_what_was_learned():
    photos, features, coarse, truth = planted()
    known = learn("fine", passes(features[:3]), coarse[:3], shown(photos), everywhere=True)
    alone = carry(known, passes(features[3:]), coarse[3:], shown(photos[3:]))
    assert overlap(alone, photos[3:], truth[3:])[0] > 0.8
    again = carry(known, passes(features[:3]), coarse[:3], shown(photos))
    assert all(np.array_equal(a, b) for a, b in zip(again.maps, known.maps, strict=True))
    assert np.array_equal(again.levels, known.levels)


def test_one_image_is_enough_and_a_photo_that_cannot_be_read_is_no_error():
    photos, features, coarse, truth = planted()
    found = learn("fine", passes(features[:1]), coarse[:1], lambda i, shape: None, everywhere=True)
    belief = found.belief(0, None, (48, 64))
    assert belief.shape == (1, 48, 64)
    mask = cell_means(belief, truth[0].shape)[0] >= 0.5
    assert (mask & truth[0]).sum() / (mask | truth[0]).sum() > 0.6
    assert overlap(
        learn("fine", passes(features[:1]), coarse[:1], shown(photos), everywhere=True), photos[:1], truth[:1]
    )


def test_packed_and_unpacked_it_is_the_same_and_damage_is_found():
    photos, features, coarse, _ = planted(absent=[2])
    found = learn("fine", passes(features), coarse, shown(photos), template=np.ones(3, np.float32))
    content, tensors = found.pack()
    again = Sharpening.unpack(content, tensors, 4, 1)
    assert (again.layer, again.ratio) == (found.layer, found.ratio)
    assert all(np.array_equal(a, b) for a, b in zip(again.maps, found.maps, strict=True))
    assert np.array_equal(again.levels, found.levels)
    for wrong in (
        {"sharp/levels": -found.levels},
        {"sharp/map/0": found.maps[0][0]},
        {"sharp/map/1": found.maps[1] * np.float16(np.nan)},
        {"sharp/peaks": np.ones(2)},
        {"sharp/origins": np.ones(1, np.int64)},
    ):
        with pytest.raises(ValueError, match="finer layer"):
            Sharpening.unpack(content, {**tensors, **wrong}, 4, 1)
    with pytest.raises(ValueError, match="ratio"):
        Sharpening.unpack({**content, "ratio": 0}, tensors, 4, 1)
    with pytest.raises(KeyError):
        Sharpening.unpack(content, {}, 4, 1)


def test_a_cancel_ends_the_work():
    photos, features, coarse, _ = planted()
    told = []

    def tick(images):
        told.append(images)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn("fine", passes(features), coarse, shown(photos), tick=tick)
    assert told == [3, 1, 3]
