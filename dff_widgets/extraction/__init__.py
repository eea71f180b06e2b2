"""From images and a network to activations: the rows of one matrix."""

from .extract import Activations, Progress, SmallerBatchWarning, extract, reporter, whole_number

__all__ = ["Activations", "Progress", "SmallerBatchWarning", "extract", "reporter", "whole_number"]
