import errno
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from dff_widgets import scale, storage
from dff_widgets.extraction import extract
from dff_widgets.images import ImageSet, UnreadableImageWarning
from dff_widgets.networks import load_network
from dff_widgets.scale import Store

from ..small_networks import small
from .conftest import ABOUT, CHANNELS, files, images, planted, stored

RNG = np.random.default_rng(0)


@pytest.fixture
def photos():
    shapes = [(40, 56), (56, 40), (33, 47), (40, 56), (64, 64)]
    return ImageSet.from_arrays([RNG.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes])


# ------------------------------------------------------------------------------------------------- what is stored
@pytest.mark.parametrize(("dtype", "loss"), [("float16", 3e-4), ("float32", 0)])
def test_a_store_holds_what_extract_gives(photos, tmp_path, dtype, loss):
    network = load_network(small())
    expected = extract(network, photos, size=32)
    calls = []
    store = scale.extract(
        network,
        photos,
        tmp_path / "new" / "store",
        size=32,
        images_per_chunk=2,
        dtype=dtype,
        progress=lambda done, total: calls.append((done, total)),
    )
    found = store.matrix[:]
    assert np.linalg.norm(found - expected.matrix) <= (loss + 1e-6) * np.linalg.norm(expected.matrix)
    for name in ("shapes", "sizes", "images", "network", "layer", "size", "skipped"):
        assert getattr(store, name) == getattr(expected, name)
    assert calls[-1] == (5, 5)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    again = Store.open(tmp_path / "new" / "store")
    assert again.images.names == photos.names
    assert np.array_equal(again.images[3], photos[3])
    assert again.shape == expected.matrix.shape


@pytest.mark.parametrize("images_per_chunk", [1, 4, 13, 50])
def test_sums_and_slices_equal_those_of_the_whole_matrix(tmp_path, images_per_chunk):
    store = stored(tmp_path, images_per_chunk=images_per_chunk)
    whole = store.matrix[:]
    wide = whole.astype(np.float64)
    assert np.array_equal(whole, planted(images()).matrix.astype(np.float16).astype(np.float32))
    np.testing.assert_allclose(store.gram, wide.T @ wide, rtol=1e-5)
    assert store.squared_norm == pytest.approx((wide**2).sum(), rel=1e-6)
    assert store.mean_size == pytest.approx(wide.mean(), rel=1e-6)
    assert store.least == wide.min()
    for rows in (slice(5, 47), slice(None, -3), slice(40, 40), slice(400, 9999)):
        assert np.array_equal(store.matrix[rows], whole[rows])
    for i in (0, 7, -1):
        h, w = store.shapes[i]
        start = sum(a * b for a, b in store.shapes[: i % 13])
        assert np.array_equal(store.activations(i), whole[start : start + h * w].reshape(h, w, CHANNELS))
    with pytest.raises(IndexError):
        store.activations(13)
    with pytest.raises(TypeError, match=r"read by slices of rows, as in matrix\[:1000\], but got 3"):
        store.matrix[3]


def test_a_stranger_reads_the_format_with_json_and_safetensors_alone(tmp_path):
    store = stored(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    rows = []
    for chunk in manifest["chunks"]:
        with safe_open(tmp_path / chunk["file"], framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        assert zlib.crc32(b"".join(t.tobytes() for t in tensors.values())) == chunk["crc32"]
        assert (len(tensors["kept"]), len(tensors["rows"])) == (chunk["images"], chunk["rows"])
        assert (tmp_path / chunk["file"]).stat().st_size == chunk["bytes"]
        rows.append(tensors["rows"])
    assert np.array_equal(np.concatenate(rows), store.matrix[:])


def test_part_masks_come_back_with_the_images(tmp_path):
    pictures = images()
    assert stored(tmp_path, pictures).images is pictures
    assert Store.open(tmp_path).images.parts is None
    assert Store.open(tmp_path, images=pictures).images.parts is pictures.parts
    with pytest.raises(ValueError, match="is of 13 other images"):
        Store.open(tmp_path, images=pictures[:5])


def test_images_that_cannot_be_read_are_left_out(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(5):
        Image.fromarray(RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    pictures = ImageSet.from_folder(folder)
    for i in (1, 2, 3):
        (folder / f"{i}.png").unlink()
    with pytest.warns(UnreadableImageWarning):
        store = scale.extract(small(), pictures, tmp_path / "store", size=32, images_per_chunk=2)
    assert store.images.names == ("0.png", "4.png")
    assert len(store.skipped) == 2  # image 1; and the chunk of 2 and 3 together, none of which can be used
    assert np.allclose(store.matrix[:], extract(small(), pictures.subset([0, 4]), size=32).matrix, atol=1e-3)
    assert Store.open(tmp_path / "store").skipped == store.skipped
    with (
        pytest.warns(UnreadableImageWarning),
        pytest.raises(ValueError, match="none of the 2 images can be used"),
    ):
        scale.extract(small(), pictures.subset([1, 2]), tmp_path / "empty", size=32)


def test_clamp_makes_a_signed_layer_nonnegative(tmp_path):
    def make(pictures, progress):
        return planted(pictures, progress, signed=True)

    assert stored(tmp_path / "signed", make=make).least < 0
    clamped = stored(tmp_path / "clamped", make=make, clamp=True)
    assert np.array_equal(clamped.matrix[:], np.maximum(Store.open(tmp_path / "signed").matrix[:], 0))


# ------------------------------------------------------------------------------------------------- going on
def test_a_killed_extraction_goes_on_and_ends_with_the_same_bytes(tmp_path):
    """The process is killed with SIGKILL twice: while a chunk is made, and while one is written."""
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent("""
        import os, signal, sys, time
        from pathlib import Path
        from tests.scale.conftest import planted, stored
        import dff_widgets.storage as storage
        path, where, number = sys.argv[1:]
        calls = 0
        def make(images, progress):
            global calls
            calls += 1
            if where == "make" and calls == int(number):
                os.kill(os.getpid(), signal.SIGKILL)
            return planted(images, progress)
        fsync = os.fsync
        def kill(descriptor):
            if where == "write" and calls == int(number):
                os.kill(os.getpid(), signal.SIGKILL)
            fsync(descriptor)
        os.fsync = kill
        stored(Path(path), make=make)
        print("chunks made:", calls)
        """)
    )

    def run(where, number):
        return subprocess.run(
            [sys.executable, script, tmp_path / "killed", where, str(number)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
        )

    assert run("make", 3).returncode == -signal.SIGKILL
    with pytest.raises(ValueError, match=r"killed' is not complete: 6 of 13 images are there; run the same extraction"):
        Store.open(tmp_path / "killed")
    assert run("write", 2).returncode == -signal.SIGKILL
    assert any(p.name.startswith(".") for p in (tmp_path / "killed" / "chunks").iterdir())  # half a chunk
    last = run("", 0)
    assert last.stdout == "chunks made: 2\n", last.stderr  # five in all; three were there
    stored(tmp_path / "whole")
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_a_complete_store_is_opened_and_nothing_made(tmp_path):
    first = stored(tmp_path)

    def never(pictures, progress):
        raise AssertionError("made again")

    assert np.array_equal(stored(tmp_path, make=never).matrix[:], first.matrix[:])
    with pytest.raises(ValueError, match="holds a store already"):
        stored(tmp_path, make=never, resume=False)


class CancelledError(Exception):
    pass


def test_a_cancel_keeps_what_is_done(tmp_path):
    def progress(done, total):
        if done == 8:
            raise CancelledError

    with pytest.raises(CancelledError):
        stored(tmp_path, progress=progress)
    made = []

    def make(pictures, report):
        made.append(len(pictures))
        return planted(pictures, report)

    stored(tmp_path, make=make)
    assert made == [3, 3, 1]


def test_a_damaged_chunk_is_made_again_when_extraction_goes_on(tmp_path):
    stored(tmp_path / "whole")

    def stop(done, total):
        if done == 8:
            raise CancelledError

    with pytest.raises(CancelledError):
        stored(tmp_path / "torn", progress=stop)
    flip(tmp_path / "torn" / "chunks" / "000001.safetensors")
    stored(tmp_path / "torn")
    assert files(tmp_path / "torn") == files(tmp_path / "whole")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "other"}, "has network 'planted', not 'other'"),
        ({"size": 32}, "has size 16, not 32"),
        ({"dtype": "float32"}, "has dtype 'float16', not 'float32'"),
        ({"images_per_chunk": 4}, "has images_per_chunk 3, not 4"),
        ({"clamp": True}, "has clamp False, not True"),
        ({"pictures": images(12)}, "has images 13, not 12"),
        ({"pictures": images(seed=1)}, "is of other images"),
    ],
)
def test_another_extraction_in_the_same_place_is_refused(tmp_path, change, message):
    stored(tmp_path)
    before = files(tmp_path)
    with pytest.raises(ValueError, match=re.escape(message)):
        stored(tmp_path, **change)
    assert files(tmp_path) == before


def test_a_network_of_the_same_name_with_other_weights_is_refused(photos, tmp_path):
    module = small()
    scale.extract(module, photos, tmp_path, size=32)
    scale.extract(module, photos, tmp_path, size=32)
    module.block.conv1.weight.data[0, 0, 0, 0] += 0.1
    with pytest.raises(ValueError, match="has weights"):
        scale.extract(module, photos, tmp_path, size=32)


# ------------------------------------------------------------------------------------------------- a full disk
def test_a_full_disk_is_one_sentence_and_nothing_is_lost(tmp_path, monkeypatch):
    write, room = storage.to_safetensors, 4

    def full(*args, **options):
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(*args, **options)

    monkeypatch.setattr(storage, "to_safetensors", full)
    with pytest.raises(OSError, match=r"the disk of '.*' is full; what is extracted so far stays: make room") as caught:
        stored(tmp_path / "store")
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert len(list((tmp_path / "store" / "chunks").iterdir())) == 3  # one of the four was of the images
    stored(tmp_path / "store")
    stored(tmp_path / "whole")
    assert files(tmp_path / "store") == files(tmp_path / "whole")


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs to mount a small disk")
def test_a_small_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount")
    try:
        with pytest.raises(OSError, match="is full"):
            stored(disk / "store", images(60))
        assert list((disk / "store" / "chunks").glob("[0-9]*"))
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        store = stored(disk / "store", images(60))
        assert store.shape == (sum(h * w for h, w in store.shapes), CHANNELS)
    finally:
        subprocess.run(["umount", disk], check=True)


# ------------------------------------------------------------------------------------------------- damage
def flip(file, at=-5):
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def truncate(file):
    file.write_bytes(file.read_bytes()[:-7])


@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
@pytest.mark.parametrize("name", ["chunks/000002.safetensors", "index.safetensors", "images.safetensors"])
def test_a_damaged_store_is_refused_by_the_name_of_the_file(tmp_path, name, damage):
    stored(tmp_path)
    damage(tmp_path / name)
    with pytest.raises(ValueError, match=re.escape(repr(str(tmp_path / name)))):
        Store.open(tmp_path).verify()


def test_a_chunk_of_another_store_is_refused(tmp_path):
    stored(tmp_path / "a")
    stored(tmp_path / "b", images(seed=5))
    name = "chunks/000001.safetensors"
    (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())
    with pytest.raises(ValueError, match=r"000001.safetensors' is another file than the manifest tells of"):
        Store.open(tmp_path / "a").verify()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no store at"),
        ("{", "manifest.json' is damaged"),
        ("[]", "holds no activations"),
        ('{"kind": "activations", "version": 99}', "is version 99"),
        ('{"kind": "activations", "version": 1, "complete": true}', "manifest.json' is damaged: KeyError"),
    ],
)
def test_a_manifest_that_is_none(tmp_path, text, message):
    stored(tmp_path)
    (tmp_path / "manifest.json").unlink()
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        Store.open(tmp_path)


# ------------------------------------------------------------------------------------------------- bad input
def make_large(pictures, progress):
    found = planted(pictures, progress)
    found.matrix[3, 2] = 1e5
    return found


def make_too_few(pictures, progress):
    found = planted(pictures, progress)
    return type(found)(found.matrix[1:], found.shapes, found.sizes, pictures, "planted", found.layer, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int8"}, "dtype is 'int8'; give 'float16' or 'float32'"),
        ({"images_per_chunk": 0}, "images_per_chunk is 0; give a whole number"),
        ({"make": make_large}, 'images 0 to 2 are not finite or beyond float16\'s range; give dtype="float32"'),
        ({"make": make_too_few}, "images 0 to 2 are .*; 3 images give other rows"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        stored(tmp_path / "store", **options)


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match="is there and holds no store"):
        stored(tmp_path)
    assert files(tmp_path) == {"thesis.tex": b"x"}
    with pytest.raises(ValueError, match="holds no store"):
        stored(tmp_path / "thesis.tex")


def test_float32_takes_what_float16_cannot(tmp_path):
    store = scale.create(tmp_path, images(), make_large, **ABOUT, dtype="float32")
    assert store.matrix[:].max() == np.float32(1e5)
