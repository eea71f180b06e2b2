"""The session's pane with a keeper that only remembers what it was asked."""

from __future__ import annotations

from typing import Any

import pytest

from dff_widgets.explore.jobs import Inline
from dff_widgets.explore.session_pane import SessionPane
from dff_widgets.labelling import Sampling


class Keeper:
    def __init__(self) -> None:
        self.path, self.question, self.said, self.problem = "", None, "", False
        self.sampling: Sampling | None = None
        self.asked: list[Any] = []
        self.told: list[Any] = []

    def on_change(self, told: Any) -> Any:
        self.told.append(told)
        return lambda: self.told.remove(told)

    def save(self, path: str) -> str:
        self.asked.append(("save", path))
        if path == "theirs.dff":
            self.question = "'theirs.dff' is there: overwrite, load it, or neither?"
            raise FileExistsError(self.question)
        if path == "/full":
            raise OSError(28, "No space left on device")
        return f"saved in {path!r}"

    def load(self, path: str) -> str:
        raise ValueError(f"{path!r} is not a whole session")

    def autosave(self, path: str) -> str:
        self.path = path
        return "every change goes there" if path else "not saved by itself any more"

    def answer(self, answer: str) -> str:
        self.question = None
        return f"answered {answer}"

    def few(self, n: int) -> str:
        self.sampling = Sampling(12, n, 0)
        return f"{n} of 12"

    def next(self, *, skip: bool) -> str:
        assert self.sampling is not None
        self.sampling.next(skip=skip)
        return "page"

    def all(self) -> str:
        return "all"


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def pane(keeper) -> SessionPane:
    return SessionPane(keeper, Inline)


def test_what_was_done_is_said(pane, keeper) -> None:
    pane.receive({"do": "save", "path": " a.dff "})
    assert keeper.asked == [("save", "a.dff")]
    assert (pane.state["said"], pane.state["problem"], pane.state["busy"]) == ("saved in 'a.dff'", False, False)
    pane.receive({"do": "autosave", "path": "a.dff"})
    assert (pane.state["path"], pane.state["said"]) == ("a.dff", "every change goes there")


def test_a_file_of_another_asks_and_is_answered(pane) -> None:
    pane.receive({"do": "save", "path": "theirs.dff"})
    assert pane.state["question"].endswith("or neither?")
    assert (pane.state["said"], pane.state["problem"]) == ("", False)
    pane.receive({"do": "answer", "answer": "neither"})
    assert (pane.state["question"], pane.state["said"]) == ("", "answered neither")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"do": "save", "path": "  "}, "give the name of a file"),
        ({"do": "save", "path": "/full"}, "No space left"),
        ({"do": "load", "path": "x"}, "not a whole session"),
        ({"do": "save"}, "path"),
        ({"do": "few", "n": "many"}, "many"),
        ({"do": "next"}, ""),
    ],
)
def test_what_cannot_be_done_is_a_sentence(pane, message, said) -> None:
    pane.receive(message)
    assert said in pane.state["said"]
    assert (pane.state["problem"], pane.state["busy"]) == (True, False)


def test_pages_are_counted_also_a_short_last_one(pane, keeper) -> None:
    pane.receive({"do": "few", "n": 5})
    assert pane.state["sampling"] == {"at": 0, "pages": 3, "size": 5, "done": 0, "of": 12}
    for _ in range(3):
        pane.receive({"do": "next"})
    assert pane.state["sampling"]["done"] == 12
    pane.receive({"do": "few", "n": 5})
    pane.receive({"do": "next", "skip": True})
    assert pane.state["sampling"]["done"] == 0


def test_what_the_keeper_does_by_itself_is_shown_until_it_is_closed(pane, keeper) -> None:
    keeper.said, keeper.problem, keeper.question = "autosave failed: the disk is full", True, "?"
    keeper.told[0]()
    assert (pane.state["said"], pane.state["problem"], pane.state["question"]) == (keeper.said, True, "?")
    pane.close()
    assert keeper.told == []
