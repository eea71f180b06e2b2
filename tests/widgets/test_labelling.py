"""The labelling panel: every number it shows is computed a second time, by the functions."""

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.explore import Inline
from dff_widgets.heat import fold
from dff_widgets.labelling import PartMasks
from tests.explore.conftest import network, photos

NAMES = ("head", "legs", "torso")


def truth_of(images, seed=3):
    """Per image parts that overlap; the third has no ground truth."""
    rng = np.random.default_rng(seed)
    parts = []
    for i in range(len(images)):
        h, w = images.size(i)
        here = {}
        for name in NAMES if i != 2 else ():
            top, left = rng.integers(0, h // 2), rng.integers(0, w // 2)
            here[name] = np.zeros((h, w), dtype=bool)
            here[name][top : top + h // 2, left : left + w // 2] = True
        parts.append(here)
    return parts


@pytest.fixture
def result():
    return dff.DeepFeatureFactorization(k=3, network=network(), size=64).fit(photos())


@pytest.fixture
def panel(result):
    return dff.LabelingPanel(result, truth_of(result.images), run=Inline)


def right(panel):
    """Whether all that a panel shows is what the functions say of its result, its truth and its labels."""
    result, labels, truth = panel.result, panel.labels, panel.truth
    places = truth.places(result.images)
    counted = [j for j in range(len(result)) if truth[places[j]]]
    all_masks = result.masks(panel.percentile, threshold=panel.threshold)
    masks, parts = [all_masks[j] for j in counted], [truth[places[j]] for j in counted]
    known = {name for here in parts for name in here}
    wanted = {f: [name for name in labels[f] if name in known] for f in labels}
    iou = dff.iou(masks, parts, wanted)
    assert panel.error is None
    assert panel.covered == len(counted)
    assert panel.iou == [pytest.approx(float(iou[f])) if wanted[f] else None for f in labels]
    scored = [v for v in panel.iou if v is not None]
    assert panel.mean_iou == (pytest.approx(np.mean(scored)) if scored else None)
    coverage = dff.coverage(masks, parts)
    order = [panel.coverage.parts.index(name) for name in coverage.parts]
    np.testing.assert_allclose(np.asarray(panel.coverage)[:, order], coverage)
    return True


@pytest.mark.parametrize(("threshold", "percentile"), [(None, 75), (None, 40.5), ("otsu", 75)])
def test_it_measures_what_the_functions_do(panel, threshold, percentile):
    panel.labels = {0: "legs", 2: ["head", "torso"]}
    panel.percentile, panel.threshold = percentile, threshold
    assert panel.labels == {0: ["legs"], 1: [], 2: ["head", "torso"]}
    assert right(panel)


def test_the_result_is_shown_as_it_is_and_its_factors_keep_their_order(panel, result):
    np.testing.assert_array_equal(panel.result.factorization.H, result.factorization.H)
    assert panel.model.now.network is None
    assert panel.get_state()["alone"] is True


def test_assign_by_coverage_is_assign(panel):
    panel.assign_by_coverage(threshold=0.3)
    assert dict(panel.labels) == {f: dff.assign(panel.coverage, 0.3).get(f, []) for f in range(3)}
    assert panel.coverage_threshold == 0.3
    assert right(panel)
    with pytest.raises(ValueError, match="threshold"):
        panel.assign_by_coverage(threshold=2)


def test_undo_and_redo_go_all_the_way(panel):
    steps = [{0: "a"}, {0: "a", 1: "b"}, {2: ["a", "b"]}]
    for labels in steps:
        panel.labels = labels
    for labels in (*reversed(steps[:-1]), {}):
        panel.undo()
        assert {f: names for f, names in panel.labels.items() if names} == dff.PartLabels(labels)
    panel.undo()
    for _ in steps:
        panel.redo()
    assert panel.labels == {0: [], 1: [], 2: ["a", "b"]}
    panel.clear()
    assert not any(panel.labels.values())


def test_painting_moves_the_iou(panel):
    panel.labels = {1: "legs"}
    before = panel.iou[1]
    panel.truth.fill(0, "legs")
    panel.wait(30)
    assert panel.iou[1] != before
    assert right(panel)


def test_part_masks_of_ones_own_are_measured_with(result):
    truth = PartMasks(result.images)
    truth.fill(1, "sky")
    panel = dff.LabelingPanel(result, truth, labels={0: "sky"}, run=Inline)
    assert panel.truth is truth
    assert panel.iou[0] is not None
    assert right(panel)


def test_without_ground_truth_names_are_kept_and_nothing_is_measured(result):
    panel = dff.LabelingPanel(result, labels={0: "legs"}, run=Inline)
    assert panel.labels[0] == ["legs"]
    assert panel.iou == [None, None, None]


def test_a_few_images_first_then_all(panel, result):
    assert "2 of 4 images" in panel.label_on(2, seed=1)
    assert len(panel.result) == 2
    expected = [result.images.names[i] for i in panel.shown]
    assert list(panel.result.images.names) == expected
    some, whole = (fold(r.factorization.H, r.shapes) for r in (panel.result, result))
    np.testing.assert_array_equal(some[1], whole[panel.shown[1]])
    panel.labels = {0: "legs"}
    panel.apply_to_all()
    assert len(panel.result) == 4
    assert panel.labels[0] == ["legs"]


def test_a_session_goes_on_in_another_panel(panel, result, tmp_path):
    panel.labels = {1: ["head"]}
    panel.truth.fill(0, "tail")
    panel.save(tmp_path / "s.dff")
    other = dff.LabelingPanel(result, run=Inline)
    other.load(tmp_path / "s.dff")
    assert other.labels == panel.labels
    assert other.truth[0]["tail"].all()
    with pytest.raises(FileExistsError):
        other.__class__(result, run=Inline).save(tmp_path / "s.dff")


def test_exports_are_of_what_is_shown(panel, tmp_path):
    panel.labels = {0: "legs"}
    said = panel.export("csv", tmp_path / "t.csv")
    assert "t.csv" in said
    assert "legs" in (tmp_path / "t.csv").read_text()
    with pytest.raises(ValueError, match="there is no export 'gif'"):
        panel.export("gif", tmp_path / "t.gif")


@pytest.mark.parametrize("name", ["k", "network", "images", "layer", "seed"])
def test_what_the_result_settles_stays(panel, name):
    with pytest.raises(AttributeError, match="is that of the result"):
        setattr(panel, name, getattr(panel, name))


def test_what_needs_a_network_is_refused_in_one_sentence(panel):
    panel.model.ask(k=2)
    assert "without their network" in panel.error
    assert panel.result.k == 3


def test_an_unknown_option_is_refused(result):
    with pytest.raises(TypeError, match="LabelingPanel has no option 'sharpness'"):
        dff.LabelingPanel(result, sharpness=1)
    with pytest.raises(TypeError, match="no option 'k'"):
        dff.LabelingPanel(result, k=2)
