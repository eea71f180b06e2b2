import warnings

import numpy as np
import pytest
import torch

from dff_widgets.extraction import Activations
from dff_widgets.images import ImageSet
from dff_widgets.networks import Layer
from dff_widgets.scale import create

CHANNELS = 23


@pytest.fixture(autouse=True)
def _one_thread():
    """At these sizes a second thread only waits, and waits long where cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def planted(images, progress=lambda done, total: None, *, signed=False, noise=0.05):
    """Activations (h, w, 23) of images, each from its own pixels alone: five planted factors, and noise."""
    rng = np.random.default_rng(7)
    W = rng.random((5, CHANNELS)) * (rng.random((5, CHANNELS)) > 0.5)
    maps = []
    for i in range(len(images)):
        h, w = images.size(i)
        own = np.random.default_rng(int(images[i].sum()))
        H = own.random((h * w, 5)) * (own.random((h * w, 5)) > 0.4)
        rows = H @ W + noise * own.normal(size=(h * w, CHANNELS))
        maps.append((rows if signed else rows.clip(0)).astype(np.float32).reshape(h, w, -1))
        progress(i + 1, len(images))
    shapes = tuple(m.shape[:2] for m in maps)
    matrix = np.concatenate([m.reshape(-1, CHANNELS) for m in maps])
    return Activations(matrix, shapes, shapes, images, "planted", Layer("top", CHANNELS, 1, not signed), 16)


def images(n=13, seed=0):
    rng = np.random.default_rng(seed)
    return ImageSet.from_arrays(
        [rng.integers(0, 256, (4 + i % 3, 9 - i % 2, 3), dtype=np.uint8) for i in range(n)],
        parts=[{"left": np.tile(np.arange(9 - i % 2) < 4, (4 + i % 3, 1))} for i in range(n)],
    )


ABOUT = {"network": "planted", "layer": Layer("top", CHANNELS, 1, True), "size": 16}


def stored(path, pictures=None, make=planted, **options):
    return create(path, pictures or images(), make, **{**ABOUT, "images_per_chunk": 3, **options})


def files(folder):
    """Every file below a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="session")
def client():
    """Two workers in this process."""
    distributed = pytest.importorskip("distributed")
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as made,
    ):
        yield made
