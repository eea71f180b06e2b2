"""The formats of other tools, read by readers that are written here after the formats' descriptions.

YOLO: docs.ultralytics.com/datasets/segment. CVAT: docs.cvat.ai, "XML annotation format", version 1.1. Datumaro: its
documentation, "Datumaro format", with the masks decoded by pycocotools. labelme: the keys and types that its loader
demands. Pascal VOC: the development kit's, with the ``labelmap.txt`` of CVAT and Datumaro. What the tools themselves
make of these files is shown by ``python -m tools.formats``, in an environment of its own.
"""

import base64
import dataclasses
import io
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw

import dff_widgets as dff
from dff_widgets import export, labelling
from dff_widgets.images import paths, stems
from dff_widgets.labelling import Correction

from .test_export import LABELS, NASTY, SIZES, make, masks_of, regions, state_of

TITLES = ["head", "leg + tail"]


@pytest.fixture(scope="module")
def result():
    return make()


@pytest.fixture(scope="module")
def expected(result):
    """(image, class) -> (h, w) bool, of those that are there."""
    masks = masks_of(result, LABELS)
    return {(i, TITLES[c]): one for i, here in enumerate(masks) for c, one in enumerate(here) if one.any()}


def same(found, expected):
    assert set(found) == set(expected)
    for key, mask in expected.items():
        np.testing.assert_array_equal(found[key], mask, err_msg=str(key))


def add(found, key, mask):
    found[key] = found[key] | mask if key in found else mask


def draw(corners, size):
    image = Image.new("1", size[::-1])
    ImageDraw.Draw(image).polygon(corners, outline=1, fill=1)
    return np.array(image)


# ------------------------------------------------------------------------------------------------------------ to_yolo
def read_yolo(folder):
    """As Ultralytics: fractions become pixels, cut to whole ones, and the polygon is filled with its border."""
    data = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    assert set(data) == {"train", "val", "names"}
    found = {}
    for i, size in enumerate(SIZES):
        for line in (folder / "labels" / "train" / f"image {i}.txt").read_text().splitlines():
            number, *values = line.split()
            points = np.array(values, dtype=np.float32).reshape(-1, 2)
            assert len(points) >= 3
            assert (points >= 0).all()
            assert (points <= 1).all()
            corners = points * np.array([size[1], size[0]], dtype=np.float32)
            add(found, (i, data["names"][int(number)]), draw([tuple(map(int, point)) for point in corners], size))
    return found


def test_yolo_has_every_hole_and_every_piece(result, expected, tmp_path):
    export.to_yolo(result, tmp_path / "x", LABELS)
    same(read_yolo(tmp_path / "x"), expected)
    assert sorted(p.name for p in tmp_path.joinpath("x/images/train").iterdir()) == []


def test_yolo_takes_the_photos_along(result, tmp_path):
    export.to_yolo(result, tmp_path / "x", LABELS, photos=True)
    for i, pixels in enumerate(result.images):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"x/images/train/image {i}.png")), pixels)


def test_yolo_names_are_read_back_by_yaml(tmp_path):
    export.to_yolo(make(k=len(NASTY)), tmp_path / "x", dict(enumerate(NASTY)), threshold="otsu")
    names = yaml.safe_load((tmp_path / "x" / "data.yaml").read_text(encoding="utf-8"))["names"]
    assert list(names.values()) == [name.replace("\udcff", "\N{REPLACEMENT CHARACTER}") for name in NASTY]


# ------------------------------------------------------------------------------------------------------------ to_cvat
def read_cvat(path):
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    assert root.findtext("version") == "1.1"
    known = [label.findtext("name") for label in root.iter("label")]
    found = {}
    for image in root.iter("image"):
        size = int(image.get("height")), int(image.get("width"))
        assert size == SIZES[int(image.get("id"))]
        for mask in image.iter("mask"):
            assert mask.get("label") in known
            left, top, width, height = (int(mask.get(name)) for name in ("left", "top", "width", "height"))
            runs = [int(run) for run in mask.get("rle").split(",")]
            assert sum(runs) == width * height
            inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
            assert inside.any(axis=0).all() or inside.any(axis=1)[[0, -1]].all()
            whole = np.zeros(size, dtype=bool)
            whole[top : top + height, left : left + width] = inside
            add(found, (int(image.get("id")), mask.get("label")), whole)
    return found


def test_cvat_masks_come_back(result, expected, tmp_path):
    export.to_cvat(result, tmp_path / "x.xml", LABELS)
    same(read_cvat(tmp_path / "x.xml"), expected)
    root = ET.parse(tmp_path / "x.xml").getroot()
    assert [image.get("name") for image in root.iter("image")] == list(result.images.names)
    colors = [c.color for c in regions(result, LABELS).classes]
    assert [label.findtext("color") for label in root.iter("label")] == colors


def test_cvat_takes_any_name(tmp_path):
    export.to_cvat(make(k=len(NASTY), names=NASTY[:3]), tmp_path / "x.xml", dict(enumerate(NASTY)), threshold="otsu")
    root = ET.parse(tmp_path / "x.xml").getroot()
    readable = [name for name in NASTY if "\udcff" not in name]
    assert set(readable) <= {label.findtext("name") for label in root.iter("label")}
    assert {mask.get("label") for mask in root.iter("mask")} <= {label.findtext("name") for label in root.iter("label")}
    assert [image.get("name") for image in root.iter("image")] == list(NASTY[:3])


# -------------------------------------------------------------------------------------------------------- to_datumaro
def test_datumaro_masks_come_back(result, expected, tmp_path):
    coco = pytest.importorskip("pycocotools.mask")
    export.to_datumaro(result, tmp_path / "x", LABELS, photos=True)
    content = json.loads((tmp_path / "x" / "annotations" / "default.json").read_text(encoding="utf-8"))
    assert (content["dm_format_version"], content["media_type"]) == ("1.0", 2)
    names = [label["name"] for label in content["categories"]["label"]["labels"]]
    ink = [c.color.lower() for c in regions(result, LABELS).classes]
    assert ["#{r:02x}{g:02x}{b:02x}".format(**c) for c in content["categories"]["mask"]["colormap"]] == ink
    found = {}
    for i, item in enumerate(content["items"]):
        assert item["image"]["size"] == list(SIZES[i])
        photo = tmp_path / "x" / "images" / "default" / item["image"]["path"]
        np.testing.assert_array_equal(np.asarray(Image.open(photo)), result.images[i])
        for one in item["annotations"]:
            mask = coco.decode({"size": one["rle"]["size"], "counts": one["rle"]["counts"].encode("ascii")})
            add(found, (i, names[one["label_id"]]), mask.astype(bool))
            assert 0 < one["attributes"]["score"] <= 1
    same(found, expected)


# --------------------------------------------------------------------------------------------------------- to_labelme
def test_labelme_draws_the_masks(result, expected, tmp_path):
    export.to_labelme(result, tmp_path / "x", LABELS)
    found = {}
    for i, size in enumerate(SIZES):
        content = json.loads((tmp_path / "x" / f"image {i}.json").read_text(encoding="utf-8"))
        assert (content["imageHeight"], content["imageWidth"]) == size
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(content["imageData"], validate=True))))
        np.testing.assert_array_equal(pixels, result.images[i])
        groups = {}
        for shape in content["shapes"]:
            assert (shape["shape_type"], shape["flags"], shape["mask"]) == ("polygon", {}, None)
            groups.setdefault(shape["label"], []).append(shape["group_id"])
            add(found, (i, shape["label"]), draw([tuple(point) for point in shape["points"]], size))
        for ids in groups.values():
            assert len(set(ids)) == 1
            assert (ids[0] is None) == (len(ids) == 1)
        assert len({ids[0] for ids in groups.values() if ids[0] is not None}) == sum(
            len(g) > 1 for g in groups.values()
        )
    same(found, expected)


def test_labelme_finds_images_that_are_files_and_our_reader_reads_both(result, tmp_path):
    (tmp_path / "photos").mkdir()
    for i, pixels in enumerate(result.images):
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{i}.png")
    on_disk = dataclasses.replace(result, images=dff.ImageSet.from_folder(tmp_path / "photos"))
    for name, of, photos in (("far", on_disk, False), ("near", on_disk, True), ("inside", result, False)):
        export.to_labelme(of, tmp_path / name, LABELS, photos=photos)
        back = dff.datasets.labelme(tmp_path / name)
        for i, masks in enumerate(masks_of(result, LABELS)):
            np.testing.assert_array_equal(back[i], result.images[i])
            present = {TITLES[c]: mask for c, mask in enumerate(masks) if mask.any()}
            assert set(back.parts[i]) == set(present)
            for part, mask in present.items():
                np.testing.assert_array_equal(back.parts[i][part], mask)
    place = json.loads((tmp_path / "far" / "0.json").read_text())
    assert (place["imagePath"], place["imageData"]) == ("../photos/0.png", None)


# ------------------------------------------------------------------------------------------------------------- to_voc
def read_voc(folder):
    """Per image (h, w) names of classes, told by their colours as CVAT and Datumaro do."""
    table = {}
    for line in (folder / "labelmap.txt").read_text(encoding="utf-8").splitlines()[1:]:
        name, color, parts, actions = line.split(":")
        assert (parts, actions) == ("", "")
        assert name not in table.values()
        table[tuple(map(int, color.split(",")))] = name
    found = []
    for name in (folder / "ImageSets" / "Segmentation" / "default.txt").read_text(encoding="utf-8").split():
        image = Image.open(folder / "SegmentationClass" / f"{name}.png")
        assert image.mode == "P"
        found.append((np.asarray(image), np.asarray(image.convert("RGB")), table))
    return found


def test_voc_maps_come_back_by_number_and_by_colour(result, tmp_path):
    export.to_voc(result, tmp_path / "x", LABELS, photos=True)
    names = ["background", *TITLES]
    for i, (values, rgb, table) in enumerate(read_voc(tmp_path / "x")):
        wanted = regions(result, LABELS).label_map(i)
        np.testing.assert_array_equal(values, wanted)
        for color, name in table.items():
            np.testing.assert_array_equal((rgb == color).all(axis=2), wanted == names.index(name))
    assert len(list((tmp_path / "x" / "JPEGImages").iterdir())) == 3


def test_voc_tells_classes_of_one_colour_and_of_any_name_apart(tmp_path):
    names = ["a:b", "a b", "background", "#", "#"]
    colors = ["#000000", "#ffffff", "#FFFFFF", "#000001", "#010203"]
    export.to_voc(make(k=5), tmp_path / "x", dict(enumerate(names)), colors=colors, threshold="otsu")
    (_, _, table), *_ = read_voc(tmp_path / "x")
    assert list(table.values()) == ["background", "a b", "a b (2)", "background (2)", "part"]
    assert len(table) == 5
    with pytest.raises(ValueError, match="255 classes; Pascal VOC has at most 254"):
        export.to_voc(make(k=255), tmp_path / "y")


# ------------------------------------------------------------------------------------------------------------ folders
@pytest.mark.parametrize("name", ["to_yolo", "to_voc", "to_datumaro", "to_labelme"])
def test_a_folder_that_holds_something_is_left_alone_unless_it_is_said(name, result, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"the folder .* is not empty; give another one, or overwrite=True"):
        getattr(export, name)(result, tmp_path, LABELS)
    with pytest.raises(NotADirectoryError, match=r"notes.txt' is a file; give a folder"):
        getattr(export, name)(result, tmp_path / "notes.txt", LABELS)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    getattr(export, name)(result, tmp_path, LABELS, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_images_are_told_apart_by_where_they_lie(tmp_path):
    places = ["A/a.png", "A/b.png", "B/deep/a.png"]
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3)).save(tmp_path / place)
    files = [tmp_path / place for place in places]
    assert paths(dff.ImageSet.from_files(files)) == places
    assert paths(dff.ImageSet.from_files(files[:1])) == ["a.png"]
    assert paths(dff.ImageSet.from_files([files[0]] * 3)) == ["a.png", "a (2).png", "a (3).png"]
    assert stems(dff.ImageSet.from_files(files)) == ["A_a", "A_b", "B_deep_a"]
    twins = dff.ImageSet.from_arrays([np.zeros((2, 2, 3), np.uint8)] * 3, names=["x", "x", "x.png"])
    assert paths(twins) == ["x", "x (2)", "x.png"]
    assert stems(twins) == ["x", "x-2", "x-3"]


def test_a_photo_keeps_its_bytes(tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (31, 57), "red").save(buffer, "JPEG")
    (tmp_path / "one.JPG").write_bytes(buffer.getvalue())
    result = make()
    sources = (buffer.getvalue(), tmp_path / "one.JPG", result.images.sources[2])
    result = dataclasses.replace(result, images=dff.ImageSet(sources, ("a", "b", "c")))
    export.to_yolo(result, tmp_path / "x", LABELS, photos=True)
    found = {p.name: p.read_bytes() for p in (tmp_path / "x" / "images" / "train").iterdir()}
    assert sorted(name.rpartition(".")[2] for name in found) == ["jpg", "jpg", "png"]
    assert sorted(found.values())[1:] == [buffer.getvalue()] * 2


# ---------------------------------------------------------------------------------------------------- what is seen
def corrected(i):
    """A person put a box into the first factor of image 0, and took another one from the third of image 2."""
    nothing = np.zeros(SIZES[i], dtype=bool)
    box = nothing.copy()
    box[3:9, 4:30] = True
    if i == 0:
        return {0: (Correction.none(SIZES[0]).put(box, nothing),)}
    return {2: (Correction.none(SIZES[2]).take(box, nothing),)} if i == 2 else {}


def read_coco(path):
    coco = pytest.importorskip("pycocotools.mask")
    content = json.loads(path.read_text())
    names = {c["id"]: c["name"] for c in content["categories"]}
    return {
        (a["image_id"] - 1, names[a["category_id"]]): coco.decode(
            a["segmentation"] | {"counts": a["segmentation"]["counts"].encode()}
        ).astype(bool)
        for a in content["annotations"]
    }


READ = {"to_yolo": read_yolo, "to_cvat": read_cvat, "to_coco": read_coco}


@pytest.mark.parametrize("name", READ)
def test_masks_are_exported_as_a_person_corrected_them(name, result, expected, tmp_path):
    seen = dict(expected)
    for i in (0, 2):
        box = np.zeros(SIZES[i], dtype=bool)
        box[3:9, 4:30] = True
        seen[i, TITLES[i // 2]] = expected[i, TITLES[i // 2]] & ~box if i == 2 else expected[i, TITLES[0]] | box
    assert any((seen[key] != expected[key]).any() for key in seen)
    getattr(export, name)(result, tmp_path / "x", LABELS, corrections=corrected)
    same(READ[name](tmp_path / "x"), seen)


def test_in_a_label_map_what_a_person_put_in_wins(result, tmp_path):
    export.to_voc(result, tmp_path / "x", LABELS, corrections=corrected)
    assert (np.asarray(Image.open(tmp_path / "x" / "SegmentationClass" / "image_0.png"))[3:9, 4:30] == 1).all()


def written_images(name, path):
    """Which images an export speaks of, by number."""
    if name == "to_cvat":
        return {int(image.get("id")) for image in ET.parse(path).getroot().iter("image")}
    if name == "to_coco":
        return {image["id"] - 1 for image in json.loads(path.read_text())["images"]}
    if name == "to_label_studio":
        return {int(task["data"]["image"][-1]) for task in json.loads(path.read_text())}
    if name == "to_csv":
        return {int(line.split(",")[0][-1]) for line in path.read_text().splitlines()[1:]}
    if name == "to_datumaro":
        content = json.loads((path / "annotations" / "default.json").read_text())
        return {int(item["id"][-1]) for item in content["items"]}
    return {int(file.stem[-1]) for file in path.rglob("*") if file.is_file() and file.stem.startswith("image")}


def test_the_page_brings_along_the_masks_that_are_seen(result, tmp_path):
    def state(**options):
        export.to_html(result, tmp_path / "x.html", LABELS, overwrite=True, **options)
        return state_of(tmp_path / "x.html")

    assert (state()["seen"], state()["threshold"], state()["look"]) == (None, None, "heat")
    found = state(corrections=corrected, only=[0, 2], masks=True)
    assert (found["threshold"], found["look"], found["captions"]) == ("auto", "masks", ["image 0", "image 2"])
    assert (found["stack"]["kept"], len(found["photos"]), found["seen"]["k"]) == (2, 2, 4)
    maps = np.frombuffer(base64.b64decode(found["seen"]["maps"]), np.uint8)
    masks = labelling.Seen(result, corrections=corrected)
    assert [tuple(grid) for grid in found["seen"]["grids"]] == [SIZES[0], SIZES[2]]
    for i in (0, 2):
        area = 4 * SIZES[i][0] * SIZES[i][1]
        np.testing.assert_array_equal(maps[:area].reshape(4, *SIZES[i]) >= 128, masks.masks(i))
        maps = maps[area:]
    assert not len(maps)


@pytest.mark.parametrize("name", sorted(set(export.__all__) - {"to_html", "to_figure"}))
@pytest.mark.parametrize("only", [[0, 2], [2], []])
def test_the_accepted_images_are_exported_alone(name, only, result, tmp_path):
    getattr(export, name)(result, tmp_path / "x", LABELS, only=only)
    assert written_images(name, tmp_path / "x") == set(only)
    with pytest.raises(ValueError, match="only is"):
        getattr(export, name)(result, tmp_path / "y", LABELS, only=[3])


def test_a_figure_shows_the_masks_that_are_seen(result, tmp_path):
    for name, options in {
        "heat": {},
        "masks": {"masks": True},
        "hand": {"masks": True, "corrections": corrected},
    }.items():
        export.to_figure(result, tmp_path / f"{name}.png", LABELS, images=[0], **options)
    heat, masks, hand = (
        np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")) for name in ("heat", "masks", "hand")
    )
    assert (heat != masks).any()
    assert (masks != hand).any()
    for name, options in (("only", {"only": [2]}), ("image", {"images": [2]})):
        export.to_figure(result, tmp_path / f"{name}.png", LABELS, **options)
    alone, chosen = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("only", "image"))
    np.testing.assert_array_equal(alone, chosen)
