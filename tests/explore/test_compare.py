"""The comparison without a widget and without threads."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.explore import Inline, Model
from dff_widgets.explore.compare import Compare
from dff_widgets.explore.labelling import Labelling
from dff_widgets.explore.panes import Panes
from dff_widgets.explore.pipeline import Pipeline
from dff_widgets.explore.sides import settings, title


@pytest.fixture
def compare(images, net) -> Compare:
    compare = Compare(images, {"network": net, "k": 2}, {"k": 3}, size=64, pipeline=Pipeline(), run=Inline)
    compare.show_page()
    compare.start()
    assert compare.state["error"] is None
    return compare


def test_rows_hold_every_factor_of_both_sides_once(compare) -> None:
    left, right = compare.results
    pairs = compare.state["pairs"]
    assert sorted(f for f, _ in pairs if f is not None) == [0, 1]
    assert sorted(g for _, g in pairs if g is not None) == [0, 1, 2]
    assert len(set(compare.state["colors"])) == len(pairs) == len(compare.state["names"])
    for n, (side, heat, result) in enumerate(
        zip(compare.state["sides"], compare.state["heats"], (left, right), strict=True)
    ):
        assert [pairs[row][n] for row in side["rows"]] == list(range(result.k))
        maps = np.concatenate([result.coarse_heatmaps(i).ravel() for i in range(len(result))])
        np.testing.assert_allclose(np.frombuffer(heat, np.uint8) / 255, maps, atol=0.5 / 255 + 1e-6)


def test_all_methods_share_one_pass(compare, net) -> None:
    passes = net[0].passes
    for method in ("pca", "kmeans", "dff"):
        compare.receive({"do": "side", "which": "right", "name": "method", "value": method})
        assert compare.state["error"] is None
        assert compare.state["settings"][1]["method"] == method
    assert net[0].passes == passes


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("layer", "nope", "right: .*nope"), ("k", 99, "right: .*99"), ("k", "3", "k of right"), ("method", "nmf", "nmf")],
)
def test_what_fails_is_said_and_taken_back(compare, name, value, words) -> None:
    before, results = dict(compare.sides["right"]), compare.results
    compare.receive({"do": "side", "which": "right", "name": name, "value": value})
    assert compare.sides["right"] == before
    assert compare.results == results
    assert compare.state["settings"][1][name] == before[name]
    assert compare.state["error"]
    assert re.search(words, compare.state["error"])


@pytest.mark.parametrize(
    "content",
    [
        {"do": "side"},
        {"do": "side", "which": "middle", "name": "k", "value": 3},
        {"do": "page", "step": 9},
        {"set": {"page": 5}},
        {"set": {"opacity": [2.0]}},
        {"set": {"selected": 99}},
        {"set": {"pairs": []}},
        {"do": None},
    ],
)
def test_messages_that_make_no_sense_change_nothing(compare, content) -> None:
    before = {n: v for n, v in compare.state.items() if n not in ("error", "status")}
    compare.receive(content)
    assert {n: v for n, v in compare.state.items() if n not in ("error", "status")} == before


def test_settings_are_completed_and_checked() -> None:
    base = {"network": "a", "layer": "x", "k": 3, "method": "dff", "seed": 0}
    assert settings({"network": "b"}, base, "left") == {**base, "network": "b", "layer": ""}
    assert settings({"k": np.int64(5)}, base, "left")["k"] == 5
    with pytest.raises(ValueError, match=r"left is given .*'solver'"):
        settings({"solver": "mu"}, base, "left")
    assert title(base) == "a · x · DFF, k = 3"


def test_in_the_app_it_begins_with_what_is_shown_in_its_colours_and_names(images, net) -> None:
    model = Model(images, network=net, k=3, size=64, run=Inline)
    model.dress(lambda appearance: appearance.named(3, {0: ["ear"]}))
    said: dict[str, Any] = {}
    panes = Panes(model, lambda content, _buffers: said.update(content["set"]), Labelling(model))
    passes = net[0].passes
    panes.receive({"pane": "compare", "do": "open"})
    assert net[0].passes == passes
    assert [side["k"] for side in said["settings"]] == [3, 3]
    assert said["colors"][:3] == model.appearance.hues(3)
    assert said["names"][0] == "ear"
    assert len(set(said["colors"])) == len(said["colors"])
    panes.receive({"pane": "compare", "do": "side", "which": "right", "name": "layer", "value": "2"})
    assert said["settings"][1]["layer"] == "2"
    assert (model.state.layer, model.state.k) == ("4", 3)  # the app stays where it is
    other = dff.ImageSet.from_arrays(list(images)[:2])
    model.ask(images=other)
    assert len(said["captions"]) == 2
