"""A sweep as a pane: what it runs over, its points as they come, and a pause that holds nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..evaluation.journal import Journal
from ..images import ImageSet
from ..names import EMBEDDED
from ..networks import Network
from ..wording import one_line
from .jobs import CancelledError, LatestJob, Run, Ticket
from .pipeline import Pipeline
from .presenter import Presenter
from .state import checked
from .sweep_run import Plan, Point, run

# Okabe & Ito's, the darker ones first and without yellow: lines are thin. Shapes tell them apart too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
MEASURES = ("iou", "explained")
_LAYERS = 3  # curves at first
_MOST_K = 10


class PausedError(Exception):
    """Ends a run between two passes; `Sweep.start` makes another one, which goes on there."""


class Sweep(Presenter):
    """Factorizes with every layer, k and seed, in a thread; its values are described by `SweepView`.

    A pause takes effect when the present pass has ended: then the run ends, and nothing is held or waits. What was
    computed stays in the pipeline and in the journal, so that a start goes on where it was.

    Args:
        images: what to sweep over.
        pipeline: whose activations; one of its own by default.
        run: makes what runs its work; see `Jobs`.
        path: a file that keeps the results.
        inputs: ``network``, ``size`` and ``percentile``.

    Attributes:
        images, network, size, percentile: those.
        on_select: called with the point that a person chose.
        on_again: called with the chosen point when it is chosen again; by default `on_select` is.
    """

    chosen = frozenset({"layers", "ks", "seeds", "measure", "selected"})

    def __init__(
        self,
        images: ImageSet,
        pipeline: Pipeline | None = None,
        run: Run = LatestJob,
        *,
        path: str | Path | None = None,
        **inputs: Any,
    ) -> None:
        super().__init__(
            layers=[""],
            ks=list(range(1, 9)),
            seeds=[0, 1, 2],
            points=[],
            colors=list(COLORS),
            scored=False,
            measure="iou",
            selected={},
            state="ready",
            progress=0.0,
            status="",
            error=None,
            options=[],
            most=_MOST_K,
        )
        self._own = pipeline is None
        self.pipeline = Pipeline() if pipeline is None else pipeline
        self._jobs = run("dff-sweep")
        self._journal = Journal(path)
        self._working = False  # whether a run goes on, paused or not
        self.on_select: Callable[[dict[str, Any]], object] | None = None
        self.on_again: Callable[[dict[str, Any]], object] | None = None
        self.images: ImageSet = images
        self.network: Any = EMBEDDED
        self.size, self.percentile = 320, 75.0
        self.use(images=images, **inputs)

    # ------------------------------------------------------------------------------------------------ what it runs over
    def use(self, **inputs: Any) -> None:
        """Sweep over other ``images``, another ``network``, ``size`` or ``percentile``: no point stays.

        Raises:
            ValueError, TypeError: a value that cannot be.
        """
        values = checked(inputs)
        with self.together():
            before = {name: getattr(self, name) for name in values}
            for name, value in values.items():
                setattr(self, name, value)
            if "images" in values:
                scored = self.images.parts is not None
                self.put(scored=scored, measure="iou" if scored else "explained")
            if "network" in values and values["network"] is not before["network"]:
                self.put(layers=[""])
            self._begin_anew([])

    def offer(self, network: Network, layer: str = "", most: int = _MOST_K) -> None:
        """Say which layers of the loaded network can be chosen; where the default is asked for, choose a few."""
        options = [{"name": one.name, "title": layer_title(one)} for one in network.layers]
        with self.together():
            self.put(options=options, most=max(most, *self.state["ks"]))
            if self.state["layers"] == [""]:
                self.put(layers=distant_layers(network, layer or network.default_layer))
                self._begin_anew([])

    def check(self, name: str, value: Any) -> Any:
        """See `Presenter.check`."""
        if name == "measure":
            if value not in MEASURES:
                raise ValueError(f"measure is {value!r}; give {MEASURES[0]!r} or {MEASURES[1]!r}")
            return value if self.state["scored"] else "explained"
        if name == "selected":
            return self._point(dict(super().check(name, value)))
        values = list(dict.fromkeys(super().check(name, value)))
        least = {"ks": 1, "seeds": 0}.get(name)
        kind = str if least is None else int
        if not values or any(type(v) is not kind for v in values) or (least is not None and min(values) < least):
            start = "" if least is None else f", from {least} on"
            raise ValueError(f"{name} is {values}; give at least one{start}")
        return values if least is None else sorted(values)

    def _point(self, point: dict[str, Any]) -> dict[str, Any]:
        known = {"layer": self.state["layers"], "k": self.state["ks"], "seed": self.state["seeds"]}
        if point and (set(point) != set(known) or any(value not in known[name] for name, value in point.items())):
            raise ValueError(f"selected is {point}; give {{}}, or layer, k and seed of this sweep: {known}")
        return point

    def choose(self, changes: Mapping[str, Any]) -> None:
        """See `Presenter.choose`."""
        with self.together():
            super().choose(changes)
            if {"layers", "ks", "seeds"} & set(changes):
                self._begin_anew([p for p in self.state["points"] if self._belongs(p)])
        if self.state["selected"] and "selected" in changes:
            self._tell()

    def _belongs(self, point: Point) -> bool:
        state = self.state
        return point["layer"] in state["layers"] and point["k"] in state["ks"] and point["seed"] in state["seeds"]

    def _begin_anew(self, points: list[Point]) -> None:
        """Other values: their points, and on with the others if it was running."""
        running = self.state["state"] == "running"
        self.put(points=points, selected={})
        if running:
            self._submit()
            return
        self._jobs.cancel()  # a paused one, which may be in a pass yet
        left = self.total - len(points)
        said = f"{left} factorization{'' if left == 1 else 's'} to come"
        self.put(state="ready", status=said, progress=0.0)

    # ---------------------------------------------------------------------------------------------------------- running
    @property
    def total(self) -> int:
        """How many factorizations there are."""
        return len(self.state["layers"]) * len(self.state["ks"]) * len(self.state["seeds"])

    @property
    def count(self) -> str:
        """How many of them are known, in words."""
        return f"{len(self.state['points'])} of {self.total}"

    def start(self) -> None:
        """Begin, or go on after a pause, a cancel or a failure; what is known is not computed again."""
        with self.lock:
            if self.state["state"] == "paused" and self._working:
                self.put(state="running")
            elif self.state["state"] != "running":
                self._submit()

    def pause(self) -> None:
        """Stop when the present pass has ended; `start` goes on."""
        with self.lock:
            if self.state["state"] == "running":
                self.put(state="paused", status=f"pausing after this pass … · {self.count}")

    def cancel(self) -> None:
        """Stop, and let go of the activations, if they are its own; the points stay."""
        with self.lock:
            self._jobs.cancel()
            if self.state["state"] == "paused" and not self._working:
                self._end_with("cancelled", f"cancelled · {self.count}")
        if self._own and not self._working:
            self.pipeline.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until no run goes on; False when it takes longer than `timeout` seconds."""
        return self._jobs.wait(timeout)

    def close(self) -> None:
        """See `Presenter.close`."""
        self.cancel()

    def act(self, do: str, content: Mapping[str, Any]) -> None:
        """See `Presenter.act`."""
        known = {"start": self.start, "pause": self.pause, "cancel": self.cancel, "again": self._again_told}
        if do in known:
            known[do]()

    def _again_told(self) -> None:
        if self.state["selected"] and self.on_again is not None:
            self.on_again(dict(self.state["selected"]))
        else:
            self._tell()

    def _tell(self) -> None:
        if self.state["selected"] and self.on_select is not None:
            self.on_select(dict(self.state["selected"]))

    # ----------------------------------------------------------------------------------------------- in a worker thread
    def _submit(self) -> None:
        layers, ks, seeds = (tuple(self.state[name]) for name in ("layers", "ks", "seeds"))
        plan = Plan(self.images, self.network, layers, ks, seeds, self.size, self.percentile)
        self._working = True
        self.put(error=None, state="running", status="starting …")
        self._jobs.submit(lambda ticket: self._run(plan, ticket))

    def _run(self, plan: Plan, ticket: Ticket) -> None:
        say = partial(self._say, ticket)
        try:
            network, plan = self._prepare(plan, ticket)
            between, found = partial(self._between, ticket), partial(self._found, ticket)
            run(plan, network, self.pipeline, self._journal, between=between, say=say, found=found)
            self._end(ticket, "done", f"done · {self.count}")
        except PausedError:
            self._end(ticket, "paused", f"paused · {self.count}")
        except CancelledError:
            self._end(ticket, "cancelled", f"cancelled · {self.count}")
            if self._own and not ticket.superseded:
                self.pipeline.close()
        except Exception as error:  # whatever a network or a file does, the pane goes on
            kind = "" if isinstance(error, ValueError | TypeError | ConnectionError) else f"{type(error).__name__}: "
            self._end(ticket, "failed", f"{kind}{one_line(error)}")

    def _prepare(self, plan: Plan, ticket: Ticket) -> tuple[Network, Plan]:
        """The network, and the plan with the layers by their names: ``""`` is the default one."""
        say = partial(self._say, ticket)
        network = self.pipeline.network(plan.network, lambda step, _done, _total: say(f"{step} …"))
        layers = tuple(dict.fromkeys(network.layer(layer or None).name for layer in plan.layers))
        with self.together():
            ticket.check()
            self.put(layers=list(layers))
        return network, dataclasses.replace(plan, layers=layers)

    def _between(self, ticket: Ticket, status: str) -> None:
        """Between two passes: the place for a pause."""
        with self.lock:
            ticket.check()
            if self.state["state"] == "paused":
                self._working = False
                raise PausedError
            self.put(status=status)

    def _say(self, ticket: Ticket, status: str) -> None:
        """During a pass."""
        with self.lock:
            ticket.check()
            if self.state["state"] == "running":
                self.put(status=status)

    def _found(self, ticket: Ticket, point: Point, done: int, total: int) -> None:
        with self.lock:
            ticket.check()
            where = (point["layer"], point["k"], point["seed"])
            others = [p for p in self.state["points"] if (p["layer"], p["k"], p["seed"]) != where]  # of a run before
            self.put(points=[*others, point], progress=done / total)

    def _end(self, ticket: Ticket, state: str, status: str) -> None:
        with self.lock:
            if ticket.superseded:
                return
            self._working = False
            if self.state["state"] != "ready":  # ready: other values were asked for while it was paused
                self._end_with(state, status)

    def _end_with(self, state: str, status: str) -> None:
        self.put(state=state, status=status, error=status if state == "failed" else None)


def layer_title(layer: Any) -> str:
    """A layer in a list: its name, channels, stride, and whether it is signed."""
    signed = "" if layer.nonnegative else " · signed"
    return f"{layer.name} · {layer.channels:,} ch · /{layer.stride}{signed}"


def distant_layers(network: Network, layer: str, most: int = _LAYERS) -> list[str]:
    """A layer, and before it the last one of each coarser-grained stage: layers worth comparing.

    Args:
        network: the network.
        layer: a name that ``network.layer`` knows.
        most: how many, at most.
    """
    first, names = network.layer(layer), [one.name for one in network.layers]
    if layer in names:
        before = network.layers[: names.index(layer)]
    else:  # a listed one by another name
        before = tuple(one for one in network.layers if one.stride < first.stride)
    found = {first.stride: layer}
    for one in reversed(before):
        if one.nonnegative == first.nonnegative:
            found.setdefault(one.stride, one.name)
    return list(found.values())[:most]
