import dataclasses
import re
import threading

import anywidget
import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

import dff_widgets as dff
from dff_widgets.explore.matching import ALIKE
from dff_widgets.explore.matching import map_likeness as likeness
from dff_widgets.explore.sides import pair
from dff_widgets.factorization import Factorization
from dff_widgets.widgets.comparison import PAGE


def consistent(comparison: dff.DFFComparison) -> None:
    """What holds whenever a comparison is idle and shows something."""
    left, right, view = comparison.left_result, comparison.right_result, comparison
    assert not comparison.busy
    assert (left.k, right.k) == (comparison.left["k"], comparison.right["k"])
    assert (left.layer, right.layer) == (comparison.left["layer"], comparison.right["layer"])
    rows = len(comparison.pairs)
    for name in ("colors", "opacity", "visible", "alike"):
        assert len(getattr(comparison, name)) == len(getattr(view, name)) == rows
    assert len(set(comparison.colors)) == rows
    assert sorted(f for f, _ in comparison.pairs if f is not None) == list(range(left.k))
    assert sorted(g for _, g in comparison.pairs if g is not None) == list(range(right.k))
    for (f, g), alike in zip(comparison.pairs, comparison.alike, strict=True):
        assert (alike is not None) == (f is not None and g is not None)
        assert alike is None or alike >= ALIKE
    indices = range(comparison.page * PAGE, min((comparison.page + 1) * PAGE, len(left)))
    assert view.captions == [left.images.names[i] for i in indices]
    assert len(view.tiles) == len(indices)
    for n, (side, heat, result) in enumerate(zip(view.sides, view.heats, (left, right), strict=True)):
        assert [comparison.pairs[row][n] for row in side["rows"]] == list(range(result.k))
        maps = np.concatenate([result.coarse_heatmaps(i).ravel() for i in indices])
        np.testing.assert_allclose(np.frombuffer(heat, np.uint8) / 255, maps, atol=0.5 / 255 + 1e-6)


@pytest.fixture
def left(network) -> dict:
    return {"network": network, "k": 2}


@pytest.fixture
def comparison(images, left) -> dff.DFFComparison:
    comparison = dff.DFFComparison(images, left, {"k": 3}, size=64)
    comparison.wait(30)
    assert comparison.error is None
    return comparison


# ------------------------------------------------------------------------------------------------- what is compared
def test_the_sides_are_what_the_functions_compute(comparison, images, network) -> None:
    consistent(comparison)
    activations = dff.extract(network, images, size=64)
    for side, k in ((comparison.left_result, 2), (comparison.right_result, 3)):
        factors = dff.nmf(dff.Sketch(activations.matrix, rank=10), k=k, seed=0)
        assert side.factorization.error == pytest.approx(factors.error, abs=1e-6)
    assert comparison.explained == pytest.approx(
        [1 - r.factorization.error**2 for r in (comparison.left_result, comparison.right_result)]
    )
    assert comparison.iou == [None, None]


@pytest.mark.parametrize("method", ["pca", "kmeans"])
def test_a_baseline_is_compared_on_the_same_activations(images, left, method: str) -> None:
    network = left["network"]
    comparison = dff.DFFComparison(images, left, {"method": method}, size=64)
    comparison.wait(30)
    consistent(comparison)
    forwards = []
    network[1].register_forward_hook(lambda *_: forwards.append(1))
    comparison.right = {"k": 3}
    comparison.left = {"method": method}
    comparison.wait(30)
    consistent(comparison)
    assert not forwards  # extracted once, for both sides and all methods
    want = getattr(dff.baselines, method)(dff.extract(network, images, size=64), 3, 0)
    assert comparison.right_result.factorization.error == pytest.approx(want.factorization.error, abs=1e-5)


def test_by_default_dff_meets_pca(images, left) -> None:
    comparison = dff.DFFComparison(images, left, size=64)
    assert (comparison.left["method"], comparison.right["method"]) == ("dff", "pca")
    assert comparison.right["network"] is comparison.left["network"]
    comparison.wait(30)
    consistent(comparison)


def test_two_layers_on_grids_of_their_own(images, left) -> None:
    comparison = dff.DFFComparison(images, left, {"layer": "2"}, size=64)
    comparison.wait(30)
    consistent(comparison)
    assert (comparison.left["layer"], comparison.right["layer"]) == ("4", "2")
    assert comparison.left_result.shapes != comparison.right_result.shapes


def test_two_networks_and_the_default_layer_of_the_other(images, network, left) -> None:
    other = torch.nn.Sequential(*network[:3])
    comparison = dff.DFFComparison(images, {**left, "layer": "4"}, {"network": other}, size=64)
    assert comparison.right["layer"] == ""
    comparison.wait(30)
    consistent(comparison)
    assert comparison.right["layer"] == "2"


def test_signed_activations_are_factorized_by_semi_nmf(comparison) -> None:
    comparison.right = {"layer": "3"}
    comparison.wait(30)
    assert comparison.error is None
    assert (comparison.right_result.factorization.W < 0).any()
    consistent(comparison)


def test_one_of_two_clusters_explains_nothing_by_itself(comparison) -> None:
    comparison.right = {"method": "kmeans", "k": 1}
    comparison.wait(30)
    assert comparison.explained[1] is None
    assert comparison.explained[0] > 0
    assert "explains" not in comparison.sides[1]["line"]


def test_the_iou_is_that_of_the_75th_percentile(images, left) -> None:
    parts = [{"top": np.arange(h)[:, None] < np.full(w, h // 2)} for h, w in [(80, 96), (64, 64), (90, 70), (64, 64)]]
    known = dff.ImageSet.from_arrays(list(images), parts=parts)
    comparison = dff.DFFComparison(known, left, {"k": 3}, size=64)
    comparison.wait(30)
    for score, result in zip(comparison.iou, (comparison.left_result, comparison.right_result), strict=True):
        scores = dff.best_part_iou(result.masks(percentile=75), parts)
        assert score == pytest.approx(np.mean([s.iou for s in scores]))
    assert f"mean best-part IoU {comparison.iou[0]:.2f}" in comparison.sides[0]["line"]


# ----------------------------------------------------------------------------------------------------- what is alike
SHAPES = ((2, 3), (3, 2))
IMAGES = dff.ImageSet.from_arrays([np.zeros((8 * h, 8 * w, 3), np.uint8) for h, w in SHAPES])


def made(H: np.ndarray, *, images=IMAGES, shapes=SHAPES) -> dff.DFFResult:
    sizes = tuple((8 * h, 8 * w) for h, w in shapes)
    W = np.ones((H.shape[1], 4), np.float32)
    return dff.DFFResult(Factorization(H.astype(np.float32), W, 0.1, 1, True), images, shapes, sizes, "n", "l", 16)


def test_likeness_is_the_correlation_of_the_positive_maps() -> None:
    rng = np.random.default_rng(0)
    H, G = rng.standard_normal((12, 3)), rng.standard_normal((12, 2))
    got = likeness(made(H), made(G))
    for f in range(3):
        for g in range(2):
            a, b = np.maximum(H[:, f], 0), np.maximum(G[:, g], 0)
            assert got[f, g] == pytest.approx(max(0, np.corrcoef(a, b)[0, 1]), abs=1e-6)
    assert likeness(made(np.zeros((12, 1))), made(G)).tolist() == [[0, 0]]


def test_only_what_is_alike_shares_a_row() -> None:
    a, b, c, d = np.eye(12)[:, :4].T + 0.01
    right, rows, alike = pair(made(np.stack([a, b, c], axis=1)), made(np.stack([d, c, a], axis=1)))
    assert rows == [(0, 0), (1, None), (2, 1), (None, 2)]
    np.testing.assert_allclose(right.factorization.H, np.stack([a, c, d], axis=1), rtol=1e-6)
    assert [v is None for v in alike] == [False, True, False, True]
    assert alike[0] == pytest.approx(1)


def test_a_good_pair_is_not_parted_for_the_sum_of_two_poor_ones() -> None:
    x, y, z = np.eye(12)[:, :3].T
    # correlations: (0, 0) 0.55; but (0, 1) 0.38 + (1, 0) 0.37 would be the larger sum
    left = [x, y]
    right = [0.6 * x + 0.45 * y + np.sqrt(1 - 0.36 - 0.2025) * z, 0.45 * x + np.sqrt(1 - 0.2025) * np.eye(12)[3]]
    left_result, right_result = made(np.stack(left, axis=1)), made(np.stack(right, axis=1))
    np.testing.assert_allclose(likeness(left_result, right_result), [[0.55, 0.38], [0.37, 0]], atol=0.01)
    assert pair(left_result, right_result)[1] == [(0, 0), (1, None), (None, 1)]


def test_the_left_keeps_its_colours_and_what_a_person_set(comparison) -> None:
    colors, result = comparison.colors[:2], comparison.left_result
    comparison.opacity = [0.3, 0.9, *comparison.opacity[2:]]
    comparison.visible = [True, False, *comparison.visible[2:]]
    comparison.selected = 1
    comparison.right = {"method": "kmeans", "k": 4}
    comparison.wait(30)
    consistent(comparison)
    assert (comparison.colors[:2], comparison.opacity[:2]) == (colors, [0.3, 0.9])
    assert (comparison.visible[:2], comparison.selected) == ([True, False], 1)
    comparison.left = {"k": 3}
    comparison.wait(30)
    consistent(comparison)
    assert comparison.colors[:2] == colors
    alike = likeness(result, comparison.left_result)
    assert alike[0, 0] + alike[1, 1] > alike[0, 1] + alike[1, 0]


# ------------------------------------------------------------------------------------------------------ its settings
def test_what_is_left_out_stays(comparison, network) -> None:
    comparison.right = {"seed": 5}
    assert comparison.right == {"network": network, "layer": "4", "k": 3, "method": "dff", "seed": 5}
    comparison.wait(30)
    consistent(comparison)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"solver": "mu"}, "right is given .*'solver'.*; give a dict of network, layer, k, method, seed"),
        ({"method": "nmf"}, "the method of right is 'nmf'; it is one of dff, pca, kmeans"),
        ({"k": "3"}, "k of right is '3'; give a whole number"),
        ({"network": 7}, "right has the network int"),
        ([("k", 3)], "expected a dict"),
    ],
)
def test_settings_that_are_none_raise_and_change_nothing(comparison, bad, words) -> None:
    before = comparison.right
    with pytest.raises(traitlets.TraitError, match=words):
        comparison.right = bad
    assert comparison.right == before
    consistent(comparison)


@pytest.mark.parametrize(
    ("bad", "words"), [({"layer": "nope"}, "right: .*'nope'"), ({"k": 99}, "right: .*99"), ({"k": 0}, "right: .*k")]
)
def test_settings_that_fail_are_said_and_taken_back(comparison, bad, words) -> None:
    before, results = comparison.right, (comparison.left_result, comparison.right_result)
    comparison.right = bad
    comparison.wait(30)
    assert comparison.error == comparison.status
    assert re.match(words, comparison.error)
    assert comparison.right == before
    assert (comparison.left_result, comparison.right_result) == results
    comparison.right = {"k": 2}
    comparison.wait(30)
    assert comparison.error is None
    consistent(comparison)


def test_an_unknown_option_and_a_page_that_is_not_there_are_refused(comparison, images) -> None:
    with pytest.raises(TypeError, match="'kk'"):
        dff.DFFComparison(images, kk=3)
    with pytest.raises(traitlets.TraitError, match=r"page is 1; there are the pages 0\.\.0"):
        comparison.page = 1


# ------------------------------------------------------------------------------------------------- going on meanwhile
def test_the_latest_request_wins(comparison, network) -> None:
    network[0].gate.clear()
    network[0].entered.clear()
    comparison.size = 80
    assert network[0].entered.wait(10)
    comparison.size = 96
    comparison.right = {"k": 4}
    assert comparison.busy
    network[0].gate.set()
    comparison.wait(30)
    assert comparison.left_result.size == comparison.right_result.size == comparison.size == 96
    assert comparison.right_result.k == 4
    consistent(comparison)


def test_cancel_goes_back_to_what_was_shown(comparison, network) -> None:
    results = (comparison.left_result, comparison.right_result)
    network[0].gate.clear()
    network[0].entered.clear()
    comparison.size = 80
    assert network[0].entered.wait(10)
    with pytest.raises(TimeoutError, match="not done after"):
        comparison.wait(0.05)
    comparison.cancel()
    network[0].gate.set()
    comparison.wait(30)
    assert (comparison.status, comparison.error, comparison.size) == ("cancelled", None, 64)
    assert (comparison.left_result, comparison.right_result) == results
    consistent(comparison)


def test_pages_turn_on_both_sides(network) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (PAGE + 3, 64, 64, 3), dtype=np.uint8)
    comparison = dff.DFFComparison(list(pixels), {"network": network, "k": 2}, {"method": "pca"}, size=64)
    comparison.wait(30)
    consistent(comparison)
    comparison.act({"do": "page", "step": 1})
    comparison.wait(30)
    assert comparison.page == 1
    assert comparison.captions == [f"image {i}" for i in range(PAGE, PAGE + 3)]
    consistent(comparison)
    for nonsense in ({"do": "page", "step": 1}, {"do": "page", "step": 50}, {"do": "page"}, {}):
        comparison.act(nonsense)
    assert comparison.page == 1


def test_new_images_replace_the_old(comparison, images) -> None:
    comparison.images = list(images)[1:3]
    comparison.wait(30)
    assert comparison.error is None
    assert comparison.captions == ["image 0", "image 1"]
    consistent(comparison)
    with pytest.raises((TypeError, ValueError)):
        comparison.images = []
    assert len(comparison.images) == 2


def test_an_unreadable_image_is_left_out_and_named(tmp_path, left) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        Image.fromarray(rng.integers(0, 256, (64, 80, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    comparison = dff.DFFComparison(tmp_path, left, {"layer": "2"}, size=64)
    comparison.wait(30)
    assert comparison.error is None
    assert "b.png" in comparison.status
    assert comparison.captions == ["a.png", "c.png"]
    consistent(comparison)


def test_a_broken_part_mask_is_said_and_the_pictures_stay(images, left) -> None:
    parts = [{"top": np.ones((3, 3), dtype=bool)}] * 4
    comparison = dff.DFFComparison(dataclasses.replace(images, parts=parts), left, {"k": 3}, size=64)
    comparison.wait(30)
    assert comparison.error.startswith("no IoU: ")
    consistent(comparison)


# -------------------------------------------------------------------------------------------------------- the browser
def test_the_browser_follows_and_sets_the_settings(comparison) -> None:
    assert comparison.settings[1] == {"network": "Sequential", "layer": "4", "k": 3, "method": "dff", "seed": 0}
    assert [one["name"] for one in comparison.layers[1]] == ["4", "0", "1", "2", "3"]
    comparison.act({"do": "side", "which": "right", "name": "method", "value": "pca"})
    comparison.act({"do": "side", "which": "right", "name": "k", "value": 2})
    comparison.wait(30)
    assert (comparison.right["method"], comparison.right["k"], comparison.left["k"]) == ("pca", 2, 2)
    comparison.right = {"k": 3}
    comparison.wait(30)
    assert comparison.settings[1]["k"] == 3
    comparison.act({"do": "side", "which": "right", "name": "layer", "value": "nope"})
    comparison.wait(30)
    assert "nope" in comparison.error
    assert comparison.settings[1]["layer"] == comparison.right["layer"] == "4"


def test_another_network_is_typed(comparison) -> None:
    before = comparison.left
    comparison.act({"do": "side", "which": "left", "name": "network", "value": "vgg91"})
    comparison.wait(30)
    assert comparison.error.startswith("left: ")
    assert "vgg91" in comparison.error
    assert comparison.left == before


@pytest.mark.parametrize(
    "content", [{"do": "side"}, {"do": "side", "which": "left", "name": "k", "value": "3"}, {"set": {"page": 7}}, {}, 3]
)
def test_messages_that_make_no_sense_change_nothing(comparison, content) -> None:
    before = comparison.left, comparison.right, comparison.page
    comparison.act(content)
    comparison.wait(30)
    assert (comparison.left, comparison.right, comparison.page) == before
    consistent(comparison)


def test_it_is_one_widget(comparison) -> None:
    assert isinstance(comparison, anywidget.AnyWidget)
    assert not hasattr(comparison, "children")


def test_its_repr_says_what_is_compared(comparison) -> None:
    said = repr(comparison)
    assert said.startswith(
        "DFFComparison(4 images: Sequential · 4 · DFF, k = 2 | Sequential · 4 · DFF, k = 3; 4 images"
    )


def test_it_can_be_driven_from_another_thread(comparison) -> None:
    def drive() -> None:
        for k in (4, 1, 3, 4):
            comparison.left = {"k": k}
            comparison.right = {"k": 5 - k}
        comparison.wait(30)

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join(60)
    assert (comparison.left_result.k, comparison.right_result.k) == (4, 1)
    consistent(comparison)
