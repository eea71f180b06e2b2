import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dff_widgets as dff
from dff_widgets.extraction import rest_of
from dff_widgets.inspection.importance import jansen, sobol_masks
from tests.worth_networks import LAYERS, factorized


def by_hand(network, result, c):
    """Of a linear head behind the mean of all positions: (n, k)."""
    weights = network.module.head[-1].weight.detach().double().numpy()
    along = result.factorization.W @ (weights[c] - weights.mean(axis=0))
    ends = np.cumsum([h * w for h, w in result.shapes])[:-1]
    return np.stack([rows.mean(axis=0) * along for rows in np.split(result.factorization.H.astype(float), ends)])


@pytest.mark.parametrize("method", ["directional", "removal"])
def test_of_a_linear_head_it_is_exact(method):
    network, activations, result = factorized("pooled", k=3)
    found = dff.importance(result, [1, 3], method=method, network=network, activations=activations)
    assert found.values.shape == found.error.shape == (2, 3, 3)
    assert found.classes == (1, 3)
    assert found.names == ("class 1", "class 3")
    for at, c in enumerate(found.classes):
        np.testing.assert_allclose(found.values[at], by_hand(network, result, c), atol=1e-6)
    assert not found.error.any()


@pytest.mark.parametrize("kind", LAYERS)
def test_removal_is_the_fall_of_the_score(kind):
    network, activations, result = factorized(kind)
    found = dff.importance(result, 2, method="removal", network=network)
    with rest_of(result, network, activations=activations) as rest:
        for i in range(len(result)):
            for f in range(2):
                weights = torch.ones(2, 2)
                weights[1, f] = 0
                whole, without = rest.run([i, i], rest.mixed(i, weights))
                fall = (whole[2] - whole.mean()) - (without[2] - without.mean())
                assert found.values[0, i, f] == pytest.approx(float(fall), abs=1e-5)
    assert np.allclose(np.abs(found.share).sum(axis=1), 1)


def test_by_default_the_class_is_that_of_most_images():
    network, activations, result = factorized("flat")
    found = dff.importance(result, network=network, activations=activations, names=["a", "b", "c", "d"])
    with rest_of(result, network) as rest:
        votes = np.bincount(rest.scores.argmax(1).numpy(), minlength=4)
    assert votes[found.classes[0]] == votes.max()
    assert found.names == ("abcd"[found.classes[0]],)


def test_sobol_of_a_linear_head_shares_the_variance_by_squares():
    network, activations, result = factorized("pooled", k=3)
    found = dff.importance(result, 0, method="sobol", network=network, activations=activations, designs=1024)
    square = by_hand(network, result, 0) ** 2
    expected = square / square.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.values[0], expected, atol=0.02)
    assert (found.values >= 0).all()
    again = dff.importance(result, 0, method="sobol", network=network, designs=1024)
    np.testing.assert_allclose(again.values, found.values, atol=1e-4)


def test_jansen_on_a_function_with_interactions():
    """Ishigami's function: its total indices are known."""
    points = sobol_masks(3, 4096, seed=1)
    assert points.shape == (5, 4096, 3)
    assert points.min() >= 0
    assert points.max() <= 1
    x = (2 * points - 1) * np.pi
    found, error = jansen(np.sin(x[..., 0]) + 7 * np.sin(x[..., 1]) ** 2 + 0.1 * x[..., 2] ** 4 * np.sin(x[..., 0]))
    expected = np.array([0.5574, 0.4424, 0.2436])
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert (np.abs(found - expected) < 4 * error).all()
    assert (error > 0).all()


def test_a_function_that_does_not_vary_has_no_importance():
    found, error = jansen(np.full((4, 8), 3.25))
    assert not found.any()
    assert not error.any()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 3))
def test_each_design_changes_one_input_alone(k, power, seed):
    points = sobol_masks(k, 2**power, seed)
    for f in range(k):
        assert np.array_equal(np.delete(points[2 + f], f, axis=1), np.delete(points[0], f, axis=1))
        assert np.array_equal(points[2 + f][:, f], points[1][:, f])


def test_it_can_be_cancelled_and_reports_every_image():
    network, activations, result = factorized("pooled")
    seen = []
    for method in ("directional", "removal", "sobol"):
        dff.importance(
            result, 0, method=method, network=network, activations=activations, progress=lambda *at: seen.append(at)
        )
        assert seen[-1] == (3, 3)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dff.importance(result, 0, method="sobol", network=network, progress=stop)
    assert not any(m._forward_hooks for m in network.module.modules())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"classes": 4}, r"classes is 4; Small has the classes 0\.\.3"),
        ({"classes": []}, r"classes is \[\]"),
        ({"method": "shap"}, "method is 'shap'; give one of directional, sobol, removal"),
        ({"method": "sobol", "designs": 1}, "designs is 1"),
        ({"names": ["a"]}, "names has 1 entries; Small tells 4 classes apart"),
    ],
)
def test_what_cannot_be_is_said(options, sentence):
    network, _, result = factorized("pooled")
    with pytest.raises(ValueError, match=sentence):
        dff.importance(result, network=network, **options)
