"""The channels that a factor is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .patches import check_factor

if TYPE_CHECKING:
    from ..result import DFFResult


@dataclass(frozen=True)
class ChannelShare:
    """What a channel is to a factor.

    Attributes:
        channel: its index at the layer.
        share: its part of the factor's row of W, ``W_fc / Σ_c |W_fc|``; at least 0 but for signed factors.
        others: the largest share that it has in another factor; 0 where there is none.
    """

    channel: int
    share: float
    others: float


def spectrum(result: DFFResult, factor: int, n: int = 20, *, distinct: bool = False) -> tuple[ChannelShare, ...]:
    """The channels that a factor is made of: the largest entries of its row of W, as shares of their sum.

    Args:
        result: of any factorization. A signed factor (semi-NMF, PCA) is ordered by the size of its shares, and they are
            of the sum of their sizes.
        factor: 0..k-1.
        n: how many channels at most, at least 1.
        distinct: order by what the channel's share is above its largest in another factor, in place of the share.

    Returns:
        The first n channels in that order; equal ones by index.

    Raises:
        ValueError: there is no such factor, or n is too small.

    >>> from types import SimpleNamespace
    >>> W = np.array([[6.0, 4.0, 0.0], [8.0, 0.0, 2.0]])
    >>> result = SimpleNamespace(k=2, factorization=SimpleNamespace(W=W))
    >>> [(c.channel, c.share, c.others) for c in spectrum(result, 0, distinct=True)]
    [(1, 0.4, 0.0), (2, 0.0, 0.2), (0, 0.6, 0.8)]
    """
    check_factor(result, factor)
    if n < 1:
        raise ValueError(f"n is {n!r}; give at least one channel")
    W = np.asarray(result.factorization.W, dtype=np.float64)
    shares = W / np.maximum(np.abs(W).sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    own = shares[factor]
    others = np.delete(shares, factor, axis=0).max(axis=0) if len(W) > 1 else np.zeros_like(own)
    order = np.argsort(others - own if distinct else -np.abs(own), kind="stable")[:n]
    return tuple(ChannelShare(int(c), float(own[c]), float(others[c])) for c in order)
