"""Run the rest of a network on what a result says of its images: on the activations, on H W, or on a part of H W.

Where nothing but the layer decides the scores, the images need not go through the network again: one small image of
noise carries any number of replaced activations. Else each image goes along, as often as it is asked about.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from ..devices import pick_device
from ..networks import (
    Layer,
    Network,
    NoClassesError,
    as_map,
    class_scores,
    hooked,
    inference,
    input_shape,
    load_network,
    prepare,
    scores_after,
)
from .batches import batches
from .extract import Activations
from .forward_pass import moved
from .records import Factored

Array = npt.NDArray[Any]

_CHUNK = 2**24  # bytes of replaced activations at a time
_CARRIER = 64  # short side in pixels of the image that only carries them
_BATCH = 8  # images that go through the whole network at a time
_CLOSE = 1e-4  # of the largest score: what two runs on the same activations may differ by


@contextlib.contextmanager
def rest_of(
    result: Factored,
    network: str | nn.Module | Network | None = None,
    *,
    activations: Activations | None = None,
    device: str | torch.device = "auto",
) -> Iterator[Rest]:
    """The rest of a result's network; the module's mode, device and hooks are as before afterwards.

    Args:
        result: whose factorization models the activations: ``A ≈ H W``.
        network: what `load_network` takes; by default the result's, by its name. A module of your own must be given.
        activations: what the result was made from, where they are at hand; else the images go through the network
            once more where that is needed.
        device: as in `extract`.

    Raises:
        NoClassesError: the network has no classifier, or its scores do not depend on the layer.
        ValueError: the result is of another layer or network, or does not model its activations.
    """
    loaded = load_network(result.network if network is None else network)
    layer, channels = loaded.layer(result.layer), result.factorization.W.shape[1]
    if channels != layer.channels:
        raise ValueError(
            f"the factors have {channels} channels; layer {layer.name} of {loaded.name} has {layer.channels}"
        )
    if np.isnan(result.factorization.error):
        raise ValueError("these maps do not model the activations (A ≈ H W); give a factorization of them")
    rows = sum(h * w for h, w in result.shapes)
    if activations is not None and activations.matrix.shape != (rows, channels):
        raise ValueError(
            f"activations are {activations.matrix.shape}; the result is of ({rows}, {channels}): give its own"
        )
    with inference(loaded.module), moved(loaded.module, pick_device(device)) as like:
        yield Rest(result, loaded, layer, like, activations)


class Rest:
    """The images of a result, and what a network's classifier makes of their activations; from `rest_of`.

    Attributes:
        network: the network.
        groups: the images by grid: those of a group can share a run.
        W: (k, c) the factors.
        classes: how many classes the network tells apart.
    """

    def __init__(
        self, result: Factored, network: Network, layer: Layer, like: Tensor, activations: Activations | None
    ) -> None:
        self.network = network
        self._result, self._layer, self._like, self._activations = result, layer, like, activations
        grids: dict[tuple[int, int], list[int]] = {}
        for i, grid in enumerate(result.shapes):
            grids.setdefault(grid, []).append(i)
        self.groups = tuple(grids.values())
        self._ends = np.cumsum([0, *(h * w for h, w in result.shapes)])
        self.use(result)
        self._image = lru_cache(maxsize=1)(self._read)
        self.classes, self._carrier = self._find_carrier()

    # ----------------------------------------------------------------------------------------------- what to run it on
    def use(self, result: Factored) -> None:
        """Take H and W from another factorization of the same activations."""
        H, W = (np.array(m, dtype=np.float32) for m in (result.factorization.H, result.factorization.W))
        self._H, self.W = torch.from_numpy(H).to(self._like.device), torch.from_numpy(W).to(self._like.device)

    def rows(self, i: int) -> Tensor:
        """(h·w, k) the rows of H of image i."""
        return self._H[self._ends[i] : self._ends[i + 1]]

    def mixed(self, i: int, weights: Tensor) -> Tensor:
        """H W of image i with its factors weighted: all 1 is H W itself, a 0 takes a factor away.

        Args:
            i: the image.
            weights: (m, k).

        Returns:
            (m, h, w, c).
        """
        h, w = self._result.shapes[i]
        weighted = weights.to(self.W)[:, None] * self.rows(i)
        if self._layer.layout == "nchw":  # in that order in memory: to turn it round would take longer than the product
            return (self.W.T @ weighted.mT).reshape(len(weights), -1, h, w).permute(0, 2, 3, 1)
        return (weighted @ self.W).reshape(len(weights), h, w, -1)

    def own(self, i: int) -> Tensor:
        """(h, w, c) the activations of image i themselves."""
        if self._activations is None:
            return self._seen[0][i]
        h, w = self._result.shapes[i]
        rows = np.asarray(self._activations.matrix[self._ends[i] : self._ends[i + 1]], dtype=np.float32)
        return torch.from_numpy(rows.copy()).to(self._like.device).reshape(h, w, -1)

    @cached_property
    def scores(self) -> Tensor:
        """(n, classes) what the network gives the images themselves."""
        if self._carrier is None or self._layer.prefix or self._activations is None:
            return torch.stack(self._seen[2])
        return self.each(self.own)

    # ---------------------------------------------------------------------------------------------------------- running
    def each(self, values: Callable[[int], Tensor]) -> Tensor:
        """(n, classes) the scores of each image when the layer gives ``values(i)`` (h, w, c)."""
        found: dict[int, Tensor] = {}
        for group in self.groups:
            for part in self.parts(group):
                found.update(zip(part, self.run(part, torch.stack([values(i) for i in part])), strict=True))
        return torch.stack([found[i] for i in range(len(self._result.shapes))])

    def parts(self, group: Sequence[int], times: int = 1) -> Iterator[Sequence[int]]:
        """Images of one grid, as many at a time as are run together when each comes that many times."""
        h, w = self._result.shapes[group[0]]
        size = max(1, _CHUNK // (4 * h * w * self._layer.channels * times))
        yield from (group[start : start + size] for start in range(0, len(group), size))

    def run(self, images: Sequence[int], values: Tensor) -> Tensor:
        """The scores when the layer gives other activations.

        Args:
            images: m images of one grid, one for each of the values; the same one may come again and again.
            values: (m, h, w, c); gradients reach them.

        Returns:
            (m, classes).
        """
        size = max(1, _CHUNK // (4 * values[0].numel()))
        if self._carrier is None:
            size = min(size, _BATCH)
        found = []
        for start in range(0, len(images), size):
            here = images[start : start + size]
            prefix = None if not self._layer.prefix else torch.stack([self._seen[1][i] for i in here])
            pixels = self._carrier
            if pixels is None:
                pixels = torch.cat([self._image(i) for i in here])
            found.append(scores_after(self.network, self._layer, values[start : start + size], pixels, prefix))
        return torch.cat(found)

    def _find_carrier(self) -> tuple[int, Tensor | None]:
        """The number of classes, and an image (1, channels, H, W) that may stand for all of them.

        None in its place where something passes the layer by. Found by trying: whether two sets of activations get the
        same scores over other noise; and whether the scores change when they change places.
        """
        values = self.mixed(0, torch.ones(1, len(self.W)))
        other = torch.rand(values.shape, generator=torch.Generator().manual_seed(0)).to(values) * values.abs().amax()
        pair = torch.cat([values, other])
        prefix = pair[:1, 0, :1].expand(2, self._layer.prefix, -1) if self._layer.prefix else None

        def scored(pixels: Tensor, values: Tensor) -> Tensor:
            return scores_after(self.network, self._layer, values, pixels, prefix)

        shape = input_shape(self.network, self._result.sizes[0], self._result.size)
        whole = self._noise(shape, seed=0).expand(2, -1, -1, -1)
        expected, carrier = scored(whole, pair), None
        for small in (input_shape(self.network, (_CARRIER, _CARRIER), _CARRIER), shape):
            tried = self._noise(small, seed=1)
            with contextlib.suppress(NoClassesError):
                found = scored(tried, pair)
                least = _CLOSE * float(expected.abs().max())
                if found.shape == expected.shape and torch.allclose(found, expected, rtol=0, atol=least):
                    carrier = tried
                    break
        pixels = whole if carrier is None else carrier
        if torch.equal(scored(pixels, pair), scored(pixels, pair.flip(0))):
            raise NoClassesError(
                f"the classes of {self.network.name} do not depend on the positions of {self._layer.name}; "
                "take an earlier layer"
            )
        return expected.shape[1], carrier

    def _noise(self, shape: tuple[int, int], seed: int) -> Tensor:
        pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        return torch.from_numpy(prepare(self.network, Image.fromarray(pixels), shape)).permute(2, 0, 1)[None]

    def _read(self, i: int) -> Tensor:
        """(1, channels, H, W) image i as the network takes it."""
        size = self._result.sizes[i]
        shape = input_shape(self.network, size, self._result.size)
        image = self._result.images.open(i, size)
        return torch.from_numpy(prepare(self.network, image, shape)).permute(2, 0, 1)[None]

    @cached_property
    def _seen(self) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Per image the activations (h, w, c), the tokens before the positions (p, c), and the scores (classes,)."""
        result, shapes = self._result, dict[tuple[int, int], list[int]]()
        for i, size in enumerate(result.sizes):
            shapes.setdefault(input_shape(self.network, size, result.size), []).append(i)
        kept: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        skipped: dict[int, str] = {}
        caught: list[Tensor] = []

        def catch(_name: str, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
            caught.append(output.clone())  # a later module may change it in place

        sizes = dict(enumerate(result.sizes))
        module = self.network.module
        made = batches(result.images, self.network, sizes, shapes, lambda _shape: _BATCH, skipped)
        with contextlib.closing(made), hooked({self._layer.name: module.get_submodule(self._layer.name)}, catch):
            for indices, batch in made:
                scores = class_scores(self.network, module(batch.to(self._like)))
                output = caught.pop()
                maps = as_map(self._layer, output, (batch.shape[2], batch.shape[3]))
                before = output[:, : self._layer.prefix]
                kept |= {i: (maps[j], before[j], scores[j]) for j, i in enumerate(indices)}
        if skipped:
            raise ValueError(f"an image of the result cannot be read any more: {skipped[min(skipped)]}")
        ordered = [kept[i] for i in range(len(result.shapes))]
        if wrong := [i for i, (maps, *_) in enumerate(ordered) if tuple(maps.shape[:2]) != result.shapes[i]]:
            raise ValueError(
                f"image {wrong[0]} gives a grid of {tuple(ordered[wrong[0]][0].shape[:2])} at {self._layer.name}, and "
                f"the result has {result.shapes[wrong[0]]}: give the network that it was made with"
            )
        return (
            [maps for maps, _, _ in ordered],
            [before for _, before, _ in ordered],
            [scores for *_, scores in ordered],
        )


def above_mean(scores: Tensor) -> Tensor:
    """(..., classes) each score less the mean of all classes: what raises all of them alike decides nothing."""
    return scores - scores.mean(dim=-1, keepdim=True)
