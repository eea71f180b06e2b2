"""The sweep's pane: on the model's pipeline, with pauses that hold nothing."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets import experiments
from dff_widgets.explore import Inline, LatestJob, Model
from dff_widgets.explore.labelling import Labelling
from dff_widgets.explore.panes import Panes
from dff_widgets.explore.pipeline import Pipeline
from dff_widgets.explore.sweep import Sweep
from dff_widgets.explore.sweep_run import best_of

SETUP: dict[str, Any] = {"layers": ["4", "2"], "ks": [1, 3], "seeds": [0, 1]}


@pytest.fixture
def known(images) -> dff.ImageSet:
    halves = [np.arange(image.shape[0])[:, None] < np.full(image.shape[1], image.shape[0] // 2) for image in images]
    return dff.ImageSet.from_arrays(list(images), parts=[{"top": half, "bottom": ~half} for half in halves])


@pytest.fixture
def sweep(known, net) -> Sweep:
    sweep = Sweep(known, Pipeline(), Inline, network=net, size=64)
    sweep.choose(SETUP)
    return sweep


def test_its_points_are_those_of_the_experiment(sweep, known, net) -> None:
    sweep.start()
    assert (sweep.state["state"], sweep.state["error"]) == ("done", None)
    trials = experiments.sweep(known, ["4", "2"], [1, 3], [0, 1], networks=net, size=64, progress=False)
    want = {(t.layer, t.k, t.seed): (t.iou, t.error) for t in trials}
    assert {(p["layer"], p["k"], p["seed"]): (p["iou"], p["error"]) for p in sweep.state["points"]} == want


def test_a_point_leads_to_its_result_without_another_pass(known, net) -> None:
    model = Model(known, network=net, k=2, size=64, run=Inline)
    panes = Panes(model, lambda *_: None, Labelling(model))
    panes.receive({"pane": "sweep", "do": "open"})
    sweep = panes.presenter("sweep")
    assert isinstance(sweep, Sweep)
    sweep.choose(SETUP)
    sweep.start()
    assert len(sweep.state["points"]) == 8
    passes = net[0].passes
    panes.receive({"pane": "sweep", "set": {"selected": {"layer": "2", "k": 3, "seed": 1}}})
    assert (model.result.layer, model.result.k, model.state.seed) == ("2", 3, 1)
    assert net[0].passes == passes  # what the sweep has had is not extracted again
    mine = next(p for p in sweep.state["points"] if (p["layer"], p["k"], p["seed"]) == ("2", 3, 1))
    assert 1 - model.result.factorization.error**2 == pytest.approx(mine["explained"], abs=1e-3)
    panes.receive({"pane": "sweep", "do": "again"})
    assert model.state.tab == "gallery"


def test_what_the_model_has_extracted_the_sweep_does_not(known, net) -> None:
    model = Model(known, network=net, layer="4", k=2, size=64, run=Inline)
    sweep = Sweep(known, model.pipeline, Inline, network=net, size=64)
    sweep.choose({**SETUP, "layers": ["4"]})
    passes = net[0].passes
    sweep.start()
    assert len(sweep.state["points"]) == 4
    assert net[0].passes == passes


def test_a_pause_during_a_pass_takes_effect_after_it_and_holds_nothing(known, net) -> None:
    pipeline, entered, gate = Pipeline(), threading.Event(), threading.Event()

    def enter() -> None:
        entered.set()
        assert gate.wait(30)

    network = dff.load_network(net)
    net[0].entered = enter
    sweep = Sweep(known, pipeline, LatestJob, network=network, size=64)
    sweep.choose({**SETUP, "layers": ["4"]})
    sweep.start()
    assert entered.wait(30)
    sweep.pause()
    assert sweep.state["state"] == "paused"
    gate.set()
    assert sweep.wait(30)  # the thread has ended: it does not wait for the start
    assert (sweep.state["status"], sweep.state["points"]) == ("paused · 0 of 4", [])
    passes = net[0].passes
    sweep.start()
    assert sweep.wait(60)
    assert (sweep.state["state"], len(sweep.state["points"])) == ("done", 4)
    assert net[0].passes == passes  # the pass was not lost


def test_a_start_before_the_pass_has_ended_goes_on_in_it(known, net) -> None:
    entered, gate = threading.Event(), threading.Event()
    network = dff.load_network(net)

    def enter() -> None:
        entered.set()
        assert gate.wait(30)

    net[0].entered = enter
    sweep = Sweep(known, Pipeline(), LatestJob, network=network, size=64)
    sweep.choose({**SETUP, "layers": ["4"]})
    passes = net[0].passes
    sweep.start()
    assert entered.wait(30)
    sweep.pause()
    sweep.start()
    assert sweep.state["state"] == "running"
    gate.set()
    assert sweep.wait(60)
    assert (sweep.state["state"], len(sweep.state["points"])) == ("done", 4)
    assert net[0].passes - passes == len(known)


def test_a_paused_sweep_is_cancelled_and_goes_on_later(sweep) -> None:
    count = 0

    def pause(changes: dict[str, Any]) -> None:
        nonlocal count
        count += "points" in changes
        if count == 3 and "points" in changes:
            sweep.pause()

    sweep.publish = pause
    sweep.start()
    assert (sweep.state["state"], len(sweep.state["points"])) == ("paused", 3)
    sweep.cancel()
    assert (sweep.state["state"], sweep.state["status"]) == ("cancelled", "cancelled · 3 of 8")
    before = sweep.state["points"]
    sweep.start()
    assert (sweep.state["state"], len(sweep.state["points"])) == ("done", 8)
    assert [p for p in sweep.state["points"] if p in before] == before


def test_other_values_take_away_only_what_is_no_part_of_them(sweep) -> None:
    sweep.start()
    sweep.choose({"ks": [3, 1, 2, 3]})
    assert (sweep.state["ks"], len(sweep.state["points"]), sweep.state["state"]) == ([1, 2, 3], 8, "ready")
    assert sweep.state["status"] == "4 factorizations to come"
    sweep.use(size=80)
    assert sweep.state["points"] == []
    sweep.use(images=dff.ImageSet.from_arrays(list(sweep.images)))
    assert (sweep.state["scored"], sweep.state["measure"]) == (False, "explained")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ks": [0, 1]}, r"ks is \[0, 1\]; give at least one, from 1 on"),
        ({"ks": ["2"]}, "ks is"),
        ({"seeds": []}, "seeds is"),
        ({"layers": [3]}, "layers is"),
        ({"measure": "beauty"}, "measure is 'beauty'"),
        ({"selected": {"layer": "2"}}, r"give \{\}, or layer, k and seed of this sweep"),
        ({"points": []}, "not for a person to set"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(sweep, wrong, words) -> None:
    before = dict(sweep.state)
    with pytest.raises(ValueError, match=words):
        sweep.choose(wrong)
    sweep.receive({"set": wrong})
    assert sweep.state == before


def test_a_few_distant_layers_are_chosen_at_first_and_all_are_offered(known, net) -> None:
    sweep = Sweep(known, Pipeline(), Inline, network=net, size=64)
    network = dff.load_network(net)
    sweep.offer(network)
    assert sweep.state["layers"] == ["4", "2"]
    assert [one["title"] for one in sweep.state["options"]][-1] == "4 · 10 ch · /8"
    sweep.choose({"layers": ["2"]})
    sweep.offer(network)
    assert sweep.state["layers"] == ["2"]


def test_the_best_is_that_of_the_highest_iou_and_nothing_else() -> None:
    points = [{"layer": "a", "iou": 0.2, "explained": 0.9}, {"layer": "b", "iou": 0.4, "explained": 0.1}]
    assert best_of(points)["layer"] == "b"
    assert best_of([{"layer": "a", "explained": 0.9}]) is None
