"""The session as a pane: its file and the questions it has, and the pages of a few images; see `SessionKeeper`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..wording import sentence
from .jobs import LatestJob, Run, Ticket
from .presenter import Presenter


class SessionPane(Presenter):
    """Does with a keeper what a person asks for; files are read and written in a thread, one after the other.

    Its values: ``path`` of the file that every change goes to, or ``""``; ``question`` about a file, or ``""``;
    ``said``, what was done last, and ``problem``, whether that failed; ``busy``; ``sampling``, None or a dict of
    ``at``, ``pages``, ``size``, ``done`` and ``of`` images.

    Args:
        keeper: a `SessionKeeper`.
        run: makes what runs its work; see `Jobs`.
    """

    def __init__(self, keeper: Any, run: Run = LatestJob) -> None:
        super().__init__(path="", question="", said="", problem=False, busy=False, sampling=None)
        self._keeper = keeper
        self._jobs = run("dff-session-file")
        self._stop: Callable[[], object] = keeper.on_change(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the keeper has now."""
        keeper, sampling = self._keeper, self._keeper.sampling
        pages = None
        if sampling is not None:
            done = sum(len(sampling_page(sampling, page)) for page in sampling.done)
            pages = {"at": sampling.at, "pages": sampling.pages, "size": sampling.size, "done": done}
            pages["of"] = sampling.images
        self.put(path=keeper.path, question=keeper.question or "", sampling=pages)
        if keeper.said and not self.state["busy"]:
            self.put(said=keeper.said, problem=keeper.problem)

    def act(self, do: str, content: Mapping[str, Any]) -> None:
        """See `Presenter.act`."""
        keeper = self._keeper
        acts: dict[str, Callable[[], str]] = {
            "save": lambda: keeper.save(_path(content)),
            "load": lambda: keeper.load(_path(content)),
            "autosave": lambda: keeper.autosave(str(content["path"])),
            "answer": lambda: keeper.answer(str(content["answer"])),
            "few": lambda: keeper.few(int(content["n"])),
            "next": lambda: keeper.next(skip=bool(content.get("skip"))),
            "all": keeper.all,
        }
        if do in acts:
            self.put(busy=True)
            self._jobs.submit(lambda ticket: self._do(acts[do], ticket))

    def close(self) -> None:
        """See `Presenter.close`."""
        self._stop()
        self._jobs.cancel()

    def refused(self, error: Exception) -> None:
        """Say what cannot be done."""
        self.put(said=sentence(error), problem=True, busy=False)

    def _do(self, act: Callable[[], str], _ticket: Ticket) -> None:
        try:
            said, problem = act(), False
        except FileExistsError:  # the question says it
            said, problem = "", False
        except Exception as error:  # whatever a file or a disk does, the person is told, and the session stays
            said, problem = sentence(error), True
        with self.together():
            self.refresh()
            self.put(said=said, problem=problem, busy=False)


def _path(content: Mapping[str, Any]) -> str:
    path = str(content["path"]).strip()
    if not path:
        raise ValueError("give the name of a file, such as session.dff")
    return path


def sampling_page(sampling: Any, page: int) -> range:
    """The places, in the order of the pages, of the images of one page; the last may be short."""
    return range(page * sampling.size, min((page + 1) * sampling.size, sampling.images))
