"""The networks that are known by name: the embedded one, torchvision's and timm's."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ..names import EMBEDDED
from . import lite0

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class KnownNetwork:
    """A network that `load_network` knows by its name.

    Attributes:
        name: for `load_network`.
        library: ``"dff_widgets"`` (embedded), ``"torchvision"`` or ``"timm"``.
        weights: ``"here"`` (on this machine), ``"download"``, or ``"none"`` (nobody has published any).
    """

    name: str
    library: Literal["dff_widgets", "torchvision", "timm"]
    weights: Literal["here", "download", "none"]


def search(words: str = "") -> list[KnownNetwork]:
    """The known networks whose names hold all of the words, the shortest names first; nothing is downloaded.

    Args:
        words: parts of a name, apart by spaces, in any order and case; all networks when empty.

    >>> [(n.name, n.library) for n in search("resnet 101 wide")]
    [('wide_resnet101_2', 'torchvision')]
    """
    parts = words.lower().split()
    names = [name for name in network_names() if all(part in name.lower() for part in parts)]
    torchvision = set(_torchvision_names())
    found = []
    for name in sorted(names, key=lambda name: (len(name), name)) if parts else names:
        if name == EMBEDDED:
            found.append(KnownNetwork(name, "dff_widgets", "here"))
        elif name in torchvision:
            found.append(KnownNetwork(name, "torchvision", _torchvision_weights(name)))
        else:
            found.append(KnownNetwork(name, "timm", _timm_weights(name)))
    return found


def network_names() -> list[str]:
    """Every name `load_network` knows: the embedded network, torchvision's classifiers, then timm's."""
    return list(dict.fromkeys([EMBEDDED, *_torchvision_names(), *_timm_names()]))


def build(name: str, *, pretrained: bool) -> tuple[nn.Module, Channels, Channels]:
    """The module, and the mean and deviation of its input.

    Raises:
        ValueError: an unknown name, or one whose weights nobody has published.
        ConnectionError: the weights are not on this machine and cannot be downloaded.
    """
    if name == EMBEDDED:
        with _fixed_seed():
            return lite0.trained() if pretrained else lite0.EfficientNetLite0(), lite0.MEAN, lite0.STD
    try:
        if name in _torchvision_names():
            return _build_torchvision(name, pretrained=pretrained)
        if name.partition(".")[0] in _timm_names():
            return _build_timm(name, pretrained=pretrained)
    except OSError as error:  # urllib's and the hub's errors are OSErrors
        raise ConnectionError(
            f"the weights of {name} are not on this machine and cannot be downloaded ({type(error).__name__}); "
            f"go online once, give weights=<path of a state dict>, or take {EMBEDDED!r}, whose weights are installed"
        ) from error
    raise ValueError(f"there is no network {name!r}; the nearest are {nearest(name, network_names())}")


def nearest(name: str, names: Sequence[str]) -> str:
    """The four names most like that one: first the shortest that hold it, dots, dashes and case apart."""
    asked = _letters(name)
    holding = sorted((n for n in names if asked and asked in _letters(n)), key=len)
    return ", ".join([*dict.fromkeys([*holding, *difflib.get_close_matches(name, names, n=4, cutoff=0.0)])][:4])


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


# ----------------------------------------------------------------------------------------------------- the libraries
def _torchvision_names() -> list[str]:
    import torchvision

    return list(torchvision.models.list_models(module=torchvision.models))


def _timm_names() -> list[str]:
    import timm

    return list(timm.list_models())


def _build_torchvision(name: str, *, pretrained: bool) -> tuple[nn.Module, Channels, Channels]:
    import torchvision

    with _fixed_seed():
        module = torchvision.models.get_model(name, weights="DEFAULT" if pretrained else None)
    return module, IMAGENET_MEAN, IMAGENET_STD


def _build_timm(name: str, *, pretrained: bool) -> tuple[nn.Module, Channels, Channels]:
    import timm

    base, _, tag = name.partition(".")
    if tag and name not in (tagged := timm.list_pretrained(base + ".*")):
        raise ValueError(f"there is no network {name!r}; the nearest are {nearest(name, [base, *tagged])}")
    if pretrained and not timm.is_model_pretrained(name):
        raise ValueError(f"nobody has published weights of {name}; give weights=<path of a state dict>, or None")
    try:  # transformers that can interpolate their positions: images then keep their aspect
        module = _seeded_timm(name, pretrained=pretrained, dynamic_img_size=True)
    except TypeError:
        module = _seeded_timm(name, pretrained=pretrained)
    config: Any = module.pretrained_cfg
    return module, tuple(config["mean"]), tuple(config["std"])


def _seeded_timm(name: str, *, pretrained: bool, **options: Any) -> nn.Module:
    import timm

    with _fixed_seed():
        module: nn.Module = timm.create_model(name, pretrained=pretrained, **options)
    return module


@contextlib.contextmanager
def _fixed_seed() -> Iterator[None]:
    """Random weights that are the same at each call, and the global generator left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # torch.manual_seed would seed the accelerators' generators too
        yield


# --------------------------------------------------------------------------------------------------- weights on disk
def _torchvision_weights(name: str) -> Literal["here", "download", "none"]:
    import torchvision

    return _at(torchvision.models.get_model_weights(name)["DEFAULT"].url)


def _timm_weights(name: str) -> Literal["here", "download", "none"]:
    import timm
    from huggingface_hub import try_to_load_from_cache

    if not timm.is_model_pretrained(name):
        return "none"
    config = timm.get_pretrained_cfg(name)
    if not config.hf_hub_id:
        return _at(config.url)
    files = ("model.safetensors", "pytorch_model.bin")
    cached = [try_to_load_from_cache(config.hf_hub_id, config.hf_hub_filename or file) for file in files]
    return "here" if any(isinstance(path, str) for path in cached) else "download"


def _at(url: str) -> Literal["here", "download"]:
    """Whether torch's hub has the file of that address."""
    return "here" if (Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name).is_file() else "download"
