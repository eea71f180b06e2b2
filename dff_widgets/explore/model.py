"""The model: what a person chose, what was found for it, and one way from the one to the other."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import warnings
from collections.abc import Callable, Container
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cell import Cell
from ..images import ImageSet, UnreadableImageWarning
from ..result import DFFResult
from ..wording import sentence
from .appearance import Appearance
from .events import Event
from .given import Given
from .jobs import CancelledError, LatestJob, Run, Ticket
from .moment import Now, beside, chosen, given_up, opened, selecting, settled, summary
from .pipeline import Pipeline
from .prepared import Report
from .scrubber import scrubbed
from .stack import KS, Stack
from .state import Basis, Place, State, Status, checked
from .subscribers import Subscribers

if TYPE_CHECKING:
    from ..scale import Store

_OFTEN = 0.05  # seconds between two looks at how far a step is
_QUICK = 20_000  # rows up to which every k is there in the time that a person takes to see one
_AHEAD = 80_000  # rows up to which a layer's stack is made before anybody asks for it


class Model:
    """The explorer without widgets.

    `ask` makes the next `State` in one assignment and starts what it needs; the latest request wins. What fails is
    said, and the state goes back to the last one that worked. What is read here are immutable objects, under no lock;
    `now` has all of them of one moment. Subscribers are called in the thread that made the change, and look at what
    there is: the events of two threads may come in any order.

    An interrupt at any line leaves the old state or the new one, and whatever is asked next works.

    Args:
        images: an `ImageSet`, or what `ImageSet.of` takes.
        store: activations that are there already, a `scale.Store`: they are shown without extracting anything.
        given: a result of these images that is shown without a network.
        client: a ``dask.distributed.Client``, whose workers extract and factorize.
        run: what makes the threads: `LatestJob`, or `Inline` for none.
        foresee: whether what a person may ask for next is made ahead: other k and layers, and a suggested k.
        choices: fields of `State`.

    Attributes:
        pipeline: makes the stacks, also for panes.
        run: as given, also for panes.

    Raises:
        ValueError, TypeError: see `ask`.
    """

    def __init__(
        self,
        images: Any,
        *,
        store: Store | None = None,
        client: Any = None,
        given: DFFResult | None = None,
        run: Run = LatestJob,
        foresee: bool = True,
        **choices: Any,
    ) -> None:
        self.pipeline = Pipeline(store, client) if given is None else Given(given)
        self.run, self._foresee = run, foresee and given is None
        self._asks_first = store is None and client is None and given is None
        if given is not None:
            basis = Basis(np.asarray(given.factorization.W), given)
            about = {"network": given.network, "layer": given.layer, "size": given.size, "k": given.k, "basis": basis}
            choices = {**about, **choices}
        if store is not None:
            choices = {"network": store.network, "layer": store.layer.name, "size": store.size, **choices}
        nothing = State(ImageSet((), ()))
        state = chosen(nothing, checked({"images": images, **choices}), asks_first=self._asks_first)
        self._cell: Cell[Now] = Cell(Now(nothing))
        self._subscribers = Subscribers(lambda: self.now)
        self._jobs, self._ahead = run("dff-explorer"), run("dff-ahead")
        self._pursued: Place | None = None  # what the job that was started last is after
        self._closed = False
        self._change(lambda now: self._with(now, state, ("selected",)))
        self._pursue()

    # ---------------------------------------------------------------------------------------------------- what is there
    @property
    def now(self) -> Now:
        """Everything there is at this moment."""
        return self._cell.value

    @property
    def state(self) -> State:
        """What is asked for."""
        return self.now.state

    @property
    def result(self) -> DFFResult | None:
        """What is shown."""
        return self.now.result

    @property
    def stack(self) -> Stack | None:
        """All k of the place that is shown."""
        return self.now.stack

    @property
    def appearance(self) -> Appearance:
        """Colours and names."""
        return self.now.appearance

    @property
    def scores(self) -> Any:
        """How well the masks fit; see `live_scores`."""
        return self.now.scores

    @property
    def status(self) -> Status:
        """What is going on."""
        return self.now.status

    @property
    def error(self) -> str | None:
        """None, or the sentence that says what went wrong."""
        return self.now.status.problem

    @property
    def busy(self) -> bool:
        """Whether something is on its way that was asked for."""
        return self.now.wanted is not None

    def subscribe(self, told: Callable[[Event], object]) -> Callable[[], None]:
        """Call `told` with every `Event` from now on, in the thread it comes from.

        Returns:
            What ends it.
        """
        return self._subscribers.add(told)

    # ----------------------------------------------------------------------------------------------------------- asking
    def ask(self, **changes: Any) -> None:
        """Choose something: fields of `State`.

        What is there already (another k of the stack, a place where one has been) is shown at once; else it is
        computed, and shown when it is there.

        Raises:
            ValueError: a value that cannot be, or this is closed; one sentence, and nothing has changed.
            TypeError: a value of another kind, or no field of `State`; likewise.
        """
        if self._closed:
            raise ValueError("this explorer is closed; make another one")
        values = checked(changes)
        try:
            before, after = self._change(
                lambda now: self._with(now, chosen(now.state, values, asks_first=self._asks_first), values)
            )
            if after.wanted is None and after.stack is not None and after.suggested is None and _moved(before, after):
                self._look_ahead(after.stack.place)
        finally:  # an interrupt may have come after the change
            self._pursue()

    def start(self) -> None:
        """Run the network over all images, however many there are."""
        self.ask(held=False)

    def cancel(self) -> None:
        """Stop what is being computed; the last result stays, and the state goes back to it."""
        wanted = self.now.wanted
        if wanted is not None:  # at once: what is asked for from here on starts from what is shown
            self._give_up(wanted, "cancelled")
        self._jobs.cancel()

    def wait(self, timeout: float | None = None) -> None:
        """Block until what was asked for is there.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            TimeoutError: it took longer.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            if self.now.wanted is not None:
                self._pursue()
            if not self._jobs.wait(None if end is None else max(0.0, end - time.monotonic())):
                raise TimeoutError(f"not done after {timeout} s: {self.status.text}")
            self._subscribers.tell()  # what an interrupt kept from them
            if self.now.wanted is None:  # and whoever is told has been told
                return

    def close(self) -> None:
        """End the work, which is done within a batch, and forget everything."""
        self._closed = True
        self._subscribers.clear()
        self._cell.swap(lambda now: dataclasses.replace(now, wanted=None))
        self._ahead.cancel()
        if self._jobs.busy:
            self._jobs.submit(lambda _ticket: self.pipeline.close())
        else:
            self.pipeline.close()

    # ------------------------------------------------------------------------------------------ what others know better
    def dress(self, change: Callable[[Appearance], Appearance]) -> None:
        """Put another appearance in the place of the one there is.

        Args:
            change: has no effects of its own: it is called again where another thread came between.
        """
        self._change(lambda now: dataclasses.replace(now, appearance=change(now.appearance)))

    def score(self, scores: Any) -> None:
        """Put other scores in the place of those there are."""
        self._change(lambda now: dataclasses.replace(now, scores=scores))

    def say(self, text: str, *, problem: bool = False) -> None:
        """Put a sentence in the status line; a problem is an `error` too."""
        self._change(
            lambda now: dataclasses.replace(
                now, status=dataclasses.replace(now.status, text=text, problem=text if problem else None)
            )
        )

    # ------------------------------------------------------------------------------------------------ one way to change
    def _change(self, change: Callable[[Now], Now]) -> tuple[Now, Now]:
        """Make the next moment, and tell what is different in it."""
        before, after = self._cell.swap(change)
        self._subscribers.tell()
        return before, after

    def _with(self, now: Now, state: State, names: Container[str]) -> Now:
        """The moment in which this state is asked for: with its result, where that is there already.

        Args:
            now: before.
            state: that is asked for.
            names: of what a person chose of it.
        """
        if state == now.state and now.status.problem is None and (now.wanted is not None or now.result is not None):
            return now
        images = now.state.images
        now = dataclasses.replace(now, state=state, status=dataclasses.replace(now.status, problem=None))
        if state.images is not images:
            now = opened(now, state)
        if "selected" in names:
            now = selecting(now)
        if state.held and not state.shown:
            text = f"{len(state.images):,} images: Start runs the network over all of them; or label on a few first"
            return dataclasses.replace(now, wanted=None, status=Status(text))
        stack = self.pipeline.known_stack(state.place)
        if stack is not None and (state.basis is not None or state.k in stack):
            now = dataclasses.replace(settled(now, stack), suggested=self.pipeline.known_suggestion(stack.place))
            return dataclasses.replace(now, wanted=None, status=Status(summary(stack[now.state.k], stack.total)))
        if now.wanted is not None and now.wanted == state.place:
            return now
        return dataclasses.replace(now, wanted=state.place, status=Status("one moment …", busy=True))

    def _pursue(self) -> None:
        """See to it that what is wanted is being computed, and nothing else is."""
        wanted = self.now.wanted
        if wanted is None:
            if self._pursued is not None and self._jobs.busy:
                self._jobs.submit(lambda _ticket: None)  # takes the place of what is no longer wanted
            self._pursued = None
        elif wanted is not self._pursued or not self._jobs.busy:
            self._pursued = wanted
            self._ahead.cancel()
            self._jobs.submit(partial(self._answer, wanted))

    # --------------------------------------------------------------------------------- answering, in a worker thread
    def _answer(self, place: Place, ticket: Ticket) -> None:
        begun = time.monotonic()
        meter = Meter(self, ticket)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnreadableImageWarning)  # the status line says it
                named = self.pipeline.named(place, meter)
                self._show_the_first(place, named, meter)
                while self.now.wanted is place:  # another k of this place may be asked for meanwhile
                    stack = self._stack(named, self.state.k, meter)
                    self._show(place, stack, meter, time.monotonic() - begun)
        except CancelledError:
            if not ticket.superseded:
                self._give_up(place, "cancelled")
        except BaseException as error:  # whatever a network or a file does, even SystemExit, the explorer goes on
            self._give_up(place, one_sentence(error), failed=True)
        else:
            self._look_ahead(named)

    def _show_the_first(self, place: Place, named: Place, meter: Meter) -> None:
        """Where there is nothing to look at yet, show the factors of the first images, while the others come."""
        first = self.pipeline.first(named)
        if first is None or self.result is not None:
            return
        with contextlib.suppress(ValueError):  # what is wrong with them is found again, and said, with all of them
            stack = self.pipeline.stack(first, {*KS, self.state.k}, meter)
            if self.state.k in stack:
                total = len(self.pipeline.images(named))
                self._show(place, dataclasses.replace(stack, total=total, whole=False), meter, None)

    def _stack(self, named: Place, k: int, meter: Meter) -> Stack:
        """The stack of a place: whole where that is quick, else as far as the k that is asked for."""
        if named.basis is not None or self.pipeline.fixed:
            return self.pipeline.stack(named, (k,), meter)
        known = self.pipeline.known_stack(named)
        if known is not None and k in known:
            return known
        prepared = self.pipeline.prepared(named, meter)
        if k > prepared.most:
            raise ValueError(f"k is {k}; these activations have at most {prepared.most} factors, as many as channels")
        return self.pipeline.stack(named, {*KS, k} if prepared.rows <= _QUICK else range(1, k + 1), meter)

    def _show(self, place: Place, stack: Stack, meter: Meter, seconds: float | None) -> None:
        """Make this stack the one that is shown, if its place is still wanted.

        Args:
            place: as it was asked for.
            stack: of it, or of its first images.
            meter: is told of what comes next.
            seconds: that it took; None for the first images, after which the others are still wanted.
        """
        network = self.pipeline.network(stack.place.network, meter)
        grids = self.pipeline.grids(stack.place, meter)

        suggested = self.pipeline.known_suggestion(stack.place)

        def change(now: Now) -> Now:
            if now.wanted is not place or (stack.place.basis is None and now.state.k not in stack):
                return now
            now = settled(dataclasses.replace(now, network=network, grids=grids, suggested=suggested), stack)
            if seconds is None:
                return now
            said = summary(stack[now.state.k], stack.total, seconds)
            return dataclasses.replace(now, wanted=None, status=Status(said + kept))

        kept = " · activations on disk" if self.pipeline.on_disk(stack.place) else ""
        meter.check()
        self._change(change)

    def _give_up(self, place: Place, why: str, *, failed: bool = False) -> None:
        self._change(lambda now: given_up(now, why, failed=failed) if now.wanted is place else now)

    def _look_ahead(self, named: Place) -> None:
        if self._foresee:
            self._ahead.submit(partial(self._go_ahead, named))

    def _go_ahead(self, named: Place, ticket: Ticket) -> None:
        """What a person may ask for next: the other k of this place, and the other layers of the scrubber."""

        def report(_step: str, _done: int, _total: int) -> None:
            ticket.check()

        with contextlib.suppress(Exception):  # nobody asked for it, and whoever does is told
            if named.basis is not None:
                return
            stack = self.pipeline.stack(named, KS, report)
            self._change(lambda now: settled(now, stack) if _is_of(now, stack) and now.stack is not stack else now)
            self._stack_beside(stack, report, range(_QUICK + 1))
            suggested = self.pipeline.suggestion(named, report)
            self._change(lambda now: dataclasses.replace(now, suggested=suggested) if _is_of(now, stack) else now)
            self._stack_beside(stack, report, range(_QUICK + 1, _AHEAD))

    def _stack_beside(self, stack: Stack, report: Report, sizes: range) -> None:
        """The stacks of the scrubber's other layers, as far as they are extracted and have so many rows."""
        place = stack.place
        for layer in reversed(scrubbed(self.pipeline.network(place.network, report))):
            there = dataclasses.replace(place, layer=layer.name)
            prepared = self.pipeline.known_prepared(there)
            if there != place and prepared is not None and prepared.rows in sizes:
                other = self.pipeline.stack(there, KS, report)
                self._change(partial(_with_ready, other=other, shown=stack))


def _moved(before: Now, after: Now) -> bool:
    """Whether another place is shown."""
    return before.stack is None or after.stack is None or before.stack.place != after.stack.place


def _is_of(now: Now, stack: Stack) -> bool:
    """Whether the place of a stack is shown, and is what is asked for."""
    return now.stack is not None and now.stack.place == stack.place and now.wanted is None


def _with_ready(now: Now, *, other: Stack, shown: Stack) -> Now:
    if now.stack is None or not _is_of(now, shown):
        return now
    return dataclasses.replace(now, ready=beside(now.stack, (*now.ready, other)))


class Meter:
    """What a job calls as it goes: ends it when it is no longer wanted, else says what is being done, and how long.

    Args:
        model: that says it.
        ticket: of the job.
    """

    def __init__(self, model: Model, ticket: Ticket) -> None:
        self._model, self._ticket = model, ticket
        self._step, self._begun, self._told = "", 0.0, 0.0

    def check(self) -> None:
        """Go on, or raise `CancelledError`."""
        self._ticket.check()

    def __call__(self, step: str, done: int, total: int) -> None:
        """`done` of `total` are done (0 of 0: nobody knows)."""
        self._ticket.check()
        now = time.monotonic()
        if step != self._step:
            self._step, self._begun = step, now
        elif now - self._told < _OFTEN and done < total:
            return
        self._told = now
        left = (now - self._begun) * (total - done) / done if 0 < done < total else None
        text = f"{step} {done}/{total}" if total else f"{step} …"
        if left is not None:
            text += f" · about {left:.0f} s left"
        shown = self._model.stack
        if shown is not None and not shown.whole:
            text = f"the first {len(shown)} of {shown.total} images · {text}"
        status = Status(text, step, done, total, left, busy=True)
        self._model._change(lambda was: dataclasses.replace(was, status=status) if was.wanted is not None else was)


def one_sentence(error: BaseException) -> str:
    """An exception as a person can read it; those that are not meant for people also say their type."""
    text = sentence(error)
    return text if isinstance(error, ValueError | TypeError | ConnectionError) else f"{type(error).__name__}: {text}"
