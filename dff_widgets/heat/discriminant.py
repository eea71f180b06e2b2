"""The axes of a finer layer that tell each factor from the rest: regularized linear discriminants from sums alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SHRINKAGE = 1.0  # of the scatter towards its mean variance; 0.3 and 3 score alike, see benchmarks/RESULTS.md


@dataclass(frozen=True, eq=False)
class Axes:
    """A direction for each factor, on a scale of its own.

    Attributes:
        directions: (k, c); zero where a factor and the rest look alike.
        origins: (k,) the mean of the rest on each.
    """

    directions: Floats
    origins: Floats

    def scores(self, features: Floats) -> Floats:
        """Of positions (m, c) the scores (m, k): 0 at the mean of the rest, 1 at the factor's, cut off at 0 and 2."""
        return np.asarray(np.clip(features @ self.directions.T - self.origins, 0, 2))


class Sums:
    """What is summed over the positions of a set, batch by batch: all that the axes need, whatever the set's size.

    Args:
        k: number of factors.
        channels: c.
    """

    def __init__(self, k: int, channels: int) -> None:
        self._rows, self._known = 0, False
        self._total = np.zeros(channels)
        self._scatter = np.zeros((channels, channels))
        self._inside, self._outside = np.zeros(k), np.zeros(k)  # sums of memberships
        self._in, self._out = np.zeros((k, channels)), np.zeros((k, channels))  # and of features, weighted by them

    def anew(self) -> Sums:
        """For other examples among the same positions, whose scatter is known."""
        sums = Sums(len(self._inside), len(self._total))
        sums._rows, sums._total, sums._scatter, sums._known = self._rows, self._total, self._scatter, True
        return sums

    def add(self, features: Floats, inside: Floats, outside: Floats) -> None:
        """Count positions.

        Args:
            features: (m, c).
            inside: (m, k) in 0..1, how much a position is an example of a factor.
            outside: (m, k) in 0..1, how much it is an example of the rest.
        """
        k = inside.shape[1]
        examples = np.concatenate([inside, outside, np.ones((len(features), 1), dtype=np.float32)], axis=1)
        sums = examples.T @ features  # in one product: the features are read once
        counts = examples.sum(axis=0, dtype=np.float64)
        self._in += sums[:k]
        self._out += sums[k:-1]
        self._inside += counts[:k]
        self._outside += counts[k:-1]
        if not self._known:
            self._rows += len(features)
            self._total += sums[-1]
            self._scatter += features.T @ features

    def nearest_means(self) -> Axes:
        """The lines through the two means: the discriminants of a scatter that is the same in all directions."""
        inside, outside = self._means()
        return _scaled(inside - outside, inside, outside)

    def discriminants(self, shrinkage: float = SHRINKAGE) -> Axes:
        """Fisher's discriminants ``(S + ρ tr(S)/c I)⁻¹ (μ - ν)`` with S the scatter within factor and rest.

        For memberships y and 1 - y of mean p the scatter of all positions is that within the two classes and
        ``p (1 - p) (μ - ν)(μ - ν)ᵀ``, so that S needs no pass of its own for each factor.
        """
        inside, outside = self._means()
        mean = self._total / max(self._rows, 1)
        whole = self._scatter / max(self._rows, 1) - np.outer(mean, mean)
        directions = np.zeros_like(inside)
        for f, difference in enumerate(inside - outside):
            p = self._inside[f] / max(self._rows, 1)
            within = whole - p * (1 - p) * np.outer(difference, difference)
            ridge = shrinkage * max(np.trace(within) / len(within), np.finfo(np.float32).tiny)
            directions[f] = np.linalg.solve(within + ridge * np.eye(len(within)), difference)
        return _scaled(directions, inside, outside)

    def _means(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(k, c) of the factors and of their rests; the same where there are no examples of one of the two."""
        there = ((self._inside > 0) & (self._outside > 0))[:, None]
        inside, outside = np.maximum(self._inside, 1e-12)[:, None], np.maximum(self._outside, 1e-12)[:, None]
        return np.where(there, self._in / inside, 0), np.where(there, self._out / outside, 0)


def _scaled(
    directions: npt.NDArray[np.float64], inside: npt.NDArray[np.float64], outside: npt.NDArray[np.float64]
) -> Axes:
    """The axes on which the rest is at 0 and the factor at 1."""
    lengths = (directions * (inside - outside)).sum(axis=1)
    size = 1e-6 * np.sqrt((directions**2).sum(axis=1) * np.maximum((inside**2).sum(axis=1), (outside**2).sum(axis=1)))
    apart = lengths > size  # else rounding alone tells them apart
    scaled = np.where(apart, 1 / np.where(apart, lengths, 1), 0)[:, None] * directions
    return Axes(scaled.astype(np.float32), (scaled * outside).sum(axis=1).astype(np.float32))
