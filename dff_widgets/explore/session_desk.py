"""What the browser asks of the session: pages of a few images, files, and exports."""

from __future__ import annotations

from collections.abc import Callable

from ..labelling import UnknownFileError
from ..wording import sentence
from .desk import Ask
from .exporting import MASKS, export_result
from .jobs import Ticket
from .model import Model
from .session_keeper import SessionKeeper

ANSWERS = ["overwrite", "load it", "neither"]


def session_desk(model: Model, keeper: SessionKeeper) -> dict[str, Callable[[Ask], object]]:
    """By name what answers a message about the session: ``few``, ``page``, ``all``, ``session``, ``export``.

    Args:
        model: whose result is exported.
        keeper: of its session.
    """
    lane = model.run("dff-export")

    def few(ask: Ask) -> None:
        ask.answer(said=keeper.few(int(ask.content.get("n", 5))))

    def page(ask: Ask) -> None:
        ask.answer(said=keeper.next(skip=bool(ask.content.get("skip"))))

    def everywhere(ask: Ask) -> None:
        ask.answer(said=keeper.all())

    def session(ask: Ask) -> None:
        _session(keeper, ask)

    def write(ask: Ask) -> None:
        def job(_ticket: Ticket) -> None:
            try:
                _export(model, keeper, ask)
            except Exception as error:  # whatever a disk or a photo does, the person is told
                ask.refuse(sentence(error))

        lane.submit(job)

    return {"few": few, "page": page, "all": everywhere, "session": session, "export": write}


def sampling(keeper: SessionKeeper) -> dict[str, int] | None:
    """Which page of few images is labelled on, as ``place.sampling``; None for all."""
    pages = keeper.sampling
    if pages is None:
        return None
    done = sum(min(pages.size, pages.images - page * pages.size) for page in pages.done)
    return {"at": pages.at, "pages": pages.pages, "size": pages.size, "done": done, "of": pages.images}


def _session(keeper: SessionKeeper, ask: Ask) -> None:
    path = str(ask.content.get("path", "")).strip()
    doing: dict[str, Callable[[], str]] = {
        "save": lambda: keeper.save(path),
        "load": lambda: keeper.load(path),
        "autosave": lambda: keeper.autosave(path if ask.content.get("on", True) else ""),
        "answer": lambda: keeper.answer(str(ask.content.get("answer"))),
    }
    verb = ask.content.get("verb")
    if verb not in doing:
        raise ValueError(f"a session knows no {verb!r}; give one of {', '.join(doing)}")
    if not path and verb != "answer" and ask.content.get("on", True):
        raise ValueError("give the name of a file")
    said = ""
    try:
        said = doing[verb]()
    except UnknownFileError as error:
        said = str(error)
    if keeper.question is None:
        ask.answer(said=said)
    else:
        ask.answer(question=keeper.question, answers=ANSWERS, path=keeper.asked)


def _export(model: Model, keeper: SessionKeeper, ask: Ask) -> None:
    kind, path = str(ask.content["format"]), str(ask.content["path"])
    options = {"unnamed": "background"} if ask.content.get("unnamed") and kind in MASKS else {}
    try:
        said = export_result(model, keeper, kind, path, overwrite=bool(ask.content.get("overwrite")), **options)
    except FileExistsError:
        ask.answer(
            question=f"{path!r} is there already, and is not an export of this explorer: overwrite it?",
            answers=["overwrite"],
            path=path,
        )
        return
    ask.answer(said=said, path=path)
