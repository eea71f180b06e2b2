"""Landscapes to stand in: sky, hills, trees and ground, with haze in the distance, all from seeded noise.

Colours are linear RGB, about 0 to 1. Noise is drawn on grids whose size does not depend on the picture's, so a scene
is the same at every resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from .sdf import Floats, Vector

_BLUR = 0.026  # standard deviation, as a fraction of the picture
_LAND = 64  # pixels, before it is enlarged


@dataclass(frozen=True)
class Scene:
    """A kind of landscape and its light.

    Attributes:
        zenith, haze: sky overhead, and at the horizon; distance fades towards `haze`.
        clouds: how much of the sky they cover, 0 to 1.
        hills: colour of the hills.
        trees: colour of the tree line, or None for open country.
        ground, tuft: the ground's two colours.
        grain: contrast of the ground's texture.
        sun, shade: colour and strength of the sunlight, and of the light from the sky.
    """

    zenith: Vector
    haze: Vector
    clouds: float
    hills: Vector
    trees: Vector | None
    ground: Vector
    tuft: Vector
    grain: float
    sun: Vector
    shade: Vector


SCENES: dict[str, Scene] = {
    "meadow": Scene((0.16, 0.36, 0.78), (0.62, 0.76, 0.90), 0.55, (0.12, 0.23, 0.12), (0.045, 0.10, 0.03),
                    (0.10, 0.20, 0.035), (0.24, 0.36, 0.07), 0.60, (1.25, 1.17, 1.02), (0.42, 0.48, 0.56)),
    "savanna": Scene((0.30, 0.48, 0.74), (0.80, 0.74, 0.60), 0.25, (0.30, 0.26, 0.20), None,
                     (0.38, 0.27, 0.10), (0.62, 0.48, 0.22), 0.60, (1.35, 1.18, 0.92), (0.46, 0.46, 0.48)),
    "snow": Scene((0.42, 0.56, 0.76), (0.80, 0.85, 0.90), 0.75, (0.50, 0.58, 0.68), (0.05, 0.085, 0.075),
                  (0.78, 0.83, 0.90), (0.92, 0.94, 0.97), 0.25, (1.10, 1.06, 1.00), (0.58, 0.64, 0.74)),
    "desert": Scene((0.22, 0.44, 0.80), (0.84, 0.80, 0.70), 0.12, (0.60, 0.40, 0.22), None,
                    (0.62, 0.44, 0.24), (0.74, 0.56, 0.34), 0.25, (1.40, 1.24, 1.00), (0.48, 0.48, 0.50)),
    "forest": Scene((0.40, 0.52, 0.44), (0.42, 0.52, 0.36), 0.30, (0.10, 0.17, 0.07), (0.035, 0.07, 0.022),
                    (0.085, 0.13, 0.03), (0.19, 0.24, 0.07), 0.55, (1.10, 1.08, 0.88), (0.42, 0.50, 0.42)),
    "dusk": Scene((0.16, 0.20, 0.44), (0.95, 0.50, 0.26), 0.60, (0.13, 0.11, 0.17), (0.035, 0.03, 0.04),
                  (0.12, 0.115, 0.05), (0.25, 0.20, 0.09), 0.55, (1.35, 0.92, 0.60), (0.38, 0.38, 0.50)),
}  # fmt: skip


def fractal(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int], octaves: int) -> Floats:
    """Smooth noise in 0..1 of `shape` (h, w): sums of ever finer random grids, the first of `cells` (down, across)."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        grid = rng.random((cells[0] << octave, cells[1] << octave), np.float32)
        layer = Image.fromarray(grid).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
        total += np.asarray(layer) * np.float32(0.5**octave)
    low, high = total.min(), total.max()
    return np.asarray((total - low) / (high - low))


def mix(a: Floats | Vector, b: Floats | Vector, amount: Floats | float) -> Floats:
    """`a` where `amount` is 0, `b` where it is 1; an amount of shape (...) mixes colours of shape (..., 3)."""
    share = np.asarray(amount, np.float32)[..., None]
    return np.asarray(np.asarray(a, np.float32) * (1 - share) + np.asarray(b, np.float32) * share)


def ramp(x: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between (the smoothstep)."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def paint(rng: np.random.Generator, scene: Scene, horizon: float, size: int) -> Floats:
    """The landscape (size, size, 3) without the animal.

    As in a portrait, the animal is in focus and the land is not. Sharp grass would be a concept of its own to a
    network, and these pictures are to show the parts of animals. Nothing finer than `_LAND` pixels is left of it then.

    Args:
        rng: source of all randomness.
        scene: what to paint.
        horizon: height of the horizon as a fraction of the picture from its top.
        size: height and width in pixels.
    """
    v = ((np.arange(_LAND, dtype=np.float32) + 0.5) / _LAND)[:, None]
    far = _sky(rng, scene, v / horizon)
    for layer in range(2):
        level = horizon - 0.05 - 0.09 * (1 - layer) * rng.uniform(0.5, 1.3)
        ridge = level - 0.10 * (fractal(rng, (1, _LAND), (1, 3 + 3 * layer), 4) - 0.5)
        far = mix(far, mix(scene.hills, scene.haze, 0.72 - 0.32 * layer), ramp(v - ridge, -0.01, 0.01))
    if scene.trees is not None:
        far = _trees(rng, scene, scene.trees, far, v, horizon)
    land = mix(far, _ground(rng, scene, v, horizon), _wide(ramp(v, horizon - 0.012, horizon + 0.012)))
    land = ndimage.gaussian_filter(land, (_BLUR * _LAND, _BLUR * _LAND, 0))
    channels = [Image.fromarray(c).resize((size, size), Image.Resampling.BICUBIC) for c in np.moveaxis(land, 2, 0)]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def _wide(column: Floats) -> Floats:
    """A column (h, 1) repeated to a square."""
    return np.broadcast_to(column, (len(column), len(column)))


def _sky(rng: np.random.Generator, scene: Scene, height: Floats) -> Floats:
    sky = mix(scene.zenith, scene.haze, _wide(np.clip(height, 0, 1) ** np.float32(1.5)))
    puffs = fractal(rng, (_LAND, _LAND), (5, 3), 4)
    cloud = mix(scene.haze, (0.95, 0.95, 0.96), 0.7)
    return mix(sky, cloud, 0.85 * ramp(puffs, 0.78 - 0.45 * scene.clouds, 1.05 - 0.35 * scene.clouds))


def _trees(rng: np.random.Generator, scene: Scene, colour: Vector, far: Floats, v: Floats, horizon: float) -> Floats:
    for layer in range(3):
        crowns = fractal(rng, (1, _LAND), (1, 9), 3)
        leaves = fractal(rng, (_LAND, _LAND), (14, 14), 3)
        top = horizon * (0.45 + 0.25 * layer) - 0.16 * crowns
        shaded = mix(colour, scene.haze, 0.34 - 0.14 * layer)
        lit = mix(shaded, (0.30, 0.36, 0.16), 0.5 * ramp(leaves, 0.4, 0.9))
        far = mix(far, lit, ramp(v - top + 0.16 * (leaves - 0.5), -0.01, 0.01))
    return far


def _ground(rng: np.random.Generator, scene: Scene, v: Floats, horizon: float) -> Floats:
    # A plane seen from low above: a row's distance grows as 1 / (rows below the horizon).
    distance = 0.25 / np.maximum(v - horizon, 0.02)
    across = v.T - 0.5
    total = 0.8 * (fractal(rng, (_LAND, _LAND), (32, 48), 2) - 0.5)
    for octave, cells in enumerate((8, 20)):
        grid = rng.random((64, 64), np.float32)
        at = np.stack(np.broadcast_arrays(cells * distance * 0.9, cells * (across * distance + 0.5)))
        fade = np.clip(10 / (cells * distance * distance), 0, 1)  # what is finer than a pixel averages out
        total += (ndimage.map_coordinates(grid, at, order=1, mode="grid-wrap") - 0.5) * fade * np.float32(0.7**octave)
    colour = mix(scene.ground, scene.tuft, np.clip(0.5 + scene.grain * total, 0, 1))
    return mix(colour, scene.haze, 0.45 * _wide(np.exp(-16 * (v - horizon))))
