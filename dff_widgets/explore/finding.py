"""What the network sees elsewhere: a painted part found in the other images, and what is like the pointer's place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..heat import propagate, upsample
from ..labelling import Corrected, Correction
from ..wording import sentence
from .annotating import Annotator
from .desk import Ask
from .jobs import CancelledError, Ticket
from .memo import Memo
from .model import Model
from .moment import Now
from .prepared import Report, finer
from .state import Place

Array = npt.NDArray[Any]


class Finder:
    """Finds places that are alike, from the activations that the model has.

    Args:
        model: whose.
        annotator: is given what is found, as corrections.
    """

    def __init__(self, model: Model, annotator: Annotator) -> None:
        self._model, self._annotator = model, annotator
        self._jobs, self._probes = model.run("dff-find"), model.run("dff-probe")
        self._described: Memo[list[Array]] = Memo(most=2)
        self._units: Memo[list[Array]] = Memo(most=2)

    def find(self, image: int, factor: int, done: Callable[[str], object], refused: Callable[[str], object]) -> None:
        """Find the mask of a factor in one image in all others, as one act, in a lane of its own.

        What is found becomes the mask of the factor in the other images, as corrections; images that are reviewed, and
        masks that a person corrected, stay.

        Args:
            image: of the set that is open.
            factor: of those that are shown.
            done: called with a sentence.
            refused: called with a sentence, where it cannot be; nothing has changed then.
        """
        self._jobs.submit(lambda ticket: self._find(image, factor, done, refused, ticket))

    def probe(self, image: int, y: float, x: float) -> list[Array]:
        """Per image that is shown (h, w): the cosine of its activations with those of one place.

        Args:
            image: of those that are shown.
            y: as a fraction of its height.
            x: as a fraction of its width.

        Raises:
            ValueError: there are no activations yet, or no such place.
        """
        now = self._model.now
        if now.stack is None or not now.stack.whole:
            raise ValueError("nothing to compare yet: wait for the first result")
        place = dataclasses.replace(now.stack.place, basis=None)
        units = self._units.get(place, lambda: propagate.unit_rows(self._maps(place, _silent)), _silent)
        return propagate.cosines(units, image, y, x)

    def desk(self) -> dict[str, Callable[[Ask], object]]:
        """By name what answers a message: ``probe {image, x, y, of}``: the cosines in the images ``of``.

        The answer has ``grids`` and a buffer for each image: uint8, 0 for a cosine of 0 or less, 255 for 1.
        """

        def answer(ask: Ask) -> None:
            content = ask.content
            of = [int(i) for i in content["of"]]
            found = self.probe(int(content["image"]), float(content["y"]), float(content["x"]))
            if any(not 0 <= i < len(found) for i in of):
                raise ValueError(f"there are images 0..{len(found) - 1} alone")
            maps = [(np.clip(found[i], 0, 1) * 255).round().astype(np.uint8) for i in of]
            ask.answer([one.tobytes() for one in maps], of=of, grids=[list(one.shape) for one in maps])

        def probe(ask: Ask) -> None:
            def job(_ticket: Ticket) -> None:
                try:
                    answer(ask)
                except (LookupError, TypeError, ValueError) as error:
                    ask.refuse(sentence(error))

            self._probes.submit(job)

        return {"probe": probe}

    def wait(self, timeout: float | None = None) -> bool:
        """Block until nothing is being looked for; False when it takes longer than `timeout` seconds."""
        return self._jobs.wait(timeout)

    def close(self) -> None:
        """Look for nothing more."""
        self._jobs.cancel()
        self._probes.cancel()
        self._described.clear()
        self._units.clear()

    # ------------------------------------------------------------------------------------------- in a worker thread
    def _find(
        self,
        image: int,
        factor: int,
        done: Callable[[str], object],
        refused: Callable[[str], object],
        ticket: Ticket,
    ) -> None:
        now = self._model.now
        try:
            beliefs = self._beliefs(now, image, factor, lambda *_: ticket.check())
            ticket.check()
            if self._model.now.result is not now.result:
                raise ValueError("other factors are shown by now; try again")
            count = self._put(now, image, factor, beliefs)
        except CancelledError:
            refused("cancelled")
            raise
        except (ValueError, TypeError, LookupError, RuntimeError) as error:
            refused(sentence(error))
        else:
            done(f"found in {count} other image{'' if count == 1 else 's'}")

    def _beliefs(self, now: Now, image: int, factor: int, report: Report) -> list[Array]:
        """Per image that is shown how much it is like the mask."""
        if now.result is None or now.stack is None or not now.stack.whole:
            raise ValueError("no factors yet: wait for the first result")
        seen, _ = self._annotator.masks(image)
        if not 0 <= factor < len(seen):
            raise ValueError(f"factor is {factor!r}; there are factors 0..{len(seen) - 1}")
        if seen[factor].all():
            raise ValueError("the mask is the whole image: paint the part alone")
        place = dataclasses.replace(now.stack.place, basis=None)
        features = self._described.get(place, lambda: self._describe(place, report), report)
        row = now.state.images.find(now.result.images).index(image)
        return list(propagate.propagate(features, {row: seen[factor]}))

    def _put(self, now: Now, image: int, factor: int, beliefs: Sequence[Array]) -> int:
        """Correct the masks of the other images; how many."""
        assert now.result is not None
        notes, places = self._annotator.of(now.state.images), now.state.images.find(now.result.images)
        concept = now.appearance.concepts(now.result.k)[factor]
        title = " + ".join(now.appearance.labels(now.result.k)[factor])
        seen = self._annotator.predicted(now)
        by_hand = self._annotator.attached(now).on
        found: dict[tuple[int, int], Corrected | None] = {}
        for row, place in enumerate(places):
            reviewed = notes.review(place) != "unreviewed"
            if place == image or reviewed or factor in by_hand.get(place, {}):
                continue
            size = now.result.sizes[row]
            mask = upsample(beliefs[row][None], size)[0] >= propagate.SHARE
            correction = Correction.none(size).become(mask, seen.predicted(row)[factor])
            found[place, concept] = Corrected(correction, title)
        notes.correct_all(found)
        return len(found)

    def _describe(self, place: Place, report: Report) -> list[Array]:
        """Per image what each position is like, at the place's layer and at the finer one that sharpens it."""
        network = self._model.pipeline.known_network(place.network)
        layers = [self._maps(place, report)]
        better = None if network is None else finer(network, place.layer)
        if better is not None:
            layers.append(self._maps(dataclasses.replace(place, layer=better.name), report))
        return list(propagate.described(layers))

    def _maps(self, place: Place, report: Report) -> list[Array]:
        """Per image its activations (h, w, c)."""
        extracted = self._model.pipeline.prepared(place, report).activations
        rows, maps, start = np.asarray(extracted.matrix, dtype=np.float32), [], 0
        for h, w in extracted.shapes:
            maps.append(rows[start : start + h * w].reshape(h, w, -1))
            start += h * w
        return maps


def _silent(_step: str, _done: int, _total: int) -> None:
    return None
