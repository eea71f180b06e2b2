"""Results that know a finer layer: from images to sharp masks, and to other images."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import dff_widgets as dff
import dff_widgets.dff as dff_module
from dff_widgets.datasets import creatures
from dff_widgets.dff import DeepFeatureFactorization, factorize, factorize_stack, focused
from dff_widgets.extraction import NoFinerLayerError, extract_layers, finer_layer
from dff_widgets.heat import cell_means, fold
from dff_widgets.images import UnreadableImageWarning
from dff_widgets.networks import load_network

from .small_networks import Small, small

GREY = np.full((140, 180, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def network():
    return load_network("efficientnet_lite0")


@pytest.fixture(scope="module")
def images():
    return creatures(4, seed=2, size=144)


@pytest.fixture(scope="module")
def both(network, images):
    return extract_layers(network, images, ["bn2", "blocks.4"], size=160)


def same(one, other, atol=0.0):
    for a, b in zip(one.maps, other.maps, strict=True):
        np.testing.assert_allclose(a.astype(np.float32), b.astype(np.float32), atol=atol)


def dataset_iou(masks, images):
    truth = [np.any(list({n: m for n, m in p.items() if n != "background"}.values()), 0) for p in images.parts]
    both_ = [(m[0] & t, m[0] | t) for m, t in zip(masks, truth, strict=True)]
    return sum(a.sum() for a, _ in both_) / sum(b.sum() for _, b in both_)


def test_the_finer_layer_is_the_last_whole_stage_at_half_the_stride(network):
    assert finer_layer(network).name == "blocks.4"
    assert finer_layer(network, "blocks.4.2.bn2").name == "blocks.2"
    with pytest.raises(NoFinerLayerError, match="no layer of stride 1 before conv_stem"):
        finer_layer(network, "conv_stem")


def test_fit_takes_both_layers_out_of_one_pass_and_changes_no_factor(network, images, monkeypatch):
    plain = DeepFeatureFactorization(2, network=network, size=160, sharpen=False).fit(images)
    asked = []
    one_pass = dff_module.extract_layers
    monkeypatch.setattr(
        dff_module, "extract_layers", lambda n, i, names, **o: asked.append(names) or one_pass(n, i, names, **o)
    )
    monkeypatch.setattr(dff_module, "repeated", None)
    result = DeepFeatureFactorization(2, network=network, size=160).fit(images)
    assert asked == [["bn2", "blocks.4"]]
    assert plain.sharpening is None
    assert result.sharpening.layer == "blocks.4"
    assert np.array_equal(result.factorization.H, plain.factorization.H)
    assert np.array_equal(result.factorization.W, plain.factorization.W)
    for options in ({"percentile": 75}, {"threshold": "otsu"}, {"threshold": "auto", "sharpen": False}):
        for a, b in zip(result.masks(**options), plain.masks(**options), strict=True):
            assert np.array_equal(a, b)
    assert all(np.array_equal(a, b) for a, b in zip(result.boxes(1), plain.boxes(1), strict=True))


def test_auto_masks_are_the_sharp_ones_and_better(network, images):
    result = DeepFeatureFactorization(1, network=network, size=160).fit(images)
    auto, sharp = result.masks(threshold="auto"), result.sharpen()
    for i, mask in enumerate(auto):
        assert mask.shape == (1, *images[i].shape[:2])
        assert np.array_equal(mask, sharp.heatmaps(i) >= 0.5)
    assert dataset_iou(auto, images) > 0.7
    assert dataset_iou(auto, images) > dataset_iou(result.masks(threshold="auto", sharpen=False), images)


def test_activations_that_are_there_say_the_same_as_the_network(network, images, both):
    for k in (1, 3):
        result = factorize(both["bn2"], k)
        from_rows = result.sharpen(coarse=both["bn2"], fine=both["blocks.4"])
        same(from_rows, result.sharpen(network=network), atol=0.02)
        named = result.sharpen(layer="blocks.4")  # by the result's own name of its network
        same(from_rows, named, atol=0.02)
    other = result.sharpen("blocks.3", network=network)
    assert other.sharpening.layer == "blocks.3"
    assert any(not np.array_equal(a, b) for a, b in zip(other.maps, from_rows.maps, strict=True))


def test_sharp_maps_come_one_by_one_with_progress_and_can_be_cancelled(both):
    result, told = factorize(both["bn2"], 2), []
    options = {"coarse": both["bn2"], "fine": both["blocks.4"]}
    sharp = result.sharpen(**options, progress=lambda *now: told.append(now))
    n = len(result)
    assert [now for now in told if now[1] == 4 * n][-1] == (4 * n, 4 * n)
    assert told[-n:] == [(i + 1, n) for i in range(n)]
    lazy = result.sharpen(**options, lazy=True)
    assert np.array_equal(lazy.maps[2], sharp.maps[2])
    assert np.array_equal(lazy.maps[-1], sharp.maps[-1])
    assert [m.shape for m in lazy.maps[1:3]] == [m.shape for m in sharp.maps[1:3]]
    assert np.array_equal(lazy.heatmaps(1), sharp.heatmaps(1))
    with pytest.raises(IndexError):
        lazy.maps[n]

    def cancel(done, total):
        if total == n and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        result.sharpen(**options, progress=cancel)


def test_saved_and_loaded_it_needs_no_network(tmp_path, both):
    result = factorize(both["bn2"], 2).sharpen(coarse=both["bn2"], fine=both["blocks.4"], lazy=True)
    plain = dataclasses.replace(result, maps=None)
    plain.save(tmp_path / "one.dff")
    same(dff.DFFResult.load(tmp_path / "one.dff").sharpen(), result)
    result.save(tmp_path / "two.dff")
    same(dff.DFFResult.load(tmp_path / "two.dff"), result)


def test_reordered_factors_keep_their_maps_and_changed_ones_lose_them(both):
    result = factorize(both["bn2"], 3)
    result = dataclasses.replace(
        result, sharpening=result.sharpen(coarse=both["bn2"], fine=both["blocks.4"], lazy=True).sharpening
    )
    turned = result.reorder([2, 0, 1])
    for a, b in zip(turned.sharpen().maps, result.sharpen().maps, strict=True):
        assert np.array_equal(a, b[[2, 0, 1]])
    fac = result.factorization
    other = dataclasses.replace(fac, W=fac.W[[1, 0, 2]] * 2)
    changed = dataclasses.replace(result, factorization=other, origin=None)
    assert [m.tolist() for m in changed.masks(threshold="auto")] == [
        m.tolist() for m in changed.masks(threshold="auto", sharpen=False)
    ]


def test_transform_sharpens_other_images_also_a_single_one(network, images):
    for focus, k in ((None, 1), (None, 3), ("object", 2)):
        model = DeepFeatureFactorization(k, network=network, size=160, focus=focus)
        fitted = model.fit(images)
        again = model.transform(images)
        same(again.sharpen(), fitted.sharpen(), atol=0.1)
        alone = model.transform(images.subset([1]))
        same(alone.sharpen(), dataclasses.replace(fitted.sharpen(), maps=fitted.sharpen().maps[1:2]), atol=0.1)


def test_nothing_is_found_in_a_grey_photo(network, images):
    mixed = dff.ImageSet.of([*(images[i] for i in range(4)), GREY])
    for model in (
        DeepFeatureFactorization(1, network=network, size=160),
        DeepFeatureFactorization(2, network=network, size=160, focus="object"),
    ):
        result = model.fit(mixed)
        assert not result.masks(threshold="auto")[4].any()
        assert result.boxes(0, threshold="auto")[4].tolist() == [0, 0, -1, -1]
        assert all(mask.any() for mask in result.masks(threshold="auto")[:4])
    model = DeepFeatureFactorization(1, network=network, size=160)
    model.fit(images)
    assert not model.transform([GREY]).masks(threshold="auto")[0].any()


def test_the_object_first_then_its_parts(network, images):
    alone = DeepFeatureFactorization(1, network=network, size=160, focus="object")
    same(alone.fit(images).sharpen(), DeepFeatureFactorization(1, network=network, size=160).fit(images).sharpen())
    model = DeepFeatureFactorization(3, network=network, size=160, focus="object")
    parts = model.fit(images)
    assert parts.k == 3
    assert model.object_.k == 1
    sharp = model.object_.sharpen()
    for i, (maps, grid) in enumerate(zip(fold(parts.factorization.H, parts.shapes), parts.shapes, strict=True)):
        outside = cell_means(sharp.coarse_heatmaps(i), grid)[0] < 0.02
        assert outside.any()
        assert maps[:, outside].max() <= 0.05 * maps.max()  # a factor has next to nothing where the object is not


def test_the_object_alone_is_what_every_way_to_factorize_takes(both):
    found = factorize(both["bn2"], 1).sharpen(coarse=both["bn2"], fine=both["blocks.4"])
    inside = focused(both["bn2"], found)
    assert inside.matrix.shape == both["bn2"].matrix.shape
    assert (inside.matrix <= both["bn2"].matrix + 1e-6).all()
    assert dff.factor_tree(inside, [1, 2])[2].k == 2
    sketch = dff.Sketch(inside.matrix, max_k=2)
    assert factorize(inside, 2, matrix=sketch).k == 2


@pytest.mark.parametrize(
    "find", [lambda A: dff.pca(A, 3), lambda A: dff.nmf(A, 3, solver="semi"), lambda A: dff.kmeans(A, 2)]
)
def test_other_factorizations_are_sharpened_too(both, find):
    result = dff.DFFResult.of(both["bn2"], find(both["bn2"].matrix))
    sharp = result.sharpen(coarse=both["bn2"], fine=both["blocks.4"], joint=True)
    for m in sharp.maps:
        assert np.isfinite(m).all()
        assert m.astype(np.float32).sum(0).max() <= 1.01


def test_a_store_is_sharpened_like_activations(tmp_path, network, images, both):
    stores = {
        name: dff.scale.extract(
            network, images, tmp_path / name, layer=name, size=160, dtype="float32", images_per_chunk=3
        )
        for name in both
    }
    result = factorize(both["bn2"], 1)
    same(
        result.sharpen(coarse=stores["bn2"], fine=stores["blocks.4"]),
        result.sharpen(coarse=both["bn2"], fine=both["blocks.4"]),
        atol=0.01,
    )


def test_another_network_of_the_same_name_is_no_silent_wrong(images):
    module = small()
    result = DeepFeatureFactorization(2, network=load_network(module), size=48, sharpen=False).fit(images)
    other = small()
    with torch.no_grad():
        for p in other.parameters():
            p.copy_(torch.randn_like(p) * 3)
    with pytest.raises(
        ValueError, match="Small does not give the activations that this result explains; give network="
    ):
        result.sharpen(network=load_network(other))
    sharp = result.sharpen(network=load_network(module))
    assert sharp.sharpening.layer == "stem"


class Flat(nn.Module):
    """One layer: nothing is finer."""

    def __init__(self):
        super().__init__()
        self.only = nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.ReLU())

    def forward(self, x):
        return self.only(x).mean((2, 3))


def test_a_network_without_a_finer_layer_says_so_and_falls_back(images):
    network = load_network(small(Flat))
    result = DeepFeatureFactorization(2, network=network, size=48).fit(images)
    assert result.sharpening is None
    assert len(result.masks(threshold="auto")) == 4
    with pytest.raises(
        NoFinerLayerError, match="Flat has no layer of stride 2 before only, which could sharpen its maps"
    ):
        result.sharpen(network=network)
    with pytest.raises(NoFinerLayerError):
        DeepFeatureFactorization(2, network=network, size=48, focus="object").fit(images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "blocks.3"}, "fine is blocks.4 of 4 images; give blocks.3 of the result's 4"),
        ({"coarse": "fine"}, "coarse is of 4 images on other grids than the 4 of this result"),
    ],
)
def test_activations_of_another_layer_are_an_error(both, options, message):
    if "coarse" in options:
        options = {"coarse": both["blocks.4"]}
    with pytest.raises(ValueError, match=message):
        factorize(both["bn2"], 1).sharpen(fine=both["blocks.4"], **options)


def test_an_unknown_focus_is_an_error(network, images):
    with pytest.raises(ValueError, match="focus is 'subject'; give None or \"object\""):
        DeepFeatureFactorization(2, network=network, focus="subject").fit(images)


def test_a_set_that_memory_would_not_hold_goes_through_the_network_for_each_pass(network, images, monkeypatch):
    whole = DeepFeatureFactorization(2, network=network, size=160).fit(images)
    monkeypatch.setattr("dff_widgets.dff._HELD_BYTES", 1000)
    streamed = DeepFeatureFactorization(2, network=network, size=160).fit(images)
    same(streamed.sharpen(), whole.sharpen(), atol=0.02)


def test_a_small_network_of_ones_own_is_sharpened(images):
    result = DeepFeatureFactorization(2, network=Small(), size=48).fit(images)
    assert result.sharpening.layer == "stem"
    assert [m.shape[0] for m in result.sharpen().maps] == [2] * 4


# --------------------------------------------------------------------------------- what nobody has learned before
def masks_are_equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_every_way_to_factorize_gives_the_same_automatic_masks(tmp_path, network, images, both):
    fitted = DeepFeatureFactorization(2, network=network, size=160).fit(images)
    sharp = fitted.masks(threshold="auto")
    assert not masks_are_equal(sharp, fitted.masks(threshold="auto", sharpen=False))
    store = dff.scale.extract(network, images, tmp_path / "deep", layer="bn2", size=160, dtype="float32")
    ways = {
        "factorize": factorize(both["bn2"], 2),
        "stack": factorize_stack(both["bn2"], [2])[0],
        "one layer, extracted alone": factorize(dff.extract(network, images, size=160), 2),
        "store": dff.scale.factorize(store, 2),
        "a store that is opened again": dff.scale.factorize(dff.scale.Store.open(store.path), 2),
        "reordered": factorize(both["bn2"], 2).reorder([1, 0]).reorder([1, 0]),
    }
    for way, result in ways.items():
        assert result.sharpening is None, way
        for a, b in zip(result.masks(threshold="auto"), sharp, strict=True):
            assert (a != b).mean() < 0.002, way  # to rounding
    tree = dff.factor_tree(both["bn2"], [1, 2])
    assert not masks_are_equal(tree[2].masks(threshold="auto"), tree[2].masks(threshold="auto", sharpen=False))


def test_what_is_extracted_beside_is_used_while_somebody_keeps_it(network, images, monkeypatch):
    both = extract_layers(network, images, ["bn2", "blocks.4"], size=160)
    result = factorize(both["bn2"], 1)
    runs = []
    monkeypatch.setattr(
        "dff_widgets.extraction.finer.extract_layers", lambda *a, **o: runs.append(a[2]) or extract_layers(*a, **o)
    )
    known = result.learn()
    assert runs == []
    assert result.learn() is known
    again = factorize(both["bn2"], 1)
    del both
    same(again.learn(), known, atol=0.01)
    assert runs == [["blocks.4", "bn2"]]  # both in one pass
    assert again.learn().layer == "blocks.4"
    assert len(runs) == 1


def test_more_than_memory_would_hold_goes_through_the_network_for_each_pass(network, images, monkeypatch):
    whole = factorize(dff.extract(network, images, size=160), 1)
    streamed = factorize(dff.extract(network, images, size=160), 1)
    whole.learn()
    monkeypatch.setattr("dff_widgets.extraction.finer._HELD_BYTES", 1000)
    monkeypatch.setattr("dff_widgets.extraction.finer.extract_layers", None)
    same(streamed.learn(), whole.learn(), atol=0.02)


def test_a_network_of_ones_own_is_kept_and_one_with_a_name_is_loaded_again(images):
    module = small()
    own = factorize(dff.extract(module, images, size=48), 2)
    assert own.learn().layer == "stem"
    named = dff.extract("efficientnet_lite0", images, size=64)
    assert named.origin.network == "efficientnet_lite0"
    assert named.origin.load() is not None
    assert factorize(named, 2).learn().layer == "blocks.4"


def test_a_file_keeps_what_automatic_masks_need(tmp_path, images, both):
    for i, activations in enumerate((both["bn2"], dff.extract(small(), images, size=48))):
        result, path = factorize(activations, 2), tmp_path / f"{i}.dff"
        result.save(path)
        again = dff.DFFResult.load(path)
        for a, b in zip(again.masks(threshold="auto"), result.masks(threshold="auto"), strict=True):
            assert (a != b).mean() < 0.002
        assert masks_are_equal(again.masks(), result.masks())


def test_a_file_of_another_network_of_that_name_is_no_silent_wrong(tmp_path, both):
    A = dataclasses.replace(
        both["bn2"], rows=np.random.default_rng(0).random(both["bn2"].matrix.shape).astype("f4") * 20
    )
    factorize(A, 2).save(tmp_path / "other.dff")
    with pytest.raises(ValueError, match="efficientnet_lite0 does not give the activations that this result explains"):
        dff.DFFResult.load(tmp_path / "other.dff").masks(threshold="auto")


def test_steered_factors_are_looked_at_anew(both):
    result = factorize(both["bn2"], 3)
    before = result.learn()
    steered = result.drop(1, activations=both["bn2"])
    assert steered.sharpening is None
    assert steered.learn().k == 2
    assert steered.learn() is not before


def test_a_photo_that_is_gone_is_named_and_the_maps_follow_edges_alone(tmp_path, network, images):
    from PIL import Image

    for i in range(3):
        Image.fromarray(images[i]).save(tmp_path / f"{i}.png")
    found = dff.extract(network, dff.ImageSet.from_folder(tmp_path), size=64)
    result = factorize(found, 2)
    (tmp_path / "1.png").unlink()
    with pytest.warns(UnreadableImageWarning, match="1.png"):
        masks = result.masks(threshold="auto")
    assert len(masks) == 3


def test_activations_are_copied_and_pickled_with_their_origin(both):
    import copy
    import pickle

    for again in (copy.deepcopy(both["bn2"]), pickle.loads(pickle.dumps(both["bn2"]))):
        assert again.origin.known("blocks.4") is None
        assert factorize(again, 2).learn().layer == "blocks.4"


def test_some_of_the_images_keep_their_maps(both):
    known = factorize(both["bn2"], 2).learn()
    some = known.subset([3, 1])
    assert np.array_equal(some.maps[0], known.maps[3])
    assert np.array_equal(some.levels, known.levels[[3, 1]])


# ------------------------------------------------------------------------------------------------ the object first
def alike(one, other):
    """Per factor of one which of the other has the same channels."""
    V, W = (r.factorization.W / np.linalg.norm(r.factorization.W, axis=1, keepdims=True) for r in (one, other))
    cosines = V @ W.T
    assert cosines.max(axis=1).min() > 0.99
    return cosines.argmax(axis=1).tolist()


def test_the_object_first_in_stack_and_tree_as_in_the_estimator(network, images, both):
    fitted = DeepFeatureFactorization(3, network=network, size=160, focus="object").fit(images)
    object_, parts = factorize_stack(both["bn2"], [1, 3], focus="object")
    assert alike(parts, fitted) == [0, 1, 2]
    assert np.array_equal(object_.factorization.W, factorize(both["bn2"], 1).factorization.W)
    same(parts.learn(), fitted.sharpening, atol=0.05)
    tree = dff.factor_tree(both["bn2"], [1, 2, 3], focus="object")
    assert list(tree) == [1, 2, 3]
    assert sorted(alike(tree[3], parts)) == [0, 1, 2]
    assert factorize(both["bn2"], 1, focus="object").k == 1


def test_the_object_first_in_a_store(tmp_path, network, images, both):
    store = dff.scale.extract(
        network, images, tmp_path / "deep", layer="bn2", size=160, dtype="float32", images_per_chunk=3
    )
    found = factorize(both["bn2"], 1)
    alone, expected = focused(store, found), focused(both["bn2"], found)
    np.testing.assert_allclose(alone.matrix[3:70], expected.matrix[3:70], atol=1e-6)
    np.testing.assert_allclose(alone.gram, expected.matrix.T.astype("f8") @ expected.matrix, rtol=1e-4, atol=1e-2)
    assert alone.squared_norm == pytest.approx(float((expected.matrix.astype("f8") ** 2).sum()), rel=1e-5)
    parts = dff.scale.factorize(store, 2, focus="object")
    expected = factorize(both["bn2"], 2, focus="object")
    assert alike(parts, expected) == [0, 1]
    same(parts.learn(), expected.learn(), atol=0.05)


def test_a_focus_and_a_matrix_do_not_go_together(both):
    with pytest.raises(ValueError, match="focus makes a matrix of its own; leave the matrix out"):
        factorize(both["bn2"], 2, focus="object", matrix=both["bn2"].matrix)
    for way in (factorize, lambda A, k, focus: dff.factor_tree(A, [k], focus=focus)):
        with pytest.raises(ValueError, match="focus is 'subject'"):
            way(both["bn2"], 2, focus="subject")
