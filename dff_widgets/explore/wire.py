"""The model's objects as the values that cross to the browser: pure functions, one for each trait of the app.

What the front end makes of them is in `front/kit/wire.js`. All are small but `photos` and `heat`, which together stay
under `ROOM` bytes, so that the state of a hundred images is less than 6 MB as base64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..heat.maps import upsample
from .appearance import Appearance
from .live_scores import Scores
from .moment import Now
from .scrubber import scrubbed
from .stack import KS, Stack
from .state import SOLVERS, Status

if TYPE_CHECKING:
    from ..factorization import SuggestedK
    from ..networks import Network

Array = npt.NDArray[Any]

ROOM = 4_300_000  # bytes of photos and heat: 5.75 MB as base64
PHOTOS_ROOM = 2_100_000  # bytes of it for photos
MOST_PHOTOS = 100
_MOST_CELLS = 96  # of a heat map's longer side: a tile has no use for more
_LEAST_CELLS = 14  # to which maps are shrunk at most, so that more images have theirs
_PERCENTILES = np.arange(101)
_SAMPLED = 200_000  # entries of a factor that its percentiles are taken of


def place(now: Now, title: str) -> dict[str, Any]:
    """``place``: what the factors are of, and what may be asked.

    Args:
        now: the moment.
        title: of the images.

    Returns:
        ``{images, n, network, layer, solver, seed, focus, size, held, shown, store, k_max}``.
    """
    state = now.state
    return {
        "images": title,
        "n": len(state.images),
        "network": network_name(state.network),
        "layer": state.layer,
        "solver": state.solver,
        "seed": state.seed,
        "focus": state.focus or "",
        "size": state.size,
        "held": state.held,
        "shown": list(state.shown),
        "whole": now.stack is None or now.stack.whole,
        "k_max": max(KS) if now.stack is None else max(now.stack.ks),
    }


def network_name(network: Any) -> str:
    """A network, as a name."""
    return network if isinstance(network, str) else str(getattr(network, "name", type(network).__name__))


def layers(network: Network | None, solver: str, grids: Mapping[str, tuple[int, int]]) -> list[dict[str, Any]]:
    """``choices.layers``: the layers that suit the solver, in forward order.

    Args:
        network: loaded, or None for none.
        solver: with ``"semi"``, signed layers suit too.
        grids: by name (h, w) for the first image, as far as they are known.

    Returns:
        Per layer ``{name, grid: [h, w] | None, channels, stride, signed, scrub, default}``; ``scrub`` for those that
        the scrubber shows: `scrubbed`.
    """
    if network is None:
        return []
    shown = {layer.name for layer in scrubbed(network)}
    every = solver == "semi" or not any(layer.nonnegative for layer in network.layers)
    listed = [one for one in network.layers if one.nonnegative or every or one.name == network.default_layer]
    return [
        {
            "name": one.name,
            "grid": list(grids[one.name]) if one.name in grids else None,
            "channels": one.channels,
            "stride": one.stride,
            "signed": not one.nonnegative,
            "scrub": one.name in shown,
            "default": one.name == network.default_layer,
        }
        for one in listed
    ]


def choices(
    network: Network | None,
    solver: str,
    grids: Mapping[str, tuple[int, int]],
    *,
    networks: Sequence[Mapping[str, Any]],
    datasets: Sequence[Mapping[str, Any]],
    recent: Sequence[str],
    exports: Sequence[Mapping[str, Any]],
    ready: Sequence[str] = (),
) -> dict[str, Any]:
    """``choices``: what the menus offer.

    Args:
        network: see `layers`.
        solver: see `layers`.
        grids: see `layers`.
        networks: ``[{name, installed, note}]``.
        datasets: ``[{name, title, note}]``.
        recent: paths.
        exports: see `export_formats.offered`.
        ready: names of layers whose stacks are there.
    """
    listed = [{**one, "ready": one["name"] in ready} for one in layers(network, solver, grids)]
    return {
        "networks": list(networks),
        "layers": listed,
        "solvers": [[value, title] for title, value in SOLVERS.items()],
        "datasets": list(datasets),
        "recent": list(recent),
        "exports": list(exports),
    }


# ---------------------------------------------------------------------------------------------------------------- heat
def kept(stack: Stack, photos: int, room: int) -> tuple[int, float]:
    """How many images have their heat in the state, and by how much its grids are shrunk.

    Args:
        stack: whose.
        photos: images that have their photo in the state.
        room: bytes for the heat.

    Returns:
        A number of images, the first ones; and a factor of at most 1 for the sides of their grids.
    """
    maps = sum(stack.ks)
    longest = max(max(shape) for shape in stack.shapes)
    shrink = min(1.0, _MOST_CELLS / longest)
    several = min(photos, len(stack))
    cells = sum(h * w for h, w in stack.shapes[:several])
    if maps * cells * shrink**2 > room:
        least = min(1.0, _LEAST_CELLS / longest)
        shrink = max(min(shrink, math.sqrt(room / (maps * cells))), min(least, shrink))
    count, used = 0, 0
    for shape in stack.shapes[:several]:
        h, w = shrunk(shape, shrink)
        used += maps * h * w
        if used > room and count:
            break
        count += 1
    return count, shrink


def shrunk(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """A grid (h, w) with its sides made smaller."""
    h, w = shape
    return max(1, round(h * factor)), max(1, round(w * factor))


def heat(stack: Stack, images: Sequence[int], shrink: float = 1.0) -> bytes:
    """``heat``: the maps of some images, for each image, for each k, for each of its factors h·w uint8, row-major.

    Args:
        stack: whose.
        images: by index.
        shrink: see `kept`.

    Returns:
        Each factor divided by its maximum over the set, in 0..255.
    """
    parts = []
    for i in images:
        grid = shrunk(stack.shapes[i], shrink)
        for result in stack.tree.results:
            parts.append(quantised(upsample(result.coarse_heatmaps(i), grid)).tobytes())
    return b"".join(parts)


def quantised(maps: Array) -> npt.NDArray[np.uint8]:
    """Heat maps in 0..1 as uint8."""
    return (np.nan_to_num(maps).clip(0, 1) * 255).round().astype(np.uint8)


def quantiles(stack: Stack, k: int) -> list[list[int]]:
    """Per factor of k the levels 0..255 of its entries at the percentiles 0..100 over the set.

    They are those of the maps on the network's grid, of about the same level as at image size, which
    `DFFResult.thresholds` takes and the kernel measures with.
    """
    maps = stack[k]
    entries = np.concatenate([maps.coarse_heatmaps(i).reshape(k, -1) for i in range(len(maps))], axis=1)
    entries = entries[:, :: max(1, entries.shape[1] // _SAMPLED)]
    return [[round(255 * float(v)) for v in np.percentile(row, _PERCENTILES)] for row in entries]


def levels(found: Stack) -> list[dict[str, Any]]:
    """``stack.levels`` without the concepts: what the stack alone says of every k; takes a while."""
    return [
        {
            "k": k,
            "explained": found.explained[k],
            "shares": [float(share) for share in found[k].factorization.strength],
            "gains": found.gains(k),
            "parents": list(found.parents(k)),
            "overlaps": [found.tree.overlap(k, f) for f in range(k)],
            "quantiles": quantiles(found, k),
        }
        for k in found.ks
    ]


def stack(
    found: Stack,
    drawn: Sequence[Mapping[str, Any]],
    look: Appearance,
    suggested: SuggestedK | None,
    *,
    key: str,
    count: int,
    shrink: float,
) -> dict[str, Any]:
    """``stack``: what is drawn of every k, and the tree.

    Args:
        found: the stack.
        drawn: its `levels`.
        look: an appearance that has entered its place.
        suggested: how many factors there are by themselves, as far as that is known.
        key: of the stack, a short text that no other stack has.
        count: see `kept`.
        shrink: see `kept`.

    Returns:
        ``{key, ks, grids, kept, whole, suggested, reason, levels}``; a level is one of `levels` with ``concepts: [k]``.
    """
    return {
        "key": key,
        "ks": list(found.ks),
        "grids": [list(shrunk(shape, shrink)) for shape in found.shapes],
        "kept": count,
        "whole": found.whole,
        "suggested": None if suggested is None else suggested.k,
        "reason": "" if suggested is None else suggested.reason,
        "levels": [{**level, "concepts": list(look.concepts(level["k"]))} for level in drawn],
    }


# ---------------------------------------------------------------------------------------------------------- appearance
def appearance(look: Appearance, *, known: Sequence[str] = ()) -> dict[str, Any]:
    """``appearance``: colours and names at every k here.

    Args:
        look: the appearance.
        known: parts that a name box offers.
    """
    levels, parked = {}, {}
    for k in look.ks:
        labels = look.labels(k)
        levels[str(k)] = {
            "colors": look.hues(k),
            "names": [list(labels[f]) for f in range(k)],
            "titles": [labels.title(f) for f in range(k)],
        }
        if names := look.parked(k):
            parked[str(k)] = names
    return {
        "levels": levels,
        "parked": parked,
        "known": list(known),
    }


def scores(found: Scores | None) -> dict[str, Any]:
    """``scores``: ``{k, look, iou, over, mean, coverage, parts, threshold, covered, of, stale, summary}``; or none."""
    if found is None:
        return {}
    return {
        "k": found.k,
        "look": found.look,
        "iou": list(found.iou),
        "over": list(found.over),
        "mean": found.mean,
        "coverage": [[float(v) for v in row] for row in found.coverage],
        "parts": list(found.parts),
        "threshold": found.threshold,
        "covered": found.covered,
        "of": found.of,
        "stale": found.stale,
        "summary": found.summary,
    }


def status(said: Status) -> dict[str, Any]:
    """``status``: ``{text, step, done, total, left, busy, problem}``."""
    return {
        "text": said.text,
        "step": said.step,
        "done": said.done,
        "total": said.total,
        "left": said.seconds_left,
        "busy": said.busy,
        "problem": said.problem,
    }
