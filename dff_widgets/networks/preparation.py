"""From an image to what a network takes: its size, its range, its channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from .catalogue import Channels

Preprocess = Callable[[Image.Image], Any]  # an RGB image -> its whole as (c, H, W)
Floats = npt.NDArray[np.float32]


class Prepares(Protocol):
    """What of a `Network` says how its images are prepared."""

    @property
    def mean(self) -> Channels:
        """Per input channel, for images in 0..1."""
        ...

    @property
    def std(self) -> Channels:
        """Likewise."""
        ...

    @property
    def preprocess(self) -> Preprocess | None:
        """The caller's own preparation."""
        ...

    @property
    def multiple(self) -> int:
        """What the sides must be multiples of."""
        ...

    @property
    def input_size(self) -> tuple[int, int] | None:
        """The (height, width) of a network that takes no other."""
        ...


def input_shape(network: Prepares, shape: tuple[int, int], size: int) -> tuple[int, int]:
    """The size at which an image goes through a network.

    Args:
        network: its `input_size` or `multiple` are kept.
        shape: (height, width) of the image in pixels.
        size: short side in pixels.

    Returns:
        (height, width) in pixels: the aspect is kept as far as the network allows.
    """
    if network.input_size is not None:
        return network.input_size
    scale, multiple = size / min(shape), network.multiple
    height, width = (max(1, round(side * scale / multiple)) * multiple for side in shape)
    return height, width


def prepare(network: Prepares, image: Image.Image, shape: tuple[int, int]) -> Floats:
    """An image as a network takes it.

    Args:
        network: the network.
        image: RGB, of any size.
        shape: (height, width) in pixels, from `input_shape`.

    Returns:
        (height, width, channels), channels last; a network's own `preprocess` may return another size.

    Raises:
        ValueError: `preprocess` does not return (channels, height, width).
    """
    if network.preprocess is not None:
        return preprocessed(network.preprocess, image.resize(shape[::-1], Image.Resampling.BICUBIC))
    pixels = _resize(np.array(image), shape)
    height, width = shape
    scale = np.array([1 / (255 * s) for s in network.std], dtype=np.float32)
    shift = np.array([-m / s for m, s in zip(network.mean, network.std, strict=True)], dtype=np.float32)
    # Whole rows at a time: a loop over three channels would be eight times as slow.
    prepared = np.empty((height, width, 3), dtype=np.float32)
    rows = prepared.reshape(height, -1)
    np.multiply(pixels.reshape(height, -1), np.tile(scale, width), out=rows)
    rows += np.tile(shift, width)
    return prepared


def _resize(pixels: npt.NDArray[np.uint8], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Bicubic with antialiasing: Pillow's to one grey level, four times as quick."""
    if pixels.shape[:2] == shape:
        return pixels
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(batch, shape, mode="bicubic", antialias=True)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


def preprocessed(preprocess: Preprocess, image: Image.Image) -> Floats:
    """What a caller's function makes of an image, as (H, W, c)."""
    returned = preprocess(image)
    array = returned.detach().cpu().float().numpy() if isinstance(returned, torch.Tensor) else np.asarray(returned)
    if array.ndim != 3 or array.dtype.kind not in "fiu":
        raise ValueError(
            f"preprocess returned a {type(returned).__name__} of shape {tuple(array.shape)}; it must return a tensor "
            "(channels, height, width) for an RGB PIL image"
        )
    return np.ascontiguousarray(array.transpose(1, 2, 0), dtype=np.float32)


def check_whole(preprocess: Preprocess) -> None:
    """Refuse a preprocess that crops: its maps would be laid over the whole image.

    A ramp that is black at the left must still be black there, and at the top likewise.

    Raises:
        ValueError: it crops, or does not return (channels, height, width).
    """
    for shape in ((128, 192), (192, 128)):  # a centre crop to a square cuts one of them by a sixth on either side
        across = np.linspace(0, 255, shape[1])[None, :].repeat(shape[0], 0)
        down = np.linspace(0, 255, shape[0])[:, None].repeat(shape[1], 1)
        black, white = (_grey(preprocess, np.full(shape, level)) for level in (0, 255))
        left, top = _grey(preprocess, across)[:, 0], _grey(preprocess, down)[0]
        span = np.abs(white - black).mean()
        if max(np.abs(left - black[:, 0]).mean(), np.abs(top - black[0]).mean()) > 0.05 * span > 0:
            raise ValueError(
                "preprocess crops the image, so that its maps would not lie where things are; "
                "give one that resizes and normalises only"
            )


def _grey(preprocess: Preprocess, levels: npt.NDArray[np.float64]) -> Floats:
    return preprocessed(preprocess, Image.fromarray(levels.round().astype(np.uint8)).convert("RGB"))
