"""Factorization of activations: NMF by three solvers, on a matrix or on a sketch of it, and two baselines.

Nothing here knows of images or networks: a matrix goes in, factors come out.
"""

from .fallback import OnCpuWarning
from .nmf import nmf, nmf_stack
from .pca_kmeans import kmeans, pca
from .project import project
from .result import Factorization
from .sketch import Sketch
from .steering import drop, merge, refit, split
from .suggest import SuggestedK, likeness, suggest_k

__all__ = [
    "Factorization",
    "OnCpuWarning",
    "Sketch",
    "SuggestedK",
    "drop",
    "kmeans",
    "likeness",
    "merge",
    "nmf",
    "nmf_stack",
    "pca",
    "project",
    "refit",
    "split",
    "suggest_k",
]
