"""Maps that follow the edges of the images, one image at a time: what the browser asks for tile by tile."""

from __future__ import annotations

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
    """

    def __init__(self, result: DFFResult) -> None:
        self.result = result
        self._levels: npt.NDArray[np.float64] | None = None

    def maps(self, i: int) -> npt.NDArray[Any]:
        """(k, h, w) in 0..1 of image i: the belief to be inside, as `DFFResult.refine` has it, but smaller."""
        from ..heat.crf import refine_images  # with torch

        result = self.result
        if result.maps is not None:
            return _small(np.asarray(result.maps[i], dtype=np.float32))
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
