"""The names that papers give the layers of a VGG: ``conv5_4`` is the fourth convolution of the fifth block."""

from __future__ import annotations

from torch import nn

_STEPS = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d)


def vgg_names(module: nn.Module) -> dict[str, str]:
    """Papers' name -> the name in ``module.named_modules()``; empty for a network that is not built like a VGG.

    A convolution is meant with its ReLU, as the papers take it: ``conv5_4`` and ``relu5_4`` are one, ``pool5`` ends the
    block. Torchvision's and timm's VGG, with or without batch normalization, keep all of it in ``features``.

    >>> from torch.nn import Conv2d, MaxPool2d, Module, ReLU, Sequential
    >>> net = Module()
    >>> first = (Conv2d(3, 4, 3), ReLU(), Conv2d(4, 4, 3), ReLU(), MaxPool2d(2))
    >>> net.features = Sequential(*first, Conv2d(4, 8, 3), ReLU())
    >>> names = vgg_names(net)
    >>> names["conv1_2"], names["pool1"], names["conv2_1"]
    ('features.3', 'features.4', 'features.6')
    """
    features = getattr(module, "features", None)
    if not isinstance(features, nn.Sequential) or not all(isinstance(step, _STEPS) for step in features):
        return {}
    names: dict[str, str] = {}
    block, convolution = 1, 0
    for number, step in features.named_children():
        if isinstance(step, nn.Conv2d):
            convolution += 1
        elif isinstance(step, nn.ReLU):
            names[f"conv{block}_{convolution}"] = names[f"relu{block}_{convolution}"] = f"features.{number}"
        elif isinstance(step, nn.MaxPool2d):
            names[f"pool{block}"] = f"features.{number}"
            block, convolution = block + 1, 0
    return names
