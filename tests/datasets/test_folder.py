import pickle

import numpy as np
import pytest
from PIL import Image

from dff_widgets.datasets import folder

H, W = 6, 9


@pytest.fixture
def photos(tmp_path, write_photo):
    for stem in ("a", "b"):
        write_photo(tmp_path / "photos" / f"{stem}.jpg", (H, W))
    return tmp_path / "photos"


def labels_of(*values):
    """A label map with a column for each value, background elsewhere."""
    labels = np.zeros((H, W), dtype=np.uint8)
    labels[:, : len(values)] = values
    return labels


def test_label_maps_become_parts(tmp_path, photos, write_mask):
    write_mask(tmp_path / "masks" / "a.png", labels_of(2, 1, 1, 255))
    write_mask(tmp_path / "masks" / "b.png", labels_of(3))
    images = folder(photos, masks=tmp_path / "masks")
    assert [list(parts) for parts in images.parts] == [["part 1", "part 2", "object"], ["part 3"]]
    np.testing.assert_array_equal(images.parts[0]["part 1"], labels_of(2, 1, 1, 255) == 1)
    assert images.parts[0]["part 1"].dtype == bool


def test_labels_name_join_and_leave_out(tmp_path, photos, write_mask):
    for stem in ("a", "b"):
        write_mask(tmp_path / "masks" / f"{stem}.png", labels_of(1, 2, 3, 255))
    images = folder(photos, masks=tmp_path / "masks", labels={1: "head", 2: "legs", 3: "legs", 255: None})
    parts = images.parts[1]
    assert {name: int(mask.sum()) for name, mask in parts.items()} == {"head": H, "legs": 2 * H}


def test_one_folder_per_part_may_lack_files(tmp_path, photos, write_mask):
    head = labels_of(0, 7, 255)
    write_mask(tmp_path / "masks" / "head" / "a.png", head)
    write_mask(tmp_path / "masks" / "legs" / "a.png", labels_of(1))
    write_mask(tmp_path / "masks" / "legs" / "b.png", labels_of(1))
    images = folder(photos, masks=tmp_path / "masks")
    assert [list(parts) for parts in images.parts] == [["head", "legs"], ["legs"]]
    np.testing.assert_array_equal(images.parts[0]["head"], head > 0)


def test_masks_follow_their_images_into_a_subset(tmp_path, photos, write_mask):
    write_mask(tmp_path / "masks" / "a.png", labels_of(1))
    write_mask(tmp_path / "masks" / "b.png", labels_of(2))
    images = folder(photos, masks=tmp_path / "masks")
    assert list(images[1:].parts[0]) == ["part 2"]
    assert [list(p) for p in images.subset([1, 0]).parts] == [["part 2"], ["part 1"]]
    assert [list(p) for p in pickle.loads(pickle.dumps(images)).parts] == [["part 1"], ["part 2"]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "1", "P", "I;16"])
def test_masks_in_any_way_png_stores_them(tmp_path, photos, mode):
    binary = labels_of(255, 0, 255)
    mask = Image.fromarray(binary)
    if mode == "P":
        mask = Image.fromarray(binary)
        mask = mask.convert("P")
        mask.putdata(binary.ravel().tolist())
    else:
        mask = Image.fromarray(binary.astype(np.uint16)) if mode == "I;16" else mask.convert(mode)
    for stem in ("a", "b"):
        (tmp_path / "masks").mkdir(exist_ok=True)
        mask.save(tmp_path / "masks" / f"{stem}.png")
    parts = folder(photos, masks=tmp_path / "masks").parts[0]
    np.testing.assert_array_equal(parts["object"], binary > 0)


def test_a_photo_that_cannot_be_read_takes_its_mask_along(tmp_path, photos, write_mask):
    (photos / "a.jpg").write_bytes(b"no image")
    write_mask(tmp_path / "masks" / "b.png", labels_of(4))
    with pytest.warns(UserWarning, match=r"a\.jpg"):
        images = folder(photos, masks=tmp_path / "masks")
    assert [list(parts) for parts in images.parts] == [["part 4"]]


# ------------------------------------------------------------------------------------------------ what is refused
def test_missing_masks_are_named(tmp_path, photos, write_mask):
    write_mask(tmp_path / "masks" / "a.png", labels_of(1))
    with pytest.raises(ValueError, match=r"1 of 2 masks are missing in .*: b\.png;"):
        folder(photos, masks=tmp_path / "masks")
    with pytest.raises(ValueError, match="no folder of masks at"):
        folder(photos, masks=tmp_path / "elsewhere")


def test_a_mask_of_another_size_is_named(tmp_path, photos, write_mask):
    write_mask(tmp_path / "masks" / "a.png", labels_of(1))
    write_mask(tmp_path / "masks" / "b.png", labels_of(1)[:-1])
    with pytest.raises(ValueError, match=r"mask masks/b\.png is 5 x 9; its image b\.jpg is 6 x 9"):
        folder(photos, masks=tmp_path / "masks")


def test_a_bomb_is_refused_by_its_header(tmp_path, photos, png_bomb, write_mask):
    write_mask(tmp_path / "masks" / "a.png", labels_of(1))
    png_bomb(tmp_path / "masks" / "b.png")
    with pytest.raises(ValueError, match=r"mask masks/b\.png has more than .* pixels"):
        folder(photos, masks=tmp_path / "masks")


def test_a_truncated_mask_is_named_when_it_is_read(tmp_path, photos, write_mask):
    for stem in ("a", "b"):
        write_mask(tmp_path / "masks" / f"{stem}.png", np.random.default_rng(0).integers(0, 3, (H, W), np.uint8))
    whole = (tmp_path / "masks" / "b.png").read_bytes()
    (tmp_path / "masks" / "b.png").write_bytes(whole[:-30])
    images = folder(photos, masks=tmp_path / "masks")
    with pytest.raises(ValueError, match=r"masks/b\.png cannot be read"):
        images.parts[1]


@pytest.mark.parametrize(
    ("mask", "labels", "message"),
    [
        (np.dstack([labels_of(1), labels_of(2), labels_of(3)]), None, r"a\.png is in colour"),
        (labels_of(1, 9), {1: "head"}, r"a\.png has the value 9; labels names \[1\]"),
        (np.arange(H * W, dtype=np.uint16).reshape(H, W) * 9, None, None),
        (np.arange(20 * 20, dtype=np.uint16).reshape(20, 20), None, "400 grey values"),
    ],
)
def test_what_is_no_label_map_is_refused(tmp_path, write_photo, write_mask, mask, labels, message):
    write_photo(tmp_path / "photos" / "a.jpg", mask.shape[:2])
    write_mask(tmp_path / "masks" / "a.png", mask)
    images = folder(tmp_path / "photos", masks=tmp_path / "masks", labels=labels)
    if message is None:
        assert len(images.parts[0]) == H * W - 1
        return
    with pytest.raises(ValueError, match=message):
        images.parts[0]


def test_labels_need_label_maps(tmp_path, photos, write_mask):
    with pytest.raises(ValueError, match="give masks too"):
        folder(photos, labels={1: "head"})
    write_mask(tmp_path / "masks" / "head" / "a.png", labels_of(1))
    with pytest.raises(ValueError, match="leave labels out"):
        folder(photos, masks=tmp_path / "masks", labels={1: "head"})


def test_part_folders_that_fit_no_image_are_refused(tmp_path, photos, write_mask):
    write_mask(tmp_path / "masks" / "head" / "c.png", labels_of(1))
    with pytest.raises(ValueError, match=r"such as 'head/a\.png'"):
        folder(photos, masks=tmp_path / "masks")


@pytest.mark.realdata
@pytest.mark.parametrize("cls", ["Bird", "Cat", "Cow", "Dog", "Train"])
def test_voc2010_cosegmentation(real_data, cls):
    images = folder(real_data / "voc2010-coseg/images" / cls, masks=real_data / "voc2010-coseg/masks" / cls)
    assert len(images) == 20
    for i, parts in enumerate(images.parts):
        assert list(parts) == ["object"]
        assert parts["object"].shape == images.size(i)
        assert 0.01 < parts["object"].mean() < 0.9
