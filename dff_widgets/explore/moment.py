"""Everything there is at a moment, and how one moment follows from another: pure functions, no threads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..result import DFFResult
from .appearance import Appearance
from .events import (
    AppearanceChanged,
    Event,
    ProblemSaid,
    ResultFound,
    ScoresFound,
    StackFound,
    StateChanged,
    StatusSaid,
)
from .stack import Stack
from .state import FITTED, Place, State, Status

if TYPE_CHECKING:
    from ..factorization import SuggestedK
    from ..networks import Network

MANY = 1000  # images from which a person is asked first


@dataclass(frozen=True, eq=False)
class Now:
    """Everything there is at a moment.

    Attributes:
        state: what is asked for.
        good: the state whose result is shown, or None before there is one: where a failure goes back to.
        wanted: the place that is being computed, or None.
        stack, result: what is shown: of `good`, or of the first images while the others are on their way.
        before: the stack and the k of the place before that one.
        appearance: colours and names.
        scores: how well the masks fit; see `live_scores`.
        status: what is going on.
        network: that of `stack`, loaded, or None.
        grids: by layer name its (h, w) for the first image.
        concept: that is selected, whatever number its factor has at the present k, or None.
        ready: stacks of other layers of this place that are there already.
        suggested: how many factors the activations of this place have by themselves, or None before it is known.
    """

    state: State
    good: State | None = None
    wanted: Place | None = None
    stack: Stack | None = None
    result: DFFResult | None = None
    before: tuple[Stack, int] | None = None
    appearance: Appearance = field(default_factory=Appearance)
    scores: Any = None
    status: Status = field(default_factory=Status)
    network: Network | None = None
    grids: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    concept: int | None = None
    ready: tuple[Stack, ...] = ()
    suggested: SuggestedK | None = None


def chosen(state: State, values: Mapping[str, Any], *, asks_first: bool) -> State:
    """The state after a person chose some values, and what follows from them.

    Args:
        state: before.
        values: as `checked` gives them.
        asks_first: whether many images are held until `Model.start`.

    Raises:
        ValueError: a value that does not fit the others.
    """
    values = dict(values)
    images = values.get("images", state.images)
    if images is not state.images:
        values = {"shown": (), "selected": -1, "opened": -1, **values}
        values.setdefault("held", asks_first and len(images) > MANY)
    if "network" in values and values["network"] is not state.network and values["network"] != state.network:
        values.setdefault("layer", "")
    others = [name for name in FITTED if name in values and name not in ("shown", "basis")]
    if any(values[name] is not getattr(state, name) and values[name] != getattr(state, name) for name in others):
        values.setdefault("basis", None)
    following = dataclasses.replace(state, **values)
    last = len(images) - 1
    if any(i > last for i in following.shown):
        raise ValueError(f"shown is {following.shown}; give images of 0..{last}, each once, or () for all")
    if "selected" in values and following.selected >= following.k:
        raise ValueError(f"selected is {following.selected}; give a factor of 0..{following.k - 1}, or -1 for none")
    if "opened" in values and following.opened > last:
        raise ValueError(f"opened is {following.opened}; give an image of 0..{last}, or -1 for none")
    return following


def opened(now: Now, state: State) -> Now:
    """The moment after other images were opened: nothing is known of them."""
    good = now.good
    if good is not None:
        good = dataclasses.replace(good, images=state.images, shown=(), basis=None, selected=-1, opened=-1)
    return dataclasses.replace(
        now, good=good, stack=None, result=None, before=None, scores=None, concept=None, ready=()
    )


def settled(now: Now, stack: Stack) -> Now:
    """The moment in which the stack of the state that is asked for is shown.

    Args:
        now: before; its state's k is one of the stack's.
        stack: of the state's place, or of the first of its images.
    """
    k = stack.ks[0] if stack.place.basis is not None else now.state.k
    before = now.before
    if now.stack is not None and now.result is not None and now.stack.place != stack.place:
        before = (now.stack, now.result.k)
    result = stack[k]
    appearance = now.appearance.enter(stack, k, *(before or (None, 0)))
    concepts, selected = appearance.concepts(k), now.state.selected
    if now.concept is not None:
        selected = concepts.index(now.concept) if now.concept in concepts else -1
    selected = min(selected, k - 1)
    concept = concepts[selected] if now.concept is None and selected >= 0 else now.concept
    state = dataclasses.replace(now.state, layer=stack.place.layer, k=k, selected=selected, held=False)
    good = state if stack.whole else now.good
    return dataclasses.replace(
        now,
        state=state,
        good=good,
        stack=stack,
        result=result,
        before=before,
        appearance=appearance,
        concept=concept,
        ready=beside(stack, (*now.ready, *([] if now.stack is None else [now.stack]))),
    )


def beside(stack: Stack, others: Iterable[Stack]) -> tuple[Stack, ...]:
    """Of some stacks those that differ from this one in their layer alone, the latest of each layer."""
    found = {
        other.place.layer: other
        for other in others
        if other.whole
        and other.place.layer != stack.place.layer
        and dataclasses.replace(other.place, layer=stack.place.layer) == stack.place
    }
    return tuple(found.values())


def selecting(now: Now) -> Now:
    """The moment in which the concept of the factor that is selected is known, as far as it can be."""
    k, selected = now.state.k, now.state.selected
    known = k in now.appearance and selected < k and now.result is not None and now.result.k == k
    concept = now.appearance.concepts(k)[selected] if known and selected >= 0 else None
    return dataclasses.replace(now, concept=concept)


def given_up(now: Now, why: str, *, failed: bool) -> Now:
    """The moment after what was wanted could not be had: the last one that worked, and the look of this one."""
    state = now.state
    if now.good is not None:
        state = dataclasses.replace(state, **{name: getattr(now.good, name) for name in (*FITTED, "held")})
        state = dataclasses.replace(state, selected=min(state.selected, state.k - 1))
    status = Status(why, problem=why if failed else None)
    return dataclasses.replace(now, state=state, wanted=None, status=status)


def summary(result: DFFResult, total: int, seconds: float | None = None) -> str:
    """One line about a result.

    Args:
        result: what is shown.
        total: how many images were asked for.
        seconds: that it took, or None.
    """
    n, k = len(result), result.k
    explained = 100 * max(0.0, 1 - result.factorization.error**2)
    images = f"{n:,} image{'' if n == 1 else 's'}"
    factors = "1 factor explains" if k == 1 else f"{k} factors explain"
    line = f"{images} · {factors} {explained:.0f} % of the activations"
    if seconds is not None and seconds >= 0.05:  # less is no wait
        line += f" · {seconds:.2f} s"
    if result.skipped:  # a refined result also names those it could not refine
        line += f" · {max(total - n, len(result.skipped))} left out: {'; '.join(result.skipped)}"
    return line


def differences(before: Now, after: Now) -> Iterator[Event]:
    """What is told of a change."""
    if after.state is not before.state:
        names = tuple(
            one.name
            for one in dataclasses.fields(State)
            if getattr(before.state, one.name) is not getattr(after.state, one.name)
            and getattr(before.state, one.name) != getattr(after.state, one.name)
        )
        if names:
            yield StateChanged(after.state, names)
    if (before.stack, before.ready, before.suggested) != (after.stack, after.ready, after.suggested):
        yield StackFound(after.stack)
    if after.appearance is not before.appearance:
        yield AppearanceChanged(after.appearance)
    if after.result is not before.result:
        yield ResultFound(after.result)
    if after.scores is not before.scores:
        yield ScoresFound(after.scores)
    if after.status != before.status:
        yield StatusSaid(after.status)
        if after.status.problem is not None and after.status.problem != before.status.problem:
            yield ProblemSaid(after.status.problem)
