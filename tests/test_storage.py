import json
import os
import stat

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from dff_widgets import storage
from dff_widgets.images import ImageSet

RNG = np.random.default_rng(0)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.dff"
    storage.write(path, "result", 3, {"a": [1, None, "ü"]}, {"t": np.arange(6.0).reshape(2, 3)})
    return path


def test_round_trip(file):
    content, tensors = storage.read(file, "result", 3)
    assert content == {"kind": "result", "version": 3, "a": [1, None, "ü"]}
    assert np.array_equal(tensors["t"], np.arange(6.0).reshape(2, 3))
    assert list(file.parent.iterdir()) == [file]


def test_an_older_version_is_read_and_a_newer_one_is_not(file):
    storage.read(file, "result", 4)
    with pytest.raises(ValueError, match=r"x\.dff' is version 3 of a result; this dff-widgets reads up to 2: upgrade"):
        storage.read(file, "result", 2)


@pytest.mark.parametrize("keep", [0, 4, 8, 60, -1])
def test_a_truncated_file_is_one_sentence(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"x\.dff' is damaged or was not written by dff-widgets: "):
        storage.read(file, "result", 3)


def nested(path):
    save_file({"t": np.zeros(1)}, path, metadata={"dff-widgets": "[" * 100_000})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"PK\x03\x04 something else entirely"), "is damaged or was not written by"),
        (lambda path: save_file({"t": np.zeros(1)}, path), "holds no result of dff-widgets"),
        (lambda path: save_file({"t": np.zeros(1)}, path, metadata={"dff-widgets": "[1]"}), "holds no result"),
        (lambda path: save_file({"t": np.zeros(1)}, path, metadata={"dff-widgets": "{"}), "is damaged or was not"),
        (nested, "is damaged or was not"),
        (lambda path: storage.write(path, "session", 1, {}, {}), "holds no result of dff-widgets"),
        (lambda path: path.unlink(), "no file at '.*x.dff'"),
    ],
)
def test_a_foreign_file_is_one_sentence(file, make, message):
    make(file)
    with pytest.raises(ValueError, match=message) as caught:
        storage.read(file, "result", 3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file(file, monkeypatch, failing):
    def fail(*_arguments):
        raise OSError("No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(os if failing == "fsync" else type(file), failing, fail)
    with pytest.raises(OSError, match="No space left"):
        storage.write(file, "result", 3, {}, {"t": np.zeros(1000)})
    monkeypatch.undo()
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_saved_file_is_one_like_any_other(file, tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    (tmp_path / "link").symlink_to(file)
    storage.write(tmp_path / "link", "result", 3, {"b": 1}, {})
    assert (tmp_path / "link").is_symlink()
    assert storage.read(file, "result", 3)[0]["b"] == 1
    with pytest.raises(FileNotFoundError, match=r"no folder at '.*nowhere'"):
        storage.write(tmp_path / "nowhere" / "x.dff", "result", 3, {}, {})


def test_images_of_every_source_with_parts_and_boxes(tmp_path):
    pixels = [RNG.integers(0, 256, (h, 7, 3), dtype=np.uint8) for h in (5, 6, 8)]
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    Image.fromarray(pixels[1]).save(tmp_path / "b.png")
    sources = (tmp_path / "a.png", (tmp_path / "b.png").read_bytes(), pixels[2])
    parts = [
        {"head": RNG.random((5, 7)) > 0.5, "tail ü": RNG.random((5, 7)) > 0.9},
        {},
        {"head": np.zeros((8, 7), bool)},
    ]
    boxes = [np.array([[0, 1, 2, 3]]), np.zeros((0, 4), int), np.array([[0.5, 1, 2, 3], [1, 1, 4, 4]])]
    images = ImageSet(sources, ("a", "b", "c"), parts, boxes)
    content, tensors = storage.pack_images(images)
    found = storage.unpack_images(json.loads(json.dumps(content)), tensors)
    assert found.names == images.names
    assert found.sources[0] == tmp_path / "a.png"
    assert all(np.array_equal(found[i], pixels[i]) for i in range(3))
    assert [list(p) for p in found.parts] == [["head", "tail ü"], [], ["head"]]
    for mine, theirs in zip(found.parts, parts, strict=True):
        assert all(mine[name].dtype == bool and np.array_equal(mine[name], theirs[name]) for name in theirs)
    assert all(np.array_equal(a, b) for a, b in zip(found.boxes, boxes, strict=True))
    content["parts"][0]["head"] = [10**6, 10**6]
    with pytest.raises(ValueError, match="a mask of 1000000 x 1000000 pixels has 5 bytes"):
        storage.unpack_images(content, tensors)


def test_equal_content_is_an_equal_file(tmp_path):
    files = set()
    for n in range(20):
        storage.write(tmp_path / f"{n}", "result", 1, {"a": 1, "ü": [0.1]}, {name: np.ones(3) for name in "zyx"})
        files.add((tmp_path / f"{n}").read_bytes())
    assert len(files) == 1
