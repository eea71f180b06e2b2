"""The image patches where a factor is strongest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..images import ImageSet

if TYPE_CHECKING:
    from ..result import DFFResult

Array = npt.NDArray[Any]

_AGAIN = 0.5  # what a further patch of the same image is worth beside one of an image not shown yet


@dataclass(frozen=True)
class Patch:
    """A square of an image.

    Attributes:
        image: its index in the set.
        box: ``xmin, ymin, xmax, ymax`` in pixels of the image from 0, both ends included.
        strength: of the factor at its middle, 0..1, where 1 is the factor's maximum over the set.
    """

    image: int
    box: tuple[int, int, int, int]
    strength: float


def top_patches(result: DFFResult, factor: int, n: int = 9, *, size: float = 4) -> tuple[Patch, ...]:
    """The places of the set where a factor is strongest, strongest first; no image is decoded.

    Patches do not overlap. So that they come from different images where they can, each further patch of an image
    counts half as much as the one before it: an image gives two only when they are twice as strong as what others have.

    Args:
        result: its H counts, also where the heat maps were refined.
        factor: 0..k-1.
        n: how many, at least 1; there are fewer where the factor is nowhere else above 0.
        size: side of a patch in cells of the layer's grid, above 0: a position sees more of the image than its own
            cell. A patch lies inside the image, so that at its border the middle is not the position itself.

    Raises:
        ValueError: there is no such factor, or n or size is too small.

    >>> from dff_widgets.factorization import Factorization
    >>> from dff_widgets.result import DFFResult
    >>> maps = np.array([[0, 0, 2, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0]], dtype=np.float32)
    >>> images = ImageSet.from_arrays(np.zeros((2, 10, 80, 3), dtype=np.uint8))
    >>> factors = Factorization(maps.reshape(-1, 1), np.ones((1, 5)), 0.0, 1, True)
    >>> result = DFFResult(factors, images, ((1, 8),) * 2, ((10, 80),) * 2, "toy", "layer", 10)
    >>> [(p.image, p.box, p.strength) for p in top_patches(result, 0, size=1)]
    [(0, (20, 0, 29, 9), 1.0), (1, (60, 0, 69, 9), 0.5)]
    """
    check_factor(result, factor)
    if n < 1 or not size > 0:
        raise ValueError(f"n is {n!r} and size {size!r}; give at least one patch, and a size above 0 cells")
    H = np.array(result.factorization.H[:, factor], dtype=np.float32)
    H /= max(float(H.max()), float(np.finfo(np.float32).tiny))
    ends = np.cumsum([h * w for h, w in result.shapes])
    starts = ends - [h * w for h, w in result.shapes]
    worth = np.maximum.reduceat(H, starts)  # per image, of its next patch
    weights = np.ones(len(worth))
    boxes: dict[int, Array] = {}  # of every position, for the images that were chosen
    found: list[Patch] = []
    while len(found) < n:
        i = int(np.argmax(worth * weights))
        if worth[i] <= 0:
            break
        rows = H[starts[i] : ends[i]]
        boxes.setdefault(i, _boxes(result.shapes[i], result.sizes[i], size))
        best = int(rows.argmax())
        x0, y0, x1, y1 = boxes[i][best].tolist()
        found.append(Patch(i, (x0, y0, x1, y1), float(rows[best])))
        rows[_overlap(boxes[i], boxes[i][best])] = 0
        worth[i] = rows.max()
        weights[i] *= _AGAIN
    return tuple(sorted(found, key=lambda patch: -patch.strength))


def crop(images: ImageSet, patch: Patch, side: int | None = None) -> Image.Image:
    """The pixels of a patch.

    Args:
        images: the set it is from.
        patch: from `top_patches`.
        side: None for the pixels as they are; or about how many each way are wanted, at most: a large JPEG file is then
            decoded at a fraction of its size.

    Raises:
        UnreadableImageError: the image is gone or damaged.
    """
    x0, y0, x1, y1 = patch.box
    box = np.array([x0, y0, x1 + 1, y1 + 1])
    if side is None or side >= x1 + 1 - x0:
        return images.open(patch.image).crop(tuple(box.tolist()))
    longer = max(images.size(patch.image))
    image = images.thumbnail(patch.image, math.ceil(longer * side / (x1 + 1 - x0)))
    return image.crop(tuple(np.round(box * max(image.size) / longer).astype(int).tolist()))


def check_factor(result: DFFResult, factor: int) -> None:
    """Raise a ValueError that says which factors there are, unless `factor` is one."""
    if factor not in range(result.k):
        raise ValueError(f"factor is {factor!r}; this result has factors 0..{result.k - 1}")


def _boxes(grid: tuple[int, int], shape: tuple[int, int], size: float) -> Array:
    """(h·w, 4) the square around each position of a grid (h, w), shifted into an image of that (height, width)."""
    (h, w), (height, width) = grid, shape
    side = max(1, min(height, width, round(size * math.sqrt(height / h * width / w))))
    x = np.round((np.arange(w) + 0.5) * width / w - side / 2).clip(0, width - side)
    y = np.round((np.arange(h) + 0.5) * height / h - side / 2).clip(0, height - side)
    top, left = np.meshgrid(y, x, indexing="ij")
    return np.stack([left, top, left + side - 1, top + side - 1], axis=-1).reshape(-1, 4).astype(int)


def _overlap(boxes: Array, box: Array) -> Array:
    """(m,) bool: which boxes share a pixel with that one."""
    return np.asarray(((boxes[:, :2] <= box[2:]) & (box[:2] <= boxes[:, 2:])).all(axis=1))
