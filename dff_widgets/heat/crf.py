"""DFF-CRF: sharpen heat maps to the edges of their images (section 4.3 of the paper).

A dense conditional random field over the pixels, solved by mean field (Krähenbühl & Koltun 2011). The unaries are the
upsampled heat maps; the pairwise messages are guided filters (He, Sun & Tang 2013) of the beliefs with the image as the
guide: a pixel listens to those near it that have its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from ..devices import pick_device
from ..factorization.threads import one_thread_for
from ..images import ImageSet, UnreadableImageError
from .maps import upsample

Array = npt.NDArray[Any]

_BATCH = 8  # images
_FAINT = 5.0  # the largest unary log-odds: 0.993 to 0.007, so that the messages can still overrule a heat map


class GuidedFilter:
    """The colour guided filter of a batch of images: prepared once, applied to many maps (He et al. 2013, eqs. 14-16).

    In each window the output is the affine function of the guide's colour that fits the input best; a pixel gets the
    mean over the windows that hold it. Windows are cut off at the border of the image, as in the original: a reflected
    border (kornia's guided_blur) counts its pixels twice, and fails where a window is larger than the image.

    Args:
        guide: (n, c, H, W) in 0..1, on the device and in the floating type to work in.
        radius: of the windows in pixels, at least 1; a window has up to (2·radius + 1)² pixels.
        eps: variance of the guide, in its squared units, below which a window counts as flat.
        subsample: fit the affine functions on every s-th pixel's mean and interpolate them (He & Sun 2015).
    """

    def __init__(self, guide: Tensor, radius: int, eps: float, subsample: int = 1) -> None:
        self.guide = guide
        self.low = guide if subsample == 1 else self.reduce(guide, subsample)
        self.radius = max(1, round(radius / subsample))
        self._windows = [_window_means(side, self.radius, guide) for side in self.low.shape[-2:]]
        self._centre = guide.mean(dim=(2, 3), keepdim=True)  # numbers near 0 lose fewer digits in the variance
        self._low = self.low - self._centre
        c = guide.shape[1]
        self._mean = self._box(self._low)
        products = self._box(self._low.unsqueeze(1) * self._low.unsqueeze(2))
        variance = products - self._mean.unsqueeze(1) * self._mean.unsqueeze(2)
        variance = variance.permute(0, 3, 4, 1, 2) + eps * torch.eye(c, dtype=guide.dtype, device=guide.device)
        self._inverse = torch.linalg.inv(variance).permute(0, 3, 4, 1, 2).contiguous()  # (n, c, c, h, w)

    @staticmethod
    def reduce(maps: Tensor, subsample: int) -> Tensor:
        """(n, ..., H, W) as the means of an even grid of about ``H/s`` by ``W/s`` cells, at least 1 by 1."""
        size = tuple(max(1, -(-side // subsample)) for side in maps.shape[-2:])
        if maps.device.type == "mps" and any(side % cells for side, cells in zip(maps.shape[-2:], size, strict=True)):
            rows, columns = (_cell_means(n, m, maps) for n, m in zip(maps.shape[-2:], size, strict=True))
            return rows @ maps @ columns.mT  # MPS pools only to sides that divide
        return F.interpolate(maps, size=size, mode="area")

    def coefficients(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """The smoothed affine functions of maps (n, k, h, w) on the grid of `low`: slopes (n, k, c, h, w), offsets."""
        mean = self._box(maps)
        products = self._box(maps.unsqueeze(2) * self._low.unsqueeze(1))
        covariance = products - mean.unsqueeze(2) * self._mean.unsqueeze(1)
        slopes = (self._inverse.unsqueeze(1) * covariance.unsqueeze(2)).sum(3)
        offsets = mean - (slopes * self._mean.unsqueeze(1)).sum(2)
        return self._box(slopes), self._box(offsets)

    def smooth(self, maps: Tensor) -> Tensor:
        """The filter of maps (n, k, h, w) on the grid of `low`, on that grid."""
        slopes, offsets = self.coefficients(maps)
        return (slopes * self._low.unsqueeze(1)).sum(2) + offsets

    def __call__(self, maps: Tensor) -> Tensor:
        """The filter of maps (n, k, h, w) on the grid of `low`, (n, k, H, W) on the guide's."""
        slopes, offsets = self.coefficients(maps)
        size = self.guide.shape[-2:]
        offsets = offsets - (slopes * self._centre.unsqueeze(1)).sum(2)
        result = F.interpolate(offsets, size=size, mode="bilinear")
        for c in range(self.guide.shape[1]):  # one channel at a time: all at once would be the largest array by far
            result.addcmul_(F.interpolate(slopes[:, :, c], size=size, mode="bilinear"), self.guide[:, c : c + 1])
        return result

    def _box(self, maps: Tensor) -> Tensor:
        rows, columns = self._windows
        return rows @ maps @ columns.mT


def _cell_means(n: int, cells: int, like: Tensor) -> Tensor:
    """(cells, n) means over ``[⌊i n / cells⌋, ⌈(i + 1) n / cells⌉)``, as torch's area interpolation."""
    i, at = torch.arange(cells, device=like.device)[:, None], torch.arange(n, device=like.device)
    inside = ((at >= i * n // cells) & (at < -(-(i + 1) * n // cells))).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)


def _window_means(n: int, radius: int, like: Tensor) -> Tensor:
    """(n, n) means over ``[i - radius, i + radius]`` cut off at both ends; quicker than running sums on short sides."""
    i = torch.arange(n, device=like.device)
    inside = ((i - i[:, None]).abs() <= radius).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)


def mean_field(
    unaries: Tensor,
    guide: Tensor,
    *,
    joint: bool = False,
    iterations: int = 5,
    radius: float = 1 / 6,
    eps: float = 1e-4,
    weight: float = 4.0,
    subsample: int = 8,
) -> Tensor:
    """Beliefs of a dense CRF with Potts pairs whose kernel is a guided filter.

    With ``G`` the filter, of which every row sums to 1, and ``u`` the unaries, each iteration is

    - per factor: ``Q ← σ(u + w (G Q - G (1 - Q)))``, a field of its own with the labels inside and outside;
    - joint: ``Q ← softmax_l(u_l + w G Q_l)`` over the k factors and the background, whose unary is 0. For k=1 both are
      the same.

    Unlike Krähenbühl & Koltun's, the message to a pixel includes its own belief, with the filter's small weight for it.

    Args:
        unaries: (n, k, H, W) log-odds of inside to outside (joint: to background).
        guide: (n, c, H, W) in 0..1.
        joint: whether the factors compete for each pixel.
        iterations: at least 0; 0 gives the unaries as beliefs.
        radius: of the filter's windows, as a fraction of the image's short side.
        eps: of the filter; see `GuidedFilter`.
        weight: w ≥ 0, of the messages.
        subsample: iterate on a grid coarser by this factor, and bring only the last message to the guide's; 1 is exact.

    Returns:
        (n, k, H, W) in 0..1, in the type of `unaries`; joint: their sum over k is at most 1.
    """

    def beliefs(u: Tensor, message: Tensor | None) -> Tensor:
        if not joint:
            return torch.sigmoid(u) if message is None else (u - weight).add_(message, alpha=2 * weight).sigmoid_()
        if message is not None:
            u = u + weight * (message - (1 - message.sum(1, keepdim=True)))  # less the background's message
        return torch.softmax(F.pad(u, (0, 0, 0, 0, 1, 0)), 1)[:, 1:]

    if not iterations:
        return beliefs(unaries, None)
    pixels = max(1, round(radius * min(guide.shape[-2:])))
    subsample = max(1, min(subsample, pixels // 4))  # a window of at least nine cells across
    guided = GuidedFilter(guide, pixels, eps, subsample)
    coarse = unaries if subsample == 1 else guided.reduce(unaries, subsample)
    Q = beliefs(coarse, None)
    for _ in range(iterations - 1):
        Q = beliefs(coarse, guided.smooth(Q))
    return beliefs(unaries, guided(Q))


def refine(
    image: npt.ArrayLike,
    maps: npt.ArrayLike,
    levels: npt.ArrayLike,
    *,
    joint: bool = False,
    sharpness: float = 2.0,
    iterations: int = 5,
    radius: float = 1 / 6,
    eps: float = 1e-4,
    weight: float = 4.0,
    subsample: int = 8,
    device: str = "auto",
) -> npt.NDArray[np.float32]:
    """Heat maps of one image, or of a batch of one size, as beliefs that follow the image's edges.

    The unary of a pixel is ``sharpness · log(heat / level)``: at its level a map is undecided, and only ratios count,
    so that a map and its level can have any common scale.

    The defaults were chosen on the five VOC 2010 co-segmentation and three VOC 2007 classes of
    ``benchmarks/RESULTS.md`` (k=1, efficientnet_lite0), which also tries them on photos that were not looked at before.

    Args:
        image: (H, W, 3) or (n, H, W, 3), RGB, uint8 or float in 0..1.
        maps: (k, H, W) or (n, k, H, W), at least 0; see `heat.upsample`.
        levels: (k,) or (n, k), above 0: where each map ends; see `heat.levels`. Infinite for a factor that is not
            in the image; its beliefs are 0.
        joint: let the factors and a background compete for each pixel; else each factor is refined on its own.
        sharpness: trust in the heat maps, above 0.
        iterations: of the mean field, at least 0.
        radius: of the windows in which colours are compared, as a fraction of the image's short side, above 0.
        eps: squared contrast (of colours in 0..1) of an edge that counts, above 0.
        weight: trust in the neighbours, at least 0.
        subsample: 1 is exact, 8 is quick; less where a window would be coarse.
        device: ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.

    Returns:
        float32, shaped as `maps`: each pixel's belief to be inside, in 0..1. Inside is where it is at least 0.5.

    Raises:
        ValueError: an array of another shape or range, or an option out of range.
    """
    pixels, heat, level = np.asarray(image), np.asarray(maps), np.asarray(levels, dtype=np.float32)
    single = heat.ndim == 3
    if single:
        pixels, heat, level = pixels[None], heat[None], level[None]
    _check(pixels, heat, level)
    for name, value in (("sharpness", sharpness), ("radius", radius), ("eps", eps)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value!r}; give a number above 0")
    if not 0 <= weight < np.inf:
        raise ValueError(f"weight is {weight!r}; give a number of at least 0")
    for name, count, least in (("iterations", iterations, 0), ("subsample", subsample, 1)):
        if count < least or int(count) != count:
            raise ValueError(f"{name} is {count!r}; give a whole number of at least {least}")
    where = pick_device(device)
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float32)  # MPS has no float64
    guide = torch.from_numpy(np.ascontiguousarray(pixels)).to(where).permute(0, 3, 1, 2).contiguous().float()
    guide = guide.div_(255) if pixels.dtype == np.uint8 else guide
    there = np.isfinite(level)
    absent = torch.from_numpy(~there).to(where)[..., None, None]
    at = torch.from_numpy(np.where(there, level, 1)).to(where)[..., None, None]
    unaries = torch.from_numpy(np.ascontiguousarray(heat, dtype=np.float32)).to(where) / at
    unaries.clamp_min_(1e-9).log_().mul_(sharpness).clamp_(-_FAINT, _FAINT)
    if not there.all():
        unaries.masked_fill_(absent, -2 * (_FAINT + weight))
    options: dict[str, Any] = {"radius": radius, "eps": eps, "weight": weight, "subsample": int(subsample)}
    with torch.inference_mode(), one_thread_for(unaries.numel()):
        Q = mean_field(unaries, guide, joint=joint, iterations=int(iterations), **options)
        beliefs = (Q if there.all() else Q.masked_fill_(absent, 0.0)).cpu().numpy()
    return np.asarray(beliefs[0] if single else beliefs)


def refine_images(
    images: ImageSet,
    maps: Sequence[Array],
    levels: Array,
    *,
    size: int = 320,
    sizes: Sequence[tuple[int, int]] | None = None,
    skipped: dict[int, str] | None = None,
    **options: Any,
) -> list[npt.NDArray[np.float16]]:
    """`refine` for a whole set, in batches of images of one size.

    Args:
        images: n of them.
        maps: per image (k, h, w), at least 0, on any grid that covers the image.
        levels: (n, k); see `refine`.
        size: short side in pixels at which to work; an image that is smaller is not enlarged.
        sizes: per image the (height, width) that it had when its maps were made; by default those it has.
        skipped: gets a sentence for each image that cannot be read, whose beliefs then follow its maps alone; None
            makes it an error.
        options: of `refine`.

    Returns:
        Per image (k, H, W) float16 in 0..1 at the working size.

    Raises:
        ValueError: as `refine`, the size is less than 1, or no image can be read.
    """
    if size < 1 or int(size) != size:
        raise ValueError(f"size is {size!r}; give the short side in whole pixels")
    sizes = [images.size(i) for i in range(len(images))] if sizes is None else sizes
    groups: dict[tuple[int, int], list[int]] = {}
    for i, (height, width) in enumerate(sizes):
        scale = min(1.0, size / min(height, width))
        groups.setdefault((max(1, round(height * scale)), max(1, round(width * scale))), []).append(i)
    refined: dict[int, npt.NDArray[np.float16]] = {}
    for shape, members in groups.items():
        for some in (members[start : start + _BATCH] for start in range(0, len(members), _BATCH)):
            pixels: dict[int, Array] = {}
            for i in some:
                try:
                    pixels[i] = np.asarray(images.use(i, partial(_shrunk, shape=shape), sizes[i]))
                except UnreadableImageError as error:
                    if skipped is None:
                        raise
                    skipped[i] = str(error)
                    unseen = refine(
                        np.zeros((*shape, 3)), upsample(maps[i], shape), levels[i], **options | {"weight": 0.0}
                    )
                    refined[i] = unseen.astype(np.float16)
            if pixels:
                heat = np.stack([upsample(maps[i], shape) for i in pixels])
                beliefs = refine(np.stack(list(pixels.values())), heat, levels[list(pixels)], **options)
                refined.update(zip(pixels, beliefs.astype(np.float16), strict=True))
    if skipped and len(skipped) == len(images):
        raise UnreadableImageError(f"none of the {len(images)} images can be read: {next(iter(skipped.values()))}")
    return [refined[i] for i in range(len(images))]


def _shrunk(image: Image.Image, shape: tuple[int, int]) -> Image.Image:
    return image.resize(shape[::-1], Image.Resampling.BOX)


def _check(image: Array, maps: Array, levels: Array) -> None:
    if image.ndim != 4 or image.shape[-1] != 3 or maps.ndim != 4 or 0 in maps.shape:
        raise ValueError(f"image is {image.shape[1:]} and maps are {maps.shape[1:]}; give (H, W, 3) and (k, H, W)")
    if image.shape[:3] != (maps.shape[0], *maps.shape[2:]):
        raise ValueError(
            f"image is {image.shape} and maps are {maps.shape}; both need the same number, height and width"
        )
    if levels.shape != maps.shape[:2]:
        raise ValueError(f"levels are {levels.shape[1:]} for maps of {maps.shape[1:]}; give one per map")
    if not (levels > 0).all():
        raise ValueError("levels must be above 0; give infinity for a factor that is absent")
    if not 0 <= maps.min() <= maps.max() < np.inf:  # false of a NaN too
        raise ValueError("maps have entries that are negative or not finite; give heat maps of at least 0")
    if image.dtype != np.uint8 and (image.dtype.kind != "f" or not (image.min() >= 0 and image.max() <= 1)):
        raise ValueError(f"image is {image.dtype} and not all in 0..1; give uint8, or float in 0..1")
