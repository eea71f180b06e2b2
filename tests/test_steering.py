"""Steering a result: what a person does to factors, from images to heat maps."""

import numpy as np
import pytest

import dff_widgets as dff
from tests.explore.conftest import network, photos


@pytest.fixture(scope="module")
def net():
    return dff.load_network(network())


@pytest.fixture(scope="module")
def activations(net):
    return dff.extract(net, photos(), size=64)


@pytest.fixture
def result(net):
    return dff.DeepFeatureFactorization(k=3, network=net, size=64).fit(photos())


def error_of(result, activations):
    fac = result.factorization
    return np.linalg.norm(activations.matrix - fac.H @ fac.W) / np.linalg.norm(activations.matrix)


def test_split_merge_and_drop_give_results_of_the_same_images(result, activations):
    more = result.split(0, activations=activations)
    less = more.merge(0, 1, activations=activations)
    two = result.drop(1, activations=activations)
    for steered, k in ((more, 4), (less, 3), (two, 2)):
        assert steered.k == k
        assert steered.images is result.images
        assert steered.heatmaps(0).shape == (k, *result.sizes[0])
        assert steered.factorization.error == pytest.approx(error_of(steered, activations), abs=1e-3)
    assert result.k == 3
    np.testing.assert_array_equal(two.factorization.W, result.factorization.W[[0, 2]])


def test_without_activations_the_images_go_through_the_network_again(result, net, activations):
    again, given = result.split(1, network=net), result.split(1, activations=activations)
    np.testing.assert_allclose(again.factorization.W, given.factorization.W, atol=1e-5)


def test_a_sketch_does_as_well(result, activations):
    sketch = dff.Sketch(activations.matrix, max_k=1)
    np.testing.assert_allclose(
        result.split(0, activations=sketch).factorization.W,
        result.split(0, activations=activations).factorization.W,
        atol=1e-4,
    )


def test_an_anchor_adds_a_factor_that_is_strong_where_it_was_pointed(result, activations):
    h, w = result.sizes[1]
    point = (1, h * 0.6, w * 0.3)
    steered = result.anchor([point], weight=1, activations=activations)
    assert steered.k == 4
    gh, gw = result.shapes[1]
    row = sum(a * b for a, b in result.shapes[:1]) + int(0.6 * gh) * gw + int(0.3 * gw)
    np.testing.assert_allclose(steered.factorization.W[3], activations.matrix[row], atol=1e-6)


def test_what_a_counter_example_shares_is_taken_away(result, activations):
    inside, outside = (0, 5.0, 5.0), (0, 40.0, 60.0)
    plain = result.anchor([inside], weight=1, activations=activations).factorization.W[3]
    less = result.anchor([inside], against=[outside], weight=1, activations=activations).factorization.W[3]
    gh, gw = result.shapes[0]
    H, W = result.sizes[0]
    other = activations.matrix[int(40 * gh / H) * gw + int(60 * gw / W)]
    assert less @ other < plain @ other
    assert less.min() >= 0


def test_a_factor_of_ones_own_is_held_to_an_example(result, activations):
    steered = result.anchor([(0, 5, 5)], factor=1, weight=0.9, activations=activations)
    assert steered.k == 3
    target = activations.matrix[0]

    def cosine(W):
        return W[1] @ target / (np.linalg.norm(W[1]) * np.linalg.norm(target))

    assert cosine(steered.factorization.W) > cosine(result.factorization.W)


def test_locked_factors_stay_through_all_that_follows(result, activations, tmp_path):
    locked = result.lock(2)
    assert locked.locked == (2,)
    kept = result.factorization.W[2]
    grown = locked.refit(k=5, activations=activations)
    np.testing.assert_array_equal(grown.factorization.W[2], kept)
    split = locked.split(0, activations=activations)
    assert split.locked == (3,)
    np.testing.assert_array_equal(split.factorization.W[3], kept)
    anchored = split.anchor([(1, 3, 3)], activations=activations)
    np.testing.assert_array_equal(anchored.factorization.W[3], kept)
    assert anchored.drop(0, activations=activations).locked == (2,)
    assert locked.reorder([2, 0, 1]).locked == (0,)
    split.save(tmp_path / "r.dff")
    assert dff.DFFResult.load(tmp_path / "r.dff").locked == (3,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda r, a: r.split(7, activations=a), "there is no factor 7"),
        (lambda r, a: r.merge(0, 0, activations=a), "merged with itself"),
        (lambda r, a: r.lock(3), "there is no factor 3"),
        (lambda r, a: r.anchor([], activations=a), "no point to go by"),
        (lambda r, a: r.anchor([(9, 0, 0)], activations=a), "there is no image 9"),
        (lambda r, a: r.anchor([(0, -1, 0)], activations=a), "outside of image 0"),
        (lambda r, a: r.anchor([(0, 0, 0)], against=[(0, 0, 0)], activations=a), "tells nothing of these points"),
        (lambda r, a: r.split(0, activations=a.matrix[:5]), "this result is of"),
    ],
)
def test_what_cannot_be_is_one_sentence(result, activations, call, words):
    with pytest.raises(ValueError, match=words):
        call(result, activations)
