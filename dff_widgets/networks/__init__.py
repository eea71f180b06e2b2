"""Networks: the embedded one, torchvision's, timm's or your own, and their layers that can be factorized."""

from ..names import EMBEDDED, PAPER
from .after import NoClassesError, class_scores, scores_after
from .catalogue import KnownNetwork, network_names, search
from .forward import FORWARD_ERRORS, StopForwardError, forward_to, hooked, inference, input_like
from .layers import Layer, as_map
from .network import Network, load_network
from .preparation import input_shape, prepare

__all__ = [
    "EMBEDDED",
    "FORWARD_ERRORS",
    "PAPER",
    "KnownNetwork",
    "Layer",
    "Network",
    "NoClassesError",
    "StopForwardError",
    "as_map",
    "class_scores",
    "forward_to",
    "hooked",
    "inference",
    "input_like",
    "input_shape",
    "load_network",
    "network_names",
    "prepare",
    "scores_after",
    "search",
]
