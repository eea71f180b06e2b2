import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw
from scipy import ndimage

from dff_widgets.export.outlines import polygons
from dff_widgets.labelling import rasterize

RING = np.pad(np.pad(np.zeros((2, 3), bool), 1, constant_values=True), 1)
NESTED = np.pad(np.pad(~RING, 1, constant_values=True), 1)  # a ring in a ring, and a hole beside the border


def by_centres(pieces, size):
    """The pixels whose centre is inside one of the polygons, by the even-odd rule."""
    found = np.zeros(size, dtype=bool)
    for piece in pieces:
        top, left, inside = rasterize.polygon(piece, size)
        found[top : top + inside.shape[0], left : left + inside.shape[1]] |= inside
    return found


def drawn(pieces, size, whole):
    """The pixels on or in the polygons, their coordinates cut to whole pixels or as Pillow takes them."""
    image = Image.new("1", size[::-1])
    for piece in pieces:
        corners = [tuple(map(int if whole else float, point)) for point in piece]
        ImageDraw.Draw(image).polygon(corners, outline=1, fill=1)
    return np.array(image)


def by_coco(pieces, size):
    coco = pytest.importorskip("pycocotools.mask")
    if not pieces:
        return np.zeros(size, dtype=bool)
    return coco.decode(coco.merge(coco.frPyObjects([piece.ravel().tolist() for piece in pieces], *size))).astype(bool)


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
@example(RING)
@example(NESTED)
@example(np.eye(5, dtype=bool))  # corners that touch
@example(~np.eye(5, dtype=bool))
@example(np.ones((1, 1), dtype=bool))
@example(np.zeros((3, 2), dtype=bool))
def test_polygons_are_the_mask_whichever_way_they_are_read(mask):
    pieces = polygons(mask)
    assert len(pieces) == ndimage.label(mask)[1]
    np.testing.assert_array_equal(by_centres(pieces, mask.shape), mask)
    np.testing.assert_array_equal(drawn(pieces, mask.shape, whole=True), mask)
    np.testing.assert_array_equal(drawn(pieces, mask.shape, whole=False), mask)
    np.testing.assert_array_equal(by_coco(pieces, mask.shape), mask)


def test_every_side_is_along_a_row_or_a_column_and_no_point_is_there_twice_in_a_row():
    for piece in polygons(NESTED):
        steps = np.roll(piece, -1, axis=0) - piece
        assert ((steps == 0).sum(axis=1) == 1).all()


def test_a_large_mask_with_many_holes_comes_back():
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.random((300, 400)), 2)
    mask = smooth > np.median(smooth)
    holes = ndimage.label(~np.pad(mask, 1), np.ones((3, 3)))[1] - 1
    assert holes > 50
    pieces = polygons(mask)
    np.testing.assert_array_equal(by_centres(pieces, mask.shape), mask)
    np.testing.assert_array_equal(drawn(pieces, mask.shape, whole=True), mask)
