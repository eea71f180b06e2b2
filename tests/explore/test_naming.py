"""Naming factors, and taking names back: where they were given, and wherever they went since."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dff_widgets.explore.acts import _MOST, Act, Acts
from dff_widgets.explore.naming import Namer

from .labelled import creatures, model_of

LAYERS = ("pool", "block")


@pytest.fixture
def model():
    model = model_of(layer="block")
    assert model.error is None
    return model


@pytest.fixture
def namer(model):
    return Namer(model, lambda: ["black + white", "head"])


def test_what_a_person_types_names_a_factor(namer):
    namer.name(1, " torso +legs ")
    namer.name(0, "black + white")
    assert namer.labels == {0: ["black + white"], 1: ["torso", "legs"]}
    namer.toggle(1, "legs")
    namer.toggle(2, "tail")
    assert namer.labels == {0: ["black + white"], 1: ["torso"], 2: ["tail"]}
    namer.name(0, "")
    namer.set({2: "ear"})
    assert namer.labels == {2: ["ear"]}
    namer.clear()
    assert namer.labels == {}


def test_every_act_can_be_undone_and_redone(namer, model):
    seen = [namer.labels]
    acts = [
        lambda: namer.name(0, "head"),
        lambda: namer.set({0: "ear", 2: "tail"}),
        lambda: namer.toggle(2, "legs"),
        lambda: namer.clear(),
    ]
    for act in acts:
        act()
        seen.append(namer.labels)
    for labels in seen[-2::-1]:
        assert namer.undo() == ""
        assert namer.labels == labels
    assert (namer.undo(), namer.labels) == ("", {})
    for labels in seen[1:]:
        assert namer.redo() == ""
        assert namer.labels == labels
    assert (namer.redo(), namer.labels) == ("", {})
    namer.undo()
    namer.name(1, "torso")  # what was undone is forgotten
    assert not model.appearance.acts.future
    namer.redo()
    assert namer.labels[1] == ["torso"]


def test_an_act_that_changes_nothing_is_none(namer, model):
    namer.name(0, "head")
    namer.name(0, "head")
    namer.set({0: ["head"]})
    assert len(model.appearance.acts.past) == 1


@pytest.mark.parametrize("call", [lambda n: n.name(3, "head"), lambda n: n.set({9: "x"}), lambda n: n.set({0: [" "]})])
def test_what_cannot_be_is_one_sentence_and_changes_nothing(namer, model, call):
    before = model.appearance
    with pytest.raises(ValueError, match=r"there are factors 0..2|is no name of a part"):
        call(namer)
    assert model.appearance is before


def test_undo_takes_a_name_back_where_it_was_carried_too(namer, model):
    namer.name(0, "head")
    model.ask(seed=1)  # the same factors, found from another start
    carried = [f for f, parts in namer.labels.items() if parts]
    assert len(carried) == 1
    assert namer.undo() == "undone at block, k = 3"
    assert namer.labels == {}
    assert model.appearance.parked(3) == []
    model.ask(seed=0)
    assert namer.labels == {}
    namer.redo()
    assert namer.labels == {0: ["head"]}
    model.ask(seed=1)
    assert namer.labels == {carried[0]: ["head"]}


def test_undo_gives_back_the_name_that_was_carried_before(namer, model):
    namer.name(0, "head")
    namer.name(0, "face")
    model.ask(seed=1)
    (there,) = [f for f, parts in namer.labels.items() if parts]
    assert namer.labels[there] == ["face"]
    namer.undo()
    assert namer.labels == {there: ["head"]}
    namer.undo()
    assert namer.labels == {}
    namer.redo()
    namer.redo()
    assert namer.labels == {there: ["face"]}


def test_undo_in_other_images_says_so(namer, model):
    namer.name(0, "head")
    model.ask(images=creatures(seed=7))
    assert namer.undo() == "undone in the images that were open before"
    assert namer.labels == {}


STEPS = st.one_of(
    st.tuples(st.just("name"), st.integers(0, 1), st.sampled_from(["head", "tail", "ear", ""])),
    st.tuples(st.just("k"), st.integers(2, 4)),
    st.tuples(st.just("layer"), st.sampled_from(LAYERS)),
    st.tuples(st.just("seed"), st.integers(0, 1)),
)
MODELS = {}


@given(st.lists(STEPS, max_size=8), st.lists(STEPS, max_size=4))
@settings(max_examples=40, deadline=None)
def test_all_undone_is_as_at_first_and_all_redone_is_as_before_wherever_one_goes(steps, between):
    model = MODELS.setdefault("one", model_of(layer="block"))  # its stacks are made once
    namer = Namer(model)
    start = {"layer": "block", "k": 3, "seed": 0}
    model.ask(**start)
    model.dress(lambda appearance: type(appearance)().enter(model.stack, model.now.result.k))

    def go(step):
        if step[0] == "name":
            namer.name(step[1], step[2])
        else:
            model.ask(**{step[0]: step[1]})

    def named():
        found = {}
        here = model.state
        for layer in LAYERS:
            for seed in (0, 1):
                model.ask(layer=layer, seed=seed)
                found[layer, seed] = [model.appearance.names(k) for k in model.stack.ks]
        model.ask(layer=here.layer, seed=here.seed, k=here.k)
        return found

    for step in steps:
        go(step)
    acts, names = len(model.appearance.acts.past), named()
    for _ in range(acts):
        namer.undo()
    assert not any(any(level) for place in named().values() for level in place)
    for step in between:
        if step[0] != "name":
            go(step)
    for _ in range(acts):
        namer.redo()
    assert named() == names


def test_what_can_be_undone_is_bounded():
    acts = Acts(tuple(Act(None, 1, n, {}, {}) for n in range(_MOST))).did(Act(None, 1, _MOST, {}, {}))
    assert len(acts.past) == _MOST
    assert (acts.past[0].when, acts.past[-1].when) == (1, _MOST)


def test_nothing_to_name_yet():
    model = model_of(held=True)
    namer = Namer(model)
    assert namer.labels == {}
    namer.clear()
    namer.undo()
    namer.redo()
    with pytest.raises(ValueError, match="no factors to name yet"):
        namer.name(0, "head")
