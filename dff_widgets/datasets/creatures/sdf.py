"""Bodies as signed distances to smoothly joined round cones.

A body is a list of bones: round cones (two spheres and their convex hull), each belonging to a part. Bones of a part
are joined by a smooth minimum, and so are the parts, hence the skin has no seams. A point of the skin belongs to the
part whose own distance is least, so part masks come from the very march that draws the picture.

Only operations that IEEE arithmetic rounds exactly (+ - * / sqrt min max) enter a distance, so that masks do not change
with a machine's mathematics library. Coordinates are in units of the animal's height at the withers, about 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Vector = tuple[float, float, float]

JOIN = 0.08  # reach of the smooth minimum between parts


@dataclass(frozen=True)
class Bone:
    """A round cone from a sphere at `start` to one at `end`.

    Attributes:
        part: index of the part it belongs to.
        start, end: centres (x forward, y up, z to the animal's right).
        r0, r1: radii at `start` and at `end`.
        material: what it is made of, a name the shader knows.
        blend: how far the smooth minimum reaches that joins it to its part.
    """

    part: int
    start: Vector
    end: Vector
    r0: float
    r1: float
    material: str = "coat"
    blend: float = 0.06


@dataclass(frozen=True)
class Body:
    """Bones as arrays, sorted by part; `width` < 1 makes the whole body narrower than tall.

    Attributes:
        start: (m, 3) centres of the first spheres; `axis`: (m, 3) from there to the second ones.
        r0, taper, blend: (m,) radius at the start, its change towards the end, reach of the smooth minimum.
        part: (m,) part indices, ascending.
        width: factor on z. The field lives in the round model space, where z is divided by it.
    """

    start: Floats
    axis: Floats
    r0: Floats
    taper: Floats
    blend: Floats
    part: NDArray[np.intp]
    width: float

    @classmethod
    def from_bones(cls, bones: Sequence[Bone], width: float) -> Body:
        """Put the bones, which must be sorted by part, into arrays."""
        start = np.array([b.start for b in bones], np.float32)
        return cls(
            start=start,
            axis=np.array([b.end for b in bones], np.float32) - start,
            r0=np.array([b.r0 for b in bones], np.float32),
            taper=np.array([b.r1 - b.r0 for b in bones], np.float32),
            blend=np.array([b.blend for b in bones], np.float32),
            part=np.array([b.part for b in bones], np.intp),
            width=width,
        )

    def subset(self, keep: NDArray[np.bool_]) -> Body:
        """The body made of the bones where `keep` (m,) is true."""
        return Body(
            self.start[keep],
            self.axis[keep],
            self.r0[keep],
            self.taper[keep],
            self.blend[keep],
            self.part[keep],
            self.width,
        )

    @cached_property
    def _parts(self) -> tuple[NDArray[np.intp], list[int]]:
        """Which parts there are, and the first bone of each."""
        present, first = np.unique(self.part, return_index=True)
        return present, first.tolist()

    @property
    def reach(self) -> float:
        """How far beyond a bone's surface the smooth minima let it shape the skin."""
        return max(float(self.blend.max()), JOIN)

    def view(self, axes: Floats) -> tuple[Floats, Floats]:
        """Starts and axes of the bones (m, 3) each, as coordinates along the rows of `axes`, in body units."""
        steps = axes * np.array([1, 1, self.width], np.float32)
        return self.start @ steps.T, self.axis @ steps.T

    def bounds(self, axes: Floats) -> tuple[Floats, Floats]:
        """Least and greatest coordinates (3,) of the body along the rows of `axes`, in body units."""
        start, axis = self.view(axes)
        low = np.minimum(start - self.r0[:, None], start + axis - (self.r0 + self.taper)[:, None])
        high = np.maximum(start + self.r0[:, None], start + axis + (self.r0 + self.taper)[:, None])
        return low.min(0), high.max(0)

    def bone_distances(self, points: Floats) -> Floats:
        """Signed distances (m, n) from `points` (3, n), in model space, to every bone."""
        axis = self.axis[..., None]
        per_length2 = axis / ((axis**2).sum(1, keepdims=True) + np.float32(1e-9))
        x, y, z = (points[i] - self.start[:, i, None] for i in range(3))
        # In place: these arrays are the bulk of the work, and fewer of them stay in the processor's cache.
        along, product = x * per_length2[:, 0], y * per_length2[:, 1]
        along += product
        along += np.multiply(z, per_length2[:, 2], out=product)
        np.clip(along, 0, 1, out=along)
        for i, from_axis in enumerate((x, y, z)):
            from_axis -= np.multiply(along, axis[:, i], out=product)
            from_axis *= from_axis
        x += y
        x += z
        distance: Floats = np.sqrt(x, out=x)
        distance -= self.r0[:, None]
        distance -= np.multiply(along, self.taper[:, None], out=along)
        return distance

    def join_bones(self, distances: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Which parts there are (p,), and distances (p, n) to each, from the `distances` (m, n) to every bone."""
        present, first = self._parts
        joined = np.empty((len(present), distances.shape[1]), np.float32)
        for row, (lowest, end) in enumerate(zip(first, [*first[1:], len(self.part)], strict=True)):
            part = distances[lowest]
            for bone in range(lowest + 1, end):
                part = smooth_min(part, distances[bone], self.blend[bone])
            joined[row] = part
        return present, joined

    def distance(self, points: Floats) -> Floats:
        """Signed distance (n,) of `points` (3, n), in model space, to the skin."""
        _, parts = self.join_bones(self.bone_distances(points))
        skin: Floats = parts[0]
        for part in parts[1:]:
            skin = smooth_min(skin, part, np.float32(JOIN))
        return skin


def smooth_min(a: Floats, b: Floats, reach: np.float32) -> Floats:
    """The polynomial smooth minimum [Quilez]: min(a, b), rounded off where they differ by less than `reach`."""
    overlap = np.abs(a - b)
    np.subtract(reach, overlap, out=overlap)
    np.maximum(overlap, 0, out=overlap)
    overlap *= overlap
    overlap *= np.float32(0.25) / reach
    result: Floats = np.minimum(a, b)
    result -= overlap
    return result
