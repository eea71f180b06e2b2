import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

import dff_widgets as dff
from dff_widgets.dff import DeepFeatureFactorization
from dff_widgets.evaluation.clustering import at_landmarks, contingency, part_map, part_maps, true_maps

labels = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(hnp.arrays(np.int64, n, elements=st.integers(-1, 5)) for _ in range(2)))
)


@settings(max_examples=150, deadline=None)
@given(labels)
def test_both_agree_with_scikit_learn(pair):
    found, truth = pair
    assert dff.nmi([found], [truth]) == pytest.approx(normalized_mutual_info_score(truth, found), abs=1e-9)
    assert dff.ari([found], [truth]) == pytest.approx(adjusted_rand_score(truth, found), abs=1e-9)
    inside = truth >= 0
    if inside.any():
        args = truth[inside], found[inside]
        assert dff.nmi([found], [truth], foreground=True) == pytest.approx(
            normalized_mutual_info_score(*args), abs=1e-9
        )
        assert dff.ari([found], [truth], foreground=True) == pytest.approx(adjusted_rand_score(*args), abs=1e-9)


def test_ari_agrees_with_counting_every_pair():
    rng = np.random.default_rng(0)
    found, truth = rng.integers(-1, 3, 40), rng.integers(-1, 4, 40)
    pairs = list(itertools.combinations(range(40), 2))
    a = np.array([found[i] == found[j] for i, j in pairs])
    b = np.array([truth[i] == truth[j] for i, j in pairs])
    chance = a.sum() * b.sum() / len(pairs)
    expected = ((a & b).sum() - chance) / ((a.sum() + b.sum()) / 2 - chance)
    assert dff.ari([found], [truth]) == pytest.approx(expected, abs=1e-12)


def test_images_add_up_and_may_differ_in_size():
    rng = np.random.default_rng(1)
    found = [rng.integers(-1, 3, (4, 7)), rng.integers(-1, 5, (6, 2))]
    truth = [rng.integers(-1, 2, (4, 7)), rng.integers(-1, 4, (6, 2))]
    whole = [np.concatenate([m.ravel() for m in maps]) for maps in (found, truth)]
    assert dff.nmi(found, truth) == pytest.approx(normalized_mutual_info_score(whole[1], whole[0]), abs=1e-9)
    assert dff.ari(found, truth) == pytest.approx(adjusted_rand_score(whole[1], whole[0]), abs=1e-9)


def test_many_pixels_do_not_overflow():
    counts = np.array([[10**10, 3], [5, 10**10]])
    found = contingency([np.array([0])], [np.array([0])])
    assert type(found)(counts).ari == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_names_of_clusters_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    found, truth = rng.integers(0, 4, (9, 5)), rng.integers(-1, 3, (9, 5))
    turned = rng.permutation(4)[found]
    for score in (dff.nmi, dff.ari):
        assert score([found], [truth]) == pytest.approx(score([turned], [truth]))


def test_the_part_map_is_the_strongest_factor_inside_its_mask():
    heat = np.array([[[0.9, 0.9, 0.2, 0.0]], [[0.5, 0.95, 0.1, 0.0]]])
    masks = np.array([[[True, True, False, False]], [[True, False, True, False]]])
    assert part_map(heat, masks).tolist() == [[0, 0, 1, -1]]


def test_part_maps_of_a_result_follow_its_masks():
    images = dff.datasets.creatures(2, size=96)
    result = DeepFeatureFactorization(3, size=96).fit(images)
    for options in ({"percentile": 60}, {"threshold": "auto"}):
        maps, masks = part_maps(result, **options), result.masks(**options)
        for labels, mask in zip(maps, masks, strict=True):
            assert np.array_equal(labels >= 0, mask.any(axis=0))
            inside = np.nonzero(labels >= 0)
            assert mask[labels[inside], *inside].all()


def test_true_maps_take_the_smaller_part_and_leave_the_background():
    body, eye, ground = np.ones((2, 3), bool), np.zeros((2, 3), bool), np.ones((2, 3), bool)
    eye[0, 1] = True
    maps, names = true_maps([{"eye": eye, "background": ground, "body": body}, {"body": ~body}])
    assert names == ("eye", "body")
    assert maps[0].tolist() == [[1, 0, 1], [1, 1, 1]]
    assert (maps[1] == -1).all()
    only, names = true_maps([{"eye": eye, "body": body}], ["eye"])
    assert only[0].tolist() == [[-1, 0, -1], [-1, -1, -1]]
    with pytest.raises(ValueError, match="image 0 has no part masks"):
        true_maps([{}])


def test_landmarks_read_the_map_where_they_are():
    labels = np.arange(6).reshape(2, 3)
    points = np.array([[0.4, 1.9], [np.nan, np.nan], [2.0, 0.0], [99.0, 99.0]])
    found, truth = at_landmarks([labels], [points])
    assert found[0].tolist() == [3, 2, 5]
    assert truth[0].tolist() == [0, 2, 3]
    assert dff.nmi(found, truth) == pytest.approx(1)


@pytest.mark.parametrize(
    ("found", "truth", "sentence"),
    [
        ([], [], "there are 0 found maps and 0 true ones"),
        ([np.zeros((2, 3), int)], [np.zeros((3, 2), int)], r"image 0 are \(2, 3\), and the true ones \(3, 2\)"),
        ([np.zeros(2)], [np.zeros(2, int)], "image 0 are float64 from 0.0; give integers"),
        ([np.array([-2])], [np.array([0])], "from -2; give integers"),
    ],
)
def test_what_cannot_be_is_said(found, truth, sentence):
    for score in (dff.nmi, dff.ari):
        with pytest.raises(ValueError, match=sentence):
            score(found, truth)
