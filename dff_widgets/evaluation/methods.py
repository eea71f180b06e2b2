"""Ways to find what the images of a set have in common, by name: the rows of tables.

Each sees the same activations. So that no method has an ending that another lacks, `sharpened` gives any of them DFF's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from ..dff import factorize
from ..extraction import Activations
from ..factorization import nmf
from ..heat import normalise
from ..result import DFFResult
from . import baselines
from .results import as_result


@dataclass(frozen=True)
class Method:
    """A way to find what the images of a set have in common.

    Attributes:
        fit: called as ``fit(activations, k, seed)``. What it returns, such as a `DFFResult`, has
            ``masks(**options)``, per image (k, h, w) bool, and ``boxes(**options)``, per image (4,).
        options: of those two, such as ``{"percentile": 75}``.
        sharpen: None, or carry what `fit` found to a finer layer of the network first (`DFFResult.sharpen`):
            ``"maps"`` teaches with its heat maps, as they are; ``"factors"`` gives the activations too, so that a
            single factor's W, cleaned of what the borders of the photos share, makes the map that teaches.
        focus: find the object first (k=1, sharpened), and fit to the activations of that alone (`dff.focused`).
    """

    fit: Callable[[Activations, int, int], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    sharpen: Literal["maps", "factors"] | None = None
    focus: bool = False

    @property
    def about(self) -> dict[str, Any]:
        """All but `fit`, for the key of a journal."""
        more = {"sharpen": self.sharpen, "focus": self.focus}
        return {"options": dict(self.options), **{name: value for name, value in more.items() if value}}


AUTO = {"threshold": "auto"}


def refined(method: Method) -> Method:
    """The same with DFF-CRF's maps and their automatic threshold."""
    return Method(lambda activations, k, seed: method.fit(activations, k, seed).refine(), AUTO)


def sharpened(method: Method, by: Literal["maps", "factors"] = "maps", *, focus: bool = False) -> Method:
    """The same with sharp maps and their automatic threshold; see `Method`."""
    return replace(method, options=AUTO, sharpen=by, focus=focus)


def _dff(activations: Activations, k: int, seed: int) -> DFFResult:
    return factorize(activations, k, seed=seed)


def _dff_crf(activations: Activations, k: int, seed: int) -> DFFResult:
    return _dff(activations, k, seed).refine()


def _dff_alone(activations: Activations, k: int, seed: int) -> DFFResult:
    """Each image factorized on its own: nothing is learned from the set."""
    if k != 1:
        raise ValueError(f"k is {k!r}; factors of images on their own have nothing in common but the one: give 1")
    maps, row = [], 0
    for h, w in activations.shapes:
        fac = nmf(activations.matrix[row : row + h * w], 1, seed=seed)
        maps.append(normalise(np.asarray(fac.H)))
        row += h * w
    return as_result(activations, np.concatenate(maps), np.ones((1, activations.matrix.shape[1])))


# The paper's own, at its own threshold.
METHODS: dict[str, Method] = {
    "DFF": Method(_dff, {"percentile": 75}),
    "DFF-CRF": Method(_dff_crf, {"percentile": 75}),
}
# With a threshold that adapts to each image.
AUTOMATIC: dict[str, Method] = {
    "DFF, Otsu": Method(_dff, {"threshold": "otsu"}),
    "DFF-CRF, auto": Method(_dff_crf, AUTO),
}
# Carried to the finer layer of the network.
SHARPENED: dict[str, Method] = {
    "DFF, sharpened": sharpened(METHODS["DFF"], "factors"),
    "DFF, object first": sharpened(METHODS["DFF"], "factors", focus=True),
}
# Other ways to find one object in the same activations; see `baselines`.
BASELINES: dict[str, Method] = {
    "DDT": Method(baselines.ddt, {"percentile": 0}),
    "k-means": Method(baselines.kmeans, {"percentile": 75}),
    "second eigenvector": Method(baselines.second_eigenvector, {"percentile": 0}),
    "sum of activations": Method(baselines.total, {"percentile": 75}),
    "centred box": Method(baselines.centred_box),
}
# DFF in each image on its own, as LOST and TokenCut work: k = 1 only.
ALONE: dict[str, Method] = {
    "DFF, each image alone, Otsu": Method(_dff_alone, {"threshold": "otsu"}),
}
# Others' ways on the same activations: objects in one image at a time (k = 1), and factors or clusters (any k).
RIVAL_OBJECTS: dict[str, Method] = {
    "LOST": Method(baselines.lost, {"percentile": 0}),
    "TokenCut": Method(baselines.token_cut, {"percentile": 0}),
}
RIVALS: dict[str, Method] = {
    "PCA": Method(baselines.pca, {"percentile": 75}),
    "k-means": Method(baselines.kmeans, {"percentile": 75}),
    "k-means, normalized": Method(baselines.normalized_kmeans, {"percentile": 75}),
    "normalized cut": Method(baselines.normalized_cut, {"percentile": 0}),
    "semi-NMF": Method(baselines.semi_nmf, {"percentile": 75}),
    "convex NMF": Method(baselines.convex_nmf, {"percentile": 75}),
    "sparse dictionary": Method(baselines.sparse, {"percentile": 75}),
}
