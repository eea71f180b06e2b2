"""Seconds a mask: a scripted person who labels exercise-parts automatically, by clicks, and by hand.

Every act takes 1.1 s: a click, a key, a corner of a polygon. By hand, a mask is the polygon that a person of the data
set drew, with corners left out (Douglas & Peucker, 1973) as far as the IoU asked for allows: the hand is given its
best at every quality. Automatic masks cost the acts of a session (five frames, names, all frames) and one key an image,
which accepts. A click then goes to the middle of the largest error of a mask, and adds or takes the region that is
alike there; one that makes the mask worse is undone, for another click. A stroke of the brush is straight, through that
middle, as wide as the error: its best direction and width cost nothing, so that strokes are flattered, on automatic
masks and on empty ones alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

import dff_widgets as dff
from dff_widgets.labelling import rasterize
from dff_widgets.labelling.shaping import alike

Mask = Any  # (h, w) bool

ACT = 1.1  # seconds
PARTS = ("up", "arm", "left", "right")
SETTING_UP = 12  # acts: the tab, five frames, size, k, Masks and Auto; a name of each part is 2 more; apply to all
MOST_CLICKS = 8  # on a mask


@dataclass(frozen=True)
class Work:
    """What came of a way to label.

    Attributes:
        seconds: a mask, on average.
        iou: a mask, on average.
    """

    seconds: float
    iou: float


def iou(a: Mask, b: Mask) -> float:
    """Of two masks, 0..1; 1 where both are empty."""
    either = int((a | b).sum())
    return int((a & b).sum()) / either if either else 1.0


# ----------------------------------------------------------------------------------------------------------- by hand
def by_hand(polygons: Sequence[tuple[Any, tuple[int, int]]], wanted: float) -> Work:
    """Polygons with as few corners as reach an IoU each.

    Args:
        polygons: the corners (n, 2) and the size (h, w) of the image, of each mask.
        wanted: the IoU, 0..1.
    """
    found = [_fewest(np.asarray(corners, dtype=float), size, wanted) for corners, size in polygons]
    return Work(ACT * float(np.mean([n for n, _ in found])), float(np.mean([quality for _, quality in found])))


def _fewest(corners: Any, size: tuple[int, int], wanted: float) -> tuple[int, float]:
    whole = _filled(corners, size)
    for tolerance in np.geomspace(64, 0.25, 33):
        kept = simplified(corners, tolerance)
        if len(kept) >= 3 and (quality := iou(_filled(kept, size), whole)) >= wanted:
            return len(kept), quality
    return len(corners), 1.0


def _filled(corners: Any, size: tuple[int, int]) -> Mask:
    found = np.zeros(size, dtype=bool)
    top, left, inside = rasterize.polygon(corners, size)
    found[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return found


def simplified(corners: Any, tolerance: float) -> Any:
    """A closed polygon without corners that lie within a distance of the line that is then drawn."""
    far = int(np.hypot(*(corners - corners[0]).T).argmax())
    halves = [corners[: far + 1], np.concatenate([corners[far:], corners[:1]])]
    return np.concatenate([_open(half, tolerance)[:-1] for half in halves])


def _open(line: Any, tolerance: float) -> Any:
    if len(line) < 3:
        return line
    along = line[-1] - line[0]
    length = np.hypot(*along) or 1.0
    apart = np.abs((line[:, 0] - line[0, 0]) * along[1] - (line[:, 1] - line[0, 1]) * along[0]) / length
    if (at := int(apart.argmax())) and apart[at] > tolerance:
        return np.concatenate([_open(line[: at + 1], tolerance)[:-1], _open(line[at:], tolerance)])
    return line[[0, -1]]


# --------------------------------------------------------------------------------------------------------- by clicks
def corrected(photo: Any, mask: Mask, truth: Mask, wanted: float, most: int = MOST_CLICKS) -> tuple[Mask, int]:
    """A mask after clicks that add or take regions, and their number.

    Args:
        photo: (h, w, 3) uint8.
        mask: to start from.
        truth: what the person wants.
        wanted: the IoU at which they stop, 0..1.
        most: clicks.
    """
    clicks, given_up = 0, np.zeros_like(mask)
    while clicks < most and iou(mask, truth) < wanted:
        error = (mask ^ truth) & ~given_up
        labels, count = ndimage.label(error)
        if not count:
            break
        largest = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
        depth = ndimage.distance_transform_edt(np.pad(largest, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        region = alike(photo, (column + 0.5, row + 0.5))
        better = mask | region if truth[row, column] else mask & ~region
        clicks += 1
        if iou(better, truth) > iou(mask, truth):
            mask = better
        else:  # undone; this error is left as it is
            clicks += 1
            given_up |= largest
    return mask, clicks


def by_clicks(images: dff.ImageSet, starts: Sequence[Mapping[str, Mask]], wanted: float) -> Work:
    """Automatic masks, corrected by clicks alone until each has an IoU or no click helps."""
    qualities, clicks = [], 0
    for i, masks in enumerate(starts):
        truth, photo = images.parts[i], images[i]
        for part in PARTS:
            mask, n = corrected(photo, masks[part], truth[part], wanted)
            qualities.append(iou(mask, truth[part]))
            clicks += n
    return Work(_automatic_seconds(len(starts)) + ACT * clicks / len(qualities), float(np.mean(qualities)))


# --------------------------------------------------------------------------------------------------------- by strokes
def stroked(mask: Mask, truth: Mask) -> Mask:
    """A mask after one straight stroke through the middle of its largest error, if that makes it better."""
    labels, count = ndimage.label(mask ^ truth)
    if not count:
        return mask
    largest = labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())
    depth = ndimage.distance_transform_edt(np.pad(largest, 1))[1:-1, 1:-1]
    row, column = (int(v) for v in np.unravel_index(int(depth.argmax()), depth.shape))
    radius, best = float(depth[row, column]), mask
    for angle in np.linspace(0, np.pi, 12, endpoint=False):
        way = np.array([np.cos(angle), np.sin(angle)])
        middle = np.array([column + 0.5, row + 0.5])
        ends = [middle + way * _reach(depth, middle, way, radius), middle - way * _reach(depth, middle, -way, radius)]
        top, left, inside = rasterize.brush(ends, radius, mask.shape)
        after = mask.copy()
        after[top : top + inside.shape[0], left : left + inside.shape[1]][inside] = bool(truth[row, column])
        best = max(best, after, key=lambda one: iou(one, truth))
    return best


def _reach(depth: Any, start: Any, way: Any, radius: float) -> int:
    """How far a brush of this radius goes before much of it leaves the error."""
    for far in range(2, max(depth.shape), 2):
        x, y = (int(v) for v in start + way * far)
        if not (0 <= y < depth.shape[0] and 0 <= x < depth.shape[1]) or depth[y, x] < 0.6 * radius:
            return far - 2
    return max(depth.shape)


def by_strokes(images: dff.ImageSet, starts: Sequence[Mapping[str, Mask]], most: int, before: float) -> list[Work]:
    """What 1, 2, ... strokes on each mask come to; `before` is the seconds a mask that the starts took."""
    masks = {(i, part): here[part] for i, here in enumerate(starts) for part in PARTS}
    found = []
    for n in range(1, most + 1):
        masks = {(i, part): stroked(mask, images.parts[i][part]) for (i, part), mask in masks.items()}
        quality = np.mean([iou(mask, images.parts[i][part]) for (i, part), mask in masks.items()])
        found.append(Work(before + ACT * n, float(quality)))
    return found


def automatic(images: dff.ImageSet, starts: Sequence[Mapping[str, Mask]]) -> Work:
    """The masks of the factors, each image accepted as it is."""
    qualities = [iou(masks[part], images.parts[i][part]) for i, masks in enumerate(starts) for part in PARTS]
    return Work(_automatic_seconds(len(starts)), float(np.mean(qualities)))


def _automatic_seconds(n: int) -> float:
    return ACT * (SETTING_UP + 2 * len(PARTS) + n) / (n * len(PARTS))


# ---------------------------------------------------------------------------------------------------------- the table
def show(images: dff.ImageSet, starts: Sequence[Mapping[str, Mask]], polygons: Sequence[Any]) -> dict[str, Any]:
    """Print seconds and IoU of each way, and how much faster than the hand at that IoU."""
    ways = {"automatic": automatic(images, starts)}
    ways |= {f"clicks until {wanted:.1f}": by_clicks(images, starts, wanted) for wanted in (0.5, 0.7, 0.9)}
    empty = [{part: np.zeros_like(masks[part]) for part in PARTS} for masks in starts]
    for name, begin, before in (("automatic", starts, _automatic_seconds(len(starts))), ("empty", empty, 0.0)):
        strokes = by_strokes(images, begin, 4, before)
        ways |= {f"{name} + {n} stroke{'s' * (n > 1)}": work for n, work in enumerate(strokes, start=1)}
    print(f"\n{'':20s}{'s a mask':>10s}{'IoU':>7s}{'by hand at that IoU':>22s}{'times as fast':>15s}")
    for name, work in ways.items():
        hand = by_hand(polygons, work.iou)
        print(f"{name:20s}{work.seconds:10.1f}{work.iou:7.2f}{hand.seconds:22.1f}{hand.seconds / work.seconds:15.1f}")
    for wanted in (0.7, 0.9, 1.0):
        hand = by_hand(polygons, wanted)
        print(f"{f'by hand, {wanted:.1f}':20s}{hand.seconds:10.1f}{hand.iou:7.2f}")
    return {name: [work.seconds, work.iou, by_hand(polygons, work.iou).seconds] for name, work in ways.items()}
