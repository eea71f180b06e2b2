"""Where activations came from: what gives another layer of the same images, also much later."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..images import ImageSet
from ..names import EMBEDDED
from ..networks import Network, load_network


class _InMemory:
    """What is in memory, as long as somebody else keeps it there."""

    def __init__(self) -> None:
        self.network: weakref.ref[Network] | None = None
        self.layers: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()

    def __reduce__(self) -> tuple[Any, ...]:
        return _InMemory, ()  # a copy elsewhere begins with nothing


@dataclass(frozen=True, eq=False)
class Origin:
    """Where activations came from.

    It keeps neither activations nor a network that can be loaded again by its name: those that others keep are used,
    and the rest is made again when it is asked for; see `finer.passes_of`.

    Attributes:
        network: what `load_network` takes.
        images: that went through it.
        sizes: per image its own (height, width) in pixels.
        size: short side in pixels at which they did.
        device: see `extract`.
        sure: whether the network is the very one; else another one may have its name.
    """

    network: Any
    images: ImageSet = field(repr=False)
    sizes: Sequence[tuple[int, int]] = field(repr=False)
    size: int
    device: Any = "auto"
    sure: bool = True
    _there: _InMemory = field(default_factory=_InMemory, repr=False)

    @staticmethod
    def by_name(name: str, images: ImageSet, sizes: Sequence[tuple[int, int]], size: int) -> Origin | None:
        """That of something from a file: of the embedded network, which is always there, and of no other."""
        return Origin(name, images, sizes, size, sure=False) if name == EMBEDDED else None

    @property
    def lasting(self) -> bool:
        """Whether `by_name` finds it again in another process."""
        return EMBEDDED in (self.network, getattr(self.network, "name", None))

    def load(self) -> Network:
        """The network, loaded again where nobody keeps it."""
        network = None if self._there.network is None else self._there.network()
        return self.use(load_network(self.network)) if network is None else network

    def use(self, network: Network) -> Network:
        """Take this one, as long as somebody keeps it, in place of loading it."""
        self._there.network = weakref.ref(network)
        return network

    def offer(self, layer: str, activations: Any) -> None:
        """Take these activations of the images, as long as somebody keeps them, in place of extracting them."""
        self._there.layers[layer] = activations

    def known(self, layer: str) -> Any:
        """The activations of a layer if somebody keeps them, else None."""
        return self._there.layers.get(layer)

    def subset(self, indices: Sequence[int]) -> Origin:
        """Of some of the images, in this order."""
        sizes = tuple(self.sizes[i] for i in indices)
        return Origin(self.network, self.images.subset(indices), sizes, self.size, self.device, self.sure)
