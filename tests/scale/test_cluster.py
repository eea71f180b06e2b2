import os
import signal
import threading
import warnings

import numpy as np
import pytest
import torch

from dff_widgets import scale
from dff_widgets.factorization import Sketch, nmf, nmf_stack, project
from dff_widgets.images import UnreadableImageWarning
from dff_widgets.scale import Store, distribute, factorize

from ..small_networks import small
from .conftest import files, images, planted, stored

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize(
    "options",
    [{}, {"solver": "mu"}, {"solver": "semi"}, {"n_init": 3}, {"init": "nndsvda"}],
    ids=str,
)
def test_a_cluster_gives_the_factors_of_one_machine(store, client, options):
    spread = distribute(store, client, blocks=3)
    assert len(spread.blocks) == 3
    ours, theirs = (nmf(Sketch(given, 16), 4, max_iter=20, **options) for given in (spread, store))
    assert ours.error == pytest.approx(theirs.error, abs=1e-4)
    np.testing.assert_allclose(ours.W, theirs.W, atol=0.02 * theirs.W.max())
    np.testing.assert_allclose(ours.H, theirs.H, atol=0.02 * theirs.H.max())


def test_every_k_in_one_batch_is_that_of_one_machine(store, client):
    spread = distribute(store, client, blocks=3)
    ours, theirs = (nmf_stack(Sketch(given, 16), (4, 1, 2), max_iter=12) for given in (spread, store))
    assert [fac.k for fac in ours] == [4, 1, 2]
    for a, b in zip(ours, theirs, strict=True):
        assert a.error == pytest.approx(b.error, abs=1e-4)
        np.testing.assert_allclose(a.H, b.H, atol=0.02 * b.H.max())


@pytest.mark.parametrize("blocks", [1, 5, 40])
def test_any_number_of_blocks(store, client, blocks):
    spread = distribute(store, client, blocks=blocks)
    assert [part.rows.start for part in spread.blocks[1:]] == [part.rows.stop for part in spread.blocks[:-1]]
    assert spread.blocks[-1].rows.stop == store.shape[0]
    W = nmf(store, 4).W
    assert nmf(spread, 4, max_iter=8).error == pytest.approx(nmf(store, 4, max_iter=8).error, abs=1e-4)
    np.testing.assert_allclose(project(spread, W), project(store, W), atol=1e-6)


def test_a_result_and_nothing_left_behind(store, client):
    before = files(store.path)
    result = factorize(store, k=3, client=client, max_iter=15)
    assert result.factorization.error == pytest.approx(factorize(store, k=3, max_iter=15).factorization.error, abs=1e-4)
    del result
    assert set(files(store.path)) - set(before) <= {"sketch-23.npy", "sketch-23.safetensors"}
    assert not [p for p in store.path.iterdir() if p.name.startswith(".")]


def test_a_weighted_store_is_that_of_its_weighted_rows_here_and_on_a_cluster(store, client):
    weights = np.random.default_rng(3).random(store.shape[0]).astype(np.float32)
    weighted = store.weighted(weights)
    rows = store.matrix[:] * weights[:, None]
    np.testing.assert_allclose(weighted.matrix[:], rows, atol=2e-3)  # float16
    expected = nmf(Sketch(rows, 16), 4, max_iter=20)
    for given in (weighted, distribute(weighted, client, blocks=3)):
        found = nmf(Sketch(given, 16), 4, max_iter=20)
        assert found.error == pytest.approx(expected.error, abs=1e-3)
    evenly, axes = store.weighted(np.full(store.shape[0], 0.5, np.float32)), torch.eye(store.shape[1])[:, :7]
    known, half = (one.as_rows("cpu").project(axes) for one in (store, evenly))  # the same axes, other rows
    np.testing.assert_allclose(half.axes[0], known.axes[0] / 2, atol=2e-3)


def test_extraction_on_workers_gives_the_same_store(tmp_path, client):
    calls = []
    options = {"progress": lambda done, total: calls.append((done, total)), "client": client}
    ours, theirs = stored(tmp_path / "cluster", **options), stored(tmp_path / "here")
    assert calls[-1] == (13, 13)
    assert np.array_equal(ours.matrix[:], theirs.matrix[:])
    assert (ours.shapes, ours.chunks) == (theirs.shapes, theirs.chunks)
    np.testing.assert_allclose(ours.gram, theirs.gram, rtol=1e-12)
    assert files(tmp_path / "cluster")["manifest.json"] == files(tmp_path / "here")["manifest.json"]


def test_a_network_travels_once_and_warnings_come_home(tmp_path, client):
    pictures = images(6)
    strip = np.zeros((2, 900, 3), np.uint8)
    pictures = type(pictures).from_arrays([*pictures, strip])
    with pytest.warns(UnreadableImageWarning, match="a strip"):
        ours = scale.extract(small(), pictures, tmp_path / "a", size=32, images_per_chunk=2, client=client)
    with pytest.warns(UnreadableImageWarning):
        theirs = scale.extract(small(), pictures, tmp_path / "b", size=32, images_per_chunk=2)
    assert len(ours.skipped) == 1
    np.testing.assert_allclose(ours.matrix[:], theirs.matrix[:], atol=1e-3)


class CancelledError(Exception):
    pass


def test_a_cancel_keeps_what_is_done_and_extraction_goes_on(tmp_path, client):
    def cancel(done, total):
        raise CancelledError

    with pytest.raises(CancelledError):
        stored(tmp_path / "store", client=client, progress=cancel)
    assert list((tmp_path / "store" / "chunks").glob("0*"))
    stored(tmp_path / "store", client=client)
    stored(tmp_path / "whole")
    assert np.array_equal(Store.open(tmp_path / "store").matrix[:], Store.open(tmp_path / "whole").matrix[:])


def broken(pictures, progress):
    raise ValueError("this network does not like 9 pixels")


def test_only_the_client_that_was_given_is_used(tmp_path, client, monkeypatch):
    """Waiting on the loop of another one, such as the newest, can last for ever."""

    def newest():
        raise AssertionError("another client was asked for")

    monkeypatch.setattr("distributed.client.default_client", newest)
    made = scale.extract(small(), images(5), tmp_path / "s", size=24, images_per_chunk=2, client=client)
    Sketch(distribute(made, client, blocks=2), 4, progress=lambda *_: None)


def test_an_error_of_a_worker_is_the_callers(tmp_path, client):
    with pytest.raises(ValueError, match="does not like 9 pixels"):
        stored(tmp_path, make=broken, client=client)


def test_blocks_that_cannot_be(store, client):
    with pytest.raises(ValueError, match="blocks is 0; give at least 1"):
        distribute(store, client, blocks=0)


def slow(pictures, progress):
    threading.Event().wait(0.2)
    return planted(pictures, progress)


def test_killed_workers_cost_time_and_not_the_result(tmp_path, store):
    """Two processes; one is killed while images are extracted, and one in the middle of the iterations."""
    from distributed import Client, LocalCluster

    with (
        warnings.catch_warnings(),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        victims = []

        def kill():
            victims.append(min(set(client.run(os.getpid).values()) - set(victims)))
            os.kill(victims[-1], signal.SIGKILL)

        def during_extraction(done, total):
            if not victims:
                kill()

        ours = stored(tmp_path, images(40), slow, client=client, progress=during_extraction)
        assert len(victims) == 1
        assert np.array_equal(ours.matrix[:], planted(images(40)).matrix.astype(np.float16).astype(np.float32))

        def during_iterations(iteration, error):
            if iteration == 4:
                kill()

        spread = distribute(store, client, blocks=4)
        found = nmf(Sketch(spread, 16), 4, max_iter=12, callback=during_iterations)
    assert len(victims) == 2
    expected = nmf(Sketch(store, 16), 4, max_iter=12)
    assert found.error == pytest.approx(expected.error, abs=1e-5)
    np.testing.assert_allclose(found.H, expected.H, atol=1e-3 * expected.H.max())
