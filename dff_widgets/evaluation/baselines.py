"""What else one could do: other heat maps from the same activations, as results that score in DFF's own code path.

Each function can be the ``fit`` of a `bench.Method`, so that a table shows it beside DFF; only `grad_cam` needs to be
told a class first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .. import factorization
from ..extraction import Activations
from ..heat import binarise, fold, normalise, percentiles, upsample
from ..networks import Layer, Network, as_map, hooked, inference, input_like, input_shape, prepare
from ..result import DFFResult
from .dictionaries import convex_nmf, semi_nmf, sparse
from .metrics import best_part_iou
from .results import as_result, background_last, signed
from .spectral import lost, normalized_cut, second_eigenvector, token_cut

__all__ = [
    "best_channel",
    "centred_box",
    "convex_nmf",
    "ddt",
    "grad_cam",
    "kmeans",
    "lost",
    "normalized_cut",
    "normalized_kmeans",
    "pca",
    "second_eigenvector",
    "semi_nmf",
    "sparse",
    "token_cut",
    "total",
]

Array = npt.NDArray[Any]


def ddt(activations: Activations, k: int = 1, seed: int = 0) -> DFFResult:
    """Deep descriptor transforming (Wei et al. 2017): the first principal component of the centred activations.

    A heat map is the positive part of the projection; ``masks(percentile=0)`` is DDT's own rule, everything above zero.
    An eigenvector has no sign: the component points to where the activations are stronger.

    Args:
        activations: from `extract`.
        k: 1; further components are no objects.
        seed: unused; a `Method` gives it.
    """
    if k != 1:
        raise ValueError(f"k is {k!r}; DDT finds one object: give 1")
    A = activations.matrix
    mean = A.mean(axis=0)
    covariance = A.T @ A / len(A) - np.outer(mean, mean)
    direction = np.linalg.eigh(covariance.astype(np.float64))[1][:, -1].astype(np.float32)
    projection = A @ direction - mean @ direction
    sign = 1 if projection @ A.sum(axis=1) >= 0 else -1  # as their covariance: the projection is centred
    return signed(activations, sign * projection, sign * direction)


def pca(activations: Activations, k: int, seed: int = 0) -> DFFResult:
    """`factorization.pca` (not centred) as a result: heat maps are the positive parts of the projections.

    Args:
        activations: from `extract`.
        k: number of components.
        seed: unused; a `Method` gives it.
    """
    fac = factorization.pca(activations.matrix, k)
    return as_result(activations, fac.H, fac.W, fac.error)


def kmeans(activations: Activations, k: int, seed: int = 0, *, normalized: bool = False) -> DFFResult:
    """k-means: each factor is a cluster, its heat map how near a position is to the centroid, 0 outside the cluster.

    Args:
        activations: from `extract`.
        k: number of clusters. One would hold everything: for 1 there are two, and the object is the one of which less
            lies at the border of the images.
        seed: of the starts.
        normalized: divide each position's activations by their length first, so that what they are counts and not how
            strong they are.
    """
    A = activations.matrix
    if normalized:
        A = A / np.maximum(np.linalg.norm(A, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    fac = factorization.kmeans(A, max(k, 2), seed=seed)
    member, W = np.asarray(fac.H, dtype=np.float32), np.asarray(fac.W)
    if k == 1:
        inner = background_last(member, activations.shapes)[:1]
        member, W = member[:, inner], W[inner]
    distance = np.stack([np.linalg.norm(A - centroid, axis=1) for centroid in W], axis=1)
    error = None if normalized else fac.error
    return as_result(activations, member / (1 + distance / max(float(distance.mean()), 1e-12)), W, error)


def normalized_kmeans(activations: Activations, k: int, seed: int = 0) -> DFFResult:
    """`kmeans` of activations of length 1."""
    return kmeans(activations, k, seed, normalized=True)


def total(activations: Activations, k: int = 1, seed: int = 0) -> DFFResult:
    """The sum of all activations at each position, as in SCDA (Wei et al. 2017) before its threshold.

    Args:
        activations: from `extract`.
        k: 1; there is one sum.
        seed: unused; a `Method` gives it.
    """
    if k != 1:
        raise ValueError(f"k is {k!r}; there is one sum of activations: give 1")
    A = activations.matrix
    return as_result(activations, A.sum(axis=1, keepdims=True), np.ones((1, A.shape[1]), dtype=np.float32))


def centred_box(activations: Activations, k: int = 1, seed: int = 0, *, share: float = 0.25) -> DFFResult:
    """A box in the middle of each image, of the image's aspect: what photographers do is hard to beat for some classes.

    Args:
        activations: from `extract`; only the sizes of its images count.
        k: 1; there is one middle.
        seed: unused; a `Method` gives it.
        share: of the image's area, above 0 and at most 1; by default the quarter that the paper's percentile keeps.

    Returns:
        DFFResult whose heat maps are 1 inside the box and 0 elsewhere, so that every threshold gives the box itself.
    """
    if k != 1 or not 0 < share <= 1:
        raise ValueError(f"k is {k!r} and share {share!r}; give k=1 and a share above 0, at most 1")
    maps = []
    for height, width in activations.sizes:
        box = np.zeros((1, height, width), dtype=np.float16)
        h, w = (max(1, round(side * share**0.5)) for side in (height, width))
        top, left = (height - h) // 2, (width - w) // 2
        box[:, top : top + h, left : left + w] = 1
        maps.append(box)
    zero = as_result(activations, np.zeros((len(activations.matrix), 1)), np.zeros((1, activations.matrix.shape[1])))
    return dataclasses.replace(zero, maps=tuple(maps))


def best_channel(
    activations: Activations, k: int, seed: int = 0, *, percentile: float = 75, candidates: int = 64
) -> DFFResult:
    """Supervised: for each of the k parts found best, the single channel that fits it best, as in Network Dissection.

    Bau et al. (2017) ask which concept a channel shows; here each channel is a factor, and its best part counts. It
    looks at the ground truth, and so is an upper bound for channels, no competitor.

    Args:
        activations: from `extract`, of images with parts.
        k: number of channels to keep, each the best of another part while there are parts left.
        seed: unused; a `Method` gives it.
        percentile: of the masks by which channels are compared.
        candidates: only the channels of most energy are compared.

    Raises:
        ValueError: the images have no parts.
    """
    parts = activations.images.parts
    if parts is None:
        raise ValueError("best_channel needs images with parts: it is chosen by the ground truth")
    A = activations.matrix
    strongest = np.argsort(-np.square(A).sum(axis=0), kind="stable")[: max(candidates, k)]
    coarse = fold(normalise(A[:, strongest]), activations.shapes)
    sizes = activations.sizes

    def maps() -> Any:
        return (upsample(m, size) for m, size in zip(coarse, sizes, strict=True))

    thresholds = percentiles(maps, percentile)
    scores = best_part_iou((binarise(m, thresholds) for m in maps()), parts)
    ranked = sorted(scores, key=lambda s: -s.iou)
    first = {s.part: s for s in reversed(ranked)}  # the best channel of each part
    kept = sorted(first.values(), key=lambda s: -s.iou) + [s for s in ranked if s is not first[s.part]]
    channels = strongest[[s.factor for s in kept[:k]]]
    return as_result(activations, A[:, channels], np.eye(A.shape[1], dtype=np.float32)[channels])


def grad_cam(activations: Activations, network: Network, target: int | Sequence[int]) -> DFFResult:
    """Supervised: Grad-CAM (Selvaraju et al. 2017) for a class of the network, which must be known.

    The heat map is the positive part of the activations weighted by the mean gradient of the class's score; for several
    classes, of the sum of their scores.

    Args:
        activations: from `extract`, of that network.
        network: from `load_network`, a classifier.
        target: the index of the class in the network's output, or several.

    Returns:
        DFFResult with k=1. W holds the mean weights; H, which is weighted image by image, is not ``A Wᵀ``.

    Raises:
        ValueError: the network's output has no such class.
    """
    module, classes = network.module, np.atleast_1d(target).tolist()
    weights, rows = [], []
    row = 0
    with inference(module):
        for i, (h, w) in enumerate(activations.shapes):
            pixels = _pixels(network, activations, i).to(input_like(module))
            weights.append(_class_weights(module, activations.layer, pixels, classes))
            rows.append(activations.matrix[row : row + h * w] @ weights[-1])
            row += h * w
    return as_result(activations, np.concatenate(rows)[:, None], np.mean(weights, axis=0)[None])


def _pixels(network: Network, activations: Activations, i: int) -> Tensor:
    """Image i as the network saw it, (1, c, H, W)."""
    own = activations.sizes[i]
    shape = input_shape(network, own, activations.size)
    return torch.from_numpy(prepare(network, activations.images.open(i, own), shape)).permute(2, 0, 1)[None]


def _class_weights(module: torch.nn.Module, layer: Layer, pixels: Tensor, classes: Sequence[int]) -> Array:
    """(channels,) the mean gradient of the classes' scores at the layer."""
    caught: list[Tensor] = []

    def catch(_name: str, _module: torch.nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
        caught.append(output)

    with hooked({layer.name: module.get_submodule(layer.name)}, catch), torch.enable_grad():
        scores = module(pixels.requires_grad_())  # the gradient flows also where a person froze the weights
        if scores.ndim != 2 or not all(0 <= c < scores.shape[1] for c in classes):
            raise ValueError(f"target is {list(classes)}; the network's output is {tuple(scores.shape)}")
        (gradient,) = torch.autograd.grad(scores[0, list(classes)].sum(), caught[0])
    maps = as_map(layer, gradient, (pixels.shape[2], pixels.shape[3]))  # also where the layer gives tokens
    return np.asarray(maps[0].mean(dim=(0, 1)).cpu().numpy())
