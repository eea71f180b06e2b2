"""Where to compute."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor

_WORTH_IT = 1 << 21  # entries of a matrix; below, to start an iteration's kernels takes longer than a CPU needs for it
_FULL = ("out of memory", "cudnn_status_alloc_failed", "cublas_status_alloc_failed")


def pick_device(
    device: str | torch.device = "auto", near: Tensor | None = None, entries: float = math.inf
) -> torch.device:
    """A device that is there.

    Args:
        device: a torch device, or ``"auto"``: the accelerator that `near` is on, else CUDA, else MPS, else the CPU.
        near: what is to be computed with, if it exists already.
        entries: how many numbers that is; for few of them, ``"auto"`` is the CPU wherever they are not elsewhere.

    Raises:
        ValueError: it is no device, or not available.
    """
    if device == "auto":
        if near is not None and near.device.type != "cpu":
            return near.device
        if entries < _WORTH_IT:
            return torch.device("cpu")
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=device).device  # "cuda" becomes "cuda:0", which compares equal to a tensor's
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(f'device {str(device)!r} is not available here; "auto" takes CUDA, MPS or the CPU') from error


def memory_budget(device: torch.device) -> float:
    """Bytes of A that a device may hold at once; the other half of what is free is for the iterations."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # free, in torch's hands
        return (torch.cuda.mem_get_info(device)[0] + kept) / 2
    if device.type == "mps":
        return (torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()) / 2
    return float("inf")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a computation ended because memory did not suffice, as torch, cuBLAS, cuDNN or the system say it."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error) or accelerator_is_full(error)


def accelerator_is_full(error: BaseException) -> bool:
    """Whether a computation ended because the memory of an accelerator did not suffice."""
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(sign in said for sign in _FULL)


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Products in float32 inside, also where TF32 or bfloat16 is allowed for speed; the choice is restored.

    The errors of a factorization are differences of large sums: with ten bits of mantissa it ends too early, and says a
    wrong error.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def uploaded(X: Tensor, device: torch.device) -> Tensor:
    """X on a device; to CUDA from page-locked memory, a copy, so that the host does not wait: for what is small."""
    if device.type == "cuda" and X.device.type == "cpu":
        return X.pin_memory().to(device, non_blocking=True)
    return X.to(device)
