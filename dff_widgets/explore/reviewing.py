"""The review of the images: what the gallery shows of it, which image is least certain, which corrections fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..labelling import REVIEWS
from ..labelling.corrections import FITS
from ..result import DFFResult
from .annotating import Annotator, Attached, rule_of
from .desk import Ask
from .events import AppearanceChanged, Event, ResultFound, StateChanged
from .jobs import Ticket
from .labelling import Labelling
from .model import Model
from .moment import Now


def doubts(result: DFFResult, percentile: float) -> list[float]:
    """Per image how unsure its masks are, 0..1: the mean entropy of what each cell and factor is believed to be.

    A cell of heat h is inside with the belief h / (h + t), where t is the level of the masks: 1/2 there. Of maps that
    are beliefs already, these count.

    Args:
        result: whose images.
        percentile: of the masks.
    """
    maps = [result.coarse_heatmaps(i).reshape(result.k, -1) for i in range(len(result))]
    if result.maps is None:
        level = np.percentile(np.concatenate(maps, axis=1), percentile, axis=1)[:, None]
        maps = [m / np.maximum(m + level, 1e-9) for m in maps]
    return [float(_entropy(m).mean()) for m in maps]


def _entropy(belief: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """In bits."""
    p = np.clip(np.asarray(belief, dtype=np.float64), 1e-9, 1 - 1e-9)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)))


class Reviewing:
    """Follows a model and what is said of its images; says what the gallery shows of it.

    Args:
        model: whose.
        annotator: keeps what is said.
        changed: called when there is something else to show.
    """

    def __init__(self, model: Model, annotator: Annotator, changed: Callable[[], object]) -> None:
        self._model, self._annotator, self._changed = model, annotator, changed
        self._jobs = model.run("dff-fits")
        self._fits: dict[tuple[int, int], float] = {}
        self._of: tuple[Any, ...] = ()  # what the fits are of
        self._doubts: tuple[Any, list[float]] = (None, [])
        self._stops = [model.subscribe(self._told), annotator.on_change(self._noted)]

    def wire(self, now: Now) -> dict[str, Any]:
        """``notes``: ``{reviews, corrected, misfits, parked, doubts}``, images by their index among those shown.

        ``reviews`` is ``{accepted: [image], rejected: [image]}``; ``corrected`` and ``misfits`` are images with a
        corrected mask, and with one that does not fit what is predicted by now; ``parked`` is how many corrections no
        factor here is meant by; ``doubts`` is per image how unsure it is, where the order asks for it.
        """
        result = now.result
        if result is None:
            return {}
        rows = {place: i for i, place in enumerate(now.state.images.find(result.images))}
        notes, attached = self._annotator.of(now.state.images), self._annotator.attached(now)
        reviews = notes.reviews
        found = {name: [i for place, i in rows.items() if reviews[place] == name] for name in REVIEWS[1:]}
        misfits = {image for (image, _), fit in self._fits.items() if fit < FITS}
        return {
            "reviews": found,
            "corrected": sorted(rows[image] for image in attached.on if image in rows),
            "misfits": sorted(rows[image] for image in misfits if image in rows and image in attached.on),
            "parked": len(attached.parked),
            "doubts": self._doubt(now) if now.state.sort == "doubt" else [],
        }

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it is known what fits; False when it takes longer than `timeout` seconds."""
        return self._jobs.wait(timeout)

    def close(self) -> None:
        """Follow nothing any more."""
        for stop in self._stops:
            stop()
        self._jobs.cancel()

    def _doubt(self, now: Now) -> list[float]:
        about = (now.result, now.state.percentile)
        if now.result is not None and self._doubts[0] != about:
            self._doubts = about, [round(v, 4) for v in doubts(now.result, now.state.percentile)]
        return self._doubts[1]

    def _told(self, event: Event) -> None:
        if isinstance(event, StateChanged | ResultFound | AppearanceChanged):
            self._look()

    def _noted(self) -> None:
        self._look()
        self._changed()

    def _look(self) -> None:
        """Find out which corrections fit, unless that is known."""
        now = self._model.now
        attached = self._annotator.attached(now)
        about = (now.result, rule_of(now.state), attached)
        if now.result is None or about == self._of:
            return
        self._of = about
        if attached.on or self._fits:
            self._jobs.submit(lambda ticket: self._find(now, attached, ticket))

    def _find(self, now: Now, attached: Attached, ticket: Ticket) -> None:
        try:
            if attached.on:
                self._annotator.predicted(now, ticket.check)
            self._fits = self._annotator.fits(now)
        except ValueError:  # other images came between
            self._fits = {}
        ticket.check()
        self._changed()


def review_desk(model: Model, panel: Labelling) -> Mapping[str, Callable[[Ask], object]]:
    """By name what answers a message about the review: ``review {images, review}``, images among those shown.

    Args:
        model: whose images.
        panel: that keeps the review.
    """

    def review(ask: Ask) -> None:
        result = model.result
        if result is None:
            raise ValueError("nothing to review yet: wait for the first result")
        places = model.state.images.find(result.images)
        rows = [int(i) for i in ask.content["images"]]
        if any(not 0 <= i < len(places) for i in rows):
            raise ValueError(f"there is no image {max(rows)}; there are 0..{len(places) - 1}")
        panel.review([places[i] for i in rows], str(ask.content["review"]))
        ask.answer()

    return {"review": review}
