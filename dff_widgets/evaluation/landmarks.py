"""Where landmarks are, predicted from where the parts are: the error that unsupervised part discovery reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ..result import DFFResult

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LandmarkError:
    """How far predicted landmarks are from the true ones.

    Attributes:
        error: the mean over all visible landmarks of the test images; a fraction of the unit (times 100 in papers).
        by_landmark: (l,) the mean for each; NaN for one that is visible in no test image.
        train, test: how many images there were.
    """

    error: float
    by_landmark: Floats = field(repr=False)
    train: int
    test: int


def part_centres(result: DFFResult) -> Floats:
    """(n, k, 2) the centre ``x, y`` of each factor in each image, in pixels from 0: its heat map's centre of mass.

    A factor that is absent from an image has the image's middle.
    """
    return np.stack([_centres(result.coarse_heatmaps(i), size) for i, size in enumerate(result.sizes)])


def landmark_error(
    centres: npt.ArrayLike,
    landmarks: Sequence[npt.ArrayLike] | npt.ArrayLike,
    boxes: npt.ArrayLike,
    *,
    train: Iterable[int],
    test: Iterable[int],
    ridge: float = 1e-3,
    unit: npt.ArrayLike | None = None,
) -> LandmarkError:
    """Predict landmarks from the centres of the parts by ridge regression, and measure how far off they are.

    As in SCOPS (Hung et al. 2019) and Choudhury et al. (2021): centres and landmarks are brought into the object's box,
    0..1 along each side; a linear map with an intercept is fitted on the train images, for each landmark on those where
    it is visible; the error on the test images is the mean Euclidean distance **in units of the box's sides** (CUB), or
    of `unit` where one is given: on faces (CelebA) the distance between the eyes' centres.

    Args:
        centres: (n, k, 2) ``x, y`` in pixels, from `part_centres`.
        landmarks: (n, l, 2) ``x, y`` in pixels from 0; NaN where a landmark is not visible.
        boxes: (n, 4) ``xmin, ymin, xmax, ymax`` of each object, in pixels, both ends included.
        train: indices of images to fit on.
        test: indices of images to measure on.
        ridge: weight of the penalty on the slopes, per train image.
        unit: None, or (n,) lengths in pixels to measure in.

    Raises:
        ValueError: an array of another shape, a box or unit without length, or an index in both train and test.

    >>> rng = np.random.default_rng(0)
    >>> centres = rng.uniform(0, 100, (30, 2, 2))
    >>> boxes = np.tile([0, 0, 99, 99], (30, 1))
    >>> found = landmark_error(centres, centres[:, :1] + 3, boxes, train=range(20), test=range(20, 30), ridge=0)
    >>> round(found.error, 6), found.by_landmark.shape
    (0.0, (1,))
    """
    c, points, b = (np.asarray(a, dtype=np.float64) for a in (centres, landmarks, boxes))
    if c.ndim != 3 or points.ndim != 3 or c.shape[2] != 2 or points.shape[2] != 2:
        raise ValueError(f"centres are {c.shape} and landmarks {points.shape}; give (n, k, 2) and (n, l, 2)")
    if len(c) != len(points) or b.shape != (len(c), 4):
        raise ValueError(f"there are {len(c)} images of centres, {len(points)} of landmarks, and boxes {b.shape}")
    learned, measured = sorted(set(train)), sorted(set(test))
    if set(learned) & set(measured) or not learned or not measured:
        raise ValueError(f"train has {len(learned)} images and test {len(measured)}; give both, none in common")
    sides = (b[:, 2:] - b[:, :2] + 1)[:, None]
    if not (sides > 0).all():
        raise ValueError("a box has no area; leave its image out")
    lengths = np.ones(len(c)) if unit is None else np.asarray(unit, dtype=np.float64)
    if lengths.shape != (len(c),) or not (lengths > 0).all():
        raise ValueError(f"unit is {lengths.shape} from {lengths.min()}; give ({len(c)},) lengths above 0")
    corner = b[:, None, :2]
    inputs = ((c - corner) / sides).reshape(len(c), -1)
    targets = (points - corner) / sides
    distance = np.full((len(measured), points.shape[1]), np.nan)
    for at in range(points.shape[1]):
        seen = [i for i in learned if np.isfinite(points[i, at]).all()]
        if not seen:
            continue
        predicted = _ridge(inputs[seen], targets[seen, at], inputs[measured], ridge)
        off = predicted - targets[measured, at]
        if unit is not None:
            off = off * sides[measured, 0] / lengths[measured, None]
        distance[:, at] = np.linalg.norm(off, axis=1)
    visible = np.isfinite(distance)
    if not visible.any():
        raise ValueError("no landmark is visible in both a train and a test image")
    sums, counts = np.where(visible, distance, 0).sum(axis=0), visible.sum(axis=0)
    by_landmark = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return LandmarkError(float(distance[visible].mean()), by_landmark, len(learned), len(measured))


def _ridge(X: Floats, Y: Floats, X_new: Floats, weight: float) -> Floats:
    """Least squares with an intercept and ``weight · n ‖slopes‖²``, at new points."""
    x, y = X.mean(axis=0), Y.mean(axis=0)
    # as least squares with more rows: solving the normal equations would square the condition
    penalty = np.sqrt(weight * len(X)) * np.eye(X.shape[1])
    left = np.concatenate([X - x, penalty])
    right = np.concatenate([Y - y, np.zeros((X.shape[1], Y.shape[1]))])
    slopes = np.linalg.lstsq(left, right, rcond=None)[0]
    return np.asarray((X_new - x) @ slopes + y)


def _centres(heat: Array, size: tuple[int, int]) -> Floats:
    """(k, 2) in pixels of an image of that (height, width), from maps (k, h, w) on any grid."""
    heat = heat.astype(np.float64)
    (height, width), (h, w) = size, heat.shape[1:]
    mass = heat.sum(axis=(1, 2))
    x = (heat.sum(axis=1) @ (np.arange(w) + 0.5)) / np.where(mass > 0, mass, 1) * width / w - 0.5
    y = (heat.sum(axis=2) @ (np.arange(h) + 0.5)) / np.where(mass > 0, mass, 1) * height / h - 0.5
    middle = (width - 1) / 2, (height - 1) / 2
    return np.where(mass[:, None] > 0, np.stack([x, y], axis=1), middle)
