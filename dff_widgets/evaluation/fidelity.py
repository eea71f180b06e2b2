"""How much of what a network decides is left when its activations are replaced by their factorization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from ..extraction import Activations, Progress, Rest, above_mean, reporter, rest_of

if TYPE_CHECKING:
    from ..networks import Network
    from ..result import DFFResult

Floats = npt.NDArray[np.float64]

_TOP = 5


@dataclass(frozen=True)
class Fidelity:
    """What is left of a network's decisions when H W stands in place of A.

    Attributes:
        k: the number of factors.
        top1: the fraction of the images whose class, the one of the highest score, stays; 0..1.
        top5: the fraction whose class is still among the five highest; 0..1.
        kl: the mean over the images of the Kullback-Leibler divergence of the probabilities by H W from those by A, in
            nats; at least 0.
        error: the relative error of the scores, ``‖Z_A - Z_HW‖ / ‖Z_A‖`` (Frobenius) over the images and classes, of
            logits above their mean over the classes; 0 is perfect.
        images: how many images.
    """

    k: int
    top1: float
    top5: float
    kl: float
    error: float
    images: int


def fidelity(
    result: DFFResult,
    *,
    network: str | nn.Module | Network | None = None,
    activations: Activations | None = None,
    device: str | torch.device = "auto",
    progress: Progress | bool = False,
) -> Fidelity:
    """Run the rest of the network on H W in place of A, and compare what it decides (Zhang et al. 2021, ICE).

    Args:
        result: of a network with a classifier; ``A ≈ H W``.
        network: what `load_network` takes; by default the result's by its name. A module of your own must be given.
        activations: those that were factorized, where they are at hand; else the images go through the network again.
        device: as in `extract`.
        progress: as in `extract`; what it raises cancels.

    Raises:
        NoClassesError: the network has no classifier, or it does not depend on the layer.
        ValueError: as in `rest_of`.
    """
    options: dict[str, Any] = {"network": network, "activations": activations, "device": device}
    return fidelity_curve([result], **options, progress=progress)[0]


def fidelity_curve(
    results: Iterable[DFFResult] | Mapping[int, DFFResult],
    *,
    network: str | nn.Module | Network | None = None,
    activations: Activations | None = None,
    device: str | torch.device = "auto",
    progress: Progress | bool = False,
) -> list[Fidelity]:
    """`fidelity` of several factorizations of the same activations: a curve over k.

    Args:
        results: such as the levels of a `FactorTree`, ``tree.results``.
        network: as in `fidelity`.
        activations: as there.
        device: as there.
        progress: as there; counts results.

    Raises:
        ValueError: the results are of other positions or layers; or as in `fidelity`.
    """
    given = list(results.values() if isinstance(results, Mapping) else results)
    if not given or len({(r.layer, r.shapes) for r in given}) > 1:
        raise ValueError("the results have different layers or grids; give results of the same activations")
    report, close = reporter(progress, len(given))
    found = []
    try:
        with rest_of(given[0], network, activations=activations, device=device) as rest:
            expected = rest.scores
            for done, result in enumerate(given, start=1):
                rest.use(result)
                found.append(_compared(result.k, expected, _scores(rest)))
                report(done, len(given))
    finally:
        close()
    return found


def _scores(rest: Rest) -> Tensor:
    """(n, classes) by H W."""
    whole = torch.ones(1, len(rest.W))
    return rest.each(lambda i: rest.mixed(i, whole)[0])


def _compared(k: int, expected: Tensor, found: Tensor) -> Fidelity:
    expected, found = expected.double(), found.double()
    best = expected.argmax(dim=1, keepdim=True)
    ranked = found.topk(min(_TOP, found.shape[1]), dim=1).indices
    divergence = kl_div(log_softmax(found, 1), log_softmax(expected, 1), log_target=True, reduction="none").sum(1)
    right, wrong = above_mean(expected), above_mean(expected) - above_mean(found)
    return Fidelity(
        k,
        float((ranked[:, :1] == best).double().mean()),
        float((ranked == best).any(1).double().mean()),
        float(divergence.mean().clamp_min(0)),
        float(wrong.norm() / right.norm().clamp_min(torch.finfo(torch.float64).tiny)),
        len(expected),
    )
