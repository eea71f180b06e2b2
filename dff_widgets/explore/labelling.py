"""Everything that a person does to name factors, from Python: what the buttons of the app do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..evaluation import Coverage
from ..labelling import Annotations, PartLabels, PartMasks, Sampling, Seen
from ..labelling.annotations import Slot
from .events import Event, StateChanged
from .exporting import Exporter
from .live_scores import LiveScores
from .model import Model
from .naming import Namer
from .session_keeper import SessionKeeper
from .truth_desk import measure_with
from .undoing import Kind, Step, Undoing


class Labelling:
    """Names, scores, pages of a few images, and files of one model.

    Args:
        model: whose factors are named.

    Attributes:
        namer: gives the names; see `Namer`.
        live: counts how well the masks fit the parts; see `LiveScores`.
        annotator: corrects the masks, and keeps what was said of each image; see `Annotator`.
        undoing: takes back what was done last, of whatever kind; see `Undoing`.
        session: keeps what a person made; see `SessionKeeper`.
        exporter: writes what is seen to files; see `Exporter`.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.live = LiveScores(model)
        self.annotator = self.live.annotator
        self.namer = Namer(model, lambda: self.live.known_parts)
        self.undoing = Undoing(everything(model, self.namer, self.live))
        self.session = SessionKeeper(model, self.live, self.undoing)
        self.exporter = Exporter(model, self.session, self.annotator)
        self._stops = [
            model.subscribe(self._told),
            self.live.on_painted(self.undoing.look),
            self.annotator.on_change(self.undoing.look),
        ]

    def _told(self, event: Event) -> None:
        if isinstance(event, StateChanged) and "images" in event.names:
            self.undoing.restart()
        else:
            self.undoing.look()

    # ------------------------------------------------------------------------------------------------------------ names
    @property
    def labels(self) -> PartLabels:
        """Factor -> the parts it is named after; any such mapping can be set."""
        return self.namer.labels

    @labels.setter
    def labels(self, labels: Mapping[int, Any]) -> None:
        self.namer.set(labels)

    def assign_by_coverage(self, threshold: float | None = None) -> None:
        """Name every factor after the parts of which it covers more than `threshold` (section 4.3 of the paper).

        Args:
            threshold: 0..1; by default `coverage_threshold`, which it becomes.

        Raises:
            ValueError: the threshold is outside 0..1, or there is no ground truth.
        """
        least = self.coverage_threshold if threshold is None else threshold
        self.namer.assign(self.live.coverage(), least)
        self.coverage_threshold = least

    def clear(self) -> None:
        """Take all names away."""
        self.namer.clear()

    def undo(self) -> str:
        """Take back what was done last, be it a name, a correction, a review, a painted part or a steered factor.

        Returns:
            ``""``, or a sentence that says where, if that is not what is shown.
        """
        return self.undoing.undo().said

    def redo(self) -> str:
        """Do again what was undone last; as `undo`."""
        return self.undoing.redo().said

    # -------------------------------------------------------------------------------------- corrections and the review
    @property
    def notes(self) -> Annotations:
        """The corrected masks, the reviews and the declared presence of the images that are open."""
        return self.annotator.notes

    def review(self, images: int | Iterable[int], review: str) -> bool:
        """Review images: ``"accepted"``, ``"rejected"`` or ``"unreviewed"``; see `Annotations.judge`."""
        return self.notes.judge(images, review)

    def declare(self, image: int, part: str, presence: str | None) -> bool:
        """Say that a part is ``"present"``, ``"absent"`` or ``"unknown"`` in an image; see `Annotations.declare`."""
        return self.notes.declare(image, part, presence)

    def seen(self, *, only: str | None = None) -> Seen:
        """The masks as they are seen: by the rule that is on, corrected, named; see `Annotator.seen`."""
        return self.annotator.seen(self._model.now, only=only)

    # ----------------------------------------------------------------------------------------------------------- scores
    @property
    def truth(self) -> PartMasks:
        """The part masks that the IoU is measured with; painting there moves it."""
        return self.live.truth

    def measure(self, path: str | Path) -> str:
        """Measure with the part masks in a folder or file from now on; see `datasets.part_masks`."""
        return measure_with(self._model, self.live, str(path))

    @property
    def coverage(self) -> Coverage:
        """(k, p) of eq. 7; waits for it.

        Raises:
            ValueError: no image has part masks, or they cannot be counted.
        """
        return self.live.coverage()

    @property
    def coverage_threshold(self) -> float:
        """Above which `assign_by_coverage` assigns, 0..1."""
        return self.live.coverage_threshold

    @coverage_threshold.setter
    def coverage_threshold(self, threshold: float) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"coverage_threshold is {threshold!r}; give a fraction from 0 to 1")
        self.live.coverage_threshold = float(threshold)

    @property
    def iou(self) -> list[float | None]:
        """Per factor 0..1 with its parts, dataset-wide (eqs. 8-9); None for one whose names no ground truth knows."""
        now = self._model.now
        if now.result is None:
            return []
        fits = now.scores is not None and now.scores.k == now.result.k
        return list(now.scores.iou) if fits else [None] * now.result.k

    @property
    def mean_iou(self) -> float | None:
        """Of the factors that have one, or None."""
        scores = self._model.scores
        return None if scores is None else scores.mean

    @property
    def covered(self) -> int:
        """The number of images that the IoU covers so far."""
        scores = self._model.scores
        return 0 if scores is None else scores.covered

    def wait(self, timeout: float | None = None) -> None:
        """Block until the IoU covers every image with a ground truth.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            TimeoutError: it took longer.
        """
        if not self.live.wait(timeout):
            raise TimeoutError(f"not measured after {timeout} s: {self.covered} images so far")

    # -------------------------------------------------------------------------------- on a few images, and then on all
    @property
    def sampling(self) -> Sampling | None:
        """The pages of a few images, or None."""
        return self.session.sampling

    def label_on(self, n: int = 5, seed: int = 0) -> str:
        """Find the factors in `n` images, drawn at random; see `SessionKeeper.few`."""
        return self.session.few(n, seed)

    def next_page(self) -> str:
        """These images are done: look at the next ones, with the same factors."""
        return self.session.next()

    def skip(self) -> str:
        """Look at the next images; these are not counted as done."""
        return self.session.next(skip=True)

    def apply_to_all(self) -> str:
        """The same factors (W) in every image, and the IoU over all of them."""
        return self.session.all()

    # ------------------------------------------------------------------------------------------------------------ files
    @property
    def autosave(self) -> str:
        """The file that every change goes to within seconds; ``""`` for none."""
        return self.session.path

    @autosave.setter
    def autosave(self, path: str | Path) -> None:
        self.session.autosave(path)

    def save(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write the session to a file; see `SessionKeeper.save`."""
        return self.session.save(path, overwrite=overwrite)

    def load(self, path: str | Path) -> str:
        """Go on with a saved session; see `SessionKeeper.load`."""
        return self.session.load(path)

    def export(self, kind: str, path: str | Path, *, overwrite: bool = False, **options: Any) -> str:
        """Write what is seen: masks with their corrections, names, colours; see `Exporter.export`."""
        return self.exporter.export(kind, path, overwrite=overwrite, **options)

    def open_image(self, index: int) -> None:
        """Open an image at full size, to look at it and to paint its parts.

        Args:
            index: of the images that are shown.

        Raises:
            ValueError: there is no such image.
        """
        self._model.ask(opened=index)

    def close(self) -> None:
        """Save what saves itself, and count nothing any more."""
        for stop in self._stops:
            stop()
        self.session.close()
        self.live.close()


def everything(model: Model, namer: Namer, live: LiveScores) -> dict[str, Kind]:
    """The kinds of acts that are undone in one order: ``names``, ``notes`` and ``parts``."""

    def note(step: list[Slot]) -> Step:
        images = model.state.images
        where = ", ".join(dict.fromkeys(images.names[slot.image] for slot in step))
        what = {"mask": "a correction", "review": "a review", "presence": "a presence"}[step[0].kind] if step else ""
        return Step(f"{what} of {where}" if step else "", step[0].image if step else -1)

    def part(where: tuple[int, str] | None) -> Step:
        if where is None:
            return Step()
        return Step(f"{where[1]} in {model.state.images.names[where[0]]}", *where)

    return {
        "names": Kind(lambda: len(model.appearance.acts.past), lambda: Step(namer.undo()), lambda: Step(namer.redo())),
        "notes": Kind(
            lambda: live.annotator.notes.done,
            lambda: note(live.annotator.notes.undo()),
            lambda: note(live.annotator.notes.redo()),
        ),
        "parts": Kind(lambda: live.truth.done, lambda: part(live.truth.undo()), lambda: part(live.truth.redo())),
    }
