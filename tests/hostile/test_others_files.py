"""Files that are not ours stay as they are, whatever they are called and wherever a person points us."""

from pathlib import Path

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets import scale

from ..small_networks import small

NAMES = (".env.template", ".profile.original", ".gitlab-ci.disabled", ".a.12345678", ".manifest.json.disabled")


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def images() -> dff.ImageSet:
    rng = np.random.default_rng(0)
    return dff.ImageSet.from_arrays([rng.integers(0, 256, (40, 48, 3), dtype=np.uint8) for _ in range(3)])


def extract(images, folder):
    return scale.extract(small(), images, folder, size=32, images_per_chunk=2)


@pytest.mark.parametrize("where", [".", "chunks"])
@pytest.mark.parametrize("name", [*NAMES, "000000.safetensors", "images.safetensors"])
def test_a_folder_that_is_no_store_is_refused_untouched(images, tmp_path, where, name):
    if (where, name) == ("chunks", "images.safetensors"):
        name = ".000000.safetensors.original"
    (tmp_path / where).mkdir(exist_ok=True)
    (tmp_path / where / name).write_bytes(b"mine")
    before = content(tmp_path)
    with pytest.raises(ValueError, match="is there and holds no store"):
        extract(images, tmp_path)
    assert content(tmp_path) == before


def test_in_a_store_too_only_what_a_kill_left_is_swept(images, tmp_path):
    extract(images, tmp_path)
    whole = content(tmp_path)
    for name in NAMES:
        (tmp_path / name).write_bytes(b"mine")
        (tmp_path / "chunks" / name).write_bytes(b"mine")
    before = content(tmp_path)
    for name in (".manifest.json", ".images.safetensors", ".index.safetensors", "chunks/.000001.safetensors"):
        (tmp_path / f"{name}.0a1b2c3d").write_bytes(b"half")
    assert len(extract(images, tmp_path).images) == 3
    assert content(tmp_path) == before
    assert before.keys() > whole.keys()


def test_what_a_kill_leaves_before_the_manifest_is_gone_on_with(images, tmp_path):
    extract(images, tmp_path / "whole")
    store = tmp_path / "store"
    (store / "chunks").mkdir(parents=True)
    (store / "images.safetensors").write_bytes((tmp_path / "whole" / "images.safetensors").read_bytes())
    (store / ".manifest.json.0a1b2c3d").write_bytes(b"half")
    extract(images, store)
    assert content(store) == content(tmp_path / "whole")
