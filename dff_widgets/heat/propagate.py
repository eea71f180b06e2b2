"""A mask that was painted in one image, found in others: each position takes the labels of those it is most alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .maps import cell_means, upsample

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

NEAREST = 10  # painted positions that a position asks
SHARE = 0.4  # of their labels from which it is inside: a part is smaller than what is around it
_TEMPERATURE = 0.05  # of the weights, in cosines


def described(layers: Sequence[Sequence[Floats]]) -> list[Floats]:
    """What each position is like, in several layers at once.

    Of each layer the mean over all images is taken away, what is left is made of length 1, and enlarged to the finest
    grid: so every layer counts the same.

    Args:
        layers: per layer, per image (h, w, c).

    Returns:
        Per image (h, w, all c) of the finest grid, of length 1.
    """
    finest = max(layers, key=lambda layer: layer[0].shape[0] * layer[0].shape[1])
    grids = [maps.shape[:2] for maps in finest]
    together: list[list[Floats]] = [[] for _ in grids]
    for layer in layers:
        mean = sum(maps.sum(axis=(0, 1), dtype=np.float64) for maps in layer)
        mean = mean / sum(maps.shape[0] * maps.shape[1] for maps in layer)
        for image, maps in enumerate(layer):
            unit = _unit(np.asarray(maps - mean, dtype=np.float32))
            together[image].append(np.moveaxis(upsample(np.moveaxis(unit, 2, 0), grids[image]), 0, 2))
    return [_unit(np.concatenate(each, axis=2)) for each in together]


def propagate(features: Sequence[Floats], painted: Mapping[int, Array]) -> list[Floats]:
    """How much each position of every image is like what was painted.

    A position asks the `NEAREST` positions of the painted images, by cosine, whether they are inside; the more alike
    one is, the more it counts: ``Σ exp(cos / T) y / Σ exp(cos / T)``.

    Args:
        features: per image (h, w, c) of length 1, as of `described`.
        painted: image -> (height, width) bool at any size.

    Returns:
        Per image (h, w) in 0..1; `SHARE` is where a mask ends.

    Raises:
        ValueError: nothing is painted, or there is no such image.
    """
    if not painted or not any(np.any(mask) for mask in painted.values()):
        raise ValueError("nothing is painted to be found: paint a part in one image first")
    if wrong := [i for i in painted if not 0 <= i < len(features)]:
        raise ValueError(f"there is no image {wrong[0]}; there are {len(features)}")
    labels = np.concatenate([_share(mask, features[i].shape[:2]).ravel() for i, mask in painted.items()])
    examples = np.concatenate([features[i].reshape(-1, features[i].shape[2]) for i in painted])
    count = min(NEAREST, len(labels))
    found = []
    for maps in features:
        alike = maps.reshape(-1, maps.shape[2]) @ examples.T
        nearest = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        cosines = np.take_along_axis(alike, nearest, axis=1)
        weights = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / _TEMPERATURE)
        share = (weights * labels[nearest]).sum(axis=1) / weights.sum(axis=1)
        found.append(share.reshape(maps.shape[:2]).astype(np.float32))
    return found


def cosines(features: Sequence[Floats], image: int, y: float, x: float) -> list[Floats]:
    """How alike every position of every image is to one: the cosine of their activations.

    Args:
        features: per image (h, w, c) of length 1, or of length 0.
        image: of the position.
        y: of it, as a fraction of the image's height.
        x: as a fraction of its width.

    Returns:
        Per image (h, w) in -1..1.

    Raises:
        ValueError: there is no such image, or the point is outside of it.
    """
    if not 0 <= image < len(features):
        raise ValueError(f"there is no image {image!r}; there are {len(features)}")
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ValueError(f"the point ({x}, {y}) is outside of the image; give fractions of its width and height")
    h, w = features[image].shape[:2]
    here = features[image][min(int(y * h), h - 1), min(int(x * w), w - 1)]
    return [maps @ here for maps in features]


def unit_rows(maps: Sequence[Floats]) -> list[Floats]:
    """Activations of length 1, per image (h, w, c); those that are 0 stay so."""
    return [_unit(np.asarray(one, dtype=np.float32)) for one in maps]


def _unit(maps: Floats) -> Floats:
    length = np.linalg.norm(maps, axis=-1, keepdims=True)
    return np.asarray(maps / np.where(length > 0, length, 1), dtype=np.float32)


def _share(mask: Array, grid: tuple[int, int]) -> Floats:
    """(h, w) how much of each cell a mask fills."""
    return np.asarray(cell_means(np.asarray(mask, dtype=np.float32), grid), dtype=np.float32)
