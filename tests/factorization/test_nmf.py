"""nmf against slow, readable twins, scikit-learn, planted factors, and what must always hold."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dff_widgets.factorization.rows as rows
from dff_widgets.factorization import Factorization, Sketch, nmf

settings.register_profile("factorization", derandomize=True, deadline=None, max_examples=40)
SEEDED = settings.get_profile("factorization")
SOLVERS = ("hals", "mu", "semi")


@pytest.fixture(autouse=True)
def _one_thread():
    """At these sizes a second thread only waits, and waits long where cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def activations(n=90, c=40, k=4, zeros=0.5, noise=0.05, seed=0, signed=False):
    """n x c of rank k plus noise, with zeros as after a ReLU."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(k, c)) if signed else rng.random((k, c)) * (rng.random((k, c)) > zeros)
    H = rng.random((n, k)) * (rng.random((n, k)) > zeros)
    A = H @ W + noise * rng.normal(size=(n, c)) * (rng.random((n, c)) > zeros)
    return (A if signed else A.clip(0)).astype(np.float32)


def pair(n, c, k, seed=0, signed=False):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(k, c)) if signed else rng.random((k, c))
    return rng.random((n, k)).astype(np.float32), W.astype(np.float32)


def relative_error(A, H, W):
    A = np.asarray(A, np.float64)
    return np.linalg.norm(A - np.asarray(H, np.float64) @ np.asarray(W, np.float64)) / np.linalg.norm(A)


def twin_coordinates(X, P, G, sweeps):
    """Each row x of X (n, k) lowers ½ x G xᵀ - p xᵀ over x ≥ 0, one coordinate at a time."""
    for _ in range(sweeps):
        for i in range(len(X)):
            for j in range(X.shape[1]):
                if G[j, j] > 0:
                    X[i, j] = max(X[i, j] + (P[i, j] - X[i] @ G[:, j]) / G[j, j], 0)
    return X


def twin(A, H, W, solver, iterations, sweeps=3):
    """Solver for solver the definition, in float64, with none of the engine's algebra. Returns H, W and the errors."""
    A, H, W = (np.array(X, np.float64) for X in (A, H, W))
    errors, ahead = [], W
    step, beta, cap = 0.0, 0.5, 1.0
    for _ in range(iterations):
        if solver == "mu":
            H = H * (A @ W.T) / np.maximum(H @ W @ W.T, 1e-300)
            W = W * (H.T @ A) / np.maximum(H.T @ H @ W, 1e-300)
            errors.append(relative_error(A, H, W))
            continue
        new_h = twin_coordinates(H.copy(), A @ ahead.T, ahead @ ahead.T, sweeps)
        new_h = np.maximum(new_h + step * (new_h - H), 0)
        if solver == "semi":
            new_w = np.linalg.lstsq(new_h, A, rcond=None)[0]
        else:
            new_w = twin_coordinates(ahead.T.copy(), A.T @ new_h, new_h.T @ new_h, sweeps).T
        error = relative_error(A, new_h, new_w)
        if not errors or error < errors[-1]:
            if step:
                beta, cap = min(cap, 1.05 * beta), min(1, 1.02 * cap)
            step = beta
            ahead = new_w + step * (new_w - W)
            if solver == "hals":
                ahead = np.maximum(ahead, 0)
            H, W = new_h, new_w
            errors.append(error)
        else:
            cap, beta, step, ahead = beta, beta / 2, 0.0, W
            errors.append(errors[-1])
    return H, W, errors


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("iterations", [1, 2, 7])
@pytest.mark.parametrize("zeros", [0.5, 0.97])  # dense products, and sparse ones
def test_equals_its_slow_twin(solver, iterations, zeros):
    A = activations(zeros=zeros, signed=solver == "semi")
    H0, W0 = pair(90, 40, 3, signed=solver == "semi")
    sparse = np.mean(A == 0) > 0.8
    assert sparse == (zeros > 0.9)
    fac = nmf(A, 3, solver=solver, init=(H0, W0), max_iter=iterations, tol=0)
    H, W, errors = twin(A, H0, W0, solver, iterations, sweeps=1 if sparse else 3)
    np.testing.assert_allclose(fac.H, H, rtol=1e-3, atol=1e-4 * H.max())
    np.testing.assert_allclose(fac.W, W, rtol=1e-3, atol=1e-4 * np.abs(W).max())
    assert fac.error == pytest.approx(errors[-1], rel=1e-5)
    assert fac.n_iter == iterations


@pytest.mark.parametrize("iterations", [1, 2, 3, 10, 50])
def test_mu_follows_scikit_learn_step_by_step(iterations):
    decomposition = pytest.importorskip("sklearn.decomposition")
    A = activations()
    H0, W0 = pair(90, 40, 4)
    model = decomposition.NMF(4, init="custom", solver="mu", tol=0, max_iter=iterations)
    H = model.fit_transform(A, W=H0.copy(), H=W0.copy())
    fac = nmf(A, 4, solver="mu", init=(H0, W0), tol=0, max_iter=iterations)
    np.testing.assert_allclose(fac.H, H, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(fac.W, model.components_, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("solver", ["hals", "mu"])
def test_no_worse_than_scikit_learn(solver):
    decomposition = pytest.importorskip("sklearn.decomposition")
    A = activations(n=300, c=60, k=6, noise=0.2)
    H0, W0 = pair(300, 60, 5)
    model = decomposition.NMF(5, init="custom", solver="cd" if solver == "hals" else "mu", max_iter=200, tol=1e-5)
    H = model.fit_transform(A, W=H0.copy(), H=W0.copy())
    ours = nmf(A, 5, solver=solver, init=(H0, W0), tol=1e-5)
    assert ours.error <= 1.0005 * relative_error(A, H, model.components_)


@st.composite
def problems(draw):
    """(A, k): many shapes, sparsities and scales, with zero rows and columns, one row, k = 1 and k = rank."""
    n, c = draw(st.integers(1, 25)), draw(st.integers(1, 18))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    A = rng.random((n, c)) * (rng.random((n, c)) >= draw(st.sampled_from([0.0, 0.5, 0.95])))
    if draw(st.booleans()):
        A[rng.integers(n)] = 0
    if draw(st.booleans()):
        A[:, rng.integers(c)] = 0
    k = draw(st.one_of(st.just(1), st.just(min(n, c)), st.integers(1, min(n, c))))
    return (A * draw(st.sampled_from([1e-6, 1.0, 1e6]))).astype(np.float32), k


@pytest.mark.parametrize("solver", SOLVERS)
@settings(SEEDED)
@given(problem=problems())
def test_the_loss_never_increases(solver, problem):
    A, k = problem
    before, seen = A.copy(), []
    fac = nmf(A, k, solver=solver, max_iter=25, tol=0, callback=lambda i, e: seen.append(e) and None)
    np.testing.assert_array_equal(A, before)
    assert np.isfinite(fac.H).all()
    assert np.isfinite(fac.W).all()
    assert fac.H.min() >= 0
    assert solver == "semi" or fac.W.min() >= 0
    if not A.any():
        assert fac.error == 0
        assert not (fac.H @ fac.W).any()
        return
    losses = np.square([1e9, *seen])
    assert (np.diff(losses) <= 2e-6).all()  # float32's rounding of a loss relative to ‖A‖²
    assert fac.error == pytest.approx(relative_error(A, fac.H, fac.W), abs=3e-4, rel=1e-4)


@settings(SEEDED, max_examples=20)
@given(problem=problems(), more=st.integers(2, 12))
def test_more_iterations_are_never_worse(problem, more):
    A, k = problem
    errors = [nmf(A, k, max_iter=m, tol=0).error for m in (1, more, 3 * more)]
    assert errors[1] ** 2 <= errors[0] ** 2 + 2e-6
    assert errors[2] ** 2 <= errors[1] ** 2 + 2e-6


@pytest.mark.parametrize("solver", SOLVERS)
def test_planted_factors_are_found(solver):
    rng = np.random.default_rng(3)
    W = np.kron(np.eye(3), np.ones((1, 10))) * rng.uniform(0.5, 1.5, (3, 30))  # disjoint supports: identifiable
    if solver == "semi":
        W *= np.sign(rng.normal(size=W.shape))
    H = rng.random((200, 3)) * (rng.random((200, 3)) > 0.4)
    fac = nmf((H @ W).astype(np.float32), 3, solver=solver, n_init=4, tol=0, max_iter=500)
    assert fac.error < 2e-2
    cosine = np.abs(W @ fac.W.T) / np.linalg.norm(W, axis=1)[:, None] / np.linalg.norm(fac.W, axis=1)
    if solver != "semi":  # semi-NMF leaves a choice of basis
        assert sorted(cosine.argmax(1)) == [0, 1, 2]
        assert cosine.max(1).min() > 0.99


def test_an_exact_factorization_has_a_small_true_error():
    H, W = pair(120, 30, 3)
    fac = nmf(H @ W, 3, init=(H, W), max_iter=5)
    assert fac.error < 1e-6
    assert fac.error == pytest.approx(relative_error(H @ W, fac.H, fac.W), rel=0.05, abs=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("on_sketch", [False, True])
def test_a_batch_of_restarts_equals_single_runs(solver, on_sketch):
    A = activations(n=150, noise=0.3)
    data = Sketch(A, 20) if on_sketch else A
    singles = [nmf(data, 4, solver=solver, seed=7 + r, max_iter=60) for r in range(4)]
    batch = nmf(data, 4, solver=solver, seed=7, n_init=4, max_iter=60)
    best = min(singles, key=lambda f: f.error)
    # on a sketch they compete by the sketch's estimate
    assert batch.error == pytest.approx(best.error, rel=5e-3 if on_sketch else 2e-4)
    few = {"solver": solver, "max_iter": 4, "tol": 0}  # before rounding adds up
    together = nmf(data, 4, seed=7, n_init=3, **few)
    first = min((nmf(data, 4, seed=7 + r, **few) for r in range(3)), key=lambda f: abs(f.error - together.error))
    np.testing.assert_allclose(together.H, first.H, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(together.W, first.W, rtol=1e-3, atol=1e-4)


def test_the_same_seed_gives_the_same_factors_and_leaves_the_global_generators_alone():
    A = activations()
    torch.manual_seed(5)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what is tested
    one, two, other = nmf(A, 3, seed=1), nmf(A, 3, seed=1), nmf(A, 3, seed=2)
    np.testing.assert_array_equal(one.H, two.H)
    np.testing.assert_array_equal(one.W, two.W)
    assert not np.array_equal(one.W, other.W)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002


def test_nndsvda_is_scikit_learns(monkeypatch):
    nmf_module = pytest.importorskip("sklearn.decomposition._nmf")
    A = activations(n=70, c=30)
    H, W = nmf_module._initialize_nmf(A.astype(np.float64), 4, init="nndsvda")
    for solver in ("hals", "mu"):  # a zero of the start stays one in multiplicative updates
        ours = nmf(A, 4, solver=solver, init="nndsvda", max_iter=1, tol=0)
        theirs = nmf(A, 4, solver=solver, init=(H, W), max_iter=1, tol=0)
        np.testing.assert_allclose(ours.H, theirs.H, rtol=1e-2, atol=1e-3)
        np.testing.assert_allclose(ours.W, theirs.W, rtol=1e-2, atol=1e-3)
    assert nmf(Sketch(A, 20), 4, init="nndsvda").error == pytest.approx(nmf(A, 4, init="nndsvda").error, rel=5e-3)
    monkeypatch.setattr(rows, "memory_budget", lambda device: 30 * 4 * 34)  # blocks of 17 rows
    np.testing.assert_allclose(nmf(A, 4, solver="mu", init="nndsvda", max_iter=1, tol=0).H, ours.H, atol=1e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_warm_start_is_never_worse_than_what_it_starts_from(solver):
    A = activations(n=150, k=6, noise=0.3)
    fac = nmf(A, 2, solver=solver)
    for k in (2, 3, 4, 5):
        more = nmf(A, k, solver=solver, init=fac)
        assert more.k == k
        assert more.error <= fac.error * (1 + 1e-6)
        fac = more
    assert nmf(Sketch(A, 20), 6, solver=solver, init=fac).error <= fac.error * (1 + 1e-3)


def test_a_callback_sees_every_iteration_and_can_cancel():
    A, seen = activations(), []
    fac = nmf(A, 3, callback=lambda i, e: seen.append((i, e)) or i == 4)
    assert [i for i, _ in seen] == [1, 2, 3, 4]
    assert fac.n_iter == 4
    assert not fac.converged
    assert fac.error == pytest.approx(seen[-1][1])
    seen.clear()
    fac = nmf(Sketch(A, 20), 3, callback=lambda i, e: seen.append(i))
    assert seen == list(range(1, fac.n_iter + 1))
    assert fac.converged
    cancelled = nmf(Sketch(A, 20), 3, callback=lambda i, e: i == 2)
    assert not cancelled.converged
    assert cancelled.n_iter == 3  # one iteration on A gives the true error
    assert not nmf(Sketch(A, 20), 3, max_iter=5).converged


def test_the_stop_rule_and_its_limit():
    A = activations()
    loose, tight = nmf(A, 3, tol=1e-2), nmf(A, 3, tol=1e-6)
    assert loose.converged
    assert loose.n_iter < tight.n_iter
    assert tight.error <= loose.error
    assert not nmf(A, 3, max_iter=3).converged


def test_results_follow_the_input():
    A = activations()
    for data in (A, torch.from_numpy(A)):
        fac = nmf(data, 3)
        assert isinstance(fac, Factorization)
        assert type(fac.H) is type(fac.W) is type(data)
        assert tuple(fac.H.shape) == (90, 3)
        assert tuple(fac.W.shape) == (3, 40)
        assert fac.H.dtype == data.dtype
        assert type(nmf(Sketch(data), 3).H) is type(data)
    graph = torch.from_numpy(A).requires_grad_()
    assert not nmf(graph, 2).H.requires_grad


def test_no_array_of_the_caller_is_changed_or_shared():
    A = activations()
    H0, W0 = pair(90, 40, 3)
    copies = [X.copy() for X in (A, H0, W0)]
    fac = nmf(A, 3, init=(H0, W0), max_iter=3)
    nmf(A, 4, init=fac)
    nmf(-A + 1, 3, clamp=True)
    nmf(Sketch(A, 10), 3, init=(H0, W0))
    for X, copy in zip((A, H0, W0), copies, strict=True):
        np.testing.assert_array_equal(X, copy)
        assert not np.shares_memory(X, fac.H)
        assert not np.shares_memory(X, fac.W)


@pytest.mark.parametrize(
    "convert",
    [
        lambda A: A.astype(np.float64),
        lambda A: np.asfortranarray(A),
        lambda A: np.repeat(A, 2, 0)[::2],
        lambda A: A[::-1][::-1],
        lambda A: np.flip(np.flip(A, 1).copy(), 1),
        lambda A: torch.from_numpy(A).t().contiguous().t(),
        lambda A: torch.from_numpy(A).double(),
    ],
)
def test_other_layouts_give_the_same_factors(convert):
    A = activations()
    np.testing.assert_allclose(np.asarray(nmf(convert(A), 3).W), nmf(A, 3).W, rtol=1e-6)


def test_integers_booleans_float16_and_read_only_arrays():
    A = activations()
    counts = (A * 10).astype(np.uint8)
    np.testing.assert_array_equal(nmf(counts, 3).W, nmf(counts.astype(np.float32), 3).W)
    assert nmf(A > 0.1, 2).H.dtype == np.float32
    half = A.astype(np.float16)
    np.testing.assert_array_equal(nmf(half, 3).W, nmf(half.astype(np.float32), 3).W)
    assert nmf(torch.from_numpy(half), 3).H.dtype == torch.float32
    A.flags.writeable = False
    assert nmf(A, 2).error < 1


def with_value(value):
    A = activations()
    A[3, 5] = value
    return A


@pytest.mark.parametrize(
    ("A", "options", "error", "message"),
    [
        (with_value(np.nan), {}, ValueError, r"^A must be finite.*\(90, 40\).*NaN"),
        (with_value(np.inf), {}, ValueError, r"^A must be finite.*infinity"),
        (with_value(-0.5), {}, ValueError, r"^A must not be negative.*-0\.5.*solver=\"semi\".*clamp=True"),
        (np.zeros((0, 4)), {}, ValueError, r"^A must have two axes.*\(0, 4\)"),
        (np.ones(5), {}, ValueError, r"^A must have two axes.*\(5,\)"),
        (np.ones((2, 3, 4)), {}, ValueError, r"^A must have two axes.*\(2, 3, 4\)"),
        (np.ones((4, 4), complex), {}, TypeError, r"^A must hold real numbers.*complex128"),
        (np.array([["a"]]), {}, TypeError, r"^A must hold real numbers"),
        ([[1.0, 2.0]], {}, TypeError, r"^A must be a NumPy array or a torch tensor, but got list"),
        (torch.eye(3).to_sparse(), {}, TypeError, r"^A must be a dense real tensor"),
        (activations() * 1e30, {}, ValueError, r"^A must not exceed float32's range"),
        (activations(), {"k": 0}, ValueError, r"^k must be in 1\.\.40 \(A is 90 x 40\), but got 0"),
        (activations(), {"k": 41}, ValueError, r"^k must be in 1\.\.40"),
        (activations(), {"k": 2.0}, TypeError, r"^k must be an integer, but got 2\.0 \(float\)"),
        (activations(), {"solver": "hal"}, ValueError, r"^solver must be one of.*did you mean 'hals'"),
        (activations(), {"init": "nndsvd"}, ValueError, r"^init must be one of.*did you mean 'nndsvda'"),
        (activations(), {"init": 3}, TypeError, r"^init must be"),
        (activations(), {"init": pair(90, 40, 2)}, ValueError, r"^init must hold H0 of shape \(90, 3\)"),
        (activations(), {"init": tuple(-X for X in pair(90, 40, 3))}, ValueError, r"^init must be non-negative.*H0"),
        (activations(), {"init": "nndsvda", "n_init": 2}, ValueError, r"^n_init=2 restarts need"),
        (activations(), {"n_init": 0}, ValueError, r"^n_init must be at least 1"),
        (activations(), {"max_iter": 0}, ValueError, r"^max_iter must be at least 1"),
        (activations(), {"tol": -1}, ValueError, r"^tol must be"),
        (activations(), {"seed": -1}, ValueError, r"^seed must be"),
        (activations(), {"device": "quantum"}, ValueError, r"^device 'quantum' is not available"),
    ],
)
def test_what_is_refused_is_named(A, options, error, message):
    with pytest.raises(error, match=message):
        nmf(A, **({"k": 3} | options))


def test_warm_starts_and_signed_inits_are_refused_by_name():
    A = activations()
    with pytest.raises(ValueError, match=r"^init has 4 factors, but k=3"):
        nmf(A, 3, init=nmf(A, 4))
    with pytest.raises(ValueError, match=r'^init="nndsvda" needs'):
        nmf(A, 3, init="nndsvda", solver="semi")
    with pytest.raises(ValueError, match=r"^clamp and device belong to the sketch"):
        nmf(Sketch(A), 3, clamp=True)


def test_signed_data_by_clamp_and_by_semi():
    A = activations(signed=True)
    clamped = nmf(A, 3, clamp=True)
    np.testing.assert_array_equal(clamped.W, nmf(A.clip(0), 3).W)
    signed = nmf(A, 4, solver="semi", n_init=3)
    assert signed.W.min() < 0
    assert signed.error < relative_error(A, clamped.H, clamped.W)


def test_reorder_and_strength():
    fac = nmf(activations(), 3)
    moved = fac.reorder([2, 0, 1])
    np.testing.assert_array_equal(moved.H, fac.H[:, [2, 0, 1]])
    np.testing.assert_array_equal(moved.W, fac.W[[2, 0, 1]])
    np.testing.assert_allclose(moved.strength, fac.strength[[2, 0, 1]], rtol=1e-6)
    energies = [np.linalg.norm(np.outer(fac.H[:, j], fac.W[j])) ** 2 for j in range(3)]
    np.testing.assert_allclose(fac.strength, energies / np.sum(energies), rtol=1e-5)
    with pytest.raises(FrozenInstanceError):
        fac.error = 0.0
    with pytest.raises(ValueError, match=r"^order must be a permutation of range\(3\)"):
        fac.reorder([0, 1])


@pytest.mark.parametrize("solver", SOLVERS)
def test_blocks_of_rows_give_the_same_factors(solver, monkeypatch):
    A = activations(n=130)
    H0, W0 = pair(130, 40, 3)
    whole = nmf(A, 3, solver=solver, init=(H0, W0), max_iter=8, tol=0)
    monkeypatch.setattr(rows, "memory_budget", lambda device: 40 * 4 * 34)  # blocks of 17 rows, the last one shorter
    blocks = nmf(A, 3, solver=solver, init=(H0, W0), max_iter=8, tol=0)
    np.testing.assert_allclose(blocks.H, whole.H, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(blocks.W, whole.W, rtol=1e-3, atol=1e-4)
    sketched = nmf(Sketch(A, 20), 3, solver=solver, init=(H0, W0), max_iter=8)
    monkeypatch.undo()
    assert nmf(Sketch(A, 20), 3, solver=solver, init=(H0, W0), max_iter=8).error == pytest.approx(
        sketched.error, rel=1e-3
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("solver", SOLVERS)
def test_cuda_agrees_with_the_cpu(solver, monkeypatch):
    A = activations(n=500, c=120, k=6)
    H0, W0 = pair(500, 120, 5)
    cpu = nmf(A, 5, solver=solver, init=(H0, W0), max_iter=8, tol=0, device="cpu")
    gpu = nmf(A, 5, solver=solver, init=(H0, W0), max_iter=8, tol=0, device="cuda")
    np.testing.assert_allclose(gpu.H, cpu.H, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(gpu.W, cpu.W, rtol=1e-3, atol=1e-4)
    assert nmf(torch.from_numpy(A).cuda(), 5).H.is_cuda
    monkeypatch.setattr(rows, "memory_budget", lambda device: 120 * 4 * 100 if device.type == "cuda" else np.inf)
    streamed = nmf(A, 5, solver=solver, init=(H0, W0), max_iter=8, tol=0, device="cuda")
    np.testing.assert_allclose(streamed.W, cpu.W, rtol=1e-3, atol=1e-4)
    assert nmf(Sketch(A, 30, device="cuda"), 5).error == pytest.approx(nmf(A, 5, device="cpu").error, rel=0.02)
