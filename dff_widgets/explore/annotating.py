"""Corrected masks, reviews and presence beside a model: which factor a correction is on, and what is seen with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..images import ImageSet
from ..labelling import JOIN, Annotations, Corrected, Correction, Corrections, PartLabels, Seen
from ..result import DFFResult
from .model import Model
from .moment import Now
from .state import State

Mask = npt.NDArray[np.bool_]
Change = Callable[[Mask], tuple[Mask, Mask]]  # of the mask that is seen: the pixels to put in, and to take away


@dataclass(frozen=True)
class Attached:
    """Where the corrections are that a person made, at the factors that are shown.

    Attributes:
        on: image of the set -> factor -> its corrections, of which a later one wins.
        parked: the (image, concept) of those that no factor here is meant by.
    """

    on: Mapping[int, Corrections]
    parked: tuple[tuple[int, int], ...]


def attach(masks: Mapping[tuple[int, int], Corrected], concepts: Sequence[int], names: Sequence[str]) -> Attached:
    """Find the factor of each correction: the one of its concept, else the first with its name.

    Args:
        masks: (image, concept) -> what was corrected.
        concepts: per factor its concept.
        names: per factor its parts as one text; ``""`` for none.
    """
    on: dict[int, dict[int, tuple[Correction, ...]]] = {}
    parked = []
    own = {concept: f for f, concept in enumerate(concepts)}
    for (image, concept), one in sorted(masks.items(), key=lambda item: item[0][1] in own):  # those of a name first
        named = names.index(one.title) if one.title and one.title in names else None
        factor = own.get(concept, named)
        if factor is None:
            parked.append((image, concept))
            continue
        here = on.setdefault(image, {})
        here[factor] = (*here.get(factor, ()), one.correction)
    return Attached(on, tuple(parked))


def rule_of(state: State) -> tuple[float, str | None]:
    """The percentile and the threshold of the masks that are on: those of sharp maps are the automatic ones."""
    return state.percentile, "auto" if state.look == "sharp" else state.threshold


class Annotator:
    """Keeps what a person says of the images of a model, and corrects the masks that it shows.

    Args:
        model: whose.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._notes: dict[int, Annotations] = {}  # by identity of their images, which they hold
        self._listeners: dict[object, Callable[[], object]] = {}
        self._predicted: tuple[DFFResult, tuple[float, str | None], Seen] | None = None

    # ------------------------------------------------------------------------------------------------ what was said
    @property
    def notes(self) -> Annotations:
        """What was said of the images that are open."""
        return self.of(self._model.state.images)

    def of(self, images: ImageSet) -> Annotations:
        """What was said of a set; that of other sets is kept where there is any."""
        known = self._notes.get(id(images))
        if known is None:
            self._notes = {i: one for i, one in self._notes.items() if one.can_undo or one.can_redo or one.masks}
            known = self.use(Annotations(images))
        return known

    def use(self, notes: Annotations) -> Annotations:
        """Go on with what was said in a session; its changes are followed."""
        self._notes[id(notes.images)] = notes
        notes.on_change(self._tell)
        self._tell()
        return notes

    def on_change(self, told: Callable[[], object]) -> Callable[[], None]:
        """Call `told` after every change; returns what ends it."""
        key = object()
        self._listeners[key] = told

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    def close(self) -> None:
        """Follow nothing any more."""
        self._listeners.clear()
        self._notes.clear()
        self._predicted = None

    def _tell(self) -> None:
        for told in list(self._listeners.values()):
            told()

    # -------------------------------------------------------------------------------------------------- what is seen
    def attached(self, now: Now) -> Attached:
        """The corrections at the factors of a moment."""
        result = now.result
        masks = self.of(now.state.images).masks
        if result is None or result.k not in now.appearance:
            return Attached({}, tuple(masks))
        return attach(masks, now.appearance.concepts(result.k), _texts(now.appearance.labels(result.k)))

    def predicted(self, now: Now, stop: Callable[[], object] = lambda: None) -> Seen:
        """The masks of a moment by the rule that is on, without corrections; made once.

        Args:
            now: with a result.
            stop: called now and then while a network runs; what it raises ends the work.

        Raises:
            ValueError: there is no result yet.
        """
        if now.result is None or now.stack is None:
            raise ValueError("no masks yet: wait for the first result")
        rule, known = rule_of(now.state), self._predicted
        if known is not None and known[0] is now.result and known[1] == rule:
            return known[2]
        result = now.result
        if rule[1] == "auto":
            result = self._model.pipeline.learned(now.stack.place, result, lambda *_: stop())
        made = Seen(result, percentile=rule[0], threshold=rule[1])
        self._predicted = now.result, rule, made
        return made

    def seen(self, now: Now, *, only: str | None = None, stop: Callable[[], object] = lambda: None) -> Seen:
        """What a person sees at a moment: the masks by the rule that is on, corrected, named and coloured.

        Args:
            now: with a result.
            only: ``"accepted"`` for the images with this review alone.
            stop: see `predicted`.

        Raises:
            ValueError: there is no result yet, or no image has this review.
        """
        base = self.predicted(now, stop)
        k = base.k
        places = now.state.images.find(base.result.images)
        on = self.attached(now).on
        chosen = None
        if only is not None:
            notes = self.of(now.state.images)
            chosen = [i for i, place in enumerate(places) if notes.review(place) == only]
            if not chosen:
                raise ValueError(f"no image is {only} yet")
        return base.corrected(
            lambda i: on.get(places[i], {}), now.appearance.labels(k), now.appearance.hues(k), only=chosen
        )

    def fits(self, now: Now, images: Collection[int] | None = None) -> dict[tuple[int, int], float]:
        """(image of the set, factor) -> how alike the prediction there is to the one that was corrected, 0..1.

        Args:
            now: with a result.
            images: that are looked at; by default all.
        """
        base = self.predicted(now)
        rows = {place: i for i, place in enumerate(now.state.images.find(base.result.images))}
        found = {}
        for image, corrections in self.attached(now).on.items():
            if image in rows and (images is None or image in images):
                masks = base.predicted(rows[image])
                for factor, several in corrections.items():
                    found[image, factor] = min(one.fit(masks[factor]) for one in several)
        return found

    # ----------------------------------------------------------------------------------------------------- correcting
    def correct(self, image: int, factor: int, change: Change, *, alone: bool = False) -> bool:
        """Correct the mask of one factor in one image, as one act.

        Args:
            image: of the set that is open.
            factor: of those that are shown.
            change: given the mask that is seen (height, width), the pixels to put in, and those to take away.
            alone: whether a pixel is of one factor: what is put in is taken from the others.

        Returns:
            Whether anything changed.

        Raises:
            ValueError: there is no result yet, no such factor, or the image is not among those that are shown.
            IndexError: there is no such image.
        """
        now, (seen, predicted) = self._masks(image)
        self._check_factor(factor, len(seen))
        put, take = change(seen[factor])
        changes = {factor: (put, take)}
        if alone:
            nothing = np.zeros_like(put)
            changes |= {g: (nothing, put & seen[g]) for g in range(len(seen)) if g != factor and (put & seen[g]).any()}
        notes, concepts = self.of(now.state.images), now.appearance.concepts(len(seen))
        texts = _texts(now.appearance.labels(len(seen)))
        corrected: dict[int, Corrected | None] = {}
        for f, (more, less) in changes.items():
            before = notes.mask(image, concepts[f])
            known = Correction.none((put.shape[0], put.shape[1])) if before is None else before.correction
            if more.any() or less.any():
                corrected[concepts[f]] = Corrected(
                    known.put(more, predicted[f]).take(less & ~more, predicted[f]), texts[f]
                )
        return notes.correct(image, corrected)

    def reset(self, image: int, factor: int) -> bool:
        """Take a factor's corrections in an image away, so that it is as predicted; as `correct`."""
        now = self._model.now
        if now.result is None:
            raise ValueError("no masks yet: wait for the first result")
        k = now.result.k
        self._check_factor(factor, k)
        notes, labels = self.of(now.state.images), _texts(now.appearance.labels(k))
        mine = {(image, c): one for (i, c), one in notes.masks.items() if i == image}
        here = {
            concept: None
            for (i, concept), one in mine.items()
            if factor in attach({(i, concept): one}, now.appearance.concepts(k), labels).on.get(image, {})
        }
        return notes.correct(image, here)

    def masks(self, image: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """(k, height, width) of one image of the set: the masks as they are seen, and as they are predicted.

        Raises:
            ValueError: see `correct`.
        """
        return self._masks(image)[1]

    def _masks(self, image: int) -> tuple[Now, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
        now = self._model.now
        seen = self.seen(now)
        places = now.state.images.find(seen.result.images)
        if image not in places:
            raise ValueError(f"image {image} is not among those that are shown")
        row = places.index(image)
        predicted = seen.predicted(row)
        return now, (seen.apply(row, predicted), predicted)

    @staticmethod
    def _check_factor(factor: int, k: int) -> None:
        if not 0 <= factor < k:
            raise ValueError(f"factor is {factor!r}; there are factors 0..{k - 1}")

    # ---------------------------------------------------------------------------------------------------------- files
    def kept(self, now: Now) -> Annotations:
        """What was said of the images of a moment as a session keeps it: concepts are the numbers of its factors."""
        notes, result = self.of(now.state.images), now.result
        if result is None or result.k not in now.appearance:
            return notes.rekeyed({})
        concepts = now.appearance.concepts(result.k)
        texts = dict(zip(concepts, _texts(now.appearance.labels(result.k)), strict=True))
        return notes.retitled({c: text for c, text in texts.items() if text}).rekeyed(
            {concept: f for f, concept in enumerate(concepts)}
        )


def _texts(labels: PartLabels) -> list[str]:
    return [JOIN.join(labels[f]) for f in labels]
