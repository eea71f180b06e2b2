import numpy as np
import pytest
import torch

from dff_widgets.evaluation import baselines
from dff_widgets.extraction import Activations, extract
from dff_widgets.heat import upsample
from dff_widgets.images import ImageSet
from dff_widgets.networks import Layer, load_network
from dff_widgets.result import DFFResult

from ..small_networks import small

SHAPES = ((4, 6), (5, 3), (6, 6))
CHANNELS = 7


@pytest.fixture(scope="module")
def activations():
    """Noise everywhere, and channels 0 to 2 strong on an object in the middle; 3 is strong on its left half alone."""
    rng = np.random.default_rng(0)
    rows, parts, sizes = [], [], []
    for h, w in SHAPES:
        inside = np.zeros((h, w), bool)
        inside[1:-1, 1:-1] = True
        left = inside & (np.arange(w) < w // 2)
        A = rng.uniform(0, 0.2, (h, w, CHANNELS))
        A[inside, :3] += rng.uniform(1, 2, (inside.sum(), 3))
        A[left, 3] += 3
        rows.append(A.reshape(-1, CHANNELS))
        big = np.kron(inside, np.ones((8, 8), bool))
        parts.append({"object": big, "left": np.kron(left, np.ones((8, 8), bool))})
        sizes.append(big.shape)
    images = ImageSet.from_arrays([rng.integers(0, 256, (*s, 3), dtype=np.uint8) for s in sizes], parts=parts)
    matrix = np.concatenate(rows).astype(np.float32)
    return Activations(matrix, SHAPES, tuple(sizes), images, "none", Layer("x", CHANNELS, 8, True), 32)


def inside(activations, result, i):
    """Mean heat inside and outside the object of image i."""
    m, part = result.heatmaps(i)[0], activations.images.parts[i]["object"]
    return m[part].mean(), m[~part].mean()


@pytest.mark.parametrize(
    "fit", [baselines.ddt, baselines.pca, baselines.kmeans, baselines.total, baselines.second_eigenvector]
)
def test_each_finds_the_object(activations, fit):
    result = fit(activations, 1, 0)
    assert isinstance(result, DFFResult)
    assert (result.k, len(result), result.layer) == (1, 3, "x")
    for i in range(3):
        within, without = inside(activations, result, i)
        assert within > 2 * without
        assert result.heatmaps(i).shape == (1, *activations.sizes[i])
    assert [m.shape[1:] for m in result.masks(threshold="auto")] == list(activations.sizes)
    assert len(result.boxes()) == 3


def test_ddt_is_the_centred_component(activations):
    A = activations.matrix.astype(np.float64)
    _, _, V = np.linalg.svd(A - A.mean(0), full_matrices=False)
    expected = (A - A.mean(0)) @ V[0]
    found = baselines.ddt(activations).factorization.H[:, 0]
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-4)
    assert np.corrcoef(found, A.sum(1))[0, 1] > 0
    mask = baselines.ddt(activations).masks(percentile=0)[0][0]
    assert 0 < mask.mean() < 1


@pytest.mark.parametrize("fit", [baselines.ddt, baselines.lost, baselines.second_eigenvector])
def test_automatic_masks_of_maps_of_its_own_are_refined_first(activations, fit, tmp_path):
    result = fit(activations, 1, 0)
    assert result.own_maps
    refined = result.refine()
    assert not refined.own_maps
    result.save(tmp_path / "own.dff")
    for one in (result, DFFResult.load(tmp_path / "own.dff")):
        automatic = one.masks(threshold="auto")
        for mask, belief in zip(automatic, refined.maps, strict=True):
            assert np.array_equal(mask, upsample(belief.astype(np.float32), mask.shape[1:]) >= 0.5)
        halves = [one.heatmaps(i) >= 0.5 for i in range(len(one))]
        assert any(not np.array_equal(a, b) for a, b in zip(automatic, halves, strict=True))
    assert result.masks(percentile=0)[0].any()  # its own rule still sees its own maps


def test_kmeans_gives_each_position_to_one_cluster(activations):
    H = baselines.kmeans(activations, 3, 0).factorization.H
    assert ((H > 0).sum(1) == 1).all()
    one = baselines.kmeans(activations, 1, 0).factorization
    assert one.H.shape[1] == one.W.shape[0] == 1


def test_the_centred_box_is_itself_at_every_threshold(activations):
    result = baselines.centred_box(activations)
    for options in ({"percentile": 75}, {"percentile": 50}, {"threshold": "auto"}):
        for (h, w), mask, box in zip(activations.sizes, result.masks(**options), result.boxes(**options), strict=True):
            assert mask.mean() == pytest.approx(0.25, abs=0.06)
            assert abs((box[0] + box[2]) / 2 - (w - 1) / 2) <= 0.5
            assert abs((box[1] + box[3]) / 2 - (h - 1) / 2) <= 0.5


def test_the_best_channel_of_each_part_is_kept_first(activations):
    W = baselines.best_channel(activations, 2).factorization.W
    assert W.shape == (2, CHANNELS)
    chosen = W.argmax(1).tolist()
    assert 3 in chosen  # the left half
    assert set(chosen) & {0, 1, 2}  # the object
    assert baselines.best_channel(activations, 5).k == 5


def test_what_cannot_be_is_named(activations):
    for one in (baselines.ddt, baselines.total, baselines.centred_box, baselines.second_eigenvector):
        with pytest.raises(ValueError, match="k is 2"):
            one(activations, 2)
    with pytest.raises(ValueError, match="share"):
        baselines.centred_box(activations, share=0)
    bare = ImageSet.from_arrays([activations.images[i] for i in range(3)])
    plain = Activations(activations.matrix, SHAPES, activations.sizes, bare, "none", activations.layer, 32)
    with pytest.raises(ValueError, match="needs images with parts"):
        baselines.best_channel(plain, 2)


@pytest.mark.parametrize("frozen", [False, True])
def test_grad_cam_weighs_channels_by_the_gradient_of_the_class(frozen):
    module = small().train().requires_grad_(not frozen)
    network = load_network(module)
    rng = np.random.default_rng(0)
    images = ImageSet.from_arrays([rng.integers(0, 256, s, dtype=np.uint8) for s in [(32, 48, 3), (40, 32, 3)]])
    acts = extract(network, images, layer="block", size=32)
    result = baselines.grad_cam(acts, network, 2)
    # after the block there are a global mean and a linear layer: the gradient is the same at each position
    for row, (h, w) in zip((0, acts.shapes[0][0] * acts.shapes[0][1]), acts.shapes, strict=True):
        weights = module.head[2].weight[2].detach().numpy() / (h * w)
        expected = acts.matrix[row : row + h * w] @ weights
        np.testing.assert_allclose(result.factorization.H[row : row + h * w, 0], expected, rtol=1e-3, atol=1e-6)
    assert module.training
    assert all(p.grad is None for p in module.parameters())
    assert torch.is_grad_enabled()
    with pytest.raises(ValueError, match="target is"):
        baselines.grad_cam(acts, network, 4)


class Tokens(torch.nn.Module):
    """Patches of 16 pixels as a sequence, as in a vision transformer; the images have one channel, by a preprocess."""

    def __init__(self):
        super().__init__()
        self.patches = torch.nn.Conv2d(1, 6, 16, stride=16)
        self.mix = torch.nn.Linear(6, 6)
        self.head = torch.nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.mix(self.patches(x).flatten(2).mT).relu().mean(1))


def test_grad_cam_sees_what_the_network_saw_also_as_tokens():
    def grey(image):
        pixels = np.asarray(image.convert("L"), dtype=np.float32) / 255
        return torch.from_numpy(pixels)[None]

    torch.manual_seed(0)
    network = load_network(Tokens(), preprocess=grey)
    rng = np.random.default_rng(0)
    acts = extract(network, [rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)], layer="mix", size=64)
    result = baselines.grad_cam(acts, network, 1)
    # the mean over the positions is linear but for the ReLU: the weights are the head's, where the unit is on
    on = (acts.matrix > 0).mean(axis=0)
    expected = network.module.head.weight[1].detach().numpy() * on / len(acts.matrix)
    np.testing.assert_allclose(result.factorization.W[0], expected, atol=1e-6)
