"""The buttons around a labelling: each does what its method does, and says what came of it, as text."""

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.widgets.session_bar import EXPORTS


@pytest.fixture
def explorer(images, network):
    parts = [{"head": np.ones(images.size(i), dtype=bool)} for i in range(len(images))]
    with_parts = dff.ImageSet.from_arrays(list(images), parts=parts)
    explorer = dff.DFFExplorer(with_parts, network=network, k=2, size=64)
    explorer.wait(30)
    return explorer


@pytest.fixture
def bar(explorer):
    return explorer.panel.bar


def said(bar):
    return bar._said.value


def test_pages_can_be_turned_once_there_are_some(explorer, bar):
    turning = (bar._skip, bar._next, bar._all)
    assert all(button.disabled for button in turning)
    assert bar._progress.value == ""
    bar._count.value = 1
    assert bar._on.description == "Label on 1 image"
    bar._count.value = 2
    assert bar._on.description == "Label on 2 images"
    bar._on.click()
    explorer.wait(30)
    assert not any(button.disabled for button in turning)
    assert len(explorer.result) == 2
    assert "2 of 4 images: name the factors" in said(bar)
    assert bar._progress.value == "0 of 4 done"
    W = explorer.result.factorization.W
    bar._skip.click()
    explorer.wait(30)
    assert bar._progress.value == "0 of 4 done"
    bar._next.click()
    explorer.wait(30)
    assert bar._progress.value == "2 of 4 done"
    assert "page 1 of 2" in said(bar)
    bar._all.click()
    explorer.wait(30)
    assert len(explorer.result) == 4
    np.testing.assert_array_equal(explorer.result.factorization.W, W)
    assert explorer.error is None


def test_save_and_load(explorer, bar, tmp_path):
    bar._file.value = str(tmp_path / "work.dff")
    explorer.labels = {0: ["head"]}
    bar._save.click()
    assert "saved in" in said(bar)
    assert "⚠" not in said(bar)
    explorer.panel.clear()
    bar._load.click()
    explorer.wait(30)
    assert "loaded from" in said(bar)
    assert explorer.labels == {0: ["head"]}


@pytest.mark.parametrize("button", ["_save", "_load", "_export"])
def test_what_fails_is_said_as_text(bar, tmp_path, button):
    place = str(tmp_path / "<img src=x onerror=alert(1)>" / "work.dff")
    bar._file.value = bar._target.value = place
    bar._format.value = "csv"
    getattr(bar, button).click()
    assert "⚠" in said(bar)
    assert "--jp-error-color1" in said(bar)
    assert "<img" not in said(bar)
    assert "&lt;img" in said(bar)
    assert "\n" not in said(bar)
    assert list(tmp_path.iterdir()) == []


def test_a_button_before_the_first_result_says_so(tmp_path):
    bar = dff.LabelingPanel().bar
    bar._file.value = str(tmp_path / "work.dff")
    for button in (bar._on, bar._save, bar._export):
        button.click()
        assert "⚠" in said(bar)
        assert "yet" in said(bar)
    assert list(tmp_path.iterdir()) == []


def test_autosave_goes_to_the_file_in_the_box(explorer, bar, tmp_path):
    bar._file.value = str(tmp_path / "work.dff")
    bar._auto.value = True
    assert explorer.panel.autosave == str(tmp_path / "work.dff")
    assert explorer.panel.wait_saved(30)
    assert "autosaved in" in said(bar)
    bar._auto.value = False
    assert explorer.panel.autosave == ""


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_format_is_written_where_the_box_says(explorer, bar, tmp_path, kind):
    explorer.labels = {0: ["head"]}
    explorer.wait(30)
    bar._format.value = kind
    default = EXPORTS[kind][2]
    assert bar._target.value == default
    bar._target.value = str(tmp_path / default)
    bar._export.click()
    assert EXPORTS[kind][0] in said(bar)
    assert "⚠" not in said(bar)
    assert default in [p.name for p in tmp_path.iterdir()]
    assert {p.stem for p in tmp_path.iterdir()} == {default.partition(".")[0]}


def test_a_place_of_ones_own_stays_when_the_format_changes(bar):
    bar._target.value = "mine.json"
    bar._format.value = "csv"
    assert bar._target.value == "mine.json"


def test_unnamed_factors_are_background_if_the_person_says_so(explorer, bar, tmp_path):
    explorer.labels, explorer.percentile = {0: ["head"]}, 30  # masks that overlap
    explorer.wait(30)
    bar._format.value = "png"
    labelled = []
    for background in (False, True):
        bar._background.value, bar._target.value = background, str(tmp_path / f"labels-{background}")
        bar._export.click()
        assert "⚠" not in said(bar)
        labelled.append(np.asarray(Image.open(tmp_path / f"labels-{background}" / "image 0.png")) > 0)
    assert 0 < labelled[1].sum() < labelled[0].sum()  # where the unnamed factor is stronger, the named one ends
    assert not (labelled[1] & ~labelled[0]).any()
    for kind in EXPORTS:
        bar._format.value = kind
        shown = bar._background.layout.visibility != "hidden"
        assert shown == (kind in ("png", "coco", "label_studio"))
