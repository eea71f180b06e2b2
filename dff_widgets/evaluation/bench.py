"""Score methods on sets of images: what the tables in `experiments` are made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import __version__
from ..dff import factorize, focused
from ..extraction import Activations, extract, finer_layer
from ..factorization import Sketch
from ..images import ImageSet
from ..networks import Network
from .clustering import Contingency, contingency, part_maps, true_maps
from .coverage import assign, coverage
from .journal import Journal
from .matching import image_counts, joined
from .methods import Method
from .metrics import BACKGROUND, best_part_iou, hits

Array = npt.NDArray[Any]
Parts = Sequence[Mapping[str, Array]]

_HELD_BYTES = 2**29
_KEPT = 4  # results: a method, what it sharpens, and the object of it


class Bench:
    """One set of images on one layer of a network; goes through the network when the first score needs it.

    Every score is plain JSON, so that a `Journal` can keep it.

    Args:
        images: with part masks or boxes.
        network: from `load_network`.
        layer: a name in ``network.layers``; the default layer when None.
        size: short side in pixels at which the images go through the network.
    """

    def __init__(self, images: ImageSet, network: Network, layer: str | None, size: int) -> None:
        self._images, self._network, self._size = images, network, size
        self.layer, self._stride = network.layer(layer).name, network.layer(layer).stride
        self._sketches: dict[tuple[int, bool], Sketch] = {}
        self._fitted: dict[Any, Any] = {}

    def key(self, what: str, **about: Any) -> dict[str, Any]:
        """All that a score depends on: the same key, the same score."""
        where = {"images": self._fingerprint, "network": self._network.name, "layer": self.layer, "size": self._size}
        return {"what": what, "version": __version__, **where, **about}

    @cached_property
    def _fingerprint(self) -> str:
        """Tells sets apart by the names of their images, and by the first image, its part masks and its boxes."""
        parts, boxes = self._images.parts, self._images.boxes
        digest = sha256("\n".join(self._images.names).encode() + self._images[0].tobytes())
        for name, mask in sorted(parts[0].items()) if parts is not None else ():
            digest.update(name.encode() + np.packbits(mask).tobytes())
        digest.update(b"" if boxes is None else np.asarray(boxes[0], dtype=np.int64).tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def activations(self) -> Activations:
        """Those of the layer; an image that cannot be read is left out of all scores."""
        return extract(self._network, self._images, layer=self.layer, size=self._size)

    @cached_property
    def parts(self) -> Parts:
        """The part masks of the images that were read; held in memory while they fit."""
        parts = self.activations.images.parts
        assert parts is not None
        pixels = sum(h * w for h, w in self.activations.sizes)
        return list(parts) if pixels * len(parts[0]) < _HELD_BYTES else parts

    @cached_property
    def finer(self) -> dict[str, Any]:
        """What `DFFResult.sharpen` needs of the finer layer: its activations while they fit, else the network."""
        layer = finer_layer(self._network, self.layer)
        positions = sum(h * w for h, w in self.activations.shapes) * (self._stride / layer.stride) ** 2
        if 4 * positions * layer.channels > _HELD_BYTES:
            return {"network": self._network, "layer": layer.name}
        return {"fine": extract(self._network, self.activations.images, layer=layer.name, size=self._size)}

    def release(self) -> None:
        """Let go of the activations and masks; the next score reads them again."""
        self._sketches.clear()
        self._fitted.clear()
        for held in ("activations", "parts", "finer"):
            self.__dict__.pop(held, None)

    # ---------------------------------------------------------------------------------------------------- scores
    def trial(
        self, k: int, seed: int, max_k: int, percentile: float, clamp: bool, options: Mapping[str, Any]
    ) -> dict[str, float]:
        """The mean best-part IoU of one factorization, and its error (fig. 4)."""
        if (max_k, clamp) not in self._sketches:
            self._sketches[max_k, clamp] = Sketch(self.activations.matrix, max_k=max_k, clamp=clamp)
        result = factorize(self.activations, k, matrix=self._sketches[max_k, clamp], seed=seed, **options)
        scores = best_part_iou(result.masks(percentile=percentile), self.parts)
        return {"iou": float(np.mean([s.iou for s in scores])), "error": float(result.factorization.error)}

    def method_trial(self, method: Method, k: int, seed: int) -> dict[str, float | None]:
        """The same of any method; no error where it does not model the activations."""
        scores = best_part_iou(self._masks(method, k, seed), self.parts)
        error = float(getattr(getattr(self._fit(method, k, seed), "factorization", None), "error", np.nan))
        return {"iou": float(np.mean([s.iou for s in scores])), "error": error if np.isfinite(error) else None}

    def object_counts(self, method: Method, seed: int, objects: Collection[str] | None) -> list[list[int]]:
        """Of each image the pixels that a single factor has in common with the object, and their union (table 1)."""
        names = dict.fromkeys(name for here in self.parts for name in here)
        if objects is None and "object" in names:
            objects = ["object"]
        if unknown := set(objects or ()) - set(names):
            raise ValueError(f"no image has the parts {sorted(unknown)}; there are {sorted(names)}")
        truth = joined(self.parts, None if objects is None else list(objects))
        counts = image_counts([m[0] for m in self._masks(method, 1, seed)], truth)
        return [list(pair) for pair in zip(*(c.tolist() for c in counts), strict=True)]

    def hits(self, method: Method, seed: int, protocol: Literal["paper", "lost"]) -> list[float | None]:
        """Of each image whether its box is right; None where it is left out (table 2)."""
        truth = self.activations.images.boxes
        assert truth is not None
        found = hits(self._fit(method, 1, seed).boxes(**method.options), truth, protocol=protocol)
        return [None if np.isnan(hit) else float(hit) for hit in found]

    def labelled(self, method: Method, k: int, seed: int, labels: Mapping[int, str] | None) -> dict[str, Any]:
        """Of each part and image the pixels in common with the factors labelled with it, and the union (table 3).

        By default a factor is labelled with the part it matches best over the set.
        """
        masks, names = self._masks(method, k, seed), self._names()
        if labels is None:
            labels = {s.factor: s.part for s in best_part_iou(masks, self.parts) if s.part is not None}
        if not (set(labels) <= set(range(k)) and set(labels.values()) <= set(names)):
            raise ValueError(f"labels is {dict(labels)}; there are the factors 0..{k - 1} and the parts {names}")
        counts = {}
        for name in names:
            factors = [f for f in range(k) if labels.get(f) == name]
            counts[name] = self._counts([np.asarray(m[factors].any(axis=0)) for m in masks], [name])
        return counts

    def factors(self, method: Method, k: int, seed: int) -> list[dict[str, Any]]:
        """Of each factor the parts it covers, and of each image the pixels it shares with them (tables 1 and 4)."""
        masks = self._masks(method, k, seed)
        covered = assign(coverage(masks, self.parts))
        return [{"parts": covered[f], "counts": self._counts([m[f] for m in masks], covered[f])} for f in range(k)]

    def part_overlaps(self, method: Method, k: int, seed: int) -> list[list[list[int]]]:
        """Of each image the pixels (k + 1, parts + 1) that factors and parts share, their own areas in the last ones.

        From sums over images follows the IoU of each factor with each part, parts that overlap included.
        """
        names, found = self._names(), []
        for masks, here in zip(self._masks(method, k, seed), self.parts, strict=True):
            blank = np.zeros(masks.shape[1:], dtype=bool)
            there: list[Array] = [here.get(name, blank) for name in names]
            truth = np.stack(there).reshape(len(names), -1)
            flat, truth = masks.reshape(len(masks), -1).astype(np.float32), truth.astype(np.float32)  # exact to 2^24
            shared = np.block([[flat @ truth.T, flat.sum(1)[:, None]], [truth.sum(1), np.zeros(1)]])
            found.append(shared.astype(int).tolist())
        return found

    def part_counts(self, method: Method, k: int, seed: int) -> list[list[list[int]]]:
        """Per image the pixels (1 + k, 1 + parts) of each cluster in each part, the background first (part_table)."""
        names = self._names()
        whole = Contingency(np.zeros((1 + k, 1 + len(names)), dtype=np.int64))
        found = part_maps(self._fit(method, k, seed), **method.options)
        truth, _ = true_maps(self.parts, names)
        pairs = zip(found, truth, strict=True)
        return [(whole + contingency([labels], [true])).counts.tolist() for labels, true in pairs]

    def _names(self) -> list[str]:
        """Of the parts, but the background."""
        return [n for n in dict.fromkeys(name for here in self.parts for name in here) if n != BACKGROUND]

    def _counts(self, masks: Sequence[Array], names: Sequence[str]) -> list[list[int]]:
        """Of each image the pixels that a mask (h, w) and the union of some parts have in common, and their union."""
        counts = []
        for mask, here in zip(masks, self.parts, strict=True):  # an image may name no part at all
            true = np.zeros(np.shape(mask), dtype=bool)
            for name in names:
                true |= np.asarray(here.get(name, False))
            counts.append([int(np.count_nonzero(mask & true)), int(np.count_nonzero(mask | true))])
        return counts

    def _masks(self, method: Method, k: int, seed: int) -> Sequence[Array]:
        masks: Sequence[Array] = self._fit(method, k, seed).masks(**method.options)
        return masks

    def _fit(self, method: Method, k: int, seed: int) -> Any:
        """The method's result; the last ones are kept, for methods that differ in their ending alone."""
        method = replace(method, options={}, focus=method.focus and k > 1)  # the object itself has nothing before it
        key = (method.fit, method.sharpen, method.focus, k, seed)
        if key not in self._fitted:
            found = self._made(method, k, seed)
            while len(self._fitted) >= _KEPT:
                del self._fitted[next(iter(self._fitted))]
            self._fitted[key] = found
        return self._fitted[key]

    def _made(self, method: Method, k: int, seed: int) -> Any:
        if method.sharpen is None:
            return method.fit(self.activations, k, seed)
        activations = self.activations
        if method.focus:
            activations = focused(activations, self._fit(replace(method, focus=False), 1, seed))
            plain = method.fit(activations, k, seed)
        else:
            plain = self._fit(replace(method, sharpen=None), k, seed)
        return plain.sharpen(coarse=activations if method.sharpen == "factors" else None, **self.finer)


@dataclass(frozen=True)
class Task:
    """One score of a table.

    Attributes:
        label: what to call it.
        bench: where it is computed.
        key: what it depends on, from ``bench.key``.
        compute: gives it, as JSON.
    """

    label: Any
    bench: Bench
    key: Mapping[str, Any]
    compute: Callable[[], Any]


def run(tasks: Sequence[Task], path: str | Path | None = None, progress: bool = False) -> list[tuple[Any, Any]]:
    """Compute what is not known yet.

    Args:
        tasks: those of one bench one after the other: it alone holds its activations.
        path: of a `Journal`.
        progress: show a tqdm bar.

    Returns:
        (label, score) of each task.
    """
    from tqdm.auto import tqdm

    journal, scores = Journal(path), []
    before: Bench | None = None
    for task in tqdm(tasks, disable=not progress, unit="score"):
        if before is not None and before is not task.bench:
            before.release()
        before = task.bench
        scores.append((task.label, journal.get(task.key, task.compute)))
    if before is not None:
        before.release()
    return scores
