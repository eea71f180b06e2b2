"""What a person or a late browser can set that an explorer cannot do: refused in a sentence, and nothing is harmed."""

import gc
import weakref

import numpy as np
import pytest
import traitlets as t
from ipywidgets.widgets.widget import _instances

import dff_widgets as dff
from dff_widgets.widgets.request import Basis

from .test_soak import image_set, network


@pytest.fixture
def explorer():
    explorer = dff.DFFExplorer(image_set(0), network=network(0), k=2, size=48)
    explorer.wait(60)
    assert explorer.error is None
    return explorer


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("percentile", 150, "from 0 to 100"),
        ("network", None, "expected the name of a network, an nn.Module or a Network"),
        ("network", 3, "expected the name of a network, an nn.Module or a Network"),
        ("percentile", float("nan"), "from 0 to 100"),
        ("shown", (99,), "give images of 0..4"),
        ("shown", (-1,), "give images of 0..4"),
        ("shown", ("first",), "give images of 0..4"),
        ("shown", (1, 1), "each once"),
        ("page", 1, "give one of 0..0"),
        ("page", -1, "give one of 0..0"),
        ("opacity", [0.5], "give 2 values from 0 to 1"),
        ("opacity", [0.5, 1.5], "give 2 values from 0 to 1"),
        ("opacity", [0.5, float("nan")], "give 2 values from 0 to 1"),
        ("visible", [True] * 3, "give 2 values True or False"),
        ("selected", 2, r"give a factor of 0..1, or -1 for none"),
        ("selected", -2, r"give a factor of 0..1, or -1 for none"),
    ],
)
def test_a_value_out_of_range_is_refused_and_nothing_changes(explorer, trait, value, words) -> None:
    before = getattr(explorer, trait)
    with pytest.raises(t.TraitError, match=words):
        setattr(explorer, trait, value)
    assert getattr(explorer, trait) == before
    explorer.k = 3
    explorer.wait(60)
    assert explorer.error is None
    assert len(explorer.opacity) == len(explorer.visible) == explorer.result.k == 3


def test_what_the_browser_says_of_factors_that_are_gone_is_not_heard(explorer) -> None:
    explorer.gallery.set_state({"opacity": [0.1, 0.2, 0.3], "visible": [False], "selected": 2, "photo": 0.5})
    assert (explorer.opacity, explorer.visible, explorer.selected) == ([0.7, 0.7], [True, True], -1)
    assert explorer.gallery.photo == 0.5
    explorer.gallery.set_state({"opacity": [0.1, 0.2], "selected": 1})
    assert (explorer.opacity, explorer.selected) == ([0.1, 0.2], 1)


def test_otsu_after_auto_is_otsu(explorer) -> None:
    explorer.labels = {0: ["torso"]}
    explorer.threshold = "auto"
    explorer.threshold = "otsu"
    explorer.wait(60)
    assert explorer.panel.threshold == "otsu"
    counted = [0, 2, 3, 4]
    masks = explorer.result.masks(threshold="otsu")
    want = dff.iou([masks[i] for i in counted], [explorer.images.parts[i] for i in counted], {0: ["torso"]})
    assert explorer.iou[0] == pytest.approx(want[0])
    explorer.gallery.automatic = True
    assert explorer.threshold == "auto"
    explorer.gallery.automatic = False
    assert explorer.threshold is None


def test_factors_of_ones_own_bring_their_number(explorer) -> None:
    explorer.basis = Basis(np.eye(3, 10, dtype=np.float32))
    explorer.wait(60)
    assert explorer.error is None
    assert explorer.k == explorer.result.k == 3


def test_the_factors_that_are_shown_go_to_other_images_whatever_is_on_its_way(explorer) -> None:
    W = explorer.result.factorization.W
    with explorer.lock:  # no answer comes between
        explorer.layer, explorer.k = "1", 3
        explorer.look_at((1, 3), refit=False)
    explorer.wait(60)
    assert explorer.error is None
    assert (explorer.layer, explorer.k, explorer.shown) == ("3", 2, (1, 3))
    np.testing.assert_array_equal(explorer.result.factorization.W, W)


def test_names_of_many_factors_that_went_away_come_back(explorer) -> None:
    explorer.k = 5
    explorer.wait(60)
    explorer.labels = {f: [f"part {f}"] for f in range(5)}
    names = {tuple(row): explorer.labels[f] for f, row in enumerate(explorer.result.factorization.W)}
    for k in (1, 5):
        explorer.k = k
        explorer.wait(60)
        assert explorer.error is None
    assert [names[tuple(row)] for row in explorer.result.factorization.W] == [explorer.labels[f] for f in range(5)]


def test_a_factor_that_comes_back_has_its_last_name(explorer) -> None:
    """Named and lost twice, and between the two continued rather than found again."""
    panel, W = explorer.panel, np.eye(2, 10, dtype=np.float32)
    results = {}
    for k in (1, 2):
        explorer.basis = Basis(W[:k])
        explorer.wait(60)
        results[k] = explorer.result
    panel.show(results[2], {0: 0, 1: 1})
    panel.labels = {1: ["old"]}
    panel.show(results[1], {0: 0})
    panel.show(results[2], {0: 0, 1: 0})  # it continues another one: its own name waits
    panel.labels = {1: ["new"]}
    panel.show(results[1], {0: 0})
    panel.show(results[2], {0: 0})
    assert panel.labels[1] == ["new"]


def test_an_open_image_follows_the_result_and_closes_with_its_masks(explorer) -> None:
    explorer.panel.open_image(1)
    (view,) = explorer.panel.slot.children
    explorer.k = 3
    explorer.wait(60)
    assert view.result is explorer.result
    assert len(view.names) == len(view.colors) == 3
    assert view.colors == explorer.colors
    explorer.images = image_set(1)
    explorer.wait(60)
    assert explorer.panel.slot.children == ()
    explorer.panel.open_image(1)
    (view,) = explorer.panel.slot.children
    assert view.truth is explorer.panel.truth
    view.part = "head"
    view.polygon([(0, 0), (40, 0), (0, 40)])
    explorer.wait(60)
    assert explorer.panel.covered == len(explorer.images)  # this image had no ground truth


def test_views_of_images_that_were_replaced_are_let_go(explorer) -> None:
    explorer.sweep = True
    explorer.panel.open_image(0)
    gone = [weakref.ref(explorer.panel.slot.children[0]), weakref.ref(explorer.sweeping.view)]
    explorer.images = image_set(1)
    explorer.wait(60)
    gc.collect()
    assert [ref() for ref in gone] == [None, None]
    for left in list(_instances.values()):  # a browser that is reloaded asks for all of them at once,
        left.get_state()  # and gets none if one cannot be told, such as one with a closed child


def test_a_comparison_goes_on_when_the_browser_is_behind() -> None:
    left = {"network": network(0), "k": 2}
    comparison = dff.DFFComparison(image_set(0), left, {"k": 3}, size=48)
    comparison.wait(60)
    comparison.view.set_state({"opacity": [0.1], "visible": []})
    comparison.left = {**left, "k": 4}
    comparison.wait(60)
    assert comparison.error is None
    assert len(comparison.opacity) == len(comparison.visible) == len(comparison.pairs)
