"""Some rows of A as what an iteration multiplies by: dense, sparse, or projected on the axes of a sketch."""

import warnings

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

__all__ = ["Dense", "Projected", "Sparse", "pays_sparse"]

SPARSE_DENSITY = 0.2  # above it, dense products are as quick
FREE_EXTRA = 16 << 20  # bytes beside A that are never worth saving
COMPRESSED_CHUNK = 256  # rows whose mask stays in the processor's cache


class Dense:
    """Rows as they are."""

    def __init__(self, A: Tensor) -> None:
        self.A = A

    def times(self, V: Tensor) -> Tensor:
        """A V: (c, r) to (m, r)."""
        return self.A @ V

    def back(self, B: Tensor) -> Tensor:
        """Aᵀ B: (m, r) to (c, r)."""
        return self.A.mT @ B

    def times_w(self, W: Tensor) -> Tensor:
        """W Aᵀ: (k, c) to (k, m)."""
        return (self.A @ W.mT).mT.contiguous()

    def times_h(self, H: Tensor) -> Tensor:
        """H A: (k, m) to (k, c)."""
        return H @ self.A


class Sparse:
    """Rows in compressed form: post-ReLU activations of late layers are 90 % zeros and more.

    torch multiplies by the rows with all threads; scipy multiplies by their transpose without a second copy of them,
    which is worth more than the threads: the copy would be half of all memory beside A.
    """

    def __init__(self, A: Tensor) -> None:
        rows = scipy.sparse.csr_array(_compress(A), shape=A.shape)
        self.by_row, self.by_channel = _torch_csr(rows), rows.T

    @property
    def density(self) -> float:
        """The share of the entries that are not 0."""
        return len(self.by_row.values()) / max(1, self.by_row.shape[0] * self.by_row.shape[1])

    def times(self, V: Tensor) -> Tensor:
        """A V: (c, r) to (m, r)."""
        return self.by_row @ V

    def back(self, B: Tensor) -> Tensor:
        """Aᵀ B: (m, r) to (c, r)."""
        return torch.from_numpy(self.by_channel @ B.numpy())

    def times_w(self, W: Tensor) -> Tensor:
        """W Aᵀ: (k, c) to (k, m)."""
        return self.times(W.mT.contiguous()).mT.contiguous()

    def times_h(self, H: Tensor) -> Tensor:
        """H A: (k, m) to (k, c)."""
        return self.back(H.mT).mT.contiguous()


class Projected:
    """Rows replaced by ``(A V) Vᵀ``: r numbers a row instead of c."""

    def __init__(self, Y: Tensor, V: Tensor) -> None:
        self.Y, self.V = Y, V

    def times_w(self, W: Tensor) -> Tensor:
        """W Aᵀ: (k, c) to (k, m)."""
        return (W @ self.V) @ self.Y.mT

    def times_h(self, H: Tensor) -> Tensor:
        """H A: (k, m) to (k, c)."""
        return (H @ self.Y) @ self.V.mT


def pays_sparse(A: Tensor, extra: int) -> bool:
    """Whether a sparse copy is quicker and small enough, judged on every 16th row."""
    sample = A[:: max(1, min(16, len(A) // 256))]
    density = int(torch.count_nonzero(sample)) / sample.numel()
    return density <= SPARSE_DENSITY and 8 * density * A.numel() <= max(extra, FREE_EXTRA)


def _compress(A: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A's values, channels and row starts, block by block so that no mask as large as A is ever made."""
    n, c = A.shape
    values, channels, counts = [], [], [np.zeros(1, np.int32)]
    for start in range(0, n, COMPRESSED_CHUNK):
        X = A[start : start + COMPRESSED_CHUNK].numpy()
        filled = X != 0
        at = np.flatnonzero(filled)
        values.append(X.reshape(-1)[at])
        channels.append((at % c).astype(np.int32))
        counts.append(np.cumsum(filled.sum(1, dtype=np.int32), dtype=np.int32) + counts[-1][-1])
    return np.concatenate(values), np.concatenate(channels), np.concatenate(counts)


def _torch_csr(X: scipy.sparse.csr_array) -> Tensor:
    """A scipy matrix as torch's, sharing its memory; int32 indices, which halves it and suits MKL."""
    starts, at = (torch.from_numpy(i.astype(np.int32, copy=False)) for i in (X.indptr, X.indices))
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Sparse CSR tensor support is in beta"
        )  # products with a dense one are stable
        return torch.sparse_csr_tensor(starts, at, torch.from_numpy(X.data), size=X.shape, check_invariants=False)
