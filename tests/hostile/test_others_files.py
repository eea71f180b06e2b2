"""Files that are not ours stay as they are, whatever they are called and wherever a person points us."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets import export, scale, storage

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


# -------------------------------------------------------------------------------------------------- exports and results
WRITERS = {
    "coco": (export.to_coco, "labels.json"),
    "label_studio": (export.to_label_studio, "tasks.json"),
    "html": (export.to_html, "page.html"),
    "csv": (export.to_csv, "table.csv"),
    "figure": (export.to_figure, "figure.png"),
    "result": (lambda result, path, **options: result.save(path, **options), "x.dff"),
}
LABELS = {0: ["head"], 1: ["tail"]}


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    images = dff.ImageSet.from_arrays([rng.integers(0, 256, (40, 48, 3), dtype=np.uint8) for _ in range(3)])
    return dff.DeepFeatureFactorization(k=2, network=small(), size=32).fit(images)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_is_there_is_replaced_only_when_that_is_said(result, tmp_path, kind):
    write, name = WRITERS[kind]
    file = tmp_path / name
    file.write_bytes(b"mine")
    file.chmod(0o600)
    with pytest.raises(FileExistsError, match="is there already: give another name, or overwrite=True to replace it"):
        write(result, file)
    assert content(tmp_path) == {name: b"mine"}
    write(result, file, overwrite=True)
    assert file.read_bytes() != b"mine"
    assert file.stat().st_mode & 0o777 == 0o600  # who could not read it before cannot read it now


def test_the_file_beside_the_tasks_is_asked_about_too(result, tmp_path):
    (tmp_path / "tasks.xml").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"tasks\.xml' is there already"):
        export.to_label_studio(result, tmp_path / "tasks.json")
    assert content(tmp_path) == {"tasks.xml": b"mine"}


def test_a_result_goes_over_a_result(result, tmp_path):
    result.save(tmp_path / "x.dff")
    result.reorder([1, 0]).save(tmp_path / "x.dff")
    np.testing.assert_array_equal(
        dff.DFFResult.load(tmp_path / "x.dff").factorization.W, result.factorization.W[[1, 0]]
    )


def test_label_maps_go_over_label_maps_and_over_others_only_when_that_is_said(result, tmp_path):
    folder = tmp_path / "labels"
    export.to_png(result, folder)
    export.to_png(result, folder, {0: ["head"]})
    (folder / "image 0.png").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="is no label map of an earlier export"):
        export.to_png(result, folder)
    assert (folder / "image 0.png").read_bytes() == b"mine"
    export.to_png(result, folder, overwrite=True)
    assert (folder / "image 0.png").read_bytes() != b"mine"


@pytest.mark.parametrize("kind", [*WRITERS, "session"])
@pytest.mark.parametrize("what", ["pipe", "folder", "device"])
def test_what_is_no_regular_file_is_refused_and_stays(result, tmp_path, kind, what):
    write, name = WRITERS.get(kind, (None, "work.dff"))
    if kind == "session":
        panel = dff.LabelingPanel(result)

        def write(_result, path, **options):
            panel.save(path, **options)

    file = tmp_path / name
    if what == "pipe":
        os.mkfifo(file)
    elif what == "folder":
        file.mkdir()
    else:
        file.symlink_to("/dev/full")
    before = file.lstat()
    with pytest.raises(ValueError, match="is no regular file"):
        write(result, file, overwrite=True)
    assert (file.lstat().st_ino, file.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_link_stays_a_link(result, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.csv").write_bytes(b"before")
    (tmp_path / "link.csv").symlink_to("real/x.csv")
    export.to_csv(result, tmp_path / "link.csv", overwrite=True)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real" / "x.csv").read_bytes().startswith(b"image,")


def test_what_the_panel_exported_itself_it_replaces_and_asks_about_the_rest(result, tmp_path):
    panel = dff.LabelingPanel(result, labels=LABELS)
    panel.wait(60)
    for kind in ("coco", "label_studio", "csv"):
        file = tmp_path / WRITERS[kind][1]
        panel.export(kind, file)
        first = file.read_bytes()
        panel.labels = {0: ["another"]}
        panel.export(kind, file)
        assert file.read_bytes() != first
        file.write_bytes(b"mine")
        with pytest.raises(FileExistsError):
            panel.export(kind, file)
        assert file.read_bytes() == b"mine"
        panel.export(kind, file, overwrite=True)
        assert file.read_bytes() != b"mine"
        panel.labels = LABELS
        for one in tmp_path.iterdir():
            one.unlink()


# ----------------------------------------------------------------------------------------------------- what kills leave
KILLED = """
import os, sys
from pathlib import Path
from dff_widgets import storage
def chunks():
    yield b"half"
    os.kill(os.getpid(), 9)
folder = Path(sys.argv[1])
storage.write_files([(folder / "a.json", [b"whole"]), (folder / "b.json", chunks())])
"""


def test_what_kills_leave_is_swept_by_the_next_save_and_nothing_else(result, tmp_path):
    (tmp_path / ".a.json.bak12345").write_bytes(b"mine")
    (tmp_path / ".c.json.0a1b2c3d").write_bytes(b"of another file")
    for _ in range(3):
        subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    assert len(list(tmp_path.glob(".[ab].json.????????"))) == 7
    storage.write_files([(tmp_path / "a.json", [b"new"]), (tmp_path / "b.json", [b"new"])])
    assert content(tmp_path) == {
        ".a.json.bak12345": b"mine",
        ".c.json.0a1b2c3d": b"of another file",
        "a.json": b"new",
        "b.json": b"new",
    }


def test_what_a_living_process_is_writing_is_not_swept(tmp_path):
    def chunks():
        yield b"first"
        storage.write_file(tmp_path / "b.json", [b"another process"])  # it sweeps, and this one is alive
        yield b", last"

    storage.write_files([(tmp_path / "a.json", [b"whole"]), (tmp_path / "b.json", chunks())])
    assert content(tmp_path) == {"a.json": b"whole", "b.json": b"first, last"}


@pytest.mark.parametrize("length", [200, 246, 250, 255])
@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_long_name_is_a_name(tmp_path, length, letter):
    name = (letter * length).encode()[: length - 4].decode(errors="ignore") + ".dff"
    storage.write_file(tmp_path / name, [b"x"])
    storage.write_file(tmp_path / name, [b"y"])
    assert content(tmp_path) == {name: b"y"}
