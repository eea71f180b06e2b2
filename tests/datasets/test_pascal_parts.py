import sys
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from dff_widgets.datasets import QUADRUPED, pascal_parts

from .test_voc import annotation

H, W = 5, 8


def structs(records, fields):
    """A MATLAB struct array (1, n), or the empty matrix that stands for none."""
    if not records:
        return np.empty((0, 0))
    array = np.empty((1, len(records)), dtype=[(field, object) for field in fields])
    for i, record in enumerate(records):
        array[0, i] = tuple(record)
    return array


def rows(first, last):
    mask = np.zeros((H, W), dtype=np.uint8)
    mask[first:last] = 1
    return mask


def write_mat(path, objects, **options):
    """PASCAL-Part's .mat; an object is (class, {part: mask})."""
    found = [(cls, 1, rows(0, H), structs(list(parts.items()), ("part_name", "mask"))) for cls, parts in objects]
    anno = structs([(path.stem, structs(found, ("class", "class_ind", "mask", "parts")))], ("imname", "objects"))
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"anno": anno}, do_compression=True, **options)


@pytest.fixture
def root(tmp_path, write_photo):
    cow = {"head": rows(0, 1), "lfuleg": rows(2, 3), "rfuleg": rows(3, 4)}
    write_mat(
        tmp_path / "Annotations_Part" / "2008_1.mat", [("cow", cow), ("cow", {"head": rows(4, 5)}), ("person", {})]
    )
    write_mat(tmp_path / "Annotations_Part" / "2008_2.mat", [("person", {"head": rows(0, 2)})])
    write_mat(tmp_path / "Annotations_Part" / "2008_3.mat", [("cow", {"tail": rows(1, 2)}), ("table", {})])
    for number in (1, 2, 3):
        write_photo(tmp_path / "JPEGImages" / f"2008_{number}.jpg", (H, W))
    return tmp_path


def test_the_parts_of_all_objects_of_the_class_are_joined(root):
    images = pascal_parts(root, "cow")
    assert images.names == ("2008_1.jpg", "2008_3.jpg")
    first, second = images.parts
    assert list(first) == ["head", "lfuleg", "rfuleg"]
    np.testing.assert_array_equal(first["head"], (rows(0, 1) + rows(4, 5)) > 0)
    assert list(second) == ["tail"]


def test_merge_joins_and_leaves_out(root):
    first, second = pascal_parts(root, "cow", merge=QUADRUPED).parts
    assert list(first) == ["head", "leg"]
    np.testing.assert_array_equal(first["leg"], rows(2, 4) > 0)
    assert second == {}


def test_others_are_whole(root):
    first, second = pascal_parts(root, "cow", others=True, merge={"person": "rider", "head": None}).parts
    assert list(first) == ["lfuleg", "rfuleg", "person"]
    assert first["person"].all()
    assert list(second) == ["tail", "table"]


def test_a_class_without_parts_has_none(root):
    assert pascal_parts(root, "table").parts[0] == {}


def test_lists_and_tags_of_voc_are_used_where_they_are(root, write_photo):
    devkit = root / "VOCdevkit" / "VOC2010"
    (devkit / "ImageSets" / "Main").mkdir(parents=True)
    (devkit / "ImageSets" / "Main" / "cow_trainval.txt").write_text("2008_1  1\n2008_2 -1\n2008_3  1\n")
    for number in (1, 2, 3):
        write_photo(devkit / "JPEGImages" / f"2008_{number}.jpg", (H, W))
    (devkit / "Annotations").mkdir()
    (devkit / "Annotations" / "2008_1.xml").write_text(annotation(("cow", (1, 1, 2, 2), {"truncated": 1})))
    (devkit / "Annotations" / "2008_3.xml").write_text(annotation(("cow", (1, 1, 2, 2), {"truncated": 0})))
    (root / "Annotations_Part").rename(devkit / "Annotations_Part")
    assert pascal_parts(root, "cow").names == ("2008_3.jpg",)
    assert pascal_parts(root, "cow", filtered=False).names == ("2008_1.jpg", "2008_3.jpg")


# ------------------------------------------------------------------------------------------------ what is refused
def test_it_says_what_is_missing_and_where_to_get_it(root, tmp_path):
    with pytest.raises(ValueError, match=r"no folder Annotations_Part in .*VOC2010.*get it from http"):
        pascal_parts(tmp_path / "nowhere", "cow")
    with pytest.raises(ValueError, match=r"no photo of 'cwo' in .*; there are cow, person, table"):
        pascal_parts(root, "cwo")
    (root / "JPEGImages" / "2008_1.jpg").unlink()
    with pytest.raises(ValueError, match=r"photo 2008_1\.jpg is not in"):
        pascal_parts(root, "cow")


def test_a_mask_of_another_size_is_named(root, write_photo):
    write_photo(root / "JPEGImages" / "2008_1.jpg", (H, W + 1))
    images = pascal_parts(root, "cow")
    with pytest.raises(ValueError, match=r"'head' in 2008_1\.mat is \(5, 8\); its photo is \(5, 9\)"):
        images.parts[0]


@pytest.mark.parametrize("keep", [0, 60, 128, 140, -100, -1])
def test_a_truncated_file_is_named(root, keep):
    path = root / "Annotations_Part" / "2008_3.mat"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"2008_3\.mat is no annotation of PASCAL-Part that can be read: ."):
        pascal_parts(root, "cow")


def test_random_damage_is_an_error_that_names_the_file_or_no_error(root):
    path = root / "Annotations_Part" / "2008_3.mat"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            pascal_parts(root, "cow")
        except ValueError as error:
            assert "2008_3.mat" in str(error)  # noqa: PT017 - it may also go well


def test_another_structure_is_named(root):
    savemat(root / "Annotations_Part" / "2008_3.mat", {"anno": np.zeros((2, 2))})
    with pytest.raises(ValueError, match=r"2008_3\.mat is no annotation"):
        pascal_parts(root, "cow")
    savemat(root / "Annotations_Part" / "2008_3.mat", {"other": 1})
    with pytest.raises(ValueError, match=r"2008_3\.mat is no annotation"):
        pascal_parts(root, "cow")


def test_a_bomb_is_refused_while_it_expands(root, monkeypatch):
    monkeypatch.setattr(sys.modules["dff_widgets.datasets.pascal_parts"], "_MAX_BYTES", 2**20)
    path = root / "Annotations_Part" / "2008_3.mat"
    packed = zlib.compress(bytes(2**24))
    header = path.read_bytes()[:128]
    path.write_bytes(header + (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed)
    with pytest.raises(ValueError, match=r"2008_3\.mat .* expands to more than 1,048,576 bytes"):
        pascal_parts(root, "cow")


# ------------------------------------------------------------------------------------------------------ real data
@pytest.mark.realdata
def test_pascal_part_photos(real_data):
    birds = pascal_parts(real_data / "pascal-part", "bird")
    assert birds.names == ("2008_001978.jpg", "2010_005511.jpg")
    assert {"head", "torso", "beak", "tail"} <= set(birds.parts[1])
    horse = pascal_parts(real_data / "pascal-part", "horse", merge=QUADRUPED)
    assert set(horse.parts[0]) == {"head", "neck+torso", "leg"}
    for images in (birds, horse):
        for i, parts in enumerate(images.parts):
            assert all(mask.shape == images.size(i) and mask.any() for mask in parts.values())


def test_pieces_have_the_names_of_table_4():
    from dff_widgets.datasets import PIECES

    expected = {"lwing": "wing", "engine_3": "engine", "wheel_12": "wheel", "fwheel": "wheel", "ruleg": "leg"}
    expected |= {"lfpa": "leg", "rbho": "leg", "lhand": "arm", "beak": "head", "neck": "torso", "hfrontside": "head"}
    expected |= {"cleftside_2": "body", "roofside": "body", "door_1": "door"}
    assert {piece: PIECES[piece] for piece in expected} == expected
    assert "tail" not in PIECES  # keeps its name
