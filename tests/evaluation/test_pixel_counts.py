import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dff_widgets.evaluation import Tally, ratio

from .test_metrics import NAMES, factor_pixels, names_of, part_pixels, scenes, set_iou


def tally_of(scene, order=None):
    tally = Tally(scene.k)
    for i in range(len(scene.masks)) if order is None else order:
        tally.add(scene.masks[i], scene.parts[i])
    return tally


def union(scene, names):
    return set().union(*(part_pixels(scene, name) for name in names))


def counts_of(tally):
    """Everything that can be asked of it, as plain data."""
    sets = [[], *([name] for name in NAMES), list(NAMES)]
    return (
        tally.images,
        set(tally.parts),
        tally.factor_area.tolist(),
        [(tally.area(names), tally.shared(names).tolist()) for names in sets],
    )


@settings(deadline=None)
@given(scenes(), st.lists(st.sampled_from([*NAMES, "never seen"]), unique=True))
def test_counts_are_those_of_the_sets_of_pixels(scene, names):
    tally, part = tally_of(scene), union(scene, names)
    assert (tally.k, tally.images, tally.parts) == (scene.k, len(scene.masks), tuple(names_of(scene)))
    assert tally.area(names) == len(part)
    for f in range(scene.k):
        assert tally.factor_area[f] == len(factor_pixels(scene, f))
        assert tally.shared(names)[f] == len(factor_pixels(scene, f) & part)


@settings(deadline=None)
@given(scenes(), st.data())
def test_iou_of_any_assignment_is_that_of_the_sets_of_pixels(scene, data):
    some = st.lists(st.sampled_from([*NAMES, "never seen"]), max_size=5)  # a name that is said twice counts once
    assignment = data.draw(st.dictionaries(st.integers(0, scene.k - 1), some))
    found = tally_of(scene).iou(assignment)
    assert found.shape == (scene.k,)
    for f in range(scene.k):
        names = assignment.get(f, [])
        want = set_iou(factor_pixels(scene, f), union(scene, names)) if names else 0.0
        assert found[f] == pytest.approx(want), (f, names)


@settings(deadline=None)
@given(scenes(), st.data())
def test_images_may_come_in_any_order(scene, data):
    order = data.draw(st.permutations(range(len(scene.masks))))
    assert counts_of(tally_of(scene)) == counts_of(tally_of(scene, order))


def test_parts_are_in_the_order_of_their_first_appearance():
    here = np.ones((2, 3), dtype=bool)
    tally = Tally(1)
    tally.add(here[None], {"b": here, "a": ~here})
    tally.add(here[None], {"c": here, "a": here})
    assert tally.parts == ("b", "a", "c")


def test_overlapping_parts_are_not_counted_twice():
    rows, columns = np.indices((5, 7))
    head, animal = (rows < 2) & (columns < 3), rows < 4
    tally = Tally(2)
    tally.add(np.stack([animal, columns == 0]), {"head": head, "animal": animal})
    assert (tally.area(["head"]), tally.area(["animal"]), tally.area(["head", "animal"])) == (6, 28, 28)
    assert tally.iou({0: ["head", "animal"], 1: ["head"]}) == pytest.approx([1, 2 / 9])


@pytest.mark.parametrize("shape", [(1, 1), (1, 63), (8, 8), (5, 13), (1, 129), (0, 4)])
def test_pixels_that_do_not_fill_a_word_are_counted(shape):
    full = np.ones(shape, dtype=bool)
    tally = Tally(3)
    tally.add(np.stack([full, ~full, full]), {"all": full, "none": ~full})
    size = shape[0] * shape[1]
    assert tally.factor_area.tolist() == [size, 0, size]
    assert (tally.area(["all"]), tally.area(["none"])) == (size, 0)
    assert tally.shared(["all"]).tolist() == [size, 0, size]


def test_masks_may_be_numbers_and_views():
    rng = np.random.default_rng(0)
    masks = rng.random((2, 9, 6)) < 0.5
    part = rng.random((9, 6)) < 0.5
    plain, other = Tally(2), Tally(2)
    plain.add(masks, {"head": part})
    other.add(np.asfortranarray(masks).astype(np.uint8) * 255, {"head": part.astype(np.int64)[::-1][::-1]})
    assert counts_of(plain) == counts_of(other)


OK = np.ones((2, 4, 5), dtype=bool)


@pytest.mark.parametrize(
    ("masks", "parts", "message"),
    [
        (OK[0], {}, r"the masks of image 1 are \(4, 5\); give \(2, h, w\)"),
        (OK[:1], {}, r"the masks of image 1 are \(1, 4, 5\); give \(2, h, w\)"),
        (OK.astype(float), {}, "the masks of image 1 have dtype float64; give bool"),
        (OK, {"head": OK[0].T}, r"part 'head' of image 1 is \(5, 4\); its masks are \(4, 5\)"),
        (OK, {"legs": OK[0], "head": OK}, r"part 'head' of image 1 is \(2, 4, 5\); its masks are \(4, 5\)"),
        (OK, {"legs": OK[0], "head": OK[0] * 0.5}, "part 'head' of image 1 have dtype float64; give bool"),
        (OK, {"legs": OK[0], "head": [["x"] * 5] * 4}, "part 'head' of image 1 have dtype .*; give bool"),
    ],
)
def test_an_error_leaves_the_counts_as_they_were(masks, parts, message):
    tally = Tally(2)
    tally.add(OK, {"head": OK[0]})
    before = counts_of(tally)
    with pytest.raises(ValueError, match=message):
        tally.add(masks, parts)
    assert counts_of(tally) == before
    assert tally.parts == ("head",)


def test_nothing_added_is_nothing_counted():
    tally = Tally(2)
    assert (tally.images, tally.parts, tally.area(["head"])) == (0, (), 0)
    assert tally.iou({0: ["head"]}).tolist() == [0, 0]


def test_its_size_does_not_grow_with_the_images():
    rng = np.random.default_rng(1)
    tally = Tally(2)
    for _ in range(50):
        tally.add(rng.random((2, 6, 7)) < 0.5, {name: rng.random((6, 7)) < 0.5 for name in NAMES})
    assert len(tally._cells) <= 2 ** len(NAMES) - 1
    assert tally.area(NAMES) <= 50 * 42


def test_ratio_of_nothing_is_zero():
    np.testing.assert_array_equal(ratio([1, 0, 3], [2, 0, 3]), [0.5, 0, 1])


@settings(deadline=None)
@given(scenes(), st.integers(0, 4))
def test_merged_tallies_count_what_one_would_have_counted(scene, first):
    whole = tally_of(scene)
    merged = tally_of(scene, range(min(first, len(scene.masks))))
    for i in range(min(first, len(scene.masks)), len(scene.masks)):
        merged.merge(tally_of(scene, [i]))
    assert counts_of(merged) == counts_of(whole)
    assert merged.parts == whole.parts


def test_a_message_says_which_image_it_is_about():
    with pytest.raises(ValueError, match="image 7"):
        Tally(1).add(np.ones((1, 2, 2), bool), {"head": np.ones((3, 2), bool)}, image=7)
