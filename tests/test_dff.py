import dataclasses

import numpy as np
import pytest
from PIL import Image

from dff_widgets import storage
from dff_widgets.dff import DeepFeatureFactorization, apply, factorize
from dff_widgets.extraction import extract
from dff_widgets.factorization import Sketch, nmf, project
from dff_widgets.heat import upsample
from dff_widgets.images import ImageSet, UnreadableImageWarning
from dff_widgets.networks import load_network
from dff_widgets.result import DFFResult

from .small_networks import small

RNG = np.random.default_rng(0)
SHAPES = [(40, 56), (56, 40), (64, 64)]


@pytest.fixture(scope="module")
def network():
    return load_network(small())


@pytest.fixture(scope="module")
def images():
    arrays = [RNG.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in SHAPES]
    parts = [{"left": np.arange(s[1]) < np.full((s[0], 1), 20)} for s in SHAPES]
    return ImageSet.from_arrays(arrays, parts=parts, boxes=[np.array([[0, 0, 9, 9]])] * 3)


@pytest.fixture(scope="module")
def activations(network, images):
    return extract(network, images, size=32)


@pytest.fixture(scope="module")
def result(network, images):
    return DeepFeatureFactorization(3, network=network, size=32).fit(images)


def test_the_estimator_does_what_the_functions_do(result, activations):
    by_function = factorize(activations, 3)
    plain = nmf(activations.matrix, 3)
    order = np.argsort(-plain.strength, kind="stable")
    for H, W in ((by_function.factorization.H, by_function.factorization.W), (plain.H[:, order], plain.W[order])):
        assert np.array_equal(result.factorization.H, H)
        assert np.array_equal(result.factorization.W, W)
    assert (result.k, len(result), result.network, result.layer, result.size) == (3, 3, "Small", "block", 32)
    assert np.all(np.diff(result.factorization.strength) <= 0)


def test_a_sketch_gives_nearly_the_same_error(activations):
    sketch = Sketch(activations.matrix, rank=6)
    found, exact = factorize(activations, 2, matrix=sketch), factorize(activations, 2)
    assert found.factorization.error == pytest.approx(exact.factorization.error, abs=0.01)


def test_heat_maps_are_at_image_size_and_share_one_scale(result):
    H = result.factorization.H
    row = 0
    for i, ((h, w), size) in enumerate(zip(result.shapes, SHAPES, strict=True)):
        coarse = (H[row : row + h * w] / H.max(axis=0)).T.reshape(3, h, w)
        assert np.allclose(result.coarse_heatmaps(i), coarse, atol=1e-6)
        assert result.heatmaps(i).shape == (3, *size)
        assert np.allclose(result.heatmaps(i), upsample(coarse, size), atol=1e-5)
        row += h * w
    assert max(result.coarse_heatmaps(i).max() for i in range(3)) == 1


@pytest.mark.parametrize("percentile", [0, 50, 75, 100])
def test_masks_hold_the_share_that_the_percentile_says(result, percentile):
    masks = result.masks(percentile=percentile)
    maps = [result.heatmaps(i) for i in range(3)]
    for f in range(3):
        entries = np.concatenate([m[f].ravel() for m in maps])
        expected = (entries >= np.float32(np.percentile(entries, percentile))) & (entries > 0)
        assert np.array_equal(np.concatenate([m[f].ravel() for m in masks]), expected)
    assert [m.shape for m in masks] == [(3, *s) for s in SHAPES]
    assert all(m.dtype == bool for m in masks)


def test_boxes_lie_around_mask_pixels(result):
    for box, mask in zip(result.boxes(factor=1), result.masks(), strict=True):
        xmin, ymin, xmax, ymax = box
        inside = mask[1][ymin : ymax + 1, xmin : xmax + 1]
        if inside.size:
            assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()  # noqa: PT018
    for factor in (-1, 3):
        with pytest.raises(ValueError, match=rf"factor is {factor}; this result has factors 0\.\.2"):
            result.boxes(factor=factor)


def test_reorder(result):
    found = result.reorder([2, 0, 1])
    assert np.array_equal(found.heatmaps(1), result.heatmaps(1)[[2, 0, 1]])


# ------------------------------------------------------------------------------------------------------- transform
def test_transform_keeps_the_factors_and_solves_for_where_they_are(network, images, result):
    model = DeepFeatureFactorization(3, network=network, size=32)
    with pytest.raises(RuntimeError, match="call fit first"):
        model.transform(images)
    assert model.network is network
    fitted = model.fit(images)
    model.layer, model.size = "stem", 48  # of the next fit
    found = model.transform(images.subset([1, 0]))
    assert np.array_equal(found.factorization.W, fitted.factorization.W)
    assert (found.layer, found.size, found.images.names) == ("block", 32, ("image 1", "image 0"))
    A = extract(network, images.subset([1, 0]), size=32).matrix
    H = project(A, fitted.factorization.W)
    assert np.allclose(found.factorization.H, H, atol=1e-5)
    error = np.linalg.norm(A - H @ fitted.factorization.W) / np.linalg.norm(A)
    assert found.factorization.error == pytest.approx(error, rel=1e-4)


def test_the_parameters_stay_what_the_caller_gave(images):
    module = small()
    model = DeepFeatureFactorization(2, network=module, size=32)
    model.fit(images)
    assert model.network is module
    assert model.layer is None


def test_clamp_takes_a_layer_with_negative_entries(network, images):
    with pytest.raises(ValueError, match="must not be negative"):
        DeepFeatureFactorization(2, network=network, layer="stem.0", size=32).fit(images)
    model = DeepFeatureFactorization(2, network=network, layer="stem.0", size=32, clamp=True)
    assert model.fit(images).factorization.H.min() >= 0
    assert model.transform(images).factorization.H.min() >= 0
    semi = DeepFeatureFactorization(2, network=network, layer="stem.0", size=32, solver="semi").fit(images)
    assert semi.factorization.H.min() >= 0


def test_nothing_to_explain_is_no_error(activations):
    empty = dataclasses.replace(activations, rows=np.zeros_like(activations.matrix))
    found = apply(np.ones((2, activations.matrix.shape[1]), dtype=np.float32), empty)
    assert found.factorization.error == 0
    assert not found.heatmaps(0).any()


@pytest.mark.parametrize(("k", "error"), [(0, ValueError), (7, ValueError), (2.5, TypeError)])
def test_k_is_within_the_rank(network, images, k, error):
    with pytest.raises(error, match="k must be"):
        DeepFeatureFactorization(k, network=network, size=32).fit(images)


# ------------------------------------------------------------------------------------------------------ save, load
def same(a, b):
    fields = ("shapes", "sizes", "network", "layer", "size", "skipped", "k")
    assert all(getattr(a, name) == getattr(b, name) for name in fields)
    for name in ("H", "W"):
        assert np.array_equal(getattr(a.factorization, name), getattr(b.factorization, name))
    assert (a.factorization.error, a.factorization.n_iter) == (b.factorization.error, b.factorization.n_iter)
    assert a.images.names == b.images.names
    assert all(np.array_equal(a.images[i], b.images[i]) for i in range(len(a)))
    assert all(np.array_equal(a.heatmaps(i), b.heatmaps(i)) for i in range(len(a)))


def test_a_result_comes_back_whole(result, tmp_path):
    result.save(tmp_path / "x.dff")
    found = DFFResult.load(str(tmp_path / "x.dff"))
    same(found, result)
    assert all(
        np.array_equal(a["left"], b["left"]) for a, b in zip(found.images.parts, result.images.parts, strict=True)
    )
    assert all(np.array_equal(a, b) for a, b in zip(found.images.boxes, result.images.boxes, strict=True))


def test_a_result_of_files_names_them_and_what_was_skipped(network, images, tmp_path):
    for i in range(3):
        Image.fromarray(images[i]).save(tmp_path / f"{i}.png")
    files = ImageSet.from_folder(tmp_path)
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.warns(UnreadableImageWarning, match=r"1\.png"):
        result = DeepFeatureFactorization(2, network=network, size=32).fit(files)
    result.save(tmp_path / "x.dff")
    found = DFFResult.load(tmp_path / "x.dff")
    same(found, result)
    assert found.skipped[0].startswith("1.png")
    assert found.images.sources == (tmp_path / "0.png", tmp_path / "2.png")


def spoil(content, tensors, how):
    if how == "rows":
        tensors["H"] = tensors["H"][:-1]
    elif how == "k":
        tensors["W"] = tensors["W"][:-1]
    elif how == "images":
        content["images"]["names"].pop()
    elif how == "parts":
        content["images"]["parts"] = [[1], [2], [3]]
    elif how == "about":
        content["about"] = 3
    else:
        del content[how]


@pytest.mark.parametrize("how", ["rows", "k", "images", "parts", "about", "shapes", "fit", "skipped"])
def test_a_file_that_does_not_add_up_is_one_sentence(result, tmp_path, how):
    path = tmp_path / "x.dff"
    result.save(path)
    content, tensors = storage.read(path, "result", 1)
    spoil(content, tensors, how)
    content.pop("kind"), content.pop("version")
    storage.write(path, "result", 1, content, tensors)
    with pytest.raises(ValueError, match=r"x\.dff' is not a whole result: ") as caught:
        DFFResult.load(path)
    assert "\n" not in str(caught.value)


def test_a_result_is_a_picture_in_a_notebook(network, images):
    result = DeepFeatureFactorization(k=2, network=network, size=32).fit(images)
    picture = result._repr_jpeg_()
    assert picture.startswith(b"\xff\xd8")
    assert len(picture) < 100_000


def test_a_percentile_that_looks_like_a_fraction_is_doubted(network, images):
    result = DeepFeatureFactorization(k=2, network=network, size=32).fit(images)
    with pytest.warns(UserWarning, match=r"percentile is 0\.75, of 100: .* 75 was meant\?") as caught:
        result.masks(percentile=0.75)
    assert [w.filename for w in caught] == [__file__]
