import dataclasses

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.dff import factorize
from dff_widgets.extraction import Activations
from dff_widgets.factorization import Factorization, Sketch
from dff_widgets.images import ImageSet
from dff_widgets.networks import Layer


def planted(seed=0, n=6, noise=0.0):
    """Three factors that do not overlap, in every image; H != W != C."""
    rng = np.random.default_rng(seed)
    W = np.kron(np.eye(3), np.ones(4)) * rng.uniform(0.5, 1, (3, 12))
    H = np.eye(3)[rng.integers(0, 3, n * 20)] * rng.uniform(0.5, 1, (n * 20, 1))
    A = (H @ W + noise * rng.uniform(size=(len(H), 12))).astype(np.float32)
    images = ImageSet.from_arrays(np.zeros((n, 40, 50, 3), dtype=np.uint8))
    layer = Layer("layer", 12, 10, nonnegative=True)
    return Activations(A, ((4, 5),) * n, ((40, 50),) * n, images, "toy", layer, 40)


def test_factors_that_are_there_are_found_again():
    activations = planted()
    found = dff.stability(factorize(activations, 3, n_init=4), activations, n=3, n_init=4)
    assert found.seeds.shape == (3, 3)
    assert found.halves.shape == (6, 3)
    assert found.by_seed.min() > 0.999
    assert found.by_half.min() > 0.999


def test_a_factor_that_nothing_supports_is_less_stable():
    activations = planted(noise=0.1)
    result = factorize(activations, 3)
    fac, rng = result.factorization, np.random.default_rng(1)
    H, W = fac.H.copy(), fac.W.copy()
    H[:, 1], W[1] = rng.uniform(size=len(H)), rng.uniform(size=12)
    invented = dataclasses.replace(result, factorization=Factorization(H, W, fac.error, 0, True))
    found = dff.stability(invented, activations, n=2)
    assert found.by_seed.argmin() == found.by_half.argmin() == 1
    assert found.by_seed[1] < 0.8 < found.by_seed[[0, 2]].min()


def test_the_order_of_the_factors_does_not_matter_and_a_sketch_will_do():
    activations = planted(noise=0.3)
    result = factorize(activations, 3)
    found = dff.stability(result, activations, n=2)
    turned = dff.stability(result.reorder([2, 0, 1]), activations, n=2, matrix=Sketch(activations.matrix))
    np.testing.assert_allclose(turned.by_seed, found.by_seed[[2, 0, 1]], atol=1e-3)
    np.testing.assert_allclose(turned.by_half, found.by_half[[2, 0, 1]], atol=1e-6)


def test_a_single_image_has_no_halves():
    activations = planted(n=1)
    seen = []
    found = dff.stability(factorize(activations, 2), activations, n=2, progress=lambda *at: seen.append(at))
    assert found.halves.shape == (0, 2)
    assert np.isnan(found.by_half).all()
    assert seen == [(1, 2), (2, 2)]


def test_other_activations_are_refused():
    with pytest.raises(ValueError, match=r"activations are \(40, 12\); the result is of 120 rows"):
        dff.stability(factorize(planted(), 2), planted(n=2))
    with pytest.raises(ValueError, match="n is 0; give how many seeds"):
        dff.stability(factorize(planted(), 2), planted(), n=0)
