"""Classifiers of a few channels with what the rest of a network may be: pooled, fully connected, skipped, tokens."""

import numpy as np
import torch
from torch import nn

from dff_widgets import load_network
from dff_widgets.dff import factorize
from dff_widgets.extraction import extract
from dff_widgets.images import ImageSet
from tests.small_networks import Small, small


class Skipped(nn.Module):
    """A skip connection passes `side` by; the in-place ReLU behind it changes what came before."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 5, 4, stride=4), nn.ReLU())
        self.side = nn.Sequential(nn.Conv2d(5, 5, 3, padding=1), nn.ReLU())
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3))

    def forward(self, x):
        x = self.stem(x)
        return self.head(self.relu(self.side(x) - 0.3 * x))


class Tokens(nn.Module):
    """Two blocks of attention with a class token, which alone is classified; any size of image."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(6)
            self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(6, 6), nn.ReLU())

        def forward(self, x):
            y = self.norm(x)
            return self.mlp(x + self.attention(y, y, y, need_weights=False)[0])

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 6, 16, stride=16)
        self.token = nn.Parameter(torch.randn(1, 1, 6))
        self.blocks = nn.Sequential(self.Block(), self.Block())
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x = self.patch(x).flatten(2).mT
        x = self.blocks(torch.cat([self.token.expand(len(x), -1, -1), x], dim=1))
        return self.head(x[:, 0])


class Flat(nn.Module):
    """A fully connected head on a fixed grid, as VGG's, and a second output that nobody asked for."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 5, 4, stride=8), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d((2, 3))
        self.head = nn.Linear(30, 4)

    def forward(self, x):
        return self.head(torch.relu_(self.pool(self.stem(x)) - 0.1).flatten(1))


LAYERS = {
    "pooled": (Small, "block"),
    "skipped": (Skipped, "side"),
    "tokens": (Tokens, "blocks.0"),
    "flat": (Flat, "stem"),
}


def photos(n=3, seed=0):
    """Noise with some structure, of two sizes."""
    rng = np.random.default_rng(seed)
    shapes = [(64, 96), (64, 96), (96, 64)]
    return ImageSet.from_arrays([rng.integers(0, 256, (*shapes[i % 3], 3), dtype=np.uint8) for i in range(n)])


def factorized(kind, k=2, images=None):
    """(network, activations, result) of one of `LAYERS`."""
    made, layer = LAYERS[kind]
    network = load_network(small(made))
    activations = extract(network, photos() if images is None else images, layer=layer, size=64)
    return network, activations, factorize(activations, k)
