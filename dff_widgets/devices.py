"""Where to compute."""

from __future__ import annotations

import torch
from torch import Tensor


def pick_device(device: str | torch.device = "auto", near: Tensor | None = None) -> torch.device:
    """A device that is there.

    Args:
        device: a torch device, or ``"auto"``: the accelerator that `near` is on, else CUDA, else MPS, else the CPU.
        near: what is to be computed with, if it exists already.

    Raises:
        ValueError: it is no device, or not available.
    """
    if device == "auto":
        if near is not None and near.device.type != "cpu":
            return near.device
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=device).device  # "cuda" becomes "cuda:0", which compares equal to a tensor's
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(f'device {str(device)!r} is not available here; "auto" takes CUDA, MPS or the CPU') from error
