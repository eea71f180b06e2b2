"""What `DFFResult` adds for automatic masks: refine, threshold="auto", foreground, and their way through a file."""

import os
from pathlib import Path

import numpy as np
import pytest

from dff_widgets.dff import DeepFeatureFactorization
from dff_widgets.evaluation import iou
from dff_widgets.heat import binarise, largest_box, thresholds
from dff_widgets.images import ImageSet
from dff_widgets.networks import load_network
from dff_widgets.result import DFFResult

from .small_networks import small

DATA = os.environ.get("DFF_WIDGETS_DATA")


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    images = ImageSet.from_arrays([rng.integers(0, 256, s, dtype=np.uint8) for s in [(40, 56, 3), (70, 50, 3)]])
    return DeepFeatureFactorization(3, network=load_network(small()), size=32).fit(images)


def test_a_refined_result_keeps_all_but_its_maps(result):
    refined = result.refine()
    assert result.maps is None
    assert refined.factorization is result.factorization
    assert [m.shape for m in refined.maps] == [(3, 32, 45), (3, 45, 32)]
    for i in range(2):
        maps = refined.heatmaps(i)
        assert maps.shape == result.heatmaps(i).shape
        assert maps.dtype == np.float32
        assert maps.min() >= 0
        assert maps.max() <= 1


def test_refining_again_starts_from_the_network(result):
    once, twice = result.refine(), result.refine().refine()
    for a, b in zip(once.maps, twice.maps, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_size_to_work_at_is_an_option(result):
    assert [m.shape for m in result.refine(size=20, joint=True).maps] == [(3, 20, 28), (3, 28, 20)]
    assert result.refine(size=1000).maps[0].shape == (3, 40, 56)  # never enlarged


def test_otsu_masks_are_each_maps_own_level(result):
    levels = thresholds.levels(result.heatmaps(i) for i in range(2))
    for i, mask in enumerate(result.masks(threshold="otsu")):
        np.testing.assert_array_equal(mask, binarise(result.heatmaps(i), levels[i]))


def test_auto_masks_are_the_beliefs_of_the_refined_result_refined_or_not(result):
    refined = result.refine()
    for i, (mask, same) in enumerate(
        zip(refined.masks(threshold="auto"), result.masks(threshold="auto", sharpen=False), strict=True)
    ):
        np.testing.assert_array_equal(mask, refined.heatmaps(i) >= 0.5)
        np.testing.assert_array_equal(same, mask)
    for factor in range(3):
        expected = [largest_box(m[factor]) for m in refined.masks(threshold="auto")]
        np.testing.assert_array_equal(refined.boxes(factor, threshold="auto"), expected)


def test_the_percentile_still_works_on_a_refined_result(result):
    share = np.mean([m.mean(axis=(1, 2)) for m in result.refine().masks(percentile=75)], axis=0)
    assert (share < 0.5).all()


@pytest.mark.parametrize("threshold", ["median", 0.5, 75])
def test_another_threshold_is_named(result, threshold):
    for ask in (result.masks, result.boxes):
        with pytest.raises(ValueError, match="threshold is"):
            ask(threshold=threshold)


def test_refined_maps_follow_the_order_of_the_factors(result):
    refined = result.refine()
    turned = refined.reorder([2, 0, 1])
    np.testing.assert_array_equal(turned.heatmaps(1), refined.heatmaps(1)[[2, 0, 1]])


def test_a_refined_result_survives_its_file(result, tmp_path):
    refined = result.refine()
    refined.save(tmp_path / "x.dff")
    back = DFFResult.load(tmp_path / "x.dff")
    for a, b in zip(refined.maps, back.maps, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(refined.boxes(threshold="auto"), back.boxes(threshold="auto"))
    result.save(tmp_path / "plain.dff")
    assert DFFResult.load(tmp_path / "plain.dff").maps is None


def test_foreground_names_factors(result):
    found = result.foreground()
    assert found
    assert set(found) <= {0, 1, 2}


@pytest.mark.realdata
@pytest.mark.skipif(DATA is None, reason="set DFF_WIDGETS_DATA")
def test_automatic_masks_beat_the_papers_on_photos():
    from dff_widgets.datasets import folder

    root = Path(DATA) / "voc2010-coseg"
    images = folder(root / "images" / "Cow", masks=root / "masks" / "Cow")[:8]
    result = DeepFeatureFactorization(1).fit(images)
    objects = {0: ["object"]}
    paper, automatic = (
        iou(masks, images.parts, objects)[0] for masks in (result.masks(), result.masks(threshold="auto"))
    )
    assert automatic > paper + 0.05
