"""Part masks from files for images that are open: what each export writes comes back, and what does not fit is said."""

import json

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets import export
from dff_widgets.datasets import part_masks
from dff_widgets.datasets.yolo import read_names

from ..export.test_export import LABELS, SIZES, make, masks_of

TITLES = ["head", "leg + tail"]


@pytest.fixture(scope="module")
def result():
    return make()


@pytest.fixture(scope="module")
def expected(result):
    return [{TITLES[c]: one for c, one in enumerate(here) if one.any()} for here in masks_of(result, LABELS)]


def same(found, expected):
    assert len(found) == len(expected)
    for masks, wanted in zip(found, expected, strict=True):
        assert set(masks) == set(wanted)
        for part, mask in wanted.items():
            np.testing.assert_array_equal(masks[part], mask)


@pytest.mark.parametrize("name", ["to_coco", "to_yolo", "to_labelme"])
def test_what_was_exported_comes_back(name, result, expected, tmp_path):
    path = tmp_path / ("x.json" if name == "to_coco" else "x")
    getattr(export, name)(result, path, LABELS)
    same(part_masks(result.images, path), expected)


@pytest.mark.parametrize("name", ["to_png", "to_voc"])
def test_label_maps_come_back_with_their_names(name, result, tmp_path):
    getattr(export, name)(result, tmp_path / "x", LABELS)
    images = result.images
    if name == "to_voc":  # its names have no spaces
        images = dff.ImageSet(images.sources, tuple(n.replace(" ", "_") for n in images.names))
    found = part_masks(images, tmp_path / "x")
    for i, here in enumerate(masks_of(result, LABELS)):
        overlap = here.all(axis=0)
        for c, title in enumerate(TITLES):
            mask = found[i].get(title, np.zeros(SIZES[i], dtype=bool))
            np.testing.assert_array_equal(mask[~overlap], here[c][~overlap])


def test_a_folder_of_masks_for_each_part(result, expected, tmp_path):
    for i, masks in enumerate(expected):
        for part, mask in masks.items():
            (tmp_path / part).mkdir(exist_ok=True)
            Image.fromarray(mask).save(tmp_path / part / f"image {i}.png")
    same(part_masks(result.images, tmp_path), expected)


def test_images_are_found_by_path_name_or_stem_and_others_have_no_truth(tmp_path):
    places = ["A/a.png", "A/b.png", "B/a.png"]
    for place in places:
        (tmp_path / "photos" / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4)).save(tmp_path / "photos" / place)
    images = dff.ImageSet.from_files([tmp_path / "photos" / place for place in places])

    def coco(*names):
        square = [[1, 1, 4, 1, 4, 3, 1, 3]]
        content = {
            "images": [{"id": n, "file_name": name, "height": 4, "width": 6} for n, name in enumerate(names)],
            "categories": [{"id": 1, "name": "head"}],
            "annotations": [{"image_id": n, "category_id": 1, "segmentation": square} for n in range(len(names))],
        }
        (tmp_path / "x.json").write_text(json.dumps(content))
        return [len(masks) for masks in part_masks(images, tmp_path / "x.json")]

    assert coco("A/a.png", "B/a.png") == [1, 0, 1]
    assert coco("b.jpg", "other.png") == [0, 1, 0]
    assert coco("/somewhere/else/b.png") == [0, 1, 0]
    assert coco("B\\a.png") == [0, 0, 1]
    with pytest.raises(ValueError, match=r"x.json is of other images: it has a.png; these are A/a.png, b.png, B/a.png"):
        coco("a.png")  # it could be either
    with pytest.raises(ValueError, match=r"b.png and b.jpg in x.json are of one image"):
        coco("b.png", "b.jpg")


def test_what_does_not_fit_is_one_sentence(result, tmp_path):
    images = result.images
    with pytest.raises(ValueError, match="no file or folder at 'nowhere'"):
        part_masks(images, "nowhere")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"no masks \(PNG\), labelme files \(JSON\) or YOLO labels \(TXT\).*er"):
        part_masks(images, tmp_path / "deep")
    (tmp_path / "x.xml").write_text("<a/>")
    with pytest.raises(ValueError, match=r"x.xml is no COCO file \(.json\)"):
        part_masks(images, tmp_path / "x.xml")
    Image.new("L", (3, 3)).save(tmp_path / "image 0.png")
    with pytest.raises(ValueError, match="is 3 x 3; its image image 0 is 40 x 56"):
        part_masks(images, tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.2 0.2", "line 1 of image 0.txt is a box; give polygons"),
        ("0 0.1 0.1 0.2 0.2 0.3", "line 1 of image 0.txt has 5 numbers"),
        ("head 0.1 0.1 0.2 0.2 0.3 0.1", "is no class and numbers"),
        ("0 0.1 0.1 0.2 nan 0.3 0.1", "no fraction of the image's sides"),
        ("0 10 10 20 20 30 10", "no fraction of the image's sides"),
        ("7 0.1 0.1 0.2 0.2 0.3 0.1", "is of the class 7, which has no name"),
    ],
)
def test_lines_of_yolo_that_are_none(line, said, result, tmp_path):
    (tmp_path / "classes.txt").write_text("head\n")
    (tmp_path / "image 0.txt").write_text(line)
    with pytest.raises(ValueError, match=said):
        list(part_masks(result.images, tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "names: [head, 'it''s', \"a: \\U0001f981\"]",
        "nc: 3\nnames:\n- head\n- 'it''s'  # mine\n- \"a: \\U0001f981\"\nval: x",
        "names:\n  0: head\n  1: 'it''s'\n  # no\n  2: \"a: \\ud83e\\udd81\"\n",
        "names: {0: head, 1: 'it''s', 2: \"a: \\U0001f981\"}",
    ],
)
def test_names_of_classes_in_the_ways_of_yaml(text, tmp_path):
    (tmp_path / "data.yaml").write_text(text)
    assert read_names(tmp_path) == {0: "head", 1: "it's", 2: "a: \U0001f981"}


@pytest.mark.parametrize("text", ["nc: 3", "names: x", 'names: ["a', "names:\n  x: y", "names:\n- ''", 'names:\n - "a'])
def test_names_of_classes_that_are_none(text, tmp_path):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(ValueError, match="class"):
        read_names(tmp_path)
