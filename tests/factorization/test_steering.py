"""Steering: split, merge, drop, lock and examples, against slow twins and what each of them promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dff_widgets.factorization import Factorization, Sketch, drop, merge, nmf, refit, split


def planted(k=4, n=120, c=31, seed=0, noise=0.01):
    """(A, H, W): k factors, each in rows of its own and in a few shared ones."""
    rng = np.random.default_rng(seed)
    H = rng.random((n, k)) * (rng.random((n, k)) < 0.4)
    W = rng.random((k, c)) * (rng.random((k, c)) < 0.5)
    A = H @ W + noise * rng.random((n, c))
    return A.astype(np.float32), H.astype(np.float32), W.astype(np.float32)


def cosine(a, b):
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def error_of(A, fac):
    return float(np.linalg.norm(A - fac.H @ fac.W) / np.linalg.norm(A))


def twin(A, W, examples, lam, free, rounds=3000):
    """Projected gradient on the stated objective, in float64, to its end."""
    A, W = A.astype(np.float64), W.astype(np.float64).copy()
    H = np.full((len(A), len(W)), 0.1)
    for _ in range(rounds):
        H = np.maximum(H - (H @ W - A) @ W.T / np.linalg.norm(W @ W.T, 2), 0)
        slope = H.T @ (H @ W - A) + lam[:, None] * (W - examples)
        step = slope / (np.linalg.norm(H.T @ H, 2) + lam.max())
        W[free] = np.maximum(W[free] - step[free], 0)
    return H, W


def objective(A, H, W, examples, lam):
    return float(0.5 * ((A - H @ W) ** 2).sum() + 0.5 * (lam[:, None] * (W - examples) ** 2).sum())


@pytest.mark.parametrize("how", ["matrix", "sketch"])
def test_every_step_says_the_error_that_its_factors_have(how):
    A, _, _ = planted()
    given = Sketch(A, rank=12) if how == "sketch" else A
    fac = nmf(given, 4)
    for steered in (refit(given, fac), split(given, fac, 1, 3), merge(given, fac, 0, 2), drop(given, fac, 3)):
        assert steered.error == pytest.approx(error_of(A, steered), abs=2e-4)
        assert steered.H.min() >= 0
        assert steered.W.min() >= 0


def test_split_leaves_the_others_and_finds_what_was_hidden_in_one():
    A, H, W = planted(noise=0)
    joined = merge(A, Factorization(H, W, 0.0, 0, True), 0, 1)
    apart = split(A, joined, 0, 2)
    assert apart.k == 4
    np.testing.assert_array_equal(apart.W[2:], joined.W[1:])
    np.testing.assert_array_equal(apart.H[:, 2:], joined.H[:, 1:])
    assert apart.error < 0.7 * joined.error
    found = [max(cosine(w, apart.W[0]), cosine(w, apart.W[1])) for w in W[:2]]
    assert min(found) > 0.9


def test_merge_is_the_best_rank_one_of_the_two_and_leaves_the_others():
    A, H, W = planted(k=3)
    fac = Factorization(H, W, 0.0, 0, True)
    merged = merge(A, fac, 2, 0)
    u, s, v = np.linalg.svd(H[:, [0, 2]] @ W[[0, 2]])
    np.testing.assert_allclose(np.outer(merged.H[:, 0], merged.W[0]), s[0] * np.outer(u[:, 0], v[0]), atol=1e-4)
    np.testing.assert_array_equal(merged.W[1], W[1])
    np.testing.assert_array_equal(merged.H[:, 1], H[:, 1])


def test_drop_keeps_the_others_and_gives_them_the_best_h():
    A, _, _ = planted()
    fac = nmf(A, 4)
    less = drop(A, fac, 1)
    np.testing.assert_array_equal(less.W, np.asarray(fac.W)[[0, 2, 3]])
    from scipy.optimize import nnls

    exact = np.stack([nnls(less.W.T.astype(float), row.astype(float))[0] for row in A])
    assert less.error <= error_of(A, Factorization(exact, less.W, 0, 0, True)) + 1e-3


def test_locked_factors_stay_to_the_digit_and_the_others_still_improve():
    A, _, W = planted()
    rng = np.random.default_rng(1)
    start = Factorization(
        np.zeros((len(A), 4), np.float32), np.vstack([W[0], rng.random((3, 31))]).astype("f"), 1, 0, True
    )
    fitted = refit(A, start, locked=[0])
    np.testing.assert_array_equal(fitted.W[0], W[0])
    assert fitted.error < 0.1
    grown = refit(A, fitted, k=6, locked=[0, 1])
    assert grown.k == 6
    np.testing.assert_array_equal(grown.W[:2], fitted.W[:2])
    assert grown.error <= fitted.error + 1e-6


def test_an_example_adds_a_factor_that_is_like_it():
    A, _, W = planted(k=4, noise=0)
    three = nmf(A, 3)
    held = refit(A, three, examples={3: W[2]}, weight=0.9)
    assert held.k == 4
    assert cosine(held.W[3], W[2]) > 0.98
    assert held.error < three.error
    exact = refit(A, three, examples={3: W[2]}, weight=1)
    np.testing.assert_array_equal(exact.W[3], W[2])


@pytest.mark.parametrize("weight", [0.2, 0.7])
def test_refit_reaches_the_minimum_that_its_objective_has(weight):
    A, _, W = planted(k=3, n=50, c=17, noise=0.05)
    start = nmf(A, 3, seed=1)
    example = np.asarray(W[1])
    steered = refit(A, start, examples={1: example}, weight=weight, locked=[2], max_iter=2000, tol=0)
    # lambda is taken from the best H for the start's W, the example in its place
    from scipy.optimize import nnls

    W0 = np.asarray(start.W).astype(float).copy()
    W0[1] = example
    H0 = np.stack([nnls(W0.T, row.astype(float))[0] for row in A])
    lam = np.array([0, weight / (1 - weight) * (H0[:, 1] ** 2).sum(), 0])
    examples = W0
    H, found = twin(A, W0, examples, lam, [0, 1])
    ours = objective(A, steered.H, steered.W, examples, lam)
    assert ours <= objective(A, H, found, examples, lam) * 1.02
    np.testing.assert_array_equal(steered.W[2], np.asarray(start.W)[2])


def test_semi_nmf_is_steered_too():
    A, _, _ = planted()
    signed = A - A.mean()
    fac = nmf(signed, 3, solver="semi")
    for steered in (
        refit(signed, fac, locked=[1]),
        split(signed, fac, 0),
        merge(signed, fac, 0, 1),
        drop(signed, fac, 2),
    ):
        assert steered.error == pytest.approx(error_of(signed, steered), abs=1e-3)
        assert steered.H.min() >= 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 5), st.integers(2, 4))
def test_splitting_and_merging_back_keeps_the_number_and_never_gives_nonsense(seed, k, parts):
    A, _, _ = planted(k=k, n=60, c=13, seed=seed)
    fac = nmf(A, k, seed=seed)
    f = int(np.argmax(fac.strength))
    more = split(A, fac, f, parts, seed=seed)
    assert more.k == k + parts - 1
    for _ in range(parts - 1):
        more = merge(A, more, f, f + 1)
    assert more.k == k
    assert np.isfinite(more.H).all()
    assert 0 <= more.error <= 1.001


def test_what_cannot_be_steered_is_said_in_one_sentence():
    A, _, W = planted()
    fac = nmf(A, 3)
    empty = Factorization(np.asarray(fac.H) * [1, 0, 1], fac.W, fac.error, 0, True)
    with pytest.raises(ValueError, match=r"there is no factor 3; there are factors 0\.\.2"):
        split(A, fac, 3)
    with pytest.raises(ValueError, match="factor 1 is in 0 positions"):
        split(A, empty, 1)
    with pytest.raises(ValueError, match="cannot be merged with itself"):
        merge(A, fac, 1, 1)
    with pytest.raises(ValueError, match="only factor cannot be dropped"):
        drop(A, nmf(A, 1), 0)
    with pytest.raises(ValueError, match="give 31 channels, not all of them 0"):
        refit(A, fac, examples={3: np.zeros(31)})
    with pytest.raises(ValueError, match="example is of factor 7"):
        refit(A, fac, examples={7: W[0]})
    with pytest.raises(ValueError, match="H has negative entries"):
        refit(A, Factorization(-np.asarray(fac.H), fac.W, 0, 0, True))
    with pytest.raises(ValueError, match="weight is 2"):
        refit(A, fac, weight=2)
