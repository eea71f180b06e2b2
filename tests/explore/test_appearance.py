import dataclasses

import numpy as np
import pytest

from dff_widgets.explore import Appearance, Place, Stack
from dff_widgets.explore.stack import KS
from dff_widgets.factorization import Factorization
from dff_widgets.heat import OKABE_ITO
from dff_widgets.result import DFFResult

from .conftest import photos

IMAGES = photos(2)
ROWS = 2 * 4 * 6
CUTS = {1: [0], 2: [0, 30], 3: [0, 18, 30], 4: [0, 18, 30, 42]}  # where each factor begins: parts of parts


def result(cuts, *, layer="a", noise=0.0):
    """Factors that cover the rows piece by piece; with their channels apart."""
    k = len(cuts)
    H = np.zeros((ROWS, k), np.float32)
    for f, (begin, end) in enumerate(zip(cuts, [*cuts[1:], ROWS], strict=True)):
        H[begin:end, f] = 1
    H += np.random.default_rng(k).random(H.shape).astype(np.float32) * noise
    fac = Factorization(H, np.eye(k, 10, dtype=np.float32), 0.5, 1, True)
    return DFFResult(fac, IMAGES, ((4, 6),) * 2, tuple(IMAGES.size(i) for i in range(2)), "net", layer, 64)


def stack(layer="a", cuts=CUTS, **options):
    place = Place(IMAGES, "net", layer, "hals", 0, 64)
    return Stack.of(place, [result(c, layer=layer, **options) for c in cuts.values()])


def begins(of, k):
    """Where each factor of a level begins."""
    return [int((np.asarray(of[k].factorization.H)[:, f] > 0.5).argmax()) for f in range(k)]


def test_nothing_is_known_before_a_place_is_entered():
    look = Appearance()
    assert (look.here, look.ks) == (None, ())
    assert 3 not in look


def test_every_factor_of_a_level_has_its_own_colour_and_heirs_keep_it():
    look, here = Appearance().enter(stack(), 3), stack()
    for k in here.ks:
        assert len(set(look.hues(k))) == k
    assert look.hues(1) == [OKABE_ITO[0]]
    assert set(look.hues(3)) == set(OKABE_ITO[:3])  # the colours that are told apart best, for the few
    for k in (2, 3, 4):
        for heir in here.heirs(k):
            assert look.concepts(k)[heir] == look.concepts(k - 1)[here.parents(k)[heir]]


def test_the_same_stack_changes_nothing_and_a_longer_one_moves_nothing():
    short = stack(cuts={k: CUTS[k] for k in (1, 2)})
    look = Appearance().enter(short, 2)
    longer = look.enter(stack(), 2)
    for k in (1, 2):
        assert longer.concepts(k) == look.concepts(k)
    assert longer.ks == (1, 2, 3, 4)
    again = longer.enter(stack(), 4)
    assert [again.concepts(k) for k in CUTS] == [longer.concepts(k) for k in CUTS]


def test_a_name_holds_along_heirs_while_they_are_alike_and_is_parked_where_there_is_none():
    here = stack()
    last = begins(here, 2).index(30)
    look = Appearance().enter(here, 2).named(2, {last: ["legs"]})
    at = begins(here, 3).index(30)  # not cut at k = 3: the very same factor
    assert look.names(3)[at] == ("legs",)
    assert [n for n in look.names(3) if n] == [("legs",)]
    assert look.names(1) == [()]
    assert look.parked(1) == ["legs"]
    assert look.parked(2) == look.parked(3) == []


def test_a_name_that_a_person_gave_stays_where_it_was_given():
    here = stack()
    last2, last3 = begins(here, 2).index(30), begins(here, 3).index(30)
    look = Appearance().enter(here, 2).named(2, {last2: ["behind"]}).named(3, {last3: ["legs"]})
    assert look.names(2)[last2] == ("behind",)
    assert look.names(3)[last3] == ("legs",)
    gone = look.named(3, {})
    assert gone.names(3)[last3] == ()
    assert gone.names(2)[last2] == ("behind",)


def test_appearances_are_never_changed_in_place():
    look = Appearance().enter(stack(), 2)
    look.named(2, {0: ["x"]})
    look.enter(stack("b"), 2, stack(), 2)
    assert look.names(2) == [(), ()]
    assert look.here.layer == "a"
    with pytest.raises(dataclasses.FrozenInstanceError):
        look.here = None


def test_another_layer_takes_the_concepts_and_names_of_factors_that_are_alike():
    a, b = stack("a"), stack("b", noise=0.01)
    look = Appearance().enter(a, 3)
    look = look.named(3, {f: [f"from {begin}"] for f, begin in enumerate(begins(a, 3))})
    there = look.enter(b, 3, a, 3)
    for k in CUTS:
        assert dict(zip(begins(b, k), there.hues(k), strict=True)) == dict(zip(begins(a, k), look.hues(k), strict=True))
    assert there.names(3) == [(f"from {begin}",) for begin in begins(b, 3)]
    assert there.parked(3) == []
    back = there.enter(a, 3, b, 3)
    assert [back.hues(k) for k in CUTS] == [look.hues(k) for k in CUTS]
    assert [back.names(k) for k in CUTS] == [look.names(k) for k in CUTS]


def test_what_is_not_alike_gets_a_new_concept_and_the_name_is_parked():
    a = stack("a", cuts={2: [0, 30]})
    other = Stack.of(Place(IMAGES, "net", "b", "hals", 0, 64), [result([0, 30], layer="b")])
    rng = np.random.default_rng(0)
    fac = Factorization(rng.random((ROWS, 2), np.float32), np.eye(2, 10, dtype=np.float32), 0.5, 1, True)
    strange = Stack.of(other.place, [dataclasses.replace(other[2], factorization=fac)])
    look = Appearance().enter(a, 2).named(2, {0: ["head"]})
    there = look.enter(strange, 2, a, 2)
    assert there.names(2) == [(), ()]
    assert there.parked(2) == ["head"]
    assert not set(there.concepts(2)) & set(look.concepts(2))
    named = there.named(2, {1: ["head"]})
    assert named.parked(2) == []


def test_a_name_given_meanwhile_comes_along_to_a_place_where_one_has_been():
    a, b = stack("a"), stack("b")
    look = Appearance().enter(a, 2).enter(b, 2, a, 2).enter(a, 2, b, 2)
    last = begins(a, 2).index(30)
    look = look.named(2, {last: ["legs"]}).enter(b, 2, a, 2)
    assert look.names(2)[begins(b, 2).index(30)] == ("legs",)


def test_a_persons_own_name_is_not_overwritten_by_one_that_comes_along():
    a, b = stack("a"), stack("b")
    look = Appearance().enter(a, 2).enter(b, 2, a, 2)
    look = look.named(2, {begins(b, 2).index(30): ["hind"]}).enter(a, 2, b, 2)
    look = look.named(2, {begins(a, 2).index(30): ["legs"]}).enter(b, 2, a, 2)
    assert look.names(2)[begins(b, 2).index(30)] == ("hind",)


def test_names_of_no_such_factor_are_refused():
    look = Appearance().enter(stack(), 2)
    with pytest.raises(ValueError, match="factor"):
        look.named(2, {5: ["x"]})
    assert look.named(2, {}) is look


def test_ten_levels_have_ten_colours_at_most_side_by_side(model):
    look = model.appearance
    for k in KS:
        assert len(set(look.hues(k))) == k
    assert OKABE_ITO[-1] not in look.colors.values()  # grey is no colour over grey photos


def test_an_act_of_elsewhere_is_passed_over_where_one_place_is_known():
    """So a session is saved that has something to redo at another place."""
    look = Appearance().enter(stack(), 3).named(3, {0: ["head"]})
    look = look.undone().enter(stack("b"), 3)
    alone = look.alone()
    assert alone.redone().names(3) == alone.names(3)
    assert not alone.redone().acts.future
