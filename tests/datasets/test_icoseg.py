import numpy as np
import pytest

from dff_widgets.datasets import icoseg

ELEPHANTS = "021 Elephants-safari June 2008-timd2000"


@pytest.fixture(params=["", "CMU_Cornell_iCoseg_dataset/dataset_public"])
def root(request, tmp_path, write_photo, write_mask):
    """The layout of the official archive, seen from inside and from where it was unpacked."""
    public = tmp_path / request.param
    for name in (ELEPHANTS, "009 Stonehenge-Stongehenge-rjt208", "012 Stonehenge-Salisbury Cathedral-Sou'wester"):
        for stem in ("1", "2"):
            write_photo(public / "images" / name / f"{stem}.jpg", (4, 6))
            mask = np.zeros((4, 6), dtype=np.uint8)
            mask[1:3, int(stem) :] = 1
            write_mask(public / "ground_truth" / name / f"{stem}.png", mask)
    return tmp_path


def test_a_set_has_the_masks_of_its_object(root):
    images = icoseg(root, ELEPHANTS)
    assert images.names == ("1.jpg", "2.jpg")
    assert [list(parts) for parts in images.parts] == [["object"], ["object"]]
    assert [int(parts["object"].sum()) for parts in images.parts] == [10, 8]


def test_a_set_is_found_by_what_tells_it_from_the_others(root):
    assert len(icoseg(root, "elephants")) == 2
    with pytest.raises(ValueError, match=r"2 sets of iCoseg fit 'Stonehenge': 009 .*, 012 "):
        icoseg(root, "Stonehenge")
    with pytest.raises(ValueError, match=r"no set 'panda' .*; there are 009 .*021 Elephants"):
        icoseg(root, "panda")


def test_part_masks_take_the_place_of_the_object(root, tmp_path, write_mask):
    for stem in ("1", "2"):
        labels = np.zeros((4, 6), dtype=np.uint8)
        labels[1], labels[2] = 1, 2
        write_mask(tmp_path / "my parts" / f"{stem}.png", labels)
    images = icoseg(root, ELEPHANTS, parts=tmp_path / "my parts", labels={1: "head", 2: "legs"})
    assert list(images.parts[0]) == ["head", "legs"]
    with pytest.raises(ValueError, match="no folder of part masks"):
        icoseg(root, ELEPHANTS, parts=tmp_path / "nowhere")


def test_photos_alone_have_no_parts(tmp_path, write_photo):
    write_photo(tmp_path / "elephant" / "1.jpg", (4, 6))
    assert icoseg(tmp_path, "elephant").parts is None


def test_it_says_where_to_get_what_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"no set 'Panda' .*get the photos from http"):
        icoseg(tmp_path / "nowhere", "Panda")


@pytest.mark.realdata
def test_the_photos_of_the_paper(real_data):
    assert len(icoseg(real_data / "icoseg", "gymnast")) == 6
    assert len(icoseg(real_data / "icoseg", "elephant")) == 5
