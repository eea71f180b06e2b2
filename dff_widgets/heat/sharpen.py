"""Sharp maps: the factors of a deep layer, carried to a finer layer of the same network.

The deep layer says *what*, the finer one *where*. So the coarse map of a factor only teaches: positions of the finer
layer where it is strong are examples of the factor, those where it is weak examples of the rest, and the axis that
tells the two apart scores every position. The CRF makes beliefs of the scores, which teach again, better than the
coarse map did. No label, no training; see "Sharp maps" in docs/mathematics.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .discriminant import Axes, Sums
from .maps import cell_means, upsample
from .thresholds import otsu, otsu_each

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Passes = Callable[[], Iterable[Sequence[tuple[int, Floats]]]]  # each call: batches of (image, features (h, w, c))
Photo = Callable[[int, tuple[int, int]], "Array | None"]  # image, (H, W) -> (H, W, 3) uint8; None: cannot be read
Tick = Callable[[int], None]  # that many images more were gone through; may raise to cancel

PASSES = 4  # over the finer layer while learning: three rounds of teaching, and the last scores
_COARSE = 1 / 3  # share of the coarse map in the geometric mean with the score
_CELL = 4  # pixels of the photo for each position while beliefs teach: they are needed there alone
_RADIUS = 1 / 6  # of the CRF's windows for a coarse map; a finer one is unsure of less
_PLAIN = 2.55  # grey levels, the CRF's least edge (0.01 of the range): a photo of a single colour shows nothing
_TOGETHER = 8  # images that share a run of the CRF
_LOOKED_AT = 64  # pixels along a side
_HALF = 0.5  # a score nearer to the factor's mean than to the rest's


@dataclass(frozen=True, eq=False)
class Sharpening:
    """What is known of the factors at a finer layer.

    Attributes:
        layer: its name.
        maps: per image (k, h, w) float16, at least 0: how strongly each factor is at each position of that layer.
        levels: (n, k) where each map ends; infinite where a factor is absent from an image.
        axes: of the finer layer, for other images.
        peaks: (k,) the largest entry of each factor's coarse map.
        norms: (k,) of the rows of W, which tell whether factors are still those that this is of.
        weakest: (k,) the least maximum that a map has in an image where its factor is present.
        template: None, or (c,) the coarse layer's axis whose projection is the coarse map, in place of H.
        ratio: positions of the coarse grid to one of the finer one, along a side: 1/2 for half the stride.
    """

    layer: str
    maps: tuple[Array, ...] = field(repr=False)
    levels: Array = field(repr=False)
    axes: Axes = field(repr=False)
    peaks: Array = field(repr=False)
    norms: Array = field(repr=False)
    weakest: Array = field(repr=False)
    template: Array | None = field(repr=False)
    ratio: float

    @property
    def k(self) -> int:
        """The number of factors."""
        return len(self.peaks)

    def reorder(self, order: Sequence[int]) -> Sharpening:
        """The same with its factors in another order: `order` gives the old index of each new one."""
        o = list(order)
        return replace(
            self,
            maps=tuple(m[o] for m in self.maps),
            levels=self.levels[:, o],
            axes=Axes(self.axes.directions[o], self.axes.origins[o]),
            peaks=self.peaks[o],
            norms=self.norms[o],
            weakest=self.weakest[o],
        )

    def subset(self, images: Sequence[int]) -> Sharpening:
        """The same of some of the images, in this order."""
        i = list(images)
        return replace(self, maps=tuple(self.maps[j] for j in i), levels=self.levels[i])

    def pack(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """JSON and tensors, for a file."""
        tensors = {f"sharp/{name}": getattr(self, name) for name in ("levels", "peaks", "norms", "weakest")}
        tensors |= {"sharp/directions": self.axes.directions, "sharp/origins": self.axes.origins}
        tensors |= {} if self.template is None else {"sharp/template": self.template}
        tensors |= {f"sharp/map/{i}": m for i, m in enumerate(self.maps)}
        return {"layer": self.layer, "ratio": self.ratio}, tensors

    @staticmethod
    def unpack(content: dict[str, Any], tensors: dict[str, Array], n: int, k: int) -> Sharpening:
        """The inverse of `pack`, for n images and k factors.

        Raises:
            KeyError, ValueError: content and tensors are not what `pack` made.
        """
        maps = tuple(tensors[f"sharp/map/{i}"] for i in range(n))
        levels, peaks, norms, weakest, directions, origins = (
            tensors[f"sharp/{name}"] for name in ("levels", "peaks", "norms", "weakest", "directions", "origins")
        )
        template = tensors.get("sharp/template")
        if any(m.ndim != 3 or len(m) != k or not m.size or not np.isfinite(m).all() or m.min() < 0 for m in maps):
            raise ValueError(f"the maps of the finer layer are not of {k} factors")
        if levels.shape != (n, k) or not (levels > 0).all():
            raise ValueError(f"the levels of the finer layer are {levels.shape}, not ({n}, {k}) and above 0")
        if {peaks.shape, norms.shape, weakest.shape, origins.shape, directions.shape[:1]} != {
            (k,)
        } or directions.ndim != 2:
            raise ValueError(f"the axes of the finer layer are not of {k} factors")
        if any(a.dtype.kind != "f" for a in (*maps, levels, peaks, norms, weakest, directions, origins)):
            raise ValueError("what is known of the finer layer is no floats")
        ratio = float(content["ratio"])
        if not 0 < ratio <= 1:
            raise ValueError(f"the ratio of the two grids is {ratio}, not in 0..1")
        return Sharpening(
            str(content["layer"]), maps, levels, Axes(directions, origins), peaks, norms, weakest, template, ratio
        )

    def belief(self, i: int, photo: Array | None, shape: tuple[int, int], *, joint: bool = False) -> Array:
        """The belief of each pixel of an image to be inside each factor.

        Args:
            i: the image.
            photo: (H, W, 3) uint8 at working size; None for one that cannot be read, whose map then knows no edges.
            shape: (H, W) of the working size.
            joint: let the factors and a background compete for each pixel; see `crf.mean_field`.

        Returns:
            (k, H, W) float16 in 0..1.
        """
        return _beliefs([self.maps[i]], self.levels[[i]], [photo], shape, _RADIUS * self.ratio, joint)[0]


def learn(
    layer: str,
    fine: Passes,
    coarse: Sequence[Floats],
    photo: Photo,
    *,
    norms: Array,
    template: Array | None = None,
    everywhere: bool = False,
    tick: Tick = lambda _images: None,
) -> Sharpening:
    """Let coarse maps teach a finer layer.

    Sums and maps are all that is held; the features pass by `PASSES` times.

    Args:
        layer: the name of the finer layer.
        fine: its features, as often as they are asked for.
        coarse: per image (k, h, w), at least 0, each factor on one scale over the set.
        photo: reads the images.
        norms: see `Sharpening`.
        template: see there.
        everywhere: whether every factor is in every image, as a single one is by definition; else one whose map stays
            among the clearly weaker ones is absent, as `thresholds.levels` has it. Either way it is absent where no
            position is nearer to the factor than to the rest.
        tick: called after each batch of each pass.

    Returns:
        Sharpening of these images.
    """
    k, n = len(coarse[0]), len(coarse)
    peaks = np.max([m.max(axis=(1, 2)) for m in coarse], axis=0)
    teacher = _Teacher([m / np.maximum(peaks, np.finfo(np.float32).tiny)[:, None, None] for m in coarse], photo)
    sums: Sums | None = None
    for batch in fine():
        sums = sums or Sums(k, batch[0][1].shape[-1])
        inside = np.concatenate([_flat(teacher.coarse(i, features.shape[:2])) for i, features in batch])
        sums.add(_rows(batch), inside, np.clip(1 - 2 * inside, 0, 1))
        tick(len(batch))
    assert sums is not None
    axes = sums.nearest_means()
    for _ in range(PASSES - 2):
        sums = sums.anew()
        for batch in fine():
            taught = zip(batch, teacher.beliefs(batch, axes), strict=True)
            inside = np.concatenate([_flat(cell_means(belief, features.shape[:2])) for (_, features), belief in taught])
            sums.add(_rows(batch), inside, 1 - inside)
            tick(len(batch))
        axes = sums.discriminants()
    maps, levels, tops = teacher.scored(fine, axes, n, tick)
    weakest = np.zeros(k)
    if not everywhere:
        weakest = np.array([min(otsu(column), column.max() / 2) for column in tops.T])
    positions = (sum(m.shape[1] * m.shape[2] for m in group) for group in (coarse, maps))
    ratio = min(1.0, float(next(positions) / next(positions)) ** 0.5)
    levels = np.where(tops < weakest, np.inf, levels)
    return Sharpening(layer, maps, levels, axes, peaks, norms, weakest, template, ratio)


def carry(known: Sharpening, fine: Passes, coarse: Sequence[Floats], photo: Photo) -> Sharpening:
    """What was learned on other images, applied to these; one pass.

    Args:
        known: from `learn`.
        fine: as in `learn`.
        coarse: as there, on the scale of the images that `known` is of.
        photo: as there.

    Returns:
        Sharpening of these images.
    """
    scale = np.maximum(known.peaks, np.finfo(np.float32).tiny)[:, None, None]
    teacher = _Teacher([(m / scale).astype(np.float32) for m in coarse], photo)
    maps, levels, tops = teacher.scored(fine, known.axes, len(coarse), lambda _images: None)
    return replace(known, maps=maps, levels=np.where(tops < known.weakest, np.inf, levels))


class _Teacher:
    """Coarse maps in 0..1 and photos: what makes maps and beliefs of scores."""

    def __init__(self, coarse: Sequence[Floats], photo: Photo) -> None:
        self._coarse, self._photo = coarse, photo
        self._photos: dict[int, Array | None] = {}  # small ones: a hundredth of the finer features

    def coarse(self, i: int, grid: tuple[int, int]) -> Floats:
        """(k, h, w) the coarse maps of an image on a grid."""
        return upsample(self._coarse[i], grid)

    def maps(self, i: int, features: Floats, axes: Axes) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """(k, h, w) the geometric mean of score and coarse map; and (k,) where nothing is nearer to the factor."""
        h, w = features.shape[:2]
        scores = axes.scores(features.reshape(h * w, -1)).T.reshape(-1, h, w)
        missing = scores.max(axis=(1, 2)) < _HALF
        found = scores ** (1 - _COARSE) * np.maximum(self.coarse(i, (h, w)), 0) ** _COARSE
        return np.asarray(found, dtype=np.float32), np.asarray(missing)

    def beliefs(self, batch: Sequence[tuple[int, Floats]], axes: Axes) -> list[Array]:
        """Per image of the batch (k, H, W) the beliefs on a small photo."""
        groups: dict[tuple[int, int], list[tuple[int, Floats]]] = {}
        for i, features in batch:
            groups.setdefault(features.shape[:2], []).append((i, features))
        parts = [some[at : at + _TOGETHER] for some in groups.values() for at in range(0, len(some), _TOGETHER)]
        found: dict[int, Array] = {}
        for part, beliefs in zip(parts, self._each(lambda part: self._beliefs(part, axes), parts), strict=True):
            found.update(zip([i for i, _ in part], beliefs, strict=True))
        return [found[i] for i, _ in batch]

    def _beliefs(self, part: Sequence[tuple[int, Floats]], axes: Axes) -> Sequence[Array]:
        """Those of images that share a grid."""
        h, w = part[0][1].shape[:2]
        shape = (_CELL * h, _CELL * w)  # not quite the photo's own: images that share a grid share a batch
        maps, levels = [], []
        for i, features in part:
            if i not in self._photos:
                self._photos[i] = self._photo(i, shape)
            found, missing = self.maps(i, features, axes)
            maps.append(found)
            levels.append(_levels(found, missing))
        return _beliefs(maps, np.stack(levels), [self._photos[i] for i, _ in part], shape, _RADIUS, False)

    def scored(self, fine: Passes, axes: Axes, n: int, tick: Tick) -> tuple[tuple[Array, ...], Array, Array]:
        """Per image its maps, (n, k) their levels, and (n, k) their maxima."""
        maps: list[Array] = [np.empty(0)] * n
        levels, tops = np.zeros((n, len(axes.origins))), np.zeros((n, len(axes.origins)))

        def one(image: tuple[int, Floats]) -> None:
            i, features = image
            found, missing = self.maps(i, features, axes)
            maps[i], tops[i], levels[i] = found.astype(np.float16), found.max(axis=(1, 2)), _levels(found, missing)

        for batch in fine():
            self._each(one, batch)
            tick(len(batch))
        return tuple(maps), levels, tops

    @staticmethod
    def _each(work: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
        """Done for each part on all cores: photos are decoded and products are made without Python's lock."""
        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="dff-sharpen") as pool:
            return list(pool.map(work, parts))


def _levels(maps: Floats, missing: npt.NDArray[np.bool_]) -> Array:
    """(k,) Otsu's level of each map, infinite where a factor is missing."""
    _, h, w = maps.shape
    fine = upsample(maps, (_CELL * h, _CELL * w))  # interpolated, as the map is when it is cut
    return np.where(missing | ~maps.any(axis=(1, 2)), np.inf, otsu_each(fine))


def _beliefs(
    maps: Sequence[Array],
    levels: Array,
    photos: Sequence[Array | None],
    shape: tuple[int, int],
    radius: float,
    joint: bool,
) -> Sequence[Array]:
    """Per image (k, H, W) float16; all have one shape."""
    from .crf import refine  # with torch

    heat = np.stack([upsample(m, shape) for m in maps])
    empty = np.zeros((*shape, 3), dtype=np.uint8)
    guides = np.stack([empty if photo is None else photo for photo in photos])
    plain = [photo is not None and _is_plain(photo) for photo in photos]
    levels = np.where(np.array(plain)[:, None], np.inf, levels)
    found = refine(guides, heat, levels, radius=radius, joint=joint).astype(np.float16)
    for at, photo in enumerate(photos):
        if photo is None:  # without messages, which would smooth over edges that nobody saw
            found[at] = refine(empty, heat[at], levels[at], weight=0.0, joint=joint)
    return list(found)


def _is_plain(photo: Array) -> bool:
    """Whether a photo (H, W, 3) shows nothing but one colour; a grid of 64 by 64 pixels tells."""
    some = photo[tuple(slice(None, None, max(1, side // _LOOKED_AT)) for side in photo.shape[:2])]
    return bool(some.std(axis=(0, 1)).max() < _PLAIN)


def _rows(batch: Sequence[tuple[int, Floats]]) -> Floats:
    """(m, c) the positions of all images of a batch."""
    return np.concatenate([features.reshape(-1, features.shape[-1]) for _, features in batch])


def _flat(maps: Floats) -> Floats:
    """(k, h, w) as (h·w, k)."""
    return np.asarray(maps.reshape(len(maps), -1).T, dtype=np.float32)
