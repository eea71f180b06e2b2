"""Steering in the model: what a person asks, what is shown, and the way back."""

import numpy as np
import pytest

from dff_widgets.explore import Inline, Model
from dff_widgets.explore.desk import Ask
from dff_widgets.explore.steering import Steering, steering_desk
from tests.explore.conftest import network, photos


@pytest.fixture
def model():
    return Model(photos(), network=network(), size=64, k=3, run=Inline, foresee=False)


@pytest.fixture
def steering(model):
    return Steering(model)


@pytest.fixture
def ask(steering):
    """Asks the desk, and gives the last answer."""
    answers = []
    steer = steering_desk(steering)["steer"]

    def asked(verb, **content):
        one = Ask({"verb": verb, **content}, (), lambda answer, _buffers: answers.append(answer), 1)
        try:
            steer(one)
        except (ValueError, LookupError, TypeError) as error:  # as the desk does
            one.refuse(str(error))
        return answers[-1]

    return asked


def test_a_split_is_shown_and_the_others_keep_colours_and_names(model, ask):
    model.dress(lambda a: a.named(3, {2: "sky"}))
    before = model.result.factorization.W.copy()
    hues, strongest = model.appearance.hues(3), int(np.argmax(model.result.factorization.strength))
    assert "problem" not in ask("split", factor=strongest)
    assert model.state.k == model.result.k == 4
    for f in range(3):
        if f != strongest:
            at = next(j for j in range(4) if np.array_equal(model.result.factorization.W[j], before[f]))
            assert model.appearance.hues(4)[at] == hues[f]
            assert model.appearance.labels(4)[at] == (["sky"] if f == 2 else [])


def test_undo_and_redo_go_through_all_acts(model, ask, steering):
    seen = [model.result]
    for verb, content in (("split", {"factor": 0}), ("drop", {"factor": 1}), ("merge", {"factor": 0, "other": 1})):
        ask(verb, **content)
        seen.append(model.result)
    assert [r.k for r in seen] == [3, 4, 3, 2]
    assert steering.steps == {"undo": 3, "redo": 0}
    for result in seen[-2::-1]:
        ask("undo")
        np.testing.assert_array_equal(model.result.factorization.W, result.factorization.W)
    assert "nothing to undo" in ask("undo")["problem"]
    for result in seen[1:]:
        ask("redo")
        np.testing.assert_array_equal(model.result.factorization.W, result.factorization.W)
    assert steering.steps == {"undo": 3, "redo": 0}


def test_a_click_adds_a_factor_that_is_strong_there(model, ask):
    ask("anchor", points=[[1, 0.3, 0.7]])
    assert model.result.k == 4
    maps = model.result.coarse_heatmaps(1)
    h, w = maps.shape[1:]
    assert maps[3, int(0.7 * h), int(0.3 * w)] > 0
    assert "problem" not in ask("anchor", points=[[1, 1.0, 1.0]], factor=0)
    assert model.result.k == 4


def test_names_stay_through_every_act(model, ask):
    model.dress(lambda a: a.named(3, {0: "one", 1: "two", 2: "three"}))
    strongest = int(np.argmax(model.result.factorization.strength))
    ask("split", factor=strongest)
    ask("anchor", points=[[1, 0.3, 0.7]])
    assert model.result.k == 5
    names = {part for parts in model.appearance.labels(5).values() for part in parts}
    untouched = {"one", "two", "three"} - {["one", "two", "three"][strongest]}
    assert untouched <= names


def test_a_lock_holds(model, ask):
    ask("lock", factors=[1])
    kept = model.result.factorization.W[1].copy()
    ask("anchor", points=[[0, 0.5, 0.5]])
    np.testing.assert_array_equal(model.result.factorization.W[1], kept)
    assert model.result.locked == (1,)


def test_another_k_leaves_what_was_steered_and_undo_comes_back_to_it(model, ask):
    ask("split", factor=0)
    model.ask(k=2)
    assert model.result.k == 2
    assert model.state.basis is None


@pytest.mark.parametrize(
    ("verb", "content", "words"),
    [
        ("split", {"factor": 9}, "no factor 9"),
        ("split", {}, "factor"),
        ("merge", {"factor": 1, "other": 1}, "itself"),
        ("anchor", {"points": []}, "no point"),
        ("anchor", {"points": [[77, 0, 0]]}, "no image 77"),
        ("anchor", {"points": [[0, 3, 0]], "against": "x"}, ""),
        ("dance", {}, "steering knows no 'dance'"),
        ("redo", {}, "nothing to do again"),
    ],
)
def test_what_cannot_be_is_a_problem_and_changes_nothing(model, ask, steering, verb, content, words):
    before = model.result
    assert words in ask(verb, **content)["problem"]
    assert model.result is before
    assert steering.steps == {"undo": 0, "redo": 0}
    assert model.error is None


def test_what_came_without_a_network_cannot_be_steered(model):
    given = Model(model.result.images, given=model.result, run=Inline)
    problems = []
    Steering(given).act(lambda result, rows: result.drop(0, activations=rows), lambda: None, problems.append)
    assert "without their network" in problems[0]
