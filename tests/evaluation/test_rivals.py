from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.optimize import nnls

from dff_widgets.evaluation import baselines
from dff_widgets.evaluation.results import background_last
from dff_widgets.evaluation.spectral import lost_mask, token_cut_mask
from dff_widgets.extraction import Activations
from dff_widgets.factorization import nmf
from dff_widgets.images import ImageSet
from dff_widgets.networks import Layer

H, W, C = 9, 13, 16
PARTS = [baselines.normalized_cut, baselines.convex_nmf, baselines.sparse]

# Boxes (xmin, ymin, xmax, ymax) in cells, both ends included, of the authors' published code on `features(seed)`, as it
# ran with torch 2.14: LOST's (valeoai/LOST 72f762f), and TokenCut's with tau = 0.2 (YangtaoWANG95/TokenCut 0d86de5).
PUBLISHED = [
    ([11, 6, 12, 7], [4, 1, 11, 7]),
    ([1, 0, 6, 8], [2, 2, 5, 7]),
    ([9, 0, 9, 0], [0, 2, 3, 7]),
    ([9, 3, 12, 5], [0, 3, 6, 8]),
    ([0, 2, 12, 8], [0, 0, 2, 8]),
    ([7, 6, 8, 8], [3, 1, 3, 1]),
    ([6, 0, 6, 1], [0, 0, 5, 5]),
    ([0, 3, 10, 8], [0, 0, 12, 8]),
    ([2, 2, 2, 2], [5, 2, 10, 8]),
    ([3, 5, 4, 8], [4, 0, 9, 2]),
    ([0, 6, 0, 6], [9, 3, 12, 6]),
    ([6, 0, 11, 8], [6, 0, 9, 1]),
]


def features(seed):
    """Noise, and a rectangle that has something in common."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(H, W, C))
    y, x, h, w = rng.integers(0, H - 3), rng.integers(0, W - 4), rng.integers(2, H // 2), rng.integers(3, W // 2)
    found[y : y + h, x : x + w] += rng.normal(size=C) * 1.5
    return found.astype(np.float32)


def box(mask):
    y, x = np.nonzero(mask)
    return [x.min(), y.min(), x.max(), y.max()]


@pytest.mark.parametrize(("seed", "boxes"), list(enumerate(PUBLISHED)))
def test_boxes_are_those_of_the_published_code(seed, boxes):
    assert box(lost_mask(features(seed))) == boxes[0]
    assert box(token_cut_mask(features(seed))) == boxes[1]


@pytest.mark.parametrize("seed", range(3))
def test_token_cut_is_the_second_eigenvector_of_the_laplacian(seed):
    rows = features(seed).reshape(-1, C)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    edges = np.array([[1.0 if a @ b > 0.2 else 1e-5 for b in rows] for a in rows])
    D = np.diag(edges.sum(axis=1))
    y = eigh(D - edges, D)[1][:, 1]
    at = np.abs(y).argmax()
    side = ((y > y.mean()) == (y[at] > y.mean())).reshape(H, W)
    found = token_cut_mask(features(seed))
    assert found.flat[at]
    assert not (found & ~side).any()


def set_of(rows, shapes, nonnegative=True, scale=8):
    images = ImageSet.from_arrays([np.zeros((scale * h, scale * w, 3), np.uint8) for h, w in shapes])
    sizes = tuple((scale * h, scale * w) for h, w in shapes)
    layer = Layer("x", rows.shape[1], scale, nonnegative)
    return Activations(rows.astype(np.float32), shapes, sizes, images, "none", layer, 32)


@pytest.fixture(scope="module")
def discs():
    """An object of two halves in front of a background that is stronger than it is; non-negative."""
    rng, rows = np.random.default_rng(0), []
    shapes = ((8, 11), (9, 7))
    for h, w in shapes:
        A = rng.uniform(0, 0.2, (h, w, 10))
        A[..., :4] += 2
        A[2:-2, 2:-2] = rng.uniform(0, 0.2, (h - 4, w - 4, 10)) + np.eye(10)[5]
        A[2:-2, 2 : w // 2, 7] += 1
        rows.append(A.reshape(-1, 10))
    return set_of(np.concatenate(rows), shapes)


def inside(activations, i):
    h, w = activations.shapes[i]
    mask = np.zeros((h, w), bool)
    mask[2:-2, 2:-2] = True
    return np.kron(mask, np.ones((8, 8), bool))


@pytest.mark.parametrize("fit", [baselines.kmeans, baselines.normalized_kmeans, baselines.normalized_cut])
def test_one_cluster_of_two_is_the_inner_one_also_where_the_background_is_stronger(discs, fit):
    result = fit(discs, 1, 0)
    found = np.split(result.factorization.H[:, 0] > 0, [8 * 11])
    for i, mask in enumerate(found):
        truth = inside(discs, i)[::8, ::8].ravel()
        assert (mask & truth).sum() / (mask | truth).sum() > 0.9


@pytest.mark.parametrize("fit", [baselines.lost, baselines.token_cut])
def test_objects_are_found_on_a_layer_without_negative_entries(discs, fit):
    result = fit(discs)
    for i, found in enumerate(result.boxes(percentile=0)):
        assert np.abs(found - box(inside(discs, i))).max() <= 2  # a fine cell's half
    with pytest.raises(ValueError, match=r"k is 2; .* finds one object in an image"):
        fit(discs, 2)


@pytest.mark.parametrize("fit", PARTS)
def test_the_parts_are_found(fit):
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 6 * 7 + 5 * 4)
    rows = np.kron(np.eye(3), [1, 0.5, 0])[truth] + rng.uniform(0, 0.1, (len(truth), 9))
    result = fit(set_of(rows, ((6, 7), (5, 4))), 3, 0)
    assert result.k == 3
    labels = result.factorization.H.argmax(axis=1)
    pairs = set(zip(truth.tolist(), labels.tolist(), strict=True))
    assert len(pairs) == 3
    assert {part for part, _ in pairs} == {label for _, label in pairs} == {0, 1, 2}


def test_semi_nmf_is_never_worse_than_nmf(discs):
    found = baselines.semi_nmf(discs, 2).factorization
    assert found.H.min() >= 0
    assert found.error <= nmf(discs.matrix, 2).error * (1 + 1e-3)


@pytest.mark.parametrize("signed", [False, True])
def test_convex_nmf_never_loses(signed):
    rng = np.random.default_rng(1)
    rows = rng.uniform(size=(40, 3)) @ rng.uniform(size=(3, 9)) - (0.4 if signed else 0)
    activations = set_of(rows, ((5, 8),), nonnegative=not signed)
    errors = [baselines.convex_nmf(activations, 3, 0, iterations=n).factorization.error for n in (1, 5, 25, 125)]
    assert all(later <= before + 1e-6 for before, later in pairwise(errors))
    fac = baselines.convex_nmf(activations, 3).factorization
    assert fac.H.min() >= 0
    assert fac.error == pytest.approx(np.linalg.norm(rows - fac.H @ fac.W) / np.linalg.norm(rows), rel=1e-3)
    hull = [nnls(rows.T, factor)[1] for factor in fac.W.astype(float)]
    assert max(hull) < 1e-4 * np.linalg.norm(fac.W)  # each factor is a non-negative combination of rows


@pytest.mark.parametrize("active", [1, 2])
def test_a_sparse_dictionary_is_sparse_and_better_with_more(discs, active):
    fac = baselines.sparse(discs, 4, 0, active=active).factorization
    assert (fac.H > 0).sum(axis=1).max() <= active
    assert fac.H.min() >= 0
    np.testing.assert_allclose(np.linalg.norm(fac.W, axis=1), 1, atol=1e-5)
    if active == 2:
        assert fac.error <= baselines.sparse(discs, 4, 0).factorization.error
    with pytest.raises(ValueError, match=r"active is 5; give 1\.\.4"):
        baselines.sparse(discs, 4, active=5)


def test_a_set_larger_than_the_graph_gives_the_same_cut(discs, monkeypatch):
    whole = baselines.normalized_cut(discs, 2, 0).factorization.H
    monkeypatch.setattr("dff_widgets.evaluation.spectral._MOST", 60)
    part = baselines.normalized_cut(discs, 2, 0).factorization.H
    same = (whole.argmax(1) == part.argmax(1)).mean()
    assert max(same, 1 - same) > 0.95


def test_the_second_eigenvector_is_that_of_the_whole_graph_and_ends_at_zero(discs):
    A = discs.matrix - discs.matrix.mean(axis=0)
    rows = A / np.linalg.norm(A, axis=1, keepdims=True)
    edges = np.where(rows @ rows.T > 0.2, 1.0, 1e-5)
    degrees = np.diag(edges.sum(axis=1))
    expected = eigh(degrees - edges, degrees)[1][:, 1]
    result = baselines.second_eigenvector(discs)
    found = result.factorization.H[:, 0]
    assert abs(np.corrcoef(found, expected)[0, 1]) > 0.999
    side = (found > 0).astype(np.float64)
    assert background_last(np.stack([side, 1 - side], axis=1), discs.shapes)[0] == 0
    masks = result.masks(percentile=0)
    assert all(0 < m.mean() < 1 for m in masks)


def test_the_background_is_last():
    member = np.array([[0, 1], [0, 1], [0, 1], [0, 1], [1, 0], [0, 1], [0, 1], [0, 1], [1, 0]])
    assert background_last(member, ((3, 3),)) == [0, 1]
