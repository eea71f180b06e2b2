import numpy as np
import pytest
import torch
from torch import nn

import dff_widgets as dff
from dff_widgets.factorization import Factorization
from dff_widgets.inspection.classes import NoClassesError, class_names, classes, logits
from tests.small_networks import Small, small, state_of

V = np.array([[0.5, 2, 0, 1, 0, 3], [1, 0, 0, 4, 1, 1]], dtype=np.float32)


def result_of(W, layer, H=None):
    H = np.ones((12, len(W)), dtype=np.float32) if H is None else H
    images = dff.ImageSet.from_arrays([np.zeros((30, 40, 3), dtype=np.uint8)])
    return dff.DFFResult(Factorization(H, W, 0.1, 1, True), images, ((3, 4),), ((30, 40),), "toy", layer, 64)


class Grid7(nn.Module):
    """The head of a VGG: it needs 7 x 7 positions."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 9, stride=8), nn.ReLU())
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(6 * 49, 5))

    def forward(self, x):
        return self.classifier(self.features(x))


class ChannelsLast(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 8, stride=8)
        self.mix = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        return self.head(self.mix(self.stem(x).permute(0, 2, 3, 1)).mean((1, 2)))


class Tokens(nn.Module):
    """Tokens behind a class token, which the class may be read from."""

    def __init__(self, *, by_class_token):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 16, stride=16)
        self.token = nn.Linear(3, 6)
        self.mix = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)
        self.by_class_token = by_class_token

    def forward(self, x):
        tokens = self.stem(x).flatten(2).transpose(1, 2)
        tokens = self.mix(torch.cat([self.token(x.mean((2, 3)))[:, None], tokens], dim=1))
        return self.head(tokens[:, 0] if self.by_class_token else tokens[:, 1:].mean(1))


class Around(nn.Module):
    """A skip connection passes `side` by."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 8, stride=8)
        self.side = nn.Sequential(nn.Conv2d(6, 6, 1), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))

    def forward(self, x):
        stem = self.stem(x)
        return self.head(stem + self.side(stem))


def test_before_a_pooling_the_vectors_meet_the_last_layer_as_they_are():
    module = small()
    network = dff.load_network(module)
    want = module.head[-1](torch.from_numpy(V)).detach().numpy()
    np.testing.assert_allclose(logits(network, V), want, rtol=1e-4, atol=1e-5)


def test_the_positions_a_fully_connected_layer_needs_all_hold_the_vector():
    module = small(Grid7)
    tiled = torch.from_numpy(V)[:, :, None, None].expand(-1, -1, 7, 7)
    want = module.classifier(tiled.contiguous()).detach().numpy()
    np.testing.assert_allclose(logits(dff.load_network(module), V, layer="features"), want, rtol=1e-4, atol=1e-5)


def test_a_middle_layer_goes_through_all_that_follows():
    module = small()
    module.eval()
    maps = torch.from_numpy(V)[:, :, None, None].expand(-1, -1, 112, 112)
    want = module.head(module.block(module.pool(maps.contiguous()))).detach().numpy()
    np.testing.assert_allclose(logits(dff.load_network(module), V, layer="stem"), want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [ChannelsLast, lambda: Tokens(by_class_token=False)])
def test_other_layouts(kind):
    module = small(kind)
    want = module.head(torch.from_numpy(V)).detach().numpy()
    np.testing.assert_allclose(logits(dff.load_network(module), V, layer="mix"), want, rtol=1e-4, atol=1e-4)


def test_a_network_is_left_as_it_was():
    module = small()
    network = dff.load_network(module)
    before = state_of(module)
    logits(network, V)
    with pytest.raises(NoClassesError):
        logits(network, V, layer="block.conv1")
    assert state_of(module) == before


def test_classes_are_scored_at_the_factors_strongest():
    module = small()
    H = np.zeros((12, 2), dtype=np.float32)
    H[3] = 2, 5
    found = classes(result_of(V, "block", H), 1, module, n=9, names=list("abcd"))
    want = module.head[-1](torch.from_numpy(5 * V[1])).detach().numpy()
    order = np.argsort(-want)
    assert [c.index for c in found] == order.tolist()
    assert [c.name for c in found] == ["abcd"[c] for c in order]
    assert [c.score for c in found] == pytest.approx((want - want.mean())[order].tolist(), rel=1e-3)
    assert sum(c.probability for c in found) == pytest.approx(1)
    few = classes(result_of(V, "block", H), 1, module, n=2)
    assert [c.name for c in few] == [f"class {c}" for c in order[:2]]


def test_what_passes_the_layer_by_is_noticed():
    with pytest.raises(NoClassesError, match=r"depend on more than side: .*skip connection"):
        logits(dff.load_network(small(Around)), V, layer="side")
    with pytest.raises(NoClassesError, match="class token"):
        logits(dff.load_network(small(lambda: Tokens(by_class_token=True))), V, layer="mix")


class Features(Small):
    def forward(self, x):
        return self.block(self.pool(self.stem(x)))


class Several(Small):
    def forward(self, x):
        return (super().forward(x), x)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Features, r"Features has no classifier: it gives \(3, 6, \d+, \d+\), not a score per class"),
        (Several, "Several has no classifier: it gives a tuple"),
    ],
)
def test_where_there_is_no_classifier_a_sentence_says_why(kind, sentence):
    with pytest.raises(NoClassesError, match=sentence):
        logits(dff.load_network(small(kind)), V, layer="block")


def test_what_is_wrong_is_said():
    network, result = dff.load_network(small()), result_of(V, "block")
    with pytest.raises(ValueError, match=r"vectors is \(2, 5\); layer block of Small needs \(m, 6\)"):
        logits(network, V[:, :5])
    with pytest.raises(ValueError, match="no layer 'bn7'"):
        logits(network, V, layer="bn7")
    with pytest.raises(ValueError, match=r"factor is 2; .* 0\.\.1"):
        classes(result, 2, network)
    with pytest.raises(ValueError, match="n is 0"):
        classes(result, 0, network, n=0)
    with pytest.raises(ValueError, match="names has 3 entries; Small tells 4 classes apart"):
        classes(result, 0, network, names=list("abc"))


@pytest.fixture(scope="module")
def embedded():
    return dff.load_network()


def test_the_embedded_network_names_its_own_class_of_a_class_vector(embedded):
    weight = embedded.module.classifier.weight.detach().numpy()
    for c, name in ((134, "crane bird"), (340, "zebra")):  # its weights are, as a feature, what a class likes best
        found = classes(result_of(weight[[c]].clip(0), embedded.default_layer), 0, embedded, n=1)
        assert [(one.index, one.name) for one in found] == [(c, name)]


def test_names_are_imagenets_for_the_libraries_networks_alone(embedded):
    assert class_names(embedded.module, 1000)[517] == "crane"
    assert class_names(embedded.module, 7)[6] == "class 6"
    assert len(set(class_names(embedded.module, 21843))) > 10_000
    assert class_names(small(), 1000)[340] == "class 340"
