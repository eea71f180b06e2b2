"""How much a network's classifier uses each factor: by its gradient, by Sobol indices, or by taking the factor away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..extraction import Activations, Progress, Rest, above_mean, reporter, rest_of
from ..networks import Network
from .classes import class_names

if TYPE_CHECKING:
    from ..result import DFFResult

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
How = Literal["directional", "sobol", "removal"]


@dataclass(frozen=True, eq=False)
class Importance:
    """What each factor is worth to some classes, image by image.

    A class's score is its logit above the mean logit of all classes, as in `classes`: what raises all of them alike
    decides nothing.

    Attributes:
        method: ``"directional"``, ``"sobol"`` or ``"removal"``.
        classes: the indices of the c classes.
        names: their names.
        values: (c, n, k). Directional and removal: in units of the score, negative where the factor speaks against the
            class. Sobol: the total index, about 0..1 and at least 0.
        error: (c, n, k) the standard error of the Sobol estimates; 0 for the other two, which are exact.
        scores: (c, n) the score of each class in each image; by Sobol and removal that of H W.
    """

    method: str
    classes: tuple[int, ...]
    names: tuple[str, ...]
    values: Floats = field(repr=False)
    error: Floats = field(repr=False)
    scores: Floats = field(repr=False)

    @property
    def mean(self) -> Floats:
        """(c, k) over the images."""
        return np.asarray(self.values.mean(axis=1))

    @property
    def share(self) -> Floats:
        """(c, k) each factor's part of a class: `mean` over the sum of the sizes of all k; in -1..1."""
        total = np.abs(self.mean).sum(axis=1, keepdims=True)
        return np.asarray(self.mean / np.where(total > 0, total, 1))


def importance(
    result: DFFResult,
    classes: int | Sequence[int] | None = None,
    *,
    method: How = "directional",
    network: str | nn.Module | Network | None = None,
    activations: Activations | None = None,
    names: Sequence[str] | None = None,
    designs: int = 32,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | bool = False,
) -> Importance:
    """The worth of each factor for classes of the network, for each image and over the set.

    - ``"directional"``: the gradient of the score at the layer, where the activations are A, along the factor's row of
      W, times its H, summed over the positions: ``Σ_p H_pf ⟨∂s/∂A_p, W_f⟩``. For a linear rest of the network it is the
      factor's exact part of the score. One pass and its gradient for all factors (Kim et al. 2018, made additive).
    - ``"sobol"``: the total Sobol index of the factor's weight, when each weight is drawn from 0..1 on its own and H W
      with its factors so weighted goes through the rest: the part of the score's variance that would be left if all
      other weights were known (Fel et al. 2023, CRAFT). Jansen's estimator (1999) on Sobol's scrambled sequence,
      ``designs · (k + 2)`` runs an image. Its standard error is that of independent draws, which quasi-random ones
      stay below.
    - ``"removal"``: by how much the score falls when H W without the factor goes through the rest; k + 1 runs an image.

    Args:
        result: of a network with a classifier; ``A ≈ H W``.
        classes: indices in the network's output; by default the one that the network gives most of the images.
        method: see above.
        network: what `load_network` takes; by default the result's by its name. A module of your own must be given.
        activations: those that were factorized, where they are at hand; else the images go through the network again.
        names: of all classes, in the order of the output; by default as in `classes`.
        designs: of ``"sobol"``; a power of 2 is best.
        seed: of ``"sobol"``.
        device: as in `extract`.
        progress: as in `extract`; what it raises cancels.

    Raises:
        NoClassesError: the network has no classifier, or it does not depend on the layer.
        ValueError: a class that is not there, or as in `rest_of`.
    """
    measures: dict[str, Callable[[], tuple[Floats, Floats, Floats]]] = {
        "directional": lambda: _directional(rest, chosen, report),
        "sobol": lambda: _sobol(rest, chosen, designs, seed, report),
        "removal": lambda: _removal(rest, chosen, report),
    }
    if method not in measures:
        raise ValueError(f"method is {method!r}; give one of {', '.join(measures)}")
    if method == "sobol" and designs < 2:
        raise ValueError(f"designs is {designs!r}; give at least 2")
    report, close = reporter(progress, len(result))
    try:
        with rest_of(result, network, activations=activations, device=device) as rest:
            chosen = most_given(rest.scores) if classes is None else np.atleast_1d(classes).tolist()
            count = rest.classes
            if not chosen or not all(0 <= c < count for c in chosen):
                raise ValueError(f"classes is {classes!r}; {rest.network.name} has the classes 0..{count - 1}")
            titles = class_names(rest.network.module, count) if names is None else list(names)
            if len(titles) != count:
                raise ValueError(f"names has {len(titles)} entries; {rest.network.name} tells {count} classes apart")
            values, error, scores = measures[method]()
    finally:
        close()
    return Importance(method, tuple(chosen), tuple(titles[c] for c in chosen), values, error, scores)


def most_given(scores: Tensor) -> list[int]:
    """The class that is the highest in most images; of several the one with the higher mean score."""
    votes = torch.bincount(scores.argmax(dim=1), minlength=scores.shape[1])
    often = (votes == votes.max()).nonzero().flatten()
    return [int(often[scores.mean(dim=0)[often].argmax()])]


def _directional(rest: Rest, classes: list[int], report: Progress) -> tuple[Floats, Floats, Floats]:
    n, k = sum(map(len, rest.groups)), len(rest.W)
    values, scores = np.zeros((len(classes), n, k)), np.zeros((len(classes), n))
    done = 0
    for group in rest.groups:
        for part in rest.parts(group, times=2):
            inputs = torch.stack([rest.own(i) for i in part]).requires_grad_()
            with torch.enable_grad():
                found = above_mean(rest.run(part, inputs))[:, classes]
                targets = found.sum(dim=0).unbind()
            for c in range(len(classes)):
                (slope,) = torch.autograd.grad(targets[c], inputs, retain_graph=c + 1 < len(classes))
                along = slope.flatten(1, 2) @ rest.W.T  # (m, h·w, k)
                for i, gain in zip(part, along, strict=True):
                    values[c, i] = (rest.rows(i) * gain).sum(dim=0).double().cpu().numpy()
            scores[:, part] = found.detach().T.double().cpu().numpy()
            done += len(part)
            report(done, n)
    return values, np.zeros_like(values), scores


def _removal(rest: Rest, classes: list[int], report: Progress) -> tuple[Floats, Floats, Floats]:
    n, k = sum(map(len, rest.groups)), len(rest.W)
    weights = torch.cat([torch.ones(1, k), 1 - torch.eye(k)])
    values, scores = np.zeros((len(classes), n, k)), np.zeros((len(classes), n))
    done = 0
    for group in rest.groups:
        for part in rest.parts(group, times=len(weights)):
            images = [i for i in part for _ in weights]
            inputs = torch.cat([rest.mixed(i, weights) for i in part])
            found = above_mean(rest.run(images, inputs))[:, classes].double().cpu().numpy()
            found = found.reshape(len(part), len(weights), len(classes))
            scores[:, part] = found[:, 0].T
            values[:, part] = (found[:, :1] - found[:, 1:]).transpose(2, 0, 1)
            done += len(part)
            report(done, n)
    return values, np.zeros_like(values), scores


def _sobol(rest: Rest, classes: list[int], designs: int, seed: int, report: Progress) -> tuple[Floats, Floats, Floats]:
    n, k = sum(map(len, rest.groups)), len(rest.W)
    masks = torch.from_numpy(sobol_masks(k, designs, seed)).float()
    weights = torch.cat([masks.flatten(0, 1), torch.ones(1, k)])
    values, error = np.zeros((len(classes), n, k)), np.zeros((len(classes), n, k))
    scores = np.zeros((len(classes), n))
    for i in range(n):
        found = []
        for part in torch.split(weights, _SOBOL_AT_ONCE):
            found.append(above_mean(rest.run([i] * len(part), rest.mixed(i, part)))[:, classes])
            report(i, n)  # each part may take a while, and a cancel must be noticed
        outcome = torch.cat(found).double().cpu().numpy()
        scores[:, i] = outcome[-1]
        for c, column in enumerate(outcome[:-1].T):
            values[c, i], error[c, i] = jansen(column.reshape(k + 2, designs))
        report(i + 1, n)
    return values, error, scores


_SOBOL_AT_ONCE = 32  # weights: few enough for the allocator to use the same memory again


def sobol_masks(k: int, designs: int, seed: int) -> Floats:
    """The points at which a function of k inputs in 0..1 is to be known for `jansen`.

    Args:
        k: inputs.
        designs: points of each kind.
        seed: of the scrambling.

    Returns:
        (k + 2, designs, k): A; B, independent of it; and for each input A with that input taken from B.
    """
    from scipy.stats import qmc

    with np.errstate(all="ignore"):
        both = qmc.Sobol(2 * k, rng=np.random.default_rng(seed)).random(designs)
    first, second = both[:, :k], both[:, k:]
    swapped = np.tile(first, (k, 1, 1))
    for f in range(k):
        swapped[f, :, f] = second[:, f]
    return np.concatenate([first[None], second[None], swapped])


def jansen(outcome: Floats) -> tuple[Floats, Floats]:
    """Total Sobol indices by Jansen's estimator (1999): ``Σ_j (f(A_j) - f(A_j with input i of B))² / (2 N Var f)``.

    Args:
        outcome: (k + 2, N) the function at the points of `sobol_masks`.

    Returns:
        (k,) the indices and (k,) their standard errors, both 0 for a function that does not vary; the error is that of
        a mean of N independent terms, with the variance of f taken as known.
    """
    base, varied = outcome[0], outcome[2:]
    variance = float(outcome[:2].var())
    if variance <= np.finfo(np.float32).eps ** 2 * float(np.square(outcome).max(initial=0)):
        return np.zeros(len(varied)), np.zeros(len(varied))
    terms = np.square(base - varied) / (2 * variance)
    return terms.mean(axis=1), terms.std(axis=1, ddof=1) / np.sqrt(terms.shape[1])
