import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def real_data():
    """The folder of real photos, for tests marked `realdata`."""
    folder = os.environ.get("DFF_WIDGETS_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("DFF_WIDGETS_DATA names no folder")
    return Path(folder)


@pytest.fixture
def write_photo():
    """Writes a photo of one colour: write_photo(path, (h, w))."""

    def write(path, size, color=(90, 140, 200)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size[::-1], color).save(path)
        return path

    return write


@pytest.fixture
def write_mask():
    """Writes an array as PNG: write_mask(path, array)."""

    def write(path, array, **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(array), **options).save(path)
        return path

    return write


@pytest.fixture
def png_bomb():
    """Writes a small PNG that claims to hold 40,000 x 40,000 pixels."""

    def write(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(path, "PNG")
        data = bytearray(path.read_bytes())
        data[16:24] = (40_000).to_bytes(4, "big") * 2
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
        path.write_bytes(data)
        return path

    return write
