import numpy as np
import pytest
from sklearn.linear_model import Ridge

import dff_widgets as dff
from dff_widgets.evaluation.landmarks import part_centres
from dff_widgets.factorization import Factorization
from dff_widgets.images import ImageSet
from dff_widgets.result import DFFResult


def birds(n=40, k=3, marks=5, seed=0):
    rng = np.random.default_rng(seed)
    corner, sides = rng.uniform(0, 50, (n, 2)), rng.uniform(30, 120, (n, 2))
    centres = corner[:, None] + rng.uniform(size=(n, k, 2)) * sides[:, None]
    mix = rng.normal(size=(marks, k))
    points = np.einsum("lk,nkx->nlx", mix / mix.sum(1, keepdims=True), centres) + rng.normal(size=(n, marks, 2))
    points[rng.uniform(size=(n, marks)) < 0.2] = np.nan
    boxes = np.concatenate([corner, corner + sides - 1], axis=1)
    return centres, points, boxes


@pytest.mark.parametrize("ridge", [1e-3, 0.3])
def test_it_agrees_with_scikit_learns_ridge(ridge):
    centres, points, boxes = birds()
    train, test = range(28), range(28, 40)
    found = dff.landmark_error(centres, points, boxes, train=train, test=test, ridge=ridge)
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    off = []
    for mark in range(5):
        X = ((centres - boxes[:, None, :2]) / sides[:, None]).reshape(40, -1)
        Y = (points[:, mark] - boxes[:, :2]) / sides
        seen = [i for i in train if np.isfinite(Y[i]).all()]
        model = Ridge(alpha=ridge * len(seen)).fit(X[seen], Y[seen])
        here = [np.linalg.norm(model.predict(X[[i]])[0] - Y[i]) for i in test if np.isfinite(Y[i]).all()]
        assert found.by_landmark[mark] == pytest.approx(np.mean(here), abs=1e-6)
        off += here
    assert found.error == pytest.approx(np.mean(off), abs=1e-6)
    assert (found.train, found.test) == (28, 12)


def test_a_unit_measures_in_pixels():
    centres, points, boxes = birds()
    boxes[:] = [0, 0, 199, 199]
    split = {"train": range(28), "test": range(28, 40)}
    by_box = dff.landmark_error(centres, points, boxes, **split)
    by_unit = dff.landmark_error(centres, points, boxes, **split, unit=np.full(40, 50.0))
    assert by_unit.error == pytest.approx(4 * by_box.error)


def test_moving_and_scaling_the_photo_changes_nothing():
    centres, points, boxes = birds()
    split = {"train": range(28), "test": range(28, 40)}
    before = dff.landmark_error(centres, points, boxes, **split)
    boxes[:, 2:] += 1  # ends excluded, so that they scale
    moved = dff.landmark_error(3 * centres + 7, 3 * points + 7, (3 * boxes + 7) - [0, 0, 1, 1], **split)
    boxes[:, 2:] -= 1
    assert moved.error == pytest.approx(before.error)


def test_a_landmark_that_is_never_seen_is_nan():
    centres, points, boxes = birds()
    points[28:, 2] = np.nan
    points[:28, 4] = np.nan
    found = dff.landmark_error(centres, points, boxes, train=range(28), test=range(28, 40))
    assert np.isnan(found.by_landmark).tolist() == [False, False, True, False, True]
    points[:] = np.nan
    with pytest.raises(ValueError, match="no landmark is visible"):
        dff.landmark_error(centres, points, boxes, train=range(28), test=range(28, 40))


def test_centres_are_in_the_pixels_of_each_image():
    H = np.zeros((2 * 3 + 4 * 1, 2), dtype=np.float32)
    H[[1, 9], 0] = 1  # the middle of the first row of image 0; the last cell of image 1
    images = ImageSet.from_arrays([np.zeros((20, 60, 3), np.uint8), np.zeros((80, 10, 3), np.uint8)])
    factors = Factorization(H, np.ones((2, 5), np.float32), 0.0, 1, True)
    result = DFFResult(factors, images, ((2, 3), (4, 1)), ((20, 60), (80, 10)), "toy", "layer", 10)
    found = part_centres(result)
    np.testing.assert_allclose(found[0], [[29.5, 4.5], [29.5, 9.5]])
    np.testing.assert_allclose(found[1], [[4.5, 69.5], [4.5, 39.5]])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"centres": np.zeros((40, 3))}, r"centres are \(40, 3\)"),
        ({"boxes": np.zeros((39, 4))}, r"boxes \(39, 4\)"),
        ({"boxes": np.tile([0, 0, -1, 5], (40, 1))}, "a box has no area"),
        ({"train": range(30)}, "none in common"),
        ({"test": []}, "test 0; give both"),
        ({"unit": np.zeros(40)}, r"unit is \(40,\) from 0"),
    ],
)
def test_what_cannot_be_is_said(change, sentence):
    centres, points, boxes = birds()
    given = {"centres": centres, "landmarks": points, "boxes": boxes, "train": range(28), "test": range(28, 40)}
    with pytest.raises(ValueError, match=sentence):
        dff.landmark_error(**(given | change))
