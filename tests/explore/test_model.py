import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

import dff_widgets as dff
from dff_widgets.explore import (
    KS,
    AppearanceChanged,
    Basis,
    Inline,
    Model,
    ProblemSaid,
    ResultFound,
    StackFound,
    StateChanged,
    StatusSaid,
)
from tests.test_cell import interrupted

from .conftest import network, photos


def consistent(model: Model) -> None:
    """What holds whenever nothing is on its way."""
    now = model.now
    assert now.wanted is None
    assert now.good is not None
    assert now.good.request == now.state.request
    assert now.stack.place == now.state.place
    assert now.result is now.stack[now.state.k]
    assert now.appearance.here == now.stack.place
    assert len(set(now.appearance.hues(now.state.k))) == now.state.k


def test_it_shows_what_the_functions_compute(model, images, net) -> None:
    consistent(model)
    fitted = dff.DeepFeatureFactorization(3, network=net, size=64).fit(images)
    assert model.result.factorization.error == pytest.approx(fitted.factorization.error, rel=1e-2)
    assert model.stack.ks == KS
    assert model.state.layer == "4"  # the default is named once it is known
    assert model.status.text.startswith("4 images · 3 factors explain")
    assert not model.busy


def test_another_k_is_there_at_once_and_nothing_runs(model, net) -> None:
    events, passes = [], net[0].passes
    model.subscribe(events.append)
    for k in (4, 1, 10):
        model.ask(k=k)
        assert model.result.k == k
        consistent(model)
    assert net[0].passes == passes
    assert {type(event) for event in events} - {AppearanceChanged} == {StateChanged, ResultFound, StatusSaid}
    assert [event.names for event in events if isinstance(event, StateChanged)] == [("k",)] * 3


def test_a_k_beyond_the_stack_makes_it_longer_and_moves_nothing(images, net) -> None:
    wide = network()
    wide[3] = torch.nn.Conv2d(6, 16, 3, stride=2)
    wide[7] = torch.nn.Linear(16, 4)
    model = Model(images, network=wide, size=64, k=2, run=Inline, foresee=False)
    before = {k: model.appearance.hues(k) for k in KS}
    model.ask(k=13)
    assert model.error is None
    assert model.stack.ks == (*KS, 13)
    assert {k: model.appearance.hues(k) for k in KS} == before
    consistent(model)


def test_where_channels_are_fewer_than_ten_so_are_the_k(images, net) -> None:
    model = Model(images, network=net, layer="2", size=64, k=2, run=Inline, foresee=False)
    assert model.stack.ks == (1, 2, 3, 4, 5, 6)
    model.ask(k=7)
    assert "k is 7" in model.error
    assert "6" in model.error
    assert model.state.k == 2
    consistent(model)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"k": 0}, ["k", "0"]),
        ({"k": True}, ["k", "True"]),
        ({"solver": "hal"}, ["'hal'", "hals"]),
        ({"size": 3}, ["size", "3", "16"]),
        ({"percentile": 101}, ["percentile", "101"]),
        ({"percentile": float("nan")}, ["percentile", "nan"]),
        ({"threshold": "none"}, ["threshold", "'none'"]),
        ({"shown": (0, 4)}, ["shown", "0..3"]),
        ({"shown": (1, 1)}, ["shown", "once"]),
        ({"selected": 3}, ["selected", "0..2"]),
        ({"opened": 4}, ["opened", "0..3"]),
        ({"look": "masked"}, ["look", "'masked'", "masks"]),
        ({"k": 4, "tab": "x"}, ["tab", "'x'"]),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_and_changes_nothing(model, changes, words) -> None:
    now = model.now
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are checked below
        model.ask(**changes)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert model.now is now


@pytest.mark.parametrize("changes", [{"nope": 1}, {"network": 7}, {"images": 7}, {"basis": np.zeros(3)}])
def test_values_of_another_kind_are_refused(model, changes) -> None:
    now = model.now
    with pytest.raises(TypeError):
        model.ask(**changes)
    assert model.now is now


@pytest.mark.parametrize(
    ("changes", "word"), [({"layer": "nope"}, "'nope'"), ({"network": "vgg91"}, "vgg19"), ({"layer": "3"}, "semi")]
)
def test_what_fails_is_said_and_taken_back(model, changes, word) -> None:
    result, good, events = model.result, model.state, []
    model.subscribe(events.append)
    model.ask(**changes)
    assert word in model.error
    assert model.status.text == model.error
    assert model.state.request == good.request
    assert model.result is result
    assert [event.sentence for event in events if isinstance(event, ProblemSaid)] == [model.error]
    consistent(model)
    model.ask(k=2)
    assert model.error is None
    consistent(model)


def test_an_error_is_over_once_a_person_goes_back_to_what_there_was(model) -> None:
    model.ask(layer="nope")
    model.ask(layer=model.state.layer)
    assert model.error is None
    assert model.status.text.startswith("4 images · 3 factors")
    consistent(model)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, MemoryError])
def test_whatever_a_network_raises_the_model_goes_on(model, net, error) -> None:
    def fail() -> None:
        raise error("out of luck")

    net[0].entered = fail
    model.ask(size=80)
    assert model.error is not None
    assert model.state.size == 64
    net[0].entered = lambda: None
    model.ask(size=80)
    assert model.error is None
    assert model.result.size == 80
    consistent(model)


def test_other_images_start_anew(model) -> None:
    events = []
    model.subscribe(events.append)
    model.ask(images=photos(3, seed=5))
    consistent(model)
    assert len(model.result) == 3
    found = [event for event in events if isinstance(event, StackFound | ResultFound)]
    assert found[0] == StackFound(None)  # no factors of other images are left standing
    assert found[1] == ResultFound(None)


def test_a_failure_after_other_images_does_not_bring_the_old_ones_back(model, net) -> None:
    def fail() -> None:
        raise ValueError("no")

    net[0].entered, images = fail, photos(3, seed=5)
    model.ask(images=images)
    assert model.error == "no" or "no" in model.error
    assert model.result is None
    assert model.state.images is images
    net[0].entered = lambda: None
    model.ask(k=2)
    consistent(model)
    assert len(model.result) == 3


def test_a_subset_is_computed_on_its_own(model, images, net) -> None:
    model.ask(shown=(0, 2))
    alone = dff.DeepFeatureFactorization(3, network=net, size=64).fit(images.subset((0, 2)))
    assert model.result.factorization.error == pytest.approx(alone.factorization.error, rel=1e-2)
    consistent(model)
    model.ask(shown=())
    assert len(model.result) == 4


def test_a_basis_is_applied_to_other_images_and_ends_with_another_k(model) -> None:
    model.ask(shown=(0, 2))
    W = model.result.factorization.W
    model.dress(lambda look: look.named(3, {1: ["head"]}))
    model.ask(shown=(), basis=Basis(W))
    assert model.error is None
    np.testing.assert_array_equal(model.result.factorization.W, W)
    assert model.appearance.labels(3) == {1: ["head"]}  # the same factors have the same names
    assert model.stack.ks == (3,)
    assert model.state.basis is not None
    model.ask(k=4)
    assert model.state.basis is None
    assert model.stack.ks == KS
    consistent(model)


def test_a_result_of_the_very_images_is_shown_as_it_is_with_nothing_extracted(images, net) -> None:
    first = Model(images, network=net, size=64, k=3, run=Inline, foresee=False)
    other, passes = Model(images, network=net, size=64, k=2, layer="2", run=Inline, foresee=False), net[0].passes
    result = first.result
    other.ask(layer="4", k=3, basis=Basis(result.factorization.W, result))
    assert other.error is None
    np.testing.assert_array_equal(other.result.factorization.H, result.factorization.H)
    assert net[0].passes == passes


def test_a_basis_of_another_width_is_refused(model) -> None:
    model.ask(basis=Basis(np.ones((2, 7), np.float32)))
    assert "7 channels" in model.error
    consistent(model)


def test_many_images_are_asked_about_first(net) -> None:
    pixels = np.zeros((1001, 32, 32, 3), np.uint8)
    model = Model(list(pixels), network=net, size=32, k=1, run=Inline, foresee=False)
    assert model.state.held
    assert "1,001 images" in model.status.text
    assert net[0].passes == 0
    assert not model.busy
    model.ask(k=2)
    assert net[0].passes == 0


def test_the_first_images_are_shown_while_the_others_come_and_all_are_extracted_once(net) -> None:
    images, seen = photos(30), []
    model = Model(images, network=net, size=64, k=3, held=True, run=Inline, foresee=False)

    def look() -> None:
        if model.stack is not None:
            seen.append((len(model.stack), model.stack.whole, model.stack.total, model.busy, model.result.k))

    net[0].entered = look
    model.start()
    assert 30 <= net[0].passes <= 30 + 4  # and a few that look at the layers
    consistent(model)
    assert set(seen) == {(12, False, 30, True, 3)}
    assert len(model.result) == 30
    assert model.stack.whole
    at_once = dff.DeepFeatureFactorization(3, network=net, size=64).fit(images)
    assert model.result.factorization.error == pytest.approx(at_once.factorization.error, rel=1e-2)


def test_the_selected_concept_stays_selected(model) -> None:
    model.ask(k=4)
    model.ask(selected=2)
    concept = model.appearance.concepts(4)[2]
    for k in (5, 3, 1, 4):
        model.ask(k=k)
        concepts = model.appearance.concepts(k)
        assert model.state.selected == (concepts.index(concept) if concept in concepts else -1)
    assert model.state.selected == 2
    model.ask(k=5, selected=0)
    assert model.state.selected == 0


# ------------------------------------------------------------------------------------------- what must not drift (15.1)
def look(model: Model) -> tuple:
    k = model.state.k
    return tuple(model.appearance.hues(k)), tuple(model.appearance.names(k)), tuple(model.appearance.parked(k))


def test_names_and_colours_are_as_at_the_first_visit_after_a_thousand_random_moves(images) -> None:
    rng = np.random.default_rng(0)
    networks = [network(0), network(1)]
    model = Model(images, network=networks[0], size=64, k=4, run=Inline, foresee=False)
    model.dress(lambda a: a.named(4, {0: ["head"], 2: ["legs", "tail"]}))
    seen = {}
    for _ in range(1000):
        move = rng.integers(5)
        if move == 0:
            model.ask(network=networks[rng.integers(2)], layer="4")
        elif move == 1:
            model.ask(layer=["2", "4"][rng.integers(2)], k=min(model.state.k, 6))
        elif move == 2:
            model.ask(seed=int(rng.integers(2)))
        else:
            model.ask(k=int(rng.integers(1, 7)))
        assert model.error is None
        now = look(model)
        assert seen.setdefault(model.state.request, now) == now
        consistent(model)
    assert len(seen) == 2 * 2 * 2 * 6
    shown = {names for _, named, _ in seen.values() for names in named if names}
    assert shown == {("head",), ("legs", "tail")}
    assert any(parked for _, _, parked in seen.values())
    carried = [request.layer for request, (_, named, _) in seen.items() if any(named)]
    assert set(carried) == {"2", "4"}  # else it would be no test


# ---------------------------------------------------------------------------------------------------- interrupts (20.7)
FILES = tuple(f"explore/{name}.py" for name in ("model", "moment", "cell", "jobs", "appearance", "state"))


@pytest.mark.parametrize("changes", [{"k": 5}, {"layer": "2"}, {"selected": 1}])
def test_an_interrupt_at_any_line_leaves_the_old_state_or_the_new_one_and_the_next_change_works(
    images, net, changes
) -> None:
    kept = Model(images, network=net, size=64, k=3, run=Inline, foresee=False)
    kept.ask(layer="2")
    kept.ask(layer="4")
    states = set()
    for line in itertools.count(1):
        kept.ask(k=3, layer="4", selected=-1)
        old = kept.state
        hit = interrupted(lambda: kept.ask(**changes), line, FILES)
        states.add(kept.state == old)
        kept.wait()
        consistent(kept)
        if not hit:
            break
        kept.ask(k=2)
        consistent(kept)
        assert kept.state.k == 2
    assert line > 20
    assert states == {True, False}


def test_an_interrupt_while_something_is_computed_is_made_up_for(images, net) -> None:
    for line in itertools.count(1, 7):
        model = Model(images, network=net, size=64, k=3)
        model.wait(60)
        hit = interrupted(lambda model=model: model.ask(seed=1), line, FILES)
        model.wait(60)
        consistent(model)
        model.ask(k=2)
        model.wait(60)
        consistent(model)
        assert model.state.k == 2
        model.close()
        if not hit:
            break
    assert line > 20


# -------------------------------------------------------------------------------------------------------- what is ahead
def test_other_k_and_layers_and_a_suggestion_are_made_ahead(images, net) -> None:
    model = Model(images, network=net, size=64, k=3, run=Inline)
    consistent(model)
    assert [stack.place.layer for stack in model.now.ready] == ["2"]  # the end of the stage before
    assert model.now.suggested.k in model.stack.ks
    passes = net[0].passes
    model.ask(layer="2")
    consistent(model)
    assert model.state.layer == "2"
    assert net[0].passes == passes
    assert [stack.place.layer for stack in model.now.ready] == ["4"]
    assert model.now.suggested.ks == (1, 2, 3, 4, 5, 6)


def test_the_layers_of_the_scrubber_come_in_one_pass(images, net) -> None:
    model = Model(images, network=net, size=64, k=3, run=Inline, foresee=False)
    passes = net[0].passes
    model.ask(layer="2")
    assert net[0].passes == passes
    alone = dff.extract(net, images, layer="2", size=64)
    np.testing.assert_array_equal(
        model.pipeline.prepared(model.stack.place, lambda *_: None).activations.matrix, alone.matrix
    )


def test_what_does_not_fit_in_memory_goes_to_the_disk_and_that_is_said(images, net, monkeypatch) -> None:
    monkeypatch.setattr("dff_widgets.explore.prepared._AT_ONCE", 1000)
    model = Model(images, network=net, size=64, k=3, run=Inline, foresee=False)
    assert "on disk" in model.status.text
    consistent(model)
    in_memory = dff.DeepFeatureFactorization(3, network=net, size=64).fit(images)
    assert model.result.factorization.error == pytest.approx(in_memory.factorization.error, rel=1e-2)
    folder = Path(model.pipeline._extractor._folder.name)
    assert folder.exists()
    model.close()
    assert not folder.exists()
