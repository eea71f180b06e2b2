from itertools import permutations

import numpy as np
import pytest

from dff_widgets.evaluation import iou
from dff_widgets.evaluation.bootstrap import draws, interval
from dff_widgets.evaluation.matching import image_counts, joined, matched_iou, mean_image_iou


def scene(k=3, names=("head", "torso", "background"), seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(6, 9), (8, 5)]
    masks = [rng.uniform(size=(k, *s)) < 0.4 for s in shapes]
    parts = [{name: rng.uniform(size=s) < 0.4 for name in names} for s in shapes]
    return masks, parts


@pytest.mark.parametrize(("k", "names"), [(3, ("a", "b")), (2, ("a", "b", "c", "background")), (3, ("a", "b", "c"))])
def test_the_matching_is_the_best_of_all(k, names):
    masks, parts = scene(k, names)
    found = matched_iou(masks, parts)
    real = [name for name in names if name != "background"]
    assert found.parts == tuple(real)
    table = np.array([[iou(masks, parts, {f: [name]})[f] for name in real] for f in range(k)])
    slots = [*range(k), *[-1] * len(real)]
    best = max(sum(table[f, p] for p, f in enumerate(order) if f >= 0) for order in permutations(slots, len(real)))
    assert found.iou.sum() == pytest.approx(best)
    assert found.mean == pytest.approx(best / len(real))
    used = [f for f in found.factors if f >= 0]
    assert len(used) == len(set(used)) == min(k, len(real))


def test_counts_give_both_kinds_of_iou():
    masks, parts = scene(1, ("object",))
    shared, union = image_counts((m[0] for m in masks), joined(parts))
    assert shared.sum() / union.sum() == pytest.approx(iou(masks, parts, {0: ["object"]})[0])
    each = [(m[0] & p["object"]).sum() / (m[0] | p["object"]).sum() for m, p in zip(masks, parts, strict=True)]
    assert mean_image_iou(shared, union) == pytest.approx(np.mean(each))
    assert mean_image_iou(np.array([1, 0]), np.array([2, 0])) == 0.5
    with pytest.raises(ValueError, match="empty in every image"):
        mean_image_iou(np.array([0]), np.array([0]))


def test_joined_leaves_the_background():
    _, parts = scene()
    for all_of, head, here in zip(joined(parts), joined(parts, ["head"]), parts, strict=True):
        assert np.array_equal(all_of, here["head"] | here["torso"])
        assert np.array_equal(head, here["head"])


def test_draws_are_sets_of_as_many_images():
    found = draws(7, 500, seed=3)
    assert found.shape == (500, 7)
    assert (found.sum(axis=1) == 7).all()
    assert np.array_equal(found, draws(7, 500, seed=3))
    assert found.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)
    with pytest.raises(ValueError, match="images is 0"):
        draws(0)


def test_the_interval_of_a_mean_is_about_four_standard_errors_wide():
    rng = np.random.default_rng(0)
    values = rng.normal(size=200)
    low, high = interval(draws(200, 2000) @ values / 200)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(200), rel=0.1)


def test_paired_differences_are_narrower():
    rng = np.random.default_rng(0)
    a = rng.normal(size=50)
    b = a + 0.1 + 0.01 * rng.normal(size=50)
    sets = draws(50)
    low, high = interval(sets @ (b - a) / 50)
    assert 0 < low < 0.1 < high
    apart = interval(sets @ b / 50)[1] - interval(sets @ a / 50)[0]
    assert high - low < apart / 10
    with pytest.raises(ValueError, match="level is 1"):
        interval([1.0], 1)
