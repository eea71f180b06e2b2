"""A mask found in the other images, as corrections; and what is like the place under the pointer."""

import numpy as np
import pytest

from dff_widgets.explore.finding import Finder
from dff_widgets.explore.labelling import Labelling
from dff_widgets.heat import propagate

from .labelled import model_of
from .test_reviewing import Asked


@pytest.fixture
def panel():
    return Labelling(model_of(layer="block"))


@pytest.fixture
def finder(panel):
    return Finder(panel._model, panel.annotator)


def paint(panel, image, factor, mask):
    panel.annotator.correct(image, factor, lambda seen: (mask & ~seen, seen & ~mask))


def find(finder, image, factor):
    said = []
    finder.find(image, factor, said.append, lambda problem: said.append(f"refused: {problem}"))
    return said


def test_what_is_found_corrects_the_others_in_one_act(panel, finder):
    torso = panel.truth[0]["torso"]
    paint(panel, 0, 1, torso)
    panel.review(2, "accepted")
    before = panel.seen().masks(2)[1]
    assert find(finder, 0, 1) == ["found in 2 other images"]
    masks = [panel.seen().masks(i)[1] for i in range(4)]
    np.testing.assert_array_equal(masks[0], torso)
    np.testing.assert_array_equal(masks[2], before)
    rows = panel._model.pipeline.prepared(panel._model.stack.place, lambda *_: None).activations
    assert rows.shapes == panel._model.result.shapes
    assert {image for image, _ in panel.notes.masks} == {0, 1, 3}
    panel.undo()
    assert {image for image, _ in panel.notes.masks} == {0}


def test_a_mask_that_a_person_corrected_stays(panel, finder):
    mine = np.zeros((64, 64), dtype=bool)
    mine[:20, :20] = True
    paint(panel, 0, 1, panel.truth[0]["torso"])
    paint(panel, 3, 1, mine)
    assert find(finder, 0, 1) == ["found in 2 other images"]
    np.testing.assert_array_equal(panel.seen().masks(3)[1], mine)


def test_what_cannot_be_is_one_sentence_and_changes_nothing(panel, finder):
    nothing = np.zeros((64, 64), dtype=bool)
    paint(panel, 0, 0, nothing)
    paint(panel, 0, 1, ~nothing)
    version = panel.notes.version
    for factor, words in [
        (0, "refused: nothing is painted to be found: paint a part in one image first"),
        (1, "refused: the mask is the whole image: paint the part alone"),
        (9, "refused: factor is 9; there are factors 0..2"),
    ]:
        assert find(finder, 0, factor) == [words]
    assert find(finder, 11, 0) == ["refused: image 11 is not among those that are shown"]
    assert panel.notes.version == version


def test_the_probe_gives_the_cosines_of_the_activations(panel, finder):
    found = finder.probe(1, 0.5, 0.25)
    result = panel._model.result
    assert [one.shape for one in found] == list(result.shapes)
    ask = Asked(image=1, x=0.25, y=0.5, of=[2, 0])
    sent = []
    ask.answer = lambda buffers, **content: sent.append((buffers, content))
    finder.desk()["probe"](ask)
    (buffers, content) = sent[0]
    assert content == {"of": [2, 0], "grids": [list(result.shapes[2]), list(result.shapes[0])]}
    np.testing.assert_array_equal(
        np.frombuffer(buffers[0], np.uint8).reshape(result.shapes[2]),
        (np.clip(found[2], 0, 1) * 255).round().astype(np.uint8),
    )


def test_a_probe_outside_is_refused(panel, finder):
    for content in ({"image": 9, "x": 0, "y": 0}, {"image": 0, "x": 2, "y": 0}, {"image": 0, "x": 0.5, "y": 0.5}):
        ask, refused = Asked(**content, of=[7]), []
        ask.refuse = refused.append
        finder.desk()["probe"](ask)
        assert len(refused) == 1
        assert refused[0].startswith(("there is no image 9", "the point (2.0, 0.0)", "there are images 0..3"))


def test_steered_factors_are_found_by_the_same_activations(panel, finder):
    panel._model.ask(k=2)
    steered = panel._model.result.merge(
        0, 1, activations=panel._model.pipeline.prepared(panel._model.stack.place, lambda *_: None).activations
    )
    from dff_widgets.explore.state import Basis

    panel._model.ask(basis=Basis(np.asarray(steered.factorization.W), steered), k=1)
    paint(panel, 0, 0, panel.truth[0]["torso"])
    assert find(finder, 0, 0) == ["found in 3 other images"]
    assert propagate.SHARE < 1
