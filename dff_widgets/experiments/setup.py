"""What the tables and curves share: sets by name, and how they go through the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..evaluation.bench import Bench
from ..evaluation.methods import Method
from ..images import ImageSet
from ..names import EMBEDDED
from ..networks import load_network

Sets = ImageSet | Mapping[str, ImageSet]


@dataclass(frozen=True)
class Setup:
    """What all scores of a table share.

    Attributes:
        network: a name, an ``nn.Module`` or a `Network`; see `load_network`.
        layer: a name; the network's default layer when left out.
        size: short side in pixels at which images go through the network.
        seed: of the factorizations.
        path: a file that keeps the results (JSON lines): a second call computes only what is not there. The file knows
            a method by its name and options, a network by its name, and a set by the names of its images and the first
            of them; take another file when more has changed.
        progress: show a tqdm bar.
    """

    network: Any = EMBEDDED
    layer: str | None = None
    size: int = 320
    seed: int = 0
    path: Any = None
    progress: bool = True


def named(images: Sets, truth: str) -> dict[str, ImageSet]:
    """The sets by name, checked to have that ground truth."""
    if not isinstance(images, ImageSet | Mapping):
        raise TypeError(f"images is a {type(images).__name__}; give an ImageSet, or a mapping from names to ImageSets")
    sets = {"images": images} if isinstance(images, ImageSet) else dict(images)
    if not sets:
        raise ValueError("no images: give a set, or several by name")
    for data, found in sets.items():
        if getattr(found, truth) is None:
            loaders = "voc2007" if truth == "boxes" else "creatures, folder(..., masks=...), labelme or pascal_parts"
            raise ValueError(f"the set {data!r} has no {truth} to compare with; load it with {loaders}")
    return sets


def benches(sets: Mapping[str, ImageSet], options: Setup) -> dict[str, Bench]:
    """A bench for each set."""
    network = load_network(options.network)
    return {data: Bench(found, network, options.layer, options.size) for data, found in sets.items()}


def about(name: str, method: Method, options: Setup) -> dict[str, Any]:
    """The part of a journal's key that says how a score was made."""
    return {"method": name, **method.about, "seed": options.seed}
