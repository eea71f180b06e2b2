"""`DFFExplorer` on a store, and with a cluster that extracts and factorizes."""

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets import scale

from ..small_networks import small
from .conftest import images

pytest.importorskip("distributed")
SMALL = {"layer": "block", "size": 64, "k": 2}


@pytest.fixture
def watched():
    """An explorer's status lines, in order."""

    def watch(explorer):
        said = []
        explorer.observe(lambda change: said.append(change["new"]), "status")
        return said

    return watch


def test_a_store_is_shown_without_extracting_and_says_how_far_it_is(tmp_path, watched):
    network = dff.load_network(small())
    store = scale.extract(network, images(), tmp_path / "store", layer="block", size=64, images_per_chunk=3)
    explorer = dff.DFFExplorer(store, network=network, k=2)
    said = watched(explorer)
    explorer.wait(60)
    assert explorer.error is None
    assert len(explorer.result) == 13
    assert not [line for line in said if "extracting" in line]
    explorer.k = 4
    explorer.wait(60)
    assert [line for line in said if line.startswith("factorizing, iteration 1: error")]
    expected = scale.factorize(store, 4, sketch=dff.Sketch(store, rank=6)).factorization.error
    assert explorer.result.factorization.error == pytest.approx(expected, abs=1e-3)


def test_a_cluster_extracts_and_factorizes_for_the_explorer(client, watched):
    network, pictures = dff.load_network(small()), images()
    explorer = dff.DFFExplorer(pictures, client=client, network=network, **SMALL)
    said = watched(explorer)
    explorer.wait(120)
    assert explorer.error is None, explorer.error
    total = sum(h * w for h, w in explorer.result.shapes)
    assert "extracting 13/13" in said
    assert f"preparing, rows {total}/{total}" in said
    own = dff.DFFExplorer(pictures, network=network, **SMALL)
    own.wait(60)
    for i in range(13):  # float16 on its way over the disk
        np.testing.assert_allclose(explorer.result.heatmaps(i), own.result.heatmaps(i), atol=0.02)
    explorer.k = 3
    explorer.wait(60)
    assert explorer.result.k == 3


def test_preparing_a_store_can_be_cancelled(tmp_path):
    store = scale.extract(small(), images(), tmp_path / "store", layer="block", size=64, images_per_chunk=3)

    def cancel(rows, total):
        raise KeyboardInterrupt(f"{rows} of {total}")

    with pytest.raises(KeyboardInterrupt, match=f"of {store.shape[0]}$"):
        dff.Sketch(store, rank=4, progress=cancel)
    assert not [p for p in store.path.iterdir() if "sketch" in p.name]  # nothing half done is left
    done = []
    dff.Sketch(store, rank=4, progress=lambda *step: done.append(step))
    assert done[-1] == (store.shape[0], store.shape[0])
    assert done == sorted(done)
