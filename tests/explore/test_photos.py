import io

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.explore import Inline
from dff_widgets.explore.photos import Photos


@pytest.fixture
def told():
    return []


def make(told, **options):
    made = Photos(Inline, lambda: told.append(len(made.kept)), **{"most": 20, "room": 1 << 20, **options})
    return made


def flat(n, seed=0):
    return dff.ImageSet.from_arrays(np.random.default_rng(seed).integers(0, 256, (n, 40, 60, 3), dtype=np.uint8))


def test_the_first_ones_come_soon_and_then_the_others(told):
    photos = make(told)
    photos.show(flat(15))
    assert told == [12, 15]
    assert photos.sizes == [[40, 60]] * 15
    assert Image.open(io.BytesIO(photos.kept[0])).size == (60, 40)


def test_what_was_made_is_there_at_once(told):
    photos, images = make(told), flat(5)
    photos.show(images)
    kept = photos.kept
    told.clear()
    photos.show(images)
    photos.show(images.subset([0, 1, 2]))
    assert told == []
    assert photos.kept == kept[:3]
    assert photos.photo(images, 4) is kept[4]


def test_there_are_no_more_than_so_many_and_no_more_bytes_than_there_is_room(told):
    photos = make(told, most=3)
    photos.show(flat(5))
    assert len(photos.kept) == 3
    one = len(photos.kept[0])
    tight = make(told, room=2 * one + one // 2)
    tight.show(flat(5))
    assert len(tight.kept) == 2


def test_one_that_cannot_be_read_is_grey(told, tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (30, 20)).save(path)
    images = dff.ImageSet.from_files([path])
    path.unlink()
    photos = make(told)
    photos.show(images)
    assert photos.sizes == [[1, 1]]
    assert np.asarray(Image.open(io.BytesIO(photos.kept[0]))).std() == 0


def test_headers_of_many_are_read_in_the_thread(told):
    photos = make(told, most=2)
    photos.show(flat(300))
    assert len(photos.sizes) == 300
    assert told[-1] == 2
