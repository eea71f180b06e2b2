"""Sharpen a result: where its images, its coarse maps and the features of the finer layer come together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from .heat import fold
from .heat.sharpen import PASSES, Passes, Photo, Sharpening, carry, learn
from .images import ImageSet, UnreadableImageError, warn_left_out
from .wording import one_line

if TYPE_CHECKING:
    from .extraction import Extracted, Factored, Origin, Progress
    from .networks import Network

Array = npt.NDArray[Any]

_LIKE = 0.05  # how far the maps of the same images may be from those of the result, for the same network
_OWN = 0.5  # share of what the border has in common that is taken out of a single factor


def sharpening_of(
    result: Factored,
    origin: Origin | None = None,
    *,
    layer: str | None = None,
    network: Any = None,
    coarse: Extracted | None = None,
    fine: Extracted | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Sharpening:
    """What a finer layer says of the factors of a result.

    Args:
        result: whose factors.
        origin: where its activations came from, if that is known.
        layer: the finer layer; `finer_layer` of the result's by default.
        network: what `load_network` takes; by default the origin's, or the result's by its name. Not needed with
            `fine`.
        coarse: the activations that the result is of.
        fine: the activations of the finer layer for the same images.
        device: as in `extract`.
        progress: see `learned`.

    Raises:
        ValueError: the network has no finer layer or is another than the result's, or `fine` is of other images.
    """
    from .extraction import finer_layer, held, passes_of

    n = len(result.shapes)
    if coarse is not None and tuple(coarse.shapes) != tuple(result.shapes):
        raise ValueError(f"coarse is of {len(coarse.shapes)} images on other grids than the {n} of this result")
    deep = None if coarse is None else held(coarse)
    if fine is None:
        origin = _sure(result, origin, network, device)
        loaded = origin.load()
        name = finer_layer(loaded, result.layer).name if layer is None else loaded.layer(layer).name
        found = passes_of(origin, [name, result.layer] if deep is None and _cleaned(result) else [name])
        return learned(result, name, found[name], found.get(result.layer, deep), progress)
    if len(fine.shapes) != n or layer not in (None, fine.layer.name):
        raise ValueError(
            f"fine is {fine.layer.name} of {len(fine.shapes)} images; give {layer or 'a layer'} of the result's {n}"
        )
    return learned(result, fine.layer.name, held(fine), deep, progress)


def learned(
    result: Factored, layer: str, fine: Passes, deep: Passes | None, progress: Progress | None = None
) -> Sharpening:
    """Let the maps of a result teach a finer layer; see `heat.sharpen.learn`.

    Args:
        result: whose factors.
        layer: the finer layer's name.
        fine: passes over its features.
        deep: passes over the activations that the result is of. With them a single factor is first cleaned of half of
            what it shares with the borders of the photos, so that grass and sky teach less.
        progress: called with (images gone through, in all) and may raise, which ends the work.
    """
    template = None
    if deep is not None and result.factorization.W.shape[0] == 1:
        template = object_template(result, deep)
    maps = _coarse(result, template, deep)
    done, total = 0, PASSES * len(result.shapes)

    def tick(images: int) -> None:
        nonlocal done
        done += images
        if progress is not None:
            progress(done, total)

    read = photos(result.images, result.sizes)
    options: dict[str, Any] = {"template": template, "everywhere": len(maps[0]) == 1, "tick": tick}
    return learn(layer, fine, maps, read, norms=norms_of(result), **options)


def norms_of(result: Factored) -> Array:
    """(k,) the lengths of the factors."""
    return np.asarray(np.linalg.norm(np.asarray(result.factorization.W, dtype=np.float64), axis=1))


def carried_over(known: Sharpening, result: Factored, fine: Passes, deep: Passes) -> Sharpening:
    """What was learned on other images, applied to those of a result of the same factors."""
    maps = _coarse(result, known.template, deep)
    return carry(known, fine, maps, photos(result.images, result.sizes))


def _coarse(result: Factored, template: Array | None, deep: Passes | None) -> list[Array]:
    """Per image (k, h, w), at least 0: the maps that teach."""
    if template is None or deep is None:
        return fold(np.maximum(np.asarray(result.factorization.H, dtype=np.float32), 0), result.shapes)
    maps: list[Array] = [np.empty(0)] * len(result.shapes)
    for batch in deep():
        for i, features in batch:
            maps[i] = np.maximum(features @ template, 0)[None]
    return maps


def _sure(result: Factored, origin: Origin | None, network: Any, device: str) -> Origin:
    """The origin, or that of the images in a network that gives what the result explains.

    Raises:
        ValueError: the network that is given, or that of the result's name, does not.
    """
    from .extraction import Origin

    if origin is None or network is not None:
        given = result.network if network is None else network
        origin = Origin(given, result.images, result.sizes, result.size, device, sure=False)
    if not origin.sure:
        loaded = origin.load()
        _check_same(result, loaded, device)
        origin = replace(origin, network=loaded, sure=True)
        origin.use(loaded)
    return origin


def _cleaned(result: Factored) -> bool:
    """Whether its one factor is first cleaned of what the borders have in common: it must model the activations."""
    return result.factorization.W.shape[0] == 1 and bool(np.isfinite(result.factorization.error))


def _check_same(result: Factored, network: Network, device: str) -> None:
    """A network of that name may have other weights: does it still give what the factorization explains?

    Raises:
        ValueError: it does not.
    """
    from .extraction import extract

    A = extract(network, result.images.subset([0]), layer=result.layer, size=result.size, device=device).matrix
    H, W = np.asarray(result.factorization.H)[: len(A)], np.asarray(result.factorization.W)
    error = result.factorization.error
    if A.shape != (len(H), W.shape[1]) or (
        np.isfinite(error) and np.linalg.norm(A - H @ W) > (min(2 * error, 1) + _LIKE) * np.linalg.norm(A)
    ):
        raise ValueError(
            f"{network.name} does not give the activations that this result explains; give network=, the one with "
            "the weights it was made with"
        )


def object_template(result: Factored, deep: Passes) -> Array:
    """(c,) a single factor without half of its share in what the borders of the photos have in common."""
    edge = np.zeros(result.factorization.W.shape[1])
    for batch in deep():
        for _, features in batch:
            border = np.ones(features.shape[:2], dtype=bool)
            border[1:-1, 1:-1] = False
            edge += features[border].sum(axis=0, dtype=np.float64)
    W = np.asarray(result.factorization.W[0], dtype=np.float64)
    common = edge / max(np.linalg.norm(edge), np.finfo(np.float64).tiny)
    template = W - _OWN * (W @ common) * common
    return np.asarray(np.maximum(template, 0) if W.min() >= 0 else template, dtype=np.float32)


def photos(images: ImageSet, sizes: Sequence[tuple[int, int]]) -> Photo:
    """Reads images at a working size, also enlarged as the network saw them.

    One that cannot be read is None, and named by an `UnreadableImageWarning`.
    """

    def read(i: int, shape: tuple[int, int]) -> Array | None:
        try:
            image = images.open(i, sizes[i])
        except UnreadableImageError as error:
            warn_left_out(f"{one_line(error)} (its maps know no edges)")
            return None
        way = Image.Resampling.BOX if shape[0] <= image.height else Image.Resampling.BICUBIC
        return np.asarray(image.resize(shape[::-1], way))

    return read


def working_shape(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(H, W) of an image whose short side becomes `side`."""
    scale = side / min(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


class Beliefs(Sequence[Array]):
    """Per image (k, H, W) float16, each made when it is asked for; none is kept.

    Args:
        sharpening: of the images.
        images: the images.
        sizes: per image its (height, width).
        side: short side in pixels at which to work.
        joint: let the factors and a background compete for each pixel.
    """

    def __init__(
        self, sharpening: Sharpening, images: ImageSet, sizes: Sequence[tuple[int, int]], side: int, joint: bool
    ) -> None:
        self._sharpening, self._sizes, self._side, self._joint = sharpening, sizes, side, joint
        self._photo = photos(images, sizes)

    def __len__(self) -> int:
        return len(self._sizes)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> list[Array]: ...
    def __getitem__(self, index: int | slice) -> Array | list[Array]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        shape = working_shape(self._sizes[i], self._side)
        return self._sharpening.belief(i, self._photo(i, shape), shape, joint=self._joint)

    def all(self, progress: Progress | None = None) -> tuple[Array, ...]:
        """Every image's, on all cores; the function is called with (images done, images in all) and may raise."""
        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="dff-sharpen") as pool:
            try:
                return tuple(self._told(pool.map(self.__getitem__, range(len(self))), progress))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _told(self, made: Iterator[Array], progress: Progress | None) -> Iterator[Array]:
        for done, belief in enumerate(made, 1):
            if progress is not None:
                progress(done, len(self))
            yield belief
