import numpy as np
import pytest

from dff_widgets.heat import foreground, levels, otsu


def slow_otsu(values):
    """Every split between two neighbours."""
    v = np.sort(np.ravel(values))
    between = [i * (len(v) - i) * (v[:i].mean() - v[i:].mean()) ** 2 for i in range(1, len(v))]
    i = int(np.argmax(between)) + 1
    return v[i - 1], v[i]


@pytest.mark.parametrize("seed", range(5))
def test_otsu_finds_the_best_split(seed):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(0.2, 0.05, 500), rng.normal(0.8, 0.1, 50 + 100 * seed)]).clip(0, 1)
    below, above = slow_otsu(values)
    assert below - 1 / 128 <= otsu(values) <= above + 1 / 128


@pytest.mark.parametrize("scale", [1e-6, 3.0, 1e6])
def test_otsu_follows_the_scale(scale):
    values = np.random.default_rng(0).random(300) ** 3
    assert otsu(scale * values) == pytest.approx(scale * otsu(values), rel=1e-6)


def test_otsu_of_two_values_is_between_them():
    assert 0 < otsu([0, 0, 0, 1]) < 1
    assert 0.3 < otsu([0.3, 0.3, 0.9]) < 0.9


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_otsu_of_one_value_is_it(value):
    assert otsu(np.full((3, 4), value)) == value


@pytest.mark.parametrize("bad", [[], [np.nan, 1], [-1, 1], [np.inf, 0]])
def test_otsu_names_bad_values(bad):
    with pytest.raises(ValueError, match="all finite and at least 0"):
        otsu(bad)


def test_levels_are_each_images_own():
    rng = np.random.default_rng(0)
    maps = [rng.random((1, 5, 7)), 0.01 * rng.random((1, 9, 3))]
    found = levels(maps)
    assert found.shape == (2, 1)
    assert found[0, 0] == otsu(maps[0])
    assert found[1, 0] == otsu(maps[1])  # weak, but one factor is in every image


def test_one_of_several_factors_can_be_absent():
    rng = np.random.default_rng(0)
    maps = [rng.random((2, 5, 7)) for _ in range(6)]
    maps[2][1] *= 0.05
    maps[4][0] = 0
    found = levels(maps)
    assert np.argwhere(np.isinf(found)).tolist() == [[2, 1], [4, 0]]
    assert np.argwhere(np.isinf(levels(maps, everywhere=True))).tolist() == [[4, 0]]  # nothing at all is nowhere


def test_levels_name_bad_maps():
    with pytest.raises(ValueError, match="no maps"):
        levels([])
    with pytest.raises(ValueError, match="image 1"):
        levels([np.ones((2, 3, 3)), np.ones((3, 3, 3))])


def planted(k_object, k_ground, seed=0):
    """An object of some factors in the middle of each image, weaker ones around it, in a random order."""
    rng = np.random.default_rng(seed)
    shapes = [(8, 10), (9, 7), (11, 11)]
    k = k_object + k_ground
    rows = []
    for h, w in shapes:
        middle = np.zeros((h, w), bool)
        middle[h // 4 : -(h // 4), w // 4 : -(w // 4)] = True
        H = np.zeros((h, w, k))
        H[middle, :k_object] = rng.uniform(0.5, 1, (middle.sum(), k_object))
        H[~middle, k_object:] = rng.uniform(0.1, 0.3, ((~middle).sum(), k_ground))
        rows.append(H.reshape(-1, k))
    order = rng.permutation(k)
    W = rng.uniform(0, 1, (k, 12)) + np.eye(k, 12)
    return np.concatenate(rows)[:, order], W[order], shapes, sorted(np.flatnonzero(order < k_object).tolist())


@pytest.mark.parametrize(("k_object", "k_ground"), [(1, 1), (2, 1), (1, 3), (3, 2)])
def test_foreground_finds_the_planted_object(k_object, k_ground):
    H, W, shapes, expected = planted(k_object, k_ground, seed=k_object)
    assert list(foreground(H, W, shapes)) == expected


def test_foreground_ignores_the_scale_between_h_and_w():
    H, W, shapes, expected = planted(2, 2)
    s = np.array([1e-3, 1.0, 50.0, 7.0])
    assert list(foreground(H * s, W / s[:, None], shapes)) == expected


def test_foreground_of_one_factor_and_of_nothing():
    assert foreground(np.random.default_rng(0).random((6, 1)), np.ones((1, 3)), [(2, 3)]) == (0,)
    assert foreground(np.zeros((6, 2)), np.zeros((2, 3)), [(2, 3)]) == (0, 1)
