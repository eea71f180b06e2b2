"""The focus pane without a widget."""

import zlib
from typing import Any

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.explore.focus import Focus
from dff_widgets.explore.labelling import Labelling
from dff_widgets.explore.sheets import MaskSheet
from dff_widgets.labelling import PartMasks

from .labelled import creatures, model_of

SIZES = [(80, 96), (64, 64), (90, 70)]


@pytest.fixture
def truth() -> PartMasks:
    rng = np.random.default_rng(0)
    images = dff.ImageSet.from_arrays([rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES])
    body = np.zeros(SIZES[0], dtype=bool)
    body[30:60, 20:70] = True
    return PartMasks(images, [{"body": body}, {}, {}])


@pytest.fixture
def focus(truth) -> Focus:
    return Focus(truth)


@pytest.fixture
def said(focus) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    focus.publish = said.append
    return said


def test_another_image_is_one_change_with_all_that_belongs_to_it(focus, said) -> None:
    focus.show(2)
    assert len(said) == 1
    assert {"place", "photo", "size", "masks", "mask_size", "caption"} <= set(said[0])
    with pytest.raises(IndexError, match=r"index is 3; there are 3 images: give 0\.\.2"):
        focus.show(3)
    assert focus.index == 2


def test_a_stroke_that_arrives_late_is_painted_where_it_was_drawn(focus, said, truth) -> None:
    focus.show(1)
    said.clear()
    focus.receive(
        {"do": "stroke", "index": 0, "part": "body", "points": [[5, 5]], "radius": 3, "erase": False, "id": "a-1"}
    )
    assert truth[0]["body"][5, 5]
    assert len(said) == 1
    assert said[0]["handled"] == "a-1"
    assert "masks" not in said[0]  # of another image than the one that is shown


def test_each_message_is_answered_once_also_one_that_cannot_be_done(focus, said, truth) -> None:
    focus.receive({"do": "polygon", "index": 0, "part": "body", "points": [[1, 2]], "id": "a-1"})
    assert len(said) == 1
    assert said[0]["handled"] == "a-1"
    assert "n >= 3" in said[0]["status"]
    assert not truth.can_undo


def test_undo_goes_to_the_image_it_changes_and_says_so(focus, truth) -> None:
    moved: list[int] = []
    focus.moved = moved.append
    focus.choose({"part": "tail"})
    truth.stroke(2, "tail", [(5, 5)], 4)
    focus.receive({"do": "undo", "id": "a-1"})
    assert (focus.index, focus.state["status"], moved) == (2, "Undone: tail in image 2", [2])
    focus.receive({"do": "redo", "id": "a-2"})
    assert truth[2]["tail"][5, 5]


def test_a_new_part_is_one_of_the_truths(focus, truth) -> None:
    focus.receive({"set": {"part": "ear"}})
    assert "ear" in truth.parts
    assert focus.state["parts"] == ["body", "ear"]
    assert len(focus.state["part_colors"]) == len(focus.state["masks"]) == 2


@pytest.mark.parametrize("wrong", [{"tool": "axe"}, {"radius": "wide"}, {"place": [1, 2]}, {"erase": 1}, {"part": 7}])
def test_what_cannot_be_set_is_not(focus, wrong) -> None:
    before = dict(focus.state)
    focus.receive({"set": wrong})
    assert {n: v for n, v in focus.state.items() if n != "status"} == {n: v for n, v in before.items() if n != "status"}
    assert focus.state["status"]


def test_factors_called_after_parts_give_them_their_colours(focus, truth) -> None:
    focus.choose({"part": "legs"})
    focus.call_factors(["legs", "factor 0"], ["#E69F00", "#56B4E9"])
    colors = dict(zip(focus.state["parts"], focus.state["part_colors"], strict=True))
    assert colors["legs"] == "#E69F00"
    assert colors["body"] not in ("#E69F00", "#56B4E9")


def test_another_truth_is_followed_and_the_first_no_longer(focus, said, truth) -> None:
    other = PartMasks(truth.images)
    focus.use_truth(other)
    said.clear()
    truth.fill(0, "body")
    assert said == []
    other.fill(0, "body")
    assert len(said) == 1
    focus.close()
    other.undo()
    assert len(said) == 1


# -------------------------------------------------------------------------------------------- the masks of the factors
@pytest.fixture
def desk():
    """A pane of the app on a model of its own."""
    panel = Labelling(model_of(layer="block"))
    focus = Focus(panel.truth)
    focus.corrects, focus.history, focus.notes = MaskSheet(panel._model, panel.annotator), panel.undoing, panel.notes
    panel.annotator.on_change(focus.corrected)
    focus.show(0)
    focus.corrected()
    return panel, focus


def shown_masks(focus):
    size = focus.state["mask_size"]
    return [
        np.unpackbits(np.frombuffer(zlib.decompress(one), np.uint8), count=size[0] * size[1]).reshape(size).astype(bool)
        if one
        else np.zeros(size, dtype=bool)
        for one in focus.state["masks"]
    ]


def test_in_masks_mode_the_factors_own_masks_are_painted(desk):
    panel, focus = desk
    assert focus.state["correctable"]
    focus.receive({"set": {"mode": "masks"}})
    assert focus.state["parts"] == ["factor 0", "factor 1", "factor 2"]
    assert focus.state["part"] == "factor 0"
    assert focus.state["part_colors"] == panel._model.appearance.hues(3)
    for mask, seen in zip(shown_masks(focus), panel.seen().masks(0), strict=True):
        np.testing.assert_array_equal(mask, seen)
    stroke = {"do": "stroke", "index": 0, "part": "factor 1", "mode": "masks", "points": [[3, 3], [30, 3]], "radius": 3}
    focus.receive({**stroke, "id": "1"})
    assert panel.seen().masks(0)[1][3, 3:30].all()
    assert shown_masks(focus)[1][3, 3:30].all()
    assert focus.state["fits"] == [-1.0, 1.0, -1.0]
    assert not panel.truth.painted
    focus.receive({**stroke, "id": "2", "erase": True})
    assert not shown_masks(focus)[1][3, 3:30].any()
    focus.receive({"do": "clear", "index": 0, "part": "factor 1", "mode": "masks", "id": "3"})
    assert focus.state["fits"] == [-1.0, -1.0, -1.0]
    for _ in range(3):
        focus.receive({"do": "undo", "id": "4"})
    assert not panel.notes.masks
    assert focus.state["can_redo"]


def test_a_stroke_keeps_the_mode_in_which_it_was_drawn(desk):
    panel, focus = desk
    focus.receive({"set": {"mode": "masks"}})
    focus.receive({"do": "stroke", "index": 0, "part": "head", "mode": "parts", "points": [[3, 3]], "radius": 3})
    assert (0, "head") in panel.truth.painted
    assert not panel.notes.masks


def test_names_are_those_of_the_factors_and_back_again_of_the_parts(desk):
    panel, focus = desk
    parts = list(panel.truth.parts)
    panel.labels = {0: "head", 1: "head"}
    focus.receive({"set": {"mode": "masks"}})
    assert focus.state["parts"] == ["head (0)", "head (1)", "factor 2"]
    focus.receive({"set": {"part": "factor 2"}})
    panel.namer.name(2, "tail")
    focus.corrected()
    assert focus.state["part"] == "tail"
    focus.receive({"set": {"mode": "parts"}})
    assert focus.state["parts"] == parts
    assert list(panel.truth.parts) == parts


def test_a_click_grows_and_cuts(desk):
    panel, focus = desk
    torso = panel.truth[0]["torso"]
    row, column = (int(v.mean()) for v in np.nonzero(torso))
    click = {"do": "region", "index": 0, "part": "factor 0", "mode": "masks", "points": [[column + 0.5, row + 0.5]]}
    focus.receive(click)
    added = panel.notes.mask(0, panel._model.appearance.concepts(3)[0]).correction.added
    assert added[row, column]
    assert added.sum() > 9  # an animal of 64 pixels has little that is alike
    focus.receive({**click, "erase": True})
    assert not (panel.seen().masks(0)[0] & added).any()
    focus.receive({**click, "points": [[900, 3]], "id": "1"})
    assert "outside" in focus.state["status"]


def test_holes_are_filled_and_borders_smoothed_in_both_modes(desk):
    _, focus = desk
    for mode, part in (("masks", "factor 0"), ("parts", "ring")):
        focus.receive({"set": {"mode": mode}})
        ring = {"index": 0, "part": part, "mode": mode}
        focus.receive({"do": "polygon", **ring, "points": [[10, 10], [50, 10], [50, 50], [10, 50]]})
        focus.receive({"do": "stroke", **ring, "points": [[30, 30]], "radius": 6, "erase": True})
        sheet = focus._sheet_of(mode)
        assert not sheet.here(0)[part][30, 30]
        focus.receive({"do": "holes", **ring})
        assert sheet.here(0)[part][10:50, 10:50].all()
        focus.receive({"do": "smooth", **ring})
        assert sheet.here(0)[part][30, 30]
        assert not sheet.here(0)[part][10, 10]


def test_one_factor_a_pixel(desk):
    panel, focus = desk
    focus.receive({"set": {"mode": "masks", "alone": True}})
    box = {"do": "polygon", "index": 0, "mode": "masks", "points": [[0, 0], [64, 0], [64, 64], [0, 64]]}
    focus.receive({**box, "part": "factor 1"})
    masks = panel.seen().masks(0)
    assert masks[1].all()
    assert not masks[0].any()
    assert not masks[2].any()


def test_presence_and_reviews_are_said_in_focus(desk):
    panel, focus = desk
    assert focus.state["presence"] == ["present"] * len(panel.truth.parts)
    focus.receive({"do": "absent", "index": 0, "part": "tail"})
    assert focus.state["presence"][focus.state["parts"].index("tail")] == "absent"
    focus.receive({"do": "review", "index": 0, "review": "accepted"})
    assert focus.state["review"] == "accepted"
    focus.receive({"do": "review", "index": 0, "review": "fine", "id": "1"})
    assert "review is 'fine'" in focus.state["status"]
    focus.receive({"do": "undo"})
    assert focus.state["review"] == "unreviewed"


def test_alone_it_has_no_masks_of_factors():
    focus = Focus(PartMasks(creatures()))
    focus.receive({"set": {"mode": "masks"}, "id": "1"})
    assert focus.state["mode"] == "parts"
    assert "mode is 'masks'" in focus.state["status"]
    assert (focus.state["review"], focus.state["presence"]) == ("", [])
