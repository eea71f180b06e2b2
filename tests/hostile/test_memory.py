"""Small files that are large images: what they take in memory is bounded, and does not grow with their number."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.images import ImageSet, decoding, encode_tile

SIDE = 3000
PEAK = """
import resource, sys, threading
from pathlib import Path
from dff_widgets.images import ImageSet, decoding, encode_tile
decoding._room._pixels = int(sys.argv[2])  # as for images a tenth of this size
images = ImageSet((Path(sys.argv[1]),) * 8, tuple(map(str, range(8))))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
threads = [threading.Thread(target=encode_tile, args=(images, i)) for i in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize(("kind", "most"), [("png", 14), ("webp", 26)])
def test_eight_at_once_take_what_one_takes(tmp_path, kind, most):
    file = tmp_path / f"large.{kind}"
    Image.new("RGBA", (SIDE, SIDE), (10, 20, 30, 128)).save(file, lossless=True)
    assert file.stat().st_size < 100_000
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(file), str(SIDE**2)], capture_output=True, check=True, timeout=120
    )
    assert int(run.stdout) / SIDE**2 < most  # bytes a pixel; before, 140 and more


def test_what_is_decoded_at_once_has_room_for_one_image_of_any_size_that_is_read():
    assert decoding._AT_ONCE > Image.MAX_IMAGE_PIXELS


def test_an_image_that_is_made_of_another_one_does_not_wait_for_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "_room", decoding._Room(10))
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    images = ImageSet.of(tmp_path / "a.png")
    found = []
    thread = threading.Thread(
        target=lambda: found.append(images.use(0, lambda image: (image.size, images.open(0).size))), daemon=True
    )
    thread.start()
    thread.join(20)
    assert found == [((20, 20), (20, 20))]


def test_room_is_given_back_after_an_error(tmp_path, monkeypatch):
    room = decoding._Room(10)
    monkeypatch.setattr(decoding, "_room", room)
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    images = ImageSet.of(tmp_path / "a.png")

    def fail(_image):
        raise KeyError("of whoever uses the image")

    with pytest.raises(KeyError, match="of whoever uses the image"):  # it is no damage of the file
        images.use(0, fail)
    assert room._taken == 0
    assert images.open(0).size == (20, 20)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "RGBa"])
def test_transparency_is_on_white_as_before(tmp_path, mode):
    rng = np.random.default_rng(0)
    pixels = Image.fromarray(rng.integers(0, 256, (30, 40, 4), dtype=np.uint8))
    image = pixels.quantize(32) if mode in ("P", "PA") else pixels.convert(mode)
    whole = image.convert("RGBA")
    expected = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    found = dff.ImageSet.of([image])[0]
    assert np.abs(found.astype(int) - np.asarray(expected).astype(int)).max() <= 1
    assert encode_tile(dff.ImageSet.of([image]), 0)
