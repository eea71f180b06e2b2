"""A model of a few creatures with part masks, whose stacks take milliseconds."""

import dataclasses
from functools import cache

import dff_widgets as dff
from dff_widgets.explore import Inline, Model

from ..small_networks import small

LAYERS = ("stem.0", "stem", "pool", "block")


@cache
def network():
    return dff.load_network(small())


@cache
def creatures(seed=0, n=4):
    images = dff.datasets.creatures(n, seed=seed, size=64)
    return dataclasses.replace(images, parts=[one if i != 1 else {} for i, one in enumerate(images.parts)])


def model_of(images=None, run=Inline, foresee=False, **choices):
    choices = {"network": network(), "size": 64, "k": 3, **choices}
    return Model(creatures() if images is None else images, run=run, foresee=foresee, **choices)
