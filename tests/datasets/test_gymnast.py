import os
from pathlib import Path

import pooch
import pytest

import dff_widgets as dff


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError("Name or service not known")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", refuse)


@pytest.mark.usefixtures("offline")
def test_offline_is_one_sentence_that_names_the_folder(tmp_path, monkeypatch):
    with pytest.raises(ConnectionError, match=rf"the gymnast photos are not in '{tmp_path}' and cannot be downloaded"):
        dff.datasets.gymnast(tmp_path)
    monkeypatch.setenv("DFF_WIDGETS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ConnectionError, match=r"cache/gymnast' .* go online once, or put the six files there"):
        dff.datasets.gymnast()


@pytest.mark.realdata
@pytest.mark.skipif("DFF_WIDGETS_DATA" not in os.environ, reason="set DFF_WIDGETS_DATA")
@pytest.mark.usefixtures("offline")
def test_the_six_photos_once_they_are_there(tmp_path):
    for file in (Path(os.environ["DFF_WIDGETS_DATA"]) / "icoseg" / "gymnast").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())  # a copy may stay read-only
    images = dff.datasets.gymnast(tmp_path)
    assert len(images) == 6
    assert images.names[0] == "223514907_6823eb3327.jpg"
    assert all(image.ndim == 3 for image in images)
    (tmp_path / images.names[0]).write_bytes(b"damaged")
    with pytest.raises(ConnectionError):
        dff.datasets.gymnast(tmp_path)
