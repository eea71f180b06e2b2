"""Activations, ready to be factorized: extracted once, several layers in one pass, in memory or on disk."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images import ImageSet
from .memo import Memo
from .scrubber import scrubbed
from .state import Place

if TYPE_CHECKING:
    from ..extraction import Extracted
    from ..factorization import Sketch
    from ..networks import Layer, Network
    from ..scale import Store

Report = Callable[[str, int, int], object]  # what is being done, steps done, steps in all (0: unknown); may raise

ROOM = 1 << 30  # bytes of activations that are kept in memory
_AT_ONCE = ROOM // 2  # bytes that one pass may make
_SKETCH_RANK = 64
_IN_MEMORY = 1000  # images; more go to the disk, however small they are
FIRST = 12  # images that are shown while the others are on their way
_MANY = 2 * FIRST  # images from which that is worth its while


class Prepared:
    """The activations of a place.

    Args:
        activations: in memory or in a store on disk.
        matrix: what the algorithms read: the rows, or a store's, on the client's workers where there are some.

    Attributes:
        activations, matrix: those.
    """

    def __init__(self, activations: Extracted, matrix: Any) -> None:
        self.activations, self.matrix = activations, matrix
        self._sketch: Memo[Sketch] = Memo()

    def sketch(self, report: Report) -> Sketch:
        """Of the matrix, made once.

        Args:
            report: called before and during the work; what it raises ends it.
        """

        def progress(rows: int, total: int) -> None:
            report("preparing, rows", rows, total)

        def make() -> Sketch:
            from ..factorization import Sketch

            report("preparing", 0, 0)
            rank = min(_SKETCH_RANK, *self.matrix.shape)
            return Sketch(self.matrix, rank=rank, progress=progress if self.stored else None)

        return self._sketch.get("sketch", make, report)

    @property
    def rows(self) -> int:
        """Positions, over all images."""
        return int(self.matrix.shape[0])

    @property
    def most(self) -> int:
        """The largest k there can be."""
        return int(min(self.matrix.shape))

    @property
    def stored(self) -> bool:
        """Whether the rows are on disk."""
        return not hasattr(self.activations, "rows")

    @property
    def nbytes(self) -> int:
        """In memory, about: the rows, and their projection."""
        rows, channels = self.matrix.shape
        return int(4 * rows * (_SKETCH_RANK + (0 if self.stored else channels)))


class Extractor:
    """Extracts the activations of places, and remembers them.

    The layers of the scrubber come in one forward pass, as many as fit in half of `ROOM`, the late ones first. A layer
    that does not fit, and every layer of more than a thousand images, goes to the disk, into a folder that lasts as
    long as this does.

    Args:
        store: activations that are there already: a place that asks for them extracts nothing.
        client: a ``dask.distributed.Client``, whose workers extract and factorize.
    """

    def __init__(self, store: Store | None = None, client: Any = None) -> None:
        self._store, self._client = store, client
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._known: Memo[Prepared] = Memo(room=ROOM, size=lambda one: one.nbytes)

    def known(self, place: Place) -> Prepared | None:
        """Those of a place whose layer is named, if they are there."""
        return self._known.known(_where(place))

    def first(self, place: Place) -> Place | None:
        """A place whose layer is named with the first of its images alone; None where all are there as soon."""
        shown = place.shown or tuple(range(len(place.images)))
        aside = self._store is not None or self._client is not None or place.basis is not None
        if aside or len(shown) < _MANY or self.known(place) is not None:
            return None
        return dataclasses.replace(place, shown=shown[:FIRST])

    def get(self, place: Place, network: Network, images: ImageSet, report: Report) -> Prepared:
        """Those of a place.

        Args:
            place: whose layer is named.
            network: its network, loaded.
            images: of it those that count.
            report: called before and during each slow step; what it raises ends the work.
        """
        return self._known.get(_where(place), lambda: self._make(place, network, images, report), report)

    def close(self) -> None:
        """Forget all, and remove what is on disk."""
        self._known.clear()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    # ------------------------------------------------------------------------------------------------------- extracting
    def _make(self, place: Place, network: Network, images: ImageSet, report: Report) -> Prepared:
        from ..extraction import rows_of

        layer, store = network.layer(place.layer), self._store
        asked = (images, network.name, layer.name, place.size)
        if store is not None and (store.images, store.network, store.layer.name, store.size) == asked:
            return Prepared(store, self.placed(store))

        def progress(done: int, total: int) -> None:
            report("extracting", done, total)

        rows = _rows(network, images, place.size)
        if self._client is None and len(images) <= _IN_MEMORY and 4 * rows(layer) * layer.channels <= _AT_ONCE:
            layers = self._companions(place, network, layer, rows)
            found = _came_from(place, network, self._in_memory(place, network, images, layers, progress))
            for name, activations in found.items():
                if name != layer.name:
                    other = dataclasses.replace(place, layer=name)
                    self._known.put(_where(other), Prepared(activations, rows_of(activations)))
            return Prepared(found[layer.name], rows_of(found[layer.name]))
        return self._on_disk(place, network, images, layer.name, progress)

    def _companions(self, place: Place, network: Network, layer: Layer, rows: Callable[[Layer], int]) -> list[str]:
        """The layers that are extracted with one: what sharpens it, and of the scrubber's all others; itself first."""
        shown, used = scrubbed(network), 4 * rows(layer) * layer.channels
        names = [layer.name]
        others = list(reversed(shown)) if layer.name in [one.name for one in shown] else []
        sharper = finer(network, layer.name)
        if sharper is not None:
            others.insert(0, sharper)
        for other in others:
            size = 4 * rows(other) * other.channels
            known = self.known(dataclasses.replace(place, layer=other.name))
            if other.name != layer.name and known is None and used + size <= _AT_ONCE:
                used += size
                names.append(other.name)
        return names

    def _in_memory(
        self,
        place: Place,
        network: Network,
        images: ImageSet,
        layers: list[str],
        progress: Callable[[int, int], None],
    ) -> dict[str, Extracted]:
        """Of each layer the activations of all images; those of the first ones may be there already."""
        from ..extraction import extract_layers

        # Small batches: as fast as larger ones on a CPU, and a cancel is noticed sooner.
        options: dict[str, Any] = {"size": place.size, "batch_size": 4}
        first = self.first(place)
        known = {} if first is None else {n: self.known(dataclasses.replace(first, layer=n)) for n in layers}
        begun = {name: one.activations for name, one in known.items() if one is not None}
        if layers[0] not in begun:
            return dict(extract_layers(network, images, layers, progress=progress, **options))
        rest = extract_layers(
            network,
            images.subset(range(FIRST, len(images))),
            list(begun),
            progress=lambda done, _: progress(FIRST + done, len(images)),
            **options,
        )
        return {name: _joined(images, begun[name], rest[name]) for name in begun}

    def _on_disk(
        self, place: Place, network: Network, images: ImageSet, layer: str, progress: Callable[[int, int], None]
    ) -> Prepared:
        from .. import scale

        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="dff-widgets-")
        path = Path(self._folder.name) / uuid.uuid4().hex
        options: dict[str, Any] = {"layer": layer, "size": place.size, "client": self._client, "progress": progress}
        store = scale.extract(network, images, path, **options)
        return Prepared(_came_from(place, network, {layer: store})[layer], self.placed(store))

    def placed(self, store: Store) -> Any:
        """The matrix of a store that is factorized: on the client's workers where there are some."""
        if self._client is None:
            return store
        from .. import scale

        return scale.distribute(store, self._client)


def finer(network: Network, layer: str) -> Layer | None:
    """The layer that sharpens the factors of another one; None where there is none."""
    from ..extraction import NoFinerLayerError, finer_layer

    try:
        return finer_layer(network, layer)
    except NoFinerLayerError:
        return None


def _where(place: Place) -> tuple[Any, ...]:
    """What activations depend on."""
    return place.images, place.shown, place.network, place.layer, place.size


def _rows(network: Network, images: ImageSet, size: int) -> Callable[[Layer], int]:
    """How many rows a layer has, about."""
    from ..networks import input_shape

    shapes = []
    for i in range(len(images)):
        with contextlib.suppress(ValueError):  # one that cannot be read is left out
            shapes.append(input_shape(network, images.size(i), size))
    return lambda layer: sum(-(-h // layer.stride) * -(-w // layer.stride) for h, w in shapes)


def _came_from(place: Place, network: Network, found: dict[str, Extracted]) -> dict[str, Extracted]:
    """The same layers, which know each other and the network by what it was asked for, so that it need not be kept."""
    from ..extraction import Origin

    one = next(iter(found.values()))
    origin = Origin(place.network, one.images, one.sizes, place.size)
    origin.use(network)
    known = {name: dataclasses.replace(one, origin=origin) for name, one in found.items()}  # type: ignore[type-var]
    for name, one in known.items():
        origin.offer(name, one)
    return known


def _joined(images: ImageSet, first: Extracted, rest: Extracted) -> Extracted:
    """The activations of all images, out of those of the first and of the others."""
    skipped: Sequence[str] = (*first.skipped, *rest.skipped)
    if skipped:
        kept = {id(source) for part in (first, rest) for source in part.images.sources}
        images = images.subset(i for i, source in enumerate(images.sources) if id(source) in kept)
    return dataclasses.replace(
        rest,  # type: ignore[type-var]
        rows=np.concatenate([first.matrix, rest.matrix]),
        shapes=(*first.shapes, *rest.shapes),
        sizes=(*first.sizes, *rest.sizes),
        images=images,
        skipped=skipped,
    )
