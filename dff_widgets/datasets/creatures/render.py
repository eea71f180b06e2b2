"""One picture of a creature: an animal, a place, a camera and a sun, all drawn from a seed."""

from __future__ import annotations

from functools import lru_cache
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from .animals import TAIL, Animal, draw_animal
from .coats import albedo, shade
from .raymarch import Camera, cast, ray_axes
from .scenery import SCENES, paint
from .sdf import Floats
from .species import SPECIES

_FILM = 1 << 16  # steps of light that the development tells apart
BACKGROUND = 255  # label of the pixels that show no animal

Picture = NDArray[np.uint8]
Labels = NDArray[np.uint8]


def render(seed: int, index: int, size: int) -> tuple[Picture, Labels]:
    """Image `index` of a seed, (size, size, 3), and its labels (size, size): indices into PARTS, or BACKGROUND.

    Both arrays are read-only, because all who ask for them share them.
    """
    rng = np.random.default_rng([seed, index])
    animal = draw_animal(rng, _deal(seed, index, list(SPECIES), 0))
    scene = SCENES[_deal(seed, index, list(SCENES), 1)]
    camera = _frame(rng, animal, size)
    horizon = rng.uniform(0.28, 0.50)
    sun = np.array([rng.uniform(-0.7, 0.7), 0.75, 0.55], np.float32) @ camera.axes
    sun /= np.sqrt((sun**2).sum())

    picture = paint(rng, scene, horizon, size)
    on_ground = np.arange(size)[:, None] > (horizon + 0.02) * size
    picture *= (1 - 0.6 * _shadow(animal, camera, sun) * on_ground)[..., None]
    hits = cast(animal.body, camera)
    picture.reshape(-1, 3)[hits.pixels] = shade(albedo(rng, animal, hits), animal, hits, scene, sun, camera)

    labels = np.full(size * size, BACKGROUND, np.uint8)
    labels[hits.pixels] = hits.part
    depth = np.full(size * size, -10, np.float32)
    depth[hits.pixels] = hits.depth
    developed = _develop(_soften_edges(picture, depth.reshape(size, size)))
    developed.flags.writeable = labels.flags.writeable = False
    return developed, labels.reshape(size, size)


def _deal(seed: int, index: int, names: list[str], what: int) -> str:
    """A name for image `index`: every run of len(names) images gets each of them once, in an order of its own."""
    round_, place = divmod(index, len(names))
    order = np.random.default_rng([seed, round_, what, 1]).permutation(len(names))
    return names[int(order[place])]


def _frame(rng: np.random.Generator, animal: Animal, size: int) -> Camera:
    """A camera from the side to the front of the animal, which fills the picture; its tail may reach out of it."""
    turn, lift = radians(rng.uniform(12, 58)), radians(rng.uniform(5, 16))
    if rng.random() < 0.12:  # a little from behind
        turn *= -0.4
    side = rng.choice([-1, 1])
    towards = np.array([sin(turn) * cos(lift), sin(lift), side * cos(turn) * cos(lift)])
    right = np.array([towards[2], 0, -towards[0]]) / cos(lift)
    axes = np.stack([right, np.cross(towards, right), towards]).astype(np.float32)
    in_frame = animal.body.part != TAIL
    in_frame[np.argmin(in_frame)] = True  # the root of the tail
    low, high = animal.body.subset(in_frame).bounds(axes)
    extent = float((high - low)[:2].max()) * rng.uniform(0.96, 1.02)
    slack = np.maximum(extent - (high - low)[:2], 0)
    centre = (high + low)[:2] / 2 + slack * rng.uniform(-0.3, 0.3, 2)
    return Camera(axes, (float(centre[0]), float(centre[1])), extent, size)


def _shadow(animal: Animal, camera: Camera, sun: Floats) -> Floats:
    """How much sunlight the animal keeps from the ground y = 0, (size, size), 1 in the deepest shadow."""
    small = Camera(camera.axes, camera.centre, camera.extent, 64)  # a soft shadow needs no more pixels
    pixels = np.arange(small.size**2)
    right, up = small.coordinates(pixels)
    across, above, towards = camera.axes
    ground = small.points(pixels, -(across[1] * right + above[1] * up) / towards[1])
    low, high = animal.body.bounds(np.eye(3, dtype=np.float32))
    near = (ground[0] > low[0] - 1) & (ground[0] < high[0] + 1) & (np.abs(ground[2]) < 1.5)
    # Seen from the sun, a bone is in front of the ground that it shades.
    axes = ray_axes(sun, animal.body.width)
    seen = axes @ (ground[:, near] / np.array([[1], [1], [animal.body.width]]))
    seen[2] = 0
    distance, _ = animal.body.turned(axes).flat().distances(seen.astype(np.float32))
    height = animal.body.start[:, 1] + animal.body.axis[:, 1] * animal.body.length / 2
    blur = 0.06 + 0.2 * height  # the sun is a disc: what is higher casts a softer shadow
    dark = np.zeros(len(pixels), np.float32)
    dark[near] = 1 - np.clip(0.5 + (distance / blur[:, None]).min(0), 0, 1)
    image = Image.fromarray(dark.reshape(small.size, small.size))
    return np.asarray(image.resize((camera.size, camera.size), Image.Resampling.BILINEAR))


def _soften_edges(picture: Floats, depth: Floats) -> Floats:
    """The picture (h, w, 3) with a small blur where `depth` (h, w) jumps: cheap anti-aliasing of the outlines."""
    rows, columns = np.nonzero(ndimage.maximum_filter(depth, 3) - ndimage.minimum_filter(depth, 3) > 0.12)
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    weights = (0.25, 0.5, 0.25)
    softened = picture.copy()
    softened[rows, columns] = sum(
        np.float32(weights[i] * weights[j]) * padded[rows + i, columns + j] for i, j in np.ndindex(3, 3)
    )
    return softened


def _develop(picture: Floats) -> Picture:
    """Linear light (h, w, 3) as 8-bit sRGB-like values; highlights roll off instead of clipping."""
    return np.asarray(_film()[np.clip(picture * np.float32(_FILM / 4), 0, _FILM - 1).astype(np.intp)])


@lru_cache(maxsize=1)
def _film() -> Picture:
    """What `_develop` makes of light from 0 to 4, (_FILM,)."""
    light = np.arange(_FILM) * (4 / _FILM)
    rolled = light * (1 + light / 4) / (1 + 0.55 * light)
    return np.asarray(np.clip(rolled, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)
