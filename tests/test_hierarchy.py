from itertools import permutations

import numpy as np
import pytest

from dff_widgets.heatmaps import fold, unfold, upsample
from dff_widgets.hierarchy import match_factors


def cosine(a, b):
    norm = np.linalg.norm(a) * np.linalg.norm(b)
    return a @ b / norm if norm else 0.0


@pytest.mark.parametrize(("k", "other_k"), [(3, 3), (2, 4), (4, 2), (1, 5)])
def test_the_matching_is_the_best_of_all(k, other_k):
    rng = np.random.default_rng(k)
    H, W, other_H, other_W = (rng.random(s) ** 3 for s in ((30, k), (k, 7), (30, other_k), (other_k, 7)))
    found = match_factors(H, W, other_H, other_W)

    def alike(i, j):
        return cosine(H[:, i], other_H[:, j]) + cosine(W[i], other_W[j])

    few = min(k, other_k)
    if k <= other_k:
        best = max(sum(alike(i, j) for i, j in enumerate(p)) for p in permutations(range(other_k), few))
    else:
        best = max(sum(alike(i, j) for j, i in enumerate(p)) for p in permutations(range(k), few))
    assert len(found) == len(set(found.values())) == few
    assert sum(alike(i, j) for i, j in found.items()) == pytest.approx(best)


def test_a_permuted_result_is_matched_back_whatever_its_scale():
    rng = np.random.default_rng(0)
    H, W, order = rng.random((40, 4)), rng.random((4, 9)), [2, 0, 3, 1]
    assert match_factors(H, W, 10 * H[:, order], W[order] / 10) == {old: new for new, old in enumerate(order)}


def test_another_layer_is_matched_by_where_its_factors_are():
    shapes, finer = [(4, 6), (5, 4)], [(8, 12), (10, 8)]
    rng = np.random.default_rng(1)
    H = rng.random((44, 3)) ** 4
    order = [1, 2, 0]
    fine = unfold(upsample(m, grid) for m, grid in zip(fold(H, shapes), finer, strict=True))[:, order]
    found = match_factors(H, rng.random((3, 5)), fine, rng.random((3, 8)), shapes=shapes, other_shapes=finer)
    assert found == {1: 0, 2: 1, 0: 2}
    back = match_factors(fine, rng.random((3, 8)), H, rng.random((3, 5)), shapes=finer, other_shapes=shapes)
    assert back == {0: 1, 1: 2, 2: 0}


def test_grids_of_as_many_rows_are_told_apart():
    wide, tall = [(2, 8)], [(8, 2)]
    H = np.zeros((16, 2))
    H[:8, 0] = H[8:, 1] = 1  # top and bottom of the wide grid
    other = np.zeros((16, 2))
    other[:8, 1] = other[8:, 0] = 1  # bottom and top of the tall one
    W = np.ones((2, 3))
    assert match_factors(H, W, other, W, shapes=wide, other_shapes=tall) == {0: 1, 1: 0}


def test_an_empty_factor_and_other_images_are_no_traceback_of_numpy():
    H = np.eye(4)[:, :2].copy()
    H[:, 1] = 0
    assert match_factors(H, np.eye(2), H, np.eye(2)) == {0: 0, 1: 1}
    with pytest.raises(ValueError, match=r"H is \(4, 2\)"):
        match_factors(H, np.eye(2), np.ones((6, 2)), np.eye(2))
