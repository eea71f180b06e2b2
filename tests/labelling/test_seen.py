import numpy as np
import pytest

from dff_widgets import DFFResult, ImageSet
from dff_widgets.factorization import Factorization
from dff_widgets.labelling import Correction, Seen

SIZES = [(24, 36), (16, 16)]
GRIDS = ((4, 6), (4, 4))


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    H = rng.random((sum(h * w for h, w in GRIDS), 3)).astype(np.float32)
    images = ImageSet.from_arrays([np.zeros((*size, 3), np.uint8) for size in SIZES])
    return DFFResult(
        Factorization(H, rng.random((3, 5)), 0.1, 5, True), images, GRIDS, tuple(SIZES), "net", "layer", 32
    )


def test_without_corrections_it_is_what_the_rule_predicts(result):
    for rule in ({"percentile": 60.0}, {"threshold": "otsu"}):
        seen = Seen(result, **rule)
        for i, masks in enumerate(result.masks(**rule)):
            assert (seen.masks(i) == masks).all()
            assert ((seen.strength(i) > 0) == masks).all()


def test_corrections_are_seen_and_win(result):
    seen = Seen(result, percentile=60)
    outside = ~seen.predicted(1)[2]
    said = Correction.none(SIZES[1]).put(outside, ~outside)
    seen = Seen(result, percentile=60, corrections=lambda i: {2: (said,)} if i == 1 else {})
    assert seen.masks(1)[2].all()
    assert (seen.masks(0) == seen.predicted(0)).all()
    strength = seen.strength(1)
    assert (strength[2][outside] == 1).all()
    assert (strength.argmax(axis=0)[outside] == 2).all()
    assert strength[:2].max() < 1
    assert ((strength > 0) == seen.masks(1)).all()


def test_what_was_taken_away_is_gone(result):
    everything = np.ones(SIZES[0], dtype=bool)
    said = Correction.none(SIZES[0]).take(everything, everything)
    seen = Seen(result, corrections=lambda i: {0: (said,)} if i == 0 else {})
    assert not seen.masks(0)[0].any()
    assert not seen.strength(0)[0].any()
    assert seen.masks(0)[1].any()


def test_only_some_images_count(result):
    assert Seen(result, only=[1]).images == (1,)
    assert Seen(result).images == (0, 1)
    with pytest.raises(ValueError, match=r"only is \(2,\); give indices of the 2 images"):
        Seen(result, only=[2])


def test_names_and_colours(result):
    seen = Seen(result, {1: "head"}, colors=["#000000", "#111111", "#222222"])
    assert seen.labels[1] == ["head"]
    assert seen.labels.title(0) == "factor 0"
    assert seen.colors[2] == "#222222"
