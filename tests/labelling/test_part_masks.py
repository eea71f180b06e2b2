import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dff_widgets as dff
from dff_widgets import storage
from dff_widgets.images import ImageSet, PerImage
from dff_widgets.labelling import PartMasks, rasterize

SIZE = (23, 37)
coordinates = st.floats(-60, 60) | st.integers(-20, 120).map(lambda n: n / 2)  # halves meet pixel centres and edges
points = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6)
corners = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6)


def whole(patch, size=SIZE):
    """A patch put into its image."""
    top, left, pixels = patch
    mask = np.zeros(size, dtype=bool)
    mask[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return mask


def distance(x, y, a, b):
    """From a point to the segment from a to b."""
    along = (b[0] - a[0], b[1] - a[1])
    length = along[0] ** 2 + along[1] ** 2
    t = 0 if length == 0 else ((x - a[0]) * along[0] + (y - a[1]) * along[1]) / length
    t = min(max(t, 0), 1)
    return math.hypot(x - a[0] - t * along[0], y - a[1] - t * along[1])


def crossings_to_the_left(x, y, line):
    """Where the edges of a polygon meet the row of a point, at most at the point."""
    found = []
    for (ax, ay), (bx, by) in zip(line, [*line[1:], line[0]], strict=True):
        if min(ay, by) <= y < max(ay, by):
            found.append(ax + (y - ay) / (by - ay) * (bx - ax))
    return sum(each <= x for each in found), min((abs(each - x) for each in found), default=1)


# -------------------------------------------------------------------------------------------------------- shapes
@settings(max_examples=60, deadline=None)
@given(points, st.floats(0.3, 25))
def test_a_stroke_is_every_pixel_near_enough_to_its_line(line, radius):
    mask = whole(rasterize.brush(line, radius, SIZE))
    segments = list(pairwise(line)) or [(line[0], line[0])]
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            d = min(distance(column + 0.5, row + 0.5, a, b) for a, b in segments)
            assert mask[row, column] == (d <= radius) or abs(d - radius) < 1e-6


@settings(max_examples=60, deadline=None)
@given(corners)
def test_a_polygon_is_every_pixel_with_an_odd_number_of_edges_beside_it(line):
    mask = whole(rasterize.polygon(line, SIZE))
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            number, nearest = crossings_to_the_left(column + 0.5, row + 0.5, line)
            assert mask[row, column] == (number % 2 == 1) or nearest < 1e-6


def test_the_centre_decides_at_the_very_border():
    assert whole(rasterize.brush([(10.5, 10.5)], 3, SIZE))[10, 7:14].all()
    assert not whole(rasterize.brush([(10.5, 10.5)], 2.999, SIZE))[10, [7, 13]].any()
    assert rasterize.polygon([(2, 3), (5, 3), (5, 7), (2, 7)], SIZE)[2].shape == (4, 3)


def test_a_long_stroke_is_the_union_of_its_segments():
    line = np.random.default_rng(0).uniform(0, 37, (700, 2))
    joined = np.any([whole(rasterize.brush(line[i : i + 2], 0.6, SIZE)) for i in range(699)], axis=0)
    assert 0.1 < joined.mean() < 1
    assert (whole(rasterize.brush(line, 0.6, SIZE)) == joined).all()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([(1, 2, 3)], r"points is \(1, 3\); give \(n, 2\), n >= 1: x, y in image pixels"),
        ([], r"points is \(0,\)"),
        ([(1, 2), (3,)], r"points is \[\(1, 2\), \(3,\)\]; give \(n, 2\) numbers"),
        ([("a", "b")], "give .* numbers"),
        ([(np.nan, 0)], "holds a number that is none"),
        ([(1e12, 0)], "beyond 1,000,000 pixels"),
    ],
)
def test_what_are_no_points_is_said(bad, message):
    with pytest.raises(ValueError, match=message):
        rasterize.brush(bad, 2, SIZE)


@pytest.mark.parametrize("radius", [0, -1, math.nan, math.inf, "3", None, [2]])
def test_what_is_no_radius_is_said(radius):
    with pytest.raises(ValueError, match=r"radius is .*; give a number of pixels above 0"):
        rasterize.brush([(1, 1)], radius, SIZE)


# -------------------------------------------------------------------------------------------------------- truth
def some_images(n=3, parts=None):
    return ImageSet.from_arrays([np.zeros((*SIZE, 3), np.uint8)] * n, parts=parts)


def head():
    mask = np.zeros(SIZE, dtype=bool)
    mask[2:8, 3:11] = True
    return mask


@pytest.fixture
def truth():
    """A head in image 0, the data set's; nothing in image 1; a leg in image 2."""
    return PartMasks(some_images(parts=[{"head": head()}, {}, {"leg": head().copy()}]))


def test_what_is_painted_takes_the_place_of_the_data_sets(truth):
    own = head()
    assert truth.stroke(0, "head", [(20, 10)], 4)
    assert truth.stroke(0, "head", [(5, 5)], 2, erase=True)
    want = own | whole(rasterize.brush([(20, 10)], 4, SIZE))
    want &= ~whole(rasterize.brush([(5, 5)], 2, SIZE))
    assert (truth[0]["head"] == want).all()
    assert (truth.mask(0, "head") == want).all()
    assert (truth.images.parts[0]["head"] == own).all()
    assert list(truth.painted) == [(0, "head")]
    assert (truth.painted[0, "head"] == want).all()
    assert (truth[2]["leg"] == own).all()


def test_names_keep_their_places(truth):
    assert truth.parts == ("head", "leg")
    truth.polygon(1, "tail", [(1, 1), (9, 1), (5, 9)])
    truth.add("ear")
    truth.fill(0, "arm")
    truth.undo()
    truth.undo()
    assert truth.parts == ("head", "leg", "tail", "ear", "arm")
    assert [truth.known(i) for i in range(3)] == [True, False, True]
    assert not truth.mask(1, "tail").any()


def test_without_a_data_sets_masks_only_painted_images_are_known():
    truth = PartMasks(some_images())
    assert truth.parts == ()
    assert truth[1] == {}
    truth.clear(1, "head")
    assert [truth.known(i) for i in range(3)] == [False, True, False]
    assert not truth[1]["head"].any()


def test_an_edit_that_changes_nothing_leaves_no_trace(truth):
    before = truth.version
    assert not truth.stroke(1, "head", [(5, 5)], 3, erase=True)
    assert not truth.stroke(0, "head", [(5, 5)], 1)
    assert not truth.stroke(0, "head", [(500, 5)], 3)
    assert not truth.can_undo
    assert truth.version == before
    assert not truth.known(1)


def test_fill_takes_a_mask_or_everything(truth):
    where = np.zeros(SIZE, dtype=bool)
    where[20, 30] = True
    assert truth.fill(0, "head", where)
    assert (truth[0]["head"] == (head() | where)).all()
    assert truth.fill(0, "head", where, erase=True)
    assert (truth[0]["head"] == head()).all()
    assert truth.fill(0, "head")
    assert truth[0]["head"].all()
    with pytest.raises(ValueError, match=r"where is \(2, 3\) of float64; image 0 needs \(23, 37\) of bool"):
        truth.fill(0, "head", np.zeros((2, 3)))


edits = st.lists(
    st.tuples(
        st.sampled_from(["stroke", "polygon", "fill", "clear", "undo", "redo"]),
        st.integers(0, 2),
        st.sampled_from(["head", "leg", "tail"]),
        st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 30)), min_size=3, max_size=4),
        st.booleans(),
    ),
    max_size=14,
)


def play(truth, steps):
    """Do the steps; the state after each edit that is in effect, the first being that before all."""
    states = [snapshot(truth)]
    for what, i, part, line, erase in steps:
        if what == "undo":
            if truth.undo():
                states.pop()
        elif what == "redo":
            if truth.redo():
                states.append(snapshot(truth))
        elif {
            "stroke": lambda i, part, line, erase: truth.stroke(i, part, line, 3, erase=erase),
            "polygon": lambda i, part, line, erase: truth.polygon(i, part, line, erase=erase),
            "fill": lambda i, part, _, erase: truth.fill(i, part, erase=erase),
            "clear": lambda i, part, *_: truth.clear(i, part),
        }[what](i, part, line, erase):
            states.append(snapshot(truth))
    return states


def snapshot(truth):
    return [{part: mask.tobytes() for part, mask in truth[i].items()} for i in range(len(truth))]


def fresh():
    return PartMasks(some_images(parts=[{"head": head()}, {}, {"leg": head().copy()}]))


@settings(max_examples=60, deadline=None)
@given(edits)
def test_undo_goes_back_to_the_beginning_and_redo_to_the_end(steps):
    truth = fresh()
    states = play(truth, steps)
    for state in reversed(states[:-1]):
        assert truth.undo() is not None
        assert snapshot(truth) == state
    assert truth.undo() is None
    for state in states[1:]:
        assert truth.redo() is not None
        assert snapshot(truth) == state


@settings(max_examples=40, deadline=None)
@given(edits)
def test_a_saved_painting_is_the_same_with_its_undo(steps):
    truth = fresh()
    states = play(truth, steps)
    content, tensors = truth.to_tensors()
    again = PartMasks.from_tensors(json.loads(json.dumps(content)), tensors, truth.images)
    assert snapshot(again) == snapshot(truth)
    assert again.parts == truth.parts
    for state in reversed(states[:-1]):
        again.undo()
        assert snapshot(again) == state
    assert again.undo() is None
    while again.redo():
        truth.redo()
    assert snapshot(again) == snapshot(truth)


def test_a_new_edit_ends_what_could_be_redone(truth):
    truth.fill(0, "head")
    truth.undo()
    assert truth.can_redo
    truth.fill(1, "leg")
    assert not truth.can_redo
    assert truth.redo() is None


def test_changes_are_told(truth):
    seen = []
    stop = truth.on_change(lambda i, part: seen.append((i, part, truth.version)))
    truth.fill(1, "leg")
    truth.stroke(0, "head", [(30, 5)], 2)
    truth.undo()
    stop()
    stop()
    truth.redo()
    assert seen == [(1, "leg", 1), (0, "head", 2), (0, "head", 3)]
    assert truth.version == 4


def test_iou_takes_it_as_parts(truth):
    masks = [np.zeros((1, *SIZE), dtype=bool) for _ in range(3)]
    masks[1][0, 4:9, 6:20] = True
    truth.fill(1, "head", masks[1][0])
    truth.clear(0, "head")
    assert dff.iou(masks, truth, {0: ["head"]}) == pytest.approx([1])
    assert [list(parts) for parts in truth[:2]] == [["head"], ["head"]]
    assert (truth[-2]["head"] == masks[1][0]).all()


def test_masks_that_are_loaded_each_time_are_read_only_where_needed():
    read = []

    def load(i):
        read.append(i)
        return {"head": head()}

    truth = PartMasks(some_images(), PerImage([(i,) for i in range(3)], load), names=["head"])
    truth.stroke(1, "head", [(30, 5)], 2)
    truth.stroke(1, "head", [(30, 15)], 2)
    assert truth.parts == ("head",)
    assert read == [1]


@pytest.mark.parametrize(
    ("paint", "error", "message"),
    [
        (lambda t: t.stroke(3, "head", [(1, 1)], 2), IndexError, "there is no image 3; there are 3"),
        (lambda t: t.stroke(0, " ", [(1, 1)], 2), ValueError, "part is ' '; give it a name"),
        (lambda t: t.polygon(0, 7, [(1, 1)] * 3), ValueError, "part is 7; give it a name"),
        (lambda t: t.polygon(0, "a", [(1, 1)] * 2), ValueError, "n >= 3"),
        (lambda t: t.add(""), ValueError, "part is ''; give it a name"),
        (lambda t: PartMasks(t.images, [{}]), ValueError, "parts are of 1 images; there are 3"),
        (
            lambda t: PartMasks(t.images, [{"a": np.ones((2, 2), bool)}] * 3).fill(0, "a"),
            ValueError,
            r"the mask of 'a' in image 0 is \(2, 2\); its image is \(23, 37\)",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(truth, paint, error, message):
    before = snapshot(truth), truth.version
    with pytest.raises(error, match=message):
        paint(truth)
    assert (snapshot(truth), truth.version) == before


# ------------------------------------------------------------------------------------------------------- the file
@pytest.fixture
def saved(truth):
    truth.stroke(0, "head", [(20, 10), (30, 12)], 4)
    truth.fill(1, "leg")
    truth.undo()
    return truth.to_tensors()


def test_it_goes_through_a_file(truth, saved, tmp_path):
    storage.write(tmp_path / "x.dff", "session", 1, {"painting": saved[0]}, saved[1])
    content, tensors = storage.read(tmp_path / "x.dff", "session", 1)
    again = PartMasks.from_tensors(content["painting"], tensors, truth.images)
    assert snapshot(again) == snapshot(truth)
    again.redo()
    assert again[1]["leg"].all()


def broken(change):
    def make(content, tensors):
        content = json.loads(json.dumps(content))
        tensors = dict(tensors)
        change(content, tensors)
        return content, tensors

    return make


@pytest.mark.parametrize(
    "change",
    [
        lambda c, t: c.pop("parts"),
        lambda c, t: c.update(parts=["head", 3]),
        lambda c, t: c.update(parts=[[]]),
        lambda c, t: c.update(painted=7),
        lambda c, t: c["painted"][0].__setitem__(0, 99),
        lambda c, t: c["painted"][0].__setitem__(0, True),
        lambda c, t: c["painted"][0].__setitem__(1, None),
        lambda c, t: c["painted"].append([1, "leg"]),
        lambda c, t: c.update(painted=[]),
        lambda c, t: t.update({"painting/0": t["painting/0"][:-1]}),
        lambda c, t: t.update({"painting/0": t["painting/0"].astype(np.float32)}),
        lambda c, t: t.pop("painting/edits"),
        lambda c, t: t.update({"painting/edits": t["painting/edits"][:-1]}),
        lambda c, t: t.update({"painting/edits": np.full_like(t["painting/edits"], 255)}),
        lambda c, t: c.update(done=3),
        lambda c, t: c.update(done=-1),
        lambda c, t: c.update(done=0),
        lambda c, t: c.update(done="1"),
        lambda c, t: c["edits"].reverse(),
        lambda c, t: c["edits"][0].pop(),
        lambda c, t: c["edits"][0].__setitem__(2, False) or c["edits"][1].__setitem__(2, False),
        lambda c, t: c["edits"][0].__setitem__(2, 1),
        lambda c, t: c["edits"][0].__setitem__(3, 20),
        lambda c, t: c["edits"][0].__setitem__(4, -1),
        lambda c, t: c["edits"][0].__setitem__(6, 10**12),
        lambda c, t: c["edits"][0].__setitem__(7, 10**12),
        lambda c, t: c["edits"][0].__setitem__(1, ""),
    ],
)
def test_a_painting_from_elsewhere_is_refused(truth, saved, change):
    with pytest.raises(ValueError, match="the painted masks are damaged, or of other images: "):
        PartMasks.from_tensors(*broken(change)(*saved), truth.images)


@pytest.mark.parametrize("content", [None, [], "x", {"parts": None}])
def test_content_of_another_kind_is_refused(truth, saved, content):
    with pytest.raises(ValueError, match="the painted masks are damaged"):
        PartMasks.from_tensors(content, saved[1], truth.images)


def test_other_images_are_refused(saved):
    other = ImageSet.from_arrays([np.zeros((9, 9, 3), np.uint8)] * 3)
    with pytest.raises(ValueError, match="of other images"):
        PartMasks.from_tensors(*saved, other)


# ------------------------------------------------------------------------------------------------------ its price
def test_the_undo_of_strokes_is_small():
    truth = PartMasks(ImageSet.from_arrays([np.zeros((448, 448, 3), np.uint8)]))
    t = np.linspace(0, 2 * np.pi, 100)
    line = np.stack([224 + 150 * np.cos(t), 224 + 150 * np.sin(t)], axis=1)
    for n in range(20):
        truth.stroke(0, "head", line + n, 20)
    assert sum(len(edit.flipped) for edit in truth._cell.value.edits) < 20 * 4000


def test_of_a_large_image_only_the_box_is_touched():
    class Large(ImageSet):
        def size(self, index):
            return 6000, 6000

    truth = PartMasks(Large((np.zeros((1, 1, 3), np.uint8),), ("large",)))
    truth.fill(0, "head", None)
    truth.stroke(0, "head", [(3000, 3000), (3100, 3050)], 30, erase=True)
    edit = truth._cell.value.edits[-1]
    assert (edit.rows, edit.columns) == (110, 21)


@pytest.mark.filterwarnings("error")
def test_a_line_that_is_level_but_for_the_least_number_there_is():
    truth = PartMasks(ImageSet.from_arrays([np.zeros((4, 6, 3), np.uint8)]))
    assert truth.stroke(0, "head", [(1, 5e-324), (5, 0), (1, 5e-324)], 1)
    assert truth.mask(0, "head")[0].all()
