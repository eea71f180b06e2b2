"""Sketch, project, pca and kmeans."""

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dff_widgets.factorization.blocks as blocks
import dff_widgets.factorization.eigen as eigen
import dff_widgets.factorization.rows as rows
from dff_widgets.factorization import Factorization, Sketch, kmeans, nmf, pca, project


@pytest.fixture(autouse=True)
def _one_thread():
    """At these sizes a second thread only waits, and waits long where cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def activations(n=400, c=90, k=5, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    H, W = (rng.random(s) * (rng.random(s) > 0.5) for s in ((n, k), (k, c)))
    return (H @ W + noise * rng.normal(size=(n, c)) * (rng.random((n, c)) > 0.5)).clip(0).astype(np.float32)


def localized(n, c, k=12, seed=0):
    """n x c, nine tenths zeros: factors in few rows and channels, one weaker than the other, and a few specks."""
    rng = np.random.default_rng(seed)
    H, W = (rng.random(s) * (rng.random(s) > 0.85) for s in ((n, k), (k, c)))
    specks = 0.05 * rng.random((n, c)) * (rng.random((n, c)) > 0.98)
    return ((H * 0.85 ** np.arange(k)) @ W + specks).astype(np.float32)


def relative_error(A, fac):
    A = np.asarray(A, np.float64)
    return np.linalg.norm(A - fac.H.astype(np.float64) @ fac.W.astype(np.float64)) / np.linalg.norm(A)


def matrix(A):
    return rows.Matrix(torch.from_numpy(A), torch.device("cpu"), nonnegative=True, extra=0)


@pytest.mark.parametrize("c", [90, 700])  # whole, and by the upper half
def test_the_gram_product_and_the_norm_keep_float64s_digits(c):
    A = activations(n=9000, c=c)
    exact = A.astype(np.float64).T @ A.astype(np.float64)
    assert np.abs(matrix(A).gram().numpy() - exact).max() <= 2**-20 * exact.max()
    assert matrix(A).squared_norm == pytest.approx(np.square(A.astype(np.float64)).sum(), rel=1e-7)


@pytest.mark.parametrize("c", [60, 400])  # the exact decomposition, and subspace iteration
def test_leading_eigenvectors(c):
    A = activations(n=800, c=c, k=12)
    C = torch.from_numpy(A.T @ A)
    values, V = eigen.leading_eigenvectors(C, 12)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(C.double().numpy())[::-1][:12], rtol=1e-3)
    np.testing.assert_allclose(V.T @ V, np.eye(12), atol=1e-4)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("n", [40, 800])  # fewer rows than axes in the subspace, and more
def test_leading_axes_are_those_of_the_gram_matrix(kind, n):
    A = localized(n, 500)
    products = {"dense": blocks.Dense, "sparse": blocks.Sparse}[kind](torch.from_numpy(A))
    values, Y, V = eigen.leading_axes(products, 500, 12)
    exact = np.linalg.eigvalsh(A.astype(np.float64).T @ A)[::-1][:12]
    np.testing.assert_allclose(values, exact, rtol=2e-3)
    np.testing.assert_allclose(V.T @ V, np.eye(12), atol=1e-4)
    np.testing.assert_allclose(Y, A @ V.numpy(), atol=1e-3 * float(Y.abs().max()))
    np.testing.assert_allclose(Y.T @ Y, np.diag(values), atol=1e-3 * float(values[0]))


@pytest.mark.parametrize("make", [activations, localized])
def test_a_sketch_by_products_is_as_good_as_one_by_the_gram_matrix(make, monkeypatch):
    A = make(700, 900, 6)
    quick = Sketch(A, 36)
    assert (quick.matrix.sparse is not None) == (make is localized)
    reads = []
    monkeypatch.setattr(rows.Matrix, "leading", rows.Rows.leading)
    slow = Sketch(A, 36, progress=lambda done, of: reads.append((done, of)))
    assert reads[-1] == (700, 700)
    assert not np.array_equal(quick.projection.axes[0], slow.projection.axes[0])  # it was another way
    assert quick.energy == pytest.approx(slow.energy, rel=0.02)
    for k in (1, 3, 6):
        assert nmf(quick, k).error == pytest.approx(nmf(slow, k).error, rel=2e-3)


def test_a_sketch_by_products_tells_its_progress_and_takes_zeros():
    reads = []
    sketch = Sketch(np.zeros((300, 900), np.float32), 20, progress=lambda done, of: reads.append((done, of)))
    assert reads == [(300, 300)]
    assert nmf(sketch, 2).error == 0


@pytest.mark.parametrize(("n", "c"), [(1, 1), (5, 7), (300, 513), (600, 70)])
@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_compressed_rows_hold_the_same_numbers(n, c, density):
    rng = np.random.default_rng(0)
    A = (rng.normal(size=(n, c)) * (rng.random((n, c)) < density)).astype(np.float32)
    sparse = blocks.Sparse(torch.from_numpy(A))
    np.testing.assert_array_equal(sparse.by_row.to_dense(), A)
    np.testing.assert_array_equal(sparse.by_channel.toarray(), A.T)
    assert sparse.density == pytest.approx((A != 0).mean())


def test_a_sketchs_error_is_the_true_one_and_close_to_that_without():
    A = activations()
    sketch = Sketch(A, 30)
    for k in (1, 2, 5, 8):
        fac = nmf(sketch, k)
        assert fac.error == pytest.approx(relative_error(A, fac), rel=1e-4)
        assert fac.error <= 1.01 * nmf(A, k).error


def test_a_full_sketch_loses_nothing():
    A = activations(n=60, c=25)
    assert Sketch(A, 25).energy == pytest.approx(1, abs=1e-5)
    assert nmf(Sketch(A, 25), 4, tol=1e-6).error == pytest.approx(nmf(A, 4, tol=1e-6).error, rel=5e-3)


def test_the_rank_of_a_sketch():
    A = activations()
    assert Sketch(A).rank == 60
    assert Sketch(A, max_k=3).rank == 32
    assert Sketch(A[:20]).rank == 20
    assert Sketch(A, 7).rank == 7
    by_energy = Sketch(A, 0.9)
    values = np.linalg.eigvalsh(A.astype(np.float64).T @ A)[::-1]
    assert by_energy.rank == np.searchsorted(values.cumsum() / values.sum(), 0.9) + 1
    assert by_energy.energy == pytest.approx(values[: by_energy.rank].sum() / values.sum(), rel=1e-4)
    assert repr(Sketch(A, 7)).startswith("Sketch(400 x 90, rank=7, energy=")
    for rank, message in ((0, r"^rank must be in 1\.\.90 \(A is 400 x 90\), but got 0"), (1.5, r"^rank as a share")):
        with pytest.raises(ValueError, match=message):
            Sketch(A, rank)
    with pytest.raises(ValueError, match=r"^k must be in 1\.\.7, the rank of the sketch"):
        nmf(Sketch(A, 7), 8)
    with pytest.raises(ValueError, match=r"^A must not be negative"):
        nmf(Sketch(A - 0.1), 3)
    assert nmf(Sketch(A - 0.1), 3, solver="semi").error < 1
    assert nmf(Sketch(A - 0.1, clamp=True), 3).error < 1
    assert nmf(Sketch(np.zeros_like(A)), 3).error == 0


def nnls(A, W):
    return np.stack([scipy.optimize.nnls(W.T.astype(np.float64), a.astype(np.float64))[0] for a in A])


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    n=st.integers(1, 30), k=st.integers(1, 8), extra=st.integers(0, 20), seed=st.integers(0, 999), signed=st.booleans()
)
def test_project_equals_nnls(n, k, extra, seed, signed):
    rng = np.random.default_rng(seed)
    A, W = rng.normal(size=(n, k + 2 + extra)), rng.normal(size=(k, k + 2 + extra))
    if not signed:
        A, W = np.abs(A), np.abs(W)
    A, W = A.astype(np.float32), W.astype(np.float32)
    H, exact = project(A, W), nnls(A, W)
    loss = np.linalg.norm(A - H.astype(np.float64) @ W, axis=1)
    assert (loss <= np.linalg.norm(A - exact @ W, axis=1) * (1 + 1e-6) + 1e-6).all()
    if np.linalg.cond(W) < 30:
        np.testing.assert_allclose(H, exact, atol=2e-4 * max(1, exact.max()))


def test_project_on_activations():
    A = activations(n=300)
    W = nmf(A, 6).W
    exact = nnls(A, W)
    H = project(A, W)
    assert H.dtype == np.float32
    assert np.abs(H - exact).max() <= 1e-5 * exact.max()
    assert isinstance(project(torch.from_numpy(A), W), torch.Tensor)
    assert relative_error(A, nmf(A, 6)) >= np.linalg.norm(A - exact @ W) / np.linalg.norm(A) - 1e-6


def test_project_with_zero_and_repeated_factors():
    A = activations(n=50)
    W = nmf(A, 3).W
    twice = np.concatenate([W, W[:1], np.zeros_like(W[:1])])
    H = project(A, twice)
    assert np.isfinite(H).all()
    assert H.min() >= 0
    np.testing.assert_allclose(H @ twice, project(A, W) @ W, atol=1e-4)
    assert not project(np.zeros_like(A), W).any()


def test_project_refuses_by_name():
    with pytest.raises(ValueError, match=r"^W must have as many channels as A.*\(3, 5\).*\(7, 4\)"):
        project(np.ones((7, 4)), np.ones((3, 5)))
    with pytest.raises(ValueError, match=r"^W must be finite"):
        project(np.ones((7, 4)), np.full((3, 4), np.nan))


@pytest.mark.parametrize("c", [60, 400])
def test_pca_is_the_best_approximation_of_its_rank(c):
    A = activations(c=c)
    before = A.copy()
    fac = pca(A, 4)
    values = np.linalg.svd(A.astype(np.float64), compute_uv=False)
    assert fac.error == pytest.approx(np.sqrt(np.square(values[4:]).sum() / np.square(values).sum()), rel=1e-5)
    np.testing.assert_allclose(fac.W @ fac.W.T, np.eye(4), atol=1e-4)
    np.testing.assert_allclose(fac.H, A @ fac.W.T, atol=1e-3)
    assert fac.W.sum(1).min() >= 0
    assert fac.error <= nmf(A, 4).error
    np.testing.assert_array_equal(A, before)


def twin_lloyd(A, W, iterations):
    for _ in range(iterations):
        label = np.array([np.argmin([np.sum((a - w) ** 2) for w in W]) for a in A])
        W = np.stack([A[label == j].mean(0) if (label == j).any() else W[j] for j in range(len(W))])
    return np.eye(len(W))[label], W


def test_kmeans_equals_its_slow_twin_and_finds_planted_clusters():
    rng = np.random.default_rng(1)
    centres = 10 * rng.random((4, 12))
    truth = rng.integers(4, size=120)
    A = centres[truth] + 0.1 * rng.random((120, 12))
    fac = kmeans(A, 4, n_init=8)
    assert fac.converged
    assert set(np.unique(fac.H)) == {0, 1}
    assert (fac.H.sum(1) == 1).all()
    H, W = twin_lloyd(A, fac.W.astype(np.float64), 1)
    np.testing.assert_array_equal(fac.H, H)
    np.testing.assert_allclose(fac.W, W, rtol=1e-5)
    assert len({(t, h) for t, h in zip(truth, fac.H.argmax(1), strict=True)}) == 4
    assert fac.error == pytest.approx(relative_error(A, fac), rel=1e-4)
    np.testing.assert_array_equal(kmeans(A, 4, n_init=8).W, fac.W)


def test_kmeans_batch_equals_single_runs():
    A = activations()
    batch = kmeans(A, 6, n_init=4, seed=3)
    assert batch.error == pytest.approx(min(kmeans(A, 6, seed=3 + r).error for r in range(4)), rel=1e-4)


def test_more_rows_than_are_read_at_a_time():
    A = activations(n=5000, c=12, k=3)
    fac = pca(A, 3)
    np.testing.assert_allclose(fac.H, A @ fac.W.T, atol=1e-3)
    assert fac.error == pytest.approx(relative_error(A, fac), rel=1e-4)
    one = nmf(A, 1)
    more = nmf(A, 3, init=one)
    assert more.error < one.error
    assert more.error == pytest.approx(relative_error(A, more), rel=1e-4)
    assert project(A, fac.W).shape == (5000, 3)


def test_kmeans_stops_where_another_iteration_changes_nothing():
    A = activations()
    fac = kmeans(A, 6, tol=0)
    assert fac.converged
    np.testing.assert_allclose(twin_lloyd(A, fac.W.astype(np.float64), 1)[1], fac.W, rtol=1e-4, atol=1e-5)
    assert kmeans(A, 6).error == pytest.approx(fac.error, rel=0.01)


def test_a_single_row_that_is_unlike_all_others_gets_a_factor_and_a_cluster_of_its_own():
    A = np.tile(np.array([1, 2, 0, 0], np.float32), (60, 1))
    A[41] = [0, 0, 3, 1]
    for seed in range(5):
        assert nmf(A, 2, init=nmf(A, 1), seed=seed).error < 1e-3
        assert sorted(kmeans(A, 2, seed=seed, max_iter=1).H.sum(0)) == [1, 59]  # the seeds alone find it


def test_baselines_refuse_by_name():
    with pytest.raises(ValueError, match=r"^k must be in 1\.\.4"):
        pca(np.ones((5, 4)), 5)
    with pytest.raises(ValueError, match=r"^A must be finite"):
        kmeans(np.full((5, 4), np.inf), 2)
    assert kmeans(np.zeros((5, 4)), 2).error == 0
    assert isinstance(pca(torch.ones(5, 4), 1).H, torch.Tensor)


def test_a_factorization_shows_its_shapes_and_error_and_not_its_numbers():
    fac = nmf(activations(40, 9, 2), 2, seed=0)
    assert repr(fac).startswith(f"Factorization(H (40, 2), W (2, 9), error={fac.error:.4g}, ")


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_a_notebook_shows_shares_and_the_strongest_channels(kind):
    W = np.zeros((2, 9), dtype=np.float32)
    W[0, [7, 2]], W[1, 4] = (3, -5), 1  # as of PCA: what is strong may be negative
    shown = Factorization(kind(np.ones((6, 2), dtype=np.float32)), kind(W), 0.25, 3, True)._repr_html_()
    assert "2, 7, 0" in shown
    assert "4, 0, 1" in shown
    assert "97%" in shown
    assert "3%" in shown
    many = Factorization(kind(np.ones((6, 30))), kind(np.ones((30, 2))), 0.0, 1, True)._repr_html_()
    assert many.count("<tr>") == 1 + 20
    assert "the first 20" in many
    nothing = Factorization(kind(np.zeros((6, 1))), kind(np.zeros((1, 2))), 0.0, 1, True)._repr_html_()
    assert "0%" in nothing
