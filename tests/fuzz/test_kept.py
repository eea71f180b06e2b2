"""What damaged and hostile files once did to the readers; each was found by `make fuzz`, or while it was written."""

import json
import os

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat

from dff_widgets import datasets, export, storage
from dff_widgets.datasets.pascal_parts import read_parts
from dff_widgets.evaluation import Journal
from dff_widgets.images import ImageSet, UnreadableImageError
from dff_widgets.result import DFFResult
from dff_widgets.scale import Store
from dff_widgets.scale.files import write

from .readers import make_coco, make_export, make_journal, make_labelme, make_masks, make_pascal, make_store, session

LONG, DEEP, HUGE = "x" * 5000, "[" * 10**5, 10**400


def refused(read, *arguments, match):
    """Refused in one sentence of sensible length."""
    with pytest.raises(ValueError, match=match) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def rewrite(path, **changes):
    content = json.loads(path.read_text())
    for way, value in changes.items():
        *outer, last = way.split("__")
        inner = content
        for key in outer:
            inner = inner[int(key) if key.isdigit() else key]
        inner[int(last) if last.isdigit() else last] = value
    path.write_text(json.dumps(content))


# ---------------------------------------------------------------------------------------------------------- images
def test_a_pipe_in_place_of_an_image_does_not_make_us_wait(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    refused(ImageSet.from_files, tmp_path / "a.png", match=r"a\.png cannot be read: it is no file")


def test_postscript_is_not_handed_to_its_interpreter(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    refused(ImageSet.from_files, tmp_path / "a.png", match=r"a\.png is PostScript, which is a program")


@pytest.mark.parametrize("error", [NotImplementedError, AssertionError, TypeError, KeyError, MemoryError])
def test_whatever_a_decoder_raises_is_our_error(tmp_path, monkeypatch, error):
    """Pillow's DDS and palette readers raise these; which bytes make them differs with its versions."""
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")

    def fail(*_arguments, **_options):
        raise error("damaged\ndata")

    images = ImageSet.from_files(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "convert", fail)
    with pytest.raises(UnreadableImageError, match=r"a\.png cannot be read: .*damaged"):
        images[0]


def test_a_mask_with_a_broken_colour_profile_is_named(tmp_path):
    make_masks(tmp_path)
    path = tmp_path / "maps" / "0.png"
    Image.open(path).save(path, icc_profile=b"x" * 20)
    data = bytearray(path.read_bytes())
    at = data.index(b"iCCP")
    name = data[at + 4 :].index(b"\0")
    data[at - 4 : at] = (name + 1).to_bytes(4, "big")  # it ends after its name
    path.write_bytes(data)
    refused(lambda: datasets.folder(tmp_path / "photos", masks=tmp_path / "maps").parts[0], match="the mask .*0.png")


# ------------------------------------------------------------------------------------------------- results, stores
def packed(tmp_path, **changes):
    """A result whose JSON says something else."""
    content, tensors = session().result.pack()
    path = tmp_path / "x.dff"
    storage.write(path, "result", 1, content | changes, tensors)
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"sizes": [[10**6, 10**6]] * 3},  # heat maps of terabytes
        {"sizes": [[0, 5]] * 3},
        {"fit": ["much", 7, True]},
        {"fit": [0.5, None, True]},
        {"about": ["small", "4", "large"]},
    ],
)
def test_a_result_of_impossible_sizes_or_kinds_is_refused(tmp_path, changes):
    refused(DFFResult.load, packed(tmp_path, **changes), match=r"x\.dff' is not a whole result: ")


def test_what_a_result_says_of_itself_is_text(tmp_path):
    found = DFFResult.load(packed(tmp_path, about=[["small"], {"a": 1}, 64], skipped=[3, None]))
    assert (found.network, found.layer, found.skipped) == ("['small']", "{'a': 1}", ("3", "None"))


def test_a_long_text_in_a_result_does_not_fill_the_sentence(tmp_path):
    refused(DFFResult.load, packed(tmp_path, about=[LONG, "a\nb", LONG]), match="is not a whole result")
    refused(DFFResult.load, packed(tmp_path, sizes=[[LONG, "a\nb"]]), match="is not a whole result")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"complete": False, "images_per_chunk": "x"}, "is damaged: TypeError"),
        ({"complete": False, "images": None}, "is damaged: TypeError"),
        ({"layer__channels": 10**12}, "is of another layer than the manifest"),
        ({"chunks__0__file": LONG}, "is missing; the manifest tells of"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path, changes, message):
    make_store(tmp_path)
    rewrite(tmp_path / "s" / "manifest.json", **changes)
    refused(Store.open, tmp_path / "s", match=message)


def test_an_index_that_names_images_that_are_not_there_is_refused(tmp_path):
    make_store(tmp_path)
    path = tmp_path / "s" / "index.safetensors"
    content, tensors = storage.read(path, "index", 1)
    for name in ("shapes", "sizes", "kept"):
        tensors[name] = tensors[name][:3]
    tensors["shapes"][:2] *= (2, 1)  # as many rows as before, in fewer images
    rows = sum(c["rows"] for c in json.loads((tmp_path / "s" / "manifest.json").read_text())["chunks"])
    tensors["shapes"][2] = (rows - int(np.prod(tensors["shapes"][:2], axis=1).sum()), 1)
    tensors["kept"][0] = 99
    write(path, "index", content, tensors)
    refused(Store.open, tmp_path / "s", match=r"manifest\.json' is damaged: IndexError")


# ------------------------------------------------------------------------------------- label files, journals, exports
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapes__0__points": [[HUGE, 1], [2, 3], [4, 5]]}, "shape 1 in a.json has no label and points"),
        ({"shapes__0__shape_type": ["polygon"]}, r"shape 1 in a.json is a \['polygon'\]"),
        ({"shapes__0__label": LONG, "shapes__0__shape_type": LONG}, "shape 1 in a.json is a 'xxx"),
        ({"imagePath": LONG}, "the image of a.json is not at '"),
        ({"imagePath": "a\nb"}, "the image of a.json is not at '"),
        ({"imageHeight": [LONG, "a\nb"]}, "a.json says that its image is "),
    ],
)
def test_a_labelme_file_that_makes_no_sense_is_refused(tmp_path, changes, message):
    make_labelme(tmp_path)
    rewrite(tmp_path / "a.json", **changes)
    refused(datasets.labelme, tmp_path, match=message)


def test_a_journal_of_deep_lists_is_refused(tmp_path):
    make_journal(tmp_path)
    (tmp_path / "scores.jsonl").write_text(f"{DEEP}\n")
    refused(Journal, tmp_path / "scores.jsonl", match="line 1 of .* is no result of an experiment")


def test_an_index_of_deep_lists_is_no_export_of_ours(tmp_path):
    make_export(tmp_path)
    (tmp_path / "out" / "labels.json").write_text(DEEP)
    with pytest.raises(FileExistsError, match=r"labels\.json' is no label map of an earlier export"):
        export.to_png(session().result, tmp_path / "out")


# ------------------------------------------------------------------------------------------------------- data sets
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images__0__id": float("inf")}, "is no COCO file: OverflowError"),
        ({"images__0__file_name": LONG}, "1 of 2 images are not in "),
        ({"images__0__file_name": "a\nb"}, "1 of 2 images are not in "),
        ({"images__0__height": HUGE}, "says that a.jpg is "),
    ],
)
def test_a_coco_file_that_makes_no_sense_is_refused(tmp_path, changes, message):
    make_coco(tmp_path)
    path = tmp_path / "parts.json"
    rewrite(path, **changes)
    refused(datasets.coco_parts, path, tmp_path / "images", match=message)


def test_a_name_too_long_for_a_file_in_a_list_of_voc_is_refused(tmp_path):
    from .readers import make_voc

    make_voc(tmp_path)
    path = tmp_path / "VOCdevkit/VOC2007/ImageSets/Main/horse_trainval.txt"
    path.write_text(f"{LONG} 1\n")
    refused(datasets.voc2007, tmp_path, "horse", match=r"horse_trainval\.txt, line 1, is 'xxx")


def test_a_mat_file_is_read_as_scipy_reads_it(tmp_path):
    """scipy 1.17 crashes the process on some that are damaged, so it is only the twin."""
    make_pascal(tmp_path)
    for path in (tmp_path / "Annotations_Part").iterdir():
        theirs, mine = loadmat(path)["anno"][0, 0]["objects"].ravel(), read_parts(path)
        assert [o.name for o in mine] == [o["class"].item() for o in theirs] == ["cow", "person"]
        for ours, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(ours.mask, other["mask"] != 0)
            named = {p["part_name"].item(): p["mask"] != 0 for p in other["parts"].ravel()} if len(ours.parts) else {}
            assert list(ours.parts) == list(named)
            for part, mask in named.items():
                np.testing.assert_array_equal(ours.parts[part], mask)


def test_a_mat_file_in_which_any_byte_is_another_is_read_or_refused(tmp_path):
    make_pascal(tmp_path)
    path = tmp_path / "Annotations_Part" / "1.mat"
    whole, answers = path.read_bytes(), 0
    for at in range(128, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
        try:
            read_parts(path)
            answers += 1
        except ValueError as error:
            assert str(error).startswith("1.mat is no annotation of PASCAL-Part that can be read: ")  # noqa: PT017
    assert 0 < answers < (len(whole) - 128) // 3
