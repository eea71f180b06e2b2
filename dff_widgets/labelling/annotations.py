"""What a person says of images beside the names: corrected masks, a review, and which parts are there."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ..images import ImageSet
from ..wording import one_line
from .corrections import Correction, unpack

Array = npt.NDArray[Any]

REVIEWS = ("unreviewed", "accepted", "rejected")
PRESENCES = ("unknown", "present", "absent")
_MOST = 10_000  # acts that can be undone; each is of the size of what it changed
_KEPT = 1000  # of them that a file keeps
_PREFIX = "annotation/"  # of the tensors in a file


@dataclass(frozen=True)
class Slot:
    """Where something is said.

    Attributes:
        kind: ``"mask"``, ``"review"`` or ``"presence"``.
        image: its index.
        key: the concept whose mask it is, as a number; the part's name; or ``""`` for a review.
    """

    kind: str
    image: int
    key: int | str = ""


@dataclass(frozen=True)
class Corrected:
    """One mask that was corrected.

    Attributes:
        correction: what a person said of its pixels.
        title: what its concept was called then; ``""`` for nothing. Where no factor has the concept, as in a session
            of another time, the factor with this name is meant.
    """

    correction: Correction
    title: str = ""


Value = Corrected | str | None  # None: nothing is said
Changes = Mapping[Slot, tuple[Value, Value]]  # before and after


class Annotations:
    """What a person says of a set of images; every change can be undone. Other threads may read.

    A corrected mask belongs to an image and a *concept*: the number that a factor's colour and name have in the
    `Appearance`, so that the correction goes where these go.

    Args:
        images: the images; they are not decoded.

    Attributes:
        images: the images.
        version: grows with every change.

    >>> notes = Annotations(ImageSet.from_arrays([np.zeros((4, 6, 3), np.uint8)]))
    >>> notes.judge(0, "accepted")
    True
    >>> notes.review(0), notes.declared(0, "head")
    ('accepted', None)
    >>> _ = notes.undo()
    >>> notes.review(0)
    'unreviewed'
    """

    def __init__(self, images: ImageSet) -> None:
        self.images = images
        self.version = 0
        self._said: dict[Slot, Value] = {}
        self._past: list[Changes] = []
        self._future: list[Changes] = []
        self._callbacks: dict[object, Callable[[], object]] = {}
        self._lock = threading.RLock()

    # ------------------------------------------------------------------------------------------------------ reading
    @property
    def masks(self) -> dict[tuple[int, int], Corrected]:
        """(image, concept) -> the mask that was corrected there."""
        with self._lock:
            said = list(self._said.items())
        return {(s.image, int(s.key)): v for s, v in said if s.kind == "mask" and isinstance(v, Corrected)}

    def mask(self, image: int, concept: int) -> Corrected | None:
        """What was corrected of one mask, or None."""
        value = self._said.get(Slot("mask", self._place(image), concept))
        return value if isinstance(value, Corrected) else None

    def review(self, image: int) -> str:
        """``"unreviewed"``, ``"accepted"`` or ``"rejected"``."""
        return str(self._said.get(Slot("review", self._place(image))) or REVIEWS[0])

    @property
    def reviews(self) -> list[str]:
        """Of every image, as `review`."""
        return [self.review(i) for i in range(len(self.images))]

    def declared(self, image: int, part: str) -> str | None:
        """``"present"``, ``"absent"`` or ``"unknown"``, or None where nobody said which."""
        value = self._said.get(Slot("presence", self._place(image), part))
        return value if isinstance(value, str) else None

    @property
    def presence(self) -> dict[tuple[int, str], str]:
        """(image, part) -> what was declared."""
        with self._lock:
            said = list(self._said.items())
        return {(s.image, str(s.key)): str(v) for s, v in said if s.kind == "presence"}

    # ----------------------------------------------------------------------------------------------------- changing
    def correct(self, image: int, corrected: Mapping[int, Corrected | None]) -> bool:
        """Correct masks of one image, as one act.

        Args:
            image: its index.
            corrected: concept -> its mask's correction; None takes the correction away.

        Returns:
            Whether anything changed.

        Raises:
            IndexError: there is no such image.
            ValueError: a correction is of another size than the image.
        """
        return self.correct_all({(image, concept): one for concept, one in corrected.items()})

    def correct_all(self, corrected: Mapping[tuple[int, int], Corrected | None]) -> bool:
        """Correct masks of many images, as one act: (image, concept) -> its mask's correction; as `correct`."""
        said: dict[Slot, Value] = {}
        for (image, concept), one in corrected.items():
            i = self._place(image)
            if one is not None and one.correction.size != self.images.size(i):
                raise ValueError(f"the correction is of {one.correction.size}; image {image} is {self.images.size(i)}")
            said[Slot("mask", i, int(concept))] = None if one is None or one.correction.empty else one
        return self._change(said)

    def judge(self, images: int | Iterable[int], review: str) -> bool:
        """Review images, as one act: ``"accepted"``, ``"rejected"`` or ``"unreviewed"``; whether anything changed.

        Raises:
            IndexError: there is no such image.
            ValueError: there is no such review.
        """
        if review not in REVIEWS:
            raise ValueError(f"review is {review!r:.60}; give {', '.join(map(repr, REVIEWS))}")
        several = [images] if isinstance(images, int | np.integer) else images
        return self._change({Slot("review", self._place(i)): None if review == REVIEWS[0] else review for i in several})

    def declare(self, image: int, part: str, presence: str | None) -> bool:
        """Say whether a part is in an image; None takes back what was said. Whether anything changed.

        Raises:
            IndexError: there is no such image.
            ValueError: there is no such presence, or no name.
        """
        if presence is not None and presence not in PRESENCES:
            raise ValueError(f"presence is {presence!r:.60}; give {', '.join(map(repr, PRESENCES))}, or None")
        if not isinstance(part, str) or not part.strip():
            raise ValueError(f"part is {part!r:.60}; give it a name")
        return self._change({Slot("presence", self._place(image), part): presence})

    def undo(self) -> list[Slot]:
        """Take the last act back; where that is, nowhere for no act."""
        return self._step(self._past, self._future, back=True)

    def redo(self) -> list[Slot]:
        """Do again what was undone last; as `undo`."""
        return self._step(self._future, self._past, back=False)

    @property
    def done(self) -> int:
        """How many acts there are to take back."""
        return len(self._past)

    @property
    def can_undo(self) -> bool:
        """Whether there is an act to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an act to do again."""
        return bool(self._future)

    def on_change(self, told: Callable[[], object]) -> Callable[[], None]:
        """Call `told` after every change; returns what ends it."""
        key = object()
        self._callbacks[key] = told

        def stop() -> None:
            self._callbacks.pop(key, None)

        return stop

    def rekeyed(self, concepts: Mapping[int, int]) -> Annotations:
        """The same where concepts have other numbers.

        Args:
            concepts: old -> new, each once. Those that are not in it get numbers below -1, which no factor has.
        """
        free = iter(range(-2, -(2**62), -1))
        known = dict(concepts)

        def moved(slot: Slot) -> Slot:
            if slot.kind != "mask":
                return slot
            number = int(slot.key)
            if number not in known:
                known[number] = next(n for n in free if n not in known.values())
            return dataclasses.replace(slot, key=known[number])

        return self._mapped(lambda slot, value: (moved(slot), value))

    def retitled(self, titles: Mapping[int, str]) -> Annotations:
        """The same where concepts are called otherwise: concept -> its title now."""

        def called(slot: Slot, value: Value) -> tuple[Slot, Value]:
            if isinstance(value, Corrected) and slot.key in titles:
                return slot, dataclasses.replace(value, title=titles[int(slot.key)])
            return slot, value

        return self._mapped(called)

    def _mapped(self, change: Callable[[Slot, Value], tuple[Slot, Value]]) -> Annotations:
        """A copy in which everything that is, was or will be said is another."""

        def act(one: Changes) -> Changes:
            pairs = [(change(slot, before), change(slot, after)) for slot, (before, after) in one.items()]
            return {slot: (before, after) for (slot, before), (_, after) in pairs}

        other = Annotations(self.images)
        with self._lock:
            other._said = dict(change(slot, value) for slot, value in self._said.items())
            other._past, other._future = [act(one) for one in self._past], [act(one) for one in self._future]
        return other

    # ------------------------------------------------------------------------------------------------------- saving
    def to_tensors(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """All of it, with its undo, as JSON and tensors for one file: the inverse of `from_tensors`."""
        masks: dict[Corrected, int] = {}  # each once, though it is in the acts before and after it too

        def slots(changes: Mapping[Slot, Value]) -> list[Any]:
            return [
                [s.kind, s.image, s.key, masks.setdefault(v, len(masks)) if isinstance(v, Corrected) else v]
                for s, v in changes.items()
            ]

        def acts(several: Iterable[Changes]) -> list[Any]:
            return [[slots({s: both[w] for s, both in act.items()}) for w in (0, 1)] for act in several]

        with self._lock:
            content: dict[str, Any] = {
                "said": slots(self._said),
                "past": acts(self._past[-_KEPT:]),
                "future": acts(self._future[-_KEPT:]),
            }
        packed = [(one, (c.inside, c.outside, c.base)) for one, c in ((one, one.correction) for one in masks)]
        content["masks"] = [[list(one.correction.size), [len(b) for b in bits], one.title] for one, bits in packed]
        everything = b"".join(b"".join(bits) for _, bits in packed)
        return content, {f"{_PREFIX}bits": np.frombuffer(everything, dtype=np.uint8)}

    @classmethod
    def from_tensors(
        cls,
        content: Any,
        tensors: Mapping[str, Array],
        images: ImageSet,
        places: Sequence[int | None] | None = None,
    ) -> Annotations:
        """The inverse of `to_tensors`, for the same images, or for others among which some of them are.

        Args:
            content: from `to_tensors`; it may come from a file of a stranger.
            tensors: the same.
            images: at hand.
            places: per image of which it was said its index now, or None; what was said of that is left out, as is a
                mask of another size, and the undo of everything. By default they are the same images.

        Raises:
            ValueError: they do not belong together, or to these images.
        """
        made = cls(images)
        try:
            reader = _Reader(content["masks"], tensors[f"{_PREFIX}bits"].tobytes(), images, places)
            made._said = reader.slots(content["said"])
            if places is not None:
                return made
            made._past = [reader.act(one) for one in content["past"]]
            made._future = [reader.act(one) for one in content["future"]]
            made._check_order()
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ValueError(f"the corrections are damaged, or of other images: {one_line(error)}") from error
        return made

    def _check_order(self) -> None:
        """Whether undoing and redoing everything finds what it expects."""
        now = dict(self._said)
        for acts, back in ((self._past, True), (self._future, False)):
            now = dict(self._said)
            for act in reversed(acts):
                for slot, (before, after) in act.items():
                    old, new = (after, before) if back else (before, after)
                    if now.get(slot) != old:
                        raise ValueError("an act is out of order")
                    now[slot] = new

    # ------------------------------------------------------------------------------------------------------- inside
    def _change(self, said: Mapping[Slot, Value]) -> bool:
        with self._lock:
            act = {slot: (self._said.get(slot), v) for slot, v in said.items() if self._said.get(slot) != v}
            if not act:
                return False
            self._past = [*self._past[1 - _MOST :], act]
            self._future = []
            self._put(act, 1)
        self._tell()
        return True

    def _step(self, acts: list[Changes], others: list[Changes], *, back: bool) -> list[Slot]:
        with self._lock:
            if not acts:
                return []
            act = acts.pop()
            others.append(act)
            self._put(act, 0 if back else 1)
        self._tell()
        return list(act)

    def _put(self, act: Changes, which: int) -> None:
        for slot, both in act.items():
            if both[which] is None:
                self._said.pop(slot, None)
            else:
                self._said[slot] = both[which]
        self.version += 1

    def _tell(self) -> None:
        for told in list(self._callbacks.values()):
            told()

    def _place(self, image: int) -> int:
        if not -len(self.images) <= image < len(self.images):
            raise IndexError(f"there is no image {image!r}; there are {len(self.images)}")
        return range(len(self.images))[image]


class _Reader:
    """Reads slots out of a file that may be anybody's.

    Args:
        masks: per corrected mask its size, the lengths of its bits, and its title.
        bits: of all of them.
        images: the images.
        places: see `Annotations.from_tensors`.
    """

    def __init__(self, masks: Any, bits: bytes, images: ImageSet, places: Sequence[int | None] | None) -> None:
        self._images, self._others = images, places is not None
        self._places = range(len(images)) if places is None else places
        self._masks: list[Corrected] = []
        at = 0
        for size, lengths, title in masks:
            shape = _whole(size[0], 1), _whole(size[1], 1)
            ends = list(accumulate((_whole(n, 0) for n in lengths), initial=at))
            if len(ends) != 4 or ends[3] > len(bits) or not isinstance(title, str):
                raise ValueError("a corrected mask is not whole")
            inside, outside, base = (bits[a:b] for a, b in pairwise(ends))
            at = ends[3]
            self._masks.append(Corrected(Correction(shape, inside, outside, base), title))
        self._fitting: set[tuple[int, int]] = set()  # (mask, image) that were looked at

    def slots(self, listed: Any) -> dict[Slot, Value]:
        """What is said, by its place."""
        found: dict[Slot, Value] = {}
        for kind, image, key, plain in listed:
            if _whole(image, 0) >= len(self._places):
                raise ValueError(f"there is no image {image}")
            at = self._places[image]
            if at is None:
                continue
            if kind == "mask" and type(key) is int:
                value = None if plain is None else self._mask(_whole(plain, 0), at)
                if value is None and self._others:
                    continue
            elif (kind == "review" and key == "") or (kind == "presence" and isinstance(key, str) and key.strip()):
                if plain is not None and plain not in (REVIEWS[1:] if kind == "review" else PRESENCES):
                    raise ValueError(f"there is no {kind} {plain!r:.60}")
                value = plain
            else:
                raise ValueError(f"nothing can be said of {kind!r:.60} {key!r:.60}")
            found[Slot(kind, at, key)] = value
        return found

    def act(self, both: Any) -> Changes:
        """An act: before and after."""
        before, after = (self.slots(one) for one in both)
        if list(before) != list(after):
            raise ValueError("an act is of other places before than after")
        return {slot: (before[slot], after[slot]) for slot in before}

    def _mask(self, n: int, image: int) -> Corrected | None:
        one = self._masks[n]
        if (n, image) not in self._fitting:
            size, c = self._images.size(image), one.correction
            if c.size != size and self._others:
                return None
            if c.size != size:
                raise ValueError(f"a correction is of {c.size}; image {image} is {size}")
            for bits in (c.inside, c.outside, c.base):
                unpack(bits, size)
            self._fitting.add((n, image))
        return one


def _whole(value: Any, low: int) -> int:
    if type(value) is not int or value < low:
        raise ValueError(f"{value!r} is not a whole number from {low}")
    return value
