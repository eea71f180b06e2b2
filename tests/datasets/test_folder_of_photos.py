import numpy as np
import pytest
from PIL import Image
from PIL.ImageFile import ImageFile

import dff_widgets as dff
from dff_widgets.images import UnreadableImageWarning


def write(path, value):
    Image.fromarray(np.full((6, 8, 3), value, dtype=np.uint8)).save(path)


def test_every_kind_of_photo_sorted_by_name(tmp_path):
    names = ["a.JPG", "b.jpeg", "c.png", "d.webp", "e.tif", "f.TIFF", "g.bmp"]
    for name in reversed(names):
        write(tmp_path / name, 100)
    (tmp_path / "readme.md").write_text("no image")
    images = dff.datasets.folder(str(tmp_path))
    assert list(images.names) == names
    assert all(np.abs(image.astype(int) - 100).max() <= 3 for image in images)


def test_pixels_are_decoded_only_when_asked_for(tmp_path, monkeypatch):
    for i in range(3):
        write(tmp_path / f"{i}.png", i)
    decoded, load = [], ImageFile.load

    def counting(image):
        decoded.append(image)
        return load(image)

    monkeypatch.setattr(ImageFile, "load", counting)
    images = dff.datasets.folder(tmp_path)
    assert [images.size(i) for i in range(3)] == [(6, 8)] * 3
    assert not decoded
    write(tmp_path / "1.png", 77)  # replaced after the folder was listed
    decoded.clear()
    assert (images[1] == 77).all()
    assert len({id(image) for image in decoded}) == 1


def test_what_cannot_be_used_is_said(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no images in"):
        dff.datasets.folder(tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"broken\.jpg is not an image"):
        dff.datasets.folder(tmp_path)
    write(tmp_path / "good.png", 1)
    with pytest.warns(UnreadableImageWarning, match=r"left out: broken\.jpg") as caught:
        assert dff.datasets.folder(tmp_path).names == ("good.png",)
    assert caught[0].filename == __file__
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.warns(UnreadableImageWarning):
        assert len(dff.datasets.folder("~")) == 1
    with pytest.raises(ValueError, match=r"no folder at '.*nowhere'"):
        dff.datasets.folder(tmp_path / "nowhere")
