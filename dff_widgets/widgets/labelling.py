"""`LabelingPanel`: the factors of a result that is there, named and measured; the explorer without its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets as t

from ..explore import LatestJob, Model
from ..explore.jobs import Run
from ..explore.labelling import Labelling
from ..labelling import PartMasks
from ..result import DFFResult
from .app import DFFExplorer

# What the result settles.
_FIXED = ("images", "network", "layer", "k", "solver", "seed", "size", "focus", "basis", "held")
_LOOK = (
    "look",
    "photo",
    "percentile",
    "threshold",
    "selected",
    "tile_size",
    "sort",
    "filter",
    "reviewed",
    "opened",
    "shown",
)
_OF_PANEL = frozenset(name for name in vars(Labelling) if not name.startswith("_")) - {*dir(DFFExplorer)}


class LabelingPanel(DFFExplorer):
    """Name the factors of a result after parts, and see at once how well they fit.

    It is the explorer without what needs a network, and has all that an explorer's `panel` has: see
    `explore.labelling.Labelling` for `assign_by_coverage`, `undo`, `label_on`, `export` and the others. The IoU is that
    of the masks that `percentile` and `threshold` make, dataset-wide over the images that have a ground truth (eqs. 8-9
    of the paper).

    Args:
        result: the factors to name.
        parts: per image {name: (h, w) bool}, or a `PartMasks`; by default those of the images of the result.
        labels: what the factors are named after at first: factor -> parts.
        run: what makes the threads; see `Model`.
        traits: any of `look`, `photo`, `percentile`, `threshold`, `selected`, `tile_size`, `sort`, `filter`, `opened`,
            `shown`; see `DFFExplorer`.

    Raises:
        TypeError: there is no such option.
        ValueError: a value that cannot be.
    """

    alone = t.Bool(True).tag(sync=True)

    def __init__(
        self,
        result: DFFResult,
        parts: Sequence[Mapping[str, Any]] | PartMasks | None = None,
        labels: Mapping[int, Any] | None = None,
        *,
        run: Run = LatestJob,
        **traits: Any,
    ) -> None:
        others: dict[str, Any] = {
            name: traits.pop(name) for name in ("opacities", "hidden", "height") if name in traits
        }
        unknown = [name for name in traits if name not in _LOOK]
        if unknown:
            raise TypeError(f"LabelingPanel has no option {unknown[0]!r}; it has {', '.join(_LOOK)}")
        self._begin(Model(result.images, given=result, run=run, **traits), "", labels, others)
        if parts is not None:
            self.panel.live.use(parts if isinstance(parts, PartMasks) else PartMasks(result.images, parts))

    def __getattr__(self, name: str) -> Any:
        """What an explorer's `panel` has, this has itself."""
        if name in _OF_PANEL:
            return getattr(self.panel, name)
        raise AttributeError(f"a LabelingPanel has no {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        """What the result settles stays."""
        if name in _FIXED:
            raise AttributeError(f"{name} is that of the result; make another panel, or a DFFExplorer")
        if name in _OF_PANEL:
            setattr(self.panel, name, value)
        else:
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        state = self.model.state
        return f"LabelingPanel({len(state.images)} images: {self.network_name} · {state.layer} · k={state.k})"
