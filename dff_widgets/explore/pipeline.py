"""From a place to its activations, its sketch and its stack, remembering every expensive step.

The stages are imported by the first request, in its thread: with torch that takes seconds, in which the photos are
there already. No lock is held while anything is computed; see `Memo`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..images import ImageSet
from ..result import DFFResult
from .memo import Memo
from .prepared import Extractor, Prepared, Report, finer
from .stack import KS, Stack
from .state import Place, Request

if TYPE_CHECKING:
    from ..factorization import SuggestedK
    from ..networks import Network
    from ..scale import Store

STACKS = 512 << 20  # bytes of factors
OBJECTS = 256 << 20  # bytes of activations of objects alone


class Pipeline:
    """Makes stacks. A network is loaded once, a layer extracted and sketched once, and no result computed twice.

    Args:
        store: activations that are there already: a place that asks for them extracts nothing.
        client: a ``dask.distributed.Client``, whose workers extract and factorize.

    Attributes:
        fixed: whether it makes nothing, and has one k.
    """

    fixed = False

    def __init__(self, store: Store | None = None, client: Any = None) -> None:
        self._stored = store is not None
        self._extractor = Extractor(store, client)
        self._networks: Memo[Network] = Memo(most=3)
        self._subsets: Memo[ImageSet] = Memo(most=16)
        self._grids: Memo[dict[str, tuple[int, int]]] = Memo(most=16)
        self._stacks: Memo[Stack] = Memo(room=STACKS, size=lambda one: one.nbytes)
        self._suggested: Memo[SuggestedK] = Memo(most=64)
        self._objects: Memo[Prepared] = Memo(room=OBJECTS, size=lambda one: one.nbytes)
        self._sharp: Memo[tuple[DFFResult | None]] = Memo(most=16)
        self._learned: Memo[DFFResult] = Memo(most=4)  # each may hold its sharp maps

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

    def known_suggestion(self, place: Place) -> SuggestedK | None:
        """How many factors a place has by itself, if that is known already."""
        named = self.known_place(place)
        return None if named is None else self._suggested.known(named)

    def known_prepared(self, place: Place) -> Prepared | None:
        """The activations of a place whose layer is named, if they are there."""
        return self._extractor.known(place)

    def on_disk(self, place: Place) -> bool:
        """Whether the activations of a place had to go to the disk, being too large for memory."""
        prepared = self._extractor.known(place)
        return prepared is not None and prepared.stored and not self._stored

    def first(self, place: Place) -> Place | None:
        """A place whose layer is named with the first of its images alone; None where all are there as soon."""
        return self._extractor.first(place)

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
        if self._stored:  # with a store, nothing goes through the network
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
        """The activations of a place, whose layer is named; of the object alone where that is its focus."""
        whole = self._extractor.get(place, self.network(place.network, report), self.images(place), report)
        if place.focus is None:
            return whole
        alone = dataclasses.replace(place, basis=None)
        return self._objects.get(alone, lambda: self._object_alone(alone, whole, report), report)

    def suggestion(self, place: Place, report: Report) -> SuggestedK:
        """How many factors the activations of a place, whose layer is named, have by themselves; takes seconds."""

        def suggest() -> SuggestedK:
            from ..factorization import suggest_k

            prepared = self.prepared(place, report)
            ks = [k for k in KS if k <= prepared.most]
            tell = partial(report, "suggesting k")
            return suggest_k(prepared.sketch(report), ks, solver=place.solver, progress=tell)

        return self._suggested.get(place, suggest, report)

    def sharp(self, place: Place, result: DFFResult, report: Report) -> DFFResult | None:
        """A result with maps that are carried to a finer layer, each made when it is asked for.

        Args:
            place: whose layer is named.
            result: of it.
            report: called before and during each slow step; what it raises ends the work.

        Returns:
            None where there is nothing finer.
        """

        def sharpen() -> tuple[DFFResult | None]:
            report("sharpening", 0, 0)
            there = [] if result.sharpening is not None else self._prepared_for(place, result, report)
            known = result.learn(lambda done, total: _told(report, done, total))
            del there  # what was learned is small
            return (None if known is None else result.sharpen(lazy=True),)

        return self._sharp.get(result, sharpen, report)[0]

    def _prepared_for(self, place: Place, result: DFFResult, report: Report) -> list[Prepared]:
        """What a result is sharpened with, made if need be; to be held until it has learned."""
        network, origin = self.known_network(place.network), result.origin
        layer = None if network is None else finer(network, place.layer)
        if layer is None or origin is None:
            return []
        there = []
        for name in (place.layer, layer.name):
            there.append(self.prepared(dataclasses.replace(place, layer=name, basis=None, focus=None), report))
            origin.offer(name, there[-1].activations)
        return there

    def learned(self, place: Place, result: DFFResult, report: Report) -> DFFResult:
        """The same result with what a finer layer says of it: the one whose automatic masks are counted and exported.

        It holds the maps that are cut, which a stack's own results would hold for each k.

        Args:
            place: as for `sharp`.
            result: as for `sharp`.
            report: as for `sharp`.
        """
        sharp = None if result.believed else self.sharp(place, result, report)
        if sharp is None:
            return result
        return self._learned.get(result, lambda: dataclasses.replace(result, sharpening=sharp.sharpening), report)

    def close(self) -> None:
        """Forget everything, and remove what is on disk."""
        for memo in (
            self._networks,
            self._subsets,
            self._grids,
            self._objects,
            self._stacks,
            self._suggested,
            self._sharp,
            self._learned,
        ):
            memo.clear()
        self._extractor.close()

    # ---------------------------------------------------------------------------------------------------- the stages
    def _object_alone(self, place: Place, whole: Prepared, report: Report) -> Prepared:
        """The activations of a place, weighted by where what its images have in common is.

        Raises:
            ValueError: the network has no finer layer that tells where that is.
        """
        from ..dff import focused

        at = dataclasses.replace(place, focus=None)
        found = self.stack(at, [1], report)[1]
        inside = focused(whole.activations, self.sharp(at, found, report) or found)
        return Prepared(inside, self._extractor.placed(inside) if whole.stored else inside.matrix)

    def _factorized(self, prepared: Prepared, ks: Sequence[int], place: Place, report: Report) -> list[DFFResult]:
        """The results for several k, each as `DeepFeatureFactorization` orders its factors: strongest first."""
        from ..dff import factorize_stack

        def progress(iteration: int, error: float) -> None:
            report(f"factorizing, iteration {iteration}: error {error:.4f}" if prepared.stored else "factorizing", 0, 0)

        if place.focus is not None and 1 in ks:  # the object itself
            found = self.stack(dataclasses.replace(place, focus=None), [1], report)[1]
            return [found, *self._factorized(prepared, [k for k in ks if k != 1], place, report)]
        report("factorizing", 0, 0)
        options: dict[str, Any] = {"solver": place.solver, "seed": place.seed, "callback": progress}
        results: list[DFFResult] = []
        sketch = prepared.sketch(report)
        for matrix, some in (
            (sketch, [k for k in ks if k <= sketch.rank]),
            (prepared.matrix, [k for k in ks if k > sketch.rank]),
        ):
            if some:
                results += factorize_stack(prepared.activations, some, matrix=matrix, **options)
        return results

    def _applied(self, place: Place, report: Report) -> Stack:
        """Factors that were found elsewhere, in these images."""
        from ..extraction import Origin

        basis, images = place.basis, self.images(place)
        assert basis is not None
        network = self.network(place.network, report)
        channels, layer = basis.W.shape[1], network.layer(place.layer)
        if layer.channels != channels:
            raise ValueError(f"the factors have {channels} channels; layer {layer.name!r} here has {layer.channels}")
        if basis.result is not None and _of_same_images(basis.result, images):
            origin = basis.result.origin
            if origin is None or not origin.sure:  # out of a file
                origin = Origin(place.network, images, basis.result.sizes, place.size)
                origin.use(network)
            return Stack.as_given(place, dataclasses.replace(basis.result, images=images, origin=origin))
        from ..dff import apply

        prepared = self.prepared(place, report)
        report("applying the factors", 0, 0)
        return Stack.as_given(place, apply(basis.W, prepared.activations))


def _of_same_images(result: DFFResult, images: ImageSet) -> bool:
    """Whether a result, perhaps out of a file, is of these images, in their order and of their sizes."""
    if images.places_of(result.images) != list(range(len(images))):
        return False
    with contextlib.suppress(ValueError):
        return tuple(images.size(i) for i in range(len(images))) == result.sizes
    return False


def _told(report: Report, done: int, total: int) -> None:
    report("sharpening", done, total)


def _silent(_step: str, _done: int, _total: int) -> None:
    return None
