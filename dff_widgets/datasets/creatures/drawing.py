"""Where pictures come from: from memory, drawn here, or drawn by a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from ... import warming

if TYPE_CHECKING:
    from .render import Labels, Picture

    Drawn = tuple[Picture, Labels]

_KEPT = 64
memory: dict[tuple[int, int, int], Drawn] = {}  # by (seed, index, size), the latest last


def draw(seed: int, n: int, size: int) -> list[Drawn]:
    """Images 0 to n - 1 of a seed and their labels. The last 64 are kept, so their arrays are read-only."""
    drawn = {index: memory.get((seed, index, size)) for index in range(n)}
    missing = [index for index, known in drawn.items() if known is None]
    new = dict(zip(missing, _new(seed, missing, size), strict=True))
    memory.update({(seed, index, size): pair for index, pair in new.items()})
    for key in list(memory)[:-_KEPT]:
        memory.pop(key, None)
    return [known or new[index] for index, known in drawn.items()]


def _new(seed: int, indices: Sequence[int], size: int) -> list[Drawn]:
    if indices and warming.under_way():  # the import and the drawing would wait for each other at Python's lock
        with contextlib.suppress(Exception):  # no process to be had: drawn here, which takes longer
            return _elsewhere(seed, indices, size)
    from .render import render  # imports scipy: a third of a second

    return [render(seed, index, size) for index in indices]  # threads get in each other's way: the arrays are short


def _elsewhere(seed: int, indices: Sequence[int], size: int) -> list[Drawn]:
    """Drawn by another process, see `__main__`."""
    command = [sys.executable, "-m", __package__, *map(str, (seed, size, *indices))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    with np.load(BytesIO(done.stdout)) as arrays:
        pictures, labels = arrays["pictures"], arrays["labels"]
    pictures.flags.writeable = labels.flags.writeable = False
    return list(zip(pictures, labels, strict=True))
