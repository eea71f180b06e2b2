import dataclasses

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.explore.matching import ALIKE, correlations, likeness, map_likeness, match, same_images


@pytest.fixture
def results(images, net):
    return {
        layer: dff.DeepFeatureFactorization(3, network=net, layer=layer, size=64).fit(images) for layer in ("2", "4")
    }


def slow_correlation(x, y):
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()))


def test_correlations_are_those_of_the_definition_and_never_below_zero():
    rng = np.random.default_rng(0)
    a, b = rng.random((3, 40)), rng.random((4, 40))
    want = [[max(0, slow_correlation(x, y)) for y in b] for x in a]
    np.testing.assert_allclose(correlations(a, b), want, atol=1e-12)
    np.testing.assert_allclose(correlations(a, 5 * a + 2).diagonal(), 1)
    assert correlations(a, -a).diagonal().tolist() == [0, 0, 0]
    assert correlations(np.ones((1, 40)), b).tolist() == [[0, 0, 0, 0]]


def test_a_result_is_like_itself_whatever_its_order(results):
    result = results["4"]
    shuffled = result.reorder([2, 0, 1])
    alike = likeness(result, shuffled)
    assert match(alike, ALIKE) == {0: 1, 1: 2, 2: 0}
    np.testing.assert_allclose(alike[[0, 1, 2], [1, 2, 0]], 1)


def test_of_another_layer_the_maps_are_compared_on_one_grid(results):
    a, b = results["2"], results["4"]
    assert a.shapes != b.shapes
    assert likeness(a, b).shape == (3, 3)
    np.testing.assert_array_equal(likeness(a, b), map_likeness(a, b))
    assert not np.allclose(likeness(a, b), 0)


def test_of_other_images_only_factors_of_one_layer_can_be_compared(results, images, net):
    few = dff.DeepFeatureFactorization(3, network=net, layer="4", size=64).fit(images.subset([0, 1]))
    assert not same_images(results["4"], few)
    W, V = results["4"].factorization.W, few.factorization.W
    np.testing.assert_array_equal(likeness(results["4"], few), correlations(W, V))
    assert not likeness(results["2"], few).any()


def test_a_subset_that_is_made_again_has_the_same_images(results, images):
    same = dataclasses.replace(results["4"], images=images.subset(range(len(images))))
    assert same_images(results["4"], same)


def test_pairs_below_the_least_part_no_better_ones():
    alike = np.array([[0.9, 0.6], [0.8, 0.3]])
    assert match(alike) == {0: 1, 1: 0}  # the highest sum
    assert match(alike, 0.7) == {0: 0}
    assert match(np.zeros((2, 3))) == {}
