"""The quicker copy: the same maps at every layer that it is used for, and the network itself everywhere else."""

import copy

import pytest
import torch
from torch import nn

import dff_widgets.networks.fused as fused
from dff_widgets.networks import EMBEDDED, forward_to, inference, load_network
from tests.small_networks import small, state_of


class Norms(nn.Module):
    """Every habit at once: stride, groups, dilation, biases, no weights, a shared ReLU, a convolution run twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.act1 = nn.ReLU6()
        self.deep = nn.Conv2d(8, 8, 5, padding=4, dilation=2, groups=4)
        self.bn2 = nn.BatchNorm2d(8, affine=False)
        self.relu = nn.ReLU(inplace=True)
        self.twice = nn.Conv2d(8, 8, 1)
        self.bn3, self.bn4 = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 5, 1)
        self.bn5 = nn.BatchNorm2d(5)
        self.act5 = nn.ReLU()

    def forward(self, x):
        x = self.act1(self.bn1(self.stem(x)))
        x = self.relu(x + self.relu(self.bn2(self.deep(x))))
        x = self.bn4(self.twice(self.bn3(self.twice(x))))
        return self.act5(self.bn5(self.last(x)))


def lively(module, seed=0):
    """Batch normalizations with means, variances and weights of every size."""
    g = torch.Generator().manual_seed(seed)
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_(generator=g)
            m.running_var.uniform_(0.2, 3, generator=g)
            if m.affine:
                m.weight.data.uniform_(-1.5, 1.5, generator=g)
                m.bias.data.normal_(generator=g)
    return module.eval()


@pytest.fixture
def norms():
    return lively(small(Norms))


def batch(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def assert_same_maps(module, other, layers, x):
    with inference(module):
        ours, theirs = forward_to(other, layers, x), forward_to(module, layers, x)
    for name in layers:
        span = theirs[name].max() - theirs[name].min()
        assert (ours[name] - theirs[name]).abs().max() <= 1e-4 * span, name


def test_what_is_folded_and_what_stays(norms):
    before = state_of(norms)
    found = fused.fuse(norms, batch(1, 3, 24, 20))
    assert state_of(norms) == before
    kinds = {name: type(m).__name__ for name, m in found.named_children()}
    assert kinds == {
        **dict.fromkeys(("stem", "deep", "last"), "FusedConv"),
        **dict.fromkeys(("bn1", "act1", "bn2", "bn5", "act5"), "Identity"),
        **dict.fromkeys(("bn3", "bn4"), "BatchNorm2d"),
        "twice": "Conv2d",
        "relu": "ReLU",
    }
    assert found.stem.limits == (0, 6)
    assert found.deep.limits is None  # its ReLU stands in another place too
    assert found.twice.weight is norms.twice.weight  # shared
    assert_same_maps(norms, found, ["act1", "bn4", "act5"], batch(2, 3, 33, 47))


def test_without_onednn_it_is_the_same(norms, monkeypatch):
    monkeypatch.setattr(fused, "_ONEDNN", False)
    assert_same_maps(norms, fused.fuse(norms, batch(1, 3, 24, 20)), ["act1", "bn4", "act5"], batch(2, 3, 33, 47))


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("shape", [(64, 96), (65, 96), (64, 97), (67, 99)])  # every parity of the padding
def test_the_embedded_network_at_every_depth_and_parity(shape, onednn, monkeypatch):
    monkeypatch.setattr(fused, "_ONEDNN", onednn)
    module = load_network(EMBEDDED, weights=None).module
    lively(module)
    layers = ["bn1", "blocks.0", "blocks.1.0.bn2", "blocks.2.1", "blocks.4", "blocks.6", "bn2"]
    assert_same_maps(module, fused.fuse(module, batch(1, 3, 64, 64)), layers, batch(2, 3, *shape))


def test_a_layer_that_the_copy_has_not_comes_from_the_network(norms):
    sample = batch(1, 3, 24, 20)
    quick = fused.fused_at(norms, ["act1", "act5"], sample)
    assert quick is not norms
    assert fused.fused_at(norms, ["act5"], sample) is quick  # made once
    for layer in ("stem", "bn1", "deep"):  # before the normalization; before the ReLU
        assert fused.fused_at(norms, [layer], sample) is norms
        assert fused.fused_at(norms, [layer, "act5"], sample) is norms


def test_weights_that_have_changed_make_a_new_copy(norms):
    sample = batch(1, 3, 24, 20)
    before = fused.fused_at(norms, ["act5"], sample)
    with torch.no_grad():
        norms.stem.weight.mul_(2)
    after = fused.fused_at(norms, ["act5"], sample)
    assert after is not before
    assert_same_maps(norms, after, ["act5"], batch(1, 3, 30, 31))


def test_a_copy_that_is_wrong_or_cannot_be_made_is_not_used(norms, monkeypatch):
    sample = batch(1, 3, 24, 20)

    def wrong(module, sample):
        found = copy.deepcopy(module)
        with torch.no_grad():
            found.last.weight.mul_(1.02)
        return found

    def fails(module, sample):
        raise RuntimeError("no copy")

    for fuse in (wrong, fails):
        monkeypatch.setattr(fused, "fuse", fuse)
        monkeypatch.setattr(fused, "_COPIES", type(fused._COPIES)())
        assert fused.fused_at(norms, ["act5"], sample) is norms


def test_a_network_that_uses_a_map_before_its_normalization_is_left_alone():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
            self.last = nn.Conv2d(4, 4, 1)

        def forward(self, x):
            x = self.conv(x)
            return self.last(x + self.bn(x))

    module = lively(small(Both))
    assert fused.fused_at(module, ["last"], batch(1, 3, 12, 12)) is module


def test_nothing_to_fuse():
    assert fused.fuse(small(), batch(1, 3, 32, 32)) is not None  # one block has a normalization
    assert fused.fuse(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), batch(1, 3, 8, 8)) is None
