from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dff_widgets.evaluation import PartScore, best_part_iou, corloc, iou, overlaps
from dff_widgets.heat import EMPTY_BOX, box_iou, largest_box

NAMES = ("head", "torso", "legs", "background")


@st.composite
def scenes(draw):
    """Masks and parts of up to 4 images of different sizes: overlapping, absent and empty parts, empty factors."""
    k = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    masks, parts = [], []
    for _ in range(draw(st.integers(1, 4))):
        h, w = rng.integers(1, 14, size=2)
        masks.append(rng.random((k, h, w)) < rng.choice([0, 0.3, 0.7], size=(k, 1, 1)))
        here = [name for name in rng.permutation(NAMES) if rng.random() < 0.6]
        parts.append({str(name): rng.random((h, w)) < rng.choice([0, 0.2, 0.6]) for name in here})
    return SimpleNamespace(k=k, masks=masks, parts=parts)


# ------------------------------------------------------------------------------------------- readable twins on sets
def pixels(maps):
    """The pixels (image, row, column) of a list of masks; None stands for an empty one."""
    return {(i, r, c) for i, m in enumerate(maps) if m is not None for r, c in np.argwhere(m).tolist()}


def factor_pixels(scene, factor):
    return pixels([m[factor] for m in scene.masks])


def part_pixels(scene, name):
    return pixels([here.get(name) for here in scene.parts])


def set_iou(a, b):
    return len(a & b) / len(a | b) if a | b else 0.0


def names_of(scene):
    return list(dict.fromkeys(name for here in scene.parts for name in here))


# ----------------------------------------------------------------------------------------------------------- parts
@settings(deadline=None)
@given(scenes(), st.data())
def test_iou_is_that_of_the_sets_of_pixels(scene, data):
    names = names_of(scene)
    some = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    assignment = data.draw(st.dictionaries(st.integers(0, scene.k - 1), some))
    expected = [
        set_iou(factor_pixels(scene, f), set().union(*(part_pixels(scene, p) for p in assignment.get(f, []))))
        for f in range(scene.k)
    ]
    np.testing.assert_allclose(iou(scene.masks, scene.parts, assignment), expected)


@settings(deadline=None)
@given(scenes())
def test_overlaps_are_those_of_the_sets_of_pixels(scene):
    counts = overlaps(scene.masks, scene.parts)
    assert counts.parts == tuple(names_of(scene))
    for f in range(scene.k):
        factor = factor_pixels(scene, f)
        assert counts.factor_area[f] == len(factor)
        for p, name in enumerate(counts.parts):
            part = part_pixels(scene, name)
            assert counts.part_area[p] == len(part)
            assert counts.intersection[f, p] == len(factor & part)
            assert counts.iou[f, p] == pytest.approx(set_iou(factor, part))


@settings(deadline=None)
@given(scenes())
def test_best_part_is_the_best_of_all_but_the_background(scene):
    scores = best_part_iou(scene.masks, scene.parts)
    assert [s.factor for s in scores] == list(range(scene.k))
    for score in scores:
        factor = factor_pixels(scene, score.factor)
        each = {name: set_iou(factor, part_pixels(scene, name)) for name in names_of(scene) if name != "background"}
        assert score.iou == pytest.approx(max(each.values(), default=0.0))
        assert score.part is None if score.iou == 0 else each[score.part] == pytest.approx(score.iou)


def test_an_image_without_parts_counts_against_the_factor():
    mask = np.ones((1, 2, 2), dtype=bool)
    parts = [{"head": np.ones((2, 2), dtype=bool)}, {}]
    assert iou([mask, mask], parts, {0: ["head"]}) == pytest.approx([0.5])
    assert best_part_iou([mask, mask], parts) == [PartScore(0, "head", 0.5)]


def test_integer_masks_count_what_is_not_zero():
    mask = np.array([[[0, 255], [1, 0]]], dtype=np.uint8)
    assert iou([mask], [{"head": mask[0] > 0}], {0: ["head"]}) == pytest.approx([1.0])


def test_masks_may_be_any_iterable_and_any_memory_order():
    rng = np.random.default_rng(0)
    mask, part = rng.random((7, 5, 2)) < 0.5, rng.random((7, 5)) < 0.5
    turned = mask.transpose(2, 0, 1)
    expected = [set_iou(pixels([m]), pixels([part])) for m in turned]
    assert iou(iter([turned]), iter([{"p": part}]), {0: ["p"], 1: ["p"]}) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("masks", "parts", "assignment", "message"),
    [
        ([], [], {}, "no images"),
        ([np.ones((1, 2, 2), bool)], [], {}, "parts end after 0 images"),
        ([], [{}], {}, "masks end after 0 images"),
        ([np.ones((2, 2), bool)], [{}], {}, r"image 0 are \(2, 2\); give \(k, h, w\)"),
        ([np.ones((0, 2, 2), bool)], [{}], {}, r"image 0 are \(0, 2, 2\); give \(k, h, w\)"),
        (
            [np.ones((2, 2, 2), bool), np.ones((1, 2, 2), bool)],
            [{}, {}],
            {},
            r"image 1 are \(1, 2, 2\); give \(2, h, w\)",
        ),
        ([np.ones((1, 2, 2), bool)], [{"head": np.ones((2, 3), bool)}], {}, r"'head' of image 0 is \(2, 3\)"),
        ([np.ones((1, 2, 2))], [{}], {}, "dtype float64; give bool"),
        ([np.ones((1, 2, 2), bool)], [{"head": np.ones((2, 2))}], {}, "'head' of image 0 have dtype float64"),
        ([np.ones((1, 2, 2), bool)], [{}], {1: []}, r"factors \[1\]; the masks have 0..0"),
        (
            [np.ones((1, 2, 2), bool)],
            [{"head": np.ones((2, 2), bool)}],
            {0: ["haed"]},
            r"parts \['haed'\]; there are \['head'\]",
        ),
    ],
)
def test_iou_says_what_does_not_fit(masks, parts, assignment, message):
    with pytest.raises(ValueError, match=message):
        iou(masks, parts, assignment)


# ----------------------------------------------------------------------------------------------------------- boxes
def box_pixels(box):
    xmin, ymin, xmax, ymax = box
    return {(x, y) for x in range(xmin, xmax + 1) for y in range(ymin, ymax + 1)}


boxes = st.tuples(*[st.integers(0, 12)] * 4)  # some have no area


@given(boxes, boxes)
def test_box_iou_counts_pixels_with_both_ends(a, b):
    assert box_iou(a, b) == pytest.approx(set_iou(box_pixels(a), box_pixels(b)))


def test_box_iou_broadcasts():
    a, b = np.array([[0, 0, 4, 4], [1, 1, 2, 2]]), np.array([[0, 0, 4, 4], EMPTY_BOX, [2, 2, 3, 9]])
    expected = [[float(box_iou(x, y)) for y in b] for x in a]
    np.testing.assert_array_equal(box_iou(a[:, None], b), expected)


def test_box_iou_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"\(3,\) and \(4,\)"):
        box_iou([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(ValueError, match=r"\(4,\) and \(2, 5\)"):
        box_iou([1, 2, 3, 4], [[1, 2, 3, 4, 5]] * 2)


def test_corloc_needs_more_than_half():
    exactly_half, more = [0, 0, 9, 4], [0, 0, 9, 5]
    truth = [np.array([[0, 0, 9, 9]])]
    assert corloc([exactly_half], truth) == 0
    assert corloc([more], truth) == 1


def test_corloc_takes_any_of_the_true_boxes_and_misses_images_without():
    truth = [np.array([[50, 50, 60, 60], [0, 0, 9, 9]]), np.empty((0, 4)), np.array([[3, 3, 5, 5]])]
    assert corloc([[0, 0, 9, 9], [0, 0, 9, 9], EMPTY_BOX], truth) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("boxes", "truth", "message"),
    [
        ([], [], "0 boxes"),
        ([[0, 0, 1, 1]], [], "1 boxes and truth for 0 images"),
        ([[0, 0, 1]], [[[0, 0, 1, 1]]], r"image 0 has a box of \(3,\)"),
        ([[0, 0, 1, 1]], [[0, 0, 1, 1]], r"truth of \(4,\); give \(4,\) and \(m, 4\)"),
        ([[0, 0, 1, 1]], [np.zeros((4, 3))], r"truth of \(4, 3\); give \(4,\) and \(m, 4\)"),
    ],
)
def test_corloc_says_what_does_not_fit(boxes, truth, message):
    with pytest.raises(ValueError, match=message):
        corloc(boxes, truth)


def test_largest_box_joins_diagonal_neighbours_and_takes_the_first_of_equals():
    mask = np.zeros((6, 8), dtype=bool)
    mask[1, 1] = mask[2, 2] = mask[4, 5:7] = True
    np.testing.assert_array_equal(largest_box(mask), [1, 1, 2, 2])
    mask[5, 7] = True
    np.testing.assert_array_equal(largest_box(mask), [5, 4, 7, 5])
    np.testing.assert_array_equal(largest_box(np.zeros((3, 3), dtype=bool)), [0, 0, -1, -1])


def test_corloc_in_losts_protocol_takes_a_half_and_leaves_out_images_without_boxes():
    boxes = [[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9]]
    truth = [[[0, 0, 9, 4]], np.zeros((0, 4)), [[20, 20, 30, 30]]]
    assert corloc(boxes, truth) == 0
    assert corloc(boxes, truth, protocol="lost") == 0.5
    with pytest.raises(ValueError, match="no image has a true box"):
        corloc(boxes[:1], truth[1:2], protocol="lost")
    with pytest.raises(ValueError, match="protocol is 'coco'"):
        corloc(boxes, truth, protocol="coco")
