"""A network and images small enough that the model answers in milliseconds."""

import numpy as np
import pytest
import torch
from torch import nn

import dff_widgets as dff
from dff_widgets.explore import Inline, Model


class Gate(nn.Module):
    """Passes its input on; counts the passes, and calls `entered` first, so that a test decides what happens then."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0
        self.entered = lambda: None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += len(x)
        self.entered()
        return x * 1


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            Gate(),
            nn.Conv2d(3, 6, 5, stride=4),
            nn.ReLU(),
            nn.Conv2d(6, 10, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(10, 4),
        )


def photos(n: int = 4, seed: int = 0) -> dff.ImageSet:
    """Photos of several sizes, with something in them: creatures cut to different shapes."""
    rng = np.random.default_rng(seed)
    drawn = dff.datasets.creatures(n=n, seed=seed, size=96)
    shapes = [(96, 96), (64, 96), (96, 72), (80, 64)]
    cut = [drawn[i][: shapes[i % 4][0], : shapes[i % 4][1]] for i in range(n)]
    return dff.ImageSet.from_arrays([np.clip(c + rng.integers(0, 9, c.shape), 0, 255).astype(np.uint8) for c in cut])


@pytest.fixture
def net() -> nn.Sequential:
    return network()


@pytest.fixture
def images() -> dff.ImageSet:
    return photos()


@pytest.fixture
def model(images: dff.ImageSet, net: nn.Sequential) -> Model:
    made = Model(images, network=net, size=64, k=3, run=Inline, foresee=False)
    assert made.error is None
    return made
