"""The traits of the explorer: what may be asked of it, and how it answers what is no such thing.

Nothing here, nor in what the explorer shows first, imports torch: that takes seconds, in which the photos are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets as t

from ..images import ImageSet
from ..names import EMBEDDED
from .naming import Named
from .request import Basis
from .sources import SORTS


class AnyNetwork(t.Any):
    """A trait that holds a network: a name, an ``nn.Module`` or a `Network`."""

    allow_none = False
    info_text = "the name of a network, an nn.Module or a Network"

    def validate(self, obj: Any, value: Any) -> Any:
        """The value, if it is one of these."""
        if isinstance(value, str):
            return value
        from torch import nn  # whoever gives a module has waited for it already

        from ..networks import Network

        if not isinstance(value, nn.Module | Network):
            self.error(obj, value)
        return value


class Asked(Named):
    """The traits of the explorer, which describes them, and the sentence for each that is set wrong."""

    images = t.Any()
    network = AnyNetwork(EMBEDDED)
    layer = t.Unicode("")
    k = t.Int(4)
    solver = t.Unicode("hals")
    seed = t.Int(0)
    size = t.Int(320)
    refine = t.Bool(False)
    shown = t.Tuple()
    basis = t.Instance(Basis, allow_none=True)
    hierarchy = t.Bool(False)
    closeup = t.Bool(False)
    sweep = t.Bool(False)
    held = t.Bool(False)
    sort = t.Enum(SORTS, "as given")
    filter = t.Unicode("")
    page = t.Int(0)
    opacity = t.List(t.Float())
    visible = t.List(t.Bool())
    selected = t.Int(-1)
    colors = t.List(t.Unicode())
    busy = t.Bool(False)
    progress = t.Float(0.0)
    status = t.Unicode("")
    error = t.Unicode(None, allow_none=True)

    @t.validate("images")  # type: ignore[untyped-decorator]
    def _any_images(self, proposal: Any) -> ImageSet:
        return ImageSet.of(proposal["value"])

    @t.validate("shown")  # type: ignore[untyped-decorator]
    def _in_the_set(self, proposal: Any) -> tuple[int, ...]:
        shown, last = proposal["value"], len(self.images) - 1
        if not all(isinstance(i, int | np.integer) and 0 <= i <= last for i in shown) or len(set(shown)) < len(shown):
            raise t.TraitError(f"shown is {shown}; give images of 0..{last}, each once, or () for all")
        return tuple(int(i) for i in shown)

    @t.validate("opacity", "visible")  # type: ignore[untyped-decorator]
    def _one_a_factor(self, proposal: Any) -> list[Any]:
        values = proposal["value"]
        k = len(values) if self.result is None else self.result.k
        if len(values) != k or not all(0 <= v <= 1 for v in values):
            what = "from 0 to 1" if proposal["trait"].name == "opacity" else "True or False"
            raise t.TraitError(f"{proposal['trait'].name} is {values}; give {k} values {what}, one a factor")
        return list(values)

    @t.validate("selected")  # type: ignore[untyped-decorator]
    def _a_factor(self, proposal: Any) -> int:
        selected = proposal["value"]
        if selected < -1 or (self.result is not None and selected >= self.result.k):
            factors = "" if self.result is None else f" of 0..{self.result.k - 1}"
            raise t.TraitError(f"selected is {selected}; give a factor{factors}, or -1 for none")
        return int(selected)
