"""From images and a network to activations, the rows of one matrix, and from activations on to the classes."""

from .extract import (
    Activations,
    Batch,
    Progress,
    SmallerBatchWarning,
    extract,
    extract_layers,
    reporter,
    stream,
    whole_number,
)
from .rest import Rest, above_mean, rest_of

__all__ = [
    "Activations",
    "Batch",
    "Progress",
    "Rest",
    "SmallerBatchWarning",
    "above_mean",
    "extract",
    "extract_layers",
    "reporter",
    "rest_of",
    "stream",
    "whole_number",
]
