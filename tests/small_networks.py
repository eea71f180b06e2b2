"""Networks of a few channels for the tests: quick, seeded, and with the habits of the large ones."""

import torch
from torch import nn


class Block(nn.Module):
    """A residual block that shares one in-place ReLU, as torchvision's."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(x + self.conv2(self.relu(self.bn1(self.conv1(x)))))


class Small(nn.Module):
    """stem (conv, in-place ReLU), pool, block, pooled head; 6 channels at stride 4."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.pool = nn.MaxPool2d(2)
        self.block = Block(6)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))

    def forward(self, x):
        return self.head(self.dropout(self.block(self.pool(self.stem(x)))))


def small(kind=Small):
    """An instance with weights that are always the same; the global generator is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        return kind()


def state_of(module):
    """What must not change: modes, hooks, weights, gradients, devices."""
    return (
        [m.training for m in module.modules()],
        [len(m._forward_hooks) for m in module.modules()],
        [p.requires_grad for p in module.parameters()],
        [p.grad for p in module.parameters()],
        [t.sum().item() for t in (*module.parameters(), *module.buffers())],
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
    )
