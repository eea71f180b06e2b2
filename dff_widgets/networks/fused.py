"""A network's copy that computes the same in fewer steps: batch normalization inside the convolution before it.

In eval mode a batch normalization is an affine function of each channel, so the convolution before it can do it; and on
a CPU oneDNN's convolution does the ReLU after that too, while its results are still in the cache. Which convolutions
can is found by watching a forward pass; that the copy is right is tried out before it is used, layer by layer, and
where it is not, the network itself is used.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional

from .forward import FORWARD_ERRORS, forward_to, hooked, inference, input_like

TOLERANCE = 1e-3  # of a map's range, between the copy and the network
_ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]

Limits = tuple[float, float]
_LIMITS: dict[type[nn.Module], Limits] = {nn.ReLU: (0.0, math.inf), nn.ReLU6: (0.0, 6.0)}


class FusedConv(nn.Module):
    """A convolution, the batch normalization after it, and a clamp where one follows.

    Args:
        conv: the convolution; one with ``same`` pads as TensorFlow does, an odd pixel at right and bottom.
        norm: in eval mode.
        limits: of the clamp.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, limits: Limits | None) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
        shift = -norm.running_mean * scale + (0 if norm.bias is None else norm.bias)
        weight = conv.weight * scale[:, None, None, None]
        bias = shift if conv.bias is None else shift + conv.bias * scale
        self.register_buffer("weight", weight.detach().contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias.detach())
        self.kernel, self.stride, self.dilation = conv.kernel_size, list(conv.stride), list(conv.dilation)
        self.groups, self.padding, self.same = conv.groups, conv.padding, getattr(conv, "same", False)
        self.limits = limits
        self._packed: dict[tuple[int, int], Tensor] = {}

    def forward(self, maps: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c', h', w')."""
        padding, longer = self._padding(maps)
        if maps.device.type != "cpu" or not _ONEDNN:
            weight = _longer(self.weight, longer)
            out = functional.conv2d(maps, weight, self.bias, self.stride, padding, self.dilation, self.groups)
            return out if self.limits is None else out.clamp_(*self.limits)
        if longer not in self._packed:
            weight = _longer(self.weight, longer).contiguous(memory_format=torch.channels_last)
            self._packed[longer] = torch.ops.mkldnn._reorder_convolution_weight(
                weight, padding, self.stride, self.dilation, self.groups, list(maps.shape)
            )
        then, limits = ("none", []) if self.limits is None else ("hardtanh", list(self.limits))
        if self.limits == _LIMITS[nn.ReLU]:
            then, limits = "relu", []
        options = (padding, self.stride, self.dilation, self.groups, then, limits, "")
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(maps, self._packed[longer], self.bias, *options)
        return fused

    def _padding(self, maps: Tensor) -> tuple[list[int], tuple[int, int]]:
        """The padding at both ends of either axis; and by how many zeros the kernel is longer at its beginning.

        An odd pixel of padding at the end is one at both ends for a kernel that begins with a zero: no padded copy.
        """
        if not self.same:
            return [int(p) for p in self.padding], (0, 0)
        sides = zip(maps.shape[2:], self.stride, self.kernel, strict=True)
        height, width = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side, stride, kernel in sides)
        return [height - height // 2, width - width // 2], (height % 2, width % 2)


def _longer(weight: Tensor, by: tuple[int, int]) -> Tensor:
    return functional.pad(weight, (by[1], 0, by[0], 0)) if any(by) else weight


@dataclass
class _Chain:
    """A convolution by name, and what follows it."""

    conv: str
    norm: str = ""
    act: str = ""


def _chains(module: nn.Module, sample: Tensor) -> list[_Chain]:
    """The convolutions whose output goes to a batch normalization, as a forward pass shows."""
    kinds: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.BatchNorm2d, *_LIMITS)
    modules: dict[str, nn.Module] = {name: m for name, m in module.named_modules() if name and isinstance(m, kinds)}
    chains: dict[str, _Chain] = {}
    runs = dict.fromkeys(modules, 0)
    made: dict[int, tuple[Tensor, _Chain]] = {}  # by id; the tensor is held, so that no other one gets its id

    def watch(name: str, m: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        runs[name] += 1
        chain = made[id(inputs[0])][1] if inputs and id(inputs[0]) in made else None
        if isinstance(m, nn.Conv2d):
            chain = chains[name] = _Chain(name)
        elif chain is not None and isinstance(m, nn.BatchNorm2d) and not chain.norm:
            chain.norm = name
        elif chain is not None and type(m) in _LIMITS and chain.norm and not chain.act:
            chain.act = name
        else:
            return
        made[id(output)] = output, chain

    with inference(module), hooked(modules, watch):
        module(sample)
    whole = [chain for chain in chains.values() if chain.norm and runs[chain.conv] == runs[chain.norm] == 1]
    for chain in whole:
        if chain.act and runs[chain.act] > 1:  # one ReLU in several places stays in all of them
            chain.act = ""
    return [chain for chain in whole if _foldable(modules[chain.conv], modules[chain.norm])]


def _foldable(conv: nn.Module, norm: nn.Module) -> bool:
    return (
        isinstance(conv, nn.Conv2d)
        and isinstance(norm, nn.BatchNorm2d)
        and (type(conv) is nn.Conv2d or hasattr(conv, "same"))
        and (type(norm) is nn.BatchNorm2d or hasattr(norm, "limits") or isinstance(_act(norm), nn.Module))
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and conv.weight.dtype == torch.float32
        and norm.running_mean is not None
    )


def _act(norm: nn.Module) -> Any:
    """The activation that timm's batch normalizations have inside."""
    return getattr(norm, "act", None)


def fuse(module: nn.Module, sample: Tensor) -> nn.Module | None:
    """A copy that shares what is not fused, in eval mode; None where there is nothing to fuse.

    Args:
        module: any; it is left as it is.
        sample: (1, c, H, W), what it takes.
    """
    chains = _chains(module, sample)
    if not chains:
        return None
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    fused = copy.deepcopy(module, shared).eval()
    for chain in chains:
        conv, norm = fused.get_submodule(chain.conv), fused.get_submodule(chain.norm)
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        inside = _act(norm)
        limits: Limits | None = getattr(norm, "limits", None) or _LIMITS.get(type(inside))
        rest = inside if isinstance(inside, nn.Module) and limits is None else nn.Identity()
        if chain.act and limits is None and isinstance(rest, nn.Identity):
            limits = _LIMITS[type(fused.get_submodule(chain.act))]
            _replace(fused, chain.act, nn.Identity())
        _replace(fused, chain.conv, FusedConv(conv, norm, limits))
        _replace(fused, chain.norm, rest)
    return fused


def _replace(module: nn.Module, name: str, by: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, by)


# ------------------------------------------------------------------------------------------------ which one is used
@dataclass
class _Copy:
    """A module's copy, of weights as they were, and the layers at which it was compared."""

    weights: tuple[tuple[int, int], ...]
    module: nn.Module | None
    right: dict[str, bool] = field(default_factory=dict)


_COPIES: WeakKeyDictionary[nn.Module, _Copy] = WeakKeyDictionary()


def fused_at(module: nn.Module, layers: Collection[str], sample: Tensor) -> nn.Module:
    """A copy that is right at these layers, made and tried out once; the module itself where there is none.

    Args:
        module: which; kept from changing by the caller (see `inference`).
        layers: names in it.
        sample: (1, c, H, W), what it takes.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many small steps, which with two threads on busy cores took ten times as long
    try:
        return _right_at(module, layers, sample.to(input_like(module)))
    finally:
        torch.set_num_threads(threads)


def _right_at(module: nn.Module, layers: Collection[str], sample: Tensor) -> nn.Module:
    weights = tuple((t.data_ptr(), t._version) for t in (*module.parameters(), *module.buffers()))
    known = _COPIES.get(module)
    if known is None or known.weights != weights:
        known = _COPIES[module] = _Copy(weights, _attempt(module, sample))
    if known.module is None:
        return module
    new = [name for name in layers if name not in known.right]
    if new:
        known.right.update(_compare(module, known.module, new, sample))
    return known.module if all(known.right[name] for name in layers) else module


def _attempt(module: nn.Module, sample: Tensor) -> nn.Module | None:
    try:
        return fuse(module, sample)
    except Exception:  # a module may refuse to be copied in any way; it then runs as it is
        return None


def _compare(module: nn.Module, fused: nn.Module, layers: list[str], sample: Tensor) -> dict[str, bool]:
    """Whether the copy gives the same maps, layer by layer."""
    there = [name for name in layers if name in dict(fused.named_modules())]
    right = dict.fromkeys(layers, False)
    try:
        with inference(module):
            plain, quick = forward_to(module, there, sample), forward_to(fused, there, sample)
    except FORWARD_ERRORS:
        return right
    for name in there:
        a, b = plain[name], quick[name]
        if isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape == b.shape:
            right[name] = bool((a - b).abs().max() <= TOLERANCE * (a.max() - a.min()))
    return right
