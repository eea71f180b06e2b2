"""Part masks that a person brings along are measured with from then on."""

import numpy as np
import pytest

from dff_widgets.explore.desk import Ask
from dff_widgets.explore.labelling import Labelling
from dff_widgets.explore.truth_desk import truth_desk

from .labelled import model_of


@pytest.fixture
def panel():
    return Labelling(model_of(layer="block"))


def ask(panel, path):
    sent = []
    desk = truth_desk(panel._model, panel.live, panel._model.run)
    desk["truth"](Ask({"path": path}, (), lambda answer, _buffers: sent.append(answer), 1))
    return sent[-1]


def test_masks_are_measured_with_and_what_was_painted_stays(panel, tmp_path):
    panel.labels = {0: ["mine"], 1: ["other"], 2: ["third"]}
    panel.export("coco", tmp_path / "x.json")
    panel.wait()
    assert panel.iou == [None] * 3
    height, width = panel._model.state.images.size(0)
    panel.truth.fill(0, "painted", np.ones((height, width), dtype=bool))
    said = ask(panel, str(tmp_path / "x.json"))["said"]
    assert said.startswith("part masks of 4 of 4 images:")
    assert "mine" in said
    panel.wait()
    assert panel.iou == [1.0] * 3  # they are the masks that were exported
    assert panel.truth.mask(0, "painted").all()
    assert panel.truth.undo() == (0, "painted")


def test_what_cannot_be_changes_nothing(panel, tmp_path):
    before = panel.truth
    assert ask(panel, str(tmp_path / "nowhere"))["problem"].startswith("no file or folder at")
    assert "no masks" in ask(panel, str(tmp_path))["problem"]
    assert panel.truth is before
    with pytest.raises(ValueError, match="give the path"):
        ask(panel, " ")
