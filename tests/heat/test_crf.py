"""The CRF faces a dense twin in float64: every pair of pixels, no window sums, no subsampling."""

import numpy as np
import pytest
import torch

from dff_widgets.heat.crf import GuidedFilter, mean_field, refine, refine_images
from dff_widgets.images import ImageSet

SHAPES = [(5, 8, 2), (7, 3, 1), (1, 9, 3), (4, 4, 5)]


def dense_filter(guide, radius, eps):
    """(hw, hw) weights of the guided filter, from He's definition of the kernel with windows cut off at the border."""
    h, w, c = guide.shape
    at = [(y, x) for y in range(h) for x in range(w)]
    G = np.zeros((h * w, h * w))
    windows = [[i for i, (y, x) in enumerate(at) if abs(y - cy) <= radius and abs(x - cx) <= radius] for cy, cx in at]
    colours = guide.reshape(-1, c)
    for inside in windows:
        mu = colours[inside].mean(0)
        d = colours[inside] - mu
        S = d.T @ d / len(inside) + eps * np.eye(c)
        for i in inside:
            # pixel i averages over the windows that are centred within its own window
            weights = (1 + (colours[i] - mu) @ np.linalg.solve(S, d.T)) / len(inside)
            G[i, inside] += weights / len(windows[i])
    return G


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dense_mean_field(unaries, guide, joint, iterations, radius, eps, weight):
    k, h, w = unaries.shape
    G = dense_filter(guide, radius, eps)
    u = unaries.reshape(k, -1)
    if not joint:
        Q = sigmoid(u)
        for _ in range(iterations):
            Q = np.stack([sigmoid(u[f] + weight * (G @ Q[f] - G @ (1 - Q[f]))) for f in range(k)])
        return Q.reshape(k, h, w)
    u = np.concatenate([np.zeros((1, h * w)), u])
    softmax = lambda x: np.exp(x - x.max(0)) / np.exp(x - x.max(0)).sum(0)  # noqa: E731
    Q = softmax(u)
    for _ in range(iterations):
        Q = softmax(u + weight * np.stack([G @ q for q in Q]))
    return Q[1:].reshape(k, h, w)


def tensors(guide, maps):
    return torch.from_numpy(guide).permute(2, 0, 1)[None], torch.from_numpy(maps)[None]


@pytest.mark.parametrize(("h", "w", "k"), SHAPES)
@pytest.mark.parametrize("radius", [1, 2, 20])
def test_the_filter_is_the_dense_one_up_to_the_border(h, w, k, radius):
    rng = np.random.default_rng(h * w)
    guide, maps = rng.random((h, w, 3)), rng.random((k, h, w))
    expected = (maps.reshape(k, -1) @ dense_filter(guide, radius, 1e-2).T).reshape(k, h, w)
    g, m = tensors(guide, maps)
    np.testing.assert_allclose(GuidedFilter(g, radius, 1e-2)(m)[0].numpy(), expected, atol=1e-10)


@pytest.mark.parametrize(("h", "w", "k"), SHAPES)
@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("iterations", [0, 1, 5])
def test_the_mean_field_is_the_dense_one(h, w, k, joint, iterations):
    rng = np.random.default_rng(h + w)
    guide, unaries = rng.random((h, w, 3)), rng.normal(size=(k, h, w))
    radius = 0.4
    pixels = max(1, round(radius * min(h, w)))
    expected = dense_mean_field(unaries, guide, joint, iterations, pixels, 1e-2, 3.0)
    g, u = tensors(guide, unaries)
    found = mean_field(u, g, joint=joint, iterations=iterations, radius=radius, eps=1e-2, weight=3.0, subsample=1)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-8)


def scene(h=64, w=97, seed=0):
    """An image with a red disc, its mask, and a blob that overlaps it badly."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    disc = (y - h / 2) ** 2 + (x - w / 2) ** 2 < (h / 4) ** 2
    image = np.where(disc[..., None], [0.8, 0.2, 0.2], [0.2, 0.5, 0.3]) + rng.normal(0, 0.02, (h, w, 3))
    blob = np.exp(-((y - h / 2) ** 2 + (x - w / 2) ** 2) / (2 * (h / 4) ** 2))
    return image.clip(0, 1), disc, blob[None].astype(np.float32)


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def test_a_blob_moves_to_the_edges():
    image, disc, blob = scene()
    before = overlap(blob[0] >= 0.4, disc)
    after = overlap(refine(image, blob, [0.4])[0] >= 0.5, disc)
    assert before < 0.7
    assert after > 0.95


def test_quick_agrees_with_exact():
    image, _, blob = scene()
    exact, quick = refine(image, blob, [0.4], subsample=1), refine(image, blob, [0.4])
    assert overlap(exact[0] >= 0.5, quick[0] >= 0.5) > 0.95


def test_joint_is_binary_for_one_factor():
    image, _, blob = scene()
    np.testing.assert_allclose(
        refine(image, blob, [0.3], joint=True), refine(image, blob, [0.3], joint=False), atol=1e-5
    )


def test_joint_beliefs_share_each_pixel():
    image, _, blob = scene()
    beliefs = refine(image, np.concatenate([blob, blob[:, ::-1], blob**2]), [0.3, 0.4, 0.2], joint=True)
    assert beliefs.sum(0).max() <= 1 + 1e-5
    assert beliefs.min() >= 0


@pytest.mark.parametrize("subsample", [1, 8])
@pytest.mark.parametrize("joint", [False, True])
def test_invariances(subsample, joint):
    image, _, blob = scene()
    maps, levels = np.concatenate([blob, np.roll(blob, 9, 2)]), np.array([0.4, 0.5])
    options = {"joint": joint, "subsample": subsample}
    base = refine(image, maps, levels, **options)
    np.testing.assert_allclose(refine(image, 7 * maps, 7 * levels, **options), base, atol=2e-3)  # a common scale
    np.testing.assert_allclose(refine(image, maps[::-1], levels[::-1], **options), base[::-1], atol=2e-3)
    np.testing.assert_allclose(refine(image[..., ::-1], maps, levels, **options), base, atol=2e-3)  # BGR
    if subsample == 1:
        mirrored = refine(image[:, ::-1], maps[..., ::-1], levels, **options)
        np.testing.assert_allclose(mirrored[..., ::-1], base, atol=2e-3)


def test_a_batch_is_its_images():
    image, _, blob = scene()
    other = image[::-1].copy()
    batch = refine(np.stack([image, other]), np.stack([blob, blob**2]), [[0.4], [0.3]])
    np.testing.assert_allclose(batch[0], refine(image, blob, [0.4]), atol=1e-4)
    np.testing.assert_allclose(batch[1], refine(other, blob**2, [0.3]), atol=1e-4)


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_constant_image_smooths_and_keeps_constants(colour):
    image = np.full((33, 20, 3), colour, np.uint8)
    rng = np.random.default_rng(0)
    noisy = refine(image, rng.random((1, 33, 20)), [0.5], radius=0.5)
    assert np.isfinite(noisy).all()
    flat = refine(image, np.full((1, 33, 20), 0.5), [0.5])
    np.testing.assert_allclose(flat, 0.5, atol=1e-4)


def test_an_empty_and_an_absent_map_stay_out():
    image, _, blob = scene()
    beliefs = refine(image, np.concatenate([0 * blob, blob]), [0.5, np.inf], joint=True)
    assert (beliefs[0] < 0.05).all()
    assert (beliefs[1] == 0).all()
    assert np.isfinite(beliefs).all()


@pytest.mark.parametrize(("h", "w"), [(1, 1), (1, 7), (3, 2), (5, 401)])
def test_tiny_images(h, w):
    beliefs = refine(np.zeros((h, w, 3), np.uint8), np.ones((2, h, w)), [0.5, 0.5])
    assert beliefs.shape == (2, h, w)
    assert (beliefs > 0.5).all()


def test_nothing_of_the_caller_changes():
    image, _, blob = scene()
    maps, levels = blob.copy(), np.array([0.4])
    refine(image, maps, levels)
    np.testing.assert_array_equal(maps, blob)
    np.testing.assert_array_equal(levels, [0.4])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image": np.zeros((4, 5), np.uint8)}, "image is"),
        ({"image": np.zeros((5, 4, 3), np.uint8)}, "same number, height and width"),
        ({"image": np.full((4, 5, 3), 2.0)}, "0..1"),
        ({"image": np.full((4, 5, 3), np.nan)}, "0..1"),
        ({"maps": np.zeros((4, 5))}, "maps are"),
        ({"maps": np.full((2, 4, 5), -1.0)}, "negative"),
        ({"maps": np.full((2, 4, 5), np.nan)}, "not finite"),
        ({"levels": [0.5]}, "one per map"),
        ({"levels": [0.5, 0.0]}, "above 0"),
        ({"radius": 0}, "radius is 0"),
        ({"eps": -1}, "eps is -1"),
        ({"sharpness": np.nan}, "sharpness is nan"),
        ({"weight": -1}, "weight is -1"),
        ({"iterations": -1}, "iterations is -1"),
        ({"iterations": 2.5}, "iterations is 2.5"),
        ({"subsample": 0}, "subsample is 0"),
    ],
)
def test_bad_input_is_named(change, says):
    good = {"image": np.zeros((4, 5, 3), np.uint8), "maps": np.ones((2, 4, 5)), "levels": [0.5, 0.5]}
    with pytest.raises(ValueError, match=says):
        refine(**good | change)


def test_a_set_of_images_of_several_sizes():
    rng = np.random.default_rng(0)
    shapes = [(40, 60), (60, 40), (40, 60), (300, 200)]
    images = ImageSet.from_arrays([rng.integers(0, 256, (*s, 3), dtype=np.uint8) for s in shapes])
    maps = [rng.random((2, 3, 4)) for _ in shapes]
    levels = np.full((4, 2), 0.5)
    found = refine_images(images, maps, levels, size=50)
    assert [m.shape for m in found] == [(2, 40, 60), (2, 60, 40), (2, 40, 60), (2, 75, 50)]
    assert all(m.dtype == np.float16 for m in found)
    alone = refine_images(images.subset([2]), maps[2:3], levels[2:3], size=50)
    np.testing.assert_allclose(alone[0], found[2], atol=2e-3)
    with pytest.raises(ValueError, match="size is 0"):
        refine_images(images, maps, levels, size=0)


def test_about_as_good_as_a_gaussian_dense_crf():
    densecrf = pytest.importorskip("pydensecrf.densecrf", reason="pip install pydensecrf2 to compare")
    image, disc, blob = scene()
    p = np.clip(blob[0] / 0.8, 0.01, 0.99)
    field = densecrf.DenseCRF2D(97, 64, 2)
    field.setUnaryEnergy(-np.log(np.stack([1 - p, p])).reshape(2, -1).astype(np.float32))
    field.addPairwiseBilateral(sxy=20, srgb=13, rgbim=np.ascontiguousarray(image * 255, dtype=np.uint8), compat=4)
    theirs = np.array(field.inference(5)).reshape(2, 64, 97)[1] >= 0.5
    ours = refine(image, blob, [0.4])[0] >= 0.5
    assert overlap(ours, theirs) > 0.9
    assert overlap(ours, disc) > overlap(theirs, disc) - 0.02
