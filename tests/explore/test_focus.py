"""The focus pane without a widget."""

from typing import Any

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.explore.focus import Focus
from dff_widgets.labelling import PartMasks

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
    focus.call_factors(["legs", "factor 1"], ["#E69F00", "#56B4E9"])
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
