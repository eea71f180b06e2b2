"""What a caller hands in, made safe: finite float32 tensors, and errors that name what arrived."""

from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["check_count", "check_one_of", "check_tol", "to_array", "to_matrix"]


LEAST = 1e-18


class _Writable:
    """An array's memory without its read-only flag, which torch.from_numpy warns about; we only read."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array  # keeps the memory alive
        pointer, _ = array.__array_interface__["data"]
        self.__array_interface__ = {**array.__array_interface__, "data": (pointer, False)}


def to_matrix(A: Any, name: str = "A", *, clamp: bool = False) -> tuple[Tensor, bool]:
    """A as a contiguous, finite float32 tensor on its own device, and whether it has no negative entry.

    Shares A's memory where A is float32 and contiguous, and copies otherwise. ``clamp`` sets negatives to 0, in a copy.
    """
    if isinstance(A, np.ndarray):
        if A.dtype.kind not in "biuf":
            raise TypeError(f"{name} must hold real numbers, but got dtype {A.dtype}; convert it to float32")
        A = np.ascontiguousarray(A, dtype=np.float32)
        X = torch.from_numpy(A if A.flags.writeable else np.asarray(_Writable(A)))
    elif isinstance(A, Tensor):
        if A.is_complex() or A.layout != torch.strided:
            raise TypeError(f"{name} must be a dense real tensor, but got {A.dtype} with layout {A.layout}")
        X = A.detach().to(torch.float32).contiguous()
    else:
        raise TypeError(f"{name} must be a NumPy array or a torch tensor, but got {type(A).__name__}")
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"{name} must have two axes (rows, channels) and no empty one, but got shape {tuple(X.shape)}")
    low, high = (float(v) for v in torch.aminmax(X))  # NaN propagates: one read finds everything
    if not (np.isfinite(low) and np.isfinite(high)):
        what = "NaN" if np.isnan(low) else "infinity (or a value beyond float32)"
        raise ValueError(f"{name} must be finite, but its {tuple(X.shape)} entries contain {what}")
    largest = max(-low, high)
    if 0 < largest < LEAST:  # their squares are 0 to float32, and any factors would explain everything
        raise ValueError(
            f"{name} must not fall below float32's range in products, but is at most {largest:.3g}; scale it"
        )
    if largest * largest * len(X) > torch.finfo(torch.float32).max:
        raise ValueError(f"{name} must not exceed float32's range in products, but reaches {largest:.3g}; scale it")
    if clamp and low < 0:
        return X.clamp(min=0), True
    return X, low >= 0


def to_array(X: Tensor, like: Any) -> Any:
    """X as the caller's kind of array: NumPy for NumPy, else a tensor on the device of ``like``."""
    return X.to(like.device) if isinstance(like, Tensor) else X.cpu().numpy()


def check_count(value: Any, name: str, low: int, high: int | None = None, why: str = "") -> int:
    """``value`` as an int in low..high."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, but got {value!r} ({type(value).__name__})")
    if value < low or (high is not None and value > high):
        bounds = f"at least {low}" if high is None else f"in {low}..{high}"
        raise ValueError(f"{name} must be {bounds}{why}, but got {value}")
    return int(value)


def check_tol(tol: Any) -> float:
    """``tol`` as a float of at least 0."""
    if isinstance(tol, (bool, str)) or not np.isscalar(tol) or not float(tol) >= 0:  # type: ignore[arg-type]
        raise ValueError(f"tol must be a number of at least 0, but got {tol!r}")
    return float(tol)  # type: ignore[arg-type]


def check_one_of(value: Any, name: str, known: tuple[str, ...]) -> str:
    """``value`` if it is one of ``known``; else an error with the nearest names first."""
    if value in known:
        return str(value)
    near = get_close_matches(str(value), known, n=2, cutoff=0.4)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, but got {value!r}{hint}")
