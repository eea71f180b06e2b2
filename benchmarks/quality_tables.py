"""The tables of `benchmarks.quality` from counts of images: scores, what they gain, and how sure that is.

A difference is sure where its interval lies on one side of 0. Images are drawn within each class or set, and all
methods see the same draws, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dff_widgets.evaluation.bootstrap import draws, interval
from dff_widgets.evaluation.pixel_counts import ratio

Floats = npt.NDArray[np.float64]
REPEATS = 2000


def object_table(title: str, counts: Mapping[str, Mapping[str, Any]], first: str, *, images: bool = False) -> str:
    """A row per method: its score in each class, their mean with the middle 95 %, and how far `first` is ahead.

    Args:
        title: above it.
        counts: class -> method -> per image (pixels in common, pixels of the union), or (hit, 1).
        first: the method that others are compared with.
        images: add the mean over the images of their own scores.
    """
    classes = list(counts)
    drawn = {c: draws(len(next(iter(rows.values()))), REPEATS, seed) for seed, (c, rows) in enumerate(counts.items())}
    rows = list(dict.fromkeys(row for at in counts.values() for row in at))
    again = {row: _drawn_means(row, counts, drawn) for row in rows if all(row in at for at in counts.values())}
    own = ["each image"] if images else []
    lines = [_line(["method", *classes, "mean (95 %)", *own, f"{first}: ahead by"]), _rule(len(classes) + len(own) + 2)]
    for row in rows:
        scores = {c: _quotient(counts[c][row]) for c in classes if row in counts[c]}
        cells = [f"{100 * scores[c]:.1f}" if c in scores else "–" for c in classes]
        if row not in again:
            lines.append(_line([row, *cells, "–", *("–" for _ in own), "–"]))
            continue
        mean = _sure(float(np.mean(list(scores.values()))), again[row])
        each = [f"{100 * np.mean([_own_mean(counts[c][row]) for c in classes]):.1f}"] if images else []
        ahead = _ahead(again[first], again[row]) if first in again and row != first else ""
        lines.append(_line([row, *cells, mean, *each, ahead]))
    return "\n".join([f"**{title}**", "", *lines])


def part_rows(title: str, counts: Mapping[str, Mapping[str, Any]], first: str) -> str:
    """A row per method: the mean best-part IoU for each k, and how far `first` is ahead.

    Args:
        title: above it.
        counts: k -> method -> per set and image (k + 1, parts + 1), see `Bench.part_overlaps`; a mean of several sets.
        first: the method that others are compared with.
    """
    columns = list(counts)
    lines = [_line(["method", *(f"{c} (95 %)" for c in columns), *(f"{first}, {c}: ahead by" for c in columns)])]
    lines.append(_rule(2 * len(columns)))
    drawn = {c: {row: _drawn_parts(sets) for row, sets in counts[c].items()} for c in columns}
    for row in counts[columns[0]]:
        means = [float(np.mean([best_parts(one) for one in counts[c][row]])) for c in columns]
        cells = [_sure(mean, drawn[c][row]) for c, mean in zip(columns, means, strict=True)]
        ahead = [_ahead(drawn[c][first], drawn[c][row]) if first in drawn[c] and row != first else "" for c in columns]
        lines.append(_line([row, *cells, *ahead]))
    return "\n".join([f"**{title}**", "", *lines])


def best_parts(counts: Any) -> float:
    """The mean over the factors of the IoU with the part each fits best, from counts (images, k + 1, parts + 1)."""
    return float(_best_parts(np.asarray(counts).sum(axis=0)[None])[0])


def _best_parts(summed: npt.NDArray[Any]) -> Floats:
    """(draws,) of counts (draws, k + 1, parts + 1)."""
    shared = summed[:, :-1, :-1]
    union = summed[:, :-1, -1:] + summed[:, -1:, :-1] - shared
    return np.asarray(ratio(shared, union).max(axis=2).mean(axis=1))


def _drawn_parts(sets: Sequence[Any]) -> Floats:
    """(repeats,) the mean over sets, each of drawn images."""
    arrays = [np.asarray(one) for one in sets]
    return np.asarray(
        np.mean(
            [_best_parts(np.tensordot(draws(len(one), REPEATS, seed), one, axes=1)) for seed, one in enumerate(arrays)],
            axis=0,
        )
    )


def _drawn_means(row: str, counts: Mapping[str, Mapping[str, Any]], drawn: Mapping[str, Any]) -> Floats:
    """(repeats,) the mean over the classes, each of drawn images."""
    pairs = {c: np.asarray(counts[c][row], dtype=np.float64) for c in counts}
    return np.asarray(np.mean([ratio(*(drawn[c] @ pairs[c]).T) for c in counts], axis=0))


def _quotient(pairs: Any) -> float:
    above, below = np.asarray(pairs, dtype=np.float64).sum(axis=0)
    return float(ratio(above, below))


def _own_mean(pairs: Any) -> float:
    above, below = np.asarray(pairs, dtype=np.float64).T
    return float(ratio(above, below)[below > 0].mean())


def _sure(value: float, again: Floats) -> str:
    low, high = interval(again)
    return f"{100 * value:.1f} ({100 * low:.1f} … {100 * high:.1f})"


def _ahead(first: Floats, other: Floats) -> str:
    low, high = interval(first - other)
    return f"{100 * low:+.1f} … {100 * high:+.1f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(columns: int) -> str:
    return "|---|" + "---:|" * columns
