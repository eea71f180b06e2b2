"""What an exported page knows: the traits of the app (see `front/kit/types.d.ts`), for one result or a tree of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..heat import contrast, pack_heat, palette, small
from .regions import Labels, part_names, titles

if TYPE_CHECKING:
    from ..hierarchy import FactorTree
    from ..labelling import Seen
    from ..result import DFFResult

Array = npt.NDArray[Any]

_SAMPLED = 200_000  # entries of a factor that its percentiles are taken of


def page_state(
    result: DFFResult,
    tree: FactorTree | None,
    *,
    labels: Labels | None,
    names: Mapping[int, Labels],
    colors: Sequence[str],
    ious: Sequence[float | None],
    percentile: float,
    shown: Sequence[int],
    look: str,
    seen: Seen | None,
    photos: Iterable[bytes],
    encode: Callable[[bytes], Any],
) -> dict[str, Any]:
    """The traits, as JSON can hold them.

    Args:
        result: whose factors are shown first.
        tree: of results of other k, this one among them; or None.
        labels: of the factors of the result.
        names: by k the labels of the factors of other results.
        colors: ``#RRGGBB`` per factor of the result.
        ious: per factor of the result its IoU, or None.
        percentile: of the masks, at first.
        shown: indices of the images that are shown.
        look: ``"heat"`` or ``"masks"``, at first.
        seen: whose masks are brought along, as they are seen; or None.
        photos: JPEGs of the images that are shown.
        encode: makes text of bytes.
    """
    results = [result] if tree is None else [result if r.k == result.k else r for r in tree.results]
    concepts = [list(range(result.k))] if tree is None else _concepts(tree)
    inks = _inks(concepts, [r.k for r in results].index(result.k), colors)
    jpegs = list(photos)
    maps = [[small(r.coarse_heatmaps(i)) for i in range(len(r))] for r in results]
    packed = [pack_heat([level[i]]) for i in shown for level in maps]
    known = [float(value) for value in ious if value is not None]
    said = {r.k: labels if r.k == result.k else names.get(r.k) for r in results}
    return {
        "page": True,
        "k": result.k,
        "layer": result.layer,
        "percentile": percentile,
        "look": look,
        "threshold": None if seen is None else "auto",
        "seen": None if seen is None else _seen(seen, shown, encode),
        "place": {
            "images": "images",
            "n": len(result),
            "network": result.network,
            "layer": result.layer,
            "size": result.size,
            "k_max": max(r.k for r in results),
        },
        "captions": [result.images.names[i] for i in shown],
        "sizes": [list(result.sizes[i]) for i in shown],
        "photos": [encode(jpeg) for jpeg in jpegs],
        "heat": encode(b"".join(heat for heat, _ in packed)),
        "stack": {
            "key": "page",
            "ks": [r.k for r in results],
            "grids": [packed[at * len(results)][1][0] for at in range(len(shown))],
            "kept": len(shown),
            "suggested": None,
            "levels": [_level(r, tree, c, m) for r, c, m in zip(results, concepts, maps, strict=True)],
        },
        "appearance": {
            "levels": {
                str(r.k): {
                    "colors": ink,
                    "names": part_names(said[r.k], r.k),
                    "titles": titles(said[r.k], r.k),
                }
                for r, ink in zip(results, inks, strict=True)
            }
        },
        "scores": {"k": result.k, "iou": list(ious), "mean": float(np.mean(known)) if known else None},
    }


def _seen(seen: Seen, shown: Sequence[int], encode: Callable[[bytes], Any]) -> dict[str, Any]:
    """``seen``: per image and factor a map that is above one half inside the mask, and the stronger the surer."""
    maps = []
    for i in shown:
        heat, masks = seen.heatmaps(i), seen.masks(i)
        maps.append(small(np.where(masks, 0.55 + 0.45 * heat, 0.45 * heat).astype(np.float32)))
    return {
        "k": seen.k,
        "grids": [list(one.shape[1:]) for one in maps],
        "maps": encode(b"".join(np.rint(255 * one).astype(np.uint8).tobytes() for one in maps)),
    }


def _level(result: DFFResult, tree: FactorTree | None, concepts: list[int], maps: Sequence[Array]) -> dict[str, Any]:
    parents = [None if tree is None else tree.parent(result.k, f) for f in range(result.k)]
    entries = np.concatenate([m.reshape(result.k, -1) for m in maps], axis=1)
    entries = entries[:, :: max(1, entries.shape[1] // _SAMPLED)]
    return {
        "k": result.k,
        "explained": max(0.0, 1 - result.factorization.error**2),
        "shares": [float(share) for share in result.factorization.strength],
        "gains": contrast(maps),
        "parents": [-1 if parent is None else parent for parent in parents],
        "overlaps": [1.0 if tree is None else tree.overlap(result.k, f) for f in range(result.k)],
        "concepts": concepts,
        "quantiles": np.rint(255 * np.percentile(entries, range(101), axis=1).T).astype(int).tolist(),
    }


def _concepts(tree: FactorTree) -> list[list[int]]:
    """Per level of a tree a number per factor: an heir has its parent's, another a new one."""
    levels: list[list[int]] = []
    used = 0
    for k in tree:
        heirs = {tree.children(above, p)[0]: levels[-1][p] for above, p in _parents(tree, k)}
        level = []
        for f in range(k):
            level.append(heirs.get(f, used))
            used += f not in heirs
        levels.append(level)
    return levels


def _parents(tree: FactorTree, k: int) -> list[tuple[int, int]]:
    """The factors (k, factor) of the level before that have children at k."""
    ks = list(tree)
    at = ks.index(k)
    if not at:
        return []
    above = ks[at - 1]
    return [(above, p) for p in range(above) if tree.children(above, p)]


def _inks(concepts: Sequence[Sequence[int]], first: int, colors: Sequence[str]) -> list[list[str]]:
    """Colours by concept: those given, at one level, and for the others the next of the palette."""
    known = dict(zip(concepts[first], colors, strict=True))
    every = sorted({concept for level in concepts for concept in level} - set(known))
    free = (color for color in palette(len(known) + len(every)) if color not in known.values())
    known |= dict(zip(every, free, strict=False))
    return [[known[concept] for concept in level] for level in concepts]
