"""What the browser asks of the session: pages of a few images, and its file."""

from __future__ import annotations

from collections.abc import Callable

from ..labelling import UnknownFileError
from .desk import Ask
from .session_keeper import SessionKeeper

ANSWERS = ["overwrite", "load it", "neither"]


def session_desk(keeper: SessionKeeper) -> dict[str, Callable[[Ask], object]]:
    """By name what answers a message about the session: ``few``, ``page``, ``all``, ``session``.

    Args:
        keeper: of the session.
    """

    def few(ask: Ask) -> None:
        ask.answer(said=keeper.few(int(ask.content.get("n", 5))))

    def page(ask: Ask) -> None:
        ask.answer(said=keeper.next(skip=bool(ask.content.get("skip"))))

    def everywhere(ask: Ask) -> None:
        ask.answer(said=keeper.all())

    def session(ask: Ask) -> None:
        _session(keeper, ask)

    return {"few": few, "page": page, "all": everywhere, "session": session}


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
