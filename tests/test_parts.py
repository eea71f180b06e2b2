import pickle

import numpy as np
import pytest
from hypothesis import given, settings

from dff_widgets.metrics import iou
from dff_widgets.parts import assign, coverage

from .test_metrics import factor_pixels, names_of, part_pixels, scenes


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
    ],
)
def test_assign_says_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        assign(**arguments)
