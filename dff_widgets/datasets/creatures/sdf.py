"""Bodies of round cones that melt into each other: distances to the bones, and the skin around them.

A body is a list of bones: round cones (two spheres and their convex hull), each belonging to a part. The skin is where
the sum over bones of max(0, 1 - distance / reach)² is 1, the soft objects of Wyvill, McPheeters and Wyvill (1986) with
a distance to a bone for the one to a point. A lone bone's skin is its own surface; where bones come closer to each
other than their reach, the skin fills the crease, hence it has no seams.

Only operations that IEEE arithmetic rounds exactly (+ - * / sqrt min max) enter a distance, so that masks do not change
with a machine's mathematics library. Coordinates are in units of the animal's height at the withers, about 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Vector = tuple[float, float, float]

FILL = 0.42  # where three bones meet, the skin is this share of their reach away from them: 1 - 1 / sqrt(3)


@dataclass(frozen=True)
class Bone:
    """A round cone from a sphere at `start` to one at `end`.

    Attributes:
        part: index of the part it belongs to.
        start, end: centres (x forward, y up, z to the animal's right).
        r0, r1: radii at `start` and at `end`.
        material: what it is made of, a name the shader knows.
        reach: how far from its surface it still shapes the skin.
    """

    part: int
    start: Vector
    end: Vector
    r0: float
    r1: float
    material: str = "coat"
    reach: float = 0.06


@dataclass(frozen=True)
class Body:
    """Bones as arrays, sorted by part; `width` < 1 makes the whole body narrower than tall.

    Attributes:
        start: (m, 3) centres of the first spheres; `axis`: (m, 3) unit vectors from there to the second ones.
        length, r0, slope, reach: (m,) distance between the spheres, first radius, growth of the radius per unit of
            length, how far a bone shapes the skin.
        part: (m,) part indices, ascending.
        width: factor on z. The distances live in the round model space, where z is divided by it.
    """

    start: Floats
    axis: Floats
    length: Floats
    r0: Floats
    slope: Floats
    reach: Floats
    part: NDArray[np.intp]
    width: float

    @classmethod
    def from_bones(cls, bones: Sequence[Bone], width: float) -> Body:
        """Put the bones, which must be sorted by part, into arrays."""
        start, end = (np.array(ends, np.float32) for ends in zip(*((b.start, b.end) for b in bones), strict=True))
        length = np.sqrt(((end - start) ** 2).sum(1))
        safe = np.maximum(length, np.float32(1e-9))  # a sphere has no axis
        return cls(
            start=start,
            axis=(end - start) / safe[:, None],
            length=length,
            r0=np.array([b.r0 for b in bones], np.float32),
            slope=np.array([b.r1 - b.r0 for b in bones], np.float32) / safe,
            reach=np.array([b.reach for b in bones], np.float32),
            part=np.array([b.part for b in bones], np.intp),
            width=width,
        )

    def subset(self, keep: NDArray[Any]) -> Body:
        """The body made of the bones where `keep` (m,) is true, or of those with the indices `keep`."""
        return Body(
            self.start[keep],
            self.axis[keep],
            self.length[keep],
            self.r0[keep],
            self.slope[keep],
            self.reach[keep],
            self.part[keep],
            self.width,
        )

    def bounds(self, axes: Floats) -> tuple[Floats, Floats]:
        """Least and greatest coordinates (3,) of the bones along the rows of `axes`, in body units."""
        steps = axes * np.array([1, 1, self.width], np.float32)
        start, end = (centres @ steps.T for centres in (self.start, self.start + self.axis * self.length[:, None]))
        r0, r1 = self.r0[:, None], (self.r0 + self.slope * self.length)[:, None]
        return np.minimum(start - r0, end - r1).min(0), np.maximum(start + r0, end + r1).max(0)

    def span(self) -> tuple[float, float]:
        """Least and greatest z of the bones, in model space."""
        start, end = self.start[:, 2], self.start[:, 2] + self.axis[:, 2] * self.length
        r1 = self.r0 + self.slope * self.length
        return float(np.minimum(start - self.r0, end - r1).min()), float(np.maximum(start + self.r0, end + r1).max())

    def turned(self, axes: Floats) -> Body:
        """The same body with its coordinates along the rows of `axes` (3, 3), unit vectors in model space."""
        # Not @, whose rounding depends on the machine.
        start, axis = ((v[:, None] * axes).sum(-1).astype(np.float32) for v in (self.start, self.axis))
        return replace(self, start=start, axis=axis)

    def flat(self) -> Body:
        """The body pressed flat along z: a line along z comes as close to a bone as it is to the flat bone."""
        plane = np.array([1, 1, 0], np.float32)
        share = np.maximum(np.sqrt(((self.axis * plane) ** 2).sum(1)), np.float32(1e-6))
        return replace(
            self,
            start=self.start * plane,
            axis=self.axis * plane / share[:, None],
            length=self.length * share,
            slope=self.slope / share,
        )

    def entry(self, x: Floats, y: Floats) -> Floats:
        """Coordinates z (n,) where rays at `x` and `y` (n,) that come down along z enter a bone, or -inf.

        The bones are as thick here as the skin where three of them meet, to come before it.
        """
        ux, uy, uz = self.axis.T
        share = ux * ux + uy * uy
        # A cone seen from its tip is widened there, so that its outline is that of a cone and not of a sphere alone.
        steepest = np.float32(0.95) * np.sqrt(share)
        slope = np.clip(self.slope, -steepest, steepest)
        r0 = self.r0 + FILL * self.reach + np.maximum(self.slope - slope, 0) * self.length
        # The sphere at f along the axis is entered at z(f) = start + uz f + sqrt(a + 2 b f + c f²). Seek the greatest.
        x, y = x - self.start[:, 0, None], y - self.start[:, 1, None]
        b, product = x * ux[:, None], y * uy[:, None]
        b += product
        b += (r0 * slope)[:, None]
        x *= x
        y *= y
        x += y
        a = np.subtract((r0 * r0)[:, None], x, out=x)
        c = np.minimum(slope * slope - share, np.float32(-1e-9))[:, None]
        f = np.multiply(b, b, out=y)
        f -= np.multiply(a, c, out=product)
        np.sqrt(np.maximum(f, 0, out=f), out=f)
        f *= (uz / np.sqrt(1 - slope * slope))[:, None]
        f += b
        f /= -c
        np.minimum(np.maximum(f, 0, out=f), self.length[:, None], out=f)
        b *= 2
        b += np.multiply(f, c, out=product)
        a += np.multiply(b, f, out=product)
        f *= uz[:, None]
        f += self.start[:, 2, None]
        f += np.sqrt(np.maximum(a, 0, out=product), out=product)
        f[a < 0] = -np.inf
        return np.asarray(f.max(0))

    def distances(self, points: Floats) -> tuple[Floats, Floats]:
        """Signed distances (m, n) from `points` (3, n), in model space, to every bone, and the foot of each (m, n).

        The foot is the place on the axis, 0 to `length`, of the sphere that a point is nearest to. A flat body takes
        points (2, n) as well.
        """
        # In place: these arrays are the bulk of the work, and fewer of them stay in the processor's cache.
        x = points[0] - self.start[:, 0, None]
        along = x * self.axis[:, 0, None]
        radial2 = np.multiply(x, x, out=x)
        product = np.empty_like(x)
        for i in range(1, len(points)):
            coordinate = points[i] - self.start[:, i, None]
            along += np.multiply(coordinate, self.axis[:, i, None], out=product)
            radial2 += np.multiply(coordinate, coordinate, out=coordinate)
        radial2 -= np.multiply(along, along, out=product)
        np.abs(radial2, out=radial2)  # below 0 by rounding only
        # The normal of a cone leans by its slope, so its foot is off the perpendicular.
        lean = self.slope / np.sqrt(np.maximum(1 - self.slope**2, np.float32(1e-6)))
        foot = np.multiply(np.sqrt(radial2, out=product), lean[:, None], out=product)
        foot += along
        np.maximum(foot, 0, out=foot)
        np.minimum(foot, self.length[:, None], out=foot)
        along -= foot
        along *= along
        radial2 += along
        distance: Floats = np.sqrt(radial2, out=radial2)
        distance -= self.r0[:, None]
        distance -= np.multiply(foot, self.slope[:, None], out=along)
        return distance, foot

    def overlap(self, distance: Floats) -> Floats:
        """max(0, 1 - distance / reach), (m, n), from `distance` (m, n); the sum of its squares is 1 on the skin."""
        overlap: Floats = distance * (-1 / self.reach)[:, None]
        overlap += 1
        return np.maximum(overlap, 0, out=overlap)

    def pull(self, distance: Floats, foot: Floats, overlap: Floats) -> Floats:
        """Weights (m, n) with which the vectors from the feet add up to minus half the gradient of the sum."""
        pull: Floats = foot * self.slope[:, None]
        pull += self.r0[:, None]
        pull += distance  # now the distance from the foot
        pull *= self.reach[:, None]
        return np.divide(overlap, pull, out=pull)

    def outward(self, points: Floats, foot: Floats, pull: Floats, i: int) -> Floats:
        """Coordinate `i` of minus half the gradient of the sum of squares, (n,), at `points` (3, n)."""
        feet: Floats = foot * self.axis[:, i, None]
        feet += self.start[:, i, None]
        feet *= pull
        return np.asarray(points[i] * pull.sum(0) - feet.sum(0))
