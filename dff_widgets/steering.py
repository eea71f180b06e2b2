"""Steering a result: the same images and layer with factors that were split, merged, dropped, added or held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .factorization import Factorization
    from .images import ImageSet

Array = npt.NDArray[Any]
Point = tuple[int, float, float]  # image, y, x in its pixels


def rows_of(result: Steerable, activations: Any = None, network: Any = None) -> Any:
    """The rows that a result is of: those at hand, or extracted again.

    Args:
        result: whose.
        activations: of its images at its layer, or what `factorization.nmf` takes of them, such as a `Sketch`.
        network: what `load_network` takes, where the result's cannot be loaded by its name.

    Raises:
        ValueError: they are of other positions or channels.
    """
    from .extraction import extract

    if activations is None:
        net = result.network if network is None else network
        activations = extract(net, result.images, layer=result.layer, size=result.size)
    rows = activations.matrix if hasattr(activations, "images") else activations
    needed = len(result.factorization.H), result.factorization.W.shape[1]
    if tuple(rows.shape) != needed:
        raise ValueError(f"the activations are {tuple(rows.shape)}; this result is of {needed}")
    return rows


def example_at(result: Steerable, rows: Any, points: Iterable[Point], against: Iterable[Point] = ()) -> Array:
    """(channels,) what the activations are like at some points, and not at others.

    The mean ``a`` over the points; from it is taken what it shares with the mean ``b`` over the others,
    ``max(a - (⟨a, b⟩ / ‖b‖²) b, 0)``.

    Args:
        result: whose images the points are in.
        rows: see `rows_of`.
        points: (image, y, x) in pixels of the image.
        against: likewise.

    Raises:
        ValueError: there is no point, or one is outside of its image; or the network is silent there.
    """
    here = _mean(rows, _positions(result, points))
    if here is None:
        raise ValueError("no point to go by; give at least one (image, y, x)")
    other = _mean(rows, _positions(result, against))
    if other is not None and other.any():
        here = np.maximum(here - (here @ other) / (other @ other) * other, 0)
    if not here.any():
        raise ValueError("the network tells nothing of these points: all of its channels are 0 there, or as elsewhere")
    return here


class Steerable:
    """What a person can do with the factors of a result; each gives a new result, and this one stays as it is.

    Each takes `activations`: those of the result's images at its layer, from `extract`, a `Sketch` of their matrix, or
    a store; without them the images go through the network again, which `network` gives where the result's cannot be
    loaded by its name. Raises ValueError, in one sentence, for what cannot be done.
    """

    factorization: Factorization
    images: ImageSet
    shapes: tuple[tuple[int, int], ...]
    sizes: tuple[tuple[int, int], ...]
    network: str
    layer: str
    size: int
    locked: tuple[int, ...]

    def split(self, factor: int, k: int = 2, *, seed: int = 0, activations: Any = None, network: Any = None) -> Self:
        """One factor replaced by `k` that share what it explains; see `factorization.split`."""
        from .factorization import split

        fac = split(self._rows(activations, network), self.factorization, factor, k, seed=seed)
        return self._steered(fac, (f if f < factor else f + k - 1 for f in self.locked if f != factor))

    def merge(self, factor: int, other: int, *, activations: Any = None, network: Any = None) -> Self:
        """Two factors replaced by one, in the place of the first of them; see `factorization.merge`."""
        from .factorization import merge

        fac = merge(self._rows(activations, network), self.factorization, factor, other)
        gone = max(factor, other)
        return self._steered(fac, (f - (f > gone) for f in self.locked if f not in (factor, other)))

    def drop(self, factor: int, *, activations: Any = None, network: Any = None) -> Self:
        """The others without one factor; see `factorization.drop`."""
        from .factorization import drop

        fac = drop(self._rows(activations, network), self.factorization, factor)
        return self._steered(fac, (f - (f > factor) for f in self.locked if f != factor))

    def lock(self, *factors: int) -> Self:
        """The same result in which W of these factors stays while others are fitted again; none are for none."""
        k = self.factorization.k
        wrong = [f for f in factors if not 0 <= f < k]
        if wrong:
            raise ValueError(f"there is no factor {wrong[0]!r}; there are factors 0..{k - 1}")
        return self._steered(self.factorization, factors)

    def refit(self, k: int | None = None, *, seed: int = 0, activations: Any = None, network: Any = None) -> Self:
        """Fit again from here, with more factors if `k` says so; locked ones stay. See `factorization.refit`."""
        from .factorization import refit

        rows = self._rows(activations, network)
        return self._steered(refit(rows, self.factorization, k=k, locked=self.locked, seed=seed), self.locked)

    def anchor(
        self,
        points: Iterable[Point],
        *,
        factor: int | None = None,
        against: Iterable[Point] = (),
        weight: float = 0.5,
        activations: Any = None,
        network: Any = None,
    ) -> Self:
        """A factor held to an example: "this, and not that".

        Args:
            points: (image, y, x) in pixels of the image, such as those of a click or a stroke.
            factor: which one is held to them; None adds one, which is then the last.
            against: points that it shall not be like; see `example_at`.
            weight: 0..1, how much the example counts against the activations; see `factorization.refit`.
            activations: see the class.
            network: see the class.
        """
        from .factorization import refit

        rows = self._rows(activations, network)
        place = self.factorization.k if factor is None else factor
        example = example_at(self, rows, points, against)
        examples, locked = {place: example}, [f for f in self.locked if f != place]
        fac = refit(rows, self.factorization, locked=locked, examples=examples, weight=weight)
        return self._steered(fac, self.locked)

    def _rows(self, activations: Any, network: Any) -> Any:
        return rows_of(self, activations, network)

    def _steered(self, factors: Factorization, locked: Iterable[int]) -> Self:
        """This result with other factors; maps that were made from the old ones go."""
        gone = {"maps": None, "own_maps": False, "sharpening": None}
        changed = {"factorization": factors, "locked": tuple(sorted(locked)), **gone}
        return replace(self, **changed)  # type: ignore[type-var]


def _positions(result: Steerable, points: Iterable[Point]) -> list[int]:
    """The rows that points lie in, each once."""
    starts = np.cumsum([0, *(h * w for h, w in result.shapes)])
    found: dict[int, None] = {}
    for image, y, x in points:
        if not 0 <= image < len(result.shapes):
            raise ValueError(f"there is no image {image!r}; there are {len(result.shapes)}")
        (height, width), (h, w) = result.sizes[image], result.shapes[image]
        if not (0 <= y < height and 0 <= x < width):
            raise ValueError(f"the point ({y}, {x}) is outside of image {image}, which is {height} x {width}")
        found[int(starts[image]) + int(y * h / height) * w + int(x * w / width)] = None
    return list(found)


def _mean(rows: Any, positions: Sequence[int]) -> Array | None:
    """The mean of some rows of a matrix, a sketch or a store; None of none."""
    if not positions:
        return None
    import torch

    from .factorization import Sketch
    from .factorization.rows import as_rows

    matrix = rows.matrix if isinstance(rows, Sketch) else as_rows(rows, "auto")
    mean = matrix.rows(torch.tensor(sorted(positions))).mean(0)
    return np.maximum(np.asarray(mean.cpu(), dtype=np.float32), 0)
