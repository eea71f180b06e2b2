"""Factorization of activations: NMF by three solvers, on a matrix or on a sketch of it, and two baselines.

Nothing here knows of images or networks: a matrix goes in, factors come out.
"""

from .baselines import kmeans, pca
from .nmf import nmf
from .project import project
from .result import Factorization
from .sketch import Sketch

__all__ = ["Factorization", "Sketch", "kmeans", "nmf", "pca", "project"]
