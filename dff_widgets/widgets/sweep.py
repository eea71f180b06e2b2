"""`SweepView`: layer × k × seed, computed in the background while fig. 4 of the paper grows."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from ..evaluation import Journal
from ..experiments import Trial
from ..images import ImageSet
from ..names import EMBEDDED
from ..networks import Network, load_network
from ..wording import one_line
from .asked import AnyNetwork
from .jobs import CancelledError, LatestJob, Ticket
from .naming import as_percentile
from .sweeping import Plan, Point, describe, run

_HERE = Path(__file__).parent
_INPUTS = ("images", "network", "layers", "ks", "seeds", "size", "percentile")
# Okabe & Ito's, the darker ones first and without yellow: lines are thin. Shapes tell them apart too.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")


class SweepView(anywidget.AnyWidget):
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
        measure: what the curves show: ``"iou"`` or ``"explained"``.
        selected: ``{}``, or a dict of ``layer``, ``k`` and ``seed``.
        state: ``"ready"``, ``"running"``, ``"paused"``, ``"done"``, ``"cancelled"`` or ``"failed"``.
        progress: 0..1 of the sweep.
        status: one line about what is going on.
        error: None, or the sentence that says what went wrong.
    """

    _esm = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("dom.js", "sweep.js"))
    _css = (_HERE / "sweep.css").read_text(encoding="utf-8")

    images = t.Any()
    network = AnyNetwork(EMBEDDED)
    size = t.Int(320)
    percentile = t.Float(75.0)
    error = t.Unicode(None, allow_none=True)
    layers = t.List(t.Unicode()).tag(sync=True)
    ks = t.List(t.Int()).tag(sync=True)
    seeds = t.List(t.Int()).tag(sync=True)
    points = t.List(t.Dict()).tag(sync=True)
    colors = t.List(t.Unicode(), list(_COLORS)).tag(sync=True)
    scored = t.Bool(False).tag(sync=True)  # whether there are part masks
    measure = t.Enum(("iou", "explained"), "iou").tag(sync=True)
    selected = t.Dict().tag(sync=True)
    state = t.Enum(("ready", "running", "paused", "done", "cancelled", "failed"), "ready").tag(sync=True)
    progress = t.Float(0.0).tag(sync=True)
    status = t.Unicode("").tag(sync=True)

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
        self._lock = threading.RLock()  # orders the threads that write traits
        self._jobs = LatestJob("dff-sweep")
        self._going = threading.Event()  # cleared while the sweep is paused
        self._journal = Journal(path)
        self._settling = False
        self.on_select = on_select
        unknown = [name for name in traits if not self.has_trait(name)]
        if unknown:
            raise TypeError(f"SweepView has no option {unknown[0]!r}; it has {', '.join(_INPUTS)}, measure, path")
        given = {"layers": [""] if layers is None else _listed(layers), "ks": _listed(ks), "seeds": _listed(seeds)}
        super().__init__(images=ImageSet.of(images), network=network, **given, **traits)
        self._look_for_parts()
        self.on_msg(lambda _widget, content, _buffers: self.act(content))
        self.observe(self._asked, _INPUTS)
        self.observe(self._chosen, "selected")
        self._get_ready()
        if start:
            self.start()

    # --------------------------------------------------------------------------------------------- what is allowed
    @t.validate("images")  # type: ignore[untyped-decorator]
    def _any_images(self, proposal: Any) -> ImageSet:
        return ImageSet.of(proposal["value"])

    @t.validate("layers", "ks", "seeds")  # type: ignore[untyped-decorator]
    def _some(self, proposal: Any) -> list[Any]:
        name, values = proposal["trait"].name, list(dict.fromkeys(proposal["value"]))
        least = {"ks": 1, "seeds": 0}.get(name)
        if not values or (least is not None and min(values) < least):
            raise t.TraitError(
                f"{name} is {values}; give at least one" + ("" if least is None else f", from {least} on")
            )
        return values if least is None else sorted(values)

    @t.validate("percentile")  # type: ignore[untyped-decorator]
    def _in_range(self, proposal: Any) -> float:
        return as_percentile(proposal["value"])

    @t.validate("measure")  # type: ignore[untyped-decorator]
    def _known_measure(self, proposal: Any) -> str:
        if proposal["value"] == "iou" and self.images is not None and self.images.parts is None:
            return "explained"
        return str(proposal["value"])

    @t.validate("selected")  # type: ignore[untyped-decorator]
    def _a_point(self, proposal: Any) -> dict[str, Any]:
        point = dict(proposal["value"])
        if not point:
            return point
        known = {"layer": self.layers, "k": self.ks, "seed": self.seeds}
        if set(point) != set(known) or any(value not in known[name] for name, value in point.items()):
            raise t.TraitError(f"selected is {point}; give {{}}, or layer, k and seed of this sweep: {known}")
        return point

    # ------------------------------------------------------------------------------------------------------ running
    def start(self) -> None:
        """Begin, or go on after a pause, a cancel or a failure; what is known is not computed again."""
        with self._lock:
            if self.state == "paused":
                self._going.set()
                self.state = "running"
            elif self.state != "running":
                self._submit()

    def pause(self) -> None:
        """Stop after the present step, and keep what is in memory; `start` goes on."""
        with self._lock:
            if self.state == "running":
                self._going.clear()
                self.state, self.status = "paused", f"paused · {self._count()}"

    def cancel(self) -> None:
        """Stop, and let go of the activations; the points stay."""
        self._jobs.cancel()
        self._going.set()

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
        if not self._jobs.wait(timeout):
            raise TimeoutError(f"not done after {timeout} s: {self.status}")

    def close(self) -> None:
        """Cancel, and take the widget away."""
        self.cancel()
        super().close()

    def act(self, content: Mapping[str, Any]) -> None:
        """What a person did in the browser, as its message says it; a message that makes no sense does nothing."""
        known = {"start": self.start, "pause": self.pause, "cancel": self.cancel, "again": self._chosen}
        action = known.get(content.get("do", ""))
        if action is not None:
            action()

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
        best = max(self.points, key=lambda p: p.get(self.measure, 0.0), default=None)
        said = "" if best is None else f"; best {self.measure} {best[self.measure]:.2f} at {describe(best)}"
        return f"SweepView({plan}; {self.state}, {self._count()}{said})"

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser sends; it waits while another thread writes several traits as one message."""
        with self._lock:
            super().set_state(sync_data)

    def _total(self) -> int:
        return len(self.layers) * len(self.ks) * len(self.seeds)

    def _count(self) -> str:
        return f"{len(self.points)} of {self._total()}"

    def _get_ready(self) -> None:
        left = self._total() - len(self.points)
        self.state, self.status, self.progress = "ready", f"{left} factorization{'s'[: left != 1]} to come", 0.0

    def _look_for_parts(self) -> None:
        self.scored = self.images.parts is not None
        self.measure = "iou" if self.scored else "explained"

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Traits set inside are the widget's own doing, and ask for nothing."""
        self._settling = True
        try:
            yield
        finally:
            self._settling = False

    def _asked(self, change: Any) -> None:
        with self._lock:
            if self._settling:
                return
            if change["name"] == "images":
                self._look_for_parts()
            if change["name"] == "network":
                with self._settled():
                    self.layers = [""]
            same = change["name"] in ("layers", "ks", "seeds")
            kept = [
                p for p in self.points if p["layer"] in self.layers and p["k"] in self.ks and p["seed"] in self.seeds
            ]
            with self.hold_sync():
                self.points = kept if same else []
                self.selected = {}
            if self.state == "running":
                self._submit()
            else:
                self.cancel()  # a paused one
                self._get_ready()

    def _chosen(self, _change: Any = None) -> None:
        if self.selected and self.on_select is not None:
            self.on_select(dict(self.selected))

    # ------------------------------------------------------------------------------------------- in a worker thread
    def _submit(self) -> None:
        plan = Plan(
            self.images,
            self.network,
            tuple(self.layers),
            tuple(self.ks),
            tuple(self.seeds),
            self.size,
            int(self.percentile) if self.percentile.is_integer() else self.percentile,  # as in the file's keys
        )
        self.error, self.state, self.status = None, "running", "starting …"
        self._going.set()
        self._jobs.submit(lambda ticket: self._run(plan, ticket))

    def _run(self, plan: Plan, ticket: Ticket) -> None:
        try:
            network, plan = self._prepare(plan, ticket)
            run(plan, network, self._journal, partial(self._go_on, ticket), partial(self._found, ticket))
            self._end(ticket, "done", f"done · {self._count()}")
        except CancelledError:
            self._end(ticket, "cancelled", f"cancelled · {self._count()}")
        except Exception as error:  # whatever a network or a file does, the widget goes on
            kind = "" if isinstance(error, ValueError | TypeError | ConnectionError) else f"{type(error).__name__}: "
            self._end(ticket, "failed", f"{kind}{one_line(error)}")

    def _prepare(self, plan: Plan, ticket: Ticket) -> tuple[Network, Plan]:
        """The network, and the plan with the layers by their names: ``""`` is the default one."""
        name = plan.network if isinstance(plan.network, str) else type(plan.network).__name__
        self._go_on(ticket, f"loading {name} …")
        network = load_network(plan.network)
        layers = tuple(dict.fromkeys(network.layer(layer or None).name for layer in plan.layers))
        with self._lock:
            ticket.check()
            with self._settled():
                self.layers = list(layers)
        return network, dataclasses.replace(plan, layers=layers)

    def _go_on(self, ticket: Ticket, status: str) -> None:
        """Say what is being done; wait here while the sweep is paused, and end it when it is no longer wanted."""
        while not self._going.wait(0.5):
            ticket.check()
        with self._lock:
            ticket.check()
            if self.state == "running":
                self.status = status

    def _found(self, ticket: Ticket, point: Point, done: int, total: int) -> None:
        with self._lock, self.hold_sync():
            ticket.check()
            others = [p for p in self.points if _place(p) != _place(point)]  # of a run before
            self.points, self.progress = [*others, point], done / total

    def _end(self, ticket: Ticket, state: str, status: str) -> None:
        with self._lock, self.hold_sync():
            if not ticket.superseded and self.state != "ready":  # ready: other values were asked for while it paused
                self.state, self.status = state, status
                self.error = status if state == "failed" else None


def _listed(values: Any) -> list[Any]:
    if isinstance(values, str | int):
        raise TypeError(f"{values!r} is one value; give a list of them: [{values!r}]")
    return list(values)


def _place(point: Mapping[str, Any]) -> tuple[Any, ...]:
    return point["layer"], point["k"], point["seed"]
