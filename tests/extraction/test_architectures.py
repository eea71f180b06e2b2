"""One network of each family, with random weights: found, extracted, factorized and folded back the right way round."""

from importlib.metadata import version

import numpy as np
import pytest

from dff_widgets.dff import factorize
from dff_widgets.extraction import NoFinerLayerError, extract, finer_layer
from dff_widgets.heat import fold
from dff_widgets.networks import load_network

HEIGHT, WIDTH = 97, 131  # multiples of no stride

TORCHVISION = [
    *("alexnet", "vgg11_bn", "squeezenet1_1", "resnet18", "resnext50_32x4d", "wide_resnet50_2", "densenet121"),
    *("googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "shufflenet_v2_x0_5"),
    *("regnet_y_400mf", "efficientnet_b0", "efficientnet_v2_s", "convnext_tiny", "swin_t", "swin_v2_t"),
    *("vit_b_32", "maxvit_t"),
]
TIMM = [
    *("vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "eva02_tiny_patch14_224"),
    *("vit_small_patch14_reg4_dinov2", "vit_small_patch16_dinov3", "swin_tiny_patch4_window7_224"),
    *("swinv2_tiny_window8_256", "legacy_xception", "darknet17", "hrnet_w18_small", "nf_resnet26"),
    *("eca_nfnet_l0", "repvgg_a0", "ghostnet_050", "mobilenetv4_conv_small_035", "edgenext_xx_small"),
    *("poolformer_s12", "coat_lite_tiny", "mobilevit_xxs", "pvt_v2_b0", "hiera_tiny_224", "efficientformer_l1"),
    *("xcit_nano_12_p16_224", "rexnet_100", "mixer_s32_224"),
]
# Where the last layer of random weights has forgotten the image, or its grid is too coarse to have corners.
EARLIER = {"inception_v3": "Mixed_5d", "hrnet_w18_small": "layer1", "repvgg_a0": "stages.1"}

# Of these, the oldest timm that is allowed knows nothing.
YOUNG = {"vit_small_patch16_dinov3", "mobilenetv4_conv_small_035", "hiera_tiny_224"}

NO_FINER = {"hiera_tiny_224"}  # the tokens of its earlier stages are in the order of its mask units

# What a default layer is like: channels, stride, layout, tokens that are no position.
DEFAULTS = {
    "squeezenet1_1": ("features", 512, 16, "nchw", 0),  # not the classifier's maps of scores
    "densenet121": ("features.denseblock4.denselayer16.relu1", 992, 32, "nchw", 0),  # not the narrow relu2 after it
    "inception_v3": ("Mixed_7c", 2048, 32, "nchw", 0),
    "mobilenet_v3_small": ("features", 576, 32, "nchw", 0),
    "swin_t": ("norm", 768, 32, "nhwc", 0),
    "swin_tiny_patch4_window7_224": ("norm", 768, 32, "nhwc", 0),
    "vit_b_32": ("encoder", 768, 32, "tokens", 1),
    "vit_tiny_patch16_224": ("norm", 192, 16, "tokens", 1),
    "deit_tiny_distilled_patch16_224": ("norm", 192, 16, "tokens", 2),
    "vit_small_patch14_reg4_dinov2": ("norm", 384, 14, "tokens", 5),
    "darknet17": ("stages", 1024, 32, "nchw", 0),
}


@pytest.fixture(scope="module")
def images():
    """A plain image, one with another top right corner, and one with another bottom left corner."""
    rng = np.random.default_rng(0)
    plain = rng.integers(0, 256, (HEIGHT // 4 + 1, WIDTH // 4 + 1, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    plain = plain[:HEIGHT, :WIDTH]
    right, left = plain.copy(), plain.copy()
    right[: HEIGHT // 3, -WIDTH // 3 :] = 255 - right[: HEIGHT // 3, -WIDTH // 3 :]
    left[-HEIGHT // 3 :, : WIDTH // 3] = 255 - left[-HEIGHT // 3 :, : WIDTH // 3]
    return [plain, right, left]


def corners(change):
    """The mean of a map (h, w) in its top left, top right, bottom left and bottom right third."""
    h, w = (max(1, side // 3) for side in change.shape)
    return [change[:h, :w].mean(), change[:h, -w:].mean(), change[-h:, :w].mean(), change[-h:, -w:].mean()]


@pytest.mark.parametrize("name", TORCHVISION + TIMM)
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")  # torchvision's, of two networks
def test_a_family(name, images):
    if name in YOUNG and version("timm").startswith("0."):
        pytest.skip("this timm has none")
    network = load_network(name, weights=None)
    default = network.layer()
    if name in DEFAULTS:
        assert (default.name, default.channels, default.stride, default.layout, default.prefix) == DEFAULTS[name]
    activations = extract(network, images, size=96)
    found = extract(network, images, size=96, layer=EARLIER[name]) if name in EARLIER else activations
    plain, right, left = fold(found.matrix, found.shapes)
    assert np.argmax(corners(np.abs(right - plain).mean(0))) == 1
    assert np.argmax(corners(np.abs(left - plain).mean(0))) == 2
    result = factorize(activations, 3, solver="hals" if default.nonnegative else "semi")
    for i in range(3):
        maps = result.heatmaps(i)
        assert maps.shape == (3, HEIGHT, WIDTH)
        assert np.isfinite(maps).all()
    assert result.heatmaps(0).max() > 0
    if name in NO_FINER:
        with pytest.raises(NoFinerLayerError, match=f"{name} has no layer of stride 16 before"):
            finer_layer(network)
        return
    finer = finer_layer(network).name
    sharp = result.sharpen(coarse=activations, fine=extract(network, images, size=96, layer=finer))
    assert [m.shape[0] for m in sharp.maps] == [3] * 3
    assert all(np.isfinite(m).all() for m in sharp.maps)
    assert network.layer(finer).stride <= default.stride


def test_a_grid_keeps_the_aspect_of_its_image_where_the_network_lets_it():
    tall = [np.zeros((300, 150, 3), np.uint8)]
    free = extract(load_network("vit_tiny_patch16_224", weights=None), tall, size=100)
    assert free.shapes == ((12, 6),)  # 192 x 96 pixels: multiples of the patch
    fixed = load_network("coat_lite_tiny", weights=None)
    squeezed = extract(fixed, tall, size=100)
    assert fixed.input_size == (224, 224)
    assert squeezed.shapes == ((7, 7),)
    assert squeezed.size == 224
    assert squeezed.sizes == ((300, 150),)


def test_signed_activations_name_the_solver_that_takes_them(images):
    activations = extract(load_network("mobilenet_v3_small", weights=None), images, size=96)
    assert not activations.layer.nonnegative
    with pytest.raises(ValueError, match='solver="semi"'):
        factorize(activations, 3)
