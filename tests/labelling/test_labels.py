import pickle
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dff_widgets.evaluation import assign, coverage, iou
from dff_widgets.labelling import History, PartLabels, parse_parts

from ..evaluation.test_metrics import factor_pixels, names_of, part_pixels, scenes


@settings(deadline=None)
@given(scenes())
def test_coverage_is_that_of_the_sets_of_pixels(scene):
    found = coverage(scene.masks, scene.parts)
    names = names_of(scene)
    assert found.parts == tuple(names)
    assert found.shape == (scene.k, len(names))
    for f in range(scene.k):
        for p, name in enumerate(names):
            part = part_pixels(scene, name)
            assert found[f, p] == pytest.approx(len(factor_pixels(scene, f) & part) / len(part) if part else 0.0)


@settings(deadline=None)
@given(scenes())
def test_assignment_gives_names_that_iou_takes(scene):
    found = coverage(scene.masks, scene.parts)
    assignment = assign(found)
    assert assignment == {f: [name for p, name in enumerate(found.parts) if found[f, p] > 0.5] for f in range(scene.k)}
    assert iou(scene.masks, scene.parts, assignment).shape == (scene.k,)


def test_exactly_the_threshold_is_not_enough():
    values = np.array([[0.5, 0.51], [0.2, 0.1]])
    assert assign(values, parts=["head", "torso"]) == {0: ["torso"], 1: []}
    assert assign(values, 0.15, parts=["head", "torso"]) == {0: ["head", "torso"], 1: ["head"]}
    assert assign(np.array([[0.0, 1.0]]), 0, parts=["head", "torso"]) == {0: ["torso"]}
    assert assign(np.array([[0.0, 1.0]]), 1, parts=["head", "torso"]) == {0: []}


def test_a_plain_array_has_numbered_parts():
    assert assign(np.array([[0.9, 0.1], [0.6, 0.7]])) == {0: [0], 1: [0, 1]}


def test_what_is_cut_from_a_coverage_does_not_claim_names():
    mask = np.ones((1, 2, 2), dtype=bool)
    found = coverage([mask], [{"head": mask[0], "torso": ~mask[0]}])
    assert found.parts == ("head", "torso")
    for other in (found[:, 1:], found * 2, found.T, pickle.loads(pickle.dumps(found))):
        assert other.parts == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coverage": np.zeros(3)}, r"\(3,\); give \(k, p\)"),
        ({"coverage": np.zeros((2, 3)), "parts": ["head"]}, "1 names; coverage has 3 columns"),
        ({"coverage": np.zeros((2, 3)), "threshold": 75}, "threshold is 75"),
        ({"coverage": np.zeros((2, 3)), "threshold": 1.5}, "threshold is 1.5"),
        ({"coverage": np.zeros((2, 3)), "threshold": -0.5}, "threshold is -0.5"),
    ],
)
def test_assign_says_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        assign(**arguments)


# ---------------------------------------------------------------------------------------------------------- labels
def test_labels_equal_the_mapping_they_were_made_of_and_know_unnamed_factors():
    labels = PartLabels({0: ["head"], 2: ["torso", "legs", "torso"]}, k=4)
    assert labels == {0: ["head"], 2: ["torso", "legs"]}
    assert labels == {0: ["head"], 1: [], 2: ["torso", "legs"], 3: []}
    assert labels != {0: ["head"]}
    assert hash(labels) == hash(PartLabels({0: ["head"], 2: ["torso", "legs"]}))
    assert [labels.title(f) for f in labels] == ["head", "factor 1", "torso + legs", "factor 3"]
    assert (len(labels), labels.named) == (4, 2)
    assert len(PartLabels({})) == 0


def test_labels_are_values_that_changes_leave_alone():
    labels = PartLabels({0: "head"}, k=2)
    labels[0].append("tail")
    changed = labels.toggle(0, "tail").toggle(0, "head").replace(1, ["legs"])
    assert labels == {0: ["head"]}
    assert changed == {0: ["tail"], 1: ["legs"]}


def test_a_factor_that_is_not_there_has_no_labels_and_takes_none():
    labels = PartLabels({0: "head"}, k=2)
    for factor in (-1, 2):
        assert factor not in labels
        with pytest.raises(KeyError):
            labels[factor]
        with pytest.raises(ValueError, match=rf"^factor is {factor}; there are factors 0\.\.1$"):
            labels.toggle(factor, "legs")


def test_labels_are_what_iou_takes():
    mask = np.array([[[True, False]], [[False, True]]])
    assert iou([mask], [{"head": mask[0]}], PartLabels({0: ["head"]}, k=2)).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("names", "k", "message"),
    [
        ({3: "head"}, 2, r"factor 3; there are factors 0\.\.1"),
        ({2: "head"}, 2, r"factor 2; there are factors 0\.\.1"),
        ({-1: "head"}, None, "factor -1"),
        ({-1: "head"}, 2, "factor -1"),
        ({"0": "head"}, 1, "factor '0'"),
        ({0: [""]}, None, "'' is no name"),
        ({0: [" \n"]}, None, "is no name"),
        ({0: [3]}, None, "3 is no name"),
    ],
)
def test_labels_say_what_does_not_fit(names, k, message):
    with pytest.raises(ValueError, match=message):
        PartLabels(names, k=k)


@given(st.dictionaries(st.integers(0, 5), st.lists(st.sampled_from("abc"), unique=True)), st.permutations(range(6)))
def test_carried_labels_stay_with_their_factors(names, order):
    labels = PartLabels(names, k=6)
    kept = {new: old for new, old in enumerate(order) if old != 2}
    carried = labels.carry(kept, 7)
    assert {kept[f]: carried[f] for f in kept} == {f: labels[f] for f in labels if f != 2}
    assert carried[order.index(2)] == carried[6] == []


@given(st.lists(st.text("abc ", min_size=1).filter(str.strip), max_size=4))
def test_what_a_title_says_can_be_typed(parts):
    labels = PartLabels({0: parts}, k=1)
    assert parse_parts(labels.title(0) if parts else "") == labels[0]


@given(st.lists(st.one_of(st.integers(0, 3), st.sampled_from(["undo", "redo"])), max_size=30))
def test_history_goes_back_and_forth_as_a_list_with_a_place(steps):
    history, values, at = History(-1), [-1], 0
    for step in steps:
        if step == "undo":
            at = max(at - 1, 0)
            assert history.undo() == values[at]
        elif step == "redo":
            at = min(at + 1, len(values) - 1)
            assert history.redo() == values[at]
        else:
            history.push(step)
            if step != values[at]:
                values, at = [*values[: at + 1], step], at + 1
        assert (history.past, history.value, history.future) == (values[:at], values[at], values[at + 1 :][::-1])


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(0, 12))
def test_a_mapped_history_has_no_step_that_changes_nothing(values, undone):
    history = History(values[0])
    for value in values[1:]:
        history.push(value)
    for _ in range(undone):
        history.undo()
    mapped = [v // 4 for v in [*history.past, history.value, *history.future[::-1]]]
    here = len(history.past)
    history.map(lambda v: v // 4)
    assert history.value == mapped[here]
    assert history.past == [value for value, _ in groupby(mapped[: here + 1])][:-1]
    assert history.future[::-1] == [value for value, _ in groupby(mapped[here:])][1:]
