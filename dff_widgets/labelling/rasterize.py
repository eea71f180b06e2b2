"""Brush strokes and polygons as pixels: exact, by the spans they cover of each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Patch = tuple[int, int, Mask]  # top, left, and the pixels (h, w) of a box of the image

FARTHEST = 1e6  # pixels from the origin: beyond, a coordinate is a mistake
_SEGMENTS = 256  # of a stroke at a time, so that a long one with a wide brush stays small in memory


def brush(points: npt.ArrayLike, radius: float, size: tuple[int, int]) -> Patch:
    """The pixels whose centre is at most `radius` from the line through the points.

    Args:
        points: (n, 2) x, y in pixels, n >= 1; the centre of the pixel in row r and column c is (c + 0.5, r + 0.5).
        radius: in pixels.
        size: (height, width) of the image; what is outside is cut off.

    Returns:
        top, left and the pixels (h, w) bool of the smallest box that holds them; h = w = 0 where there are none.

    Raises:
        ValueError: points or radius are none.

    >>> brush([(2, 1)], 1.2, (3, 4))[2].astype(int)
    array([[1, 1],
           [1, 1]])
    """
    line = _checked(points, least=1)
    if not isinstance(radius, int | float | np.integer | np.floating) or not 0 < float(radius) <= FARTHEST:
        raise ValueError(f"radius is {radius!r}; give a number of pixels above 0")
    starts, ends = (line[:-1], line[1:]) if len(line) > 1 else (line, line)
    spans = [
        _capsules(starts[s : s + _SEGMENTS], ends[s : s + _SEGMENTS], float(radius), size)
        for s in range(0, len(starts), _SEGMENTS)
    ]
    row, first, stop = (np.concatenate(each) for each in zip(*spans, strict=True))
    step = np.repeat(np.array([1, -1], dtype=np.int32), len(row))
    top, left, depth = _accumulated(np.tile(row, 2), np.concatenate([first, stop]), step)
    return top, left, depth > 0


def polygon(points: npt.ArrayLike, size: tuple[int, int]) -> Patch:
    """The pixels whose centre is inside a polygon by the even-odd rule; as `brush`.

    Args:
        points: (n, 2) x, y in pixels, n >= 3 corners; the last is joined to the first.
        size: (height, width) of the image.

    >>> polygon([(1, 0), (4, 0), (4, 2), (1, 2)], (3, 4))[2].shape
    (2, 3)
    """
    a = _checked(points, least=3)
    b = np.roll(a, -1, axis=0)
    # A row through a corner meets one of its two edges, not both: each owns its upper end only.
    low, high = (np.ceil(f(a[:, 1], b[:, 1]) - 0.5) for f in (np.minimum, np.maximum))
    edge, row = _rows(low, high, size[0])
    (ax, ay), (bx, by) = a[edge].T, b[edge].T
    crossing = ax + (row + 0.5 - ay) / (by - ay) * (bx - ax)
    column = np.clip(np.ceil(crossing - 0.5), 0, size[1]).astype(np.int64)
    top, left, crossings = _accumulated(row, column, np.ones(len(row), dtype=np.int32))
    return top, left, crossings % 2 == 1


def _capsules(a: Floats, b: Floats, radius: float, size: tuple[int, int]) -> tuple[Ints, Ints, Ints]:
    """The rows of all segments widened by `radius`, and the first and last + 1 column of each: they are convex."""
    height, width = size
    low, high = np.minimum(a, b)[:, 1] - radius, np.maximum(a, b)[:, 1] + radius
    segment, row = _rows(np.ceil(low - 0.5), np.floor(high - 0.5) + 1, height)
    a, b, y = a[segment], b[segment], row + 0.5
    left, right = np.full(len(row), np.inf), np.full(len(row), -np.inf)

    def widen(x: Floats, where: Mask) -> None:
        np.minimum(left, x, out=left, where=where)
        np.maximum(right, x, out=right, where=where)

    for end in (a, b):  # the discs at both ends
        square = radius**2 - (y - end[:, 1]) ** 2
        half = np.sqrt(np.maximum(square, 0))
        widen(end[:, 0] - half, square >= 0)
        widen(end[:, 0] + half, square >= 0)
    along = b - a
    length = np.maximum(np.hypot(*along.T), np.finfo(float).tiny)
    across = radius * np.stack([-along[:, 1], along[:, 0]], axis=1) / length[:, None]
    level = np.abs(along[:, 1]) < 1e-100  # such sides add nothing to the discs, and to divide by them overflows
    rise = np.where(level, np.inf, along[:, 1])
    for side in (a + across, a - across):  # the straight sides
        t = (y - side[:, 1]) / rise
        widen(side[:, 0] + t * along[:, 0], (t >= 0) & (t <= 1))
    first = np.clip(np.ceil(left - 0.5), 0, width)
    stop = np.clip(np.floor(right - 0.5) + 1, 0, width)
    kept = first < stop
    return row[kept], first[kept].astype(np.int64), stop[kept].astype(np.int64)


def _rows(first: Floats, stop: Floats, height: int) -> tuple[Ints, Ints]:
    """All rows first..stop - 1 of every segment that are in the image: which segment, and the row."""
    first = np.clip(first, 0, height).astype(np.int64)
    count = np.maximum(np.clip(stop, 0, height).astype(np.int64) - first, 0)
    segment = np.repeat(np.arange(len(first)), count)
    return segment, np.arange(count.sum()) + np.repeat(first - np.cumsum(count) + count, count)


def _accumulated(row: Ints, column: Ints, step: npt.NDArray[np.int32]) -> tuple[int, int, npt.NDArray[np.int32]]:
    """Top, left and a box of counts that change by `step` from each (row, column) on, to the right."""
    if not len(row):
        return 0, 0, np.zeros((0, 0), dtype=np.int32)
    top, left = int(row.min()), int(column.min())
    counts = np.zeros((int(row.max()) + 1 - top, int(column.max()) + 1 - left), dtype=np.int32)
    np.add.at(counts, (row - top, column - left), step)
    return top, left, np.cumsum(counts, axis=1, dtype=np.int32, out=counts)[:, :-1]


def _checked(points: Any, least: int) -> Floats:
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"points is {points!r:.60}; give (n, 2) numbers: x, y in image pixels") from None
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < least:
        raise ValueError(f"points is {array.shape}; give (n, 2), n >= {least}: x, y in image pixels")
    if not (np.abs(array) <= FARTHEST).all():
        raise ValueError(f"points holds a number that is none, or beyond {FARTHEST:,.0f} pixels")
    return array
