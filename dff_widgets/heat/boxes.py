"""Boxes around masks, and how far two boxes are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

EMPTY_BOX = (0, 0, -1, -1)


def largest_box(mask: Array) -> Array:
    """The box around the largest 8-connected component of a mask (section 4.4 of the paper).

    Args:
        mask: (h, w) bool.

    Returns:
        (4,) int64 ``xmin, ymin, xmax, ymax`` in pixels from 0, both ends included; of equally large ones the first
        in row-major order; ``0, 0, -1, -1``, a box of no area, for an empty mask.
    """
    from scipy import ndimage  # a third of a second, and the first picture needs none

    components, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if not count:
        return np.array(EMPTY_BOX)
    largest = np.bincount(components.ravel())[1:].argmax()
    rows, columns = ndimage.find_objects(components)[largest]
    return np.array([columns.start, rows.start, columns.stop - 1, rows.stop - 1])


def box_iou(boxes: npt.ArrayLike, others: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Intersection over union of boxes whose ends are both included, as PASCAL VOC counts pixels.

    Args:
        boxes: (..., 4) ``xmin, ymin, xmax, ymax`` in pixels. A box of no area (``xmax < xmin``, as ``0, 0, -1, -1``)
            meets nothing.
        others: the same; leading axes broadcast against those of `boxes`.

    Returns:
        (...) in 0..1.

    Raises:
        ValueError: the last axis is not 4.

    >>> float(box_iou([0, 0, 9, 9], [0, 0, 9, 4]))
    0.5
    """
    a, b = np.asarray(boxes, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if a.shape[-1:] != (4,) or b.shape[-1:] != (4,):
        raise ValueError(f"boxes are {a.shape} and {b.shape}; give (..., 4): xmin, ymin, xmax, ymax")
    shared = _area(np.concatenate([np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])], axis=-1))
    union = _area(a) + _area(b) - shared
    return np.divide(shared, union, out=np.zeros_like(union), where=union > 0)


def _area(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.maximum(boxes[..., 2:] - boxes[..., :2] + 1, 0).prod(axis=-1))
