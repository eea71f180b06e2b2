"""What the gallery shows of a review, in which order, and which corrections no longer fit."""

import numpy as np
import pytest

from dff_widgets.explore.labelling import Labelling
from dff_widgets.explore.reviewing import Reviewing, doubts, review_desk

from .labelled import creatures, model_of


class Asked:
    def __init__(self, **content):
        self.content, self.said = content, None

    def answer(self, **content):
        self.said = content


@pytest.fixture
def panel():
    return Labelling(model_of(layer="block"))


@pytest.fixture
def reviewing(panel):
    return Reviewing(panel._model, panel.annotator, lambda: None)


def spoil(panel, image, factor):
    everything = np.ones((64, 64), dtype=bool)
    panel.annotator.correct(image, factor, lambda seen: (everything & ~seen, ~everything))


def test_reviews_and_corrections_are_shown_by_image(panel, reviewing):
    panel.review([0, 3], "accepted")
    panel.review(2, "rejected")
    spoil(panel, 1, 0)
    assert reviewing.wire(panel._model.now) == {
        "reviews": {"accepted": [0, 3], "rejected": [2]},
        "corrected": [1],
        "misfits": [],
        "parked": 0,
        "doubts": [],
    }
    panel._model.ask(percentile=99.5)
    assert reviewing.wire(panel._model.now)["misfits"] == [1]
    panel._model.ask(percentile=75.0)
    assert reviewing.wire(panel._model.now)["misfits"] == []


def test_images_are_those_that_are_shown(panel, reviewing):
    panel.review(3, "accepted")
    panel._model.ask(shown=(3, 1))
    assert reviewing.wire(panel._model.now)["reviews"]["accepted"] == [0]
    ask = Asked(images=[1], review="rejected")
    review_desk(panel._model, panel)["review"](ask)
    assert ask.said == {}
    assert panel.notes.reviews == ["unreviewed", "rejected", "unreviewed", "accepted"]
    for content, words in [
        ({"images": [2], "review": "accepted"}, r"there is no image 2; there are 0\.\.1"),
        ({"images": [0], "review": "fine"}, "review is 'fine'"),
    ]:
        with pytest.raises(ValueError, match=words):
            review_desk(panel._model, panel)["review"](Asked(**content))


def test_the_least_certain_come_first_by_the_entropy_of_beliefs(panel, reviewing):
    model = panel._model
    model.ask(sort="doubt")
    found = reviewing.wire(model.now)["doubts"]
    maps = [model.result.coarse_heatmaps(i).reshape(3, -1) for i in range(4)]
    level = [np.percentile(np.concatenate([m[f] for m in maps]), 75) for f in range(3)]
    for i, m in enumerate(maps):
        p = [m[f] / (m[f] + level[f]) for f in range(3)]
        entropy = [-(q * np.log2(q + 1e-12) + (1 - q) * np.log2(1 - q + 1e-12)).mean() for q in p]
        assert found[i] == pytest.approx(np.mean(entropy), abs=1e-3)


def test_a_certain_map_has_no_doubt(panel):
    import dataclasses

    sure = tuple(np.round(panel._model.result.coarse_heatmaps(i)) for i in range(4))
    assert max(doubts(dataclasses.replace(panel._model.result, maps=sure), 75)) < 1e-6


def test_other_images_between_are_no_error(panel, reviewing):
    spoil(panel, 1, 0)
    panel._model.ask(images=creatures(seed=1))
    assert reviewing.wire(panel._model.now)["corrected"] == []
    reviewing.close()
