import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dff_widgets.labelling import Correction, applied
from dff_widgets.labelling.corrections import pack, unpack

SIZE = (5, 11)
masks = arrays(bool, SIZE)


def test_nothing_said_changes_nothing():
    rng = np.random.default_rng(0)
    predicted = rng.random(SIZE) < 0.5
    none = Correction.none(SIZE)
    assert none.empty
    assert (none.apply(predicted) == predicted).all()


@given(masks, st.lists(st.tuples(st.sampled_from(["put", "take", "forget"]), masks), max_size=5), masks)
def test_what_was_said_last_of_a_pixel_holds_over_any_prediction(predicted, acts, other):
    said, twin = Correction.none(SIZE), np.zeros(SIZE, dtype=int)  # per pixel 1: inside, -1: outside, 0: as predicted
    for act, pixels in acts:
        said = getattr(said, act)(pixels, predicted)
        twin[pixels] = {"put": 1, "take": -1, "forget": 0}[act]
    for mask in (predicted, other):
        assert (said.apply(mask) == np.where(twin == 0, mask, twin > 0)).all()


@given(masks, masks, masks, masks)
def test_a_mask_that_was_asked_for_is_what_is_seen(predicted, first, wanted, before):
    said = Correction.none(SIZE).put(first, before).become(wanted, predicted)
    assert (said.apply(predicted) == wanted).all()
    assert not (said.added & said.removed).any()


def test_only_what_the_prediction_has_wrong_is_said():
    predicted, wanted = np.zeros(SIZE, dtype=bool), np.zeros(SIZE, dtype=bool)
    predicted[:, :4] = wanted[:, 2:6] = True
    said = Correction.none(SIZE).become(wanted, predicted)
    assert said.added.sum() == said.removed.sum() == 2 * SIZE[0]
    assert Correction.none(SIZE).become(predicted, predicted).empty


def test_it_says_where_it_no_longer_fits():
    predicted = np.zeros(SIZE, dtype=bool)
    predicted[:, :4] = True
    said = Correction.none(SIZE).put(~predicted, predicted)
    moved = np.roll(predicted, 2, axis=1)
    assert said.fit(predicted) == 1
    assert said.fit(moved) == pytest.approx(2 / 6)
    assert said.fits(np.roll(predicted, 1, axis=1))
    assert not said.fits(moved)


def test_several_corrections_of_a_factor_apply_in_their_order():
    everything = np.ones(SIZE, dtype=bool)
    first = Correction.none(SIZE).put(everything, ~everything)
    second = Correction.none(SIZE).take(everything, everything)
    predicted = np.zeros((2, *SIZE), dtype=bool)
    seen = applied(predicted, {1: (second, first)})
    assert not seen[0].any()
    assert seen[1].all()
    assert not applied(predicted, {1: (first, second)}).any()
    assert not predicted.any()


@pytest.mark.parametrize("mask", [np.ones((5, 10), dtype=bool), np.ones(SIZE)])
def test_a_mask_of_another_size_or_dtype_is_refused_in_a_sentence(mask):
    with pytest.raises(ValueError, match=r"a mask is .*; give \(5, 11\) of bool"):
        Correction.none(SIZE).put(mask, np.ones(SIZE, dtype=bool))


@given(masks)
def test_packed_bits_come_back(mask):
    assert (unpack(pack(mask), SIZE) == mask).all()


@pytest.mark.parametrize("bits", [b"no zlib", pack(np.ones((5, 40), dtype=bool)), pack(np.ones(SIZE, dtype=bool))[:-2]])
def test_damaged_bits_are_refused_in_a_sentence(bits):
    with pytest.raises(ValueError, match="the bits of a mask are"):
        unpack(bits, SIZE)
