"""`SweepView`: layer × k × seed, computed in the background while fig. 4 of the paper grows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import traitlets as t

from ..experiments import Trial
from ..explore.sweep import COLORS, MEASURES, Sweep
from ..explore.sweep_run import best_of, describe
from ..images import ImageSet
from ..link import link
from ..names import EMBEDDED
from .base import FRONT
from .served import Served

_INPUTS = ("images", "network", "size", "percentile")


class SweepView(Served):
    """Factorize with every layer, k and seed, and see which layer and k fit the parts best: fig. 4, alive.

    The sweep runs in a thread, one seed after the other, so that whole curves are there early. A click on a point, or
    Enter, puts it into `selected`. Results are those of `experiments.sweep`, which reads and writes the same `path`.
    On a layer with negative activations the factorization is semi-NMF.

    Args:
        images: an `ImageSet`, or what `ImageSet.of` takes. With part masks the curves show the mean best-part IoU.
        network: a name, an ``nn.Module`` or a `Network`; see `load_network`.
        layers: names of layers; the network's default layer when left out.
        ks: numbers of factors.
        seeds: of the random starts, over which a curve takes the mean.
        path: a file that keeps the results (JSON lines), so that a sweep goes on where it was; see `experiments.Setup`.
        on_select: called with the point that a person chose, such as ``{"layer": "bn2", "k": 3, "seed": 0}``.
        start: begin at once; else `start`, or the button, begins.
        traits: any of the traits below.

    Attributes:
        images, network, layers, ks, seeds: those. A change takes the points away that are no part of the new sweep,
            and goes on if it was running.
        size: short side in pixels at which the images go through the network.
        percentile: 0..100, of the masks.
        points: what is known, each a dict of ``layer``, ``k``, ``seed``, ``error`` (‖A - H W‖ / ‖A‖), ``explained``
            (1 - error², the part of the activations' energy that the factors hold) and, with part masks, ``iou``.
        measure: what the curves show: ``"iou"`` or ``"explained"``. Explained shares of two layers do not compare.
        selected: ``{}``, or a dict of ``layer``, ``k`` and ``seed``.
        state: ``"ready"``, ``"running"``, ``"paused"``, ``"done"``, ``"cancelled"`` or ``"failed"``.
        progress: 0..1 of the sweep.
        status: one line about what is going on.
        error: None, or the sentence that says what went wrong.
    """

    _esm, _css = link(FRONT / "sweep" / "widget.js")

    images = t.Any()
    network = t.Any(EMBEDDED)
    size = t.Int(320)
    percentile = t.Float(75.0)
    error = t.Unicode(None, allow_none=True)
    layers = t.List(t.Unicode()).tag(sync=True)
    ks = t.List(t.Int()).tag(sync=True)
    seeds = t.List(t.Int()).tag(sync=True)
    points = t.List(t.Dict()).tag(sync=True)
    colors = t.List(t.Unicode(), list(COLORS)).tag(sync=True)
    scored = t.Bool(False).tag(sync=True)  # whether there are part masks
    measure = t.Enum(MEASURES, "iou").tag(sync=True)
    selected = t.Dict().tag(sync=True)
    state = t.Enum(("ready", "running", "paused", "done", "cancelled", "failed"), "ready").tag(sync=True)
    progress = t.Float(0.0).tag(sync=True)
    status = t.Unicode("").tag(sync=True)
    options = t.List().tag(sync=True)  # layers to choose from; none where code has chosen them
    most = t.Int(10).tag(sync=True)  # the largest k to choose

    presenter: Sweep

    def __init__(
        self,
        images: Any,
        *,
        network: Any = EMBEDDED,
        layers: Iterable[str] | None = None,
        ks: Iterable[int] = range(1, 9),
        seeds: Iterable[int] = range(3),
        path: str | Path | None = None,
        on_select: Callable[[dict[str, Any]], object] | None = None,
        start: bool = True,
        **traits: Any,
    ) -> None:
        given = {"layers": [""] if layers is None else _listed(layers), "ks": _listed(ks), "seeds": _listed(seeds)}
        inputs = {name: traits.pop(name) for name in ("size", "percentile") if name in traits}
        images = ImageSet.of(images)
        presenter = Sweep(images, network=network, path=path)
        try:
            presenter.use(**inputs)
        except ValueError as error:
            raise t.TraitError(str(error)) from error
        super().__init__(presenter, images=images, network=network, **given, **inputs, **traits)
        presenter.on_select = on_select
        self.observe(self._asked, list(_INPUTS))
        if start:
            self.start()

    @property
    def on_select(self) -> Callable[[dict[str, Any]], object] | None:
        """Called with the point that a person chose."""
        return self.presenter.on_select

    @on_select.setter
    def on_select(self, told: Callable[[dict[str, Any]], object] | None) -> None:
        self.presenter.on_select = told

    # ------------------------------------------------------------------------------------------------------ running
    def start(self) -> None:
        """Begin, or go on after a pause, a cancel or a failure; what is known is not computed again."""
        self.presenter.start()

    def pause(self) -> None:
        """Stop when the present pass has ended, holding nothing; what is in memory stays, and `start` goes on."""
        self.presenter.pause()

    def cancel(self) -> None:
        """Stop, and let go of the activations; the points stay."""
        self.presenter.cancel()

    def wait(self, timeout: float | None = None) -> None:
        """Block until the sweep has ended.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            RuntimeError: it is paused.
            TimeoutError: it took longer.
        """
        if self.state == "paused":
            raise RuntimeError("the sweep is paused and would not end: call start() first")
        if not self.presenter.wait(timeout):
            raise TimeoutError(f"not done after {timeout} s: {self.status}")

    def act(self, content: Any) -> None:
        """What a person did in the browser, as its message says it; a message that makes no sense does nothing."""
        self.presenter.receive(content)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The points as `experiments.sweep` returns them, for `experiments.figure4`; NaN for an IoU without parts."""
        name = self.network if isinstance(self.network, str) else getattr(self.network, "name", "")
        name = name or type(self.network).__name__
        return tuple(
            Trial("images", name, p["layer"], self.size, p["k"], p["seed"], p.get("iou", math.nan), p["error"])
            for p in self.points
        )

    def __repr__(self) -> str:
        plan = f"{len(self.layers)} layers × {len(self.ks)} k × {len(self.seeds)} seeds"
        best = best_of(self.points)
        said = "" if best is None else f"; best IoU {best['iou']:.2f} at {describe(best)}"
        return f"SweepView({plan}; {self.state}, {self.presenter.count}{said})"

    def _asked(self, change: Any) -> None:
        """Another input: it is checked, and taken back if it cannot be."""
        name = change["name"]
        try:
            self.presenter.use(**{name: change["new"]})
        except (ValueError, TypeError) as error:
            with self.hold_trait_notifications():
                self.set_trait(name, getattr(self.presenter, name))
            raise t.TraitError(str(error)) from error


def _listed(values: Any) -> list[Any]:
    if isinstance(values, str | int):
        raise TypeError(f"{values!r} is one value; give a list of them: [{values!r}]")
    return list(values)
