"""Numbers for heat maps: boxes around what they show."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[Any]

EMPTY_BOX = (0, 0, -1, -1)


def largest_box(mask: Array) -> Array:
    """The box around the largest 8-connected component of a mask (section 4.4 of the paper).

    Args:
        mask: (h, w) bool.

    Returns:
        (4,) int64 ``xmin, ymin, xmax, ymax`` in pixels from 0, both ends included; the first in row-major order of equally
        large components; ``0, 0, -1, -1``, a box of no area, for an empty mask.
    """
    components, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if not count:
        return np.array(EMPTY_BOX)
    largest = np.bincount(components.ravel())[1:].argmax()
    rows, columns = ndimage.find_objects(components)[largest]
    return np.array([columns.start, rows.start, columns.stop - 1, rows.stop - 1])
