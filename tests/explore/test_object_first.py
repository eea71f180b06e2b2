"""The object first, then its parts, in the model: as the functions have it, from one extraction."""

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.dff import factorize
from dff_widgets.explore import Inline, Model
from dff_widgets.networks import load_network
from tests.explore.conftest import photos
from tests.small_networks import small


@pytest.fixture
def model():
    made = Model(photos(), network=load_network(small()), size=64, k=2, run=Inline, foresee=False, focus="object")
    yield made
    made.close()


def test_factors_are_of_the_object_alone(model):
    place = model.stack.place
    assert place.focus == "object"
    whole = model.pipeline.known_prepared(place).activations
    expected = factorize(whole, 2, focus="object")
    V, W = (r.factorization.W for r in (model.result, expected))
    cosines = V @ W.T / np.linalg.norm(V, axis=1)[:, None] / np.linalg.norm(W, axis=1)
    assert cosines.max(axis=1).min() > 0.99
    order = cosines.argmax(axis=1)
    for a, b in zip(model.result.masks(threshold="auto"), expected.masks(threshold="auto"), strict=True):
        assert (a != b[order]).mean() < 0.05


def test_one_factor_is_the_object_itself_and_the_whole_is_a_place_of_its_own(model):
    model.ask(k=1)
    object_ = model.result
    model.ask(focus=None)
    assert np.array_equal(model.result.factorization.W, object_.factorization.W)
    model.ask(k=2)
    whole = model.result
    model.ask(focus="object")
    assert not np.allclose(model.result.factorization.H, whole.factorization.H)


def test_a_network_without_a_finer_layer_says_so_and_what_was_there_stays(model):
    import torch
    from torch import nn

    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.only = nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.ReLU())

        def forward(self, x):
            return self.only(x).mean((2, 3))

    with torch.random.fork_rng(devices=[]):
        flat = load_network(small(Flat))
    before = model.result
    model.ask(network=flat, layer="")
    assert "has no layer of stride" in model.error
    assert model.result is before


def test_a_focus_that_is_none_is_refused(model):
    with pytest.raises(ValueError, match="focus is 'subject'"):
        model.ask(focus="subject")
    assert (
        dff.DFFExplorer(photos(), network=load_network(small()), size=64, focus="object", run=Inline).focus == "object"
    )
