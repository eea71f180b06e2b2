import json

import numpy as np
import pytest

from dff_widgets import ImageSet
from dff_widgets.labelling import Annotations, Corrected, Correction

SIZES = [(6, 9), (8, 4), (5, 5)]


@pytest.fixture
def notes():
    return Annotations(ImageSet.from_arrays([np.zeros((*size, 3), np.uint8) for size in SIZES]))


def corrected(image, seed=0, title="head"):
    rng = np.random.default_rng(seed)
    pixels, predicted = rng.random((2, *SIZES[image])) < 0.5
    return Corrected(Correction.none(SIZES[image]).put(pixels, predicted), title)


def said(notes):
    return notes.masks, notes.reviews, notes.presence


def random_act(notes, rng):
    image = int(rng.integers(3))
    match rng.integers(5):
        case 0:
            notes.judge(image, str(rng.choice(["accepted", "rejected", "unreviewed"])))
        case 1:
            notes.declare(image, str(rng.choice(["head", "tail"])), rng.choice(["present", "absent", "unknown", None]))
        case 2:
            notes.correct(image, {int(rng.integers(4)): None})
        case _:
            concepts = rng.choice(4, size=rng.integers(1, 3), replace=False)
            notes.correct(image, {int(c): corrected(image, int(rng.integers(50))) for c in concepts})


def test_everything_can_be_undone_and_done_again(notes):
    rng = np.random.default_rng(0)
    states = [said(notes)]
    for _ in range(60):
        version = notes.version
        random_act(notes, rng)
        if notes.version != version:
            states.append(said(notes))
    for state in reversed(states[:-1]):
        assert notes.undo()
        assert said(notes) == state
    assert not notes.can_undo
    assert notes.undo() == []
    for state in states[1:]:
        assert notes.redo()
        assert said(notes) == state
    assert notes.redo() == []


def test_what_changes_nothing_leaves_no_trace(notes):
    assert not notes.judge(0, "unreviewed")
    assert not notes.declare(0, "head", None)
    assert not notes.correct(0, {2: None})
    assert not notes.correct(0, {2: Corrected(Correction.none(SIZES[0]), "head")})
    assert not notes.can_undo
    assert notes.version == 0


def test_one_act_may_correct_several_masks(notes):
    notes.correct(1, {0: corrected(1), 3: corrected(1, seed=1)})
    assert set(notes.masks) == {(1, 0), (1, 3)}
    assert [(slot.image, slot.key) for slot in notes.undo()] == [(1, 0), (1, 3)]
    assert not notes.masks


def test_many_images_are_reviewed_at_once(notes):
    notes.judge(range(3), "accepted")
    assert notes.reviews == ["accepted"] * 3
    notes.undo()
    assert notes.reviews == ["unreviewed"] * 3


def test_followers_are_told(notes):
    told = []
    stop = notes.on_change(lambda: told.append(notes.version))
    notes.judge(0, "rejected")
    notes.undo()
    stop()
    notes.redo()
    assert told == [1, 2]


def test_bad_input_is_one_sentence_and_changes_nothing(notes):
    for act, error, words in [
        (lambda: notes.judge(0, "fine"), ValueError, "review is 'fine'; give 'unreviewed', 'accepted', 'rejected'"),
        (lambda: notes.judge([0, 7], "accepted"), IndexError, "there is no image 7; there are 3"),
        (lambda: notes.declare(0, " ", "present"), ValueError, "part is ' '; give it a name"),
        (lambda: notes.declare(0, "head", "there"), ValueError, "presence is 'there'; give 'unknown', 'present'"),
        (
            lambda: notes.correct(0, {1: corrected(1)}),
            ValueError,
            r"the correction is of \(8, 4\); image 0 is \(6, 9\)",
        ),
        (lambda: notes.correct(5, {1: None}), IndexError, "there is no image 5"),
    ]:
        with pytest.raises(error, match=words):
            act()
    assert notes.version == 0


# ------------------------------------------------------------------------------------------------------------- files
def through_a_file(notes):
    content, tensors = notes.to_tensors()
    return Annotations.from_tensors(json.loads(json.dumps(content)), tensors, notes.images)


def test_a_file_keeps_all_of_it_with_its_undo(notes):
    rng = np.random.default_rng(1)
    for _ in range(40):
        random_act(notes, rng)
    for _ in range(7):
        notes.undo()
    other = through_a_file(notes)
    for step in [None, *["redo"] * 8, *["undo"] * 45]:
        if step:
            assert getattr(notes, step)() == getattr(other, step)()
        assert said(notes) == said(other)


def test_a_mask_is_in_a_file_once(notes):
    for review in ("accepted", "rejected"):
        notes.correct(0, {0: corrected(0)})
        notes.judge(0, review)
        notes.correct(0, {0: None})
    content, _ = notes.to_tensors()
    assert len(content["masks"]) == 1


def test_damage_is_one_sentence(notes):
    notes.correct(0, {0: corrected(0)})
    notes.correct(0, {0: corrected(0, seed=3)})
    notes.judge(2, "accepted")
    notes.declare(1, "head", "absent")
    whole = json.dumps(notes.to_tensors()[0])
    bits = notes.to_tensors()[1]
    for damage in [
        lambda c: c.pop("said"),
        lambda c: c["masks"].pop(),
        lambda c: c["masks"][0].__setitem__(0, [9, 6]),
        lambda c: c["masks"][0][1].__setitem__(0, 10**9),
        lambda c: c["masks"][0][1].__setitem__(0, 3),
        lambda c: c["said"][0].__setitem__(1, 3),
        lambda c: c["said"][0].__setitem__(1, True),
        lambda c: c["said"][0].__setitem__(0, "shout"),
        lambda c: c["said"].append(["review", 0, "", "fine"]),
        lambda c: c["said"].append(["presence", 0, "", "absent"]),
        lambda c: c["said"].clear(),
        lambda c: c["past"].reverse(),
        lambda c: c["past"][0].pop(),
        lambda c: c.__setitem__("future", [7]),
    ]:
        content = json.loads(whole)
        damage(content)
        with pytest.raises(ValueError, match="the corrections are damaged, or of other images: "):
            Annotations.from_tensors(content, bits, notes.images)
    with pytest.raises(ValueError, match="the corrections are damaged"):
        Annotations.from_tensors(json.loads(whole), {}, notes.images)


def test_concepts_of_another_time_get_numbers_that_no_factor_has(notes):
    notes.correct(0, {0: corrected(0), 5: corrected(0, seed=1, title="tail")})
    notes.correct(1, {5: corrected(1)})
    other = notes.rekeyed({0: 3})
    assert set(other.masks) == {(0, 3), (0, -2), (1, -2)}
    assert other.mask(0, -2) == notes.mask(0, 5)
    other.undo()
    assert set(other.masks) == {(0, 3), (0, -2)}
