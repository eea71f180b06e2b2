"""Photos with landmarks, and the small text tables in which data sets keep them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..images import ImageSet

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_MOST_BYTES = 2**28  # of a text file; the largest, CelebA's of landmarks, has 10 MB


@dataclass(frozen=True, eq=False)
class Landmarked:
    """Photos of one kind of object with landmarks; for `landmark_error` and `at_landmarks`.

    Attributes:
        images: the photos, with a box for each.
        landmarks: (n, l, 2) ``x, y`` in pixels from 0; NaN where one is not visible.
        names: of the l landmarks.
        train: (n,) bool, whether the data set's split has the photo for training.
    """

    images: ImageSet
    landmarks: Floats = field(repr=False)
    names: tuple[str, ...]
    train: npt.NDArray[np.bool_] = field(repr=False)

    @property
    def boxes(self) -> Floats:
        """(n, 4) the box of each photo's object, as `ImageSet.boxes`."""
        return np.array([box[0] for box in self.images.boxes or ()], dtype=np.float64)

    def distance(self, one: str, other: str) -> Floats:
        """(n,) between two landmarks in pixels, such as the eyes: the unit of errors on faces."""
        at = [self.names.index(name) for name in (one, other)]
        return np.asarray(np.linalg.norm(self.landmarks[:, at[0]] - self.landmarks[:, at[1]], axis=1))

    def subset(self, indices: Sequence[int]) -> Landmarked:
        """The photos at these indices, in that order."""
        chosen = list(indices)
        return replace(
            self, images=self.images.subset(chosen), landmarks=self.landmarks[chosen], train=self.train[chosen]
        )


def landmarked(
    paths: Sequence[Path], landmarks: Floats, boxes: Floats, names: Sequence[str], train: Sequence[bool]
) -> Landmarked:
    """The photos that can be read, with what belongs to each.

    Args:
        paths: n files.
        landmarks: as in `Landmarked`.
        boxes: (n, 4).
        names: of the landmarks.
        train: n of them.
    """
    images = ImageSet.from_files(paths)
    there = set(images.sources)
    kept = [i for i, path in enumerate(paths) if path in there]
    images = replace(images, boxes=tuple(np.asarray(boxes[i])[None] for i in kept))
    return Landmarked(images, landmarks[kept], tuple(names), np.asarray(train, dtype=bool)[kept])


def rows_of(path: Path, words: int, *, url: str, skip: int = 0, last: bool = False) -> Iterator[list[str]]:
    """The lines of a table of words apart by blanks.

    Args:
        path: the file.
        words: in each line.
        url: where to get it.
        skip: lines at the beginning that are no rows.
        last: the last word may have blanks in it.

    Raises:
        ValueError: the file is missing, too large, no text, or a line has another number of words.
    """
    if not path.is_file():
        raise ValueError(f"no file {path.name} in {str(path.parent)!r}; get it from {url}")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.name} has {path.stat().st_size:,} bytes; it is no list of a data set")
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if number <= skip or not line.strip():
                continue
            found = line.split(maxsplit=words - 1) if last else line.split()
            if len(found) != words:
                raise ValueError(f"{path.name}, line {number}, is {line.strip()[:40]!r}; expected {words} words")
            yield [word.strip() for word in found]


def numbers(words: Sequence[str], path: Path) -> list[float]:
    """Words as finite numbers.

    Raises:
        ValueError: one is none; the message names the file.
    """
    try:
        found = [float(word) for word in words]
    except ValueError:
        raise ValueError(f"{path.name} has {' '.join(words)[:60]!r} where numbers should be") from None
    if not np.isfinite(found).all():
        raise ValueError(f"{path.name} has {' '.join(words)[:60]!r} where finite numbers should be")
    return found


def inside(folder: Path, name: str, path: Path) -> Path:
    """The file that a list names, which must lie in the folder.

    Raises:
        ValueError: it is not there, or the name leads out of the folder.
    """
    file = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or len(name) > 200 or "\0" in name:
        raise ValueError(f"{path.name} names the photo {name[:60]!r}, which is not in {str(folder)!r}")
    if not file.is_file():
        raise ValueError(f"the photo {name[:80]} that {path.name} names is not in {str(folder)!r}")
    return file
