import math
import threading

import numpy as np
import pytest
import traitlets

import dff_widgets as dff
from dff_widgets import experiments

SETUP = {"layers": ["4", "2"], "ks": [1, 3], "seeds": [0, 1], "size": 64}


@pytest.fixture
def known(images) -> dff.ImageSet:
    """The images with two parts each."""
    halves = [np.arange(image.shape[0])[:, None] < np.full(image.shape[1], image.shape[0] // 2) for image in images]
    return dff.ImageSet.from_arrays(list(images), parts=[{"top": half, "bottom": ~half} for half in halves])


@pytest.fixture
def sweep(known, network) -> dff.SweepView:
    sweep = dff.SweepView(known, network=network, **SETUP)
    sweep.wait(60)
    assert (sweep.state, sweep.error, sweep.progress) == ("done", None, 1.0)
    return sweep


def places(sweep: dff.SweepView) -> list[tuple]:
    return [(p["layer"], p["k"], p["seed"]) for p in sweep.points]


class Held:
    """A sweep whose network waits until it is told to go on."""

    def __init__(self, known, network, **setup) -> None:
        self.gate, self.entered = network[0].gate, network[0].entered
        self.entered.clear()
        self.gate.clear()
        self.sweep = dff.SweepView(known, network=network, **{**SETUP, **setup})

    def __enter__(self) -> dff.SweepView:
        return self.sweep

    def __exit__(self, *_) -> None:
        self.gate.set()


# ------------------------------------------------------------------------------------------------- what it computes
def test_its_points_are_those_of_the_experiment(sweep, known, network) -> None:
    trials = experiments.sweep(known, ["4", "2"], [1, 3], [0, 1], networks=network, size=64, progress=False)
    assert len(sweep.points) == 8
    assert set(sweep.trials) == set(trials)
    table = experiments.figure4(sweep.trials)
    assert len(table.rows) == 4


def test_whole_curves_come_early(sweep) -> None:
    assert places(sweep) == [(layer, k, seed) for layer in ("4", "2") for seed in (0, 1) for k in (1, 3)]


def test_it_and_the_experiment_share_a_file(known, network, tmp_path) -> None:
    path = tmp_path / "sweep.jsonl"
    experiments.sweep(known, ["4"], [1, 3], [0, 1], networks=network, size=64, progress=False, path=path)
    forwards = []
    network[1].register_forward_hook(lambda *_: forwards.append(1))
    sweep = dff.SweepView(known, network=dff.load_network(network), **{**SETUP, "layers": ["4"]}, path=path)
    probes = len(forwards)
    sweep.wait(60)
    assert len(sweep.points) == 4
    assert len(forwards) == probes  # nothing was extracted
    sweep.layers = ["4", "2"]
    sweep.start()
    sweep.wait(60)
    assert len(path.read_text().splitlines()) == 8


def test_without_parts_it_measures_what_is_explained(images, network) -> None:
    sweep = dff.SweepView(images, network=network, layers=["4"], ks=[1, 2, 3], seeds=[0], size=64, measure="iou")
    sweep.wait(60)
    assert (sweep.measure, sweep.scored) == ("explained", False)
    assert all("iou" not in p for p in sweep.points)
    explained = [p["explained"] for p in sweep.points]
    assert explained == sorted(explained)
    activations = dff.extract(network, images, layer="4", size=64)
    assert explained[1] == pytest.approx(1 - dff.nmf(activations.matrix, 2).error ** 2, abs=1e-3)
    assert all(math.isnan(trial.iou) for trial in sweep.trials)


def test_the_default_layer_gets_its_name_and_signed_layers_semi_nmf(known, network) -> None:
    sweep = dff.SweepView(known, network=network, ks=[2], seeds=[0], size=64)
    sweep.wait(60)
    assert sweep.layers == ["4"]
    sweep.layers = ["3"]
    assert (sweep.state, sweep.points) == ("ready", [])
    sweep.start()
    sweep.wait(60)
    assert (sweep.state, len(sweep.points)) == ("done", 1)


@pytest.mark.parametrize(
    ("setup", "words"), [({"layers": ["nope"]}, "'nope'"), ({"ks": [99]}, "99"), ({"network": "vgg91"}, "vgg91")]
)
def test_what_cannot_be_done_is_one_sentence_and_can_be_mended(known, network, setup, words) -> None:
    sweep = dff.SweepView(known, **{"network": network, **SETUP, **setup})
    sweep.wait(60)
    assert (sweep.state, sweep.error) == ("failed", sweep.status)
    assert words in sweep.error
    assert "\n" not in sweep.error
    sweep.network, sweep.layers, sweep.ks = network, ["4"], [1]
    sweep.start()
    sweep.wait(60)
    assert (sweep.state, sweep.error, len(sweep.points)) == ("done", None, 2)


# ------------------------------------------------------------------------------------------------------ while it runs
def test_points_arrive_one_by_one_with_progress_and_an_estimate(known, network) -> None:
    sweep, seen, said = dff.SweepView(known, network=network, **SETUP, start=False), [], []
    assert (sweep.state, sweep.points, sweep.status) == ("ready", [], "8 factorizations to come")
    sweep.observe(lambda change: seen.append(len(change["new"])), "points")
    sweep.observe(lambda change: said.append(change["new"]), "status")
    sweep.start()
    sweep.wait(60)
    assert seen == list(range(1, 9))
    assert "4: extracting 4 of 4 images" in said
    assert any("4, k = 3, seed 1 · 3 of 8 · about " in status for status in said)
    assert said[-1] == "done · 8 of 8"


def test_a_pause_stops_and_a_start_goes_on(known, network) -> None:
    held = Held(known, network)
    with held as sweep:
        assert held.entered.wait(20)
        sweep.pause()
        assert sweep.state == "paused"
        with pytest.raises(RuntimeError, match="call start"):
            sweep.wait(1)
    assert sweep.presenter.wait(20)  # the run has ended: no thread waits for the start
    assert (sweep.state, sweep.points, sweep.status) == ("paused", [], "paused · 0 of 8")
    sweep.start()
    sweep.wait(60)
    assert (sweep.state, len(sweep.points)) == ("done", 8)


def test_cancel_keeps_the_points_and_a_start_computes_the_others(known, network) -> None:
    sweep = dff.SweepView(known, network=network, **SETUP, start=False)
    sweep.observe(lambda change: len(change["new"]) == 3 and sweep.cancel(), "points")
    sweep.start()
    sweep.wait(60)
    assert (sweep.state, len(sweep.points), sweep.status) == ("cancelled", 3, "cancelled · 3 of 8")
    sweep.unobserve_all("points")
    before = sweep.points
    sweep.start()
    sweep.wait(60)
    assert (sweep.state, len(sweep.points)) == ("done", 8)
    assert [p for p in sweep.points if p in before] == before


def test_a_paused_sweep_can_be_cancelled_and_closed(known, network) -> None:
    for end in ("cancel", "close"):
        held = Held(known, network)
        with held as sweep:
            assert held.entered.wait(20)
            sweep.pause()
            getattr(sweep, end)()
        assert sweep.presenter.wait(10)
        assert sweep.points == []


def test_other_values_while_it_runs_take_its_place(known, network) -> None:
    held = Held(known, network)
    with held as sweep:
        assert held.entered.wait(20)
        sweep.ks = [2]
        with pytest.raises(TimeoutError, match="not done after"):
            sweep.wait(0.05)
    sweep.wait(60)
    assert sweep.state == "done"
    assert sorted(places(sweep)) == sorted((layer, 2, seed) for layer in ("4", "2") for seed in (0, 1))


def test_other_values_take_away_only_what_is_no_part_of_them(sweep) -> None:
    sweep.ks = [3, 1, 2, 3]
    assert (sweep.ks, len(sweep.points), sweep.state) == ([1, 2, 3], 8, "ready")
    assert sweep.status == "4 factorizations to come"
    sweep.layers = ["4"]
    assert len(sweep.points) == 4
    sweep.size = 80
    assert sweep.points == []


def test_two_sweeps_and_threads_do_not_disturb_each_other(known, network) -> None:
    one = dff.SweepView(known, network=network, **SETUP)
    other = dff.SweepView(known, network=network, **{**SETUP, "ks": [2]})
    thread = threading.Thread(target=lambda: (one.pause(), one.start()))
    thread.start()
    thread.join(30)
    one.wait(60)
    other.wait(60)
    assert (len(one.points), len(other.points)) == (8, 4)


# ----------------------------------------------------------------------------------------------------------- choosing
def test_a_chosen_point_is_told(known, network) -> None:
    told = []
    sweep = dff.SweepView(known, network=network, **SETUP, on_select=told.append)
    sweep.wait(60)
    point = {"layer": "2", "k": 3, "seed": 1}
    sweep.set_state({"selected": point})
    assert sweep.selected == point
    sweep.act({"do": "again"})
    sweep.selected = {}
    sweep.act({"do": "again"})
    assert told == [point, point]


def test_an_explorer_goes_where_a_point_is(known, network, explorer) -> None:
    def go(point) -> None:
        for name, value in point.items():
            setattr(explorer, name, value)

    sweep = dff.SweepView(explorer.images, network=network, **SETUP, on_select=go)
    sweep.wait(60)
    sweep.selected = {"layer": "2", "k": 3, "seed": 1}
    explorer.wait(30)
    assert (explorer.result.layer, explorer.result.k, explorer.seed) == ("2", 3, 1)
    mine = next(p for p in sweep.points if (p["layer"], p["k"], p["seed"]) == ("2", 3, 1))
    assert 1 - explorer.result.factorization.error**2 == pytest.approx(mine["explained"], abs=1e-3)


@pytest.mark.parametrize("bad", [{"layer": "2"}, {"layer": "x", "k": 3, "seed": 1}, {"layer": "2", "k": 2, "seed": 1}])
def test_a_point_that_is_not_there_cannot_be_selected(sweep, bad) -> None:
    with pytest.raises(traitlets.TraitError, match=r"give \{\}, or layer, k and seed of this sweep"):
        sweep.selected = bad
    assert sweep.selected == {}


def test_buttons_do_what_the_methods_do(known, network) -> None:
    sweep = dff.SweepView(known, network=network, **SETUP, start=False)
    for nonsense in ({}, {"do": "explode"}, {"do": None}):
        sweep.act(nonsense)
    assert sweep.state == "ready"
    sweep.act({"do": "start"})
    sweep.wait(60)
    assert sweep.state == "done"


@pytest.mark.parametrize(
    ("setup", "error", "words"),
    [
        ({"ks": [0, 1]}, traitlets.TraitError, r"ks is \[0, 1\]; give at least one, from 1 on"),
        ({"seeds": []}, traitlets.TraitError, r"seeds is \[\]; give at least one, from 0 on"),
        ({"layers": "bn2"}, TypeError, r"'bn2' is one value; give a list of them"),
        ({"percentile": 101}, traitlets.TraitError, "percentile is 101"),
        ({"kk": 3}, TypeError, "'kk'"),
    ],
)
def test_wrong_values_are_refused_at_once(known, setup, error, words) -> None:
    with pytest.raises(error, match=words):
        dff.SweepView(known, **setup, start=False)


def test_a_file_of_something_else_is_refused(known, tmp_path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no json\n")
    with pytest.raises(ValueError, match="is no result of an experiment"):
        dff.SweepView(known, path=path)


def test_its_repr_says_how_far_it_is(sweep) -> None:
    best = max(sweep.points, key=lambda p: p["iou"])
    where = f"{best['layer']}, k = {best['k']}, seed {best['seed']}"
    assert repr(sweep) == (f"SweepView(2 layers × 2 k × 2 seeds; done, 8 of 8; best IoU {best['iou']:.2f} at {where})")
