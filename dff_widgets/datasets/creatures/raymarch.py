"""Rays that find the skin of a body, and what they find there.

The camera is far away, so all rays are parallel. A body lives in its round model space, in which z is divided by its
width; what is called a depth, a normal or a picture is in body space, where the animal has its true breadth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sdf import FILL, Body, Floats

_PARTS = 4  # rows of a membership
_TILE = 64  # side of a tile of pixels: small enough that few bones matter in it, large enough for long array operations
_CREASE = 0.09  # distance from the skin at which a crease is felt
_TOLERANCE = (0.2, 0.0025)  # distance from the skin at which a ray has arrived, in pixels and at most
_GRAZE = np.float32(0.25)  # least share of the steepest growth that a step believes in


@dataclass(frozen=True)
class Camera:
    """A distant (orthographic) camera.

    Attributes:
        axes: (3, 3) rows: right, up, and towards the viewer, unit vectors in body space.
        centre: (right, up) coordinates of the middle of the picture.
        extent: width and height of the picture, in body units.
        size: width and height in pixels.
    """

    axes: Floats
    centre: tuple[float, float]
    extent: float
    size: int

    @property
    def pixel(self) -> float:
        """Width of a pixel in body units."""
        return self.extent / self.size

    def coordinates(self, pixels: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Coordinates (right, up) of the centres of `pixels`, flat indices row * size + column."""
        row, column = np.divmod(pixels, self.size)
        right = self.centre[0] + (column + 0.5) * self.pixel - self.extent / 2
        up = self.centre[1] - (row + 0.5) * self.pixel + self.extent / 2
        return right.astype(np.float32), up.astype(np.float32)

    def points(self, pixels: NDArray[np.intp], depth: Floats) -> Floats:
        """Points (3, n) in body space at `pixels` (n,), with coordinates `depth` (n,) towards the viewer."""
        right, up = self.coordinates(pixels)
        return np.asarray(sum(axis[:, None] * x for axis, x in zip(self.axes, (right, up, depth), strict=True)))


@dataclass(frozen=True)
class Hits:
    """Where rays met the skin.

    Attributes:
        pixels: (n,) flat indices into the picture, row * size + column.
        points: (3, n) in model space.
        depth: (n,) coordinate towards the viewer, in body units.
        normals: (3, n) outward unit normals in body space.
        openness: (n,) 1 in the open, towards 0 in creases.
        part: (n,) index of the part with the largest membership.
        bone: (n,) index of the nearest bone.
        membership: (parts, n) how much a point belongs to each part, soft across the joints; sums to 1.
    """

    pixels: NDArray[np.intp]
    points: Floats
    depth: Floats
    normals: Floats
    openness: Floats
    part: NDArray[np.intp]
    bone: NDArray[np.intp]
    membership: Floats


@dataclass(frozen=True)
class _Rays:
    """The rays of a picture, in coordinates of model space in which they come down along z.

    Attributes:
        axes: (3, 3) rows: the coordinate axes, unit vectors in model space.
        points: (3, size * size) where each ray is now.
        level: (size * size,) z of the camera's depth 0.
        speed: change of z per unit of depth.
    """

    axes: Floats
    points: Floats
    level: Floats
    speed: np.floating[Any]

    @classmethod
    def of(cls, camera: Camera, width: float) -> _Rays:
        """The rays of the camera in the model space of a body of this width."""
        axes = ray_axes(camera.axes[2], width)
        # Not @, whose rounding depends on the machine.
        steps = ((axes / np.array([1, 1, width]))[:, None] * camera.axes).sum(-1).astype(np.float32)
        right, up = camera.coordinates(np.arange(camera.size**2))
        x, y, level = (step[0] * right + step[1] * up for step in steps)
        return cls(axes, np.stack([x, y, level]), level, steps[2, 2])


@dataclass(frozen=True)
class _Tile:
    """A square of the picture, and the bones that matter there.

    Attributes:
        pixels: (n,) flat indices into the picture of those whose rays may hit the skin.
        bones: (m,) indices of the bones that shape the skin there; `body`: made of them alone.
        near: the body of all bones that may put that skin in the shade.
    """

    pixels: NDArray[np.intp]
    bones: NDArray[np.intp]
    body: Body
    near: Body


def ray_axes(towards: Floats, width: float) -> Floats:
    """Axes (3, 3), the rows, of model space whose z points `towards` (3,), which is in body space and not upright."""
    z = towards / np.array([1, 1, width])
    x = np.cross((0, 1, 0), z)
    axes = np.stack([x, np.cross(z, x), z])
    return np.asarray(axes / np.sqrt((axes**2).sum(1, keepdims=True)))


def cast(body: Body, camera: Camera) -> Hits:
    """March one ray per pixel and look at the skin where it arrives.

    The picture is marched in tiles, each with only the bones that matter there. The few rays that need many steps are
    finished together, which costs less than finishing them tile by tile.
    """
    rays = _Rays.of(camera, body.width)
    turned = body.turned(rays.axes)
    tolerance = np.float32(min(_TOLERANCE[0] * camera.pixel, _TOLERANCE[1]))
    hit = np.zeros(camera.size**2, bool)
    tiles = list(_tiles(turned, rays.points, camera.size))
    slow = [_march(tile.body, rays.points, hit, _start(tile, rays.points), tolerance, steps=4) for tile in tiles]
    if slow:
        _march(turned, rays.points, hit, np.concatenate(slow), tolerance, steps=40)
    found = [_look(tile, rays, tile.pixels[hit[tile.pixels]]) for tile in tiles]
    if not hit.any():
        raise ValueError("the camera looks past the body")
    return Hits(*(np.concatenate([getattr(h, field.name) for h in found], axis=-1) for field in fields(Hits)))


def _tiles(body: Body, points: Floats, size: int) -> Iterator[_Tile]:
    """The tiles whose rays at `points` (3, size * size) may hit the body."""
    flat = body.flat()
    everything = np.arange(size**2).reshape(size, size)
    for top in range(0, size, _TILE):
        for left in range(0, size, _TILE):
            pixels = everything[top : top + _TILE, left : left + _TILE].ravel()
            at = points[:2, pixels]
            low, high = at.min(1, keepdims=True), at.max(1, keepdims=True)
            distance, _ = flat.distances((low + high) / 2)
            near = distance[:, 0] < np.hypot(*(high - low)) / 2 + np.maximum(body.reach, 2 * _CREASE)
            if near.any():
                around = flat.subset(near)
                # Nowhere along a ray do the bones overlap more than if all came closest to it at the same place.
                overlap = around.overlap(around.distances(at)[0])
                shapes = overlap.any(1)
                may = np.multiply(overlap, overlap, out=overlap).sum(0) >= 1
                if may.any():
                    bones = np.flatnonzero(near)[shapes]
                    yield _Tile(pixels[may], bones, body.subset(bones), body.subset(near))


def _start(tile: _Tile, points: Floats) -> NDArray[np.intp]:
    """Put the `points` (3, size * size) of the tile's pixels before the skin, and return the pixels."""
    entry = tile.body.entry(*points[:2, tile.pixels])
    points[2, tile.pixels] = np.where(np.isfinite(entry), entry, tile.body.span()[1])
    return tile.pixels


def _march(
    body: Body,
    points: Floats,
    hit: NDArray[np.bool_],
    pixels: NDArray[np.intp],
    tolerance: np.floating[Any],
    *,
    steps: int,
) -> NDArray[np.intp]:
    """Advance the rays of `pixels` by at most `steps` steps, and return those still under way.

    `points` (3, size * size) and `hit` (size * size,), both of the whole picture, are updated.

    Newton's method on the root of the sum of squared overlaps, which is 1 on the skin and grows about linearly towards
    it. A step is held back where the ray only grazes the skin, and goes hardly farther than the nearest bone is away.
    """
    lowest = body.span()[0]
    at = points[:, pixels]
    for _ in range(steps):
        if not len(pixels):
            break
        distance, foot = body.distances(at)
        overlap = body.overlap(distance)
        growth = body.outward(at, foot, body.pull(distance, foot, overlap), 2)
        fastest = (overlap / body.reach[:, None]).sum(0)
        root = np.sqrt(np.multiply(overlap, overlap, out=overlap).sum(0))
        rest = (1 - root) * root
        step = rest / np.maximum(np.maximum(growth, _GRAZE * fastest), np.float32(1e-9))
        np.minimum(step, np.maximum(distance.min(0), 0) + np.float32(0.005), out=step)
        distance -= (FILL * body.reach)[:, None]
        np.maximum(step, distance.min(0), out=step, where=root < 1)
        at[2] -= step
        points[2, pixels] = at[2]
        arrived = (root > 0.3) & (np.abs(rest) < tolerance * fastest)
        hit[pixels[arrived]] = True
        on = ~arrived & (at[2] > lowest)
        pixels, at = pixels[on], at[:, on]
    return pixels


def _look(tile: _Tile, rays: _Rays, pixels: NDArray[np.intp]) -> Hits:
    """What is to be seen at `pixels` (n,) of the tile, whose rays have arrived at the skin."""
    body = tile.body
    points = rays.points[:, pixels]
    distance, foot = body.distances(points)
    overlap = body.overlap(distance)
    pull = body.pull(distance, foot, overlap)
    outward = np.stack([body.outward(points, foot, pull, i) for i in range(3)])
    outward /= np.sqrt((outward**2).sum(0)) + np.float32(1e-9)
    around, _ = tile.near.distances(points + np.float32(_CREASE) * outward)
    to_model = rays.axes.T.astype(np.float32)
    normals = (to_model @ outward) * np.array([[1], [1], [1 / body.width]], np.float32)
    bone = distance.argmin(0)
    present, first = np.unique(body.part, return_index=True)
    membership = np.zeros((_PARTS, len(pixels)), np.float32)
    membership[present] = np.add.reduceat(overlap * overlap, first, axis=0)
    return Hits(
        pixels=pixels,
        points=to_model @ points,
        depth=(points[2] - rays.level[pixels]) / rays.speed,
        normals=normals / (np.sqrt((normals**2).sum(0)) + np.float32(1e-9)),
        openness=np.clip(around.min(0) / np.float32(_CREASE), 0, 1),
        part=membership.argmax(0),
        bone=tile.bones[bone],
        membership=membership / membership.sum(0),
    )
