"""Where an accelerator's memory does not suffice, the CPU's is taken."""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from ..devices import accelerator_is_full

__all__ = ["OnCpuWarning", "or_on_cpu"]

T = TypeVar("T")


class OnCpuWarning(UserWarning):
    """An accelerator's memory did not suffice; the work was done again on the CPU."""


def or_on_cpu(work: Callable[[Any], T], device: Any) -> T:
    """``work(device)``; where it filled an accelerator's memory, ``work("cpu")`` from its beginning, with a warning."""
    try:
        return work(device)
    except RuntimeError as error:
        if not accelerator_is_full(error):
            raise
        said = str(error).splitlines()[0]
    # outside of the `except`, whose traceback held on to what filled the memory
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    warnings.warn(
        f"the accelerator's memory does not suffice ({said}); going on on the CPU", OnCpuWarning, stacklevel=3
    )
    return work("cpu")
