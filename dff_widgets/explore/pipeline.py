"""From a place to its activations, its sketch and its stack, remembering every expensive step.

The stages are imported by the first request, in its thread: with torch that takes seconds, in which the photos are
there already. No lock is held while anything is computed; see `Memo`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images import ImageSet
from ..result import DFFResult, Extracted
from .memo import Memo
from .stack import Stack
from .state import Place, Request

if TYPE_CHECKING:
    from ..factorization import Sketch
    from ..networks import Layer, Network
    from ..scale import Store

Report = Callable[[str, int, int], None]  # what is being done, steps done, steps in all (0: unknown); may raise

ACTIVATIONS = 1 << 30  # bytes of activations that are kept in memory
STACKS = 512 << 20  # bytes of factors
SHARP = 256 << 20  # bytes of maps that follow the edges
_SKETCH_RANK = 64
_IN_MEMORY = 1000  # images; more go to the disk, however small they are
FIRST = 12  # images that are shown while the others are on their way
_MANY = 2 * FIRST  # images from which that is worth its while


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """Activations, ready to be factorized.

    Attributes:
        activations: in memory or in a store on disk.
        matrix: what the algorithms read: the rows, or a store's, on the client's workers where there are some.
        sketch: of the matrix.
    """

    activations: Extracted
    matrix: Any
    sketch: Sketch

    @property
    def nbytes(self) -> int:
        """In memory, about: the rows, and their projection."""
        rows, channels = self.activations.matrix.shape
        return int(4 * rows * (self.sketch.rank + (0 if self.stored else channels)))

    @property
    def rows(self) -> int:
        """Positions, over all images."""
        return int(self.activations.matrix.shape[0])

    @property
    def most(self) -> int:
        """The largest k there can be."""
        return int(min(self.activations.matrix.shape))

    @property
    def stored(self) -> bool:
        """Whether the rows are on disk."""
        return not isinstance(self.activations.matrix, np.ndarray)


class Pipeline:
    """Makes stacks. A network is loaded once, a layer extracted and sketched once, and no result computed twice.

    Activations that would not fit in `ACTIVATIONS` bytes, or are of more than a thousand images, go to the disk, into a
    folder that lasts as long as this does.

    Args:
        store: activations that are there already: a place that asks for them extracts nothing.
        client: a ``dask.distributed.Client``, whose workers extract and factorize.
    """

    def __init__(self, store: Store | None = None, client: Any = None) -> None:
        self._store, self._client = store, client
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._networks: Memo[Network] = Memo(most=3)
        self._subsets: Memo[ImageSet] = Memo(most=16)
        self._grids: Memo[dict[str, tuple[int, int]]] = Memo(most=16)
        self._prepared: Memo[Prepared] = Memo(room=ACTIVATIONS, size=lambda one: one.nbytes)
        self._stacks: Memo[Stack] = Memo(room=STACKS, size=lambda one: one.nbytes)
        self._sharp: Memo[DFFResult] = Memo(room=SHARP, size=lambda one: sum(m.nbytes for m in one.maps or ()))

    # --------------------------------------------------------------------------------------------- what is there
    def known_network(self, network: Any) -> Network | None:
        """The network, if it is loaded already."""
        return self._networks.known(network)

    def known_place(self, place: Place) -> Place | None:
        """The place with its layer by name, if that can be said without loading the network."""
        network = self.known_network(place.network)
        if place.layer or network is None:
            return place if place.layer else None
        return dataclasses.replace(place, layer=network.default_layer)

    def known_stack(self, place: Place) -> Stack | None:
        """The stack of a place, as far as it is there already."""
        named = self.known_place(place)
        return None if named is None else self._stacks.known(named)

    def stored(self, place: Place) -> bool:
        """Whether the activations of a place are known to be on disk."""
        named = self.known_place(place)
        prepared = None if named is None else self._prepared.known(_where(named))
        return prepared is not None and prepared.stored

    # ------------------------------------------------------------------------------------------------ what is made
    def network(self, network: Any, report: Report) -> Network:
        """The loaded network."""

        def load() -> Network:
            report(f"loading {network if isinstance(network, str) else type(network).__name__}", 0, 0)
            from ..networks import load_network

            return load_network(network)

        return self._networks.get(network, load, report)

    def named(self, place: Place, report: Report) -> Place:
        """The place with its layer by name.

        Raises:
            ValueError: there is no such layer.
        """
        network = self.network(place.network, report)
        return dataclasses.replace(place, layer=network.layer(place.layer or None).name)

    def grids(self, place: Place, report: Report) -> dict[str, tuple[int, int]]:
        """The grid (h, w) of each layer for the first of the images; empty where that cannot be said."""
        if self._store is not None:  # with a store, nothing goes through the network
            return {}
        from ..networks import input_shape

        with contextlib.suppress(ValueError):
            network = self.network(place.network, report)
            shape = input_shape(network, place.images.size(0), place.size)
            return self._grids.get((network, shape), lambda: network.grids(shape), report)
        return {}

    def images(self, place: Place) -> ImageSet:
        """Those of a place that count; the same object each time."""
        if not place.shown:
            return place.images
        key = (place.images, place.shown)
        return self._subsets.get(key, lambda: place.images.subset(place.shown), _silent)

    def first(self, place: Place) -> Place | None:
        """A place whose layer is named with the first of its images alone; None where all are there as soon."""
        shown = place.shown or tuple(range(len(place.images)))
        aside = self._store is not None or self._client is not None or place.basis is not None
        if aside or len(shown) < _MANY or self._prepared.known(_where(place)) is not None:
            return None
        return dataclasses.replace(place, shown=shown[:FIRST])

    def stack(self, place: Place, ks: Iterable[int], report: Report) -> Stack:
        """The stack of a place with at least these k, as far as its activations have as many.

        Args:
            place: with its layer by name.
            ks: numbers of factors.
            report: called before and during each slow step; what it raises ends the work and leaves what is there.

        Raises:
            ValueError, TypeError, ConnectionError: as the stages raise them.
        """
        known = self._stacks.known(place)
        if place.basis is not None:
            return known or self._stacks.put(place, self._applied(place, report))
        wanted = [k for k in ks if known is None or k not in known]
        if known is not None and not wanted:
            return known
        prepared = self.prepared(place, report)
        possible = sorted(k for k in wanted if k <= prepared.most)
        if not possible and known is not None:
            return known
        results = self._factorized(prepared, possible, place, report)
        before = [] if known is None else list(known.tree.results)
        return self._stacks.put(place, Stack.of(place, [*before, *results]))

    def result(self, request: Request, report: Report) -> DFFResult:
        """The result of a request, out of its stack.

        Raises:
            ValueError, TypeError, ConnectionError: as the stages raise them; also where k is more than there can be.
        """
        place = self.named(request.place, report)
        stack = self.stack(place, [request.k], report)
        if place.basis is not None:
            return stack[stack.ks[0]]
        if request.k not in stack:
            most = self.prepared(place, report).most
            raise ValueError(f"k is {request.k}; these activations have at most {most} factors, as many as channels")
        return stack[request.k]

    def prepared(self, place: Place, report: Report) -> Prepared:
        """The activations and the sketch of a place, whose layer is named."""

        def prepare() -> Prepared:
            from ..factorization import Sketch

            activations = self._extracted(place, report)
            matrix = self._placed(activations)
            report("preparing", 0, 0)
            stored = not isinstance(activations.matrix, np.ndarray)  # in memory it is too quick to be told of

            def progress(rows: int, total: int) -> None:
                report("preparing, rows", rows, total)

            rank = min(_SKETCH_RANK, *activations.matrix.shape)
            return Prepared(activations, matrix, Sketch(matrix, rank=rank, progress=progress if stored else None))

        return self._prepared.get(_where(place), prepare, report)

    def sharp(self, result: DFFResult, report: Report) -> DFFResult:
        """The same factors with maps that follow the edges of the images."""

        def refine() -> DFFResult:
            report("sharpening", 0, 0)
            return result.refine()

        return self._sharp.get(result, refine, report)

    def close(self) -> None:
        """Forget everything, and remove what is on disk."""
        for memo in (self._networks, self._subsets, self._grids, self._prepared, self._stacks, self._sharp):
            memo.clear()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    # ---------------------------------------------------------------------------------------------------- the stages
    def _factorized(self, prepared: Prepared, ks: Sequence[int], place: Place, report: Report) -> list[DFFResult]:
        """The results for several k, each as `DeepFeatureFactorization` orders its factors: strongest first."""
        from ..dff import factorize_stack

        def progress(iteration: int, error: float) -> None:
            report(f"factorizing, iteration {iteration}: error {error:.4f}" if prepared.stored else "factorizing", 0, 0)

        report("factorizing", 0, 0)
        options: dict[str, Any] = {"solver": place.solver, "seed": place.seed, "callback": progress}
        results: list[DFFResult] = []
        rank = prepared.sketch.rank
        for matrix, some in (
            (prepared.sketch, [k for k in ks if k <= rank]),
            (prepared.matrix, [k for k in ks if k > rank]),
        ):
            if some:
                results += factorize_stack(prepared.activations, some, matrix=matrix, **options)
        return results

    def _applied(self, place: Place, report: Report) -> Stack:
        """Factors that were found elsewhere, in these images."""
        basis, images = place.basis, self.images(place)
        assert basis is not None
        channels, layer = basis.W.shape[1], self.network(place.network, report).layer(place.layer)
        if layer.channels != channels:
            raise ValueError(f"the factors have {channels} channels; layer {layer.name!r} here has {layer.channels}")
        if basis.result is not None and _of_same_images(basis.result, images):
            return Stack.as_given(place, dataclasses.replace(basis.result, images=images))
        from ..dff import apply

        prepared = self.prepared(place, report)
        report("applying the factors", 0, 0)
        return Stack.as_given(place, apply(basis.W, prepared.activations))

    def _extracted(self, place: Place, report: Report) -> Extracted:
        from .. import scale
        from ..extraction import extract

        network, images = self.network(place.network, report), self.images(place)
        layer, store = network.layer(place.layer), self._store
        if store is not None and (store.images, store.network, store.layer.name, store.size) == (
            images,
            network.name,
            layer.name,
            place.size,
        ):
            return store

        def progress(done: int, total: int) -> None:
            report("extracting", done, total)

        if self._client is None and len(images) <= _IN_MEMORY and _fits(network, layer, images, place.size):
            # Small batches: as fast as larger ones on a CPU, and a cancel is noticed sooner.
            run = partial(extract, network, layer=layer.name, size=place.size, batch_size=4)
            first = self.first(place)
            known = None if first is None else self._prepared.known(_where(first))
            if known is None:
                return run(images, progress=progress)
            rest = run(
                images.subset(range(FIRST, len(images))), progress=lambda done, _: progress(FIRST + done, len(images))
            )
            return _joined(images, known.activations, rest)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="dff-widgets-")
        path = Path(self._folder.name) / uuid.uuid4().hex
        options = {"layer": layer.name, "size": place.size, "client": self._client, "progress": progress}
        return scale.extract(network, images, path, **options)

    def _placed(self, activations: Extracted) -> Any:
        """The matrix to factorize: on the client's workers where there are some."""
        if isinstance(activations.matrix, np.ndarray):
            return activations.matrix
        from .. import scale

        if self._client is None or not isinstance(activations, scale.Store):
            return activations
        return scale.distribute(activations, self._client)


def _where(place: Place) -> tuple[Any, ...]:
    """What activations depend on."""
    return place.images, place.shown, place.network, place.layer, place.size


def _joined(images: ImageSet, first: Extracted, rest: Extracted) -> Extracted:
    """The activations of all images, out of those of the first and of the others."""
    skipped = (*first.skipped, *rest.skipped)
    if skipped:
        kept = {id(source) for part in (first, rest) for source in part.images.sources}
        images = images.subset(i for i, source in enumerate(images.sources) if id(source) in kept)
    return dataclasses.replace(
        rest,  # type: ignore[type-var]
        matrix=np.concatenate([first.matrix, rest.matrix]),
        shapes=(*first.shapes, *rest.shapes),
        sizes=(*first.sizes, *rest.sizes),
        images=images,
        skipped=skipped,
    )


def _fits(network: Network, layer: Layer, images: ImageSet, size: int) -> bool:
    """Whether the activations would fit in half of the memory that is meant for them."""
    from ..networks import input_shape

    rows = 0
    for i in range(len(images)):
        with contextlib.suppress(ValueError):
            height, width = input_shape(network, images.size(i), size)
            rows += -(-height // layer.stride) * -(-width // layer.stride)
    return 4 * rows * layer.channels <= ACTIVATIONS // 2


def _of_same_images(result: DFFResult, images: ImageSet) -> bool:
    """Whether a result, perhaps out of a file, is of these images, in their order and of their sizes."""
    if images.places_of(result.images) != list(range(len(images))):
        return False
    with contextlib.suppress(ValueError):
        return tuple(images.size(i) for i in range(len(images))) == result.sizes
    return False


def _silent(_step: str, _done: int, _total: int) -> None:
    return None
