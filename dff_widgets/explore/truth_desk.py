"""Ground truth that a person brings along: part masks in files, measured from then on."""

from __future__ import annotations

from collections.abc import Callable

from ..datasets import part_masks
from ..labelling import PartMasks
from ..wording import one_line, sentence
from .desk import Ask
from .jobs import Run, Ticket
from .live_scores import LiveScores
from .model import Model

_SOME = 6  # names of parts in a sentence


def measure_with(model: Model, live: LiveScores, path: str) -> str:
    """Measure with part masks in files from now on; what a person painted stays over them.

    Args:
        model: whose images they are of.
        live: measures.
        path: see `datasets.part_masks`.

    Returns:
        What was found, in a sentence.

    Raises:
        ValueError: there are none, one is malformed, or they are of other images; nothing changed.
    """
    images = model.state.images
    parts = part_masks(images, path)
    found = [list(masks) for masks in parts]  # each is read, so that what is wrong is said now
    names = list(dict.fromkeys(name for here in found for name in here))
    before = live.truth_of(images)
    live.use(PartMasks.from_tensors(*before.to_tensors(), images, parts, names=names))
    there = sum(bool(here) for here in found)
    some = ", ".join(map(one_line, names[:_SOME])) + (", …" if len(names) > _SOME else "")
    return f"part masks of {there} of {len(images)} images: {some}"


def truth_desk(model: Model, live: LiveScores, run: Run) -> dict[str, Callable[[Ask], object]]:
    """What answers a message about ground truth: ``truth``.

    Args:
        model: whose images it is of.
        live: measures with it.
        run: what makes the lane in which it is read.
    """
    lane = run("dff-truth")

    def truth(ask: Ask) -> None:
        path = str(ask.content["path"]).strip()
        if not path:
            raise ValueError("give the path of a folder of masks, or of a COCO file")

        def job(_ticket: Ticket) -> None:
            try:
                ask.answer(said=measure_with(model, live, path))
            except Exception as error:  # whatever a disk or a file does, the person is told
                ask.refuse(sentence(error))

        lane.submit(job)

    return {"truth": truth}
