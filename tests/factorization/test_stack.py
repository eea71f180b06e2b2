"""Every k in one batch: each must be what it is alone."""

import sys

import numpy as np
import pytest
import torch

from dff_widgets.factorization import Sketch, nmf, nmf_stack
from dff_widgets.factorization.problems import Problems
from dff_widgets.factorization.rules import coordinate_descent

from .test_nmf import activations, twin_coordinates

nmf_module = sys.modules[nmf.__module__]  # the package's `nmf` is the function


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_same(stack, alone, atol=1e-3):
    """To rounding, which matrix products of another shape do otherwise."""
    for ours, theirs in zip(stack, alone, strict=True):
        assert ours.k == theirs.k
        assert ours.error == pytest.approx(theirs.error, rel=1e-4)
        np.testing.assert_allclose(ours.H, theirs.H, atol=atol * theirs.H.max())
        np.testing.assert_allclose(ours.W, theirs.W, atol=atol * np.abs(theirs.W).max())


# ------------------------------------------------------------------------------------------------- the arrangement
def test_the_factors_of_problems_of_several_sizes_stand_coordinate_by_coordinate():
    problems = Problems((4, 2, 2, 1))
    assert problems.owners == (0, 1, 2, 3, 0, 1, 2, 0, 0)
    assert [(s.start, s.stop) for s in problems.steps] == [(0, 4), (4, 7), (7, 8), (8, 9)]
    one_after_the_other = np.array([0, 0, 0, 0, 1, 1, 2, 2, 3])
    assert tuple(one_after_the_other[problems.order]) == problems.owners
    assert problems.factors([0, 3]) == [0, 3, 4, 7, 8]
    # those that stay are arranged as if they had been alone
    assert tuple(problems.owners[f] for f in problems.factors([1, 2])) == (1, 2, 1, 2)


@pytest.mark.parametrize("ks", [(3,), (2, 2, 2), (5, 3, 1), (4, 4, 2)])
def test_coordinate_descent_of_several_problems_is_that_of_each(ks):
    rng, problems = np.random.default_rng(0), Problems(ks)
    f, m = sum(ks), 17
    F = rng.random((f, 9))
    G = problems.apart(torch.tensor(F @ F.T, dtype=torch.float32))
    X, P = (torch.tensor(rng.normal(1, 2, (f, m)), dtype=torch.float32).clamp_min(0) for _ in range(2))
    dead = problems.factors([0])[0]
    G[dead], G[:, dead] = 0, 0  # a factor that the loss does not see stays
    expected = np.empty((f, m))
    for p in range(len(ks)):
        own = problems.factors([p])
        x, target, g = X[own].T.double().numpy(), P[own].T.double().numpy(), G[own][:, own].double().numpy()
        expected[own] = twin_coordinates(x.copy(), target, g, 2).T
    before = X[dead].clone()
    coordinate_descent(X, P.clone(), G, 2, problems)
    np.testing.assert_allclose(X, expected, atol=1e-4)
    torch.testing.assert_close(X[dead], before)


# ---------------------------------------------------------------------------------------------- the same as alone
@pytest.mark.parametrize("zeros", [0.0, 0.95], ids=["dense", "sparse"])
@pytest.mark.parametrize("solver", ["hals", "mu", "semi"])
def test_each_k_on_a_matrix_is_what_it_is_alone(solver, zeros):
    A = activations(130, 41, 6, zeros=zeros, signed=solver == "semi" and not zeros)
    ks = [3, 1, 7, 4]
    options = {"solver": solver, "max_iter": 6, "tol": 0, "seed": 5}
    assert_same(nmf_stack(A, ks, **options), [nmf(A, k, **options) for k in ks])


@pytest.mark.parametrize("solver", ["hals", "mu", "semi"])
def test_each_k_on_a_sketch_ends_where_it_ends_alone(solver):
    sketch = Sketch(activations(140, 60, 6), 40)
    options = {"solver": solver, "tol": 1e-3}
    stack = nmf_stack(sketch, **options)
    assert [fac.k for fac in stack] == list(range(1, 11))
    assert len({fac.n_iter for fac in stack}) > 2  # they leave one by one
    for ours in stack:
        theirs = nmf(sketch, ours.k, **options)
        assert ours.error == pytest.approx(theirs.error, rel=1e-3)
        if solver != "semi":  # rounding may carry a decrease over the threshold, and semi-NMF of noise wanders long
            assert abs(ours.n_iter - theirs.n_iter) <= 3


def test_restarts_and_more_factors_than_one_batch_takes(monkeypatch):
    A = activations(60, 30, 5)
    expected = [nmf(A, k, n_init=3, max_iter=5, tol=0) for k in (2, 6, 3)]
    assert_same(nmf_stack(A, (2, 6, 3), n_init=3, max_iter=5, tol=0), expected)
    for most in (1, 7, 12):
        monkeypatch.setattr(nmf_module, "MOST_FACTORS", most)
        assert_same(nmf_stack(A, (2, 6, 3), n_init=3, max_iter=5, tol=0), expected)
        assert_same(
            nmf_stack(Sketch(A, 20), (2, 6, 3), n_init=3, max_iter=5, tol=0),
            [nmf(Sketch(A, 20), k, n_init=3, max_iter=5, tol=0) for k in (2, 6, 3)],
        )


def test_the_same_twice_and_the_order_of_ks_is_kept():
    sketch = Sketch(activations(80, 30, 4), 20)
    first, again = nmf_stack(sketch, (4, 2, 4), seed=3), nmf_stack(sketch, (4, 2, 4), seed=3)
    assert [fac.k for fac in first] == [4, 2, 4]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.H, b.H)
        np.testing.assert_array_equal(a.W, b.W)
    assert_same(first[:1], first[2:])


def test_results_follow_the_input():
    A = torch.from_numpy(activations(50, 20, 3))
    assert all(isinstance(fac.H, torch.Tensor) and fac.H.is_contiguous() for fac in nmf_stack(Sketch(A, 10), (1, 3)))
    nothing = nmf_stack(np.zeros((12, 5)), (1, 2))
    assert [(fac.H.shape, fac.error) for fac in nothing] == [((12, 1), 0.0), ((12, 2), 0.0)]


# ------------------------------------------------------------------------------------------------ cancel and errors
def test_a_callback_counts_on_and_a_cancel_holds_for_the_rest(monkeypatch):
    monkeypatch.setattr(nmf_module, "MOST_FACTORS", 5)
    A, seen = activations(80, 30, 4), []
    nmf_stack(Sketch(A, 20), (5, 4, 3), max_iter=9, tol=0, callback=lambda i, e: seen.append((i, e)))
    assert [i for i, _ in seen] == list(range(1, 3 * 6 + 3 * 3 + 1))
    assert all(0 < e < 1 for _, e in seen)

    calls = []
    stack = nmf_stack(Sketch(A, 20), (5, 4, 3), tol=0, callback=lambda i, e: calls.append(i) or i == 2)
    assert calls == [1, 2]
    assert [(fac.k, fac.converged) for fac in stack] == [(5, False), (4, False), (3, False)]
    assert [fac.n_iter for fac in stack] == [3, 2, 2]  # one closing iteration each
    assert all(fac.error < 1 for fac in stack)


def test_an_error_in_a_callback_ends_the_work():
    def stop(iteration, error):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nmf_stack(activations(), (1, 2), callback=stop)


@pytest.mark.parametrize(
    ("ks", "error", "message"),
    [
        ([], ValueError, r"ks must hold numbers of factors, such as range\(1, 11\), but got \[\]"),
        (3, ValueError, "ks must hold numbers of factors, such as .* but got 3"),
        ([1, 21], ValueError, "each of ks must be in 1..20, the rank of the sketch .*, but got 21"),
        ([2.0], TypeError, "each of ks must be an integer"),
    ],
)
def test_ks_that_cannot_be_are_named(ks, error, message):
    with pytest.raises(error, match=message):
        nmf_stack(Sketch(activations(), 20), ks)


def test_negative_data_needs_semi():
    A = activations(signed=True)
    with pytest.raises(ValueError, match='use solver="semi", or clamp=True'):
        nmf_stack(A)
    assert nmf_stack(A, (1, 2), clamp=True)[1].W.min() >= 0
