"""What a session does by itself reaches the Session tab."""

from __future__ import annotations

import pytest

from dff_widgets.explore import Inline, Model
from dff_widgets.explore.live_scores import LiveScores
from dff_widgets.explore.session_keeper import SessionKeeper
from dff_widgets.explore.session_pane import SessionPane
from dff_widgets.labelling import UnknownFileError


@pytest.fixture
def keeper(images, net) -> SessionKeeper:
    model = Model(images, network=net, k=2, size=64, run=Inline)
    return SessionKeeper(model, LiveScores(model, threads=1))


def test_a_file_of_another_is_a_question_until_it_is_answered(keeper, tmp_path) -> None:
    theirs = tmp_path / "theirs.dff"
    theirs.write_bytes(b"another's work")
    pane = SessionPane(keeper)
    with pytest.raises(UnknownFileError):
        keeper.save(theirs)
    assert "theirs.dff" in pane.state["question"]
    keeper.answer("neither")
    assert pane.state["question"] == ""
    assert theirs.read_bytes() == b"another's work"
    keeper.close()


def test_the_file_that_every_change_goes_to_is_shown(keeper, tmp_path) -> None:
    pane = SessionPane(keeper)
    keeper.autosave(tmp_path / "mine.dff")
    assert pane.state["path"].endswith("mine.dff")
    assert keeper.wait(30)
    assert (pane.state["question"], pane.state["problem"]) == ("", False)
    keeper.autosave("")
    assert pane.state["path"] == ""
    pane.close()
    before = dict(pane.state)
    keeper.autosave(tmp_path / "other.dff")
    assert pane.state == before
    keeper.close()
