import base64
import copy
import io
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from PIL import Image

import dff_widgets as dff
from dff_widgets.heat import contact_sheet


def consistent(explorer: dff.DFFExplorer) -> None:
    """What holds whenever the explorer is idle."""
    result, gallery = explorer.result, explorer.gallery
    assert not explorer.busy
    assert result is not None
    assert result.k == explorer.k
    assert result.layer == explorer.layer
    for name in ("colors", "opacity", "visible", "names", "shares", "gains"):
        assert len(getattr(gallery, name)) == explorer.k
    assert len(set(explorer.colors)) == explorer.k
    for name in ("colors", "opacity", "visible", "selected"):
        assert getattr(gallery, name) == getattr(explorer, name)
    assert len(gallery.tiles) == len(gallery.captions) == len(gallery.grids)
    assert len(gallery.heat) == explorer.k * sum(h * w for h, w in gallery.grids)


def test_it_shows_what_the_functions_compute(explorer, images, network) -> None:
    consistent(explorer)
    activations = dff.extract(network, images, layer=explorer.layer, size=64)
    factors = dff.nmf(dff.Sketch(activations.matrix, rank=10), k=2, seed=0)
    assert explorer.result.factorization.error == pytest.approx(factors.error, abs=1e-6)
    heat = np.frombuffer(explorer.gallery.heat, np.uint8)
    h, w = explorer.gallery.grids[0]
    want = explorer.result.coarse_heatmaps(0)
    np.testing.assert_allclose(heat[: 2 * h * w].reshape(2, h, w) / 255, want, atol=0.5 / 255 + 1e-6)


def test_the_default_layer_is_named_once_it_is_known(explorer) -> None:
    assert explorer.layer == "4"
    explorer.layer = "2"
    explorer.wait(30)
    consistent(explorer)
    assert explorer.result.factorization.W.shape == (2, 6)
    explorer.layer = ""
    explorer.wait(30)
    assert explorer.layer == "4"


@pytest.mark.parametrize("trait", ["k", "seed", "size", "solver", "layer"])
def test_every_trait_that_a_result_depends_on_asks_for_a_new_one(explorer, trait: str) -> None:
    before = explorer.result
    setattr(explorer, trait, {"k": 3, "seed": 7, "size": 80, "solver": "mu", "layer": "2"}[trait])
    explorer.wait(30)
    assert explorer.error is None
    assert explorer.result is not before
    consistent(explorer)


def test_going_back_computes_nothing_again(explorer, network) -> None:
    first = explorer.result.factorization.error
    explorer.k = 3
    explorer.wait(30)
    network[0].entered.clear()
    explorer.k = 2
    explorer.wait(30)
    assert explorer.result.factorization.error == first
    assert not network[0].entered.is_set()


def test_a_factor_keeps_its_colour_and_settings_when_k_grows(explorer) -> None:
    explorer.opacity = [0.3, 0.9]
    explorer.visible = [True, False]
    explorer.selected = 1
    colors, H = explorer.colors, explorer.result.factorization.H
    explorer.k = 3
    explorer.wait(30)
    consistent(explorer)
    assert explorer.colors[:2] == colors
    assert explorer.opacity[:2] == [0.3, 0.9]
    assert explorer.visible == [True, False, True]
    assert explorer.selected == 1
    new = explorer.result.factorization.H

    def cosine(a, b):
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert sum(cosine(H[:, j], new[:, j]) for j in range(2)) > sum(cosine(H[:, j], new[:, 1 - j]) for j in range(2))


def test_colours_are_kept_across_layers(explorer) -> None:
    colors = explorer.colors
    explorer.layer = "2"
    explorer.wait(30)
    assert explorer.colors == colors


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("k", 0, ["k", "0"]),
        ("k", 11, ["k", "11", "10"]),
        ("layer", "nope", ["'nope'"]),
        ("layer", "7", ["spatial"]),
        ("network", "vgg91", ["'vgg91'", "vgg19"]),
        ("solver", "hal", ["'hal'", "hals"]),
        ("size", 3, ["size", "3", "16"]),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence_and_changes_nothing(explorer, trait, value, words) -> None:
    before, result = getattr(explorer, trait), explorer.result
    setattr(explorer, trait, value)
    explorer.wait(30)
    for word in words:
        assert word in explorer.error
    assert "\n" not in explorer.error
    assert explorer.status == explorer.error
    assert explorer.result is result
    assert getattr(explorer, trait) == before
    consistent(explorer)
    explorer.k = 3
    explorer.wait(30)
    assert explorer.error is None
    consistent(explorer)


def test_signed_activations_name_the_way_out(explorer) -> None:
    explorer.layer = "3"
    explorer.wait(30)
    assert "semi" in explorer.error
    explorer.solver = "semi"
    explorer.layer = "3"
    explorer.wait(30)
    assert explorer.error is None
    consistent(explorer)


def test_nan_activations_are_refused(explorer, network) -> None:
    with torch.no_grad():
        network[1].weight[0, 0, 0, 0] = float("nan")
    explorer.size = 70
    explorer.wait(30)
    assert "NaN" in explorer.error
    assert explorer.size == 64


@pytest.mark.parametrize("bad", [[], "/no/such/folder", 7, [np.zeros((4, 4, 7))]])
def test_images_that_are_none_raise_and_change_nothing(explorer, images, bad) -> None:
    with pytest.raises((ValueError, TypeError)):
        explorer.images = bad
    assert explorer.images is images
    consistent(explorer)
    with pytest.raises((ValueError, TypeError)):
        dff.DFFExplorer(bad)


def test_an_unknown_option_is_refused(images) -> None:
    with pytest.raises(TypeError, match="'kk'"):
        dff.DFFExplorer(images, kk=3)


def test_new_images_replace_the_old(explorer) -> None:
    explorer.images = [np.full((70, 64, 3), 9, np.uint8), np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)]
    explorer.wait(30)
    assert explorer.error is None
    assert explorer.gallery.captions == ["image 0", "image 1"]
    consistent(explorer)


def test_a_wrong_value_after_new_images_is_taken_back_too(explorer, network, images) -> None:
    explorer.images = list(images)[:2]
    explorer.network = "vgg91"
    explorer.wait(30)
    assert "vgg91" in explorer.error
    assert explorer.network is network
    explorer.k = 3
    explorer.wait(30)
    consistent(explorer)
    assert len(explorer.result) == 2


def test_an_unreadable_image_is_left_out_and_named(tmp_path, network) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        Image.fromarray(rng.integers(0, 256, (64, 80, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    explorer = dff.DFFExplorer(tmp_path, network=network, k=2, size=64)
    explorer.wait(30)
    assert explorer.error is None
    assert "b.png" in explorer.status
    assert explorer.gallery.captions == ["a.png", "c.png"]
    consistent(explorer)


def test_the_latest_request_wins(explorer, network) -> None:
    network[0].gate.clear()
    network[0].entered.clear()
    explorer.size = 80
    assert network[0].entered.wait(10)
    explorer.size = 96
    explorer.size = 112
    assert explorer.busy
    network[0].gate.set()
    explorer.wait(30)
    assert explorer.result.size == explorer.size == 112
    consistent(explorer)


def test_cancel_goes_back_to_what_was_shown(explorer, network) -> None:
    result = explorer.result
    network[0].gate.clear()
    network[0].entered.clear()
    explorer.size = 80
    assert network[0].entered.wait(10)
    explorer.cancel()
    network[0].gate.set()
    explorer.wait(30)
    assert explorer.status == "cancelled"
    assert explorer.error is None
    assert explorer.size == 64
    assert explorer.result is result
    consistent(explorer)


def test_wait_gives_up_with_a_sentence(explorer, network) -> None:
    network[0].gate.clear()
    explorer.size = 80
    with pytest.raises(TimeoutError, match="not done after"):
        explorer.wait(0.05)
    network[0].gate.set()
    explorer.wait(30)


def test_progress_is_told(images, network) -> None:
    told = []
    network[0].gate.clear()
    explorer = dff.DFFExplorer(images, network=network, k=2, size=64)
    explorer.observe(lambda change: told.append(change["new"]), "status")
    network[0].gate.set()
    explorer.wait(30)
    assert any(status.startswith("extracting 4/4") for status in told)
    assert told[-1].startswith("4 images · 2 factors explain")


def test_large_sets_are_paged(network) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
    explorer = dff.DFFExplorer(list(pixels), network=network, k=2, size=64)
    explorer.wait(30)
    assert (explorer.pages, len(explorer.gallery.tiles)) == (2, 24)
    explorer.page = 1
    explorer.wait(30)
    assert explorer.gallery.captions == [f"image {i}" for i in range(24, 30)]
    consistent(explorer)
    heat = np.frombuffer(explorer.gallery.heat, np.uint8)
    h, w = explorer.gallery.grids[-1]
    want = explorer.result.coarse_heatmaps(29)
    np.testing.assert_allclose(heat[-2 * h * w :].reshape(2, h, w) / 255, want, atol=0.5 / 255 + 1e-6)


def test_two_explorers_do_not_disturb_each_other(images, network) -> None:
    one = dff.DFFExplorer(images, network=network, k=2, size=64)
    other = dff.DFFExplorer(images, network=network, k=3, size=64)
    one.wait(30)
    other.wait(30)
    one.opacity = [0.1, 0.2]
    consistent(one)
    consistent(other)
    assert other.opacity == [other.opacity[0]] * 3


def test_controls_follow_the_traits_and_set_them(explorer) -> None:
    controls = explorer._controls
    explorer.k = 3
    explorer.wait(30)
    assert controls._k.value == 3
    controls._k.value = 2
    explorer.wait(30)
    assert explorer.k == explorer.result.k == 2
    assert [value for _, value in controls._layer.options] == ["4", "2"]
    explorer.k = 0
    explorer.wait(30)
    assert controls._k.value == explorer.k == 2


def test_layers_are_listed_with_their_shape_at_this_size(explorer) -> None:
    h, w = explorer.result.shapes[0]
    assert h != w
    assert explorer._controls._layer.options[0] == (f"4 · {h}×{w}×10 · /8", "4")
    explorer.size = 128
    explorer.wait(30)
    assert explorer.result.shapes[0] != (h, w)
    h, w = explorer.result.shapes[0]
    assert explorer._controls._layer.options[0] == (f"4 · {h}×{w}×10 · /8", "4")


def test_layers_whose_shape_cannot_be_said_are_listed_by_their_channels(explorer, monkeypatch) -> None:
    def refuse(*_arguments):
        raise ValueError("does not take images of that size")

    monkeypatch.setattr(type(explorer.pipeline.known_network(explorer.network)), "grids", refuse)
    explorer.size = 96
    explorer.wait(30)
    assert explorer.error is None
    assert explorer._controls._layer.options[0] == ("4 · 10 ch · /8", "4")


def test_what_failed_is_over_once_a_person_goes_back_to_what_there_was(explorer) -> None:
    before, said = explorer.network, explorer.status.rpartition(" · ")[0]
    explorer.set_by_person("network", "vgg91")
    explorer.wait(30)
    assert "vgg91" in explorer.status
    assert explorer.network is before
    explorer.set_by_person("network", before)
    explorer.wait(30)
    assert explorer.error is None
    assert explorer.status.startswith(said)
    consistent(explorer)


def test_a_status_is_text_not_markup(explorer) -> None:
    explorer.layer = "<img src=x onerror=alert(1)>"
    explorer.wait(30)
    assert "<img" in explorer.status
    assert "<img" not in explorer._controls._status.value


def test_it_can_be_driven_from_another_thread(explorer) -> None:
    def drive() -> None:
        for k in (3, 1, 2, 3):
            explorer.k = k
        explorer.wait(30)

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join(60)
    assert explorer.k == 3
    consistent(explorer)


def test_without_a_front_end_it_is_a_line_of_text_and_a_picture(explorer) -> None:
    assert repr(explorer) == f"DFFExplorer(4 images: Sequential · 4 · k=2; {explorer.status})"
    data, _ = DisplayFormatter().format(explorer)
    assert data["text/plain"] == repr(explorer)
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"]))))
    assert picture.shape == (200, 4 * 204 - 4, 3)
    photos = contact_sheet(explorer.images, range(4), [], [])
    assert np.abs(picture.astype(int) - np.asarray(Image.open(io.BytesIO(photos)))).max() > 40


# ------------------------------------------------------------------------------------- the labelling panel inside it
@pytest.fixture
def labelled(images, network):
    parts = [{"left": np.arange(w) < w // 2 * np.ones((h, 1), bool)} for h, w in map(images.size, range(len(images)))]
    explorer = dff.DFFExplorer(dff.ImageSet.from_arrays(list(images), parts=parts), network=network, k=2, size=64)
    explorer.wait(30)
    return explorer


def test_its_traits_are_the_panels(labelled):
    panel = labelled.panel
    labelled.labels = {1: "left"}
    labelled.percentile, labelled.threshold = 60, "otsu"
    labelled.wait(30)
    assert (panel.labels, panel.percentile, panel.threshold) == ({1: ["left"]}, 60, "otsu")
    want = dff.iou(labelled.result.masks(threshold="otsu"), labelled.images.parts, {1: ["left"]})
    assert labelled.iou == panel.iou == [None, pytest.approx(want[1])]
    panel.clear()
    assert labelled.labels == {}
    assert labelled.iou == [None, None]
    panel.undo()
    panel.percentile = 70
    assert (labelled.labels, labelled.percentile) == ({1: ["left"]}, 70)


def test_names_given_at_first_are_those_of_the_first_result(images, network):
    explorer = dff.DFFExplorer(images, network=network, k=2, size=64, labels={1: ["tail"]})
    explorer.wait(30)
    assert explorer.labels == explorer.panel.labels == {1: ["tail"]}
    assert len(explorer.labels) == 2
    assert explorer.gallery.names == ["factor 0", "tail"]


def test_labels_know_how_many_factors_there_are(labelled):
    for k in (3, 1, 2):
        labelled.k = k
        labelled.wait(30)
        assert len(labelled.labels) == len(labelled.panel.labels) == len(labelled.iou) == k


def test_factors_of_a_few_images_are_found_there_alone(labelled, network):
    labelled.look_at((0, 2), refit=True)
    labelled.wait(30)
    assert labelled.shown == (0, 2)
    alone = dff.DeepFeatureFactorization(k=2, network=network, size=64).fit(labelled.images.subset((0, 2)))
    assert labelled.result.factorization.error == pytest.approx(alone.factorization.error, abs=1e-4)
    W = labelled.result.factorization.W
    labelled.look_at((1, 3), refit=False)
    labelled.wait(30)
    np.testing.assert_array_equal(labelled.result.factorization.W, W)
    assert labelled.gallery.captions == ["image 1", "image 3"]
    consistent(labelled)
    labelled.k = 3  # other factors are wanted: they are found in the images that are shown
    labelled.wait(30)
    assert (labelled.basis, labelled.shown, len(labelled.result)) == (None, (1, 3), 2)
    consistent(labelled)


def test_new_images_have_their_own_part_masks(labelled, images):
    labelled.labels = {0: ["left"]}
    labelled.wait(30)
    labelled.images = list(images)[:3]
    labelled.wait(30)
    consistent(labelled)
    assert labelled.panel.covered == 0
    assert labelled.iou == [None, None]


def test_what_is_asked_while_an_answer_arrives_is_not_undone(explorer):
    for k in (3, 1, 2) * 8:
        explorer.k = k
    explorer.wait(30)
    assert explorer.k == explorer.result.k == 2
    consistent(explorer)


def test_other_networks_with_as_many_channels_are_matched_by_where_their_factors_are(explorer, network) -> None:
    twin = torch.nn.Sequential(torch.nn.Identity(), *copy.deepcopy(list(network)[1:]))
    with torch.no_grad():  # the same maps, the channels in another order
        order = torch.tensor([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
        twin[3].weight.copy_(network[3].weight[order])
        twin[3].bias.copy_(network[3].bias[order])
    explorer.k = 3
    explorer.wait(30)
    before, colors = explorer.result, list(explorer.colors)
    explorer.network = twin
    explorer.wait(30)
    after = explorer.result
    for j, color in enumerate(explorer.colors):
        a, b = (
            np.concatenate([r.coarse_heatmaps(i)[f].ravel() for i in range(4)])
            for r, f in ((after, j), (before, colors.index(color)))
        )
        assert np.corrcoef(a, b)[0, 1] > 0.95


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # its import fails
import dff_widgets as dff
explorer = dff.DFFExplorer(dff.datasets.creatures(n=3, seed=0, size=64))
explorer.observe(lambda change: print(change["new"]), "status")
explorer.wait(60)
print(len(explorer.gallery.tiles), "photos")
"""


def test_the_photos_do_not_wait_for_torch() -> None:
    said = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True).stdout
    first, *_, error, photos = said.splitlines()
    assert first.startswith("loading efficientnet_lite0")
    assert error.startswith("ModuleNotFoundError: import of torch halted")
    assert photos == "3 photos"
