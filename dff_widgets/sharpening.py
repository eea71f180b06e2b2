"""Sharpen a result: where its images, its coarse maps and the features of the finer layer come together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from .heat import fold
from .heat.sharpen import PASSES, Passes, Photo, Sharpening, carry, learn
from .images import ImageSet, UnreadableImageError, warn_left_out
from .wording import one_line

if TYPE_CHECKING:
    from .extraction import Progress
    from .networks import Network

Array = npt.NDArray[Any]

_LIKE = 0.05  # how far the maps of the same images may be from those of the result, for the same network
_OWN = 0.5  # share of what the border has in common that is taken out of a single factor


class Rows(Protocol):
    """Activations or a store, as far as sharpening needs them."""

    @property
    def matrix(self) -> Any: ...  # noqa: D102
    @property
    def shapes(self) -> tuple[tuple[int, int], ...]: ...  # noqa: D102
    @property
    def layer(self) -> Any: ...  # noqa: D102


class Sharpened(Protocol):
    """A `DFFResult`, as far as its sharpening goes."""

    @property
    def factorization(self) -> Any: ...  # noqa: D102
    @property
    def images(self) -> ImageSet: ...  # noqa: D102
    @property
    def shapes(self) -> tuple[tuple[int, int], ...]: ...  # noqa: D102
    @property
    def sizes(self) -> tuple[tuple[int, int], ...]: ...  # noqa: D102
    @property
    def network(self) -> str: ...  # noqa: D102
    @property
    def layer(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102


def sharpening_of(
    result: Sharpened,
    *,
    layer: str | None = None,
    network: Any = None,
    coarse: Rows | None = None,
    fine: Rows | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Sharpening:
    """What a finer layer says of the factors of a result.

    Args:
        result: whose factors.
        layer: the finer layer; `finer_layer` of the result's by default.
        network: what `load_network` takes; by default the result's, by its name. Not needed with `fine`.
        coarse: the activations that the result is of.
        fine: the activations of the finer layer for the same images.
        device: as in `extract`.
        progress: see `learned`.

    Raises:
        ValueError: the network has no finer layer or is another than the result's, or `fine` is of other images.
    """
    from .extraction import held

    n = len(result.shapes)
    if coarse is not None and tuple(coarse.shapes) != tuple(result.shapes):
        raise ValueError(f"coarse is of {len(coarse.shapes)} images on other grids than the {n} of this result")
    deep = None if coarse is None else held(coarse)
    if fine is None:
        name, passes, own = _from_network(result, network, layer, device)
        return learned(result, name, passes, own if deep is None else deep, progress)
    if len(fine.shapes) != n or layer not in (None, fine.layer.name):
        raise ValueError(
            f"fine is {fine.layer.name} of {len(fine.shapes)} images; give {layer or 'a layer'} of the result's {n}"
        )
    return learned(result, fine.layer.name, held(fine), deep, progress)


def learned(
    result: Sharpened, layer: str, fine: Passes, deep: Passes | None, progress: Progress | None = None
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


def norms_of(result: Sharpened) -> Array:
    """(k,) the lengths of the factors."""
    return np.asarray(np.linalg.norm(np.asarray(result.factorization.W, dtype=np.float64), axis=1))


def carried_over(known: Sharpening, result: Sharpened, fine: Passes, deep: Passes) -> Sharpening:
    """What was learned on other images, applied to those of a result of the same factors."""
    maps = _coarse(result, known.template, deep)
    return carry(known, fine, maps, photos(result.images, result.sizes))


def _coarse(result: Sharpened, template: Array | None, deep: Passes | None) -> list[Array]:
    """Per image (k, h, w), at least 0: the maps that teach."""
    if template is None or deep is None:
        return fold(np.maximum(np.asarray(result.factorization.H, dtype=np.float32), 0), result.shapes)
    maps: list[Array] = [np.empty(0)] * len(result.shapes)
    for batch in deep():
        for i, features in batch:
            maps[i] = np.maximum(features @ template, 0)[None]
    return maps


def _from_network(result: Sharpened, network: Any, layer: str | None, device: str) -> tuple[str, Passes, Passes]:
    """The finer layer's name, passes over it, and passes over the result's own layer."""
    from .extraction import finer_layer, repeated
    from .networks import load_network

    loaded = load_network(result.network if network is None else network)
    name = loaded.layer(layer).name if layer is not None else finer_layer(loaded, result.layer).name
    options: dict[str, Any] = {"size": result.size, "sizes": result.sizes, "device": device}
    deep = repeated(loaded, result.images, result.layer, **options)
    _check_same(result, loaded, device)
    return name, repeated(loaded, result.images, name, **options), deep


def _check_same(result: Sharpened, network: Network, device: str) -> None:
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


def object_template(result: Sharpened, deep: Passes) -> Array:
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
