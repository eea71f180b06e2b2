"""Messages about the session: each is answered, by a sentence, a question or a problem."""

import pytest

from dff_widgets.explore.desk import Ask
from dff_widgets.explore.live_scores import LiveScores
from dff_widgets.explore.naming import Namer
from dff_widgets.explore.session_desk import sampling, session_desk
from dff_widgets.explore.session_keeper import SessionKeeper

from .labelled import model_of


class Desk:
    def __init__(self, **choices):
        self.model = model_of(layer="block", **choices)
        self.live = LiveScores(self.model, threads=1)
        self.keeper = SessionKeeper(self.model, self.live)
        self.doing = session_desk(self.keeper)

    def ask(self, do, **content):
        """The answer; what a message raises is what the desk refuses with."""
        sent = []
        ask = Ask(content, (), lambda answer, _buffers: sent.append(answer), 7)
        try:
            self.doing[do](ask)
        except (LookupError, TypeError, ValueError, AttributeError, OSError, OverflowError) as error:
            ask.refuse(str(error))
        (answer,) = sent
        assert answer.pop("re") == 7
        return answer


@pytest.fixture
def desk():
    return Desk()


def test_pages(desk):
    assert sampling(desk.keeper) is None
    assert "yet" in desk.ask("page")["problem"]
    assert desk.ask("few", n=3)["said"].startswith("3 of 4 images")
    assert sampling(desk.keeper) == {"at": 0, "pages": 2, "size": 3, "done": 0, "of": 4}
    assert desk.ask("page", skip=True) == {"said": "page 2 of 2"}
    assert desk.ask("page") == {"said": "page 1 of 2"}
    assert sampling(desk.keeper) == {"at": 0, "pages": 2, "size": 3, "done": 1, "of": 4}
    assert desk.ask("all") == {"said": "the factors in all 4 images"}
    assert "problem" in desk.ask("few", n="many")


def test_save_load_and_the_question(desk, tmp_path):
    path = str(tmp_path / "work.dff")
    Namer(desk.model).name(0, "head")
    assert desk.ask("session", verb="save", path=path) == {"said": f"saved in {path!r}"}
    other = Desk()
    answer = other.ask("session", verb="autosave", path=path, on=True)
    assert "overwrite it, or load it" in answer["question"]
    assert (answer["answers"], answer["path"]) == (["overwrite", "load it", "neither"], path)
    assert other.ask("session", verb="save", path=path) == answer
    assert other.ask("session", verb="answer", answer="load it") == {"said": f"loaded from {path!r}"}
    assert Namer(other.model).labels == {0: ["head"]}
    assert other.ask("session", verb="autosave", on=False) == {"said": "not saved by itself any more"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"verb": "erase", "path": "x"}, "a session knows no 'erase'"),
        ({"verb": "save", "path": " "}, "give the name of a file"),
        ({"verb": "load", "path": "/nowhere/x.dff"}, "no file at"),
        ({"verb": "save", "path": "/nowhere/x.dff"}, "no folder at"),
        ({"verb": "answer", "answer": "overwrite"}, "nothing is asked"),
    ],
)
def test_what_cannot_be_is_a_problem(desk, content, said):
    assert said in desk.ask("session", **content)["problem"]
