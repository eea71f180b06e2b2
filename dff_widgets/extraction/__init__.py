"""From images and a network to activations: the rows of one matrix."""

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

__all__ = [
    "Activations",
    "Batch",
    "Progress",
    "SmallerBatchWarning",
    "extract",
    "extract_layers",
    "reporter",
    "stream",
    "whole_number",
]
