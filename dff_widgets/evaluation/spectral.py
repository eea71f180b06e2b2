"""Rivals that cut a graph of positions: LOST and TokenCut in each image, and normalized cuts over the whole set.

Each can be the ``fit`` of a `bench.Method`, with ``{"percentile": 0}``: their maps are 0 outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..extraction import Activations
from ..factorization import kmeans
from ..heat import fold
from ..result import DFFResult
from .results import background_last, hard, signed

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

_WEAK = 1e-5  # of an edge of the graph between positions that are not alike
_MOST = 3000  # positions of which the graph of a whole set is made; the others follow theirs
_SEED_PATCHES = 100  # of LOST


def lost(activations: Activations, k: int = 1, seed: int = 0, *, centred: bool | None = None) -> DFFResult:
    """LOST (Siméoni et al. 2021): the object is what is like its seed, the position that is like the fewest others.

    Args:
        activations: from `extract`; the paper's are the keys of DINO's last block.
        k: 1; it finds one object an image.
        seed: unused; a `Method` gives it.
        centred: take the image's mean from its activations first: where none is negative, all are alike, and there is
            no seed. By default for those of a non-negative layer; never in the paper.

    Returns:
        DFFResult whose maps are 1 in the connected component of the seed. In an image without one they are 0.
    """
    return _objects(activations, k, "LOST", centred, lost_mask)


def token_cut(
    activations: Activations, k: int = 1, seed: int = 0, *, centred: bool | None = None, tau: float = 0.2
) -> DFFResult:
    """TokenCut (Wang et al. 2022): the side of a normalized cut that holds the position furthest from it.

    Args:
        activations: from `extract`; the paper's are the keys of DINO's last block.
        k: 1; it finds one object an image.
        seed: unused; a `Method` gives it.
        centred: as in `lost`.
        tau: cosine above which two positions are alike; -1..1.

    Returns:
        DFFResult whose maps are 1 in the connected component of that position.
    """
    return _objects(activations, k, "TokenCut", centred, lambda features: token_cut_mask(features, tau))


def lost_mask(features: Array) -> Bools:
    """The object of one image by LOST.

    Args:
        features: (h, w, c).

    Returns:
        (h, w) the 4-connected component of the seed, among the positions whose similarity to the seed's likes is
        positive in sum; empty where the seed is not among them.
    """
    rows = features.reshape(-1, features.shape[-1])
    similar = rows @ rows.T
    others = similar > 0
    np.fill_diagonal(others, False)
    # Many degrees are equal, and which of them come first changes boxes: this is the order of the published code.
    order = torch.argsort(-torch.from_numpy(others.sum(axis=1).astype(np.float32)), descending=True).numpy()
    first = order[:_SEED_PATCHES]
    likes = first[similar[order[0], first] > 0]
    return _component(similar[likes].sum(axis=0) > 0, int(order[0]), features.shape[:2])


def token_cut_mask(features: Array, tau: float = 0.2) -> Bools:
    """The object of one image by TokenCut.

    Args:
        features: (h, w, c).
        tau: see `token_cut`.

    Returns:
        (h, w) the 4-connected component of the position with the largest entry, by its size, of the second eigenvector
        of ``(D - E) y = λ D y``; on its side of the mean.
    """
    rows = _unit(features.reshape(-1, features.shape[-1]))
    edges = np.where(rows @ rows.T > tau, 1.0, _WEAK)
    vector = _smooth(edges, 2)[:, 1]
    at = int(np.abs(vector).argmax())
    side = vector > vector.mean()
    return _component(side == side[at], at, features.shape[:2])


def normalized_cut(activations: Activations, k: int, seed: int = 0, *, tau: float = 0.2) -> DFFResult:
    """Normalized cuts over the whole set (Shi & Malik 2000): k-means on the first eigenvectors (Ng et al. 2002).

    Positions of all images are one graph, with an edge where the cosine of their centred activations is above tau.
    The graph is made of 3,000 positions drawn at random where there are more; the others join by the mean of the
    eigenvectors of those they are alike to.

    Args:
        activations: from `extract`.
        k: number of clusters; for 1 there are two, of which the one that is less at the border is the object, see
            `baselines.kmeans`.
        seed: of the draw, and of k-means.
        tau: see above.
    """
    at = _embedded(activations, max(k, 2), seed, tau)
    member = np.asarray(kmeans(_unit(at), max(k, 2), n_init=10, seed=seed).H, dtype=np.float32)
    if k == 1:
        member = member[:, [background_last(member, activations.shapes)[0]]]
    return hard(activations, member)


def second_eigenvector(activations: Activations, k: int = 1, seed: int = 0, *, tau: float = 0.2) -> DFFResult:
    """The object as the second eigenvector of `normalized_cut`'s graph over the whole set (Shi & Malik 2000).

    A heat map is its positive part; ``masks(percentile=0)`` is the cut itself, at zero. Of the two signs it has the one
    of which less lies at the border of the images.

    Args:
        activations: from `extract`.
        k: 1; further eigenvectors are no objects.
        seed: of the draw of positions, where there are many.
        tau: as in `normalized_cut`.
    """
    if k != 1:
        raise ValueError(f"k is {k!r}; the second eigenvector shows one object: give 1")
    vector = _embedded(activations, 2, seed, tau)[:, 1]
    sides = np.stack([vector > 0, vector < 0], axis=1)
    vector = vector * (1, -1)[background_last(sides, activations.shapes)[0]]
    inside = np.maximum(vector, 0)
    return signed(activations, vector, inside @ activations.matrix / max(float(inside.sum()), 1e-12))


# --------------------------------------------------------------------------------------------------------------- parts
def _embedded(activations: Activations, count: int, seed: int, tau: float) -> Array:
    """(rows, count) the first eigenvectors of the graph of a set, at every position; see `normalized_cut`."""
    A = activations.matrix - activations.matrix.mean(axis=0)
    rows = _unit(A.astype(np.float32))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:_MOST])
    edges = np.where(rows[chosen] @ rows[chosen].T > tau, 1.0, _WEAK)
    vectors = _smooth(edges, count)
    at = np.empty((len(rows), count))
    for start in range(0, len(rows), _MOST):
        part = slice(start, start + _MOST)
        joined = np.where(rows[part] @ rows[chosen].T > tau, 1.0, _WEAK)
        at[part] = joined @ vectors / joined.sum(axis=1, keepdims=True)
    return at


def _objects(
    activations: Activations, k: int, name: str, centred: bool | None, find: Callable[[Array], Bools]
) -> DFFResult:
    if k != 1:
        raise ValueError(f"k is {k!r}; {name} finds one object in an image: give 1")
    centre = activations.layer.nonnegative if centred is None else centred

    def masks() -> Iterator[Bools]:
        for features in fold(activations.matrix, activations.shapes):  # (c, h, w)
            mean = features.mean(axis=(1, 2), keepdims=True) if centre else 0
            yield find(np.ascontiguousarray((features - mean).transpose(1, 2, 0)))

    found = list(masks())
    return hard(activations, np.concatenate([m.ravel() for m in found])[:, None])


def _component(mask: Bools, at: int, shape: tuple[int, ...]) -> Bools:
    """The 4-connected component (h, w) that holds a position."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask.reshape(shape))
    own = labels.flat[at]
    return np.asarray((labels == own) & (own > 0))


def _smooth(edges: Array, count: int) -> Array:
    """(n, count) the generalized eigenvectors of ``(D - E) y = λ D y`` of the smallest values, by rising value."""
    from scipy.linalg import eigh

    scale = 1 / np.sqrt(edges.sum(axis=1))
    n = len(edges)
    # the same vectors as those of the largest values of D^-½ E D^-½, scaled
    _, vectors = eigh(scale[:, None] * edges * scale, subset_by_index=[n - min(count, n), n - 1])
    return np.asarray(scale[:, None] * vectors[:, ::-1])


def _unit(rows: Array) -> Array:
    """Each row divided by its length."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1))
