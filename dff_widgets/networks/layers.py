"""Layers whose output is a map of features: found by looking at one forward pass, and read as (n, h, w, c)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from .forward import hooked, inference, input_like

_NO_FEATURES = (nn.Identity, nn.modules.dropout._DropoutNd, nn.Softmax)  # a softmax gives attention, not features
_POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
_CLASSIFIERS = {"classifier", "fc", "head", "aux_head"}  # torchvision's and timm's names; its maps are class scores
_MOST_PREFIX = 8  # tokens: a class token, a distillation token, four registers, and room
_MOST_STRIDE = 64
_HIERA_STRIDE = 32  # at its last stage; before that its tokens are in the order of its mask units, not row-major


@dataclass(frozen=True)
class Layer:
    """A layer whose output is a map of features.

    Attributes:
        name: as in ``module.named_modules()``.
        channels: the number c of features at each position.
        stride: input pixels per position.
        nonnegative: True when the output has no negative entry (a ReLU came last), as plain NMF needs it; a layer that
            has some is for ``solver="semi"``.
        layout: of the output: ``"nchw"`` (n, c, h, w), ``"nhwc"`` (n, h, w, c), or ``"tokens"`` (n, prefix + h·w, c),
            whose positions are row-major.
        prefix: how many class, distillation and register tokens come before those of the positions; they are left out.
    """

    name: str
    channels: int
    stride: int
    nonnegative: bool
    layout: Literal["nchw", "nhwc", "tokens"] = "nchw"
    prefix: int = 0


def as_map(layer: Layer, output: Tensor, shape: tuple[int, int]) -> Tensor:
    """A layer's output as a map; the one place where tokens become a grid.

    Args:
        layer: the layer.
        output: of the layer for a batch of n images, in the layer's layout.
        shape: (H, W) of the batch, in pixels.

    Returns:
        (n, h, w, c).

    Raises:
        ValueError: there are more or fewer tokens than positions.

    >>> import torch
    >>> layer = Layer("blocks.11", 5, 16, False, "tokens", prefix=1)
    >>> as_map(layer, torch.zeros(3, 1 + 2 * 4, 5), (32, 64)).shape
    torch.Size([3, 2, 4, 5])
    """
    if layer.layout == "nchw":
        return output.permute(0, 2, 3, 1)
    if layer.layout == "nhwc":
        return output
    h, w = shape[0] // layer.stride, shape[1] // layer.stride
    if output.shape[1] != layer.prefix + h * w:
        raise ValueError(
            f"layer {layer.name} gives {output.shape[1]} tokens for {shape[1]} x {shape[0]} pixels, not "
            f"{layer.prefix} + {h} x {w}"
        )
    return output[:, layer.prefix :].reshape(len(output), h, w, -1)


@dataclass(frozen=True, eq=False)
class Findings:
    """What one forward pass showed.

    Attributes:
        layers: by name, in forward order, those whose output is one map of features per image, of which no two are the
            same (where a block returns its last child's output, the block stands for both).
        runs: how often each submodule ran.
        others: what the submodules gave whose output is no tensor, such as ``"a tuple"``.
        sequences: whether some output may have been tokens.
    """

    layers: dict[str, Layer]
    runs: dict[str, int]
    others: dict[str, str]
    sequences: bool


def look(module: nn.Module, modules: Mapping[str, nn.Module], batch: Tensor) -> Findings:
    """Run a module once and look at the outputs of some of its submodules.

    Args:
        module: the network.
        modules: of its submodules those to look at, by name.
        batch: (1, c, H, W), best of noise with W - H a multiple of every stride: then a map is recognized by growing
            along with the image, whatever its layout. Tokens are recognized where H and W are multiples of the stride.

    Raises:
        what the module raises when it cannot take the batch.
    """
    found: dict[str, Layer] = {}
    outputs: dict[str, tuple[Tensor, int]] = {}  # and the version of its values: a later module may change them
    runs: dict[str, int] = {}
    others: dict[str, str] = {}
    sequences = False
    shape = (batch.shape[2], batch.shape[3])
    unrolled = any(type(m).__name__ == "Unroll" for m in module.modules())

    def see(name: str, m: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal sequences
        runs[name] = runs.get(name, 0) + 1
        if not isinstance(output, Tensor):
            others[name] = f"a {type(output).__name__}"
            return
        if not output.ndim or len(output) != 1 or isinstance(m, _NO_FEATURES):
            return
        sequences |= output.ndim == 3 and output.shape[1] > 1
        if inputs and output is inputs[0] and not getattr(m, "inplace", False):  # passes its input on
            return
        same = [n for n, (o, version) in outputs.items() if _same(o, output) and version == output._version]
        inner = [n for n in same if n.startswith(name + ".")]
        if same and not inner:  # another view of what was there before
            return
        layer = _recognize(name, output, shape)
        if layer is None or (unrolled and layer.layout == "tokens" and layer.stride < _HIERA_STRIDE):
            return
        for n in inner:
            del found[n], outputs[n]
        found[name] = layer
        outputs[name] = (output, output._version)

    with inference(module), hooked(modules, see):
        module(batch.to(input_like(module)))
    return Findings(found, runs, others, sequences)


def _same(one: Tensor, other: Tensor) -> bool:
    return one is other or (one.data_ptr() == other.data_ptr() and one.numel() == other.numel())


def _recognize(name: str, output: Tensor, shape: tuple[int, int]) -> Layer | None:
    """The layer, where its output (1, ...) for an image of that (H, W) is a map."""
    # An untrained residual branch may end in zeros; they say nothing about what it gives once it is trained.
    nonnegative = output.numel() > 0 and bool(output.min() >= 0 and output.max() > 0)
    if output.ndim == 4:
        _, a, b, c = output.shape
        if stride := _stride(shape, (b, c)):
            return Layer(name, a, stride, nonnegative)
        if stride := _stride(shape, (a, b)):
            return Layer(name, c, stride, nonnegative, "nhwc")
    if output.ndim == 3:
        _, tokens, channels = output.shape
        strides = [s for s in range(1, _MOST_STRIDE + 1) if not shape[0] % s and not shape[1] % s]
        prefixes = {tokens - (shape[0] // s) * (shape[1] // s): s for s in strides if min(shape) >= 2 * s}
        if fit := [p for p in prefixes if 0 <= p <= _MOST_PREFIX]:
            return Layer(name, channels, prefixes[min(fit)], nonnegative, "tokens", min(fit))
    return None


def _stride(shape: tuple[int, int], grid: tuple[int, int]) -> int:
    """Pixels per position, or 0 where the grid does not grow along with the image."""
    (height, width), (h, w) = shape, grid
    if h < 2 or w < 2:
        return 0
    if height == width:
        stride = max(1, round(height / h)) if h == w else 0
    else:
        stride = round((width - height) / (w - h)) if w != h else 0
    # Convolutions without padding lose positions at the border, at most a few; a stride that does not divide the
    # difference of the sides rounds it.
    fits = stride > 0 and abs(h - height / stride) < 3 and abs(w - h - (width - height) / stride) < 1
    return stride if fits else 0


def default_layer(module: nn.Module, layers: tuple[Layer, ...]) -> str:
    """The last layer before the global pooling, non-negative if such a one describes a position as fully.

    That is with at least half as many channels as the last layer: inside a block there may be a narrow ReLU.
    """
    modules = dict(module.named_modules())

    def repeats(name: str) -> bool:
        """Whether it is a pooling, which only repeats what came before it, or part of the classifier."""
        *_, last = modules[name].modules()
        path = name.split(".")
        return isinstance(last, _POOLING) or "pool" in path[-1].lower() or path[0] in _CLASSIFIERS

    candidates = [layer for layer in layers if not repeats(layer.name)] or list(layers)
    final = candidates[-1]
    deepest = [layer for layer in candidates if layer.stride >= final.stride]
    wide = [layer for layer in deepest if layer.nonnegative and 2 * layer.channels >= final.channels]
    return (wide or deepest)[-1].name
