"""The labelling panel, alone and in an explorer: every number it shows is computed a second time, by the functions."""

import dataclasses
import json
import os
import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import traitlets as t
from PIL import Image
from torch import nn

import dff_widgets as dff
from benchmarks import labelling as benchmark
from dff_widgets.images import PerImage
from dff_widgets.labelling import Autosave, Session

NAMES = ("head", "legs", "torso", "tail")


def with_parts(images, seed=3):
    """The same images with parts that overlap and are not in every image; the third has no ground truth."""
    rng = np.random.default_rng(seed)
    parts = []
    for i in range(len(images)):
        h, w = images.size(i)
        here = {}
        for name in NAMES[:3] if i != 2 else ():
            top, left = rng.integers(0, h // 2), rng.integers(0, w // 2)
            here[name] = np.zeros((h, w), dtype=bool)
            here[name][top : top + h // 2, left : left + w // 2] = True
        parts.append(here)
    return dataclasses.replace(images, parts=parts)


@pytest.fixture
def labelled(images):
    return with_parts(images)


@pytest.fixture
def model(labelled, network):
    model = dff.DeepFeatureFactorization(k=2, network=network, size=64)
    model.fit(labelled)
    return model


@pytest.fixture
def result(model):
    return model.result_


@pytest.fixture
def panel(result):
    panel = dff.LabelingPanel(result)
    panel.wait(30)
    return panel


@pytest.fixture
def explorer(labelled, network):
    explorer = dff.DFFExplorer(labelled, network=network, k=2, size=64)
    explorer.wait(30)
    assert explorer.error is None
    return explorer


def right(panel):
    """Whether all that a panel shows is what the functions say of its result, its truth and its labels."""
    result, labels, truth, gallery = panel.result, panel.labels, panel.truth, panel.gallery
    images = [next(i for i, s in enumerate(truth.images.sources) if s is mine) for mine in result.images.sources]
    counted = [j for j in (panel.shown or range(len(result))) if truth[images[j]]]
    all_masks = result.masks(panel.percentile, threshold=panel.threshold)
    masks, parts = [all_masks[j] for j in counted], [truth[images[j]] for j in counted]
    known = {name for here in parts for name in here}
    wanted = {f: [name for name in labels[f] if name in known] for f in labels}
    iou = dff.iou(masks, parts, wanted) if masks else ()
    expected = [pytest.approx(float(iou[f])) if wanted[f] else None for f in labels]

    assert panel.error is None
    assert not panel.measuring
    assert gallery.measured == 1
    assert len(labels) == len(panel.iou) == result.k
    assert panel.iou == expected == gallery.scores
    assert panel.covered == len(counted)
    scored = [v for v in panel.iou if v is not None]
    assert panel.mean_iou == (pytest.approx(np.mean(scored)) if scored else None)
    if masks:
        coverage = dff.coverage(masks, parts)
        order = [panel.coverage.parts.index(name) for name in coverage.parts]
        assert len(order) == len(panel.coverage.parts)
        np.testing.assert_allclose(np.asarray(panel.coverage)[:, order], coverage)
        np.testing.assert_array_equal(gallery.coverage, panel.coverage)
        assert gallery.coverage_parts == list(panel.coverage.parts)
        assert known <= set(gallery.known)
    assert gallery.labels == [labels[f] for f in range(result.k)]
    assert gallery.names == [labels.title(f) for f in range(result.k)]
    assert (gallery.undoable, gallery.redoable) == (bool(panel._history.past), bool(panel._history.future))
    assert f"{labels.named} of {result.k} named" in gallery.summary
    return True


def right_in(explorer):
    assert explorer.error is None
    assert explorer.labels == explorer.panel.labels
    assert len(explorer.labels) == explorer.k == explorer.result.k
    assert explorer.iou == explorer.panel.iou
    assert explorer.result is explorer.panel.result
    return right(explorer.panel)


def state(panel):
    """What a message or a file that makes no sense must not change."""
    history, truth = panel._history, panel.truth
    painted = {where: mask.tobytes() for where, mask in truth.painted.items()}
    settings = (panel.percentile, panel.threshold, panel.coverage_threshold, panel.shown)
    sampling = panel.sampling and panel.sampling.state()
    labels = (list(history.past), history.value, list(history.future), panel.labels)
    look = (panel.gallery.opacity, panel.gallery.visible, panel.gallery.colors)
    return (panel.result, truth, labels, painted, settings, sampling, look, panel.iou)


# ------------------------------------------------------------------------------------------------------- alone
def test_it_measures_what_the_functions_do(panel):
    assert right(panel)
    assert panel.iou == [None, None]
    assert (panel.mean_iou, panel.covered) == (None, 3)
    panel.labels = {0: ["head"], 1: ["legs", "torso"]}
    assert right(panel)
    assert None not in panel.iou
    assert panel.gallery.names == ["head", "legs + torso"]


def test_rows_follow_the_result(panel, model, labelled):
    model.k = 3
    panel.show(model.fit(labelled))
    panel.wait(30)
    assert len(panel.gallery.labels) == 3
    assert right(panel)


def test_labels_given_at_first(result):
    panel = dff.LabelingPanel(result, labels={1: ["head"]})
    panel.wait(30)
    assert panel.labels == {1: ["head"]}
    assert right(panel)
    assert not panel.gallery.undoable
    panel.undo()
    assert panel.labels == {1: ["head"]}
    with pytest.raises((ValueError, t.TraitError), match=r"factor 2; there are factors 0\.\.1"):
        dff.LabelingPanel(result, labels={2: ["head"]})


def test_parts_of_ones_own(result, labelled):
    parts = with_parts(labelled, seed=9).parts
    panel = dff.LabelingPanel(result, parts, {0: ["head"]})
    panel.wait(30)
    want = dff.iou([m for i, m in enumerate(result.masks()) if i != 2], [p for p in parts if p], {0: ["head"], 1: []})
    assert panel.iou == [pytest.approx(want[0]), None]
    assert right(panel)
    with pytest.raises(ValueError, match="parts are of 1 images; there are 4"):
        dff.LabelingPanel(result, parts[:1])


def test_without_ground_truth_names_are_kept_and_nothing_is_measured(images, network):
    result = dff.DeepFeatureFactorization(k=2, network=network, size=64).fit(images)
    panel = dff.LabelingPanel(result, labels={0: ["anything"]})
    panel.wait(30)
    assert (panel.iou, panel.mean_iou, panel.covered, panel.error) == ([None, None], None, 0, None)
    assert "no ground truth yet" in panel.gallery.summary
    with pytest.raises(ValueError, match="no coverage: the images have no part masks; paint some, or give parts"):
        panel.assign_by_coverage()
    assert panel.labels == {0: ["anything"]}
    panel.truth.fill(1, "anything")
    panel.wait(30)
    assert panel.covered == 1
    assert right(panel)


def test_nothing_to_label_yet():
    panel = dff.LabelingPanel()
    panel.wait(1)
    assert panel.labels == {}
    for call in (panel.label_on, panel.apply_to_all, lambda: panel.save("x"), lambda: panel.load("x")):
        with pytest.raises(ValueError, match=r"yet|no file"):
            call()
    panel.undo()
    panel.clear()
    assert panel.labels == {}


def test_an_unknown_option_is_refused(result):
    with pytest.raises(TypeError, match="'percentil'"):
        dff.LabelingPanel(result, percentil=3)


# ------------------------------------------------------------------------------------------------------- naming
def test_assign_by_coverage_is_assign(panel, labelled):
    for threshold in (0.5, 0.1, 0.0, 0.99):
        panel.assign_by_coverage(threshold)
        assert panel.coverage_threshold == threshold
        masks = [m for i, m in enumerate(panel.result.masks()) if i != 2]
        want = dff.assign(dff.coverage(masks, [p for p in labelled.parts if p]), threshold)
        assert {f: set(names) for f, names in panel.labels.items()} == {f: set(names) for f, names in want.items()}
        assert right(panel)
    before = state(panel)
    for wrong in (1.01, -0.1, float("nan")):
        with pytest.raises(ValueError, match="threshold is"):
            panel.assign_by_coverage(wrong)
    assert state(panel) == before


def test_a_cell_toggles_and_a_box_names(panel):
    panel.act({"do": "toggle", "factor": 1, "part": "head"})
    panel.act({"do": "toggle", "factor": 1, "part": "legs"})
    assert panel.labels == {1: ["head", "legs"]}
    panel.act({"do": "toggle", "factor": 1, "part": "head"})
    assert panel.labels == {1: ["legs"]}
    panel.act({"do": "name", "factor": 0, "text": " head+  the  left ear "})
    assert panel.labels == {0: ["head", "the left ear"], 1: ["legs"]}
    assert right(panel)
    assert panel.gallery.names[0] == "head + the left ear"
    panel.act({"do": "name", "factor": 0, "text": "  "})
    panel.act({"do": "assign", "threshold": 0.0})
    assert set(panel.labels[0]) == {"head", "legs", "torso"}
    panel.act({"do": "undo"})
    assert panel.labels == {1: ["legs"]}
    panel.act({"do": "redo"})
    panel.act({"do": "clear"})
    assert panel.labels == {}
    assert right(panel)


def test_several_factors_may_share_a_part(panel):
    panel.labels = {0: ["head"], 1: ["head"]}
    assert right(panel)
    assert None not in panel.iou


def test_undo_and_redo_have_no_limit(panel):
    """Against a list of all states and a place in it."""
    rng = random.Random(1)
    states, at = [{}], 0
    for _ in range(300):
        what = rng.choice(["set", "set", "undo", "redo", "clear"])
        if what == "undo":
            panel.undo()
            at = max(0, at - 1)
        elif what == "redo":
            panel.redo()
            at = min(len(states) - 1, at + 1)
        else:
            new = {} if what == "clear" else {rng.randrange(2): rng.sample(NAMES, rng.randint(1, 3))}
            panel.clear() if what == "clear" else panel.set_trait("labels", new)
            if new != states[at]:
                states[at + 1 :] = [new]
                at += 1
        assert panel.labels == states[at]
        assert (panel.gallery.undoable, panel.gallery.redoable) == (at > 0, at < len(states) - 1)
    assert len(states) > 20
    for _ in range(300):
        panel.undo()
    assert panel.labels == {}
    for _ in range(300):
        panel.redo()
    assert panel.labels == states[-1]
    panel.wait(30)
    assert right(panel)


def test_setting_the_same_labels_is_no_change(panel):
    panel.labels = {0: ["head"]}
    panel.labels = {0: "head", 1: []}
    panel.undo()
    assert panel.labels == {}


@pytest.mark.parametrize(
    "wrong", [{2: ["head"]}, {-1: ["head"]}, {"0": ["head"]}, {0: [""]}, {0: [3]}, {0: ["a", " "]}]
)
def test_labels_that_make_no_sense_are_refused(panel, wrong):
    panel.labels = {0: ["head"]}
    before = state(panel)
    with pytest.raises((ValueError, t.TraitError)):
        panel.labels = wrong
    assert state(panel) == before


NONSENSE = [
    {},
    {"do": "explode"},
    {"do": None},
    {"do": ["name"]},
    {"do": "name"},
    {"do": "name", "factor": 0},
    {"do": "name", "factor": 2, "text": "head"},
    {"do": "name", "factor": -1, "text": "head"},
    {"do": "name", "factor": "0", "text": "head"},
    {"do": "name", "factor": None, "text": "head"},
    {"do": "name", "factor": [], "text": "head"},
    {"do": "name", "factor": 0.5, "text": "head"},
    {"do": "name", "factor": 0, "text": 7},
    {"do": "name", "factor": 0, "text": None},
    {"do": "name", "factor": 0, "text": ["head"]},
    {"do": "toggle", "factor": 0},
    {"do": "toggle", "factor": 9, "part": "head"},
    {"do": "toggle", "factor": 0, "part": ""},
    {"do": "toggle", "factor": 0, "part": 3},
    {"do": "toggle", "factor": 0, "part": {"a": 1}},
    {"do": "assign"},
    {"do": "assign", "threshold": "much"},
    {"do": "assign", "threshold": None},
    {"do": "assign", "threshold": 7},
    {"do": "assign", "threshold": -1},
    {"do": "assign", "threshold": float("nan")},
    {"do": "open"},
    {"do": "open", "tile": 99},
    {"do": "open", "tile": "0"},
    {"do": "open", "tile": None},
    {"do": "page"},
    {"do": "page", "step": "up"},
    {"do": "page", "step": float("inf")},
    {"do": "page", "step": 10**400},
    None,
    [],
    "undo",
    7,
]


def test_messages_that_make_no_sense_do_nothing(panel):
    panel.labels = {0: ["head"], 1: ["legs"]}
    before = state(panel)
    for message in NONSENSE:
        panel.act(message)
        panel.wait(30)
        assert state(panel) == before, message
        assert panel.slot.children == (), message
    panel.act({"do": "undo"})
    assert panel.labels == {}
    assert right(panel)


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "x" * 10_000,
    "🦓👩🏽‍🚀",
    "‮זנב‬ ذيل",
    "a\u0000b",
    "../../etc/passwd",
    '"; DROP TABLE parts; --',
    "{{7*7}} ${x} </script>",
]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:12].encode("unicode_escape").decode())
def test_any_name_is_text(panel, tmp_path, name):
    panel.truth.fill(0, name)
    panel.wait(30)
    panel.act({"do": "name", "factor": 1, "text": name})
    panel.wait(30)
    assert panel.labels == {1: [name]}
    assert panel.gallery.labels[1] == [name]
    assert panel.gallery.names[1] == name
    assert panel.iou[1] is not None
    assert right(panel)
    panel.save(tmp_path / "work.dff")
    panel.clear()
    panel.load(tmp_path / "work.dff")
    panel.wait(30)
    assert panel.labels == {1: [name]}
    assert [p.name for p in tmp_path.iterdir()] == ["work.dff"]


# ----------------------------------------------------------------------------------- live: everything that moves it
@pytest.mark.parametrize("threshold", [None, "auto", "otsu"])
@pytest.mark.parametrize("percentile", [0, 60.5, 100])
def test_the_masks_move_the_iou(panel, threshold, percentile):
    panel.labels = {0: ["head"], 1: ["torso"]}
    panel.threshold, panel.percentile = threshold, percentile
    panel.wait(30)
    assert right(panel)


def test_a_percentile_outside_is_refused(panel):
    for wrong in (-1, 101, float("nan")):
        with pytest.raises(t.TraitError, match="percentile is"):
            panel.percentile = wrong
    assert panel.percentile == 75


def test_painting_moves_the_iou_at_once(panel):
    panel.labels = {0: ["head"], 1: ["ear"]}
    assert panel.iou[1] is None
    panel.truth.stroke(0, "ear", [(10, 10), (60, 40)], radius=9)
    panel.wait(30)
    assert right(panel)
    first = panel.iou[1]
    assert first > 0
    panel.truth.fill(2, "ear")  # an image that had no ground truth
    panel.wait(30)
    assert panel.covered == 4
    assert right(panel)
    assert panel.iou[1] != first
    panel.truth.undo()
    panel.truth.undo()
    panel.wait(30)
    assert panel.iou[1] in (None, 0)
    panel.truth.redo()
    panel.wait(30)
    assert panel.iou[1] == first
    assert right(panel)


def test_sixty_random_steps_in_an_explorer(explorer):
    """After each step everything is computed anew by the functions, and compared."""
    rng, panel, truth = random.Random(7), explorer.panel, explorer.panel.truth
    names = [*NAMES, "the left ear"]

    def paint():
        points = [(rng.uniform(0, 90), rng.uniform(0, 80)) for _ in range(3)]
        truth.stroke(rng.randrange(4), rng.choice(names), points, radius=rng.uniform(1, 12), erase=rng.random() < 0.3)

    steps = {
        "name": lambda: panel.set_trait(
            "labels", panel.labels.replace(rng.randrange(explorer.k), rng.sample(names, 2))
        ),
        "toggle": lambda: panel.act({"do": "toggle", "factor": rng.randrange(explorer.k), "part": rng.choice(names)}),
        "clear": panel.clear,
        "undo": panel.undo,
        "redo": panel.redo,
        "assign": lambda: panel.assign_by_coverage(rng.random()),
        "k": lambda: setattr(explorer, "k", rng.randint(1, 5)),
        "layer": lambda: setattr(explorer, "layer", rng.choice(["4", "2"])),
        "refine": lambda: setattr(explorer, "refine", not explorer.refine),
        "percentile": lambda: setattr(explorer, "percentile", rng.uniform(0, 100)),
        "threshold": lambda: setattr(explorer, "threshold", rng.choice([None, "auto", "otsu"])),
        "paint": paint,
        "unpaint": truth.undo,
        "view": lambda: setattr(explorer.gallery, "view", rng.choice(["heat", "masks"])),
    }
    taken = [*steps, *rng.choices(list(steps), k=60 - len(steps))]
    rng.shuffle(taken)
    for step in taken:
        steps[step]()
        explorer.wait(60)
        assert right_in(explorer), step


# ---------------------------------------------------------------------------------- names stay with their factors
def cosine(a, b):
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_names_stay_when_k_and_the_layer_change(explorer):
    explorer.labels = {0: ["head"], 1: ["legs"]}
    W = explorer.result.factorization.W
    explorer.k = 3
    explorer.wait(30)
    assert (explorer.labels[0], explorer.labels[1], explorer.labels[2]) == (["head"], ["legs"], [])
    new = explorer.result.factorization.W
    assert cosine(W[0], new[0]) + cosine(W[1], new[1]) > cosine(W[0], new[1]) + cosine(W[1], new[0])
    assert right_in(explorer)
    explorer.layer = "2"
    explorer.wait(30)
    assert explorer.labels == {0: ["head"], 1: ["legs"]}
    assert right_in(explorer)
    explorer.panel.undo()
    assert explorer.labels == {}
    explorer.panel.redo()
    assert explorer.labels == {0: ["head"], 1: ["legs"]}


def test_a_name_comes_back_with_its_factor(explorer):
    explorer.k = 4
    explorer.wait(30)
    names = {0: ["head"], 1: ["legs"], 2: ["torso"], 3: ["tail"]}
    explorer.labels = names
    W = np.asarray(explorer.result.factorization.W)
    explorer.k = 1
    explorer.wait(30)
    assert explorer.labels.named <= 1
    assert right_in(explorer)
    explorer.k = 4
    explorer.wait(30)
    back = np.asarray(explorer.result.factorization.W)
    for f in range(4):
        twin = int(np.argmax([cosine(back[f], w) for w in W]))
        assert explorer.labels[f] == names[twin]
    assert right_in(explorer)


def test_undo_crosses_changes_of_k(explorer):
    panel = explorer.panel
    for labels in ({0: ["head"]}, {0: ["head"], 1: ["legs"]}, {1: ["torso"]}):
        explorer.labels = labels
    explorer.k = 3
    explorer.wait(30)
    panel.labels = panel.labels.replace(2, "tail")
    for want in ({1: ["torso"]}, {0: ["head"], 1: ["legs"]}, {0: ["head"]}, {}, {}):
        panel.undo()
        assert panel.labels == explorer.labels == want
        assert len(explorer.labels) == 3
    explorer.k = 2
    explorer.wait(30)
    for want in ({0: ["head"]}, {0: ["head"], 1: ["legs"]}, {1: ["torso"]}):
        panel.redo()
        assert panel.labels == want
    explorer.wait(30)
    assert right_in(explorer)


# ------------------------------------------------------------------------------------------ traits, threads, waiting
def test_labels_can_be_linked_and_observed(panel):
    class Mirror(t.HasTraits):
        labels = t.Any()

    mirror, told = Mirror(), []
    t.link((panel, "labels"), (mirror, "labels"))
    panel.observe(lambda change: told.append((change["name"], change["new"])), ["labels", "iou"])
    panel.labels = {0: ["head"]}
    assert mirror.labels == {0: ["head"]}
    mirror.labels = dff.PartLabels({1: ["legs"]}, k=2)
    assert panel.labels == {1: ["legs"]}
    assert right(panel)
    panel.undo()
    assert mirror.labels == {0: ["head"]}
    assert [name for name, _ in told].count("labels") == 3
    assert [new for name, new in told if name == "iou"][-1] == panel.iou


class Gated:
    """Part masks that are there when `gate` is open."""

    def __init__(self, parts):
        self.parts, self.gate, self.entered = parts, threading.Event(), threading.Event()
        self.gate.set()

    def __call__(self, i):
        self.entered.set()
        assert self.gate.wait(30)
        return self.parts[i]


@pytest.fixture
def gated(labelled):
    return Gated(labelled.parts)


def test_wait_gives_up_with_a_sentence(result, gated):
    panel = dff.LabelingPanel(result, PerImage([(i,) for i in range(4)], gated))
    panel.wait(30)
    gated.gate.clear()
    panel.percentile = 60
    with pytest.raises(TimeoutError, match=r"not measured after 0\.05 s"):
        panel.wait(0.05)
    assert panel.measuring
    panel.labels = {0: ["head"]}  # naming does not wait
    gated.gate.set()
    panel.wait(30)
    assert right(panel)


def test_the_latest_threshold_wins(result, gated):
    panel = dff.LabelingPanel(result, PerImage([(i,) for i in range(4)], gated), {0: ["head"]})
    panel.wait(30)
    gated.gate.clear()
    gated.entered.clear()
    panel.percentile = 10
    assert gated.entered.wait(10)  # at work on it
    panel.percentile = 20
    panel.percentile = 90
    gated.gate.set()
    panel.wait(30)
    assert right(panel)


def test_it_can_be_driven_while_it_measures(explorer):
    """What a person does in the browser, while a cell sets traits, while the workers publish."""

    def drive():
        rng = random.Random(1)
        for _ in range(20):
            explorer.percentile = rng.uniform(5, 95)
            explorer.k = rng.randint(1, 3)
            time.sleep(rng.choice([0, 0.01]))

    thread, rng = threading.Thread(target=drive), random.Random(2)
    thread.start()
    for _ in range(60):
        explorer.panel.act({"do": rng.choice(["toggle", "toggle", "undo", "redo"]), "factor": 0, "part": "head"})
        time.sleep(0.003)
    thread.join(60)
    explorer.wait(60)
    assert right_in(explorer)


def test_labels_set_while_the_first_result_is_on_its_way_are_kept(labelled, network):
    network[0].gate.clear()
    explorer = dff.DFFExplorer(labelled, network=network, k=2, size=64)
    explorer.labels = {0: ["head"]}
    network[0].gate.set()
    explorer.labels = {0: ["legs"]}
    explorer.wait(30)
    assert explorer.labels == {0: ["legs"]}
    assert right_in(explorer)


# --------------------------------------------------------------------------------------------- what goes wrong
def test_a_mask_of_another_size_is_one_sentence(result, labelled):
    parts = [dict(here) for here in labelled.parts]
    parts[1]["head"] = np.ones((3, 5), dtype=bool)
    panel = dff.LabelingPanel(result, parts, {0: ["legs"]})
    panel.wait(30)
    assert "part 'head' of image" in panel.error
    assert r"(3, 5)" in panel.error
    assert not panel.measuring
    assert panel.iou == [None, None]
    assert panel.gallery.measured == 1
    panel.labels = {1: ["legs"]}
    assert panel.labels == {1: ["legs"]}
    panel.use_truth(dff.PartMasks(labelled))
    panel.percentile = 70
    panel.wait(30)
    assert right(panel)


class Broken:
    """Part masks on a disk that comes and goes."""

    def __init__(self, parts):
        self.parts, self.broken = parts, set()

    def __call__(self, i):
        if i in self.broken:
            raise OSError(5, "Input/output error")
        return self.parts[i]


def test_a_disk_that_fails_is_one_sentence_and_no_number_is_left_standing(labelled, network):
    disk = Broken(labelled.parts)
    images = dataclasses.replace(labelled, parts=PerImage([(i,) for i in range(4)], disk))
    explorer = dff.DFFExplorer(images, network=network, k=2, size=64)
    explorer.labels = {0: ["head"], 1: ["legs"]}
    explorer.wait(30)
    assert right_in(explorer)
    disk.broken = {3}
    explorer.k = 3
    explorer.wait(30)
    panel = explorer.panel
    assert explorer.error is None
    assert "Input/output error" in panel.error
    assert "Input/output error" in panel.gallery.summary
    assert not panel.measuring
    assert panel.iou == panel.gallery.scores == [None, None, None]
    assert explorer.labels == {0: ["head"], 1: ["legs"]}
    panel.undo()
    panel.redo()
    disk.broken = set()
    explorer.percentile = 70
    explorer.wait(30)
    assert right_in(explorer)


# ------------------------------------------------------------------------------- a few images, and then all of them
@pytest.fixture
def many(network):
    """Thirty images, so that there is a second page."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 64, 72, 3), dtype=np.uint8)
    explorer = dff.DFFExplorer(with_parts(dff.ImageSet.from_arrays(list(pixels))), network=network, k=2, size=64)
    explorer.wait(60)
    return explorer


def test_a_semi_automatic_session(many):
    panel = many.panel
    all_images = many.images
    assert panel.label_on(5, seed=1).startswith("5 of 30 images")
    many.wait(30)
    page = panel.sampling.page
    assert (many.shown, len(many.result)) == (page, 5)
    assert many.gallery.captions == [all_images.names[i] for i in page]
    alone = dff.DeepFeatureFactorization(k=2, network=many.network, size=64).fit(all_images.subset(page))
    assert many.result.factorization.error == pytest.approx(alone.factorization.error, abs=1e-4)
    assert right_in(many)

    panel.assign_by_coverage(0.2)
    W, labels = many.result.factorization.W, panel.labels
    assert labels.named
    seen = [page]
    for turn in (panel.next_page, panel.skip, panel.next_page):
        turn()
        many.wait(30)
        seen.append(panel.sampling.page)
        np.testing.assert_array_equal(many.result.factorization.W, W)
        assert panel.labels == labels
        assert many.gallery.captions == [all_images.names[i] for i in seen[-1]]
        assert right_in(many)
    assert len(set(sum(seen, ()))) == 20
    assert panel.sampling.progress == "10 of 30 done"

    assert panel.apply_to_all() == "the factors in all 30 images"
    many.wait(60)
    np.testing.assert_array_equal(many.result.factorization.W, W)
    assert panel.labels == labels
    assert (len(many.result), panel.covered) == (30, 29)
    assert right_in(many)
    assert len(many.gallery.tiles) == 24


def test_pages_of_a_panel_of_its_own(many):
    panel = dff.LabelingPanel(many.result)
    panel.wait(30)
    with pytest.raises(ValueError, match="no pages yet: label on a few images first"):
        panel.next_page()
    panel.label_on(7, seed=2)
    panel.wait(30)
    assert panel.shown == panel.sampling.page
    assert panel.gallery.captions == [many.images.names[i] for i in panel.shown]
    panel.labels = {0: ["head"]}
    assert right(panel)
    panel.next_page()
    panel.wait(30)
    assert right(panel)
    panel.apply_to_all()
    panel.wait(30)
    assert (panel.shown, panel.covered, len(panel.gallery.tiles)) == ((), 29, 24)
    assert right(panel)
    panel.act({"do": "page", "step": 1})
    panel.wait(30)
    assert panel.gallery.captions == list(many.images.names[24:])
    assert len(panel.gallery.levels) == 6
    panel.act({"do": "page", "step": 1})
    panel.wait(30)
    assert panel.gallery.captions == list(many.images.names[24:])
    assert right(panel)


def test_more_images_than_there_are(explorer):
    assert explorer.panel.label_on(99).startswith("4 of 4 images")
    explorer.wait(30)
    assert len(explorer.result) == 4
    assert right_in(explorer)


def test_new_images_end_the_session(many, labelled):
    many.panel.label_on(3)
    many.wait(30)
    many.labels = {0: ["head"]}
    many.images = labelled
    many.wait(30)
    assert many.panel.sampling is None
    assert many.panel.bar._next.disabled
    assert many.shown == ()
    assert right_in(many)


# -------------------------------------------------------------------------------------- images that cannot be read
@pytest.fixture
def folder(tmp_path):
    """Six photos on disk with parts, of which the second and the fifth are damaged."""
    rng, paths = np.random.default_rng(2), []
    (tmp_path / "photos").mkdir()
    for name in "abcdef":
        paths.append(tmp_path / "photos" / f"{name}.png")
        Image.fromarray(rng.integers(0, 256, (64, 80, 3), dtype=np.uint8)).save(paths[-1])
    images = dff.ImageSet.from_files(paths)
    images = dataclasses.replace(images, parts=[{n: rng.random((64, 80)) < 0.3 for n in NAMES[:2]} for _ in paths])
    for path in (paths[1], paths[4]):
        path.write_bytes(path.read_bytes()[:200])
    return images


def test_images_that_were_left_out_keep_places_right(folder, network, tmp_path):
    explorer = dff.DFFExplorer(folder, network=network, k=2, size=64)
    explorer.labels = {0: ["head"], 1: ["legs"]}
    explorer.wait(30)
    panel = explorer.panel
    assert (len(explorer.result), panel.covered) == (4, 4)
    assert right_in(explorer)
    before = panel.iou
    panel.truth.fill(5, "head", erase=True)
    panel.wait(30)
    assert panel.iou[0] != before[0]
    assert right_in(explorer)
    panel.truth.fill(1, "head")  # an image that is not in the result
    panel.wait(30)
    assert panel.covered == 4
    assert right_in(explorer)
    panel.act({"do": "open", "tile": 3})
    assert panel.slot.children[0].caption == "f.png"
    panel.save(tmp_path / "work.dff")
    panel.clear()
    panel.load(tmp_path / "work.dff")
    explorer.wait(30)
    assert right_in(explorer)
    assert explorer.labels == {0: ["head"], 1: ["legs"]}
    assert panel.truth.mask(5, "head").sum() == 0
    assert len(explorer.result) == 4


# ---------------------------------------------------------------------------------------------------------- files
def work(explorer):
    """A session with something of everything."""
    explorer.k, explorer.percentile = 3, 61.0
    explorer.wait(30)
    panel = explorer.panel
    panel.assign_by_coverage(0.3)
    panel.labels = panel.labels.replace(2, ["the left ear", "tail"])
    panel.clear()
    panel.undo()
    panel.truth.polygon(2, "tail", [(2, 2), (60, 5), (30, 60)])
    panel.truth.stroke(0, "head", [(30, 30)], radius=8)
    panel.truth.undo()
    explorer.opacity, explorer.visible = [0.2, 0.5, 1.0], [True, False, True]
    explorer.wait(30)


def test_save_and_load(explorer, labelled, network, tmp_path):
    work(explorer)
    panel = explorer.panel
    before = panel.labels, list(panel._history.past), list(panel._history.future), panel.iou
    W, H = explorer.result.factorization.W, explorer.result.factorization.H
    assert explorer.save(tmp_path / "work.dff") == f"saved in {str(tmp_path / 'work.dff')!r}"

    other = dff.DFFExplorer(labelled, network=network, k=2, size=80)
    other.wait(30)
    other.load(tmp_path / "work.dff")
    other.wait(30)
    assert right_in(other)
    there = other.panel
    assert (there.labels, there._history.past, there._history.future, there.iou) == before
    assert (other.k, other.size, other.percentile, other.panel.coverage_threshold) == (3, 64, 61.0, 0.3)
    assert (other.opacity, other.visible) == ([0.2, 0.5, 1.0], [True, False, True])
    np.testing.assert_array_equal(other.result.factorization.W, W)
    np.testing.assert_allclose(other.result.factorization.H, H)
    assert there.truth.painted.keys() == {(2, "tail")}
    assert there.truth.redo() == (0, "head")
    other.wait(30)
    assert right_in(other)
    there.undo()
    other.k = 2
    other.wait(30)
    assert right_in(other)


def test_save_and_load_alone(panel, result, tmp_path):
    panel.labels = {0: ["head"]}
    panel.truth.fill(2, "tail")
    panel.threshold = "otsu"
    panel.wait(30)
    panel.save(tmp_path / "work.dff")
    other = dff.LabelingPanel(result)
    other.load(tmp_path / "work.dff")
    other.wait(30)
    assert (other.labels, other.threshold, other.iou) == (panel.labels, "otsu", panel.iou)
    assert right(other)
    other.undo()
    assert other.labels == {}


def test_parts_of_ones_own_stay_after_load(result, labelled, tmp_path):
    parts = with_parts(labelled, seed=9).parts
    panel = dff.LabelingPanel(result, parts, {0: ["head"]})
    panel.wait(30)
    before = panel.iou
    panel.save(tmp_path / "work.dff")
    panel.load(tmp_path / "work.dff")
    panel.wait(30)
    assert panel.iou == before


def test_a_page_is_saved(many, network, tmp_path):
    many.panel.label_on(5, seed=3)
    many.wait(30)
    many.panel.next_page()
    many.wait(30)
    many.labels = {0: ["head"]}
    many.save(tmp_path / "work.dff")
    other = dff.DFFExplorer(many.images, network=network, k=2, size=64)
    other.wait(60)
    other.load(tmp_path / "work.dff")
    other.wait(30)
    assert other.panel.sampling == many.panel.sampling
    assert other.shown == many.shown
    assert other.panel.bar._progress.value == "5 of 30 done"
    assert not other.panel.bar._next.disabled
    assert right_in(other)
    for explorer in (many, other):
        explorer.panel.next_page()
        explorer.wait(30)
    assert other.gallery.captions == many.gallery.captions
    np.testing.assert_allclose(other.result.factorization.H, many.result.factorization.H)
    assert right_in(other)


def test_load_starts_an_explorer_that_waits_to_be_started(explorer, labelled, network, tmp_path):
    work(explorer)
    explorer.save(tmp_path / "work.dff")
    other = dff.DFFExplorer(labelled, network=network, k=2, size=64)
    other.wait(30)
    other.held = True  # as it is with thousands of images
    other.load(tmp_path / "work.dff")
    other.wait(30)
    assert other.labels == explorer.labels
    assert right_in(other)


def test_load_with_other_images_applies_the_factors(explorer, network, tmp_path):
    work(explorer)
    explorer.save(tmp_path / "work.dff")
    pixels = np.random.default_rng(5).integers(0, 256, (6, 70, 64, 3), dtype=np.uint8)
    others = with_parts(dff.ImageSet.from_arrays(list(pixels), names=list("uvwxyz")))
    other = dff.DFFExplorer(others, network=network, k=2, size=64)
    other.wait(30)
    other.load(tmp_path / "work.dff")
    other.wait(30)
    assert right_in(other)
    assert other.labels == explorer.labels
    assert len(other.result) == 6
    np.testing.assert_array_equal(other.result.factorization.W, explorer.result.factorization.W)
    model = dff.DeepFeatureFactorization(k=3, network=network, size=64)
    model.fit(explorer.images)
    model.result_ = explorer.result
    np.testing.assert_allclose(other.result.factorization.H, model.transform(others).factorization.H, atol=1e-4)


@pytest.mark.parametrize("kind", ["explorer", "panel"])
def test_other_images_of_the_same_names_are_other_images(explorer, network, tmp_path, kind):
    """Arrays are called "image 0", "image 1", ... in every set."""
    explorer.labels = {0: ["head"]}
    explorer.panel.truth.fill(1, "tail")
    explorer.save(tmp_path / "work.dff")
    pixels = np.random.default_rng(5).integers(0, 256, (4, 70, 100, 3), dtype=np.uint8)
    others = with_parts(dff.ImageSet.from_arrays(list(pixels)))
    if kind == "explorer":
        other = dff.DFFExplorer(others, network=network, k=2, size=64)
        other.wait(30)
        other.load(tmp_path / "work.dff")
        other.wait(30)
        assert right_in(other)
        assert other.labels == {0: ["head"]}
        np.testing.assert_array_equal(other.result.factorization.W, explorer.result.factorization.W)
        assert other.result.sizes == ((70, 100),) * 4
    else:
        panel = dff.LabelingPanel(dff.DeepFeatureFactorization(k=2, network=network, size=64).fit(others))
        panel.wait(30)
        before = state(panel)
        with pytest.raises(ValueError, match="the session is of other images"):
            panel.load(tmp_path / "work.dff")
        assert state(panel) == before
        assert right(panel)


def wider():
    """A network of the same kind and layers as the others here, with another number of channels."""
    return nn.Sequential(
        nn.Identity(), nn.Conv2d(3, 4, 5, stride=4), nn.ReLU(), nn.Conv2d(4, 17, 3, stride=2), nn.ReLU()
    )


def test_factors_of_another_network_do_not_fit(explorer, labelled, tmp_path):
    explorer.labels = {0: ["head"]}
    explorer.save(tmp_path / "work.dff")
    other = dff.DFFExplorer(labelled, network=wider(), k=2, size=64)
    other.wait(30)
    other.labels = {1: ["legs"]}
    before = state(other.panel)
    with pytest.raises(ValueError, match="the factors have 10 channels; layer '4' here has 17"):
        other.load(tmp_path / "work.dff")
    other.wait(30)
    assert state(other.panel) == before
    other.k = 3
    other.wait(30)
    assert right_in(other)


def test_names_do_not_come_back_in_another_network(explorer):
    explorer.labels = {0: ["head"], 1: ["legs"]}
    explorer.k = 1
    explorer.wait(30)
    explorer.network = wider()
    explorer.wait(30)
    assert right_in(explorer)
    explorer.k = 3
    explorer.wait(30)
    assert explorer.labels.named <= 1
    assert right_in(explorer)


def test_channels_that_do_not_fit_are_one_sentence(explorer, tmp_path):
    """The network and the layer are there, but of another number of channels."""
    work(explorer)
    session = explorer.panel.snapshot()
    factors = session.result.factorization
    narrow = dataclasses.replace(session.result, factorization=dataclasses.replace(factors, W=factors.W[:, :7]))
    others = ("n", "o", "p", "q")
    dataclasses.replace(session, result=narrow, names=others).save(tmp_path / "work.dff")
    before = state(explorer.panel)
    explorer.load(tmp_path / "work.dff")
    explorer.wait(30)
    assert "7" in explorer.error
    assert "10" in explorer.error
    assert "\n" not in explorer.error
    explorer.error = None
    assert state(explorer.panel) == before
    assert right_in(explorer)


DAMAGE = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "not there": lambda path: path.unlink(),
    "no session": lambda path: path.write_bytes(b"hello" * 100),
    "a hub's network": lambda path: retold(path, network="hf-hub:someone/evil"),
    "a path as network": lambda path: retold(path, network="../../evil.pt"),
    "no network": lambda path: retold(path, network=7),
    "percentile": lambda path: retold(path, percentile=900),
    "percentile as text": lambda path: retold(path, percentile="much"),
    "percentile none": lambda path: retold(path, percentile=float("nan")),
    "threshold": lambda path: retold(path, threshold="evil"),
    "coverage threshold": lambda path: retold(path, coverage_threshold=[1]),
    "seed": lambda path: retold(path, seed="x"),
    "seed below 0": lambda path: retold(path, seed=-1),
    "solver": lambda path: retold(path, solver="evil"),
    "a seed too large": lambda path: retold(path, seed=10**30),
    "refine": lambda path: retold(path, refine="yes"),
    "page": lambda path: retold(path, where="page", at=99, images=4, size=2, seed=0, done=[]),
    "size": lambda path: retold(path, where="result", about=["small", "4", -5]),
    "layer": lambda path: retold(path, where="result", about=["small", "no such", 64]),
}


def retold(path, where="settings", **changes):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        content = json.loads(file.metadata()["dff-widgets"])
    content[where] |= changes
    save_file(tensors, path, {"dff-widgets": json.dumps(content)})


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_one_sentence_and_leaves_the_session_as_it_was(explorer, tmp_path, damage):
    work(explorer)
    explorer.save(tmp_path / "work.dff")
    DAMAGE[damage](tmp_path / "work.dff")
    explorer.panel.labels = {0: ["something else"]}
    explorer.k = 2
    explorer.wait(30)
    before, traits = state(explorer.panel), {n: getattr(explorer, n) for n in ("k", "layer", "size", "seed", "solver")}
    explorer.panel.bar._file.value = str(tmp_path / "work.dff")
    explorer.panel.bar._load.click()
    explorer.wait(30)
    said = explorer.error or explorer.panel.bar._said.value
    assert "\n" not in said
    assert explorer.error or "⚠" in said
    explorer.error = None
    assert state(explorer.panel) == before
    assert {n: getattr(explorer, n) for n in traits} == traits
    assert right_in(explorer)
    explorer.k = 3
    explorer.wait(30)
    assert right_in(explorer)


@pytest.mark.parametrize(
    "changes",
    [
        {"images": 10**11, "size": 5, "seed": 0, "at": 0, "done": []},
        {"images": 10**30, "size": 10**30, "seed": 0, "at": 0, "done": []},
        {"images": 7, "size": 2, "seed": 0, "at": 0, "done": []},
    ],
    ids=lambda changes: f"{changes['images']:.0e} images",
)
def test_pages_of_another_number_of_images_are_dropped_or_refused(explorer, tmp_path, changes):
    explorer.labels = {0: ["head"]}
    explorer.save(tmp_path / "work.dff")
    retold(tmp_path / "work.dff", where="page", **changes)
    explorer.panel.bar._file.value = str(tmp_path / "work.dff")
    explorer.panel.bar._load.click()
    explorer.wait(30)
    assert explorer.panel.sampling is None
    assert right_in(explorer)


def test_sizes_that_are_not_those_of_the_images_do_no_harm(explorer, panel, tmp_path):
    """The heat maps of a result are drawn at its sizes: 10**9 pixels would end the kernel."""
    for one in (explorer, panel):
        one.save(tmp_path / "work.dff", overwrite=True)
        retold(tmp_path / "work.dff", where="result", sizes=[[10**9, 10**9]] * 4)
        said = None
        try:
            one.load(tmp_path / "work.dff")
        except ValueError as error:
            said = str(error)
        one.wait(30)
        assert said is None or "\n" not in said
    assert right_in(explorer)
    assert right(panel)


# -------------------------------------------------------------------------------------------------------- autosave
@pytest.fixture
def prompt(monkeypatch):
    """Autosave that does not wait a second."""
    monkeypatch.setattr(Autosave, "quiet", 0.02)


@pytest.mark.usefixtures("prompt")
def test_autosave_writes_every_change(explorer, tmp_path):
    path, panel = tmp_path / "work.dff", explorer.panel
    panel.autosave = str(path)
    changes = {
        "labels": lambda: setattr(explorer, "labels", {0: ["head"]}),
        "painting": lambda: panel.truth.fill(2, "tail"),
        "k": lambda: setattr(explorer, "k", 3),
        "percentile": lambda: setattr(explorer, "percentile", 66.0),
    }
    for change in changes.values():
        change()
        explorer.wait(30)
        assert panel.wait_saved(30)
        found, now = Session.load(path), panel.snapshot()
        assert (found.labels.value, found.settings, found.result.k) == (now.labels.value, now.settings, now.result.k)
        assert found.truth(explorer.images).painted.keys() == panel.truth.painted.keys()
    assert [p.name for p in tmp_path.iterdir()] == ["work.dff"]
    panel.autosave = ""
    before = path.read_bytes()
    panel.clear()
    assert panel.wait_saved(30)
    assert path.read_bytes() == before


def test_a_burst_of_changes_is_saved_once(panel, tmp_path, monkeypatch):
    monkeypatch.setattr(Autosave, "quiet", 0.2)
    saved = []
    encode = Session.encode
    monkeypatch.setattr(Session, "encode", lambda session: saved.append(session.labels.value) or encode(session))
    panel.autosave = str(tmp_path / "work.dff")
    for name in NAMES:
        panel.labels = {0: [name]}
    assert panel.wait_saved(30)
    assert saved == [{0: [NAMES[-1]]}]
    assert Session.load(tmp_path / "work.dff").labels.value == {0: [NAMES[-1]]}


@pytest.mark.usefixtures("prompt")
def test_an_autosave_that_fails_is_said(panel, tmp_path):
    panel.autosave = str(tmp_path / "nowhere" / "work.dff")
    panel.labels = {0: ["head"]}
    assert panel.wait_saved(30)
    assert "autosave failed: no folder at" in panel.bar._said.value
    assert right(panel)


# ---------------------------------------------------------------------------------------------------------- export
@pytest.mark.parametrize(
    ("kind", "target", "made"),
    [
        ("png", "labels", "labels/labels.json"),
        ("coco", "labels.json", "labels.json"),
        ("label_studio", "tasks.json", "tasks.json"),
        ("html", "page.html", "page.html"),
        ("csv", "labels.csv", "labels.csv"),
        ("figure", "figure.png", "figure.png"),
    ],
)
def test_export_of_each_kind(explorer, tmp_path, kind, target, made):
    name = "<img src=x onerror=alert(1)>"
    explorer.labels = {0: ["head"], 1: [name]}
    explorer.wait(30)
    said = explorer.panel.export(kind, tmp_path / target)
    assert "4 images" in said
    assert target in said
    assert (tmp_path / made).stat().st_size > 100
    if kind == "html":
        page = (tmp_path / made).read_text()
        assert name not in page
        assert "https://" not in page.split("<script", maxsplit=1)[0]
    if kind in ("coco", "label_studio"):
        assert name in json.dumps(json.loads((tmp_path / made).read_text()))
    assert right_in(explorer)


def test_what_cannot_be_exported_is_one_sentence(panel, tmp_path):
    with pytest.raises(ValueError, match="no export 'gif': give one of png, coco, label_studio, html, csv, figure"):
        panel.export("gif", tmp_path / "x")
    with pytest.raises(OSError, match="no folder at"):
        panel.export("csv", tmp_path / "nowhere" / "x.csv")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="no result yet"):
        dff.LabelingPanel().export("csv", tmp_path / "x.csv")


# ------------------------------------------------------------------------------------------------------ side by side
def test_two_explorers_do_not_disturb_each_other(labelled, network, tmp_path):
    one, other = (dff.DFFExplorer(labelled, network=network, k=k, size=64) for k in (2, 3))
    one.labels = {0: ["head"]}
    one.panel.truth.fill(0, "ear")
    one.percentile = 60
    for explorer in (one, other):
        explorer.wait(30)
        assert right_in(explorer)
    assert (other.labels, other.percentile, other.panel.truth.painted) == ({}, 75, {})
    one.save(tmp_path / "one.dff")
    other.load(tmp_path / "one.dff")
    other.wait(30)
    other.panel.truth.undo()
    other.panel.clear()
    other.wait(30)
    one.wait(30)
    assert one.labels == {0: ["head"]}
    assert one.panel.truth.painted.keys() == {(0, "ear")}
    assert right_in(one)
    assert right_in(other)


# ------------------------------------------------------------------------------------------- the main job, and data
def test_one_click_names_the_parts_of_creatures():
    """At k = 3: head, torso and legs, each on its own best factor, the one that covers most of it."""
    explorer = dff.DFFExplorer(dff.datasets.creatures(n=12, seed=0, size=256), k=3)
    explorer.wait(120)
    explorer.panel.assign_by_coverage()
    explorer.wait(60)
    assert right_in(explorer)
    coverage, best = explorer.panel.coverage, {}
    for part in ("head", "torso", "legs"):
        best[part] = int(np.asarray(coverage)[:, coverage.parts.index(part)].argmax())
        assert part in explorer.labels[best[part]]
    assert sorted(best.values()) == [0, 1, 2]


@pytest.mark.realdata
def test_a_session_on_real_frames(monkeypatch):
    """Named on five frames, applied to thirty; see `benchmarks/labelling.py` for the table. Measured: 0.63 for up."""
    data = os.environ.get("DFF_WIDGETS_DATA")
    if not data:
        pytest.skip("DFF_WIDGETS_DATA is not set")
    monkeypatch.setattr(benchmark, "CHOICES", [(448, 4, "auto")])
    images = dff.datasets.labelme(Path(data) / "exercise-parts" / "segmentation_data")
    explorer, _, table = benchmark.session(images)
    assert right_in(explorer)
    assert explorer.panel.covered == 30
    named = [set(names) for names in explorer.labels.values() if names]
    assert {"up", "arm"} in named
    assert {"left", "right"} in named
    assert table["up"]["all"] > 0.55
    assert min(table["left"]["all"], table["right"]["all"]) > 0.25
    assert benchmark.joined(explorer, "full") > 0.55
    for row in table.values():
        assert row["the others"] == pytest.approx(row["the five"], abs=0.1)
