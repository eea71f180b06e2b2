"""Scores that follow the model: what dff.iou and dff.coverage say of the masks that are shown."""

import gc
import threading
import weakref

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.explore import LatestJob, Scores, ScoresFound
from dff_widgets.explore.live_scores import LiveScores, quantile_table
from dff_widgets.explore.naming import Namer
from dff_widgets.labelling import PartMasks

from .labelled import creatures, model_of

NAMES = {0: ["torso"], 1: ["head", "legs"]}


@pytest.fixture
def model():
    return model_of(layer="block")


@pytest.fixture
def live(model):
    return LiveScores(model, threads=1)


def right(model, live):
    """Whether the scores are those of a fresh computation."""
    scores, result, state = model.scores, model.result, model.state
    truth = [live.truth[i] for i in live.truth.places(result.images)]
    known = [i for i, one in enumerate(truth) if one]
    masks = result.masks(percentile=state.percentile, threshold=state.threshold)
    masks, truth = [masks[i] for i in known], [truth[i] for i in known]
    labels = model.appearance.labels(result.k)
    if known:
        np.testing.assert_allclose(scores.coverage, dff.coverage(masks, truth))
    parts = {part for one in truth for part in one}
    own = live.truth.own or [{}] * len(live.truth)
    everywhere = {part for one in own for part in one}  # an image with some of these has none of the others
    says = [
        everywhere.union(one) if own[live.truth.places(result.images)[i]] else set(one)
        for i, one in zip(known, truth, strict=True)
    ]
    for f in range(result.k):
        names = parts.intersection(labels[f])
        there = [i for i, declared in enumerate(says) if names and names <= declared]
        assert scores.over[f] == len(there)
        if there:
            with_names = [{name: np.zeros(masks[i].shape[1:], bool) for name in names} | truth[i] for i in there]
            assert scores.iou[f] == pytest.approx(dff.iou([masks[i] for i in there], with_names, {f: names})[f])
        else:
            assert scores.iou[f] is None
    return (scores.k, scores.covered, scores.of, scores.stale, scores.problem) == (
        result.k,
        len(known),
        len(known),
        False,
        None,
    )


def test_they_are_there_with_the_first_result(model, live):
    assert right(model, live)
    assert model.scores.summary == "mean IoU – · 0 of 3 named · over 3 of 4 images"
    assert model.scores.mean is None


CHANGES = {
    "names": lambda model, live: Namer(model).set(NAMES),
    "k": lambda model, live: model.ask(k=5),
    "percentile": lambda model, live: model.ask(percentile=40),
    "threshold": lambda model, live: model.ask(threshold="otsu"),
    "layer": lambda model, live: model.ask(layer="pool"),
    "shown": lambda model, live: model.ask(shown=(0, 3)),
    "images": lambda model, live: model.ask(images=creatures(seed=5, n=3)),
    "painting": lambda model, live: live.truth.fill(1, "the left ear"),
    "taking a painting back": lambda model, live: (live.truth.fill(1, "head"), live.truth.undo()),
    "other masks": lambda model, live: live.use(PartMasks(model.state.images, [{}] * 4)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_they_follow_every_change(model, live, change):
    Namer(model).set({0: ["head"], 2: ["the left ear"]})
    CHANGES[change](model, live)
    assert right(model, live)
    model.ask(k=3, percentile=75, threshold=None)
    assert right(model, live)


def test_a_painted_part_is_known_and_scored(model, live):
    told = []
    stop = live.on_painted(lambda: told.append(1))
    Namer(model).set({1: ["the left ear"]})
    assert model.scores.iou[1] is None
    live.truth.fill(1, "the left ear", model.result.masks()[1][1])
    assert "the left ear" in live.known_parts
    assert (model.scores.iou[1], model.scores.over[1]) == (1, 1)  # nobody said anything of the other images
    assert model.scores.summary.endswith("over 1 of 4 images")
    assert told == [1]
    stop()
    live.truth.undo()
    assert told == [1]


def test_masks_that_a_person_painted_are_there_again_with_their_images(model, live):
    first, painted = model.state.images, live.truth
    painted.fill(0, "head")
    model.ask(images=creatures(seed=5))
    other = weakref.ref(live.truth)
    assert live.truth is not painted
    for seed in (6, 7):
        model.ask(images=creatures(seed=seed))
    assert live.truth_of(first) is painted
    gc.collect()
    assert other() is None  # nothing was painted there


def test_without_ground_truth_there_is_none_and_it_is_said():
    images = dff.ImageSet.from_arrays(list(creatures()))
    model = model_of(images)
    live = LiveScores(model, threads=1)
    assert right(model, live)
    assert model.scores.summary == "0 of 3 named · no ground truth yet"
    assert model.scores.coverage.shape == (3, 0)
    with pytest.raises(ValueError, match="no coverage: the images have no part masks"):
        live.coverage()


def test_assigning_by_coverage_names_what_is_covered(model, live):
    coverage = live.coverage()
    Namer(model).assign(coverage, 0.4)
    assert model.appearance.labels(3) == dff.assign(coverage, 0.4)
    with pytest.raises(ValueError, match="threshold is 2"):
        Namer(model).assign(coverage, 2)
    model.ask(k=4)
    with pytest.raises(ValueError, match="the coverage is of 3 factors; 4 are shown"):
        Namer(model).assign(coverage, 0.4)


def test_masks_of_another_size_are_one_sentence_and_what_follows_works(model, live):
    own = live.truth
    live.use(PartMasks(model.state.images, [{"head": np.ones((3, 4), bool)}] * 4))
    assert model.scores.problem.startswith("part 'head' of image 0 is (3, 4)")
    assert model.scores.summary == f"⚠ {model.scores.problem}"
    assert set(model.scores.iou) == {None}
    with pytest.raises(ValueError, match="part 'head' of image 0"):
        live.coverage()
    live.use(own)
    assert right(model, live)


def test_going_back_counts_nothing_again(model, live, monkeypatch):
    model.ask(percentile=60)
    counted = []
    add = dff.evaluation.Tally.add
    monkeypatch.setattr(dff.evaluation.Tally, "add", lambda *a, **o: counted.append(1) or add(*a, **o))
    model.ask(percentile=75)
    model.ask(percentile=60)
    assert counted == []
    assert right(model, live)
    model.ask(percentile=61)
    assert counted


def test_a_result_that_is_forgotten_is_not_held(model, live):
    result = weakref.ref(model.result)
    model.ask(images=creatures(seed=5))
    model.pipeline.close()
    gc.collect()
    assert result() is None


def test_closed_it_follows_no_more(model, live):
    live.close()
    scores = model.scores
    model.ask(percentile=10)
    assert model.scores is scores


# ------------------------------------------------------------------------------------------- with its own threads
@pytest.fixture
def threaded():
    model = model_of(run=LatestJob, layer="block")
    model.wait(60)
    live = LiveScores(model)
    assert live.wait(60)
    yield model, live
    live.close()
    model.close()


def test_a_burst_of_changes_ends_in_the_scores_of_the_last(threaded):
    model, live = threaded
    rng = np.random.default_rng(0)
    for _ in range(30):
        model.ask(percentile=float(rng.integers(0, 100)), k=int(rng.integers(1, 6)))
        if rng.random() < 0.3:
            model.wait(60)
            Namer(model).name(0, str(rng.choice(["head", "torso", "tail"])))
    model.wait(60)
    assert live.wait(60)
    assert right(model, live)


def test_the_visible_images_are_counted_first(model, live, monkeypatch):
    order = []
    add = dff.evaluation.Tally.add
    monkeypatch.setattr(dff.evaluation.Tally, "add", lambda *a, image, **o: order.append(image) or add(*a, **o))
    live.look_at([3])
    model.ask(percentile=33)
    assert order == [3, 0, 2]


def test_while_they_are_counted_they_say_so(monkeypatch, threaded):
    model, live = threaded
    gate, begun, seen = threading.Event(), threading.Event(), []
    add = dff.evaluation.Tally.add

    def slow(tally, masks, parts, *, image=None):
        begun.set()
        assert gate.wait(60)
        add(tally, masks, parts, image=image)

    monkeypatch.setattr(dff.evaluation.Tally, "add", slow)
    stop = model.subscribe(lambda event: seen.append(event.scores) if isinstance(event, ScoresFound) else None)
    model.ask(percentile=33)
    assert begun.wait(60)
    assert isinstance(model.scores, Scores)
    assert model.scores.stale
    gate.set()
    assert live.wait(60)
    assert [one.stale for one in seen] == [True] * (len(seen) - 1) + [False]
    assert right(model, live)
    stop()


def test_the_table_of_quantiles_is_of_the_strength():
    model = model_of(layer="block")
    table = np.array(quantile_table(model.result, images=4))
    assert table.shape == (3, 101)
    assert (np.diff(table, axis=1) >= 0).all()
    whole = [model.result.heatmaps(i)[:, ::3, ::3].reshape(3, -1) for i in range(4)]
    np.testing.assert_allclose(
        table[:, [0, 50, 100]].T, np.quantile(np.concatenate(whole, axis=1), [0, 0.5, 1], axis=1)
    )


def test_automatic_masks_are_the_sharp_ones_in_scores_and_exports(tmp_path):
    from dff_widgets import export, iou
    from dff_widgets.explore import Inline, Model
    from dff_widgets.explore.exporting import Exporter
    from dff_widgets.explore.session_keeper import SessionKeeper
    from dff_widgets.networks import load_network
    from tests.explore.conftest import photos
    from tests.small_networks import small

    net = load_network(small())
    images = photos()
    model = Model(images, network=net, size=64, k=2, run=Inline, foresee=False, threshold="auto")
    live = LiveScores(model, threads=1)
    live.truth.fill(0, "head")
    model.dress(lambda a: a.named(2, {0: ["head"]}))
    masks = model.result.masks(threshold="auto")
    assert any((a != b).any() for a, b in zip(masks, model.result.masks(threshold="auto", sharpen=False), strict=True))
    expected = iou([masks[0]], [live.truth[0]], {0: ["head"]})
    assert model.scores.iou[0] == pytest.approx(float(expected[0]))
    Exporter(model, SessionKeeper(model, live), live.annotator).export("png", tmp_path / "a")
    export.to_png(model.result, tmp_path / "b", model.appearance.labels(2), threshold="auto")
    first, second = ((tmp_path / folder).rglob("*.png") for folder in "ab")
    assert [p.read_bytes() for p in sorted(first)] == [p.read_bytes() for p in sorted(second)]


def test_only_images_that_say_whether_a_part_is_there_are_measured(model, live):
    Namer(model).set({1: ["the left ear"]})
    live.truth.fill(1, "the left ear", model.result.masks()[1][1])
    notes = live.annotator.notes
    notes.declare(0, "the left ear", "absent")  # what is predicted there is wrong
    iou = model.scores.iou[1]
    assert model.scores.over[1] == 2
    masks = model.result.masks()
    assert iou == pytest.approx(masks[1][1].sum() / (masks[0][1].sum() + masks[1][1].sum()))
    notes.declare(2, "the left ear", "present")  # nobody painted where
    assert (model.scores.over[1], model.scores.iou[1]) == (2, iou)
    notes.declare(1, "the left ear", "unknown")
    assert (model.scores.over[1], model.scores.iou[1]) == (1, 0)
    notes.declare(0, "the left ear", None)
    assert (model.scores.over[1], model.scores.iou[1]) == (0, None)
    for _ in range(4):
        notes.undo()
    assert (model.scores.over[1], model.scores.iou[1]) == (1, 1)


def test_a_part_of_the_data_set_can_be_declared_unknown(model, live):
    Namer(model).set({0: ["torso"]})
    assert model.scores.over[0] == 3
    live.annotator.notes.declare(2, "torso", "unknown")
    assert model.scores.over[0] == 2


def test_a_corrected_mask_is_what_is_measured(model, live):
    Namer(model).set({0: ["torso"]})
    truth = live.truth[0]["torso"]
    before = model.scores.iou[0]
    assert live.annotator.correct(0, 0, lambda seen: (truth & ~seen, seen & ~truth))
    masks = [m[0] for m in model.result.masks()]
    masks[0] = truth
    known = [i for i in range(4) if i != 1]
    parts = [live.truth[i] for i in known]
    expected = dff.iou([masks[i][None] for i in known], parts, {0: ["torso"]})[0]
    assert model.scores.iou[0] == pytest.approx(expected)
    assert expected > before
    live.annotator.notes.undo()
    assert model.scores.iou[0] == before
