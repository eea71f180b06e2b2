"""The inspector widget: one factor from close up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import traitlets as t

from ..explore.closer import Closer
from ..link import link
from ..result import DFFResult
from .base import FRONT
from .served import Served

if TYPE_CHECKING:
    from torch import nn

    from ..networks import Network


class FactorInspector(Served):
    """What a factor is: the patches where it is strongest, its channels, and the classes that the network sees in it.

    All of it is computed in a thread of its own, one factor at a time; the latest `show` wins. The traits are plain
    data that `show` fills; everything works with no browser too.

    Args:
        result: shown at once; or None, for nothing yet.
        factor: see `show`.
        network: see `show`.
        color: see `show`.
        name: see `show`.
        patches: how many, at most.

    Attributes:
        factor: the factor that is shown, or -1.
        title, color: its name and ``#RRGGBB``; they may be set at any time.
        about: one line, of where it comes from.
        patches: strongest first, per patch a dict of ``image`` (its name) and ``strength`` (0..1).
        pictures: per patch its pixels as JPEG.
        spectrum, distinct: channels as dicts of ``channel``, ``share`` and ``others``, by `inspection.spectrum`: the
            strongest ones, and those that distinguish the factor (none when there is no other).
        classes: dicts of ``name``, ``score`` and ``probability``, by `inspection.classes`.
        note: a sentence where something is missing.
        busy: whether a factor is being looked at.
    """

    _esm, _css = link(FRONT / "closer" / "widget.js")

    factor = t.Int(-1).tag(sync=True)
    title = t.Unicode("").tag(sync=True)
    color = t.Unicode("#999999").tag(sync=True)
    about = t.Unicode("").tag(sync=True)
    patches = t.List(t.Dict()).tag(sync=True)
    pictures = t.List(t.Bytes()).tag(sync=True)
    spectrum = t.List(t.Dict()).tag(sync=True)
    distinct = t.List(t.Dict()).tag(sync=True)
    classes = t.List(t.Dict()).tag(sync=True)
    note = t.Unicode("").tag(sync=True)
    busy = t.Bool(False).tag(sync=True)

    presenter: Closer

    def __init__(
        self,
        result: DFFResult | None = None,
        factor: int = 0,
        *,
        network: str | nn.Module | Network | None = None,
        color: str | None = None,
        name: str | None = None,
        patches: int = 9,
    ) -> None:
        super().__init__(Closer(patches=patches))
        if result is not None:
            self.show(result, factor, network, color=color, name=name)

    def show(
        self,
        result: DFFResult,
        factor: int,
        network: str | nn.Module | Network | None = None,
        *,
        color: str | None = None,
        name: str | None = None,
    ) -> None:
        """Look at a factor; returns at once, see `wait`.

        Args:
            result: what it is a factor of.
            factor: 0..k-1.
            network: that of the result, as `load_network` takes it, for the classes; None leaves them out.
            color: ``#RRGGBB``; by default the factor's in `heat.palette`.
            name: ``"factor 0"`` and so on by default.

        Raises:
            ValueError: there is no such factor.
        """
        self.presenter.look(result, factor, network, color=color, name=name)

    def clear(self) -> None:
        """Show nothing."""
        self.presenter.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the factor is shown, at most `timeout` seconds; True when it is."""
        return self.presenter.wait(timeout)

    def __repr__(self) -> str:
        if self.factor < 0:
            return "FactorInspector()"
        seen = f", seen as {', '.join(c['name'] for c in self.classes[:3])}" if self.classes else ""
        return f"FactorInspector({self.title}: {self.about}; {len(self.patches)} patches{seen})"
