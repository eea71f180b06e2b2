import pytest
import torch
import torchvision
from torch import nn

from dff_widgets import load_network
from dff_widgets.networks.vgg_names import vgg_names
from tests.small_networks import small


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        steps = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        steps += [nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(5, 6, 3, padding=1)]
        self.features = nn.Sequential(*steps, nn.ReLU(inplace=True), nn.MaxPool2d(2))

    def forward(self, x):
        return self.features(x)


@pytest.mark.parametrize(
    ("name", "conv5_4", "pool4"), [("vgg19", "features.35", "features.27"), ("vgg19_bn", "features.51", "features.39")]
)
def test_papers_names_are_those_of_torchvision(name, conv5_4, pool4):
    with torch.device("meta"):
        module = getattr(torchvision.models, name)()
    names = vgg_names(module)
    assert (names["conv5_4"], names["relu5_4"], names["pool4"]) == (conv5_4, conv5_4, pool4)
    assert isinstance(module.get_submodule(names["conv5_4"]), nn.ReLU)
    assert isinstance(module.get_submodule(names["pool4"]), nn.MaxPool2d)
    assert "conv5_5" not in names


def test_a_layer_is_found_by_its_name_in_papers():
    network = load_network(small(Vgg))
    layer = network.layer("conv2_2")
    assert (layer.name, layer.channels, layer.nonnegative) == ("features.6", 6, True)
    assert network.layer("pool2") == network.layer("features.7")
    with pytest.raises(ValueError, match="has no layer 'conv3_1'"):
        network.layer("conv3_1")


def test_other_networks_have_no_such_names():
    assert vgg_names(small()) == {}
    assert vgg_names(torchvision.models.squeezenet1_1()) == {}
