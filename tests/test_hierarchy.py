import dataclasses
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dff_widgets as dff
from dff_widgets import FactorTree
from dff_widgets.dff import factorize
from dff_widgets.factorization import Factorization
from dff_widgets.heat import fold, unfold, upsample
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


# ------------------------------------------------------------------------------------------------------------ the tree
SHAPES = ((4, 6), (5, 3))
ROWS = 4 * 6 + 5 * 3


def result(H, W=None):
    """A DFFResult of two images whose grids are SHAPES; without W, every channel vector has length 1."""
    H = np.asarray(H, dtype=np.float32)
    W = np.eye(H.shape[1], 9, dtype=np.float32) if W is None else np.asarray(W, dtype=np.float32)
    images = dff.ImageSet.from_arrays(np.zeros((8 * h, 8 * w, 3), np.uint8) for h, w in SHAPES)
    sizes = tuple((8 * h, 8 * w) for h, w in SHAPES)
    return dff.DFFResult(Factorization(H, W, 0.0, 1, True), images, SHAPES, sizes, "toy", "layer", 64)


def random_results(seed, ks=(1, 2, 3, 5)):
    rng = np.random.default_rng(seed)
    return [result(rng.random((ROWS, k)) ** 4, rng.random((k, 9))) for k in ks]


def indicator(*groups):
    """(ROWS, len(groups)) columns that are 1 in the given thirteenths of the rows."""
    return np.stack([np.isin(np.arange(ROWS) // 3, group) for group in groups], axis=1).astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_overlap_is_intersection_over_the_child_of_what_the_factors_add(seed):
    tree = FactorTree.of(random_results(seed))
    ks = list(tree)
    for above, k in pairwise(ks):
        upper, lower = tree[above].factorization, tree[k].factorization
        for c in range(k):
            slow = []
            for p in range(above):
                common = own = 0.0
                for row in range(ROWS):
                    parent, child = (np.linalg.norm(f.H[row, j] * f.W[j]) for f, j in ((upper, p), (lower, c)))
                    common += min(parent, child)
                    own += child
                slow.append(common / own)
            assert tree.overlap(k, c) == pytest.approx(max(slow), rel=1e-4)
            assert tree.parent(k, c) == int(np.argmax(slow))


@given(st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_every_tree_is_one(seed):
    rng = np.random.default_rng(seed)
    ks = sorted(rng.choice(np.arange(1, 11), size=rng.integers(1, 6), replace=False).tolist())
    tree = FactorTree.of(random_results(seed, ks))
    assert list(tree) == ks
    assert len(tree.nodes) == sum(ks)
    for level, k in enumerate(ks):
        colors, parents = tree.colors[level], [tree.parent(k, f) for f in range(k)]
        assert len(set(colors)) == len(colors) == k
        assert all(0 <= tree.overlap(k, f) <= 1 for f in range(k))
        if level == 0:
            assert set(parents) == {None}
            continue
        above = ks[level - 1]
        assert parents == sorted(parents), "siblings stand together, in the order of their parents"
        assert set(parents) <= set(range(above))
        assert sorted(c for p in range(above) for c in tree.children(above, p)) == list(range(k))
        for p in range(above):
            children = tree.children(above, p)
            assert all(tree.parent(k, c) == p for c in children)
            assert [tree.color(k, c) for c in children].count(tree.color(above, p)) == min(1, len(children))
            if children:
                assert tree.color(k, children[0]) == tree.color(above, p)
    assert all(tree.children(ks[-1], f) == () for f in range(ks[-1]))


@given(st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_the_order_and_the_scale_in_which_factors_come_change_nothing(seed):
    rng, results = np.random.default_rng(seed), random_results(seed)
    shuffled = []
    for r in rng.permutation(len(results)):
        order, scale = rng.permutation(results[r].k), 2.0 ** rng.integers(-3, 4, results[r].k)
        f = results[r].factorization
        shuffled.append(result(f.H[:, order] * scale, f.W[order] / scale[:, None]))
    a, b = FactorTree.of(results), FactorTree.of(shuffled)
    assert a.colors == b.colors
    for k in a:
        np.testing.assert_allclose(a[k].coarse_heatmaps(1), b[k].coarse_heatmaps(1), rtol=1e-5)
        assert [a.parent(k, f) for f in range(k)] == [b.parent(k, f) for f in range(k)]


def test_a_planted_hierarchy_is_found_by_the_factorizations_and_the_tree():
    """An animal is (head, body) and body is (torso, legs): parts share channels with what they are parts of."""
    rng = np.random.default_rng(0)
    part = rng.integers(0, 4, ROWS)  # per row: head, torso, legs or nothing
    head, torso, legs = [3, 0, 0, 0, 1], [0, 2, 0, 3, 1], [0, 0, 2, 3, 1]
    A = np.array([head, torso, legs, [0] * 5], dtype=np.float32)[part] * rng.uniform(0.8, 1.2, (ROWS, 1))
    layer = dff.Layer("toy", 5, 8, True)
    toy = result(np.ones((ROWS, 1)))
    activations = dff.Activations(A.astype(np.float32), SHAPES, toy.sizes, toy.images, "toy", layer, 64)
    tree = dff.factor_tree(activations, ks=range(1, 4), n_init=5)
    where = {k: [part[np.asarray(tree[k].factorization.H)[:, f].argmax()] for f in range(k)] for k in (2, 3)}
    three = {where[3].index(p): p for p in range(3)}
    assert set(three.values()) == {0, 1, 2}
    parents = {three[f]: tree.parent(3, f) for f in range(3)}
    assert parents[1] == parents[2] != parents[0]
    assert where[2][parents[0]] == 0
    assert all(tree.overlap(3, f) > 0.6 for f in range(3))


def test_the_child_most_like_its_parent_inherits_however_small_its_sisters():
    """A sliver lies wholly inside the parent, yet it is not what the parent was."""
    parent = result(indicator(range(12)))
    children = result(indicator([0], range(1, 13)))
    tree = FactorTree.of([children, parent])
    assert tree.children(1, 0) == (0, 1)
    assert tree.overlap(2, 1) == 1 > tree.overlap(2, 0)
    assert [int((tree[2].factorization.H[:, f] > 0).sum()) for f in (0, 1)] == [36, 3]
    assert tree.colors == (("#E69F00",), ("#E69F00", "#D55E00"))  # vermillion is next to orange
    assert tree.by_image(2)[1] == pytest.approx([3 / 24, 0])


def test_factors_that_are_nowhere_or_new_have_a_parent_and_a_weak_link():
    tree = FactorTree.of([result(indicator(range(6))), result(indicator(range(6), [], range(6, 13)))])
    assert [tree.parent(3, f) for f in range(3)] == [0, 0, 0]
    assert sorted(tree.overlap(3, f) for f in range(3)) == [0, 0, 1]


def test_a_tree_reads_like_a_mapping_and_says_what_it_lacks():
    tree = FactorTree.of(random_results(1))
    assert tree[3] is tree.results[2]
    assert 4 not in tree
    assert repr(tree) == "FactorTree(k = 1, 2, 3, 5; 2 images; toy, layer)"
    with pytest.raises(ValueError, match="k is 4; this tree has k = 1, 2, 3, 5"):
        tree[4]
    with pytest.raises(ValueError, match=r"factor is 3; k = 3 has factors 0\.\.2"):
        tree.parent(3, 3)


def test_results_that_make_no_tree_are_refused():
    one, two, *_ = random_results(2)
    with pytest.raises(ValueError, match=r"k = \[\]"):
        FactorTree.of([])
    with pytest.raises(ValueError, match=r"k = \[1, 1\]"):
        FactorTree.of([one, one])
    other = dataclasses.replace(two, shapes=SHAPES[::-1])
    with pytest.raises(ValueError, match="different images or grids"):
        FactorTree.of([one, other])


def test_factor_tree_is_the_tree_of_what_factorize_gives():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (96, w, 3), dtype=np.uint8) for w in (96, 140)]
    activations = dff.extract("efficientnet_lite0", images, size=96)
    tree = dff.factor_tree(images, [3, 1], size=96, seed=2)
    same = dff.factor_tree(activations, ks=(1, 3, 3), seed=2)
    sketch = dff.Sketch(activations.matrix, max_k=3)
    slow = FactorTree.of(factorize(activations, k, matrix=sketch, seed=2) for k in (1, 3))
    assert list(tree) == list(same) == list(slow) == [1, 3]
    np.testing.assert_array_equal(tree[3].factorization.H, same[3].factorization.H)
    np.testing.assert_allclose(tree[3].factorization.H, slow[3].factorization.H, atol=1e-3)  # in one batch, or not
    with pytest.raises(ValueError, match="belong to the activations"):
        dff.factor_tree(activations, layer="bn2")
    for nothing in ([], 3):
        with pytest.raises(ValueError, match="ks is "):
            dff.factor_tree(activations, nothing)
    with pytest.raises(ValueError, match="each of ks must be in 1"):
        dff.factor_tree(activations, range(3))
