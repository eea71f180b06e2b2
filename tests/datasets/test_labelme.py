import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from dff_widgets.datasets import labelme

H, W = 12, 16


@pytest.fixture
def write(tmp_path, write_photo):
    """Writes image and annotation `stem`; returns the folder."""

    def write(stem="cow", shapes=(), **changes):
        write_photo(tmp_path / f"{stem}.jpg", (H, W))
        content = {"version": "5.0", "flags": {}, "shapes": shapes, "imagePath": f"{stem}.jpg", "imageData": None}
        content |= {"imageHeight": H, "imageWidth": W} | changes
        (tmp_path / f"{stem}.json").write_text(json.dumps(content))
        return tmp_path

    return write


def shape(label, points, kind="polygon"):
    return {"label": label, "points": points, "shape_type": kind}


SQUARE = [[2, 3], [8, 3], [8, 9], [2, 9]]


def block(rows, columns):
    mask = np.zeros((H, W), dtype=bool)
    mask[rows, columns] = True
    return mask


def test_shapes_become_parts_with_their_borders(write):
    folder = write(
        shapes=[
            shape("head", SQUARE),
            shape("tail", [[14, 1], [12, 4]], "rectangle"),
            shape("eye", [[5, 6], [5, 8]], "circle"),
            {"label": "head", "points": [[0, 0], [1, 0], [1, 1], [0, 1]]},  # without a kind: a polygon
        ]
    )
    parts = labelme(folder).parts[0]
    assert list(parts) == ["head", "tail", "eye"]
    np.testing.assert_array_equal(parts["head"], block(slice(3, 10), slice(2, 9)) | block(slice(0, 2), slice(0, 2)))
    np.testing.assert_array_equal(parts["tail"], block(slice(1, 5), slice(12, 15)))
    rows, columns = np.mgrid[:H, :W]
    far = np.hypot(rows - 6, columns - 5)
    assert parts["eye"][far < 1.8].all()
    assert not parts["eye"][far > 2.8].any()


def test_shapes_lie_on_the_upright_image(write):
    folder = write(shapes=[shape("head", SQUARE)], imageHeight=W, imageWidth=H)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (W, H)).save(folder / "cow.jpg", exif=turned)
    images = labelme(folder)
    assert images[0].shape[:2] == images.parts[0]["head"].shape == (W, H)


def test_shapes_are_cut_at_the_border_of_the_image(write):
    parts = labelme(write(shapes=[shape("sky", [[-5, -5], [30, -5], [30, 2], [-5, 2]])])).parts[0]
    np.testing.assert_array_equal(parts["sky"], block(slice(0, 3), slice(None)))


def test_an_image_may_have_no_shapes(write):
    assert labelme(write()).parts[0] == {}


def test_images_elsewhere_and_inside(write, tmp_path, write_photo):
    folder = write(shapes=[shape("head", SQUARE)])
    write_photo(tmp_path / "photos" / "cow.jpg", (H, W), color="red")
    assert labelme(folder, images=tmp_path / "photos")[0][0, 0, 0] > 200
    (folder / "cow.jpg").unlink()
    buffer = io.BytesIO()
    Image.new("RGB", (W, H), "blue").save(buffer, "PNG")
    folder_json = json.loads((folder / "cow.json").read_text())
    folder_json["imageData"] = base64.b64encode(buffer.getvalue()).decode()
    folder_json["imagePath"] = "..\\photos\\gone.jpg"
    (folder / "cow.json").write_text(json.dumps(folder_json))
    images = labelme(folder)
    assert images.names == ("cow",)
    np.testing.assert_array_equal(images[0][0, 0], [0, 0, 255])


# ------------------------------------------------------------------------------------------------ what is refused
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapes": 3}, r"cow\.json was not written by labelme"),
        ({"shapes": [{"label": "x"}]}, r"shape 1 in cow\.json has no label and points"),
        ({"shapes": [3]}, "shape 1 in"),
        ({"shapes": [shape("x", [[1, 2], [3]])]}, "shape 1 in"),
        ({"shapes": [shape("x", SQUARE, "line")]}, "is a 'line' of 'x'; give polygon, rectangle, circle"),
        ({"shapes": [shape(None, SQUARE)]}, "of None"),
        ({"shapes": [shape("x", SQUARE[:2])]}, "a polygon of 2 points"),
        ({"shapes": [shape("x", SQUARE, "circle")]}, "a circle of 4 points"),
        ({"shapes": [shape("x", [[1, 2], [3, 4], [5, float("inf")]])]}, "a point that is no number"),
        ({"imageHeight": 99}, "says that its image is 99 x 16; it is 12 x 16"),
        ({"imagePath": "gone.jpg"}, r"image of cow\.json is not at .*gone\.jpg"),
        ({"imagePath": "gone.jpg", "imageData": "%%%"}, r"image inside cow\.json is damaged"),
        ({"imagePath": "gone.jpg", "imageData": "AAAA"}, r"image of cow\.json is not an image"),
    ],
)
def test_malformed_files_are_named(write, changes, message):
    with pytest.raises(ValueError, match=message):
        labelme(write(**changes))


def test_points_far_away_are_refused_when_they_are_drawn(write):
    images = labelme(write(shapes=[shape("head", [[0, 0], [1e9, 0], [1, 1]])]))
    with pytest.raises(ValueError, match=r"'head' in cow\.json has a point far outside the image"):
        images.parts[0]


def test_what_is_no_json_and_what_is_not_there_are_named(write, tmp_path, png_bomb):
    folder = write()
    png_bomb(folder / "cow.jpg")
    with pytest.raises(ValueError, match=r"image of cow\.json has more than .* pixels"):
        labelme(folder)
    for text in ("{", "[" * 10**5):
        (folder / "cow.json").write_text(text)
        with pytest.raises(ValueError, match=r"cow\.json is no JSON"):
            labelme(folder)
    with pytest.raises(ValueError, match=r"no labelme files \(\*\.json\) in"):
        labelme(tmp_path / "nowhere")


@pytest.mark.realdata
def test_exercise_parts(real_data):
    images = labelme(real_data / "exercise-parts" / "segmentation_data")
    assert len(images) == 30
    for i, parts in enumerate(images.parts):
        assert set(parts) <= {"full", "up", "arm", "left", "right"}
        assert images.size(i) == (128, 128)
        whole = np.logical_or.reduce([mask for name, mask in parts.items() if name != "full"])
        assert (whole & parts["full"]).sum() > 0.8 * whole.sum()
