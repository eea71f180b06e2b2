"""The embedded images: four-legged animals in landscapes, ray-marched, with exact part masks.

They need no download, and a seed gives the same pictures everywhere, so a test or a lecture can rely on them. The parts
are "head" (with ears, horns and the upper part of the neck, which moves with it), "torso" (with the lower part of the
neck, the shoulders and the haunches), "legs" (from the elbow and the stifle down) and "tail". They are disjoint, and
together they are the animal.
"""

from __future__ import annotations

import operator
from typing import Any, SupportsIndex

from ...images import ImageSet
from .animals import PARTS
from .drawing import draw

SMALLEST = 32  # pixels; below it a leg is thinner than one of them


def creatures(n: SupportsIndex = 12, *, seed: SupportsIndex = 0, size: SupportsIndex = 256) -> ImageSet:
    """Animals with exact part masks: images (size, size, 3) uint8, parts "head", "torso", "legs" and "tail".

    Image i depends on `seed` and i alone, not on `n`, and shows the same animal and place at every `size`. Pictures are
    read-only, and the last 64 are kept in memory. A tail out of the frame or behind the animal has an empty mask.
    While `dff.warm_up` imports torch, a process of its own draws, so that one does not wait for the other.

    Args:
        n: how many images, at least 1.
        seed: which images, at least 0.
        size: height and width in pixels, at least 32.

    Raises:
        ValueError: an argument is not such a whole number.

    >>> images = creatures(2, size=64)
    >>> images[0].shape, sorted(images.parts[0])
    ((64, 64, 3), ['head', 'legs', 'tail', 'torso'])
    """
    n, seed, size = _whole("n", n, 1), _whole("seed", seed, 0), _whole("size", size, SMALLEST)
    drawn = draw(seed, n, size)
    return ImageSet.from_arrays(
        [picture for picture, _ in drawn],
        names=[f"creature {index}" for index in range(n)],
        parts=[{part: labels == code for code, part in enumerate(PARTS)} for _, labels in drawn],
    )


def _whole(name: str, value: Any, least: int) -> int:
    """`value` as an int, or a ValueError that names the argument."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name} must be a whole number of at least {least}: got {value!r}")
    return number
