"""A network on a device, batch by batch: as many images at a time as fit, up to the last of some layers."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ..devices import is_out_of_memory, uploaded
from ..networks import FORWARD_ERRORS, Layer, Network, as_map, forward_to, input_like
from ..wording import one_line

_MAPS = 24 << 20  # bytes; tensors above 32 MiB cost the system new pages at each call
_DEVICE_MAPS = 512 << 20  # bytes, on an accelerator


class SmallerBatchWarning(UserWarning):
    """A batch did not fit in memory; the extraction went on with fewer images at a time."""


class Forward:
    """Runs batches up to the last of some layers, in parts once one did not fit in memory."""

    def __init__(self, name: str, module: nn.Module, layers: Sequence[Layer], like: Tensor) -> None:
        self._name, self._module, self._like = name, module, like
        self._layers = {layer.name: layer for layer in layers}
        self._most: int | None = None  # images that fit

    def __call__(self, batch: Tensor) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """(n, c, H, W) -> of each part its place in the batch, and by layer its features (m, h, w, channels)."""
        done = 0
        while done < len(batch):
            part = batch[done : None if self._most is None else done + self._most]
            features = self._run(part)
            if features is None:
                self._halve(part)
            else:
                yield done, features
                done += len(part)

    def _run(self, batch: Tensor) -> dict[str, Tensor] | None:
        """The features, or None where memory does not suffice."""
        shape = (batch.shape[2], batch.shape[3])
        try:
            caught = forward_to(self._module, self._layers, uploaded(batch, self._like.device).to(self._like.dtype))
            features = {name: as_map(layer, caught[name], shape) for name, layer in self._layers.items()}
        except (*FORWARD_ERRORS, MemoryError) as error:
            if is_out_of_memory(error):
                return None
            raise ValueError(
                f"{self._name} does not take images of {shape[1]} x {shape[0]} pixels ({one_line(error)}); "
                "try another size"
            ) from error
        for name, found in features.items():
            if len(found) != len(batch):
                raise ValueError(
                    f"layer {name!r} of {self._name} gives {len(found)} maps for {len(batch)} images; give a network "
                    "that makes one for each, whatever else is in the batch"
                )
        return features

    def _halve(self, batch: Tensor) -> None:
        if self._like.device.type == "cuda":
            torch.cuda.empty_cache()
        n, _, height, width = batch.shape
        if n == 1:
            raise MemoryError(
                f"{self._name} runs out of memory on one image of {width} x {height} pixels on "
                f"{self._like.device}; take a smaller size, or another device"
            )
        if self._most is None:
            warnings.warn(
                f"{n} images of {width} x {height} pixels do not fit in the memory of {self._like.device}; "
                "going on with fewer at a time",
                SmallerBatchWarning,
                stacklevel=6,  # the caller of extract or extract_layers
            )
        self._most = n // 2


def images_at_once(network: Network, device: torch.device, shape: tuple[int, int]) -> int:
    """How many images of a size make a batch, so that its largest maps stay small enough to be quick."""
    numbers = max(layer.channels / layer.stride**2 for layer in network.layers)  # for each pixel
    budget, most = (_MAPS, 8) if device.type == "cpu" else (_DEVICE_MAPS, 64)
    return max(1, min(most, int(budget / (4 * numbers * shape[0] * shape[1]))))


def decoders(device: torch.device) -> int:
    """How many threads decode: one beside a network on the CPU, which is busy with the network, else all cores."""
    return 1 if device.type == "cpu" else min(8, os.cpu_count() or 1)


@contextlib.contextmanager
def moved(module: nn.Module, device: torch.device) -> Iterator[Tensor]:
    """The module on that device, and back where it was afterwards; one that is spread over devices stays where it is.

    Yields:
        A tensor of the device and dtype that the module's input must have.
    """
    homes = list({tensor.device for tensor in (*module.parameters(), *module.buffers())})
    try:
        if len(homes) == 1:
            module.to(device)
        yield input_like(module) if homes else torch.empty(0, device=device)
    finally:
        if len(homes) == 1:
            module.to(homes[0])
