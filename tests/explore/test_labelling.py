import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.explore import Inline, Model
from dff_widgets.explore.labelling import Labelling

from .conftest import network, photos


@pytest.fixture
def panel():
    parts = [{"left": np.arange(w) < w // 2 * np.ones((h, 1), bool)} for h, w in map(photos().size, range(4))]
    images = dff.ImageSet.from_arrays(list(photos()), parts=parts)
    return Labelling(Model(images, network=network(), size=64, k=3, run=Inline, foresee=False))


def test_names_are_given_measured_and_taken_back(panel):
    panel.labels = {1: "left"}
    panel.wait()
    result = panel._model.result
    want = dff.iou(result.masks(), panel.truth, {1: ["left"]})
    assert panel.iou == [None, pytest.approx(want[1]), None]
    assert panel.mean_iou == pytest.approx(want[1])
    assert panel.covered == 4
    np.testing.assert_allclose(panel.coverage, dff.coverage(result.masks(), panel.truth))
    panel.assign_by_coverage(0.3)
    assert panel.coverage_threshold == 0.3
    assert panel.labels == {f: ["left"] for f in range(3) if panel.coverage[f, 0] > 0.3}
    panel.undo()
    assert panel.labels == {1: ["left"]}
    panel.redo()
    panel.clear()
    assert panel.labels == {}
    with pytest.raises(ValueError, match="coverage_threshold"):
        panel.coverage_threshold = 2


def test_a_few_images_and_then_all(panel):
    model = panel._model
    panel.label_on(2)
    assert len(model.result) == panel.sampling.size == 2
    W = model.result.factorization.W
    panel.labels = {0: ["head"]}
    panel.skip()
    panel.next_page()
    panel.apply_to_all()
    assert len(model.result) == 4
    np.testing.assert_array_equal(model.result.factorization.W, W)
    assert panel.labels == {0: ["head"]}


def test_files(panel, tmp_path):
    panel.labels = {0: ["head"]}
    panel.save(tmp_path / "a.dff")
    panel.clear()
    panel.load(tmp_path / "a.dff")
    assert panel.labels == {0: ["head"]}
    assert "4 images" in panel.export("csv", tmp_path / "a.csv")
    panel.export("csv", tmp_path / "a.csv")  # its own
    (tmp_path / "b.csv").write_text("another's")
    with pytest.raises(FileExistsError):
        panel.export("csv", tmp_path / "b.csv")
    with pytest.raises(ValueError, match="no export 'tsv'"):
        panel.export("tsv", tmp_path / "a.tsv")
    panel.export("png", tmp_path / "labels", unnamed="background")
    assert list((tmp_path / "labels").rglob("*.png"))


def test_an_image_is_opened(panel):
    panel.open_image(3)
    assert panel._model.state.opened == 3
    with pytest.raises(ValueError, match=r"0\.\.3"):
        panel.open_image(4)
