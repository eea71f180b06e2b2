import dataclasses

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

import dff_widgets as dff
from dff_widgets.dff import factor_tree
from dff_widgets.evaluation.fidelity import fidelity_curve
from dff_widgets.extraction import rest_of
from dff_widgets.factorization import Factorization
from tests.worth_networks import LAYERS, factorized, photos


def exact(activations, result):
    """The result with H = A and W = 1: nothing is lost."""
    A = activations.matrix
    return dataclasses.replace(result, factorization=Factorization(A, np.eye(A.shape[1], dtype=A.dtype), 0.0, 0, True))


@pytest.mark.parametrize("kind", LAYERS)
def test_a_factorization_that_loses_nothing_keeps_everything(kind):
    network, activations, result = factorized(kind)
    found = dff.fidelity(exact(activations, result), network=network)
    assert (found.top1, found.top5, found.images) == (1, 1, 3)
    assert found.kl == pytest.approx(0, abs=1e-7)
    assert found.error == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("kind", LAYERS)
def test_fidelity_agrees_with_a_slow_twin(kind):
    images = photos(7)
    network, activations, result = factorized(kind, images=images)
    found = dff.fidelity(result, network=network, activations=activations)
    with rest_of(result, network) as rest:
        a = rest.scores.double().numpy()
        b = np.stack([rest.run([i], rest.mixed(i, torch.ones(1, 2)))[0].numpy() for i in range(7)]).astype(float)
    kept = [np.argmax(x) == np.argmax(y) for x, y in zip(a, b, strict=True)]
    assert found.top1 == pytest.approx(np.mean(kept))
    assert found.top5 == 1  # there are fewer than five classes
    divergences = [rel_entr(softmax(x), softmax(y)).sum() for x, y in zip(a, b, strict=True)]
    assert found.kl == pytest.approx(np.mean(divergences), rel=1e-3, abs=1e-7)
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    assert found.error == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(a), rel=1e-3)


def test_a_curve_over_k_is_fidelity_at_each_k_and_reports():
    network, activations, _ = factorized("pooled")
    tree, seen = factor_tree(activations, [1, 2, 4]), []
    curve = fidelity_curve(tree.results, network=network, activations=activations, progress=lambda *at: seen.append(at))
    assert [f.k for f in curve] == [1, 2, 4]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    for found, result in zip(curve, tree.results, strict=True):
        one = dff.fidelity(result, network=network, activations=activations)
        assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(one), rel=1e-4)
    with pytest.raises(ValueError, match="give results of the same activations"):
        fidelity_curve([], network=network)
