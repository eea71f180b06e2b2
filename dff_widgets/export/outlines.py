"""A mask as polygons that lose nothing: one for each piece of it, with its holes cut in through bridges.

A polygon of YOLO or labelme knows no holes, so a hole is joined to the outline by a bridge: a line that is walked there
and back (a keyhole). It lies inside the piece, along a row, so that a reader that draws outlines draws no other pixel.
Pieces are not joined: a bridge between them would run over the background, and be drawn there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[Any]
Ring = list[int]  # the sides of pixels that it follows; -1 - n is the nth point of a bridge

# A side is of a pixel: 0 above, 1 right, 2 below, 3 left, walked clockwise, so that the mask is at the right hand.
_AHEAD = ((0, 1), (1, 0), (0, -1), (-1, 0))  # rows, columns of a step along it
_START = ((0, 0), (0, 1), (1, 1), (1, 0))  # rows, columns from the pixel's corner to where it begins
_INSET = 0.25  # pixels; see `polygons`


def polygons(mask: Array) -> list[Array]:
    """The pieces of a mask (4-connected) as polygons of axis-parallel sides.

    A polygon runs a quarter of a pixel inside the borders of the mask. So it is read back to the pixel by either of the
    two customs: which pixels have their centre inside, and, with coordinates cut to whole pixels, which pixels are on
    the polygon or inside (OpenCV's ``fillPoly``, Pillow).

    Args:
        mask: (h, w) bool.

    Returns:
        Per piece (n, 2) x, y in pixels; the pixel in row r and column c has its centre at (c + 0.5, r + 0.5). The last
        point is joined to the first.

    >>> polygons(np.array([[False, True, True]]))[0].tolist()
    [[1.25, 0.25], [2.75, 0.25], [2.75, 0.75], [1.25, 0.75]]
    """
    mask = np.pad(np.asarray(mask, dtype=bool), 1)
    sides = _Sides(mask)
    pieces, count = ndimage.label(mask)
    rings: list[list[Ring]] = [[] for _ in range(count + 1)]
    for ring in sides.rings():
        rings[pieces[sides.row[ring[0]], sides.column[ring[0]]]].append(ring)
    return [sides.points(sides.joined(of_piece)) - 1 for of_piece in rings[1:]]


class _Sides:
    """The sides of pixels between a mask and what is not in it.

    Args:
        mask: (h, w) bool, False along its border.
    """

    def __init__(self, mask: Array) -> None:
        self.mask = mask
        around = [~np.roll(mask, shift, axis) & mask for shift, axis in ((1, 0), (-1, 1), (-1, 0), (1, 1))]
        places = [np.nonzero(one) for one in around]
        self.way = np.repeat(np.arange(4), [len(rows) for rows, _ in places])
        self.row, self.column = (np.concatenate(each) for each in zip(*places, strict=True))
        self._number = np.full((4, *mask.shape), -1)
        self._number[self.way, self.row, self.column] = np.arange(len(self.way))
        self._next = self._following()
        self._before = np.empty_like(self._next)
        self._before[self._next] = np.arange(len(self._next))
        self._bridges: list[tuple[float, float]] = []

    def _following(self) -> Array:
        """Per side the one that is walked next: right if it can be, so that corners that touch do not join pieces."""
        ahead = np.array(_AHEAD)
        row, column = self.row + ahead[self.way, 0], self.column + ahead[self.way, 1]
        left = (self.way + 3) % 4
        beyond = row + ahead[left, 0], column + ahead[left, 1]
        free = ~self.mask[row, column]
        straight = ~free & ~self.mask[beyond]
        turned = np.where(free, (self.way + 1) % 4, np.where(straight, self.way, left))
        at = np.where(free, self.row, np.where(straight, row, beyond[0]))
        across = np.where(free, self.column, np.where(straight, column, beyond[1]))
        return self._number[turned, at, across]

    def rings(self) -> list[Ring]:
        """Closed walks along all sides."""
        following, seen, found = self._next.tolist(), bytearray(len(self._next)), []
        for first in range(len(following)):
            ring, at = [], first
            while not seen[at]:
                seen[at] = True
                ring.append(at)
                at = following[at]
            if ring:
                found.append(ring)
        return found

    def joined(self, rings: list[Ring]) -> Ring:
        """One walk along all rings of a piece, with bridges between them.

        From the leftmost side of a hole a bridge goes left to the ring that it meets first. Holes are taken from the
        left, so that this ring is in the walk already.
        """
        whole: Ring = []
        for ring in sorted(rings, key=lambda ring: int(self.column[ring].min())):  # the outline comes first
            whole = self._bridged(whole, ring) if whole else ring
        return whole

    def _bridged(self, whole: Ring, hole: Ring) -> Ring:
        here = min((side for side in hole if self.way[side] == 1), key=lambda side: int(self.column[side]))
        row, column = int(self.row[here]), int(self.column[here])
        end = column - int(np.argmin(self.mask[row, column::-1])) + 1  # the first pixel of this run in the row
        there = whole.index(int(self._number[3, row, end]))
        self._bridges += [(end + _INSET, row + 0.5), (column + 1 - _INSET, row + 0.5)]
        near, far = -len(self._bridges) + 1, -len(self._bridges)
        at = hole.index(here)
        inside = [near, far, *hole[at + 1 :], *hole[: at + 1], far, near]
        return [*whole[: there + 1], *inside, *whole[there + 1 :]]

    def points(self, walk: Ring) -> Array:
        """(n, 2) x, y of the corners of a walk, inside the mask by `_INSET`."""
        found = []
        for side in walk:
            if side < 0:
                found.append(self._bridges[-1 - side])
                continue
            way, before = int(self.way[side]), int(self.way[self._before[side]])
            if way != before:
                down, right = _START[way]
                inward = [_AHEAD[(one + 1) % 4] for one in (way, before)]  # to the right hand
                y = self.row[side] + down + _INSET * (inward[0][0] + inward[1][0])
                x = self.column[side] + right + _INSET * (inward[0][1] + inward[1][1])
                found.append((float(x), float(y)))
        return np.array(found)
