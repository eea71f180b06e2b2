"""Modules of a person's own, of odd kinds: each works, or is refused in one sentence that says what would do."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import dff_widgets as dff

from ..small_networks import small


class Twice(nn.Module):
    """Uses a layer and a ReLU more than once; the last one is in place."""

    def __init__(self):
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 6, 3, stride=4), nn.Conv2d(6, 6, 3, padding=1)
        self.relu, self.last = nn.ReLU(), nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.relu(self.stem(x))
        return self.last(self.conv(self.relu(self.conv(x))))


class Several(nn.Module):
    """A layer in the middle answers with a tuple or a dict."""

    def __init__(self, kind):
        super().__init__()
        self.inner, self.kind = small(), kind

    def forward(self, x):
        x = self.inner.stem(x)
        return {"out": self.inner.pool(x), "aux": x} if self.kind is dict else (self.inner.pool(x), x)


def quantized():
    """What static quantization makes: between its layers there are integers."""
    from torch.ao.quantization import get_default_qconfig_mapping, quantize_fx

    torch.backends.quantized.engine = torch.backends.quantized.supported_engines[-1]
    example = torch.rand(1, 3, 64, 64)
    prepared = quantize_fx.prepare_fx(small().eval(), get_default_qconfig_mapping(), example)
    prepared(example)
    return quantize_fx.convert_fx(prepared)


WORKS = {
    "in training mode": lambda: small().train(),
    "DataParallel": lambda: nn.DataParallel(small()),
    "half": lambda: small().half(),
    "bfloat16": lambda: small().bfloat16(),
    "double": lambda: small().double(),
    "a layer used twice": Twice,
    "tuples": lambda: Several(tuple),
    "dicts": lambda: Several(dict),
    "traced by fx": lambda: torch.fx.symbolic_trace(small().eval()),
    "lazy": lambda: nn.Sequential(nn.LazyConv2d(6, 3, stride=4), nn.ReLU()),
    "compiled": lambda: torch.compile(small(), backend="eager"),
    "quantized as it runs": lambda: torch.ao.quantization.quantize_dynamic(small(), {nn.Linear}),
    "without gradients": lambda: small().requires_grad_(False),
}
REFUSED = {
    "TorchScript": (lambda: torch.jit.script(small().eval()), "is TorchScript.* give the module it was made of"),
    "traced": (lambda: torch.jit.trace(small().eval(), torch.rand(1, 3, 64, 64)), "give the module it was made of"),
    "on meta": (lambda: small().to("meta"), "meta device, without values; load its weights first"),
    "complex": (lambda: nn.Sequential(nn.Conv2d(3, 6, 3).to(torch.complex64)), "give a network of real ones"),
    "quantized": (quantized, "is quantized, and its activations are integers; give the module it was made of"),
    "grey images": (lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), r"does not take \(n, 3, h, w\) images"),
    "no layer": (nn.Identity, "give a convolutional network or a vision transformer"),
}


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return dff.ImageSet.from_arrays([rng.integers(0, 256, (40, 48, 3), dtype=np.uint8) for _ in range(3)])


@pytest.mark.parametrize("kind", WORKS)
def test_it_works_alike_in_a_batch_and_alone_and_is_left_as_it_was(images, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells of its own plans
        module = WORKS[kind]()
    training = module.training
    together = dff.extract(module, images, size=32, batch_size=3)
    alone = dff.extract(module, images, size=32, batch_size=1)
    np.testing.assert_allclose(together.matrix, alone.matrix, atol=2e-2)
    assert np.isfinite(together.matrix).all()
    assert module.training == training


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_in_one_sentence(images, kind):
    make, said = REFUSED[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells of its own plans
        module = make()
    with pytest.raises(ValueError, match=said) as caught:
        dff.extract(module, images, size=32)
    assert "\n" not in str(caught.value)


def test_a_compiled_module_has_the_layers_of_the_module_it_was_made_of(images):
    module = small()
    found = dff.extract(torch.compile(module, backend="eager"), images, layer="block", size=32)
    np.testing.assert_array_equal(found.matrix, dff.extract(module, images, layer="block", size=32).matrix)
    assert found.network == "Small"
