"""From images and a network to activations, the rows of one matrix, and from activations on to the classes."""

from .extract import (
    Activations,
    Batch,
    Progress,
    extract,
    extract_layers,
    reporter,
    rows_of,
    stream,
    whole_number,
)
from .finer import NoFinerLayerError, finer_layer, held, passes_of, repeated
from .forward_pass import SmallerBatchWarning
from .origin import Origin
from .records import Extracted, Factored
from .rest import Rest, above_mean, rest_of

__all__ = [
    "Activations",
    "Batch",
    "Extracted",
    "Factored",
    "NoFinerLayerError",
    "Origin",
    "Progress",
    "Rest",
    "SmallerBatchWarning",
    "above_mean",
    "extract",
    "extract_layers",
    "finer_layer",
    "held",
    "passes_of",
    "repeated",
    "reporter",
    "rest_of",
    "rows_of",
    "stream",
    "whole_number",
]
