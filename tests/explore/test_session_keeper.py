"""The session of a model: what comes back, what is asked, what is kept; and labelling on a few images first."""

import dataclasses
import threading
import time

import numpy as np
import pytest
from torch import nn

from dff_widgets.explore import LatestJob
from dff_widgets.explore.live_scores import LiveScores
from dff_widgets.explore.naming import Namer
from dff_widgets.explore.session_keeper import SessionKeeper
from dff_widgets.labelling import Session

from .labelled import creatures, model_of, network


class Desk:
    """A model and all that belongs to it; computed inline, saved when asked."""

    def __init__(self, images=None, **choices):
        self.model = model_of(images, **{"layer": "block", **choices})
        self.live = LiveScores(self.model, threads=1)
        self.namer = Namer(self.model, lambda: self.live.known_parts)
        self.keeper = SessionKeeper(self.model, self.live)


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "work.dff"


def worked(desk):
    """Some work: names with undo and redo, masks, a look."""
    desk.model.ask(k=4, percentile=61.0, look="masks")
    for factor, text in ((0, "head"), (1, "torso"), (1, "torso + legs"), (2, "slip")):
        desk.namer.name(factor, text)
    desk.namer.undo()
    desk.live.truth.fill(1, "the left ear")
    desk.live.coverage_threshold = 0.4


def test_all_comes_back(desk, file):
    worked(desk)
    hues = desk.model.appearance.hues(4)
    assert desk.keeper.save(file) == f"saved in {str(file)!r}"
    other = Desk(k=2)
    assert other.keeper.load(file) == f"loaded from {str(file)!r}"
    model = other.model
    assert (model.state.k, model.state.percentile, model.state.look) == (4, 61.0, "masks")
    np.testing.assert_array_equal(model.result.factorization.H, desk.model.result.factorization.H)
    assert other.namer.labels == {0: ["head"], 1: ["torso", "legs"]}
    assert model.appearance.hues(4) == hues
    assert other.live.coverage_threshold == 0.4
    assert other.live.truth.painted.keys() == {(1, "the left ear")}
    assert model.scores.k == 4
    other.namer.redo()
    assert other.namer.labels[2] == ["slip"]
    for labels in ({0: ["head"], 1: ["torso", "legs"]}, {0: ["head"], 1: ["torso"]}, {0: ["head"]}, {}, {}):
        other.namer.undo()
        assert other.namer.labels == labels
    assert other.live.truth.undo() == (1, "the left ear")


def test_saved_again_it_is_the_same_file(desk, file):
    worked(desk)
    desk.keeper.save(file)
    other = Desk(k=2)
    other.keeper.load(file)
    other.keeper.save(file.with_name("again.dff"))
    assert file.with_name("again.dff").read_bytes() == file.read_bytes()


def test_nothing_is_extracted_for_the_very_images(desk, file, monkeypatch):
    worked(desk)
    desk.keeper.save(file)
    other = Desk(k=2)
    monkeypatch.setattr(type(other.model.pipeline), "prepared", lambda *_: pytest.fail("extracted"))
    other.keeper.load(file)
    assert other.model.error is None
    assert other.namer.labels[0] == ["head"]


def test_on_other_images_its_factors_are_applied(desk, file):
    worked(desk)
    desk.keeper.save(file)
    other = Desk(dataclasses.replace(creatures(seed=9, n=3), names=("x", "y", "z")))
    other.keeper.load(file)
    np.testing.assert_array_equal(other.model.result.factorization.W, desk.model.result.factorization.W)
    assert len(other.model.result) == 3
    assert other.namer.labels == {0: ["head"], 1: ["torso", "legs"]}
    assert other.live.truth.painted.keys() == set()


def test_names_of_before_are_gone_and_other_k_go_on_from_those_of_the_session(desk, file):
    desk.namer.set({0: "head", 1: "torso", 2: "legs"})
    desk.keeper.save(file)
    other = Desk(k=3)
    other.namer.set({0: "wrong", 1: "wrong too"})
    other.keeper.load(file)
    assert other.model.appearance.parked(3) == []
    other.model.ask(k=4)  # the session's factors are left: these are this network's own
    names = [parts for parts in other.model.appearance.names(4) if parts]
    assert len(names) == 3
    assert not any("wrong" in part for parts in names for part in parts)


def test_a_session_of_a_few_images_is_of_those(desk, file):
    desk.model.ask(shown=(1, 3))
    desk.namer.name(0, "head")
    desk.keeper.save(file)
    other = Desk()
    other.keeper.load(file)
    assert other.model.state.shown == (1, 3)
    assert other.model.result.images.names == desk.model.result.images.names
    assert other.namer.labels == {0: ["head"]}


BAD = {
    "no file": lambda path: path.unlink(),
    "damaged": lambda path: path.write_bytes(path.read_bytes()[:-200]),
    "another thing": lambda path: path.write_bytes(b"hello"),
}


@pytest.mark.parametrize("how", BAD)
def test_what_cannot_be_loaded_is_one_sentence_and_nothing_changes(desk, file, how):
    worked(desk)
    desk.keeper.save(file)
    BAD[how](file)
    before = desk.model.now
    with pytest.raises(ValueError, match=r"no file at|damaged"):
        desk.keeper.load(file)
    assert desk.model.now is before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"network": "../evil"}, "the session's network is '../evil'"),
        ({"network": "torch/hub:main"}, "the session's network is"),
        ({"seed": -1}, "the session's seed is -1"),
        ({"solver": "newton"}, "the session's solver is 'newton'"),
        ({"percentile": 200}, "percentile is 200"),
        ({"threshold": "best"}, "threshold is 'best'"),
        ({"coverage_threshold": "0.5"}, "the session's coverage_threshold is '0.5'"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence_and_nothing_changes(desk, file, settings, said):
    worked(desk)
    session = desk.keeper.snapshot()
    dataclasses.replace(session, settings={**session.settings, **settings}).save(file)
    before = desk.model.now
    with pytest.raises(ValueError, match=said):
        desk.keeper.load(file)
    assert desk.model.now is before
    desk.model.ask(k=2)
    assert desk.namer.labels.named <= 2


@pytest.mark.parametrize("seed", [2**31, 2**40, 2**62])
def test_large_seeds_come_back(file, seed):
    desk = Desk(seed=seed)
    desk.keeper.save(file)
    other = Desk()
    other.keeper.load(file)
    assert other.model.state.seed == seed


def test_factors_that_do_not_fit_are_said_and_all_stays(desk, file):
    desk.namer.name(0, "mine")
    session = desk.keeper.snapshot()
    narrow = dataclasses.replace(
        session.result, factorization=dataclasses.replace(session.result.factorization, W=np.ones((3, 2)))
    )
    dataclasses.replace(session, result=narrow).save(file)
    state, labels = desk.model.state, desk.namer.labels
    desk.keeper.load(file)
    assert "have 2 channels" in desk.model.error
    assert (desk.model.state, desk.namer.labels) == (state, labels)


def test_before_the_first_result_there_is_nothing_to_save(file):
    desk = Desk(held=True)
    with pytest.raises(ValueError, match="nothing to save yet"):
        desk.keeper.save(file)
    desk.keeper.autosave(str(file))
    assert not file.exists()
    for call in (desk.keeper.next, desk.keeper.all, lambda: desk.keeper.answer("overwrite")):
        with pytest.raises(ValueError, match=r"yet|nothing is asked"):
            call()


# ---------------------------------------------------------------------------------------------------------- by itself
def test_every_change_is_saved_by_itself(desk, file):
    desk.keeper.autosave(file)
    changes = {
        "names": lambda: desk.namer.name(0, "head"),
        "k": lambda: desk.model.ask(k=2),
        "percentile": lambda: desk.model.ask(percentile=33),
        "painting": lambda: desk.live.truth.fill(2, "tail"),
        "pages": lambda: desk.keeper.few(2),
    }
    for change in changes.values():
        change()
        desk.keeper._autosave.flush()
        found, now = Session.load(file), desk.keeper.snapshot()
        assert (found.labels.value, found.settings, found.page) == (now.labels.value, now.settings, now.page)
        assert found.result.k == now.result.k
        assert found.truth(creatures()).painted.keys() == desk.live.truth.painted.keys()
    assert desk.keeper.said == f"autosaved in {str(file)!r}"
    assert desk.model.error is None


@pytest.mark.parametrize("by", ["autosave", "save"])
@pytest.mark.parametrize("answer", ["overwrite", "load it", "neither"])
def test_a_file_of_another_session_is_asked_about(desk, file, by, answer):
    worked(desk)
    desk.keeper.save(file)
    before = file.read_bytes()
    other, told = Desk(), []
    other.keeper.on_change(lambda: told.append(other.keeper.question))
    if by == "save":
        with pytest.raises(FileExistsError, match="overwrite it, or load it"):
            other.keeper.save(file)
    else:
        assert "overwrite it, or load it" in other.keeper.autosave(file)
        assert other.keeper.path == str(file)
    assert other.keeper.asked == str(file)
    assert "overwrite it, or load it" in other.keeper.question
    assert told[-1] == other.keeper.question
    other.namer.name(0, "other")
    other.keeper._autosave.flush()
    assert file.read_bytes() == before
    with pytest.raises(ValueError, match="give 'overwrite', 'load it' or 'neither'"):
        other.keeper.answer("maybe")
    other.keeper.answer(answer)
    assert (other.keeper.question, other.keeper.asked, told[-1]) == (None, "", None)
    other.keeper._autosave.flush()
    if answer == "overwrite":
        assert Session.load(file).labels.value == {0: ["other"]}
        assert file.with_name("work.dff.backup").read_bytes() == before
    else:
        assert file.read_bytes() == before
    assert other.namer.labels[0] == (["head"] if answer == "load it" else ["other"])
    assert bool(other.keeper.path) == (by == "autosave" and answer != "neither")


def test_loading_goes_on_in_the_file_that_was_loaded(desk, file):
    worked(desk)
    desk.keeper.save(file)
    other, first = Desk(), file.with_name("first.dff")
    other.keeper.autosave(first)
    other.namer.name(0, "first")
    other.keeper.load(file)
    other.namer.name(3, "more")
    other.keeper._autosave.flush()
    assert Session.load(first).labels.value == {0: ["first"]}
    assert Session.load(file).labels.value == {0: ["head"], 1: ["torso", "legs"], 3: ["more"]}


def test_closed_it_saves_what_is_not_saved_yet(desk, file):
    desk.keeper.autosave(file)
    desk.namer.name(0, "head")
    desk.keeper.close()
    assert Session.load(file).labels.value == {0: ["head"]}
    desk.namer.name(0, "tail")
    desk.keeper._autosave.flush()
    assert Session.load(file).labels.value == {0: ["head"]}


# ---------------------------------------------------------------------------------------------------- a few, then all
def test_a_few_images_first_then_all(desk):
    keeper, model = desk.keeper, desk.model
    assert keeper.few(2) == "2 of 4 images: name the factors, then apply them to all"
    assert len(model.result) == 2
    desk.namer.name(0, "head")
    W = model.result.factorization.W
    first = model.state.shown
    assert keeper.next() == "page 2 of 2"
    assert model.state.shown == keeper.sampling.page != first
    assert keeper.sampling.progress == "2 of 4 done"
    np.testing.assert_array_equal(model.result.factorization.W, W)
    assert desk.namer.labels == {0: ["head"]}
    assert keeper.next(skip=True) == "page 1 of 2"
    assert keeper.sampling.progress == "2 of 4 done"
    assert keeper.all() == "the factors in all 4 images"
    assert len(model.result) == 4
    np.testing.assert_array_equal(model.result.factorization.W, W)
    assert desk.namer.labels == {0: ["head"]}
    model.ask(images=creatures(seed=4))
    assert keeper.sampling is None


def test_pages_go_on_where_they_were(desk, file):
    desk.keeper.few(1, seed=3)
    desk.keeper.next()
    desk.keeper.save(file)
    other = Desk()
    other.keeper.load(file)
    assert other.keeper.sampling == desk.keeper.sampling
    assert other.model.state.shown == desk.model.state.shown
    assert other.keeper.next() == desk.keeper.next()


def test_more_than_there_are_is_all_of_them(desk):
    assert desk.keeper.few(99) == "4 of 4 images: name the factors, then apply them to all"


# -------------------------------------------------------------------------------------------------------- with threads
class Gate(nn.Module):
    """Waits for `open` in each forward pass."""

    def __init__(self):
        super().__init__()
        self.open, self.entered = threading.Event(), threading.Event()
        self.inner = network().module

    def forward(self, x):
        self.entered.set()
        assert self.open.wait(60)
        return self.inner(x)


def test_loading_never_waits_for_an_extraction(desk, file):
    worked(desk)
    desk.keeper.save(file)
    gate = Gate()
    model = model_of(run=LatestJob, network=gate, layer="inner.block")
    live = LiveScores(model)
    keeper = SessionKeeper(model, live)
    session = Session.load(file)
    named = dataclasses.replace(session.result, layer="inner.block")
    dataclasses.replace(session, result=named, settings={**session.settings, "network": ""}).save(file)
    assert gate.entered.wait(60)
    begun = time.perf_counter()
    assert keeper.load(file) == f"loading {str(file)!r} …"
    took = time.perf_counter() - begun
    gate.open.set()
    model.wait(60)
    assert Namer(model).labels == {0: ["head"], 1: ["torso", "legs"]}
    assert took < 30  # the gate was closed: whoever waits for it waits for ever
    for part in (keeper, live, model):
        part.close()


def test_what_is_asked_for_meanwhile_wins_and_the_session_is_not_half_there(desk, file):
    worked(desk)
    desk.keeper.save(file)
    model = model_of(run=LatestJob, layer="block")
    model.wait(60)
    live = LiveScores(model)
    keeper = SessionKeeper(model, live)
    rng = np.random.default_rng(0)
    for _ in range(10):
        keeper.load(file)
        if rng.random() < 0.7:
            model.ask(k=int(rng.integers(1, 6)))
        model.wait(60)
        assert model.error is None
        if model.state.basis is not None:
            assert Namer(model).labels == {0: ["head"], 1: ["torso", "legs"]}
    for part in (keeper, live, model):
        part.close()
