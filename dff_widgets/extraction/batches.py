"""From images to the batches that a network takes, made in other threads while the network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..images import ImageSet, UnreadableImageError
from ..networks import Network, prepare

_LONGEST = 16  # sides: a longer strip would need more memory than a set of photos
_AHEAD = 2  # batches that are made while the network computes


def readable_sizes(images: ImageSet, skipped: dict[int, str], tick: Callable[[], None]) -> dict[int, tuple[int, int]]:
    """Each image's own (height, width); why one cannot be used goes to `skipped`."""
    sizes = {}
    for i in range(len(images)):
        if i % 100 == 99:  # thousands of headers take seconds, and a cancel must be noticed
            tick()
        try:
            height, width = images.size(i)
            if max(height, width) > _LONGEST * min(height, width):
                raise UnreadableImageError(
                    f"{images.names[i]} is {width} x {height} pixels, a strip more than {_LONGEST} times as long as "
                    "wide; crop it"
                )
            sizes[i] = (height, width)
        except UnreadableImageError as error:
            skipped[i] = str(error)
    return sizes


def batches(
    images: ImageSet,
    network: Network,
    sizes: Mapping[int, tuple[int, int]],
    groups: dict[tuple[int, int], list[int]],
    at_once: Callable[[tuple[int, int]], int],
    skipped: dict[int, str],
    *,
    threads: int = 1,
) -> Generator[tuple[list[int], Tensor], None, None]:
    """Batches (indices, (n, c, H, W) normalised) of images that share a size, made ahead in other threads.

    `at_once` says how many images of a size make a batch. Why an image cannot be used goes to `skipped`.
    """

    def load(i: int, shape: tuple[int, int]) -> npt.NDArray[np.float32] | str:
        try:
            return images.use(i, lambda image: prepare(network, image, shape), sizes[i])
        except UnreadableImageError as error:
            return str(error)

    chunks = (
        (members[begin : begin + at_once(shape)], shape)
        for shape, members in groups.items()
        for begin in range(0, len(members), at_once(shape))
    )
    ahead: deque[list[tuple[int, Future[Any]]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="dff-decode")
    try:
        while True:
            for chunk, shape in islice(chunks, _AHEAD - len(ahead)):
                ahead.append([(i, pool.submit(load, i, shape)) for i in chunk])
            if not ahead:
                return
            loaded = {i: future.result() for i, future in ahead.popleft()}
            skipped.update({i: problem for i, problem in loaded.items() if isinstance(problem, str)})
            ready = {i: pixels for i, pixels in loaded.items() if i not in skipped}
            if ready:
                yield list(ready), torch.from_numpy(np.stack(list(ready.values()))).permute(0, 3, 1, 2)
    finally:
        pool.shutdown(cancel_futures=True)
