"""Deep Feature Factorization from images to heat maps: the estimator that joins the stages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from .extraction import (
    Activations,
    Extracted,
    NoFinerLayerError,
    Progress,
    extract,
    extract_layers,
    finer_layer,
    held,
    repeated,
    rows_of,
)
from .extraction.finer import Passes
from .factorization import Factorization, Sketch, nmf, nmf_stack, project
from .heat import cell_means, unfold
from .hierarchy import FactorTree
from .images import ImageSet
from .names import EMBEDDED
from .networks import Network, load_network
from .result import DFFResult
from .sharpening import carried_over, learned

Array = npt.NDArray[Any]

_BLOCK = 4096  # rows
_HELD_BYTES = 2**27  # of a finer layer's activations; beyond, the images go through the network for each pass


def factorize(
    activations: Extracted, k: int, *, matrix: Any = None, focus: str | None = None, **options: Any
) -> DFFResult:
    """Factorize activations into k factors, strongest first.

    Args:
        activations: from `extract` or `scale.extract`.
        k: number of factors, 1 to the rank of the activations.
        matrix: a `Sketch` of ``activations.matrix``, for speed; or what `scale.distribute` gives.
        focus: as in `DeepFeatureFactorization`; it makes the matrix itself.
        options: of `nmf`.

    Returns:
        DFFResult.

    Raises:
        ValueError: as `nmf`; or the focus is something else, is given with a matrix, or there is no finer layer.
    """
    if focus is not None:
        return factorize_stack(activations, [k], matrix=matrix, focus=focus, **options)[0]
    return _strongest_first(activations, nmf(rows_of(activations) if matrix is None else matrix, k, **options))


def factorize_stack(
    activations: Extracted, ks: Iterable[int], *, matrix: Any = None, focus: str | None = None, **options: Any
) -> tuple[DFFResult, ...]:
    """`factorize` for every k at once, in a fraction of the time.

    Args:
        activations: from `extract`.
        ks: numbers of factors.
        matrix: a `Sketch` of ``activations.matrix``, for speed.
        focus: as in `factorize`; k=1 is then the object itself.
        options: of `nmf_stack`.

    Returns:
        A DFFResult for each of `ks`, in their order.

    Raises:
        ValueError: as `factorize`.
    """
    if focus is not None:
        if matrix is not None:
            raise ValueError("focus makes a matrix of its own; leave the matrix out")
        return _of_object(activations, list(ks), focus, options)
    stack = nmf_stack(rows_of(activations) if matrix is None else matrix, ks, **options)
    return tuple(_strongest_first(activations, factors) for factors in stack)


def _of_object(activations: Extracted, ks: Sequence[int], focus: str, options: dict[str, Any]) -> tuple[DFFResult, ...]:
    """What the images have in common for k=1, and its parts for the others."""
    checked_focus(focus)
    found = factorize(activations, 1, **options)
    parts = [k for k in ks if k != 1]
    results = {1: found}
    if parts:
        results |= zip(parts, factorize_stack(focused(activations, found), parts, **options), strict=True)
    return tuple(results[k] for k in ks)


def checked_focus(focus: str | None) -> str | None:
    """The focus, if it is one.

    Raises:
        ValueError: it is something else than None or ``"object"``.
    """
    if focus not in (None, "object"):
        raise ValueError(f'focus is {focus!r}; give None or "object"')
    return focus


def _strongest_first(activations: Extracted, factors: Factorization) -> DFFResult:
    if not isinstance(factors.H, np.ndarray):  # of rows on an accelerator
        factors = dataclasses.replace(factors, H=factors.H.cpu().numpy(), W=factors.W.cpu().numpy())
    return DFFResult.of(activations, factors.reorder(factors.strongest_first))


class DeepFeatureFactorization:
    """Deep Feature Factorization as an estimator: `fit` finds k concepts in images, `transform` finds them in others.

    Args:
        k: number of factors.
        network: a name, an ``nn.Module`` or a `Network`; see `load_network`.
        layer: a name in ``load_network(network).layers``; the network's default layer when left out.
        size: short side in pixels at which images go through the network.
        solver: ``"hals"``, ``"mu"`` (the paper's) or ``"semi"``; see `nmf`.
        n_init: restarts, of which the best is kept.
        seed: of the random starts.
        device: ``"auto"`` (CUDA, then MPS, then the CPU) or a torch device.
        clamp: set negative activations to 0, for plain NMF on a layer that has some.
        sharpen: take a finer layer out of the same forward pass, where the network has one, and learn from it where the
            factors are: what `DFFResult.sharpen` and ``threshold="auto"`` use. It changes no factor.
        focus: None, or ``"object"``: find first what the images have in common (k=1, sharpened), and factorize the
            activations of that alone, each position weighted by the belief to be inside; k=1 is then the object itself.

    >>> from dff_widgets.datasets import creatures
    >>> result = DeepFeatureFactorization(k=3).fit(creatures(2, size=128))
    >>> result.heatmaps(0).shape
    (3, 128, 128)
    """

    def __init__(
        self,
        k: int,
        *,
        network: str | nn.Module | Network = EMBEDDED,
        layer: str | None = None,
        size: int = 320,
        solver: str = "hals",
        n_init: int = 1,
        seed: int = 0,
        device: str = "auto",
        clamp: bool = False,
        sharpen: bool = True,
        focus: str | None = None,
    ) -> None:
        self.k = k
        self.network = network
        self.layer = layer
        self.size = size
        self.solver = solver
        self.n_init = n_init
        self.seed = seed
        self.device = device
        self.clamp = clamp
        self.sharpen = sharpen
        self.focus = focus

    def fit(self, images: Any, *, progress: Progress | bool = False) -> DFFResult:
        """Extract and factorize.

        Args:
            images: an `ImageSet`, or what `ImageSet.of` takes.
            progress: see `extract`.

        Returns:
            DFFResult, its factors ordered by strength.

        Raises:
            ValueError: the focus is something else, or the network has no finer layer that an object is found with.
        """
        checked_focus(self.focus)
        self.network_ = load_network(self.network)
        self.object_: DFFResult | None = None
        images, finer = ImageSet.of(images), self._finer()
        deep, fine = self._extract(images, self.network_.layer(self.layer).name, finer, self.size, progress)
        options = {name: getattr(self, name) for name in ("solver", "n_init", "seed", "device", "clamp")}
        if self.focus:
            self.object_ = self._learn(factorize(deep, 1, **options), deep, finer, fine)
            deep = focused(deep, self.object_)
        if self.object_ is not None and self.k == 1:
            self.result_ = self.object_
        else:
            self.result_ = self._learn(factorize(deep, self.k, **options), deep, finer, fine)
        return self.result_

    def transform(self, images: Any, *, progress: Progress | bool = False) -> DFFResult:
        """The factors of the last `fit` in other images, at the same layer and size: W is kept, H is solved for.

        What the fit learned of a finer layer is kept too: the new images are sharpened with it, also a single one.

        Args:
            images: an `ImageSet`, or what `ImageSet.of` takes.
            progress: see `extract`.

        Returns:
            DFFResult of these images.

        Raises:
            RuntimeError: nothing was fitted yet.
        """
        if not hasattr(self, "result_"):
            raise RuntimeError("transform needs factors: call fit first")
        fitted, images = self.result_, ImageSet.of(images)
        finer = None if fitted.sharpening is None else fitted.sharpening.layer
        deep, fine = self._extract(images, fitted.layer, finer, fitted.size, progress)

        def carried(known: DFFResult, deep: Activations) -> DFFResult:
            found = apply(known.factorization.W, deep, clamp=self.clamp, device=self.device)
            if known.sharpening is None or finer is None:
                return dataclasses.replace(found, origin=None)
            passes = self._passes(deep, finer, fine)
            return dataclasses.replace(found, sharpening=carried_over(known.sharpening, found, passes, held(deep)))

        if self.object_ is not None and fitted is not self.object_:
            deep = focused(deep, carried(self.object_, deep))
        return carried(fitted, deep)

    def _finer(self) -> str | None:
        """The layer that sharpens, where there is one and it is wanted."""
        try:
            return finer_layer(self.network_, self.layer).name if self.sharpen or self.focus else None
        except NoFinerLayerError:
            if self.focus:
                raise
            return None

    def _extract(
        self, images: ImageSet, layer: str, finer: str | None, size: int, progress: Progress | bool
    ) -> tuple[Activations, Activations | None]:
        """The activations of both layers in one pass, of the finer one only where memory holds it beside the other."""
        names = [layer]
        if finer is not None:
            channels, stride = self.network_.layer(finer).channels, self.network_.layer(finer).stride
            if 6 * channels * (size / stride) ** 2 * len(images) <= _HELD_BYTES:  # float32, three by two
                names.append(finer)
        options: dict[str, Any] = {"size": size, "device": self.device, "progress": progress}
        found = extract_layers(self.network_, images, names, **options)
        return found[layer], found.get(finer or "")

    def _passes(self, deep: Activations, finer: str, fine: Activations | None) -> Passes:
        if fine is not None:
            return held(fine)
        options: dict[str, Any] = {"size": deep.size, "sizes": deep.sizes, "device": self.device}
        return repeated(self.network_, deep.images, finer, **options)

    def _learn(self, result: DFFResult, deep: Activations, finer: str | None, fine: Activations | None) -> DFFResult:
        if finer is None:
            return dataclasses.replace(result, origin=None)
        known = learned(result, finer, self._passes(deep, finer, fine), held(deep))
        return dataclasses.replace(result, sharpening=known)


def focused(activations: Any, found: DFFResult) -> Any:
    """The activations of an object alone: each position weighted by the belief to be inside.

    Args:
        activations: of the layer that `found` is of, in memory or in a store.
        found: the object in the same images: a result of one factor.

    Returns:
        Activations, or a store, that `factorize`, `Sketch` and `factor_tree` take as they take any.

    Raises:
        NoFinerLayerError: the network has no finer layer that tells where the object is.
    """
    sharp = found if found.believed else found.sharpen(lazy=True)
    inside = unfold(cell_means(sharp.coarse_heatmaps(i), grid) for i, grid in enumerate(activations.shapes))
    if isinstance(activations, Activations):
        return dataclasses.replace(activations, rows=activations.matrix * inside)
    return activations.weighted(inside[:, 0])


def apply(W: Array, activations: Extracted, *, clamp: bool = False, device: str = "auto") -> DFFResult:
    """Known factors in new activations: H is the non-negative least squares solution for fixed W.

    Args:
        W: (k, channels).
        activations: of the layer that W is from.
        clamp: set negative activations to 0 first.
        device: as in `DeepFeatureFactorization`.

    Returns:
        DFFResult of the images of `activations`.
    """
    A = np.maximum(activations.matrix, 0) if clamp else activations.matrix
    H = project(A, W, device=device)
    return DFFResult.of(activations, Factorization(H, W, _error(A, H, W), n_iter=0, converged=True))


def factor_tree(
    images: Any,
    ks: Iterable[int] = range(1, 6),
    *,
    network: str | nn.Module | Network | None = None,
    layer: str | None = None,
    size: int | None = None,
    solver: str = "hals",
    n_init: int = 1,
    seed: int = 0,
    device: str = "auto",
    clamp: bool = False,
    focus: str | None = None,
    progress: Progress | bool = False,
) -> FactorTree:
    """The factors of several k as a tree: fig. 3 of the paper. The activations are extracted and sketched once.

    Args:
        images: `Activations`, an `ImageSet`, or what `ImageSet.of` takes.
        ks: numbers of factors; each level's parents are in the level of the next smaller one.
        network: as in `DeepFeatureFactorization`; leave it, layer and size out with activations, which know theirs.
        layer: as there.
        size: as there, 320 when left out.
        solver: as there.
        n_init: as there.
        seed: as there.
        device: as there.
        clamp: as there.
        focus: as there; the root of the tree is then the object, and the others are its parts.
        progress: see `extract`.

    Returns:
        FactorTree.

    Raises:
        ValueError: no k, one that is out of range, or a network, layer or size although activations were given.

    >>> from dff_widgets.datasets import creatures
    >>> tree = factor_tree(creatures(2, size=128), ks=[1, 2, 3])
    >>> tree.parent(2, 0), tree[3].k, len(tree.nodes)
    (0, 3, 6)
    """
    levels = sorted(set(ks)) if isinstance(ks, Iterable) else []
    if not levels:
        raise ValueError(f"ks is {ks!r}; give numbers of factors, such as range(1, 6)")
    if not isinstance(images, Activations):
        network = EMBEDDED if network is None else network
        size = 320 if size is None else size
        images = extract(network, images, layer=layer, size=size, device=device, progress=progress)
    elif any(option is not None for option in (network, layer, size)):
        raise ValueError("network, layer and size belong to the activations that were given; leave them out")
    if focus is not None:
        options: dict[str, Any] = {"n_init": n_init, "device": device, "clamp": clamp, "focus": focus}
        return FactorTree.of(factorize_stack(images, levels, solver=solver, seed=seed, **options))
    sketch = Sketch(images.rows, max_k=max(levels), device=device, clamp=clamp)
    return FactorTree.of(factorize_stack(images, levels, matrix=sketch, solver=solver, n_init=n_init, seed=seed))


def _error(A: Array, H: Array, W: Array) -> float:
    """``‖A - H W‖ / ‖A‖`` (Frobenius), 0 for an A of zeros; H W is made a few thousand rows at a time."""
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(A), _BLOCK)]
    whole = sum(float(np.vdot(A[rows], A[rows])) for rows in blocks)
    rest = sum(float(np.square(A[rows] - H[rows] @ W).sum()) for rows in blocks)
    return (rest / whole) ** 0.5 if whole else 0.0
