"""A network that is ready to extract from, and `load_network`, which makes one."""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ..names import EMBEDDED
from ..wording import one_line
from .catalogue import IMAGENET_MEAN, IMAGENET_STD, Channels, build, nearest
from .forward import FORWARD_ERRORS, hooked, inference, input_like
from .fused import fused_at
from .layers import Findings, Layer, as_map, default_layer, look
from .preparation import Preprocess, check_whole, input_shape, preprocessed
from .vgg_names import vgg_names

# What the sides of the images may have to be multiples of -> sides to look at a network with. One is an odd multiple,
# lest a stricter condition be met by chance; they differ by 224, a multiple of the usual strides (see `look`).
_TRIALS = {1: (131, 355), 14: (154, 378), 16: (144, 368), 32: (160, 384)}
_INTEGERS = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized")  # where layers of integers come from


@dataclass(frozen=True, eq=False)
class Network:
    """A network that is ready to extract from.

    Attributes:
        name: what `load_network` was asked for, or the class of the module.
        module: the network; `dff_widgets` never changes its weights, and puts its mode back after each use.
        mean, std: per input channel, for images scaled to 0..1; not used where there is a `preprocess`.
        layers: every layer with a spatial output, in the order of the forward pass.
        default_layer: the last layer before the global pooling, the most semantic one (fig. 4 of the paper);
            non-negative where the network has such a layer at that depth.
        preprocess: None, or the caller's own preparation of an image.
        multiple: the sides of the images are rounded to multiples of this: a patch of a vision transformer.
        input_size: None, or the (height, width) in pixels of a network that takes no other; every image is then
            squeezed to it whatever `size` says, and its maps are spread over the image again.
    """

    name: str
    module: nn.Module = field(repr=False)
    mean: Channels
    std: Channels
    layers: tuple[Layer, ...] = field(repr=False)
    default_layer: str
    preprocess: Preprocess | None = None
    multiple: int = 1
    input_size: tuple[int, int] | None = None

    def layer(self, name: str | None = None) -> Layer:
        """The layer of that name, or the default one; a VGG's layers have the names of papers too, such as ``conv5_4``.

        Raises:
            ValueError: there is no such layer, or its output is not spatial; the message gives the nearest names.
        """
        name = name or self.default_layer
        name = vgg_names(self.module).get(name, name)
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        modules = dict(self.module.named_modules())
        if name not in modules:
            raise ValueError(f"{self.name} has no layer {name!r}; the nearest are {nearest(name, names)}")
        # Not listed: another name of a listed layer's output (a block and its last module), or not one map of features.
        batch = _sample(self.preprocess, self.input_size or _TRIALS[self.multiple])
        found = look(self.module, {name: modules[name]}, batch)
        if found.runs.get(name, 0) > 1:
            problem = f"runs {found.runs[name]} times in a forward pass, so its output is not one map"
        elif name in found.layers:
            return found.layers[name]
        elif name in found.others:
            problem = f"gives {found.others[name]}, not one map; the layers inside it may"
        else:
            problem = "has no spatial output (one feature vector per position)"
        raise ValueError(f"layer {name!r} of {self.name} {problem}; take one like {nearest(self.default_layer, names)}")

    def fused(self, layers: Collection[str]) -> nn.Module:
        """A copy of the module that is quicker and gives the same at these layers; where there is none, the module.

        Args:
            layers: names in `layers`.
        """
        return fused_at(self.module, layers, _sample(self.preprocess, self.input_size or _TRIALS[self.multiple]))

    def grids(self, shape: tuple[int, int] = (320, 320)) -> dict[str, tuple[int, int]]:
        """The grid of each layer for an image of some size; costs a forward pass.

        Args:
            shape: (height, width) of the image as it goes through the network, in pixels.

        Returns:
            By layer name (h, w), in forward order.

        Raises:
            ValueError: the network does not take images of that size.
        """
        shape, grids = input_shape(self, shape, min(shape)), dict[str, tuple[int, int]]()
        batch = _sample(self.preprocess, shape)
        modules = {layer.name: self.module.get_submodule(layer.name) for layer in self.layers}
        layers = {layer.name: layer for layer in self.layers}

        def measure(name: str, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
            _, h, w, _ = as_map(layers[name], output, (batch.shape[2], batch.shape[3])).shape
            grids[name] = (h, w)

        try:
            with inference(self.module), hooked(modules, measure):
                self.module(batch.to(input_like(self.module)))
        except FORWARD_ERRORS as error:
            height, width = shape
            raise ValueError(
                f"{self.name} does not take images of {width} x {height} pixels: {one_line(error)}"
            ) from error
        return {name: grids[name] for name in layers}


def load_network(
    network: str | nn.Module | Network = EMBEDDED,
    *,
    weights: str | Path | None = "default",
    mean: Channels | None = None,
    std: Channels | None = None,
    preprocess: Preprocess | None = None,
    name: str | None = None,
) -> Network:
    """A network by name, or your own module.

    A module may return anything, such as a tuple or a dict, for only its layers are read; a layer inside it that
    returns no single tensor is not listed, but those inside that layer are.

    Args:
        network: ``"efficientnet_lite0"`` (embedded: ImageNet weights come with the installation, no internet needed),
            any name of torchvision's or timm's classifiers (torchvision's where both have it; see `search`), or an
            ``nn.Module`` that takes (n, 3, h, w) images, on any device. A `Network` is returned as it is.
        weights: ``"default"`` (trained, downloaded and cached by torchvision or timm), None (random, the same at each
            call), or the path of a state dict (``.pth``, read with ``weights_only=True``, or ``.safetensors``). A
            module keeps its own with the first two; a path is loaded into a copy of it.
        mean: per input channel, for images in 0..1; by default that which the weights were trained with, and ImageNet's
            for a module.
        std: likewise.
        preprocess: in place of mean and std, a function from an RGB PIL image (resized so that its short side is the
            `size` of `extract`) to a tensor (channels, H, W). It may resize the image but must not crop it. It is
            called in another thread, one image at a time.
        name: to show for a module; its class by default.

    Raises:
        ValueError: an unknown name (the message gives the nearest), weights that do not fit, a module that does not
            take images or has no layer with a spatial output, or a preprocess that crops.
        ConnectionError: the weights are not on this machine and cannot be downloaded.
        TypeError: `network` is something else.
    """
    given = mean is not None or std is not None
    if isinstance(network, Network):
        if weights != "default" or given or preprocess is not None or name is not None:
            raise ValueError(
                f"{network.name} is loaded already; give weights, mean, std, preprocess and name with its name or its "
                "module"
            )
        return network
    if preprocess is not None:
        if given:
            raise ValueError("give mean and std, or a preprocess that normalises; not both")
        check_whole(preprocess)
    if isinstance(network, nn.Module):
        network = _as_written(network)
        title, module, own_mean, own_std = name or type(network).__name__, network, IMAGENET_MEAN, IMAGENET_STD
    elif isinstance(network, str):
        title = name or network
        module, own_mean, own_std = build(network, pretrained=weights == "default")
        module.eval()
    else:
        raise TypeError(f"network is a {type(network).__name__}; give the name of a network or an nn.Module")
    if weights is not None and weights != "default":
        module = copy.deepcopy(module) if module is network else module
        _load_state(module, Path(weights).expanduser(), title)
    _check_kind(module, title)
    try:
        found, multiple, input_size = _examine(module, preprocess)
    except FORWARD_ERRORS as error:
        raise ValueError(f"{title} does not take (n, 3, h, w) images: {one_line(error)}") from error
    layers = tuple(layer for layer in found.layers.values() if found.runs[layer.name] == 1)
    if not layers:
        raise ValueError(
            f"{title} has no layer with a spatial output (n, c, h, w), (n, h, w, c) or one token per position; "
            "give a convolutional network or a vision transformer"
        )
    mean, std = _per_channel(mean, "mean") or own_mean, _per_channel(std, "std") or own_std
    chosen = default_layer(module, layers)
    return Network(title, module, mean, std, layers, chosen, preprocess, multiple, input_size)


def _as_written(module: nn.Module) -> nn.Module:
    """What `torch.compile` was given: its layers have their own names, and no hook makes it compile anew."""
    inner = getattr(module, "_orig_mod", None)
    return inner if isinstance(inner, nn.Module) and type(module).__name__ == "OptimizedModule" else module


def _check_kind(module: nn.Module, title: str) -> None:
    """Refuse what has no activations to look at, and say what would do."""
    if any(isinstance(one, torch.jit.ScriptModule) for one in module.modules()):
        raise ValueError(f"{title} is TorchScript, whose layers nobody can look into; give the module it was made of")
    tensors = [*module.parameters(), *module.buffers()]
    if any(one.is_meta for one in tensors):
        raise ValueError(f"{title} is on the meta device, without values; load its weights first")
    if any(one.is_complex() for one in tensors):
        raise ValueError(f"{title} has complex parameters; give a network of real ones")
    if any(type(one).__module__.startswith(_INTEGERS) and "Conv" in type(one).__name__ for one in module.modules()):
        raise ValueError(f"{title} is quantized, and its activations are integers; give the module it was made of")


def _examine(module: nn.Module, preprocess: Preprocess | None) -> tuple[Findings, int, tuple[int, int] | None]:
    """What the layers give, and which sizes of images the network takes: `Network.multiple` and `input_size`."""
    modules = {name: m for name, m in module.named_modules() if name}

    def attempt(shape: tuple[int, int]) -> Findings | None:
        with contextlib.suppress(*FORWARD_ERRORS):
            return look(module, modules, _sample(preprocess, shape))
        return None

    for multiple, shape in _TRIALS.items():
        found = attempt(shape)
        if found and found.layers:
            if multiple == 1 and found.sequences:  # tokens can be laid out on multiples of their stride alone
                tokens = attempt(_TRIALS[32])
                if tokens and any(layer.layout == "tokens" for layer in tokens.layers.values()):
                    return tokens, 32, None
            return found, multiple, None
    fixed = _fixed_size(module)
    return look(module, modules, _sample(preprocess, fixed)), 1, fixed


def _fixed_size(module: nn.Module) -> tuple[int, int]:
    """(height, width) that a network was made for, where it says so in timm's or torchvision's way; else 224."""
    config = getattr(module, "pretrained_cfg", None) or {}
    for said in (
        getattr(getattr(module, "patch_embed", None), "img_size", None),
        config.get("input_size"),
        getattr(module, "image_size", None),
    ):
        if isinstance(said, int):
            return said, said
        if said:
            return said[-2], said[-1]
    return 224, 224


def _sample(preprocess: Preprocess | None, shape: tuple[int, int]) -> Tensor:
    """(1, c, H, W) of noise, the same at each call, as the network takes it."""
    generator = torch.Generator().manual_seed(0)
    if preprocess is None:
        return torch.randn(1, 3, *shape, generator=generator)
    pixels = torch.randint(256, (*shape, 3), dtype=torch.uint8, generator=generator)
    return torch.from_numpy(preprocessed(preprocess, Image.fromarray(pixels.numpy()))).permute(2, 0, 1)[None]


def _per_channel(values: Any, what: str) -> Channels | None:
    if values is None:
        return None
    if len(values) != 3:
        raise ValueError(f"{what} is {values!r}; give three numbers, one per input channel")
    red, green, blue = (float(v) for v in values)
    return red, green, blue


def _load_state(module: nn.Module, path: Path, name: str) -> None:
    if not path.is_file():
        raise ValueError(f"no weights at {str(path)!r}; give the path of a state dict, 'default' or None")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, Mapping):
            raise TypeError(f"it holds a {type(state).__name__}")
        module.load_state_dict(state.get("state_dict", state))
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{str(path)!r} is damaged or holds more than tensors, which could run code, and was not read; "
            f"give a state dict of {name}"
        ) from error
    except Exception as error:  # a damaged or foreign file can fail anywhere in the reader; the file is the news
        raise ValueError(f"{str(path)!r} does not hold a state dict of {name}: {one_line(error)}") from error
