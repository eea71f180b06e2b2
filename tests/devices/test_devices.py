"""Every computing path on a device that is not there; see `pretended`. What once failed there fails no more."""

import numpy as np
import pytest
import torch

import dff_widgets.factorization.rows as rows
from dff_widgets.devices import full_precision, is_out_of_memory, memory_budget
from dff_widgets.factorization import Factorization, OnCpuWarning, Sketch, kmeans, nmf, nmf_stack, pca, project
from dff_widgets.heat.crf import GuidedFilter, refine

from .pretended import Pretended

RNG = np.random.default_rng(0)
A = (RNG.gamma(0.5, 1, (300, 5)) @ RNG.gamma(0.5, 1, (5, 80)) + 0.05 * RNG.random((300, 80))).astype(np.float32)
SPARSE = (A * (RNG.random(A.shape) > 0.92)).astype(np.float32)
START = RNG.random((300, 4)).astype(np.float32), RNG.random((4, 80)).astype(np.float32)
kinds = pytest.mark.parametrize("kind", ["cuda", "mps"])


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@kinds
@pytest.mark.parametrize("solver", ["hals", "mu", "semi"])
def test_nmf_is_that_of_the_cpu(kind, solver):
    options = {"solver": solver, "init": START, "max_iter": 6, "tol": 0}
    expected = nmf(A, 4, device="cpu", **options)
    with Pretended(kind) as seen:
        found = nmf(A, 4, device=kind, **options)
    assert_close(found.W, expected.W)
    assert found.error == pytest.approx(expected.error, rel=1e-3)
    assert seen.bytes_up < 1.2 * A.nbytes  # A goes there once


@kinds
def test_stack_project_and_baselines_run_there(kind):
    W = nmf(A, 3, device="cpu").W
    expected = project(A, W, device="cpu")
    alone = [nmf(Sketch(A, 30, device="cpu"), k, max_iter=8, tol=0).error for k in (1, 2, 4)]
    with Pretended(kind):
        stack = nmf_stack(Sketch(A, 30, device=kind), (1, 2, 4), max_iter=8, tol=0)
        assert_close(project(A, W, device=kind), expected)
        pca(A, 3, device=kind)
        kmeans(A, 3, n_init=2, device=kind)
        nmf(A, 3, n_init=2, max_iter=5, device=kind)
    assert [fac.error for fac in stack] == pytest.approx(alone, rel=1e-2)


@kinds
def test_sparse_rows_of_a_device_are_computed_on_the_cpu(kind):
    expected = nmf(SPARSE, 3, max_iter=6, device="cpu")
    with Pretended(kind):
        found = nmf(torch.from_numpy(SPARSE).to(kind), 3, max_iter=6, device="cpu")
        assert_close(found.W.cpu().numpy(), expected.W)


@kinds
def test_factors_on_a_device_are_put_in_order(kind):
    H, W = (torch.rand(n, 3, generator=torch.Generator().manual_seed(0)) for n in (9, 7))
    fac = Factorization(H, W.mT.contiguous(), 0.1, 1, True)
    expected = np.argsort(-fac.strength.numpy(), kind="stable").tolist()
    with Pretended(kind):
        there = Factorization(H.to(kind), fac.W.to(kind), 0.1, 1, True)
        assert there.strongest_first == expected
        there.reorder(there.strongest_first)


@kinds
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_refine_takes_ordinary_photos(kind, dtype):
    image = RNG.random((90, 131, 3))  # sides that the coarse grid does not divide
    image = (255 * image).astype(np.uint8) if dtype == np.uint8 else image
    maps, levels = RNG.random((3, 90, 131)).astype(np.float32), np.full(3, 0.5, np.float32)
    expected = refine(image, maps, levels, device="cpu")
    with Pretended(kind):
        found = refine(image, maps, levels, device=kind)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(("shape", "s"), [((17, 23), 8), ((16, 24), 8), ((5, 131), 3)])
def test_means_of_cells_that_do_not_divide_are_torchs(shape, s):
    maps = torch.rand(1, 2, *shape, generator=torch.Generator().manual_seed(0))
    expected = GuidedFilter.reduce(maps, s)
    with Pretended("mps"):
        found = GuidedFilter.reduce(maps.to("mps"), s).cpu()
    torch.testing.assert_close(found, expected)


def test_memory_that_torch_keeps_counts_as_free_and_the_budget_is_asked_once(monkeypatch):
    with Pretended("cuda", free=1000):
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device=None: 5000)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device=None: 2000)
        assert memory_budget(torch.device("cuda", 0)) == (1000 + 3000) / 2
    asked = []
    monkeypatch.setattr(rows, "memory_budget", lambda device: asked.append(device) or (1e9 if len(asked) == 1 else 0))
    with Pretended("cuda"):
        matrix = rows.as_rows(A, "cuda")
        assert (matrix.step, matrix.A.device.type) == (len(A), "cuda")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("size mismatch"), False),
    ],
)
def test_messages_about_memory_are_known(error, is_one):
    assert is_out_of_memory(error) == is_one


def test_products_are_in_float32_inside_and_the_choice_is_restored():
    before, seen = torch.get_float32_matmul_precision(), []
    try:
        torch.set_float32_matmul_precision("medium")
        with full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
        nmf(Sketch(A, 30), 3, max_iter=4, callback=lambda i, e: seen.append(torch.get_float32_matmul_precision()))
        assert set(seen) == {"highest"}
    finally:
        torch.set_float32_matmul_precision(before)


FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


def full_there(function, error):
    """The function, on an accelerator that is full."""

    def run(self, *args):
        if self.A.device.type != "cpu":
            raise error
        return function(self, *args)

    return run


@pytest.mark.parametrize("error", FULL)
def test_an_accelerator_that_is_full_leaves_the_work_to_the_cpu(error, monkeypatch):
    options = {"init": START, "max_iter": 6, "tol": 0}
    expected = nmf(A, 4, device="cpu", **options)
    monkeypatch.setattr(rows.Dense, "times_w", full_there(rows.Dense.times_w, error))
    with Pretended("cuda"):
        with pytest.warns(OnCpuWarning, match="does not suffice"):
            found = nmf(A, 4, device="cuda", **options)
        with pytest.warns(OnCpuWarning):
            stack = nmf_stack(A, [4, 2], max_iter=6, tol=0, device="cuda")
    np.testing.assert_array_equal(found.H, expected.H)
    assert [fac.k for fac in stack] == [4, 2]


@pytest.mark.parametrize("error", FULL)
def test_a_sketch_that_does_not_fit_is_made_and_used_on_the_cpu(error, monkeypatch):
    expected = nmf(Sketch(A, 30, device="cpu"), 3, max_iter=8, tol=0)
    with Pretended("cuda"):
        sketch = Sketch(A, 30, device="cuda")
        monkeypatch.setattr(rows.Dense, "times_w", full_there(rows.Dense.times_w, error))
        with pytest.warns(OnCpuWarning):  # its closing iterations are on A
            found = nmf(sketch, 3, max_iter=8, tol=0)
        assert sketch.matrix.device.type == "cuda"
        monkeypatch.setattr(rows.Matrix, "leading", full_there(rows.Matrix.leading, error))
        with pytest.warns(OnCpuWarning):
            assert Sketch(A, 30, device="cuda").matrix.device.type == "cpu"
    assert found.error == pytest.approx(expected.error, rel=1e-3)


def test_other_errors_and_a_full_cpu_are_no_reason_to_begin_again(monkeypatch):
    for error in (RuntimeError("size mismatch"), RuntimeError("DefaultCPUAllocator: can't allocate memory")):
        monkeypatch.setattr(rows.Dense, "times_w", full_there(rows.Dense.times_w, error))
        with Pretended("cuda"), pytest.raises(RuntimeError, match=str(error)):
            nmf(A, 3, device="cuda", max_iter=3)
        monkeypatch.undo()
