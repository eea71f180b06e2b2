"""Steering a factorization: split, merge, drop, lock, hold to examples; each gives a new factorization of the same A.

Interactive NMF (Choo et al., UTOPIAN, 2013) for activations. What a person knows enters as examples ``a_f`` of what a
factor is made of, and as factors that stay. `refit` minimizes

    ``½ ‖A - H W‖² + ½ Σ_f λ_f ‖w_f - a_f‖²``  over H ≥ 0 and those w_f ≥ 0 that are not locked,

with ``λ_f = weight / (1 - weight) · ‖h_f‖²`` and h_f as it is at the start: at a weight of one half, the example counts
as much as all rows of A together.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .check import check_count, to_array, to_matrix
from .descent import Callback
from .nmf import nmf, run
from .passes import Update
from .problems import Problems
from .result import Factorization
from .rows import Rows, as_rows
from .rules import SOLVERS, Solver, coordinate_descent
from .sketch import Sketch
from .start import extended

__all__ = ["drop", "merge", "refit", "split"]

SPLIT_ROWS = 1 << 15  # rows that a split looks at: those that the factor explains most of
SWEEPS = 30  # of coordinate descent, for an H that is to be the best for its W


def refit(
    A: Any,
    factors: Factorization,
    *,
    k: int | None = None,
    locked: Collection[int] = (),
    examples: Mapping[int, Any] | None = None,
    weight: float = 0.5,
    max_iter: int = 100,
    tol: float = 1e-4,
    seed: int = 0,
    callback: Callback | None = None,
) -> Factorization:
    """Fit again from where the factors are, some of them locked or held to an example.

    Args:
        A: (rows, channels) or a `Sketch` of it or a store; what the factors are of.
        factors: where to begin; H ≥ 0. Where W has negative entries, semi-NMF goes on, else HALS.
        k: how many factors there shall be; more than there are begin at what is explained worst. By default as many as
            there are, and those that examples add.
        locked: factors whose W stays; their H does not.
        examples: factor -> (channels,) ≥ 0, what its W shall be like; the first number that is free adds a factor.
        weight: 0..1, how much an example counts against A; see the module's text. 1 locks the factor to it.
        max_iter: as in `nmf`.
        tol: as in `nmf`.
        seed: as in `nmf`, for the factors that k adds.
        callback: as in `nmf`; the error it is told has the penalty in it.

    Returns:
        The factors, those that were there in their places; the error is that on A alone.

    Raises:
        ValueError: an option is out of range, an example is empty, or H has negative entries, as that of PCA.
    """
    examples = dict(sorted((examples or {}).items()))
    if not 0 <= weight <= 1:
        raise ValueError(f"weight is {weight!r}; give a number from 0 (A alone counts) to 1 (the example alone)")
    matrix, H, W, solver = _begin(A, factors)
    for f, example in examples.items():
        a = _example(example, f, matrix)
        if not 0 <= f <= len(W):
            raise ValueError(f"an example is of factor {f}; there are factors 0..{len(W) - 1}, and {len(W)} adds one")
        if f == len(W):
            H, W = torch.cat([H, torch.zeros_like(H[:1])]), torch.cat([W, a[None]])
        else:
            W[f] = a
    stays = _checked(locked, len(W)) | (set(examples) if weight == 1 else set())
    if k is not None:
        more = check_count(k, "k", len(W), min(matrix.shape), f" ({len(W)} factors are there)") - len(W)
        H, W = extended(matrix, H, W, more, solver.signed, seed)
    H, _, S = _best_h(matrix, H, W, coordinate_descent)
    pulled = [f for f in examples if f not in stays]
    pull = torch.zeros(len(W), device=W.device)
    pull[pulled] = weight / max(1 - weight, 1e-6) * S.diagonal()[pulled]
    held = _held(solver, W.clone(), pull, sorted(set(range(len(W))) - stays))
    done = run(A, matrix, H, W, held, max_iter=max_iter, tol=tol, callback=callback)
    H, W = matrix.passes().collect(done.H), done.W
    result = _finish(A, matrix, H, W)
    return replace(result, n_iter=done.n_iter, converged=done.converged)


def split(A: Any, factors: Factorization, factor: int, k: int = 2, *, seed: int = 0) -> Factorization:
    """One factor replaced by k that share what it explains; the others stay as they are.

    The rows of A, each times the share of it that the factor explains, are factorized with k: CRAFT's recursion (Fel et
    al., 2023) on positions in place of crops. H of the new factors is then the best one beside the others' H W.

    Args:
        A: what the factors are of, as in `refit`.
        factors: as in `refit`.
        factor: which one.
        k: 2 or more.
        seed: of the random start.

    Returns:
        The factors; the new ones are factor, ..., factor + k - 1, strongest first, and later ones moved up.

    Raises:
        ValueError: there is no such factor, or it explains nothing.
    """
    matrix, H, W, solver = _begin(A, factors)
    _checked([factor], len(W))
    part = H[factor] * ((W @ W.mT)[factor] @ H)  # ⟨h_f w_f, the row's H W⟩
    share = (part / ((W @ W.mT @ H) * H).sum(0).clamp_min(torch.finfo(H.dtype).tiny)).clamp(0, 1)
    rows = (share * H[factor]).topk(min(SPLIT_ROWS, H.shape[1])).indices
    rows = rows[(share * H[factor])[rows] > 0]
    if len(rows) < k:
        raise ValueError(f"factor {factor} is in {len(rows)} positions; to be split into {k} it needs as many")
    inside = matrix.rows(rows.sort().values) * share[rows.sort().values, None]
    name = "semi" if solver.signed else "hals"
    new = nmf(inside, check_count(k, "k", 2), solver=name, seed=seed, device=matrix.device)
    order = new.strength.argsort(descending=True)
    W = torch.cat([W[:factor], new.W[order].to(W), W[factor + 1 :]])
    empty = torch.zeros(k, H.shape[1], dtype=H.dtype, device=H.device)
    H = torch.cat([H[:factor], empty, H[factor + 1 :]])
    H, _, _ = _best_h(matrix, H, W, _only(coordinate_descent, list(range(factor, factor + k))))
    return _finish(A, matrix, H, W)


def merge(A: Any, factors: Factorization, factor: int, other: int) -> Factorization:
    """Two factors replaced by one: the best approximation of rank one of ``h_f w_f + h_g w_g``.

    With S and G the products of the two h and of the two w, its w is ``Σ c_j w_j`` for the leading eigenvector c of
    S G (Eckart & Young; c is non-negative, as S and G are), and h the best one for it.

    Args:
        A: what the factors are of, as in `refit`.
        factors: as in `refit`.
        factor: which one.
        other: the one that it is merged with.

    Returns:
        The factors; the new one has the place of the first of the two, and later ones moved down.

    Raises:
        ValueError: there is no such factor, or both are the same.
    """
    matrix, H, W, _ = _begin(A, factors)
    if len(_checked([factor, other], len(W))) < 2:
        raise ValueError(f"factor {factor} cannot be merged with itself; give two factors")
    pair = sorted([factor, other])
    h, w = H[pair].double().cpu(), W[pair].double().cpu()
    values, vectors = torch.linalg.eig((h @ h.mT) @ (w @ w.mT))
    c = vectors[:, values.real.argmax()].real
    c = c * torch.sign(c.sum() if c.sum() else torch.ones(()))
    one = c @ w
    coefficients = (h.mT @ (w @ one)) / one.square().sum().clamp_min(torch.finfo(one.dtype).tiny)
    H, W = H.clone(), W.clone()
    H[pair[0]], W[pair[0]] = coefficients.clamp_min(0).to(H), one.to(W)
    rest = [f for f in range(len(W)) if f != pair[1]]
    return _finish(A, matrix, H[rest], W[rest])


def drop(A: Any, factors: Factorization, factor: int) -> Factorization:
    """The factors without one; W of the others stays, and H is the best one for it.

    Args:
        A: what the factors are of, as in `refit`.
        factors: as in `refit`.
        factor: which one.

    Raises:
        ValueError: there is no such factor, or no other.
    """
    matrix, H, W, _ = _begin(A, factors)
    _checked([factor], len(W))
    if len(W) == 1:
        raise ValueError("the only factor cannot be dropped; split it, or fit again with another k")
    rest = [f for f in range(len(W)) if f != factor]
    H, _, _ = _best_h(matrix, H[rest], W[rest], coordinate_descent)
    return _finish(A, matrix, H, W[rest])


# ------------------------------------------------------------------------------------------------------------ pieces
def _begin(A: Any, factors: Factorization) -> tuple[Rows, Tensor, Tensor, Solver]:
    """A's rows, and copies of H (k, n) and W (k, c) beside them; how these factors go on."""
    matrix = A.matrix if isinstance(A, Sketch) else as_rows(A, "auto")
    (H, positive), (W, nonnegative) = to_matrix(factors.H, "H"), to_matrix(factors.W, "W")
    if (len(H), W.shape[1]) != matrix.shape:
        raise ValueError(f"the factors are of a matrix of {len(H)} x {W.shape[1]}, but A is {matrix.shape}")
    if not positive:
        raise ValueError("H has negative entries, as PCA's; only factorizations with H ≥ 0 can be steered")
    H = H.mT.to(matrix.device).clone(memory_format=torch.contiguous_format)
    return matrix, H, W.to(matrix.device).clone(), SOLVERS["hals" if nonnegative and matrix.nonnegative else "semi"]


def _checked(which: Collection[int], k: int) -> set[int]:
    wrong = [f for f in which if not 0 <= f < k]
    if wrong:
        raise ValueError(f"there is no factor {wrong[0]!r}; there are factors 0..{k - 1}")
    return set(which)


def _example(example: Any, f: int, matrix: Rows) -> Tensor:
    a, _ = to_matrix(example[None], f"the example of factor {f}")
    if a.shape[1] != matrix.shape[1] or not a.any():
        raise ValueError(
            f"the example of factor {f} is {tuple(a.shape[1:])}, with {int(a.count_nonzero())} entries "
            f"that are not 0; give {matrix.shape[1]} channels, not all of them 0"
        )
    return a[0].to(matrix.device)


def _best_h(matrix: Rows, H: Tensor, W: Tensor, update: Update) -> tuple[Tensor, Tensor, Tensor]:
    """H (k, n) after many sweeps of an update for this W, with H A and H Hᵀ: one read of A."""
    passes = matrix.passes()
    H, Q, S = passes.step(passes.place(H), W, update, sweeps=SWEEPS, beyond=None)
    return passes.collect(H), Q, S


def _only(update: Update, free: list[int]) -> Update:
    """An update of some coordinates while the others stay: what they contribute leaves the target."""

    def restricted(X: Tensor, P: Tensor, G: Tensor, sweeps: int) -> None:
        stays = [j for j in range(len(X)) if j not in free]
        if not free:
            return
        some = X[free]
        target = P[free] - G[free][:, stays] @ X[stays]
        update(some, target, G[free][:, free].contiguous(), sweeps)
        X[free] = some

    return restricted


def _held(solver: Solver, examples: Tensor, pull: Tensor, free: list[int]) -> Solver:
    """A solver whose W is pulled to the examples (k, c) by λ = pull (k,), and moves only where it is free."""
    inner = _only(solver.update_w, free)

    def update_w(X: Tensor, P: Tensor, G: Tensor, sweeps: int, problems: Problems | None = None) -> None:
        inner(X, P + pull[:, None] * examples, G + torch.diag(pull), sweeps)

    def penalty(W: Tensor) -> Tensor:
        return (pull[:, None] * (W - examples) ** 2).sum(1)

    return replace(solver, update_w=update_w, penalty=penalty)


def _finish(A: Any, matrix: Rows, H: Tensor, W: Tensor) -> Factorization:
    """The factorization with its error on A: one more read."""
    _, Q, S = _best_h(matrix, H, W, lambda X, P, G, sweeps: None)
    square = matrix.squared_norm - 2 * float((Q * W).double().sum()) + float((S * (W @ W.mT)).double().sum())
    error = (max(square, 0.0) / matrix.squared_norm) ** 0.5 if matrix.squared_norm else 0.0
    like = A.like if isinstance(A, Sketch) else A
    return Factorization(to_array(H.mT.contiguous(), like), to_array(W, like), error, 0, True)
