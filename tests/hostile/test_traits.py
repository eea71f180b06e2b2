"""What a person or a late browser can set that an explorer cannot do: refused in a sentence, and nothing is harmed."""

import numpy as np
import pytest
import traitlets as t

import dff_widgets as dff
from dff_widgets.explore import Basis, Inline

from .test_soak import image_set, network


@pytest.fixture
def explorer():
    explorer = dff.DFFExplorer(image_set(0), network=network(0), k=2, size=48, run=Inline, foresee=False)
    assert explorer.error is None
    return explorer


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("percentile", 150, "from 0 to 100"),
        ("network", None, "give the name of a network, an nn.Module or a Network"),
        ("network", 3, "give the name of a network, an nn.Module or a Network"),
        ("percentile", float("nan"), "from 0 to 100"),
        ("shown", (99,), r"give images of 0\.\.4"),
        ("shown", (-1,), "give images by index from 0"),
        ("shown", ("first",), "give images by index"),
        ("shown", (1, 1), "each once"),
        ("opened", 5, r"give an image of 0\.\.4, or -1 for none"),
        ("opened", -2, "-1 for none"),
        ("opacity", [0.5], "give 2 values from 0 to 1"),
        ("opacity", [0.5, 1.5], "give 2 values from 0 to 1"),
        ("opacity", [0.5, float("nan")], "give 2 values from 0 to 1"),
        ("visible", [True] * 3, "give 2 values True or False"),
        ("selected", 2, r"give a factor of 0\.\.1, or -1 for none"),
        ("selected", -2, "-1 for none"),
        ("k", 0, "k is 0; give a number of factors, at least 1"),
        ("size", 7, "size is 7; .*16"),
        ("solver", "newton", "'hals', 'mu' or 'semi'"),
    ],
)
def test_a_value_out_of_range_is_refused_and_nothing_changes(explorer, trait, value, words) -> None:
    before = getattr(explorer, trait)
    with pytest.raises(t.TraitError, match=words):
        setattr(explorer, trait, value)
    assert getattr(explorer, trait) == before
    explorer.k = 3
    assert explorer.error is None
    assert len(explorer.opacity) == len(explorer.visible) == explorer.result.k == 3


def test_what_the_browser_says_of_factors_that_are_gone_harms_nothing(explorer) -> None:
    explorer.set_state({"opacities": {"0": 0.1, "77": 0.3}, "hidden": [5, 77], "selected": 2, "photo": "dim"})
    first, second = explorer.model.appearance.concepts(2)
    assert explorer.opacity == [0.1 if concept == 0 else 0.7 for concept in (first, second)]
    assert explorer.visible == [True, True]
    assert (explorer.selected, explorer.photo) == (-1, "dim")
    explorer.set_state({"selected": 1})
    assert explorer.selected == 1


@pytest.mark.parametrize(
    "state",
    [
        {"k": None},
        {"k": 2.5},
        {"k": 10**9},
        {"layer": 7},
        {"layer": "<img src=x>"},
        {"look": ["heat"]},
        {"percentile": "75"},
        {"tile_size": -5},
        {"filter": {"a": 1}},
        {"opened": 10**12},
        {"images": "/etc"},
        {"network": "vgg91"},
    ],
)
def test_whatever_a_browser_sends_the_explorer_is_whole(explorer, state) -> None:
    before = explorer.model.state
    explorer.set_state(state)
    assert explorer.model.state.request == before.request
    assert explorer.result.k == explorer.k == 2
    explorer.set_state({"k": 3})
    assert explorer.result.k == explorer.k == 3


def test_otsu_after_auto_is_otsu(explorer) -> None:
    explorer.labels = {0: ["torso"]}
    explorer.threshold = "auto"
    explorer.threshold = "otsu"
    explorer.wait(60)
    counted = [0, 2, 3, 4]
    masks = explorer.result.masks(threshold="otsu")
    want = dff.iou([masks[i] for i in counted], [explorer.images.parts[i] for i in counted], {0: ["torso"]})
    assert explorer.iou[0] == pytest.approx(want[0])
    explorer.set_state({"threshold": None})
    assert explorer.threshold is None


def test_factors_of_ones_own_bring_their_number(explorer) -> None:
    explorer.basis = Basis(np.eye(3, 10, dtype=np.float32))
    assert explorer.error is None
    assert explorer.k == explorer.result.k == 3


def test_the_factors_that_are_shown_go_to_other_images_whatever_is_on_its_way() -> None:
    explorer = dff.DFFExplorer(image_set(0), network=network(0), k=2, size=48, foresee=False)
    explorer.wait(60)
    W = explorer.result.factorization.W
    explorer.panel.label_on(2)
    explorer.wait(60)
    few = explorer.result.factorization.W
    assert not np.array_equal(few, W)
    explorer.size = 64  # on its way
    explorer.panel.apply_to_all()
    explorer.wait(60)
    assert explorer.error is None
    assert (explorer.k, explorer.shown, len(explorer.result)) == (2, (), 5)
    assert explorer.result.factorization.W.shape == few.shape
    explorer.close()


def test_names_of_many_factors_that_went_away_come_back(explorer) -> None:
    explorer.k = 5
    explorer.labels = {f: [f"part {f}"] for f in range(5)}
    names = {tuple(row): explorer.labels[f] for f, row in enumerate(explorer.result.factorization.W)}
    for k in (1, 5):
        explorer.k = k
        assert explorer.error is None
    assert [names[tuple(row)] for row in explorer.result.factorization.W] == [explorer.labels[f] for f in range(5)]


def test_a_factor_that_comes_back_has_its_last_name(explorer) -> None:
    explorer.k = 5
    explorer.labels = {4: ["old"]}
    explorer.k = 1
    explorer.k = 5
    explorer.labels = {4: ["new"]}
    explorer.layer, explorer.seed = "1", 3
    explorer.layer, explorer.seed = "3", 0
    assert explorer.labels[4] == ["new"]


def test_other_images_bring_their_own_masks_and_the_old_ones_are_let_go(explorer) -> None:
    truth = explorer.panel.truth
    explorer.images = image_set(1)
    explorer.wait(60)
    assert explorer.panel.truth is not truth
    explorer.panel.truth.polygon(1, "head", [(0, 0), (40, 0), (0, 40)])
    explorer.wait(60)
    assert explorer.panel.covered == len(explorer.images)  # this image had no ground truth


def test_a_browser_that_is_reloaded_gets_everything(explorer) -> None:
    for change in ({"k": 3}, {"layer": "1"}, {"images": image_set(1)}):
        for name, value in change.items():
            setattr(explorer, name, value)
        state = explorer.get_state()
        assert state["k"] == explorer.k
        assert len(state["photos"]) == len(explorer.images)
