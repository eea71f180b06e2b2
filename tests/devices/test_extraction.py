"""Extraction on a device that is not there: what it makes stays there, and so does all that is made of it."""

import numpy as np
import pytest
import torch

import dff_widgets as dff
import dff_widgets.extraction.gathering as gathering
from dff_widgets.datasets import creatures
from dff_widgets.dff import factorize, factorize_stack
from dff_widgets.networks import load_network

from .pretended import Pretended

LAYER = "blocks.2"
SIZE = 64


@pytest.fixture(scope="module")
def photos():
    return creatures(3, size=80)


@pytest.fixture(scope="module")
def weights():
    module = load_network("efficientnet_lite0").module
    return sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
@pytest.mark.parametrize("fuse", [True, False])
def test_rows_stay_where_they_are_made_until_an_array_is_asked_for(kind, fuse, photos, weights):
    options = {"layer": LAYER, "size": SIZE, "fuse": fuse}
    expected = dff.extract("efficientnet_lite0", photos, device="cpu", **options)
    with Pretended(kind) as seen:
        found = dff.extract("efficientnet_lite0", photos, device=kind, **options)
        assert found.rows.device.type == kind
        assert seen.bytes_down <= 1.2 * weights  # the network goes back to where it was
        down = seen.bytes_down
        assert found.matrix is found.matrix
        assert seen.bytes_down - down == found.matrix.nbytes
    assert found.shapes == expected.shapes
    np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-3 * np.ptp(expected.matrix))


def test_after_extraction_a_is_copied_no_more(photos):
    with Pretended("cuda") as seen:
        found = dff.extract("efficientnet_lite0", photos, layer=LAYER, size=SIZE, device="cuda")
        A = found.rows.numel() * 4
        seen.reset()
        one = factorize(found, 3, clamp=True)
        several = factorize_stack(found, [1, 2, 3], matrix=dff.Sketch(found.rows, 20, clamp=True))
    assert seen.bytes_up < A / 2  # the first H and W
    assert seen.bytes_down < A / 2  # the last ones
    assert "matrix" not in vars(found)
    for result in (one, *several):
        assert isinstance(result.factorization.H, np.ndarray)
        assert result.heatmaps(0).shape[0] == result.k


def test_a_batch_is_uploaded_while_the_host_goes_on(photos):
    waits = []
    for count in (1, 3):
        with Pretended("cuda") as seen:
            dff.extract("efficientnet_lite0", photos[:count], layer=LAYER, size=SIZE, device="cuda", batch_size=1)
        waits.append(sum(seen.syncs.values()))
    assert waits[0] == waits[1]


def test_rows_that_the_device_has_no_room_for_go_to_the_host(photos, monkeypatch):
    with Pretended("cuda"):
        monkeypatch.setattr(gathering, "memory_budget", lambda device: 1000)
        found = dff.extract("efficientnet_lite0", photos, layer=LAYER, size=SIZE, device="cuda")
    assert isinstance(found.rows, np.ndarray)
    assert found.rows is found.matrix


def test_rows_that_do_not_fit_twice_are_joined_on_the_host(photos, monkeypatch):
    def full(parts):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with Pretended("cuda"):
        expected = dff.extract("efficientnet_lite0", photos, layer=LAYER, size=SIZE, device="cuda").matrix
        monkeypatch.setattr(gathering.torch, "cat", full)
        found = dff.extract("efficientnet_lite0", photos, layer=LAYER, size=SIZE, device="cuda")
        monkeypatch.undo()
        np.testing.assert_array_equal(found.matrix, expected)


def test_auto_is_the_accelerator_for_large_work_alone():
    with Pretended("cuda"):
        assert dff.devices.pick_device("auto", None, 1000).type == "cpu"
        assert dff.devices.pick_device("auto", None, 10**8).type == "cuda"
        assert dff.devices.pick_device("cuda", None, 1000).type == "cuda"
        assert dff.devices.pick_device("auto", torch.empty(1, device="cuda"), 1000).type == "cuda"
