import errno

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.evaluation import metrics
from dff_widgets.factorization import Sketch, nmf, nmf_stack, pca, project
from dff_widgets.scale import Store, factorize, rows

from .conftest import files, images, planted, stored


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("store"))


@pytest.fixture
def reads(monkeypatch, tmp_path):
    """The numbers of the chunks of this test's stores in the order in which they are read."""
    numbers, read_chunk = [], Store.read_chunk

    def counted(self, number):
        if self.path.is_relative_to(tmp_path):  # another test's explorer may still look ahead in its own
            numbers.append(number)
        return read_chunk(self, number)

    monkeypatch.setattr(Store, "read_chunk", counted)
    return numbers


def relative_error(A, fac):
    A = np.asarray(A, np.float64)
    return np.linalg.norm(A - fac.H.astype(np.float64) @ fac.W.astype(np.float64)) / np.linalg.norm(A)


# ------------------------------------------------------------------------------------------- the same as in memory
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "hals"},
        {"solver": "mu", "max_iter": 40},
        {"solver": "semi"},
        {"init": "nndsvda"},
        {"n_init": 3},
        {"max_iter": 5},
    ],
    ids=str,
)
def test_factors_of_a_store_are_those_of_its_matrix(store, monkeypatch, options):
    monkeypatch.setattr(rows.StoredRows, "closing", 3)  # as in memory
    A = store.matrix[:]
    ours, theirs = nmf(Sketch(store, 16), 5, **options), nmf(Sketch(A, 16), 5, **options)
    assert isinstance(ours.H, np.ndarray)
    assert ours.H.shape == theirs.H.shape
    assert ours.error == pytest.approx(relative_error(A, ours), rel=1e-4)
    assert ours.error == pytest.approx(theirs.error, abs=1e-4)
    np.testing.assert_allclose(ours.H @ ours.W, theirs.H @ theirs.W, atol=0.02 * A.max())


def test_two_closing_iterations_are_nearly_as_good_as_three(store):
    assert nmf(Sketch(store, 16), 5).error == pytest.approx(nmf(Sketch(store.matrix[:], 16), 5).error, abs=1e-4)


def test_float16_costs_less_than_a_hundred_thousandth_of_the_error(tmp_path):
    A = planted(images()).matrix
    assert nmf(stored(tmp_path), 5).error == pytest.approx(nmf(Sketch(A, max_k=5), 5).error, abs=1e-4)


def test_planted_factors_are_found(tmp_path):
    store = stored(tmp_path, make=lambda *arguments: planted(*arguments, noise=0.0))
    assert nmf(store, 5, n_init=3, max_iter=500, tol=1e-6).error < 0.02


def test_blocks_smaller_than_a_chunk(store, monkeypatch):
    whole = nmf(Sketch(store, 16), 4)
    monkeypatch.setattr(rows, "_BLOCK_BYTES", 4 * 23 * 7)  # seven rows
    assert rows.StoredRows(store, "cpu").step == 7
    assert nmf(Sketch(store, 16), 4).error == pytest.approx(whole.error, abs=1e-4)


def test_project_pca_and_warm_starts(store):
    A = store.matrix[:]
    fac = nmf(store, 4)
    np.testing.assert_allclose(project(store, fac.W), project(A, fac.W), atol=1e-5)
    assert pca(store, 4).error == pytest.approx(pca(A, 4).error, abs=1e-5)
    more = nmf(store, 6, init=fac)
    assert more.error <= fac.error
    assert nmf(store.matrix, 4).error == pytest.approx(fac.error, abs=1e-4)


def test_the_store_is_read_three_times_in_all(tmp_path, reads):
    store = stored(tmp_path)
    assert not reads  # the Gram matrix was summed while it was filled
    once = list(range(len(store.chunks)))
    nmf(store, 4)
    assert reads == once * 3
    reads.clear()
    sketch = Sketch(store, 16)
    assert reads == once
    for k in (2, 3, 5):
        reads.clear()
        nmf(sketch, k)
        assert reads == once * 2
    reads.clear()
    nmf_stack(sketch, (2, 3, 5))
    assert reads == once * 2  # for all of them


# ------------------------------------------------------------------------------------------- the sketch beside it
def test_a_sketch_stays_beside_the_store(tmp_path, reads):
    store = stored(tmp_path)
    first = nmf(Sketch(store, 16), 4)
    reads.clear()
    again = Sketch(Store.open(tmp_path), 16)
    assert not reads
    assert np.array_equal(nmf(again, 4).H, first.H)
    data = bytearray((tmp_path / "sketch-16.npy").read_bytes())
    data[-3] ^= 64
    (tmp_path / "sketch-16.npy").write_bytes(data)
    assert np.array_equal(nmf(Sketch(Store.open(tmp_path), 16), 4).H, first.H)  # made again
    rows = np.load(tmp_path / "sketch-16.npy", allow_pickle=False)
    assert rows.shape == (store.shape[0], 16)


def test_a_store_that_may_not_be_changed_is_sketched_elsewhere(tmp_path, monkeypatch):
    store = stored(tmp_path)
    expected = nmf(Sketch(store, 16), 4)
    for file in tmp_path.glob("sketch-16*"):
        file.unlink()
    opened = type(tmp_path).open

    def refuse(path, mode="r", *rest, **options):
        if "x" in mode and "sketch" in path.name:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, mode, *rest, **options)

    monkeypatch.setattr(type(tmp_path), "open", refuse)
    assert np.array_equal(nmf(Sketch(store, 16), 4).H, expected.H)
    assert not list(tmp_path.glob("*sketch-16*"))


def test_a_disk_that_is_full_while_the_sketch_is_made(tmp_path, monkeypatch):
    store = stored(tmp_path)
    before = files(tmp_path)

    def full(file, *_):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rows, "_write_projection", full)
    with pytest.raises(OSError, match="is full"):
        Sketch(store, 16)
    assert files(tmp_path) == before


def test_a_sketch_in_use_outlives_one_that_takes_its_place(tmp_path):
    store = stored(tmp_path)
    sketch = Sketch(store, 16)
    expected = nmf(sketch, 3).H
    (tmp_path / "sketch-16.safetensors").unlink()
    Sketch(store, 16)
    assert np.array_equal(nmf(sketch, 3).H, expected)


# ------------------------------------------------------------------------------------------- a result
def test_a_result_of_a_store_is_one_like_any_other(store, tmp_path):
    result = factorize(store, k=3)
    assert (len(result), result.k, result.network, result.layer, result.size) == (13, 3, "planted", "top", 16)
    strength = result.factorization.strength
    assert list(strength) == sorted(strength, reverse=True)
    for i, pixels in enumerate(images()):
        assert result.heatmaps(i).shape == (3, *pixels.shape[:2])
    masks = result.lazy_masks(75)
    assert all(np.array_equal(a, b) for a, b in zip(masks, result.masks(75), strict=True))
    assert len(result.boxes(0)) == 13
    assert metrics.iou(masks, result.images.parts, {0: ["left"]}).shape == (3,)
    result.save(tmp_path / "x.dff")
    assert np.array_equal(dff.DFFResult.load(tmp_path / "x.dff").factorization.H, result.factorization.H)


def test_one_sketch_serves_several_k(store):
    sketch = Sketch(store, 16)
    assert [factorize(store, k, sketch=sketch).k for k in (1, 2, 5)] == [1, 2, 5]


def test_the_estimators_functions_take_a_store_for_activations(store):
    from dff_widgets.dff import apply
    from dff_widgets.dff import factorize as in_memory

    result = in_memory(store, 3)
    assert result.factorization.error == pytest.approx(factorize(store, 3).factorization.error, abs=1e-6)
    assert apply(result.factorization.W, store).factorization.error <= result.factorization.error * (1 + 1e-4)


# ------------------------------------------------------------------------------------------- bad input
def test_what_is_refused_is_named(store, tmp_path):
    signed = stored(tmp_path, make=lambda *arguments: planted(*arguments, signed=True))
    with pytest.raises(ValueError, match="A must not be negative for solver='hals', but its least entry is -0"):
        nmf(signed, 3)
    assert nmf(signed, 3, solver="semi").error < 0.5
    with pytest.raises(ValueError, match=r"clamp=True would change a store; extract it again with clamp=True"):
        nmf(signed, 3, clamp=True)
    with pytest.raises(ValueError, match=r"k must be in 1\.\.23 \(A is \d+ x 23\), but got 24"):
        nmf(store, 24)
    with pytest.raises(ValueError, match="W must have as many channels as A"):
        project(store, np.ones((2, 5)))
