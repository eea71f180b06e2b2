"""Sharp maps, one image at a time: what the browser asks for tile by tile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..heat import levels, upsample
from ..result import DFFResult

_LONGEST = 256  # cells of a map's longer side: a tile has no use for more


class Sharp:
    """The sharp maps of a result.

    Args:
        result: whose.
        carried: gives the result with maps that are carried to a finer layer of its network, or None where there is
            none: then they follow the edges of the images alone.
    """

    def __init__(self, result: DFFResult, carried: Callable[[], DFFResult | None] = lambda: None) -> None:
        self.result = result
        self._carried = carried
        self._finer: DFFResult | None = result if result.believed else None
        self._levels: npt.NDArray[np.float64] | None = None

    def maps(self, i: int) -> npt.NDArray[Any]:
        """(k, h, w) in 0..1 of image i: the belief to be inside, as `DFFResult.sharpen` has it, but smaller."""
        from ..heat.crf import refine_images  # with torch

        if self._finer is None and self._levels is None:
            self._finer = self._carried()
        if self._finer is not None and self._finer.maps is not None:
            return _small(np.asarray(self._finer.maps[i], dtype=np.float32))
        result = dataclasses.replace(self.result, maps=None)  # also where a method has maps of its own
        if self._levels is None:
            self._levels = levels(result.heatmaps(i) for i in range(len(result)))
        refined = refine_images(
            result.images.subset([i]),
            [result.coarse_heatmaps(i)],
            self._levels[[i]],
            size=result.size,
            sizes=[result.sizes[i]],
            skipped={},
        )
        return _small(refined[0].astype(np.float32))


def _small(maps: npt.NDArray[Any]) -> npt.NDArray[Any]:
    h, w = maps.shape[1:]
    fit = _LONGEST / max(h, w)
    return maps if fit >= 1 else upsample(maps, (max(1, round(h * fit)), max(1, round(w * fit))))
