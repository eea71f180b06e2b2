"""Score methods on sets of images: what the tables in `experiments` are made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import __version__
from ..dff import factorize
from ..extraction import Activations, extract
from ..factorization import Sketch, nmf
from ..heat import normalise
from ..images import ImageSet
from ..networks import Network
from ..result import DFFResult
from . import baselines
from .clustering import Contingency, contingency, part_maps, true_maps
from .coverage import assign, coverage
from .journal import Journal
from .matching import image_counts, joined
from .metrics import BACKGROUND, best_part_iou, corloc, hits, iou
from .results import as_result

Array = npt.NDArray[Any]
Parts = Sequence[Mapping[str, Array]]

_HELD_BYTES = 2**29


@dataclass(frozen=True)
class Method:
    """A way to find what the images of a set have in common.

    Attributes:
        fit: called as ``fit(activations, k, seed)``. What it returns, such as a `DFFResult`, has
            ``masks(**options)``, per image (k, h, w) bool, and ``boxes(**options)``, per image (4,).
        options: of those two, such as ``{"percentile": 75}``.
    """

    fit: Callable[[Activations, int, int], Any]
    options: Mapping[str, Any] = field(default_factory=dict)


def _dff(activations: Activations, k: int, seed: int) -> DFFResult:
    return factorize(activations, k, seed=seed)


def _dff_crf(activations: Activations, k: int, seed: int) -> DFFResult:
    return _dff(activations, k, seed).refine()


def _dff_alone(activations: Activations, k: int, seed: int) -> DFFResult:
    """Each image factorized on its own: nothing is learned from the set."""
    if k != 1:
        raise ValueError(f"k is {k!r}; factors of images on their own have nothing in common but the one: give 1")
    maps, row = [], 0
    for h, w in activations.shapes:
        fac = nmf(activations.matrix[row : row + h * w], 1, seed=seed)
        maps.append(normalise(np.asarray(fac.H)))
        row += h * w
    return as_result(activations, np.concatenate(maps), np.ones((1, activations.matrix.shape[1])))


# The paper's own, at its own threshold.
METHODS: dict[str, Method] = {
    "DFF": Method(_dff, {"percentile": 75}),
    "DFF-CRF": Method(_dff_crf, {"percentile": 75}),
}
# With a threshold that adapts to each image.
AUTOMATIC: dict[str, Method] = {
    "DFF, Otsu": Method(_dff, {"threshold": "otsu"}),
    "DFF-CRF, auto": Method(_dff_crf, {"threshold": "auto"}),
}
# Other ways to find one object in the same activations; see `baselines`.
BASELINES: dict[str, Method] = {
    "DDT": Method(baselines.ddt, {"percentile": 0}),
    "k-means": Method(baselines.kmeans, {"percentile": 75}),
    "sum of activations": Method(baselines.total, {"percentile": 75}),
    "centred box": Method(baselines.centred_box),
}
# DFF in each image on its own, as LOST and TokenCut work: k = 1 only.
ALONE: dict[str, Method] = {
    "DFF, each image alone, Otsu": Method(_dff_alone, {"threshold": "otsu"}),
}
# Others' ways on the same activations: objects in one image at a time (k = 1), and factors or clusters (any k).
RIVAL_OBJECTS: dict[str, Method] = {
    "LOST": Method(baselines.lost, {"percentile": 0}),
    "TokenCut": Method(baselines.token_cut, {"percentile": 0}),
}
RIVALS: dict[str, Method] = {
    "PCA": Method(baselines.pca, {"percentile": 75}),
    "k-means": Method(baselines.kmeans, {"percentile": 75}),
    "k-means, normalized": Method(baselines.normalized_kmeans, {"percentile": 75}),
    "normalized cut": Method(baselines.normalized_cut, {"percentile": 0}),
    "semi-NMF": Method(baselines.semi_nmf, {"percentile": 75}),
    "convex NMF": Method(baselines.convex_nmf, {"percentile": 75}),
    "sparse dictionary": Method(baselines.sparse, {"percentile": 75}),
}


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
        self.layer = network.layer(layer).name
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

    def release(self) -> None:
        """Let go of the activations and masks; the next score reads them again."""
        self._sketches.clear()
        self._fitted.clear()
        for held in ("activations", "parts"):
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

    def object_iou(self, method: Method, seed: int, objects: Collection[str] | None) -> float:
        """The IoU of a single factor with the common object (table 1, above)."""
        names = dict.fromkeys(name for here in self.parts for name in here)
        if objects is None:
            objects = ["object"] if "object" in names else [name for name in names if name != BACKGROUND]
        return float(iou(self._masks(method, 1, seed), self.parts, {0: objects})[0])

    def object_counts(self, method: Method, seed: int, objects: Collection[str] | None) -> list[list[int]]:
        """Of each image the pixels that a single factor has in common with the object, and their union (table 1)."""
        names = dict.fromkeys(name for here in self.parts for name in here)
        if objects is None and "object" in names:
            objects = ["object"]
        if unknown := set(objects or ()) - set(names):
            raise ValueError(f"no image has the parts {sorted(unknown)}; there are {sorted(names)}")
        truth = joined(self.parts, None if objects is None else list(objects))
        counts = image_counts((m[0] for m in self._masks(method, 1, seed)), truth)
        return [list(pair) for pair in zip(*(c.tolist() for c in counts), strict=True)]

    def hits(self, method: Method, seed: int, protocol: Literal["paper", "lost"]) -> list[float | None]:
        """Of each image whether its box is right; None where it is left out (table 2)."""
        truth = self.activations.images.boxes
        assert truth is not None
        found = hits(self._fit(method, 1, seed).boxes(**method.options), truth, protocol=protocol)
        return [None if np.isnan(hit) else float(hit) for hit in found]

    def corloc(self, method: Method, seed: int) -> float:
        """The fraction of images whose box is right (table 2)."""
        truth = self.activations.images.boxes
        assert truth is not None
        return corloc(self._fit(method, 1, seed).boxes(**method.options), truth)

    def labelled(self, method: Method, k: int, seed: int, labels: Mapping[int, str] | None) -> dict[str, float]:
        """The IoU of each part with the factors labelled with it, by default those it is the best part of (table 3)."""
        masks = self._masks(method, k, seed)
        if labels is None:
            labels = {s.factor: s.part for s in best_part_iou(masks, self.parts) if s.part is not None}
        names = [n for n in dict.fromkeys(name for here in self.parts for name in here) if n != BACKGROUND]
        if not (set(labels) <= set(range(k)) and set(labels.values()) <= set(names)):
            raise ValueError(f"labels is {dict(labels)}; there are the factors 0..{k - 1} and the parts {names}")
        factors = [[f for f in range(k) if labels.get(f) == name] for name in names]
        joined = (np.stack([m[which].any(axis=0) for which in factors]) for m in masks)
        scores = iou(joined, self.parts, {i: [name] for i, name in enumerate(names)})
        return dict(zip(names, map(float, scores), strict=True))

    def factors(self, method: Method, k: int, seed: int) -> list[dict[str, Any]]:
        """Of each factor the parts it covers and its IoU with them (tables 1 and 4)."""
        masks = self._masks(method, k, seed)
        assignment = assign(coverage(masks, self.parts))
        scores = iou(masks, self.parts, assignment)
        return [{"parts": assignment[f], "iou": float(scores[f])} for f in range(k)]

    def part_counts(self, method: Method, k: int, seed: int) -> list[list[list[int]]]:
        """Per image the pixels (1 + k, 1 + parts) of each cluster in each part, the background first (part_table)."""
        names = [n for n in dict.fromkeys(name for here in self.parts for name in here) if n != BACKGROUND]
        whole = Contingency(np.zeros((1 + k, 1 + len(names)), dtype=np.int64))
        found = part_maps(self._fit(method, k, seed), **method.options)
        truth, _ = true_maps(self.parts, names)
        pairs = zip(found, truth, strict=True)
        return [(whole + contingency([labels], [true])).counts.tolist() for labels, true in pairs]

    def _masks(self, method: Method, k: int, seed: int) -> Sequence[Array]:
        masks: Sequence[Array] = self._fit(method, k, seed).masks(**method.options)
        return masks

    def _fit(self, method: Method, k: int, seed: int) -> Any:
        """The method's result; the last two are kept, for methods that differ in their options alone."""
        key = (method.fit, k, seed)
        if key not in self._fitted:
            while len(self._fitted) >= 2:
                del self._fitted[next(iter(self._fitted))]
            self._fitted[key] = method.fit(self.activations, k, seed)
        return self._fitted[key]


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
