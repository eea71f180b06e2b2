"""The result of a Deep Feature Factorization: factors, their heat maps, and what follows from them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from . import storage
from .heat import binarise, contact_sheet, fold, largest_box, normalise, palette, percentiles, thresholds, upsample
from .heat.sharpen import Sharpening
from .images import ImageSet, PerImage, UnreadableImageError, warn_left_out
from .steering import Steerable
from .wording import one_line, warn_outside

if TYPE_CHECKING:
    from .extraction import Extracted, Origin, Progress
    from .factorization import Factorization

Array = npt.NDArray[Any]

_VERSION = 1  # of the saved file
_HELD_BYTES = 2**28  # of sharp maps that `threshold="auto"` keeps; more are made image by image


class _NotWholeError(ValueError):
    """What was read is no result."""


@dataclass(frozen=True, eq=False)
class DFFResult(Steerable):
    """k factors of a set of images.

    Attributes:
        factorization: H (rows, k), W (k, c) and the error.
        images: the images, in the order of the rows of H.
        shapes: per image its grid (h, w) at the layer.
        sizes: per image its (height, width) in pixels.
        network: the network's name.
        layer: the layer's name.
        size: the short side in pixels at which the images went through the network.
        skipped: one sentence for each image that could not be read.
        maps: None, or per image the heat maps (k, h, w) in 0..1 that `refine` or `sharpen` made, float16 at the size it
            worked at; or those of another method, see `own_maps`.
        sharpening: None, or what a finer layer of the network says of the factors; see `sharpen`.
        origin: None, or where the activations came from: there a finer layer is looked at when it is asked for.
        locked: factors whose W stays while others are fitted again; see `Steerable.lock`.
        own_maps: whether `maps` are heat maps that a method has of its own in place of the columns of H, as
            `baselines.ddt` has, and no beliefs: ``threshold="auto"`` then starts from H, as it does without maps.
    """

    factorization: Factorization
    images: ImageSet = field(repr=False)
    shapes: tuple[tuple[int, int], ...] = field(repr=False)
    sizes: tuple[tuple[int, int], ...] = field(repr=False)
    network: str
    layer: str
    size: int
    skipped: tuple[str, ...] = ()
    maps: Sequence[Array] | None = field(default=None, repr=False)
    sharpening: Sharpening | None = field(default=None, repr=False)
    locked: tuple[int, ...] = field(default=(), repr=False)
    own_maps: bool = field(default=False, repr=False)
    origin: Origin | None = field(default=None, repr=False)
    _late: list[Sharpening | None] = field(default_factory=list, init=False, repr=False)  # one entry, once looked at

    @classmethod
    def of(cls, activations: Extracted, factors: Factorization) -> DFFResult:
        """Factors of activations, in the order they have."""
        a = activations
        about = (a.network, a.layer.name, a.size, a.skipped)
        return cls(factors, a.images, a.shapes, a.sizes, *about, origin=a.origin)

    def _repr_jpeg_(self) -> bytes:
        """The first images under their heat maps, for a notebook."""
        shown = range(min(6, len(self)))
        return contact_sheet(self.images, shown, [self.coarse_heatmaps(i) for i in shown], palette(self.k), side=160)

    @property
    def believed(self) -> bool:
        """Whether `maps` say of each pixel how likely it is inside: `refine` or `sharpen` made them."""
        return self.maps is not None and not self.own_maps

    @property
    def k(self) -> int:
        """The number of factors."""
        return int(self.factorization.W.shape[0])

    def __len__(self) -> int:
        return len(self.shapes)

    def coarse_heatmaps(self, i: int) -> Array:
        """(k, h, w) float32 in 0..1: the maps of image i, as in `heat`, on the layer's grid or `refine`'s."""
        return self._coarse[i] if self.maps is None else np.asarray(self.maps[i], dtype=np.float32)

    def heatmaps(self, i: int) -> Array:
        """The heat maps of image i, bilinear at image size.

        Returns:
            (k, height, width) float32 in 0..1: each factor divided by its maximum over the set or, in a refined result,
            each pixel's belief to be inside.
        """
        return upsample(self.coarse_heatmaps(i), self.sizes[i])

    @cached_property
    def fill(self) -> Array:
        """(n, k) how strongly each factor fills each image: the mean of its coarse heat map, 0..1."""
        return np.stack([self.coarse_heatmaps(i).mean(axis=(1, 2)) for i in range(len(self))])

    def masks(self, percentile: float = 75, *, threshold: str | None = None, sharpen: bool = True) -> list[Array]:
        """Binary maps at the paper's threshold, or at one that is found for each image.

        Args:
            percentile: 0..100, of all entries of a factor's heat maps over the set (section 4.3 of the paper).
            threshold: None, or in place of the percentile ``"otsu"``, Otsu's level of each map of each image (see
                `heat.levels`, also for factors that are absent from an image); or ``"auto"``, the best we know
                without labels: where a pixel is more likely inside than not, as `sharpen` finds where there is a finer
                layer (see `learn`), and else `refine`; either is done first if need be.
            sharpen: False takes `refine` alone.

        Returns:
            Per image (k, height, width) bool.

        Raises:
            ValueError: the percentile or the threshold is something else.
        """
        return list(self.lazy_masks(percentile, threshold=threshold, sharpen=sharpen))

    def lazy_masks(
        self, percentile: float = 75, *, threshold: str | None = None, sharpen: bool = True
    ) -> PerImage[Array]:
        """`masks` as a sequence that makes each image's (k, height, width) bool when it is asked for."""
        _doubt_fraction(percentile, threshold)
        source, levels = self.cut(percentile, threshold, sharpen=sharpen)
        return PerImage(enumerate(levels), lambda i, level: binarise(source.heatmaps(i), level))

    def thresholds(self, percentile: float = 75) -> Array:
        """(k,) the level in 0..1 from which a heat map is in its mask."""
        return percentiles(self._all_heatmaps, percentile)

    def boxes(
        self, factor: int = 0, percentile: float = 75, *, threshold: str | None = None, sharpen: bool = True
    ) -> list[Array]:
        """A box around the largest connected component of a factor's mask (section 4.4 of the paper).

        Args:
            factor: 0..k-1.
            percentile: as in `masks`.
            threshold: as in `masks`.
            sharpen: as in `masks`.

        Returns:
            Per image (4,) integers ``xmin, ymin, xmax, ymax`` in pixels from 0, both ends included; ``0, 0, -1, -1`` (a
            box of no area) where the mask is empty.

        Raises:
            ValueError: there is no such factor, or the percentile or the threshold is something else.
        """
        if not 0 <= factor < self.k:
            raise ValueError(f"factor is {factor!r}; this result has factors 0..{self.k - 1}")
        _doubt_fraction(percentile, threshold)
        source, levels = self.cut(percentile, threshold, sharpen=sharpen)
        return [
            largest_box(binarise(maps[[factor]], level)[0])
            for maps, level in zip(source._all_heatmaps(), levels[:, [factor]], strict=True)
        ]

    def refine(
        self, *, joint: bool = False, size: int | None = None, device: str = "auto", **options: Any
    ) -> DFFResult:
        """DFF-CRF: the same factors with heat maps that follow the edges of the images (section 4.3 of the paper).

        Every map starts at Otsu's level (`heat.levels`), so that no threshold is needed; see `heat.crf.refine`.

        Args:
            joint: let the factors and a background compete for each pixel; else each is refined on its own.
            size: short side in pixels at which to work, at most the image's own; by default that of the network.
            device: as in `DeepFeatureFactorization`.
            options: of `heat.crf.refine`.

        Returns:
            DFFResult with `maps`. It is made from the heat maps of the network, also where this is refined already. An
            image that can no longer be read is named in `skipped` and by an `UnreadableImageWarning`; its maps then
            know no edges.
        """
        from .heat.crf import refine_images

        source = dataclasses.replace(self, maps=None)
        levels = thresholds.levels(source._all_heatmaps())
        lost: dict[int, str] = {}
        options |= {"size": size or self.size, "sizes": self.sizes, "skipped": lost, "joint": joint, "device": device}
        maps = refine_images(self.images, source._coarse, levels, **options)
        problems = [f"{lost[i]} (not refined)" for i in sorted(lost)]
        for problem in problems:
            warn_left_out(problem)
        found = tuple(dict.fromkeys([*self.skipped, *problems]))
        return dataclasses.replace(self, maps=tuple(maps), own_maps=False, skipped=found)

    def sharpen(
        self,
        layer: str | None = None,
        *,
        network: Any = None,
        coarse: Extracted | None = None,
        fine: Extracted | None = None,
        joint: bool = False,
        size: int | None = None,
        lazy: bool = False,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> DFFResult:
        """The same factors with heat maps that are carried to a finer layer of the same network, and to the edges.

        What is known of the finer layer is used where it is there (`fit` learns it). Else it is learned here: from
        `fine`, or from activations that somebody still holds, or from the network. The images then go through it once,
        or, where there are too many to hold what comes of it, once for each of the passes (`heat.sharpen.PASSES`, and
        two more for a single factor).

        Args:
            layer: the finer layer; by default `extraction.finer_layer` of the result's: half of its stride.
            network: the network, where it is not one that `load_network` knows by the result's `network`.
            coarse: the activations that this is a factorization of, which make a single factor better.
            fine: the activations of the finer layer: `extract_layers` gives both in one forward pass.
            joint: let the factors and a background compete for each pixel; else each is told from all the rest.
            size: short side in pixels at which to work; by default that of the network.
            lazy: make the maps of an image when they are asked for, each time anew, in place of all at once.
            device: as in `DeepFeatureFactorization`.
            progress: called with (images gone through, in all), first while learning, then while the maps are made;
                what it raises ends the work.

        Returns:
            DFFResult with `maps` and `sharpening`; a factor that is absent from an image has a map of zeros there.

        Raises:
            ValueError: the network has no finer layer, or is not the one of this result.
        """
        from .sharpening import Beliefs, sharpening_of

        options: dict[str, Any] = {"network": network, "coarse": coarse, "fine": fine, "device": device}
        plain = all(option is None for option in (layer, network, coarse, fine))
        known = self.learn(progress) if plain else self._known
        if known is None or fine is not None or layer not in (None, known.layer):
            known = sharpening_of(self, self.origin, layer=layer, progress=progress, **options)
        beliefs = Beliefs(known, self.images, self.sizes, self.size if size is None else size, joint)
        maps = beliefs if lazy else beliefs.all(progress)
        return dataclasses.replace(self, maps=maps, own_maps=False, sharpening=known)

    def learn(self, progress: Progress | None = None) -> Sharpening | None:
        """What a finer layer of the network says of these factors; found when it is asked for first, and remembered.

        Args:
            progress: as in `sharpen`.

        Returns:
            None where nobody knows where the activations came from, the network has no finer layer, or an image cannot
            be read any more, of which an `UnreadableImageWarning` tells.
        """
        from .extraction import NoFinerLayerError
        from .sharpening import sharpening_of

        if self._known is None and self.origin is not None and not self._late:
            known: Sharpening | None = None
            try:
                known = sharpening_of(self, self.origin, progress=progress)
            except NoFinerLayerError:
                pass
            except UnreadableImageError as error:
                warn_left_out(one_line(error))
            self._late.append(known)
        return self._known

    def foreground(self) -> tuple[int, ...]:
        """The factors that together are the common object, found without labels; see `heat.foreground`."""
        H, W = np.asarray(self.factorization.H), np.asarray(self.factorization.W)
        return thresholds.foreground(H, W, self.shapes)

    def reorder(self, order: Sequence[int]) -> DFFResult:
        """The same result with its factors in another order: `order` gives the old index of each new factor."""
        maps = None if self.maps is None else tuple(m[list(order)] for m in self.maps)
        locked = tuple(new for new, old in enumerate(order) if old in self.locked)
        known = None if self._known is None else self._known.reorder(order)
        factors = self.factorization.reorder(order)
        return dataclasses.replace(self, factorization=factors, maps=maps, sharpening=known, locked=locked)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write one file, atomically: JSON and tensors (safetensors).

        Args:
            path: of the file. Images in memory go in as PNG; images in files are named by their paths.
            overwrite: whether a file that is there is replaced, which is no result of dff-widgets; one that is, is.

        Raises:
            FileExistsError: something else is there.
            OSError: the disk is full, or the place is not there or cannot be written to.
        """
        if self.origin is not None and not self.origin.lasting:  # who reads it will not have the network
            self.learn()
        storage.write(Path(path), "result", _VERSION, *self.pack(), overwrite=overwrite)

    def pack(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What `save` writes: JSON and tensors."""
        images, tensors = storage.pack_images(self.images)
        fac = self.factorization
        content = {
            "images": images,
            "shapes": self.shapes,
            "sizes": self.sizes,
            "about": [self.network, self.layer, self.size],
            "fit": [fac.error, fac.n_iter, fac.converged],
            "skipped": self.skipped,
            "refined": self.maps is not None,
            "locked": self.locked,
            "own maps": self.own_maps,
            "origin": self.origin is not None and self.origin.lasting,
        }
        tensors.update({f"map/{i}": m for i, m in enumerate(self.maps or ())})
        if self._known is not None:
            content["sharpening"], finer = self._known.pack()
            tensors.update(finer)
        return content, {"H": fac.H, "W": fac.W, **tensors}

    @staticmethod
    def load(path: str | Path) -> DFFResult:
        """Read what `save` wrote; a file from elsewhere can run no code.

        Raises:
            ValueError: the file is damaged, no result, or from a newer version.
        """
        try:
            return DFFResult.unpack(*storage.read(Path(path), "result", _VERSION))
        except _NotWholeError as error:
            raise ValueError(f"{str(path)!r} is not a whole result: {one_line(error)}") from error

    @staticmethod
    def unpack(content: dict[str, Any], tensors: dict[str, Array]) -> DFFResult:
        """The inverse of `pack`.

        Raises:
            ValueError: content and tensors are not what `pack` made.
        """
        from .factorization import Factorization  # with torch, which a result need not wait for

        try:
            loss, n_iter, converged = content["fit"]
            factors = Factorization(tensors["H"], tensors["W"], float(loss), int(n_iter), bool(converged))
            images = storage.unpack_images(content["images"], tensors)
            shapes, sizes = (tuple((int(h), int(w)) for h, w in content[what]) for what in ("shapes", "sizes"))
            network, layer, size = content["about"]
            maps = tuple(tensors[f"map/{i}"] for i in range(len(shapes))) if content.get("refined") else None
            skipped = tuple(map(str, content["skipped"]))
            locked = tuple(range(factors.W.shape[0])[f] for f in content.get("locked", ()))  # IndexError where none
            finer = content.get("sharpening")
            known = None if finer is None else Sharpening.unpack(finer, tensors, len(shapes), len(factors.W))
            about = (str(network), str(layer), int(size), skipped)
            own_maps = bool(content.get("own maps", False))
            origin = _origin(content, str(network), images, sizes, int(size))
            result = DFFResult(factors, images, shapes, sizes, *about, maps, known, locked, own_maps, origin)
            fold(factors.H, shapes)  # says so when rows and shapes disagree
            if not len(images) == len(shapes) == len(sizes):
                raise ValueError(f"{len(images)} images, {len(shapes)} shapes, {len(sizes)} sizes")
            if factors.H.shape[1:] != factors.W.shape[:1]:
                raise ValueError(f"H is {factors.H.shape}, W is {factors.W.shape}")
            if any(m.ndim != 3 or len(m) != result.k or not m.size for m in maps or ()):
                raise ValueError(f"the refined maps are not of {result.k} factors")
            if any(a.dtype.kind != "f" for a in (factors.H, factors.W, *(maps or ()))):
                raise ValueError("the factors or their maps are no floats")
            most = Image.MAX_IMAGE_PIXELS or math.inf
            if any(min(h, w) < 1 or h * w > most for h, w in shapes + sizes):
                raise ValueError("an image has no pixels, or more than can be read")
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _NotWholeError(str(error)) from error
        return result

    def _all_heatmaps(self) -> Iterator[Array]:
        return (self.heatmaps(i) for i in range(len(self)))

    @cached_property
    def _coarse(self) -> list[Array]:
        return fold(normalise(self.factorization.H), self.shapes)

    @cached_property
    def _refined(self) -> DFFResult:
        return self if self.believed else self.refine()

    @cached_property
    def _sharpened(self) -> DFFResult:
        if self.believed or self.learn() is None:
            return self._refined
        pixels = sum(h * w for h, w in self.sizes) * (self.size / min(min(s) for s in self.sizes)) ** 2
        return self.sharpen(lazy=2 * self.k * pixels > _HELD_BYTES)

    @property
    def _known(self) -> Sharpening | None:
        """The sharpening, unless it is of factors that these were made from."""
        known = self._late[0] if self._late else self.sharpening
        if known is None or known.k != self.k or len(known.maps) != len(self):
            return None
        norms = np.linalg.norm(np.asarray(self.factorization.W, dtype=np.float64), axis=1)
        return known if np.allclose(known.norms, norms, rtol=1e-5) else None

    def cut(self, percentile: float, threshold: str | None, *, sharpen: bool = True) -> tuple[DFFResult, Array]:
        """The result whose heat maps become masks, and (n, k) the level of each image and factor."""
        if threshold is None:
            return self, np.tile(self.thresholds(percentile), (len(self), 1))
        if threshold == "otsu":
            return self, thresholds.levels(self._all_heatmaps())
        if threshold == "auto":
            source = self._sharpened if sharpen else self._refined
            return source, np.full((len(self), self.k), thresholds.REFINED)
        raise ValueError(f"threshold is {threshold!r}; give 'auto' or 'otsu', or None for the percentile")


def _origin(
    content: dict[str, Any], network: str, images: ImageSet, sizes: tuple[tuple[int, int], ...], size: int
) -> Origin | None:
    """That of a result out of a file, where its network can be had again."""
    if not content.get("origin"):
        return None
    from .extraction import Origin

    return Origin.by_name(network, images, sizes, size)


def _doubt_fraction(percentile: float, threshold: str | None) -> None:
    if threshold is None and 0 < percentile < 1:
        warn_outside(f"percentile is {percentile}, of 100: nearly all is inside; {100 * percentile:g} was meant?")
