"""From what a person asked for to a result, remembering every expensive step; no widgets here.

The stages are imported by the first request, in its thread: with torch that takes seconds, in which the photos are
there already.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..images import ImageSet
from ..result import DFFResult
from .request import Request

if TYPE_CHECKING:
    from ..extraction import Activations
    from ..factorization import Sketch
    from ..networks import Network
    from ..scale import Store

T = TypeVar("T")
Report = Callable[[str, int, int], None]  # what is being done, steps done, steps in all (0: unknown); may raise

_MAX_SKETCH_RANK = 64
_IN_MEMORY = 1000  # images whose activations are kept in memory: about half a gigabyte


class Pipeline:
    """Answers requests. A network is loaded once, a layer extracted and sketched once, and no result computed twice.

    Activations that would fill the memory go to the disk, into a folder that lasts as long as this does.

    Args:
        store: activations that are there already: a request that asks for them extracts nothing.
        client: a ``dask.distributed.Client``, whose workers extract and factorize.
    """

    def __init__(self, store: Store | None = None, client: Any = None) -> None:
        self._store, self._client = store, client
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.RLock()  # a tree or a comparison asks from another thread than the explorer's
        self._networks: _Recent[Network] = _Recent(3)
        self._images: _Recent[ImageSet] = _Recent(16)
        self._activations: _Recent[tuple[Activations | Store, Sketch]] = _Recent(6)
        self._grids: _Recent[dict[str, tuple[int, int]]] = _Recent(16)
        self._results: _Recent[DFFResult] = _Recent(64)
        self._refined: _Recent[DFFResult] = _Recent(4)  # their heat maps are a hundred times as large

    def network(self, network: Any, report: Report) -> Network:
        """The loaded network."""

        def load() -> Network:
            report(f"loading {network if isinstance(network, str) else type(network).__name__}", 0, 0)
            from ..networks import load_network

            return load_network(network)

        with self._lock:
            return self._networks.get(network, load)

    def known_network(self, network: Any) -> Network | None:
        """The network, if it is loaded already."""
        return dict.get(self._networks, network)

    def grids(self, network: Network, images: ImageSet, size: int) -> dict[str, tuple[int, int]]:
        """The grid (h, w) of each layer for the first of some images; empty where that cannot be said."""
        if self._store is not None:  # with a store, nothing goes through the network
            return {}
        from ..networks.preparation import input_shape

        with self._lock, contextlib.suppress(ValueError):
            shape = input_shape(network, images.size(0), size)
            return self._grids.get((network, shape), lambda: network.grids(shape))
        return {}

    def adopt(self, request: Request, result: DFFResult) -> DFFResult:
        """Take the result of a request from elsewhere; it is given the request's images.

        Raises:
            ValueError: it is of other images, or of another number of channels.
        """
        images = self._images.get((request.images, request.shown), lambda: _shown(request))
        if result.images.names != images.names:
            raise ValueError(f"the result is of {len(result)} other images")
        network = self.network(request.network, lambda *_: None)
        layer, channels = network.layer(request.layer or None), result.factorization.W.shape[1]
        if layer.channels != channels:
            raise ValueError(f"the factors have {channels} channels; layer {layer.name!r} here has {layer.channels}")
        where = (images, network, layer.name, request.size)
        adopted = dataclasses.replace(result, images=images)
        cache = self._refined if request.refine else self._results
        return cache.get((*where, request.k, request.solver, request.seed, request.basis), lambda: adopted)

    def result(self, request: Request, report: Report) -> DFFResult:
        """The result of a request.

        Args:
            request: what is asked for.
            report: called before and during each slow step; what it raises ends the work and leaves the caches whole.

        Raises:
            ValueError, TypeError, ConnectionError: as the stages raise them.
        """
        with self._lock:
            return self._result(request, report)

    def _result(self, request: Request, report: Report) -> DFFResult:
        network = self.network(request.network, report)
        from ..dff import apply, factorize
        from ..factorization import Sketch
        from ..scale import Store

        layer = network.layer(request.layer or None).name
        images = self._images.get((request.images, request.shown), lambda: _shown(request))
        where = (images, network, layer, request.size)

        def prepare() -> tuple[Activations | Store, Sketch]:
            activations = self._extracted(network, images, layer, request.size, report)
            report("preparing", 0, 0)
            rank = min(_MAX_SKETCH_RANK, *activations.matrix.shape)

            def progress(rows: int, total: int) -> None:
                report("preparing, rows", rows, total)

            stored = isinstance(activations, Store)  # in memory it is too quick to be told of
            return activations, Sketch(self._placed(activations), rank=rank, progress=progress if stored else None)

        def compute() -> DFFResult:
            activations, sketch = self._activations.get(where, prepare)
            if request.basis is not None:
                report("applying the factors", 0, 0)
                return apply(request.basis.W, activations)
            report("factorizing", 0, 0)
            matrix = sketch if request.k <= sketch.rank else self._placed(activations)

            def progress(iteration: int, error: float) -> None:
                report(f"factorizing, iteration {iteration}: error {error:.4f}", 0, 0)

            return factorize(
                activations,
                request.k,
                matrix=matrix,
                solver=request.solver,
                seed=request.seed,
                callback=progress if isinstance(activations, Store) else None,
            )

        key = (*where, request.k, request.solver, request.seed, request.basis)
        if not request.refine:
            return self._results.get(key, compute)

        def refine() -> DFFResult:
            result = self._results.get(key, compute)
            report("refining", 0, 0)
            return result.refine()

        return self._refined.get(key, refine)

    def _extracted(
        self, network: Network, images: ImageSet, layer: str, size: int, report: Report
    ) -> Activations | Store:
        from .. import scale
        from ..extraction import extract

        store = self._store
        asked = (images, network.name, layer, size)
        if store is not None and (store.images, store.network, store.layer.name, store.size) == asked:
            return store

        def progress(done: int, total: int) -> None:
            report("extracting", done, total)

        # Small batches: as fast as larger ones on a CPU, and a cancel is noticed sooner.
        if self._client is None and len(images) <= _IN_MEMORY:
            return extract(network, images, layer=layer, size=size, progress=progress)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="dff-widgets-")
        path = Path(self._folder.name) / uuid.uuid4().hex
        return scale.extract(network, images, path, layer=layer, size=size, client=self._client, progress=progress)

    def _placed(self, activations: Activations | Store) -> Any:
        """The matrix to factorize: on the client's workers where there are some."""
        from .. import scale

        if isinstance(activations, scale.Store):
            return activations if self._client is None else scale.distribute(activations, self._client)
        return activations.matrix


def _shown(request: Request) -> ImageSet:
    return request.images.subset(request.shown) if request.shown else request.images


class _Recent(OrderedDict[Hashable, T]):
    """The most recently used values."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def get(self, key: Hashable, make: Callable[[], T]) -> T:  # type: ignore[override]
        """The value of `key`, made now if it is not there."""
        if key not in self:
            self[key] = make()
            while len(self) > self._most:
                self.popitem(last=False)
        self.move_to_end(key)
        return self[key]
