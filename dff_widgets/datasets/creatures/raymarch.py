"""Rays that find the skin of a body, and what they find there.

The camera is far away, so all rays are parallel. Sphere tracing: the distance to the skin is how far a ray may safely
go. A body lives in its round model space, in which z is divided by its width; what is called a depth, a normal or a
picture is in body space, where the animal has its true breadth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sdf import JOIN, Body, Floats

_PARTS = 4  # rows of a membership
_BLOCK = 4  # side of a block of pixels whose rays first travel as one
_OCCLUSION = ((0.05, 0.5), (0.12, 0.5))  # distances at which a crease is felt, and their weights


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

    def coarse(self, block: int) -> Camera:
        """The same view in blocks of `block` x `block` pixels; the last row and column may reach over the edge."""
        size = -(-self.size // block)
        more = (size * block * self.pixel - self.extent) / 2
        return Camera(self.axes, (self.centre[0] + more, self.centre[1] - more), self.extent + 2 * more, size)

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
        part: (n,) part index.
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
class _Tile:
    """A square of the picture, and the part of the body that can show in it or shade it.

    Attributes:
        pixels: (n,) flat indices into the picture.
        bones: (m,) indices of the bones kept; `body`: made of them alone.
    """

    pixels: NDArray[np.intp]
    bones: NDArray[np.intp]
    body: Body


def cast(body: Body, camera: Camera, side: int = 96) -> Hits:
    """March one ray per pixel and look at the skin where it arrives.

    Blocks of pixels first travel together as far as all of them may. Then tiles of `side` pixels are marched one by
    one, each with only the bones that matter there. The few rays that graze the skin and need many more steps are
    finished together, which costs less than finishing them tile by tile.
    """
    low, high = body.bounds(camera.axes)
    near, far = float(high[2]) + body.reach, float(low[2]) - body.reach
    blocks = camera.coarse(_BLOCK)
    start = np.full(blocks.size**2, near, np.float32)
    occupied = np.zeros(blocks.size**2, bool)
    everywhere = np.arange(blocks.size**2)
    undecided = _march(body, blocks, everywhere, far, start, occupied, steps=20, clearance=blocks.pixel * 0.5**0.5)
    occupied[undecided] = True
    depth, occupied = _enlarge(start, blocks.size, camera.size), _enlarge(occupied, blocks.size, camera.size)

    hit = np.zeros(camera.size**2, bool)
    tiles = list(_tiles(body, camera, side, occupied))
    grazing = [_march(tile.body, camera, tile.pixels, far, depth, hit, steps=10) for tile in tiles]
    if grazing:
        slowest = _march(body, camera, np.concatenate(grazing), far, depth, hit, steps=40)
        hit[slowest] = True  # so slow only because they are so close
    found = [_look(tile, camera, tile.pixels[hit[tile.pixels]], depth) for tile in tiles]
    if not found:
        raise ValueError("the camera looks past the body")
    return Hits(*(np.concatenate([getattr(h, field.name) for h in found], axis=-1) for field in fields(Hits)))


def _march(
    body: Body,
    camera: Camera,
    pixels: NDArray[np.intp],
    far: float,
    depth: Floats,
    hit: NDArray[np.bool_],
    *,
    steps: int,
    clearance: float = 0.0,
) -> NDArray[np.intp]:
    """Advance the rays of `pixels` by at most `steps` steps, and return those still under way.

    `depth` and `hit`, both of the whole picture, are updated. A ray has hit within 0.2 pixels of the skin, plus
    `clearance`.
    """
    to_model = np.array([[1], [1], [1 / body.width]], np.float32)
    origins = camera.points(pixels, np.zeros(len(pixels), np.float32)) * to_model
    towards = camera.axes[2][:, None] * to_model
    for _ in range(steps):
        if not len(pixels):
            break
        at = depth[pixels]
        # A model distance shrinks at most by the width on its way to body space, which keeps every step safe.
        step = body.distance(origins + towards * at) * np.float32(body.width) - np.float32(clearance)
        touched = step < 0.2 * camera.pixel
        hit[pixels[touched]] = True
        at -= np.maximum(step, 0)
        depth[pixels] = at
        on = ~touched & (at > far)
        pixels, origins = pixels[on], origins[:, on]
    return pixels


def _enlarge(blocks: NDArray[Any], count: int, size: int) -> NDArray[Any]:
    """Values (size * size,) per pixel from those (count * count,) per block."""
    grid = blocks.reshape(count, count).repeat(_BLOCK, 0).repeat(_BLOCK, 1)
    return grid[:size, :size].ravel()


def _look(tile: _Tile, camera: Camera, pixels: NDArray[np.intp], depth: Floats) -> Hits:
    """What is to be seen at `pixels` of the tile, whose rays have arrived at the skin."""
    at = depth[pixels]
    points = camera.points(pixels, at) * np.array([[1], [1], [1 / tile.body.width]], np.float32)
    bones = tile.body.bone_distances(points)
    present, parts = tile.body.join_bones(bones)
    normals = _normals(tile.body, points, camera.pixel)
    membership = np.zeros((_PARTS, len(pixels)), np.float32)
    membership[present] = np.maximum(1 - (parts - parts.min(0)) / np.float32(JOIN), 0)
    return Hits(
        pixels=pixels,
        points=points,
        depth=at,
        normals=normals,
        openness=_openness(tile.body, points, normals),
        part=present[parts.argmin(0)],
        bone=tile.bones[bones.argmin(0)],
        membership=membership / membership.sum(0),
    )


def _tiles(body: Body, camera: Camera, side: int, occupied: NDArray[np.bool_]) -> Iterator[_Tile]:
    """The tiles that hold `occupied` pixels (size * size,)."""
    start, axis = body.view(camera.axes)
    radius = body.r0 + np.maximum(body.taper, 0) + body.reach + max(reach for reach, _ in _OCCLUSION)
    length2 = (axis[:, :2] ** 2).sum(1) + 1e-9
    everything = np.arange(camera.size**2).reshape(camera.size, camera.size)
    for top in range(0, camera.size, side):
        for left in range(0, camera.size, side):
            pixels = everything[top : top + side, left : left + side].ravel()
            pixels = pixels[occupied[pixels]]
            if len(pixels):
                corners = np.stack(camera.coordinates(pixels))
                low, high = corners.min(1), corners.max(1)
                along = np.clip((((low + high) / 2 - start[:, :2]) * axis[:, :2]).sum(1) / length2, 0, 1)
                gap = np.hypot(*(start[:, :2] + along[:, None] * axis[:, :2] - (low + high) / 2).T)
                keep = gap < radius + np.hypot(*(high - low)) / 2
                yield _Tile(pixels, np.flatnonzero(keep), body.subset(keep))


def _normals(body: Body, points: Floats, pixel: float) -> Floats:
    """Gradient of the distance by four samples at the corners of a tetrahedron."""
    step = np.float32(max(0.5 * pixel, 2e-3))
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    gradient = sum(c[:, None] * body.distance(points + step * c[:, None]) for c in corners)
    gradient = np.asarray(gradient) / np.array([1, 1, body.width], np.float32)[:, None]
    return np.asarray(gradient / (np.sqrt((gradient**2).sum(0)) + np.float32(1e-9)), np.float32)


def _openness(body: Body, points: Floats, normals: Floats) -> Floats:
    """Ambient occlusion from how quickly the distance grows along the normal."""
    shut = np.zeros(points.shape[1], np.float32)
    for reach, weight in _OCCLUSION:
        outward = points + np.float32(reach) * normals
        shut += np.float32(weight) * np.clip(1 - body.distance(outward) / np.float32(reach), 0, 1)
    return np.asarray(1 - shut, np.float32)
