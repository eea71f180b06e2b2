"""A test of an order of importance: how a class's probability falls and rises as factors leave and enter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import softmax

from ..extraction import Activations, Progress, reporter, rest_of
from .importance import Importance

if TYPE_CHECKING:
    from ..networks import Network
    from ..result import DFFResult

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """A class's probability while its factors are taken away, or put in, the most important first.

    Attributes:
        cls: the class.
        deletion: (k + 1,) mean over the images: H W, then without one factor more each time; 0..1.
        insertion: (k + 1,) without any factor, then with one more each time; 0..1.
    """

    cls: int
    deletion: Floats = field(repr=False)
    insertion: Floats = field(repr=False)

    @property
    def deletion_area(self) -> float:
        """0..1, by the trapezoidal rule over the fraction of factors gone: low where the order is right."""
        return float(np.trapezoid(self.deletion) / (len(self.deletion) - 1))

    @property
    def insertion_area(self) -> float:
        """0..1, by the trapezoidal rule over the fraction of factors put in: high where the order is right."""
        return float(np.trapezoid(self.insertion) / (len(self.insertion) - 1))


def deletion_insertion(
    result: DFFResult,
    importance: Importance,
    *,
    network: str | nn.Module | Network | None = None,
    activations: Activations | None = None,
    device: str | torch.device = "auto",
    progress: Progress | bool = False,
) -> tuple[Curves, ...]:
    """Deletion and insertion by factor (after Petsiuk et al. 2018, RISE), as a test of an order of importance.

    In each image the factors leave H W, and enter an empty layer, in that image's own order.

    Args:
        result: what the importance is of.
        importance: from `importance`, by any method.
        network: as in `importance`.
        activations: as there.
        device: as there.
        progress: as there; counts images.

    Returns:
        Curves for each class of the importance.

    Raises:
        ValueError: the importance is of another number of images or factors; or as in `importance`.
    """
    if importance.values.shape[1:] != (len(result), result.k):
        raise ValueError(
            f"the importance is of {importance.values.shape[1:]} images and factors; the result has "
            f"({len(result)}, {result.k})"
        )
    report, close = reporter(progress, len(result))
    sums = np.zeros((len(importance.classes), 2, result.k + 1))
    try:
        with rest_of(result, network, activations=activations, device=device) as rest:
            for i in range(len(result)):
                for c, (cls, worth) in enumerate(zip(importance.classes, importance.values[:, i], strict=True)):
                    weights = torch.from_numpy(_steps(worth))
                    scores = rest.run([i] * len(weights), rest.mixed(i, weights))
                    sums[c] += softmax(scores.double(), dim=1)[:, cls].reshape(2, -1).cpu().numpy()
                report(i + 1, len(result))
    finally:
        close()
    means = sums / len(result)
    return tuple(Curves(c, *pair) for c, pair in zip(importance.classes, means, strict=True))


def _steps(worth: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """(2 (k + 1), k) weights of factors: deletion, then insertion, by falling worth (k,)."""
    rank = np.empty(len(worth), dtype=int)
    rank[np.argsort(-worth, kind="stable")] = np.arange(len(worth))
    inserted = rank < np.arange(len(worth) + 1)[:, None]
    return np.concatenate([~inserted, inserted]).astype(np.float32)
