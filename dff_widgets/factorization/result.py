"""What every factorization returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .bars import CHANNELS, SHOWN, bars

__all__ = ["Factorization"]


@dataclass(frozen=True, eq=False)
class Factorization:
    """``A ≈ H W`` (eq. 1 of the paper), from :func:`nmf`, :func:`pca` or :func:`kmeans`.

    Attributes:
        H: (n, k) float32. Row i says how strongly each of the k factors is present in row i of A; folded back onto the
            images, a column is a heat map. At least 0, except for PCA. A NumPy array if A was one, else a tensor on A's
            device.
        W: (k, c) float32, the same kind of array. Row j is factor j as a vector of channels.
        error: ``‖A - H W‖_F / ‖A‖_F`` on A itself, also where the iterations ran on a sketch; 0 for an A of zeros.
        n_iter: Iterations run; for a sketch those on the sketch and the closing ones on A together.
        converged: Whether the stop rule ended the iterations, rather than ``max_iter`` or the callback.
    """

    H: Any
    W: Any
    error: float
    n_iter: int
    converged: bool

    def __repr__(self) -> str:
        end = "converged" if self.converged else "not converged"
        return (
            f"Factorization(H {tuple(self.H.shape)}, W {tuple(self.W.shape)}, error={self.error:.4g}, "
            f"{end} after {self.n_iter} iterations)"
        )

    def _repr_html_(self) -> str:
        """The factors' shares and channels, for a notebook."""
        strongest = [_largest(row)[:CHANNELS] for row in self.W[:SHOWN].tolist()]
        title = repr(self) if self.k <= SHOWN else f"{self!r}; the first {SHOWN}"
        return bars(title, self.strength.tolist()[:SHOWN], strongest)

    @property
    def k(self) -> int:
        """The number of factors."""
        return int(self.W.shape[0])

    @property
    def strength(self) -> Any:
        """(k,) float32, each factor's share of ``Σ_j ‖H_j W_j‖²``; in 0..1, sums to 1 (all 0 when H W is 0)."""
        energy = (self.H**2).sum(0) * (self.W**2).sum(1)
        total = energy.sum()
        return energy / total if total > 0 else energy

    @property
    def strongest_first(self) -> list[int]:
        """The factors by falling strength; equal ones as they stand."""
        strength = self.strength.tolist()
        return sorted(range(self.k), key=lambda j: -strength[j])

    def reorder(self, order: Sequence[int]) -> "Factorization":
        """The same factorization with its factors in another order.

        Args:
            order: A permutation of ``range(k)``; factor j of the result is factor ``order[j]`` of this one.
        """
        order = [int(j) for j in order]
        if sorted(order) != list(range(self.k)):
            raise ValueError(f"order must be a permutation of range({self.k}), but got {order}")
        return Factorization(self.H[:, order], self.W[order], self.error, self.n_iter, self.converged)


def _largest(values: Sequence[float]) -> list[int]:
    """The places of values, those farthest from 0 first."""
    return sorted(range(len(values)), key=lambda j: -abs(values[j]))
