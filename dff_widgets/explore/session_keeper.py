"""The session of a model: saved, loaded, kept by itself; and the pages of a few images that a person labels on."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..heat.colors import is_color
from ..images import ImageSet
from ..labelling import (
    Annotations,
    Autosave,
    History,
    PartLabels,
    PartMasks,
    Sampling,
    Session,
    SessionFiles,
    UnknownFileError,
)
from .acts import Acts
from .appearance import Appearance
from .events import AppearanceChanged, Event, ResultFound, StateChanged
from .live_scores import LiveScores
from .model import Model
from .moment import Now
from .stack import Stack
from .state import FITTED, Basis, checked
from .undoing import Undoing

_ASKED = ("layer", "k", "solver", "seed", "size", "focus")  # what a session keeps of the state, beside the network
_LOOK = ("percentile", "threshold", "look")
_UNDO = 1000  # acts of naming that a file keeps


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A session whose factors are on their way.

    Attributes:
        basis: that they are asked for by.
        path, checksum: of the file.
        session: what it holds.
        truth: its masks on the images at hand.
        notes: what was said of them, where the concepts are the numbers of its factors.
        sampling: its pages, or None.
        look: of its settings those that are of the look, checked.
    """

    basis: Basis
    path: str
    checksum: str
    session: Session
    truth: PartMasks
    notes: Annotations
    sampling: Sampling | None
    look: Mapping[str, Any]


class SessionKeeper:
    """Keeps what a person made with a model.

    Args:
        model: whose.
        live: has its part masks, and what was said of its images.
        undoing: knows in which order things were done.

    Attributes:
        sampling: the pages of few images that are labelled on, or None.
        extra: gives settings of whoever shows the model, as plain data: `opacity` and `visible`, one a factor.
        restored: is given the settings of a session that was loaded.
        said: what was done last by itself, in a sentence.
        problem: whether that is a failure.
        files: what is known of files.
    """

    def __init__(self, model: Model, live: LiveScores, undoing: Undoing | None = None) -> None:
        self._model, self._live, self._undoing = model, live, undoing
        self.sampling: Sampling | None = None
        self.extra: Callable[[], Mapping[str, Any]] = dict
        self.restored: Callable[[Mapping[str, Any]], object] = lambda _settings: None
        self.said, self.problem = "", False
        self.files = SessionFiles()
        self._autosave = Autosave(lambda: self.snapshot().encode(), self.files, self._say)
        self._refused: tuple[str, str] | None = None  # the path of a save by hand, and the question
        self._loaded: _Loaded | None = None
        self._listeners: dict[object, Callable[[], object]] = {}
        self._stops = [
            model.subscribe(self._told),
            live.on_painted(self._changed),
            live.annotator.on_change(self._changed),
        ]

    def on_change(self, told: Callable[[], object]) -> Callable[[], None]:
        """Call `told` when there is another question, page, file or sentence; returns what ends it."""
        key = object()
        self._listeners[key] = told

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    # ----------------------------------------------------------------------------------------------------------- files
    def save(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write the session to a file: factors, names, all that was painted or said, their undo, settings.

        Args:
            path: of the file.
            overwrite: also one that was neither loaded nor written here, or that was changed since; what it held is
                kept as ``<name>.backup``.

        Returns:
            What was written, in a sentence.

        Raises:
            FileExistsError: the file may hold another's work; now there is a `question`.
            ValueError: there is no result yet, or the path is of no regular file.
            OSError: the disk is full, or the place is not there or cannot be written to.
        """
        try:
            self.files.write(path, self.snapshot().encode(), overwrite=overwrite)
        except UnknownFileError as error:
            self._refused = str(path), str(error)
            self._tell()
            raise
        self._answered(str(path))
        return f"saved in {str(path)!r}"

    def load(self, path: str | Path) -> str:
        """Go on with a saved session: on its images where they are the same, else with its factors in those at hand.

        The file is read at once; what it holds is shown when its factors are there, and nothing waits for that.

        Returns:
            What is done, in a sentence.

        Raises:
            ValueError: the file is damaged, no session, of a newer version, or does not fit; nothing changed.
        """
        self._autosave.flush()
        checksum, session, now = self.files.read(path), Session.load(path), self._model.now
        images, said = now.state.images, session.settings
        before = self._live.truth_of(images)
        truth = session.truth(images, parts=before.own, names=before.own_parts)
        notes = session.notes(images)
        sampling = Sampling.restored(session.page, len(images)) if session.page.get("images") == len(images) else None
        look = checked({name: said[name] for name in _LOOK if name in said})
        _threshold(said)
        basis = Basis(np.asarray(session.result.factorization.W), session.result)
        asked = {**_request(session, now), "shown": _shown(session, images), "basis": basis}
        self._loaded = _Loaded(basis, str(path), checksum, session, truth, notes, sampling, look)
        try:
            self._model.ask(held=False, **asked)
        except BaseException:
            self._loaded = None
            raise
        return f"loaded from {str(path)!r}" if self._loaded is None else f"loading {str(path)!r} …"

    def snapshot(self) -> Session:
        """All that a session keeps.

        Raises:
            ValueError: there is no result yet.
        """
        now = self._model.now
        if now.result is None or now.good is None or now.result.k not in now.appearance:
            raise ValueError("nothing to save yet: wait for the first result")
        state, k = now.good, now.result.k
        images = state.images
        network = state.network if isinstance(state.network, str) else ""  # a module of one's own is brought along
        settings = {"network": network, **{name: getattr(state, name) for name in _ASKED}}
        settings |= {name: getattr(now.state, name) for name in _LOOK}
        settings |= {"coverage_threshold": self._live.coverage_threshold, "colors": now.appearance.hues(k)}
        settings |= dict(self.extra())
        page = self.sampling.state() if self.sampling is not None else {}
        labels = _history(now.appearance, k)
        painted = self._live.truth_of(images).to_tensors()
        said = self._live.annotator.kept(dataclasses.replace(now, state=state)).to_tensors()
        order = () if self._undoing is None else tuple(self._undoing.order[-_UNDO:])
        return Session(now.result, labels, settings, images.names, painted, page, said, order)

    # ------------------------------------------------------------------------------------------------------- by itself
    @property
    def path(self) -> str:
        """The file that every change goes to, within seconds and at the end of the process; ``""`` for none."""
        return self._autosave.path

    def autosave(self, path: str | Path) -> str:
        """Keep a file up to date by itself from now on; ``""`` for none.

        One that may hold another's work is left alone, and there is a `question`.

        Returns:
            What is done, in a sentence; the question, if there is one.
        """
        self._autosave.follow(str(path))
        self._changed()
        self._tell()
        return self.question or (f"every change goes to {str(path)!r}" if path else "not saved by itself any more")

    @property
    def question(self) -> str | None:
        """None, or what is asked of a file that may hold another's work; see `answer`."""
        return self._autosave.question or (self._refused[1] if self._refused is not None else None)

    @property
    def asked(self) -> str:
        """The file that the question is about."""
        return self.path if self._autosave.question is not None else self._refused[0] if self._refused else ""

    def answer(self, answer: str) -> str:
        """Answer the question.

        Args:
            answer: ``"overwrite"``, ``"load it"``, or ``"neither"``, which ends the saving by itself.

        Returns:
            What is done, in a sentence.

        Raises:
            ValueError: there is no question, or no such answer; or as `load`.
            OSError: as `save`.
        """
        path = self.asked
        if self.question is None:
            raise ValueError("nothing is asked")
        if answer == "overwrite":
            return self.save(path, overwrite=True)
        if answer == "load it":
            return self.load(path)
        if answer != "neither":
            raise ValueError(f"the answer is {answer!r}; give 'overwrite', 'load it' or 'neither'")
        if self._autosave.question is not None:
            self._autosave.follow("")
        self._answered(path)
        return f"{path!r} stays as it is"

    def wait(self, timeout: float | None = None) -> bool:
        """Block until nothing is about to be saved; False when it takes longer than `timeout` seconds."""
        return self._autosave.wait(timeout)

    def close(self) -> None:
        """Save what is not saved yet, if it saves itself, and follow the model no more."""
        for stop in self._stops:
            stop()
        self._autosave.end()
        self._listeners.clear()

    # --------------------------------------------------------------------------------------- on a few images, then all
    def few(self, n: int = 5, seed: int = 0) -> str:
        """Find the factors in `n` images, drawn at random: it takes a moment for any set. `all` applies them.

        Args:
            n: images on a page.
            seed: of the order in which they come.

        Returns:
            What is done, in a sentence.
        """
        images = self._model.state.images
        sampling = Sampling(len(images), min(n, len(images)), seed)
        self._model.ask(shown=sampling.page, basis=None)
        self.sampling = sampling
        self._changed()
        self._tell()
        return f"{len(sampling.page)} of {len(images)} images: name the factors, then apply them to all"

    def next(self, *, skip: bool = False) -> str:
        """Look at the next images, with the same factors; these count as done, unless they are skipped.

        Raises:
            ValueError: there are no pages yet.
        """
        before = self.sampling
        if before is None:
            raise ValueError("no pages yet: label on a few images first")
        sampling = dataclasses.replace(before, done=set(before.done))
        sampling.next(skip=skip)
        self._apply(sampling.page)
        self.sampling = sampling
        self._changed()
        self._tell()
        return f"page {sampling.at + 1} of {sampling.pages}"

    def all(self) -> str:
        """The same factors (W) in every image.

        Raises:
            ValueError: there are no factors yet.
        """
        self._apply(())
        return f"the factors in all {len(self._model.state.images)} images"

    def _apply(self, shown: tuple[int, ...]) -> None:
        """The factors that are shown, in other images: what is on its way would have others."""
        now = self._model.now
        if now.result is None or now.good is None:
            raise ValueError("no factors yet: wait for the first result")
        asked = {name: getattr(now.good, name) for name in FITTED if name != "images"}
        self._model.ask(**{**asked, "shown": shown, "basis": Basis(np.asarray(now.result.factorization.W))})

    # ------------------------------------------------------------------------------------------------------- following
    def _told(self, event: Event) -> None:
        loaded, now = self._loaded, self._model.now
        if loaded is not None:
            if now.stack is not None and now.stack.place.basis is loaded.basis:
                self._loaded = None
                self._take(loaded, now.stack)
            elif now.state.basis is not loaded.basis:  # something else was asked for, or it could not be had
                self._loaded = None
        if isinstance(event, StateChanged) and "images" in event.names:
            self.sampling = None
            self._tell()
        if isinstance(event, ResultFound | AppearanceChanged) or (
            isinstance(event, StateChanged) and set(event.names) & {*_LOOK, *_ASKED}
        ):
            self._changed()

    def _take(self, loaded: _Loaded, stack: Stack) -> None:
        """Everything else of a session whose factors are there."""
        settings = loaded.session.settings
        self.files.loaded(loaded.path, loaded.checksum)
        if self.path:  # what is loaded is gone on with, and the file of what was before stays as it is
            self._autosave.follow(loaded.path)
        self._live.coverage_threshold = _threshold(settings)
        dressed = _dressed(stack, loaded.session.labels, settings.get("colors"))
        self._model.dress(lambda _: dressed)
        self._live.use(loaded.truth)
        concepts = dressed.concepts(stack.ks[0])
        self._live.annotator.use(loaded.notes.rekeyed(dict(enumerate(concepts))))
        self._model.ask(**loaded.look)
        self.sampling = loaded.sampling
        self.restored(settings)
        if self._undoing is not None:
            self._undoing.restart(loaded.session.order)
        self._answered(loaded.path)
        self._say(f"loaded from {loaded.path!r}", False)

    def _changed(self) -> None:
        """Something that a session keeps is another: save it, if it saves itself."""
        if self._model.result is not None and self._loaded is None:
            self._autosave.changed()

    def _answered(self, path: str) -> None:
        if self._refused is not None and self._refused[0] == path:
            self._refused = None
        if self.path == path:
            self._autosave.answered()
        self._tell()

    def _say(self, sentence: str, problem: bool) -> None:
        self.said, self.problem = sentence, problem
        if problem:
            self._model.say(sentence, problem=True)
        self._tell()

    def _tell(self) -> None:
        for told in list(self._listeners.values()):
            told()


def _request(session: Session, now: Now) -> dict[str, Any]:
    """What a session asks the model for, beside its images.

    Raises:
        ValueError: the session's network is named by a path or a repository, or a value cannot be.
    """
    said, result, present = session.settings, session.result, now.state
    network = said.get("network") or (result.network if isinstance(present.network, str) else present.network)
    if isinstance(network, str) and not re.fullmatch(r"[\w.-]+", network):  # no hub, no path
        raise ValueError(f"the session's network is {network!r}; choose it first if you trust it")
    values = {name: said.get(name, getattr(present, name)) for name in ("solver", "seed")}
    values["focus"] = said.get("focus")
    try:
        return checked({**values, "network": network, "layer": result.layer, "k": result.k, "size": result.size})
    except (ValueError, TypeError) as error:
        raise ValueError(f"the session's {error}") from error


def _shown(session: Session, images: ImageSet) -> tuple[int, ...]:
    """The images that a session's factors were seen in, by index; empty where they are not all here, or are all."""
    places = images.places_of(session.result.images)
    whole = len(places) == len(images) and places == list(range(len(images)))
    return () if -1 in places or whole or len(images) != len(session.names) else tuple(places)


def _threshold(settings: Mapping[str, Any]) -> float:
    """The least coverage of a part that is assigned.

    Raises:
        ValueError: it is no number of 0..1.
    """
    value = settings.get("coverage_threshold", 0.5)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"the session's coverage_threshold is {value!r}; give a fraction from 0 to 1")
    return float(value)


def _history(appearance: Appearance, k: int) -> History[PartLabels]:
    """What the factors of k here are called, and were called before and after the acts that can be undone."""
    here = appearance.alone()

    def walk(step: Callable[[Appearance], Appearance], left: Callable[[Acts], object]) -> list[PartLabels]:
        seen, at = [here.labels(k)], here
        while left(at.acts) and len(seen) <= _UNDO:
            at = step(at)
            labels = at.labels(k)
            if labels != seen[-1]:
                seen.append(labels)
        return seen[:0:-1]

    past = walk(Appearance.undone, lambda acts: acts.past)
    return History(here.labels(k), past, walk(Appearance.redone, lambda acts: acts.future))


def _dressed(stack: Stack, labels: History[PartLabels], colors: Any) -> Appearance:
    """An appearance that knows one place, with names that were given there, and taken back."""
    k = stack.ks[0]
    first, *later = (*labels.past, labels.value)
    made = dataclasses.replace(Appearance().enter(stack, k).named(k, first), acts=Acts())
    for names in later:
        made = made.named(k, names)
    acts = len(made.acts.past)
    for names in reversed(labels.future):
        made = made.named(k, names)
    while len(made.acts.past) > acts:
        made = made.undone()
    if isinstance(colors, list) and len(set(map(str, colors))) == k and all(map(is_color, colors)):
        made = dataclasses.replace(made, colors=MappingProxyType(dict(zip(made.concepts(k), colors, strict=True))))
    return made
