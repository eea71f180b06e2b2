import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.explore.image_sources import completions, find_images, title_of, uploaded
from dff_widgets.images import UnreadableImageError


@pytest.fixture
def folder(tmp_path):
    for name in ("horses/a.png", "horses/b.png", "cows/c.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(path)
    (tmp_path / "horses" / "notes.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_folder_is_found_and_called_by_its_name(folder):
    found = find_images(f" {folder / 'horses'} ")
    assert (found.images.names, found.title, found.problems) == (("a.png", "b.png"), "horses", ())


def test_a_folder_of_folders_offers_those_that_have_images(folder):
    with pytest.raises(ValueError, match=r"open one of them: cows, horses"):
        find_images(str(folder))
    with pytest.raises(ValueError, match="no images in"):
        find_images(str(folder / "empty"))
    with pytest.raises(ValueError, match="creatures"):
        find_images("  ")


def test_a_file_that_is_no_image_is_named(folder):
    (folder / "horses" / "broken.png").write_bytes(b"not a png")
    found = find_images(str(folder / "horses"))
    assert len(found.images) == 2
    assert len(found.problems) == 1
    assert "broken.png" in found.problems[0]


def test_uploads_that_cannot_be_read_are_left_out_by_name_unless_that_is_all(folder):
    png = (folder / "cows" / "c.png").read_bytes()
    found = uploaded([("c.png", png), ("x.txt", b"text"), ("d.png", png)])
    assert (found.images.names, found.title) == (("c.png", "d.png"), "2 files")
    assert "x.txt" in found.problems[0]
    assert uploaded([("c.png", png)]).title == "c.png"
    with pytest.raises(UnreadableImageError, match=r"x\.txt"):
        uploaded([("x.txt", b"text")])
    with pytest.raises(UnreadableImageError, match="at least one"):
        uploaded([])


def test_completions_are_folders_first_then_images(folder):
    base = f"{folder}/"
    assert completions(base) == [f"{base}{name}/" for name in ("cows", "empty", "horses")]
    assert completions(f"{base}Hor") == [f"{base}horses/"]
    assert completions(f"{base}horses/") == [f"{base}horses/a.png", f"{base}horses/b.png"]
    assert completions(f"{base}nothing/") == []
    assert "creatures" in completions("crea")


def test_images_that_nobody_named_are_called_after_their_folder_or_names(folder):
    assert title_of(dff.ImageSet.from_folder(folder / "horses")) == "horses"
    assert title_of(dff.datasets.creatures(n=2, size=32)) == "creatures"
    assert title_of(dff.ImageSet.from_arrays([np.zeros((9, 9, 3), np.uint8)])) == "images"
    assert title_of(dff.ImageSet.from_arrays([np.zeros((9, 9, 3), np.uint8)] * 2, names=["x", "y"])) == "images"
