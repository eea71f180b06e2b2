import numpy as np
import pytest

from dff_widgets.datasets import voc, voc2007

H, W = 40, 60


def annotation(*objects):
    """VOC's XML; an object is (class, box from 1, {tag: value})."""
    shown = "".join(
        f"<object><name>{name}</name>{''.join(f'<{tag}>{value}</{tag}>' for tag, value in tags.items())}<bndbox>"
        + "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        + "</bndbox></object>"
        for name, box, tags in objects
    )
    return f"<annotation><size><width>{W}</width><height>{H}</height></size>{shown}</annotation>"


@pytest.fixture
def devkit(tmp_path, write_photo):
    """Writes VOC 2007 with these photos: {stem: xml}; all are listed for the class 'horse'."""

    def write(photos, flags=None):
        base = tmp_path / "VOCdevkit" / "VOC2007"
        for folder in ("Annotations", "ImageSets/Main"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        for stem, xml in photos.items():
            write_photo(base / "JPEGImages" / f"{stem}.jpg", (H, W))
            (base / "Annotations" / f"{stem}.xml").write_bytes(xml if isinstance(xml, bytes) else xml.encode())
        lines = [f"{stem} {(flags or {}).get(stem, ' 1')}" for stem in photos]
        (base / "ImageSets" / "Main" / "horse_trainval.txt").write_text("\n".join(lines) + "\n")
        return tmp_path

    return write


BOX = (1, 2, 10, 40)


def test_boxes_count_from_0_and_are_those_of_the_class(devkit):
    other = ("person", (5, 5, 6, 6), {})
    root = devkit({"000009": annotation(("horse", BOX, {}), other, ("horse", (3.4, 3, 20, 30), {"difficult": 1}))})
    images = voc2007(root, "horse")
    assert images.names == ("000009.jpg",)
    np.testing.assert_array_equal(images.boxes[0], [[0, 1, 9, 39], [2, 2, 19, 29]])


def test_photos_of_only_difficult_or_truncated_ones_are_left_out(devkit):
    difficult, truncated, plain = {"difficult": 1, "truncated": 0}, {"truncated": 1}, {"difficult": 0, "truncated": 0}
    photos = {
        "1": annotation(("horse", BOX, difficult), ("horse", BOX, truncated), ("person", BOX, plain)),
        "2": annotation(("horse", BOX, difficult), ("horse", BOX, plain)),
        "3": annotation(("horse", BOX, {})),  # no tags: neither
        "4": annotation(("person", BOX, plain)),
        "5": annotation(("horse", BOX, difficult)),
    }
    root = devkit(photos, flags={"4": "-1", "5": " 0"})
    assert voc2007(root, "horse").names == ("2.jpg", "3.jpg")
    assert voc2007(root, "horse", filtered=False).names == ("1.jpg", "2.jpg", "3.jpg", "5.jpg")


def test_without_a_class_all_objects_of_all_photos_count(devkit):
    other = ("cow", (5, 5, 9, 9), {"difficult": 1})
    root = devkit({"1": annotation(("horse", BOX, {"truncated": 1}), other), "2": annotation(other), "3": annotation()})
    images = voc2007(root, None)
    assert images.names == ("1.jpg", "2.jpg")
    assert [len(boxes) for boxes in images.boxes] == [2, 1]
    with pytest.raises(ValueError, match="no lists of test"):
        voc2007(root, None, split="test")


def test_all_left_out_is_said(devkit):
    root = devkit({"1": annotation(("horse", BOX, {"truncated": 1}))})
    with pytest.raises(ValueError, match="give filtered=False"):
        voc2007(root, "horse")


def test_a_photo_that_cannot_be_read_takes_its_boxes_along(devkit):
    root = devkit({"1": annotation(("horse", BOX, {})), "2": annotation(("horse", (2, 3, 4, 5), {}))})
    (root / "VOCdevkit/VOC2007/JPEGImages/1.jpg").write_bytes(b"no image")
    with pytest.warns(UserWarning, match=r"1\.jpg"):
        images = voc2007(root, "horse")
    assert images.names == ("2.jpg",)
    np.testing.assert_array_equal(images.boxes[0], [[1, 2, 3, 4]])


# ------------------------------------------------------------------------------------------------ what is refused
def test_it_says_what_is_missing_and_where_to_get_it(tmp_path, devkit):
    with pytest.raises(ValueError, match=r"no lists of trainval in .*VOC2007.*unpack http.*download=True"):
        voc2007(tmp_path, "horse")
    root = devkit({"1": annotation(("horse", BOX, {}))})
    with pytest.raises(ValueError, match=r"no list cow_trainval\.txt .*; there are horse"):
        voc2007(root, "cow")
    base = root / "VOCdevkit" / "VOC2007"
    (base / "JPEGImages" / "1.jpg").unlink()
    with pytest.raises(ValueError, match=r"photo 1\.jpg is not in .*JPEGImages"):
        voc2007(root, "horse")
    (base / "Annotations" / "1.xml").unlink()
    with pytest.raises(ValueError, match=r"no annotation 1\.xml in .*Annotations"):
        voc2007(root, "horse")


BOMB = '<!DOCTYPE annotation [<!ENTITY a "xx">{}]><annotation>&i;</annotation>'.format(
    "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
)


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (annotation(), r"1\.xml has no box of a 'horse'"),
        (annotation(("horse", BOX, {}))[:-30], r"1\.xml is no VOC annotation: .*(unclosed|no element)"),
        ("<annotation><object><name>horse</name></object></annotation>", r"object 1 in 1\.xml has no box"),
        (annotation(("horse", (1, "x", 3, 4), {})), r"object 1 in 1\.xml has no box of four numbers"),
        (annotation(("horse", (1, "inf", 3, 4), {})), r"object 1 in 1\.xml has no box of four numbers"),
        (annotation(("horse", (1, 2, "nan", 4), {})), r"object 1 in 1\.xml has no box of four numbers"),
        (annotation(("horse", (9, 2, 3, 4), {})), r"object 1 in 1\.xml has the name 'horse' and the box"),
        (annotation(("", BOX, {})), "the name ''"),
        (annotation(("horse", BOX, {"difficult": "very"})), "a tag that is no number"),
        ("<html></html>", r"1\.xml is no VOC annotation: its root is <html>"),
        (BOMB, "declares a document type"),
        (BOMB.encode("utf-16"), r"1\.xml is no VOC annotation"),
        (b"<?xml version='1.0' encoding='utf-16'?>" + BOMB.encode(), "declares a document type"),
        (b"\xff\xfe\x00", r"1\.xml is no VOC annotation"),
        ("<annotation>" + " " * 2**20 + "</annotation>", "bytes; an annotation of VOC has at most"),
    ],
)
def test_malformed_xml_is_named(devkit, xml, message):
    with pytest.raises(ValueError, match=message):
        voc2007(devkit({"1": xml}), "horse")


@pytest.mark.parametrize("line", ["1", "1 2", "../../etc/passwd 1", "1 1 1"])
def test_malformed_lists_are_named(devkit, line):
    root = devkit({"1": annotation(("horse", BOX, {}))})
    (root / "VOCdevkit/VOC2007/ImageSets/Main/horse_trainval.txt").write_text(f"1  1\n{line}\n")
    with pytest.raises(ValueError, match=r"horse_trainval\.txt, line 2"):
        voc2007(root, "horse")


def test_download_is_only_where_asked_and_says_when_it_fails(tmp_path, monkeypatch):
    import torchvision.datasets

    asked = []

    def fail(root, *, year, image_set, download):
        asked.append((root, year, image_set, download))
        raise OSError("no route")

    monkeypatch.setattr(torchvision.datasets, "VOCDetection", fail)
    with pytest.raises(ValueError, match="download=True"):
        voc2007(tmp_path / "new", "horse")
    assert not asked
    with pytest.raises(ConnectionError, match=r"OSError: no route.*unpack http"):
        voc2007(tmp_path / "new", "horse", download=True)
    assert asked == [(str(tmp_path / "new"), "2007", "trainval", True)]


# ------------------------------------------------------------------------------------------------------ real data
@pytest.mark.realdata
@pytest.mark.parametrize("cls", ["aeroplane", "bicycle", "horse"])
def test_voc2007_photos(real_data, cls):
    images = voc2007(real_data / "voc2007", cls)
    assert len(images) >= 50
    for i, boxes in enumerate(images.boxes):
        h, w = images.size(i)
        assert (boxes >= 0).all()
        assert (boxes[:, 2] < w).all()
        assert (boxes[:, 3] < h).all()


def test_the_reader_of_annotations_takes_empty_ones(tmp_path):
    (tmp_path / "x.xml").write_text(annotation())
    assert voc.read_objects(tmp_path / "x.xml") == []
