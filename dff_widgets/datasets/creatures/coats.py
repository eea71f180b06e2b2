"""What an animal wears, and how light falls on it."""

from __future__ import annotations

import numpy as np

from .animals import Animal
from .raymarch import Camera, Hits
from .scenery import Scene, mix, ramp
from .sdf import Floats, Vector

_GRID = 16  # side of the random grids that solid noise repeats, a power of two


def noise(rng: np.random.Generator, points: Floats, frequency: float) -> Floats:
    """Solid noise (n,) in 0..1 at `points` (3, n), with about `frequency` bumps per unit of length.

    Trilinear interpolation in a grid of random numbers, several times as fast as `scipy.ndimage.map_coordinates`.
    """
    values = rng.random((_GRID, _GRID, _GRID), np.float32).ravel()
    scaled = points * np.float32(frequency)
    below = np.floor(scaled)
    x, y, z = scaled - below
    cell = below.astype(np.intp)
    # Per axis, what the cell and the next one, around the edge of the grid, add to an index into the values.
    planes, rows, columns = (
        [((cell[axis] + step) & (_GRID - 1)) * _GRID ** (2 - axis) for step in (0, 1)] for axis in range(3)
    )
    lines = []
    for plane in planes:
        for row in rows:
            start = plane + row
            first, last = (values.take(start + column) for column in columns)
            last -= first
            last *= z
            last += first
            lines.append(last)
    faces = [first + y * (last - first) for first, last in (lines[:2], lines[2:])]
    return np.asarray(faces[0] + x * (faces[1] - faces[0]))


def speckle(rng: np.random.Generator, points: Floats, frequency: float) -> Floats:
    """Distance (n,) from `points` (3, n), times `frequency`, to the nearest of scattered seeds, one a unit cube.

    Exact up to 0.65: seeds in the cubes beyond the far sides of a point's own cube are not looked at.
    """
    scaled = points * np.float32(frequency)
    cell = np.floor(scaled).astype(np.intp)
    inside = scaled - cell
    seeds = 0.15 + 0.7 * rng.random((3, _GRID, _GRID, _GRID), np.float32)
    nearest = np.full(points.shape[1], np.inf, np.float32)
    side = np.where(inside < 0.5, -1, 1)
    for step in np.ndindex(2, 2, 2):
        shift = np.array(step)[:, None] * side
        i, j, k = (cell + shift) & (_GRID - 1)
        nearest = np.minimum(nearest, ((shift.astype(np.float32) + seeds[:, i, j, k] - inside) ** 2).sum(0))
    return np.asarray(np.sqrt(nearest))


def bands(x: Floats) -> Floats:
    """A triangle wave between 0 and 1 with period 1."""
    return np.asarray(np.abs(2 * (x - np.floor(x)) - 1))


def second_colour(rng: np.random.Generator, animal: Animal, hits: Hits, low: Floats, rough: Floats) -> Floats:
    """How much of the animal's second colour its pattern shows, (n,) in 0..1.

    Args:
        rng: source of the scattered spots.
        animal: whose pattern.
        hits: points of the skin.
        low: coarse solid noise (n,) in 0..1 that makes the pattern irregular.
        rough: the same, finer.
    """
    x, y, _ = hits.points
    head, torso, legs, _ = hits.membership
    if animal.coat == "patches":
        return ramp(low + 0.12 * (rough - 0.5), 0.55, 0.60)
    if animal.coat == "spots":  # rosettes: rings with a paler middle
        from_seed = speckle(rng, hits.points, 8.5)
        return (1 - ramp(from_seed, 0.26, 0.36)) * (1 - 0.55 * (1 - ramp(from_seed, 0.08, 0.19)))
    if animal.coat == "stripes":
        warp = 0.08 * (low - 0.5) + 0.04 * (rough - 0.5)
        trunk = bands(7.5 * (x - 0.35 * np.abs(y - animal.belly) * np.sign(x) + warp))
        limb, face = bands(9.5 * (y + warp)), bands(10 * (x + 0.4 * y + warp))
        return ramp(np.where(legs > 0.5, limb, np.where(head > 0.5, face, trunk)), 0.46, 0.60)
    if animal.coat == "socks":
        return 1 - ramp(y + 0.05 * (rough - 0.5), animal.knee, animal.knee + 0.05)
    if animal.coat == "plain":
        return np.zeros_like(x)
    pale_belly = (1 - ramp(y + 0.06 * (rough - 0.5), animal.belly, animal.belly + 0.14)) * torso
    from_nose = np.sqrt(((hits.points - np.array(animal.nose, np.float32)[:, None]) ** 2).sum(0))
    pale = np.maximum(pale_belly, 0.85 * (1 - ramp(from_nose, 0.08, 0.24)) * head)
    if animal.coat == "countershade":
        return np.asarray(pale)
    if animal.coat == "fawn spots":
        spot = (1 - ramp(speckle(rng, hits.points, 8.0), 0.15, 0.25)) * torso
        return np.asarray(np.maximum(pale, spot * ramp(y, animal.belly + 0.15, animal.belly + 0.25)))
    raise ValueError(f"no coat named {animal.coat!r}")


def albedo(rng: np.random.Generator, animal: Animal, hits: Hits) -> Floats:
    """Share of red, green and blue light that the skin sends back, (n, 3)."""
    along_hair = hits.points * np.array([[0.6], [1], [1]], np.float32)
    low, rough = noise(rng, hits.points, 3.2), noise(rng, hits.points, 9)
    fur, hair = noise(rng, along_hair, 42), noise(rng, along_hair, 95)
    first, second = (np.array(colour, np.float32) for colour in animal.colours)
    colour = mix(first, second, second_colour(rng, animal, hits, low, rough))
    colour *= (0.58 + 0.24 * rough + 0.30 * fur + 0.30 * hair)[:, None]
    fixed: dict[str, Vector | Floats] = {
        "nose": (0.035, 0.028, 0.028),
        "eye": (0.012, 0.010, 0.010),
        "hoof": (0.060, 0.050, 0.042),
        "horn": (0.42, 0.36, 0.27),
        "hair": 0.5 * np.minimum(first, second),
        "ear": 0.75 * first,
    }
    materials = np.array(animal.materials)
    for material, value in fixed.items():
        at = (materials == material)[hits.bone]
        colour[at] = np.asarray(value, np.float32) * (0.8 + 0.4 * hair[at, None])
    return colour


def shade(albedo: Floats, animal: Animal, hits: Hits, scene: Scene, light: Floats, camera: Camera) -> Floats:
    """Colour (n, 3) of the skin, linear RGB.

    Args:
        albedo: (n, 3) from `albedo`.
        animal: for its materials.
        hits: points of the skin.
        scene: the sunlight, the light of the sky, and the ground that reflects both.
        light: (3,) unit vector towards the sun, in body space.
        camera: who looks.
    """
    sun, sky, haze = (np.array(c, np.float32) for c in (scene.sun, scene.shade, scene.haze))
    ground = np.array(scene.ground, np.float32) + np.float32(0.1)
    facing, up, toward = (d @ hits.normals for d in (light, np.array([0, 1, 0], np.float32), camera.axes[2]))
    # Fur scatters light around the edge of the shadow, so the sunlight wraps a little beyond it.
    direct = np.clip(0.82 * facing + 0.18, 0, 1) * (0.35 + 0.65 * hits.openness)
    above = (0.5 + 0.5 * up) * hits.openness
    below = (0.5 - 0.5 * up) * hits.openness * 0.3
    colour = albedo * (direct[:, None] * sun + above[:, None] * sky + below[:, None] * ground)
    halfway = light + camera.axes[2]
    glint = np.clip(halfway @ hits.normals / np.sqrt((halfway**2).sum()), 0, 1)
    wet = np.isin(animal.materials, ("eye", "nose"))[hits.bone]
    colour += (np.where(wet, 0.6 * glint**60, 0.02 * glint**8) * hits.openness)[:, None] * sun
    rim = (1 - np.clip(toward, 0, 1)) ** 3
    colour += (0.06 * rim * above)[:, None] * haze
    return np.asarray(colour, np.float32)
