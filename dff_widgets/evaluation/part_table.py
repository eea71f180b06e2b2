"""The table of part discovery: NMI, ARI and matched IoU of several methods on the same activations, with intervals.

Every score of a set follows from one count per image: how many pixels of each cluster, and of the background, are in
each true part (`clustering.contingency`). So a resumed run needs no network, and sets are drawn again in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..images import ImageSet
from ..names import EMBEDDED
from ..networks import load_network
from .bench import Bench, Task, run
from .bootstrap import draws, interval
from .clustering import Contingency
from .methods import METHODS, RIVALS, Method
from .pixel_counts import ratio
from .tables import Cell, Table

Array = npt.NDArray[Any]
Sets = ImageSet | Mapping[str, ImageSet]

MEASURES = ("NMI", "ARI", "FG-NMI", "FG-ARI", "matched IoU")

# As printed by Choudhury et al. (NeurIPS 2021), of their own networks and data: for comparison, not from a run here.
# NMI and ARI of CUB-200-2011 (K = 4) over the whole image and the foreground; of PASCAL-Part (K = 4, the mean of ten
# classes) one pair, whose pixels are those of their protocol.
_SOURCE = "others' networks and data: Choudhury et al. 2021"
PUBLISHED: tuple[tuple[str, str, tuple[float | None, ...]], ...] = (
    ("CUB-200-2011", "DFF, VGG-19", (23.7, 13.1, 32.4, 14.3, None)),
    ("PASCAL-Part", "DFF", (14.8, 31.4, None, None, None)),
    ("PASCAL-Part", "SCOPS", (31.7, 56.5, None, None, None)),
    ("PASCAL-Part", "Choudhury et al.", (39.8, 68.7, None, None, None)),
)


@dataclass(frozen=True)
class PartScores:
    """What one method reaches on one set, in percent, with the middle 95 % of sets drawn from its images.

    Attributes:
        data, method: their names.
        k: number of factors.
        images: how many.
        nmi, ari: over all pixels; see `nmi` and `ari`.
        fg_nmi, fg_ari: over the pixels that are in some part.
        iou: the mean over the parts of the IoU with the one factor that is matched to each, one to one.
        nmi_low, nmi_high, ...: the intervals.
        above_first_low, above_first_high: of the difference in NMI to the first method of the table, on the same drawn
            sets; 0 outside means that they differ.
    """

    data: str
    method: str
    k: int
    images: int
    nmi: float
    nmi_low: float
    nmi_high: float
    ari: float
    ari_low: float
    ari_high: float
    fg_nmi: float
    fg_nmi_low: float
    fg_nmi_high: float
    fg_ari: float
    fg_ari_low: float
    fg_ari_high: float
    iou: float
    iou_low: float
    iou_high: float
    above_first_low: float = field(default=float("nan"))
    above_first_high: float = field(default=float("nan"))


def part_scores(
    images: Sets,
    *,
    k: int = 4,
    methods: Mapping[str, Method] = METHODS | RIVALS,
    network: Any = EMBEDDED,
    layer: str | None = None,
    size: int = 320,
    seed: int = 0,
    repeats: int = 200,
    path: Any = None,
    progress: bool = True,
) -> list[PartScores]:
    """Score methods as clusterings of the pixels into parts. ``Table.of(scores)`` has all numbers, for a CSV file.

    The part map is `clustering.part_maps` with each method's own options: the background is where no mask is. Where
    true parts overlap, the smaller one counts.

    Args:
        images: a set with part masks, or several by name.
        k: number of factors.
        methods: by name; what they fit are `DFFResult`s.
        network: as in `experiments.Setup`, and so are layer, size, seed, path and progress.
        layer: see there.
        size: see there.
        seed: see there.
        repeats: sets that are drawn for the intervals.
        path: see there; a run that was stopped goes on where it was.
        progress: see there.

    Raises:
        ValueError: a set has no part masks.
    """
    sets = {"images": images} if isinstance(images, ImageSet) else dict(images)
    for data, found in sets.items():
        if found.parts is None:
            raise ValueError(f"the set {data!r} has no parts to compare with; load it with masks")
    loaded, tasks = load_network(network), []
    for data, found in sets.items():
        bench = Bench(found, loaded, layer, size)
        for name, method in methods.items():
            key = bench.key("parts", method=name, **method.about, k=k, seed=seed)
            tasks.append(Task((data, name), bench, key, partial(bench.part_counts, method, k, seed)))
    counts = {label: np.array(value, dtype=np.int64) for label, value in run(tasks, path, progress)}
    return [
        _scored(data, name, k, counts[data, name], counts[data, next(iter(methods))], repeats)
        for data in sets
        for name in methods
    ]


def part_table(images: Sets, *, published: bool = False, **options: Any) -> Table:
    """`part_scores` as a table: each measure in percent with its interval, a row per set and method.

    Args:
        images: as in `part_scores`.
        published: add the rows that others have printed, of their own networks and data.
        options: of `part_scores`.
    """
    scores = part_scores(images, **options)
    rows: list[tuple[Cell, ...]] = []
    for s in scores:
        shown = [_shown(s, what) for what in ("nmi", "ari", "fg_nmi", "fg_ari", "iou")]
        rows.append((s.data, s.method, s.k, s.images, *shown, f"{s.above_first_low:+.1f} … {s.above_first_high:+.1f}"))
    for data, method, values in PUBLISHED if published else ():
        rows.append(
            (data, f"{method} ({_SOURCE})", 4, None, *(None if v is None else f"{v:.1f}" for v in values), None)
        )
    title = "Part discovery in %, with 95 % of sets drawn from the images"
    return Table(title, ("set", "method", "k", "images", *MEASURES, "NMI above the first"), tuple(rows))


def _shown(scores: PartScores, what: str) -> str:
    value, low, high = (getattr(scores, what + end) for end in ("", "_low", "_high"))
    return f"{value:.1f} ({low:.1f} … {high:.1f})"


def _scored(data: str, name: str, k: int, counts: Array, first: Array, repeats: int) -> PartScores:
    """From counts (images, 1 + k, 1 + parts)."""
    drawn = draws(len(counts), repeats)
    again = [_measures(c) for c in np.tensordot(drawn, counts, axes=1)]
    reference = [_measures(c)[0] for c in np.tensordot(drawn, first, axes=1)]
    values: list[float] = []
    for at, value in enumerate(_measures(counts.sum(axis=0))):
        values += [100 * value, *(100 * end for end in interval([m[at] for m in again]))]
    ahead = interval([m[0] - r for m, r in zip(again, reference, strict=True)])
    return PartScores(data, name, k, len(counts), *values, *(100 * end for end in ahead))


def _measures(counts: Array) -> tuple[float, ...]:
    """The five measures of a contingency table (1 + k, 1 + parts), 0..1."""
    found = Contingency(counts)
    return found.nmi, found.ari, found.foreground.nmi, found.foreground.ari, matched(counts)


def matched(counts: Array) -> float:
    """The mean over the parts of the IoU with the cluster that is matched to each one, 0..1.

    Args:
        counts: (1 + k, 1 + parts) pixels; row and column 0 are the background, which is matched to nothing.
    """
    from scipy.optimize import linear_sum_assignment

    shared = counts[1:, 1:]
    union = counts[1:].sum(axis=1)[:, None] + counts[:, 1:].sum(axis=0) - shared
    there = counts[:, 1:].sum(axis=0) > 0  # a drawn set may lack a part
    scores = ratio(shared, union)[:, there]
    if not there.any():
        return float("nan")
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return float(scores[rows, columns].sum() / there.sum())


__all__ = ["MEASURES", "PUBLISHED", "PartScores", "matched", "part_scores", "part_table"]
