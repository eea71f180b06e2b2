import numpy as np
import pytest

from dff_widgets.heat import propagate


def slowly(features, image, mask):
    """The formula, position by position; the mask is on the grid."""
    examples = features[image].reshape(-1, features[image].shape[2])
    labels = mask.ravel().astype(float)
    found = []
    for maps in features:
        out = np.zeros(maps.shape[:2])
        for y in range(maps.shape[0]):
            for x in range(maps.shape[1]):
                alike = examples @ maps[y, x]
                nearest = np.argsort(-alike, kind="stable")[: propagate.NEAREST]
                weights = np.exp(alike[nearest] / 0.05)
                out[y, x] = (weights * labels[nearest]).sum() / weights.sum()
        found.append(out)
    return found


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(*size, 9)).astype(np.float32) for size in [(4, 6), (5, 3), (6, 6)]]
    return propagate.unit_rows(maps)


def test_it_is_the_vote_of_the_nearest(features):
    mask = np.zeros((4, 6), dtype=bool)
    mask[1:3, 2:5] = True
    for fast, slow in zip(propagate.propagate(features, {0: mask}), slowly(features, 0, mask), strict=True):
        np.testing.assert_allclose(fast, slow, atol=1e-5)


def test_a_planted_part_is_found_wherever_it_is():
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(3, 20))
    where = [rng.integers(0, 3, (8, 12)) for _ in range(4)]
    coarse = [(parts[w] + rng.normal(0, 0.2, (*w.shape, 20))).astype(np.float32) for w in where]
    found = propagate.propagate(propagate.described([coarse]), {2: where[2] == 1})
    for belief, w in zip(found, where, strict=True):
        assert ((belief >= propagate.SHARE) == (w == 1)).mean() > 0.98


def test_layers_of_several_grids_are_joined_on_the_finest_and_count_the_same():
    rng = np.random.default_rng(0)
    deep = [rng.normal(size=(2, 3, 5)).astype(np.float32) for _ in range(2)]
    fine = [100 * rng.normal(size=(4, 6, 7)).astype(np.float32) for _ in range(2)]
    joined = propagate.described([deep, fine])
    assert [one.shape for one in joined] == [(4, 6, 12)] * 2
    for one in joined:
        np.testing.assert_allclose((one**2).sum(axis=2), 1, rtol=1e-5)
    assert 0.3 < np.mean([(one[..., :5] ** 2).sum(axis=2).mean() for one in joined]) < 0.5  # bilinear shortens


def test_cosines_are_those_of_the_activations(features):
    found = propagate.cosines(features, 1, 0.9, 0.1)
    here = features[1][4, 0]
    for maps, cosines in zip(features, found, strict=True):
        np.testing.assert_allclose(cosines, np.einsum("hwc,c->hw", maps, here), rtol=1e-5)
    assert found[1][4, 0] == pytest.approx(1)
    assert propagate.cosines(features, 1, 1, 1)[1][4, 2] == pytest.approx(1)


def test_a_silent_position_is_like_nothing():
    maps = propagate.unit_rows([np.zeros((2, 2, 3), np.float32)])
    assert (propagate.cosines(maps, 0, 0, 0)[0] == 0).all()
    with np.errstate(all="raise"):
        found = propagate.propagate(maps, {0: np.array([[True, False], [False, False]])})
    assert np.isfinite(found[0]).all()


@pytest.mark.parametrize(
    ("painted", "words"),
    [
        ({}, "nothing is painted to be found"),
        ({0: np.zeros((4, 6), dtype=bool)}, "nothing is painted to be found"),
        ({7: np.ones((4, 6), dtype=bool)}, "there is no image 7; there are 3"),
    ],
)
def test_bad_input_is_one_sentence(features, painted, words):
    with pytest.raises(ValueError, match=words):
        propagate.propagate(features, painted)


@pytest.mark.parametrize("place", [(3, 0.5, 0.5), (0, 1.2, 0.5), (0, 0.5, -0.1)])
def test_a_place_outside_is_refused_in_a_sentence(features, place):
    with pytest.raises(ValueError, match=r"there is no image 3; there are 3|is outside of the image"):
        propagate.cosines(features, *place)
