import pytest
import torch
from torch import nn

from dff_widgets import load_network
from dff_widgets.datasets import creatures
from dff_widgets.dff import factorize
from dff_widgets.extraction import extract, rest_of
from dff_widgets.networks import NoClassesError, input_shape, prepare
from tests.small_networks import Small, small, state_of
from tests.worth_networks import LAYERS, factorized, photos


def image(network, result, i):
    shape = input_shape(network, result.sizes[i], result.size)
    return torch.from_numpy(prepare(network, result.images.open(i), shape)).permute(2, 0, 1)[None]


def slowly(network, result, i, values):
    """One forward pass of the image itself, with the layer's positions overwritten."""
    layer = network.layer(result.layer)

    def replace(_module, _inputs, output):
        output = output.clone()
        if layer.layout == "tokens":
            output[0, layer.prefix :] = values.reshape(-1, layer.channels)
        else:
            output[0] = values.permute(2, 0, 1)
        return output

    handle = network.module.get_submodule(layer.name).register_forward_hook(replace)
    with torch.no_grad():
        found = network.module.eval()(image(network, result, i))
    handle.remove()
    return found[0]


@pytest.mark.parametrize("given", [True, False], ids=["activations", "images"])
@pytest.mark.parametrize("kind", LAYERS)
def test_the_rest_of_the_network_does_what_the_network_does(kind, given):
    network, activations, result = factorized(kind)
    before = state_of(network.module)
    with rest_of(result, network, activations=activations if given else None) as rest:
        assert rest.classes == rest.scores.shape[1]
        for i in range(len(result)):
            with torch.no_grad():
                torch.testing.assert_close(rest.scores[i], network.module.eval()(image(network, result, i))[0])
            weights = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.2, 0.7]])
            found = rest.run([i] * 3, rest.mixed(i, weights))
            h, w = result.shapes[i]
            start = sum(a * b for a, b in result.shapes[:i])
            H = result.factorization.H[start : start + h * w]
            for row, weight in zip(found, weights, strict=True):
                values = torch.from_numpy((H * weight.numpy()) @ result.factorization.W).reshape(h, w, -1)
                torch.testing.assert_close(row, slowly(network, result, i, values), rtol=1e-4, atol=1e-5)
    network.module.train()
    assert [m.training for m in network.module.modules()] == [True] * len(before[0])
    assert state_of(network.module)[1:] == before[1:]


@pytest.mark.parametrize("kind", LAYERS)
def test_images_need_not_go_along_where_the_layer_alone_decides(kind):
    network, activations, result = factorized(kind)
    with rest_of(result, network, activations=activations) as rest:
        sizes = []
        handle = network.module.register_forward_pre_hook(lambda _m, inputs: sizes.append(inputs[0].shape))
        rest.run([0] * 4, rest.mixed(0, torch.ones(4, 2)))
        handle.remove()
    assert sizes[-1][0] == (4 if kind == "skipped" else 1)


def test_gradients_are_those_of_the_network():
    network, activations, result = factorized("tokens")
    with rest_of(result, network, activations=activations) as rest, torch.enable_grad():
        values = rest.own(2)[None].requires_grad_()
        (found,) = torch.autograd.grad(rest.run([2], values)[0, 1], values)
        step = torch.zeros_like(values)
        step[0, 1, 2, 3] = 1e-2
        high, low = (rest.run([2], (values + s).detach())[0, 1] for s in (step, -step))
    assert found[0, 1, 2, 3] == pytest.approx(float(high - low) / 2e-2, rel=2e-2)
    assert all(p.grad is None for p in network.module.parameters())


def test_the_embedded_network_goes_on_from_its_default_layer():
    images = creatures(2, size=96)
    network = load_network()
    activations = extract(network, images, size=96)
    result = factorize(activations, 2)
    with rest_of(result, activations=activations) as rest, torch.no_grad():
        assert rest.classes == 1000
        torch.testing.assert_close(rest.scores[1], network.module(image(network, result, 1))[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("where", ["middle", "default"])
@pytest.mark.parametrize("name", ["squeezenet1_1", "swin_t", "vit_b_16", "deit_tiny_patch16_224", "convnext_atto"])
def test_the_libraries_networks_go_on_from_their_layers(name, where):
    network = load_network(name, weights=None)
    if name == "vit_b_16":
        nn.init.normal_(network.module.heads.head.weight)  # torchvision starts with zeros, whatever comes before
    layer = network.layer() if where == "default" else network.layers[len(network.layers) // 2]
    activations = extract(network, photos(1), layer=layer.name, size=64)
    result = factorize(activations, 2, solver="hals" if layer.nonnegative else "semi", max_iter=3)
    if where == "default" and layer.layout == "tokens":  # behind the last block only the class token counts
        with pytest.raises(NoClassesError, match="do not depend on the positions"):
            rest_of(result, network, activations=activations).__enter__()
        return
    with rest_of(result, network, activations=activations) as rest:
        torch.testing.assert_close(rest.each(rest.own), rest.scores, rtol=1e-3, atol=1e-4)


class NoHead(Small):
    def forward(self, x):
        return self.block(self.pool(self.stem(x)))


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [(NoHead, r"has no classifier: it gives \(2, 6, \d+, \d+\), not a score per class")],
)
def test_a_network_without_a_head_says_so(kind, sentence):
    network = load_network(small(kind))
    result = factorize(extract(network, photos(), layer="block", size=64), 2)
    with pytest.raises(NoClassesError, match=sentence), rest_of(result, network):
        pass


def test_a_layer_that_decides_nothing_is_said():
    class Aside(Small):
        def __init__(self):
            super().__init__()
            self.aside = nn.Sequential(nn.Conv2d(6, 4, 1), nn.ReLU())

        def forward(self, x):
            x = self.block(self.pool(self.stem(x)))
            self.aside(x)
            return self.head(x)

    network = load_network(small(Aside))
    result = factorize(extract(network, photos(), layer="aside", size=64), 1)
    with pytest.raises(NoClassesError, match="do not depend on the positions of aside; take an earlier layer"):
        rest_of(result, network).__enter__()


def test_what_does_not_fit_is_said():
    network, activations, result = factorized("pooled")
    other = load_network(small(LAYERS["flat"][0]))
    with pytest.raises(ValueError, match="has no layer 'block'"), rest_of(result, other):
        pass
    short = extract(network, photos(1), layer="block", size=64)
    with pytest.raises(ValueError, match=r"activations are \(\d+, 6\); the result is of \(\d+, 6\)"):
        rest_of(result, network, activations=short).__enter__()
    from dff_widgets.evaluation import baselines

    with pytest.raises(ValueError, match="do not model the activations"):
        rest_of(baselines.total(activations), network).__enter__()
