"""Shapes that a person need not draw: the region around a click that is alike, filled holes, smooth borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

SIDE = 320  # longer side in pixels at which a region is looked for
_RADIUS, _EPSILON = 3, 0.02**2  # of the guided filter that flattens what is no edge; the range of colours is 1
_LEVELS = np.geomspace(0.02, 0.4, 20)  # differences of colour at which a region may end
_SPECK = 2.0  # pixels: what is smaller is noise
_LEAST, _MOST = 2e-4, 0.3  # of the image that a region has; of a larger one a person is better asked again


def alike(photo: Array, point: tuple[float, float]) -> Mask:
    """The connected region around a point that is alike in colour, up to where the photo has an edge.

    The photo is flattened by a guided filter (He et al., 2013), and flooded from the point at rising differences of
    colour. Of these floods the region is the one that grows least with the next: it ends at an edge that holds.

    Args:
        photo: (h, w, 3) uint8.
        point: x, y in pixels.

    Returns:
        (h, w) bool; it holds the point.

    Raises:
        ValueError: the point is outside of the photo.

    >>> photo = np.zeros((40, 60, 3), np.uint8)
    >>> photo[10:30, 20:50] = 200
    >>> region = alike(photo, (25.5, 15.5))
    >>> bool(region[12:28, 22:48].all()), bool(region[:8].any())
    (True, False)
    """
    from scipy import ndimage

    photo = np.asarray(photo)
    x, y = point
    if not (0 <= x < photo.shape[1] and 0 <= y < photo.shape[0]):
        raise ValueError(f"the point ({x}, {y}) is outside of the photo, which is {photo.shape[1]} x {photo.shape[0]}")
    column, row = int(x), int(y)
    flat = _flattened(np.asarray(photo / 255, dtype=np.float32))
    patch = flat[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].reshape(-1, 3)
    apart = np.abs(flat - np.median(patch, axis=0)).max(axis=2)
    apart[row, column] = 0
    floods = []
    for level in _LEVELS:
        parts, _ = ndimage.label(apart <= level)
        floods.append(parts == parts[row, column])
        if floods[-1].mean() > _MOST:
            break
    region = floods[_stablest(np.array([flood.mean() for flood in floods]))]
    whole = smoothed(region, _SPECK)  # a pixel that noise left out, or let in, is none of a person's
    whole[row, column] = True
    return whole


def filled(mask: Mask) -> Mask:
    """The mask with its holes: what it surrounds."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_fill_holes(mask))


def smoothed(mask: Mask, radius: float) -> Mask:
    """The mask without notches, spikes and islands of less than about `radius` pixels.

    Raises:
        ValueError: the radius is not above 0.
    """
    from scipy import ndimage

    if not radius > 0:
        raise ValueError(f"radius is {radius!r}; give a number of pixels above 0")
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), radius / 2, mode="nearest") > 0.5)


def _flattened(photo: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each channel filtered along its own edges."""
    from scipy import ndimage

    def mean(values: Array) -> Array:
        size = (2 * _RADIUS + 1, 2 * _RADIUS + 1, 1)
        return np.asarray(ndimage.uniform_filter(values, size, mode="nearest"))

    average = mean(photo)
    variance = np.maximum(mean(photo * photo) - average**2, 0)
    slope = variance / (variance + _EPSILON)
    return np.asarray(mean(slope) * photo + mean((1 - slope) * average))


def _stablest(shares: npt.NDArray[np.float64]) -> int:
    """Which of the growing floods, as shares of the image, grows least with the next; of equals the last."""
    inside = [n for n, share in enumerate(shares) if _LEAST <= share <= _MOST]
    if not inside:
        return len(shares) - 1 if shares[-1] <= _MOST else max(len(shares) - 2, 0)
    growth = {n: shares[n + 1] / shares[n] if n + 1 < len(shares) else np.inf for n in inside}
    least = min(growth.values())
    return max(n for n in inside if growth[n] <= 1.02 * least)
