"""The maps of all images as the rows of one matrix, where they are made: in memory, or on an accelerator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..devices import is_out_of_memory, memory_budget, pick_device
from ..networks import Layer


class Gathered(Protocol):
    """The rows of one layer.

    Attributes:
        grids: by image its grid (h, w), for those that came.
    """

    grids: dict[int, tuple[int, int]]

    def put(self, images: list[int], features: Tensor) -> None:
        """The features (n, h, w, channels) of some images."""
        ...

    def joined(self) -> Any:
        """The rows of all images that came, in order; to be asked for once."""
        ...


def gatherer(
    device: str | torch.device, layers: Sequence[Layer], shapes: Mapping[int, tuple[int, int]]
) -> Callable[[Layer], Gathered]:
    """What makes a place for the rows of a layer: on the device if all layers fit there twice, else in memory.

    Args:
        device: see `extract`.
        layers: all that are extracted.
        shapes: by image the (height, width) at which it goes through the network, in the order of the rows.
    """
    there = pick_device(device)

    def grids(layer: Layer) -> dict[int, tuple[int, int]]:
        stride = layer.stride
        return {i: (-(-height // stride), -(-width // stride)) for i, (height, width) in shapes.items()}

    expected = {layer.name: grids(layer) for layer in layers}
    entries = sum(layer.channels * h * w for layer in layers for h, w in expected[layer.name].values())
    stays = there.type != "cpu" and 4 * entries <= memory_budget(there)
    return lambda layer: _OnDevice() if stays else _OnHost(layer.channels, expected[layer.name])


class _OnDevice:
    """Batches as they come, joined at the end: nothing is copied to the host."""

    def __init__(self) -> None:
        self._parts: dict[int, Tensor] = {}
        self.grids: dict[int, tuple[int, int]] = {}

    def put(self, images: list[int], features: Tensor) -> None:
        """See `Gathered`."""
        n, h, w, channels = features.shape
        rows = features.to(torch.float32).reshape(n, h * w, channels)
        self._parts.update(zip(images, rows.unbind(), strict=True))
        self.grids.update(dict.fromkeys(images, (h, w)))

    def joined(self) -> Any:
        """See `Gathered`; a NumPy array after all, where the device has no room for a second copy."""
        parts = [self._parts[i] for i in sorted(self._parts)]
        try:
            return torch.cat(parts)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        return np.concatenate([part.cpu().numpy() for part in parts])


class _OnHost:
    """A NumPy array, allocated once and filled in any order of the images, so that memory holds one copy."""

    _MARGIN = 3  # positions that a grid may have beyond H / stride, from padding

    def __init__(self, channels: int, grids: Mapping[int, tuple[int, int]]) -> None:
        self._channels = channels
        self._places: dict[int, slice] = {}
        self._room = 0
        for image, (h, w) in grids.items():
            begin, self._room = self._room, self._room + (h + self._MARGIN) * (w + self._MARGIN)
            self._places[image] = slice(begin, self._room)
        self._matrix: npt.NDArray[np.float32] | None = None
        self._others: dict[int, npt.NDArray[np.float32]] = {}  # larger than expected: a preprocess may enlarge images
        self.grids: dict[int, tuple[int, int]] = {}

    def put(self, images: list[int], features: Tensor) -> None:
        """See `Gathered`."""
        if self._matrix is None:
            self._matrix = np.empty((self._room, self._channels), dtype=np.float32)  # takes memory where it is written
        _, h, w, _ = features.shape
        for i, own in zip(images, features, strict=True):
            rows = self._matrix[self._places[i]][: h * w]
            if len(rows) < h * w:
                rows = self._others[i] = np.empty((h * w, self._channels), dtype=np.float32)
            torch.from_numpy(rows.reshape(h, w, -1)).copy_(own)
            self.grids[i] = (h, w)

    def joined(self) -> npt.NDArray[np.float32]:
        """See `Gathered`."""
        matrix, row = self._matrix, 0
        assert matrix is not None
        if self._others:
            parts = (self._others.get(i, matrix[self._places[i]][: h * w]) for i, (h, w) in sorted(self.grids.items()))
            return np.concatenate(list(parts))
        for i, (h, w) in sorted(self.grids.items()):
            matrix[row : row + h * w] = matrix[self._places[i]][: h * w]
            row += h * w
        self._matrix = None
        matrix.resize((row, self._channels), refcheck=False)  # gives back the room that was not needed
        return matrix
