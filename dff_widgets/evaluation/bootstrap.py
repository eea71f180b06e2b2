"""How sure a score is: the images of a set, drawn again and again (Efron 1979)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


def draws(images: int, repeats: int = 1000, seed: int = 0) -> npt.NDArray[np.int64]:
    """How often each image is in each of many sets of as many, drawn with replacement.

    The same seed gives the same sets, so that methods are compared on the same ones: paired.

    Args:
        images: how many.
        repeats: how many sets.
        seed: of the draws.

    Returns:
        (repeats, images); each row sums to `images`. A sum over a drawn set is a product with it: with pixels in common
        and in the union, ``draws @ shared / (draws @ union)`` are the dataset-wide IoU of all sets.
    """
    if images < 1 or repeats < 1:
        raise ValueError(f"images is {images!r} and repeats {repeats!r}; give at least one")
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=repeats)


def quotient_interval(
    above: npt.ArrayLike, below: npt.ArrayLike, repeats: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The middle 95 % of ``sum(above) / sum(below)`` over drawn sets: of a mean, or of a dataset-wide IoU.

    Args:
        above: (n,) per image, such as pixels in common.
        below: (n,) per image, such as pixels of the union; ones for a mean.
        repeats: as in `draws`.
        seed: as there.
    """
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    drawn = draws(len(top), repeats, seed)
    whole = drawn @ bottom
    return interval(np.divide(drawn @ top, whole, out=np.full(repeats, np.nan), where=whole > 0))


def interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of the scores of drawn sets: from which to which value (percentile method).

    Args:
        values: (repeats,) scores, or differences of two methods' scores on the same sets: they differ where 0 lies
            outside. NaN, of a set without what was asked about, is left out.
        level: 0..1.

    >>> interval(range(101), 0.5)
    (25.0, 75.0)
    """
    found = np.asarray(values, dtype=np.float64)
    found = found[np.isfinite(found)]
    if not 0 < level < 1 or not found.size:
        raise ValueError(f"level is {level!r} and there are {found.size} scores; give 0..1, and at least one")
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
