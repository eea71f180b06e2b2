"""A network and images small enough that the explorer answers in milliseconds."""

import numpy as np
import pytest
import torch
from torch import nn

import dff_widgets as dff


class Slow(nn.Module):
    """Passes its input on after waiting for `gate`, so that a test decides when a forward pass ends."""

    def __init__(self) -> None:
        super().__init__()
        import threading

        self.gate = threading.Event()
        self.entered = threading.Event()
        self.gate.set()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.entered.set()
        assert self.gate.wait(30)
        return x * 1


@pytest.fixture
def network() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            Slow(),
            nn.Conv2d(3, 6, 5, stride=4),
            nn.ReLU(),
            nn.Conv2d(6, 10, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(10, 4),
        )


@pytest.fixture
def images() -> dff.ImageSet:
    rng = np.random.default_rng(0)
    return dff.ImageSet.from_arrays(
        [rng.integers(0, 256, shape, dtype=np.uint8) for shape in [(80, 96, 3), (64, 64, 3), (90, 70, 3), (64, 64, 3)]]
    )


@pytest.fixture
def explorer(images: dff.ImageSet, network: nn.Sequential) -> dff.DFFExplorer:
    explorer = dff.DFFExplorer(images, network=network, k=2, size=64)
    explorer.wait(30)
    assert explorer.error is None
    return explorer
