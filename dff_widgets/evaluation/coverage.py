"""Which parts a factor stands for: coverage, and the association by it (section 4.3 of the paper)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .metrics import overlaps
from .pixel_counts import ratio

Array = npt.NDArray[Any]


class Coverage(np.ndarray[tuple[int, ...], np.dtype[np.float64]]):
    """A (k, p) float64 array that knows the names of its p columns.

    It is an array in every way. What is computed or cut from it is an array too, but knows no names: they may not fit.

    Attributes:
        parts: the names of the columns.
    """

    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: npt.ArrayLike, parts: Sequence[str]) -> Coverage:
        """Values (k, p) whose columns are `parts`."""
        coverage = np.asarray(values, dtype=np.float64).view(cls)
        coverage.parts = tuple(parts)
        return coverage


def coverage(masks: Iterable[Array], parts: Iterable[Mapping[str, Array]]) -> Coverage:
    """The fraction of each part's pixels, over the whole set, that lie in each factor's masks (eq. 7 of the paper).

    Args:
        masks: per image (k, h, w) bool; images may differ in size.
        parts: per image {name: (h, w) bool}. Parts may overlap; one that an image does not name is empty there.

    Returns:
        (k, p) in 0..1; the columns are ``.parts``: the names in the order in which they first appear in the set. A part
        without a pixel in any image is covered by no factor: 0.

    Raises:
        ValueError: no images, masks and parts of another number of images, or a mask of another size or dtype.

    >>> mask, head = np.zeros((1, 2, 4), dtype=bool), np.ones((2, 4), dtype=bool)
    >>> mask[0, :, 0] = True
    >>> found = coverage([mask], [{"head": head}])
    >>> found.shape, found.parts, float(found[0, 0])
    ((1, 1), ('head',), 0.25)
    """
    counts = overlaps(masks, parts)
    return Coverage.of(ratio(counts.intersection, counts.part_area), counts.parts)


def assign(coverage: Array, threshold: float = 0.5, *, parts: Sequence[str] | None = None) -> dict[int, list[Any]]:
    """Associate with each factor the parts it covers (section 4.3 of the paper).

    Args:
        coverage: (k, p), from `coverage`.
        threshold: 0..1; a part goes with every factor that covers more than this of it.
        parts: the names of the p columns; by default those the coverage knows.

    Returns:
        factor -> its parts, in the order of the columns; an empty list for a factor without one. Parts are names, or
        for a plain array, which knows none, the numbers of the columns.

    Raises:
        ValueError: coverage is not (k, p), the names do not fit, or the threshold is outside 0..1.

    >>> assign(np.array([[0.9, 0.5], [0.1, 0.6]]), parts=["head", "torso"])
    {0: ['head'], 1: ['torso']}
    """
    if np.ndim(coverage) != 2:
        raise ValueError(f"coverage is {np.shape(coverage)}; give (k, p)")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold!r}; give a fraction from 0 to 1")
    p = np.shape(coverage)[1]
    names: Sequence[Any] = parts if parts is not None else getattr(coverage, "parts", ()) or range(p)
    if len(names) != p:
        raise ValueError(f"parts has {len(names)} names; coverage has {p} columns")
    return {
        f: [name for name, covered in zip(names, row, strict=True) if covered > threshold]
        for f, row in enumerate(np.asarray(coverage))
    }
