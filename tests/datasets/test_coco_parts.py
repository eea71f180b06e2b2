import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dff_widgets.datasets import coco_parts
from dff_widgets.datasets.coco_parts import decode

coco = pytest.importorskip("pycocotools.mask")

H, W = 7, 10
SQUARE = [[2, 1, 6, 1, 6, 5, 2, 5]]
SQUARE_MASK = np.zeros((H, W), dtype=bool)
SQUARE_MASK[1:5, 2:6] = True


def rle(mask):
    packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(n) for n in packed["size"]], "counts": packed["counts"].decode("ascii")}


@pytest.fixture
def written(tmp_path, write_photo):
    """Writes a COCO file with two images, one of them in a folder named after its class."""

    def write(segmentation=None, **changes):
        write_photo(tmp_path / "images" / "a.jpg", (H, W))
        write_photo(tmp_path / "images" / "n02" / "n02_1.JPEG", (H, W))
        mask = np.zeros((H, W), dtype=bool)
        mask[1:3] = True
        content = {
            "images": [
                {"id": 7, "file_name": "a.jpg", "height": H, "width": W},
                {"id": 3, "file_name": "n02_1.JPEG", "height": H, "width": W},
                {"id": 4, "file_name": "without.jpg", "height": H, "width": W},
            ],
            "categories": [{"id": 1, "name": "dog:head"}, {"id": 2, "name": "dog:leg"}, {"id": 5, "name": "cup:rim"}],
            "annotations": [
                {"image_id": 7, "category_id": 1, "segmentation": SQUARE if segmentation is None else segmentation},
                {"image_id": 7, "category_id": 2, "segmentation": rle(mask)},
                {"image_id": 7, "category_id": 2, "segmentation": {"size": [H, W], "counts": [H * W - 2, 2]}},
                {"image_id": 3, "category_id": 5, "segmentation": SQUARE},
            ],
        } | changes
        path = tmp_path / "parts.json"
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))
        return path, tmp_path / "images"

    return write


def test_polygons_and_run_lengths_become_parts(written):
    images = coco_parts(*written())
    assert images.names == ("a.jpg", "n02_1.JPEG")
    parts = images.parts[0]
    assert list(parts) == ["dog:head", "dog:leg"]
    np.testing.assert_array_equal(parts["dog:head"], SQUARE_MASK)
    leg = np.zeros((H, W), dtype=bool)
    leg[1:3] = leg[-2:, -1] = True  # two objects, joined
    np.testing.assert_array_equal(parts["dog:leg"], leg)


def test_only_chooses_categories_and_the_images_that_show_them(written):
    images = coco_parts(*written(), only="dog:*")
    assert images.names == ("a.jpg",)
    with pytest.raises(ValueError, match="no annotation of 'cat:\\*'; its parts are cup:rim, dog:head, dog:leg"):
        coco_parts(*written(), only="cat:*")


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.floats(0, 1), st.integers(0, 2**32))
def test_run_lengths_are_decoded_as_pycocotools_does(h, w, density, seed):
    mask = np.random.default_rng(seed).random((h, w)) < density
    np.testing.assert_array_equal(decode(rle(mask), (h, w)), mask)


def test_long_runs_are_decoded_too():
    mask = np.zeros((700, 900), dtype=bool)
    mask[100:600, 200:300] = mask[5, 5] = True
    np.testing.assert_array_equal(decode(rle(mask), mask.shape), mask)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_any_characters_are_a_mask_or_an_error(text):
    with contextlib.suppress(ValueError):
        assert decode({"size": [H, W], "counts": text}, (H, W)).shape == (H, W)


# ------------------------------------------------------------------------------------------------ what is refused
@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [W, H], "counts": [H * W]}, r"its size is \[10, 7\], and the image is \[7, 10\]"),
        ({"size": [H, W], "counts": [3, 4]}, "its runs cover 7 of 70 pixels"),
        ({"size": [H, W], "counts": [80, -10]}, "its runs cover 70 of 70"),
        ({"size": [H, W], "counts": "\u20ac"}, "character"),
        ({"size": [H, W], "counts": "Z"}, "end in the middle"),
        ({"size": [H, W]}, "'counts'"),
        ([[1, 2, 3, 4]], "a polygon has 4 numbers"),
        ([[1, 2, 3, 4, 5, 6, 7]], "a polygon has 7 numbers"),
        ([[1, 2, 3, 4, 5, 1e12]], "far outside the image"),
        ([[1, 2, 3, 4, 5, float("nan")]], "far outside the image"),
        ([["a", 2, 3, 4, 5, 6]], "could not convert"),
        (None, "NoneType"),
    ],
)
def test_a_malformed_mask_is_named_when_it_is_made(written, segmentation, message):
    path, folder = written()
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"] = segmentation
    path.write_text(json.dumps(content))
    images = coco_parts(path, folder)
    with pytest.raises(ValueError, match=r"the mask of 'dog:head' in a\.jpg is malformed: .*" + message):
        images.parts[0]


def test_a_file_of_another_structure_is_named(written, tmp_path):
    path, folder = written(categories=None)
    with pytest.raises(ValueError, match=r"parts\.json is no COCO file: KeyError 'categories'"):
        coco_parts(path, folder)
    for text, message in (("[]", "it holds a list"), ("{", "is no JSON"), ("[" * 10**5, "is no JSON")):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            coco_parts(path, folder)
    with pytest.raises(ValueError, match="no COCO file at"):
        coco_parts(tmp_path / "none.json", folder)


def test_two_entries_of_one_file_are_refused(written):
    entry = {"file_name": "a.jpg", "height": H, "width": W}
    path, folder = written(images=[{"id": 7, **entry}, {"id": 3, **entry}])
    with pytest.raises(ValueError, match="2 images with such parts, but they are 1 files"):
        coco_parts(path, folder)


def test_missing_images_and_other_sizes_are_named(written, write_photo):
    path, folder = written()
    write_photo(folder / "a.jpg", (H, W + 1))
    with pytest.raises(ValueError, match=r"says that a\.jpg is \(7, 10\); the image is \(7, 11\)"):
        coco_parts(path, folder)
    (folder / "a.jpg").unlink()
    with pytest.raises(ValueError, match=r"1 of 2 images are not in .*: a\.jpg"):
        coco_parts(path, folder)
