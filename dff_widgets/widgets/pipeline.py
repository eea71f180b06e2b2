"""From what a person asked for to a result, remembering every expensive step; no widgets here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from ..activations import Activations, extract
from ..dff import factorize
from ..factorization import Sketch
from ..images import ImageSet
from ..networks import Network, load_network
from ..result import DFFResult

T = TypeVar("T")
Report = Callable[[str, int, int], None]  # what is being done, steps done, steps in all (0: unknown); may raise

_MAX_SKETCH_RANK = 64


@dataclass(frozen=True)
class Request:
    """What a result depends on; requests that are equal have the same result.

    Attributes:
        images: compared by identity.
        network: a name, an ``nn.Module`` or a `Network` (the latter two compared by identity).
        layer: a name, or ``""`` for the network's default.
        k, solver, seed: see `nmf`.
        size: short side of the images in pixels; see `extract`.
        refine: whether the heat maps follow the edges of the images.
    """

    images: ImageSet
    network: Any
    layer: str
    k: int
    solver: str
    seed: int
    size: int
    refine: bool = False


class Pipeline:
    """Answers requests. A network is loaded once, a layer extracted and sketched once, and no result computed twice."""

    def __init__(self) -> None:
        self._networks: _Recent[Network] = _Recent(3)
        self._activations: _Recent[tuple[Activations, Sketch]] = _Recent(6)
        self._results: _Recent[DFFResult] = _Recent(64)
        self._refined: _Recent[DFFResult] = _Recent(4)  # their heat maps are a hundred times as large

    def network(self, network: Any, report: Report) -> Network:
        """The loaded network."""

        def load() -> Network:
            report(f"loading {network if isinstance(network, str) else type(network).__name__}", 0, 0)
            return load_network(network)

        return self._networks.get(network, load)

    def result(self, request: Request, report: Report) -> DFFResult:
        """The result of a request.

        Args:
            request: what is asked for.
            report: called before and during each slow step; what it raises ends the work and leaves the caches whole.

        Raises:
            ValueError, TypeError, ConnectionError: as the stages raise them.
        """
        network = self.network(request.network, report)
        layer = network.layer(request.layer or None).name
        where = (request.images, network, layer, request.size)

        def prepare() -> tuple[Activations, Sketch]:
            activations = extract(
                network,
                request.images,
                layer=layer,
                size=request.size,
                batch_size=4,  # as fast as more on a CPU, and a cancel is noticed sooner
                progress=lambda done, total: report("extracting", done, total),
            )
            report("preparing", 0, 0)
            return activations, Sketch(activations.matrix, rank=min(_MAX_SKETCH_RANK, *activations.matrix.shape))

        def compute() -> DFFResult:
            activations, sketch = self._activations.get(where, prepare)
            report("factorizing", 0, 0)
            matrix = sketch if request.k <= sketch.rank else activations.matrix
            return factorize(activations, request.k, matrix=matrix, solver=request.solver, seed=request.seed)

        key = (*where, request.k, request.solver, request.seed)
        if not request.refine:
            return self._results.get(key, compute)

        def refine() -> DFFResult:
            result = self._results.get(key, compute)
            report("refining", 0, 0)
            return result.refine()

        return self._refined.get(key, refine)


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
