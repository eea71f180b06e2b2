import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.datasets import celeba, clothing, cosaliency, cub, partimagenet
from dff_widgets.evaluation.landmarks import part_centres

from .landmark_sets import (
    PARTIMAGENET,
    SPECIES,
    H,
    W,
    votes,
    write,
    write_celeba,
    write_clothing,
    write_cosaliency,
    write_cub,
    write_partimagenet,
)

MOST = votes() > 127  # three of five annotators


# --------------------------------------------------------------------------------------------------------------- CUB
def test_birds_have_their_box_landmarks_split_and_mask(tmp_path):
    write_cub(tmp_path)
    found = cub(tmp_path)
    assert found.images.names == ("a_1.jpg", "a_2.jpg", "b_3.jpg")
    assert found.names == ("back", "left eye")
    assert found.train.tolist() == [True, False, True]
    assert found.landmarks[0].tolist() == [[5.5, 4.0], [9.0, 3.5]]
    assert np.isnan(found.landmarks[1, 1]).all()
    assert found.boxes[0].tolist() == [2, 3, 11, 7]
    for parts in found.images.parts:
        assert np.array_equal(parts["object"], MOST)


def test_species_are_chosen_and_masks_need_not_be_there(tmp_path):
    write_cub(tmp_path, masks=False)
    found = cub(tmp_path / "CUB_200_2011", classes=[2])
    assert found.images.names == ("b_3.jpg",)
    assert found.images.parts is None
    assert found.train.tolist() == [True]
    with pytest.raises(ValueError, match=r"no photo of the classes \['7'\]"):
        cub(tmp_path, classes=[7])


def test_landmarks_go_into_the_error_of_landmarks(tmp_path):
    write_cub(tmp_path)
    found = cub(tmp_path)
    result = dff.DeepFeatureFactorization(2, size=64).fit(found.images)
    train, test = np.flatnonzero(found.train), np.flatnonzero(~found.train)
    error = dff.landmark_error(part_centres(result), found.landmarks, found.boxes, train=train, test=test)
    assert np.isfinite(error.error)
    assert np.isnan(error.by_landmark[1])


def test_a_photo_that_cannot_be_read_takes_all_of_its_own_along(tmp_path):
    write_cub(tmp_path)
    (tmp_path / "CUB_200_2011" / "images" / SPECIES[0] / "a_1.jpg").write_bytes(b"no image")
    with pytest.warns(UserWarning, match=r"a_1\.jpg"):
        found = cub(tmp_path)
    assert found.images.names == ("a_2.jpg", "b_3.jpg")
    assert found.landmarks[1].tolist() == [[1, 2], [3, 2]]
    assert found.boxes[1].tolist() == [1, 1, 4, 4]
    assert len(found.images.parts) == 2


@pytest.mark.parametrize(
    ("file", "line", "sentence"),
    [
        ("images.txt", "1 ../../secret.jpg", "names the photo '../../secret.jpg', which is not in"),
        ("images.txt", "1", "images.txt, line 1, is '1'; expected 2 words"),
        ("images.txt", "1 none.jpg", r"the photo none\.jpg that images\.txt names is not in"),
        ("bounding_boxes.txt", "1 2 3 x 5", "bounding_boxes.txt has '2 3 x 5' where numbers should be"),
        ("bounding_boxes.txt", "1 2 3 0 5", "a box of 0.0 x 5.0 pixels for photo 1"),
        ("bounding_boxes.txt", "1 2 3 nan 5", "where finite numbers should be"),
        ("bounding_boxes.txt", "1 2 3 4 5", "photo 2 of CUB-200-2011 has no box"),
        ("parts/part_locs.txt", "1 9 2 3 1", "has a part '9' that parts.txt does not name"),
    ],
)
def test_malformed_tables_are_named(tmp_path, file, line, sentence):
    write_cub(tmp_path)
    write(tmp_path / "CUB_200_2011" / file, line)
    with pytest.raises(ValueError, match=sentence):
        cub(tmp_path)


def test_what_is_missing_is_said_with_where_to_get_it(tmp_path):
    with pytest.raises(ValueError, match=r"no file image_class_labels\.txt in .*; get it from https://www\.vision"):
        cub(tmp_path)
    write_cub(tmp_path)
    (tmp_path / "segmentations" / SPECIES[1] / "b_3.png").unlink()
    with pytest.raises(ValueError, match=r"1 masks, such as b_3\.png, are missing"):
        cub(tmp_path)


# ------------------------------------------------------------------------------------------------------------- faces
def test_faces_have_five_landmarks_and_a_unit(tmp_path):
    write_celeba(tmp_path)
    found = celeba(tmp_path)
    assert found.names == ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
    assert found.landmarks.shape == (2, 5, 2)
    assert found.distance("lefteye", "righteye").tolist() == [6, 5]
    assert found.boxes.tolist() == [[1, 2, 10, 10], [0, 0, 7, 10]]
    assert found.train.tolist() == [True, False]
    assert celeba(tmp_path, n=1).images.names == ("000001.jpg",)
    assert found.subset([1]).train.tolist() == [False]
    (tmp_path / "list_bbox_celeba.txt").unlink()
    with pytest.raises(ValueError, match=r"no file list_bbox_celeba\.txt"):
        celeba(tmp_path)
    with pytest.raises(ValueError, match=r"no file list_landmarks_align_celeba\.txt"):
        celeba(tmp_path, aligned=True)


# ------------------------------------------------------------------------------------------------------------- masks
@pytest.mark.parametrize("nested", [False, True])
def test_partimagenet_names_its_forty_parts(tmp_path, nested):
    write_partimagenet(tmp_path)
    if nested:
        for folder in ("images", "annotations"):
            for file in list((tmp_path / folder / "val").iterdir()):
                at = file.parent / file.name.partition("_")[0]
                at.mkdir(exist_ok=True)
                file.rename(at / file.name)
    images = partimagenet(tmp_path, "n02100583")
    assert images.names == tuple(f"{stem}.JPEG" for stem in PARTIMAGENET[:2])
    for parts in images.parts:
        assert list(parts) == ["head", "body"]
        assert parts["head"][:3].all()
        assert not parts["head"][3:].any()
    assert list(partimagenet(tmp_path, "n04482393").parts[0]) == ["tire", "side mirror"]
    with pytest.raises(ValueError, match=r"no photo of 'n01' in .*; there are n02100583, n04482393"):
        partimagenet(tmp_path, "n01")
    with pytest.raises(ValueError, match="no folder images/test"):
        partimagenet(tmp_path, "n01", split="test")


def test_clothes_have_the_names_of_the_list(tmp_path):
    write_clothing(tmp_path)
    images = clothing(tmp_path)
    assert images.names == ("0001.jpg", "0002.jpg")
    first, second = images.parts
    assert list(first) == ["hair", "shirt"]
    assert list(second) == ["hair"]
    assert first["shirt"][4:8].all()
    assert first["shirt"].sum() == 4 * W
    assert len(clothing(tmp_path, n=1)) == 1
    (tmp_path / "label_list.mat").write_bytes(b"MATLAB 5.0" + bytes(118))
    with pytest.raises(ValueError, match=r"label_list\.mat is no list of labels that can be read"):
        clothing(tmp_path)
    (tmp_path / "label_list.mat").unlink()
    with pytest.raises(ValueError, match=r"no label_list\.mat"):
        clothing(tmp_path)


def test_groups_of_photos_have_the_mask_of_their_object(tmp_path):
    write_cosaliency(tmp_path)
    images = cosaliency(tmp_path, "axe")
    assert images.names == ("a.jpg", "b.jpg")
    assert np.array_equal(images.parts[1]["object"], MOST)
    with pytest.raises(ValueError, match=r"no group 'cat' in .*; there are axe, bee"):
        cosaliency(tmp_path, "cat")
    (tmp_path / "GroundTruth" / "axe" / "b.png").unlink()
    with pytest.raises(ValueError, match=r"1 masks, such as b\.png"):
        cosaliency(tmp_path, "axe")
    with pytest.raises(ValueError, match=r"no folder of photos in .*, such as 'image'; there is no folder"):
        cosaliency(tmp_path / "none", "axe")


def test_a_mask_of_another_size_is_noticed_when_it_is_read(tmp_path):
    from .landmark_sets import grey

    write_cosaliency(tmp_path)
    grey(tmp_path / "GroundTruth" / "axe" / "a.png", np.zeros((H, W + 1)))
    images = cosaliency(tmp_path, "axe")
    with pytest.raises(ValueError, match=r"the mask axe/a\.png is \(12, 21\); its image is \(12, 20\)"):
        _ = images.parts[0]
