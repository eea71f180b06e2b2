"""Exports of what is seen, as messages ask for them: written, asked about, fetched, or refused in a sentence."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from dff_widgets import export
from dff_widgets.explore import exporting
from dff_widgets.explore.desk import Ask
from dff_widgets.explore.export_desk import export_desk
from dff_widgets.explore.export_formats import FORMATS, offered
from dff_widgets.explore.labelling import Labelling

from .labelled import model_of

FOLDERS = [name for name, one in FORMATS.items() if one.folder]


class Desk:
    def __init__(self, **choices):
        self.model = model_of(layer="block", **choices)
        self.panel = Labelling(self.model)
        self.doing = export_desk(self.panel.exporter, self.model.run)
        self.buffers = []

    def ask(self, do, **content):
        """The last answer; what came along is in `buffers`."""
        sent = []

        def take(answer, buffers):
            sent.append(answer)
            self.buffers += buffers

        self.doing[do](Ask(content, (), take, 7))
        assert [answer.get("part", False) for answer in sent] == [True] * (len(sent) - 1) + [False]
        assert {answer.pop("re") for answer in sent} == {7}
        return sent[-1]


@pytest.fixture
def desk():
    desk = Desk()
    desk.panel.labels = {0: ["head"]}
    return desk


def test_the_menu_offers_every_export_there_is():
    assert {one.write for one in FORMATS.values()} == {getattr(export, name) for name in export.__all__}
    assert [one["format"] for one in offered()] == list(FORMATS)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_export_is_written_and_asked_about_where_it_would_be_over_anothers(desk, tmp_path, kind):
    path = tmp_path / FORMATS[kind].path
    answer = desk.ask("export", format=kind, path=str(path))
    assert (answer["said"], answer["path"]) == (f"4 images in {str(path)!r}", str(path))
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert answer["size"] == sum(file.stat().st_size for file in files) > 0
    assert desk.ask("export", format=kind, path=str(path)) == answer  # our own
    (file := sorted(files, key=lambda f: f.name != "labels.json")[0]).write_bytes(b"mine")
    asked = desk.ask("export", format=kind, path=str(path))
    assert asked["answers"] == ["overwrite"]
    assert asked["question"].endswith("is not an export of this explorer: overwrite it?")
    assert file.read_bytes() == b"mine"
    assert desk.ask("export", format=kind, path=str(path), overwrite=True) == answer
    assert file.read_bytes() != b"mine"


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_of_somebody_elses_is_asked_about(desk, tmp_path, kind):
    (tmp_path / ("labels.json" if kind == "png" else "notes.txt")).write_text("mine")
    assert "overwrite it?" in desk.ask("export", format=kind, path=str(tmp_path))["question"]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kind", FORMATS)
def test_what_was_exported_can_be_fetched_and_nothing_else(desk, tmp_path, kind):
    path = tmp_path / FORMATS[kind].path
    (tmp_path / "secret").write_text("mine")
    desk.ask("export", format=kind, path=str(path))
    answer = desk.ask("download", path=str(path))
    content = b"".join(desk.buffers)
    assert answer["total"] == len(content)
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "secret"]
    if files == [path]:
        assert (answer["name"], content) == (path.name, path.read_bytes())
    else:
        assert answer["name"] == f"{path.stem}.zip"
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.testzip() is None
            found = {name: archive.read(name) for name in archive.namelist()}
        assert found == {file.relative_to(tmp_path).as_posix(): file.read_bytes() for file in files}
    assert "nothing was exported to" in desk.ask("download", path=str(tmp_path / "secret"))["problem"]


def test_a_download_comes_in_parts_and_has_a_limit(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("dff_widgets.explore.export_desk._PART", 1000)
    desk.ask("export", format="html", path=str(tmp_path / "x.html"))
    desk.ask("download", path=str(tmp_path / "x.html"))
    assert {len(part) for part in desk.buffers[:-1]} == {1000}
    assert b"".join(desk.buffers) == (tmp_path / "x.html").read_bytes()
    monkeypatch.setattr(exporting, "DOWNLOAD", 1000)
    said = desk.ask("download", path=str(tmp_path / "x.html"))["problem"]
    assert "MB; a download takes up to" in said


def test_options_are_those_of_the_format(desk, tmp_path):
    desk.ask("export", format="yolo", path=str(tmp_path / "y"), photos=True, unnamed=True, url="x")
    assert len(list((tmp_path / "y" / "images" / "train").iterdir())) == 4
    desk.ask("export", format="label_studio", path=str(tmp_path / "t.json"), url="/d/?d=", photos=True)
    assert json.loads((tmp_path / "t.json").read_text())[0]["data"]["image"].startswith("/d/?d=")
    said = [desk.ask("export", format="png", path=str(tmp_path / f"{u}"), unnamed=u)["said"] for u in (False, True)]
    assert all("4 images" in one for one in said)
    plain, cut = (np.asarray(Image.open(sorted((tmp_path / f"{u}").glob("*.png"))[0])) for u in (False, True))
    assert (plain > 0).sum() > (cut > 0).sum()  # the factor without a name is stronger somewhere


def test_accepted_images_alone(desk, tmp_path):
    assert desk.ask("export", format="coco", path=str(tmp_path / "x.json"), accepted=True)["problem"] == (
        "no image is accepted yet"
    )
    desk.panel.annotator.notes.judge(2, "accepted")
    said = desk.ask("export", format="coco", path=str(tmp_path / "x.json"), accepted=True)["said"]
    assert said.startswith("1 accepted image in")
    assert [image["id"] for image in json.loads((tmp_path / "x.json").read_text())["images"]] == [3]


def test_a_correction_is_in_the_export(desk, tmp_path):
    desk.panel.export("png", tmp_path / "before")
    height, width = desk.model.state.images.size(0)
    box = np.zeros((height, width), dtype=bool)
    box[: height // 2] = True
    desk.panel.annotator.correct(0, 0, lambda seen: (box, np.zeros_like(box)))
    desk.panel.export("png", tmp_path / "after")
    before, after = (np.asarray(Image.open(sorted((tmp_path / n).glob("*.png"))[0])) for n in ("before", "after"))
    assert (before[: height // 2] == 0).any()
    assert (after[: height // 2] == 1).all()
    np.testing.assert_array_equal(before[height // 2 :], after[height // 2 :])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"format": "xls", "path": "x"}, "there is no export 'xls'"),
        ({"format": "csv", "path": " "}, "give the name of a file"),
        ({"format": "yolo", "path": ""}, "give the name of a folder"),
        ({"format": "csv", "path": "/nowhere/x.csv"}, "no folder at '/nowhere': make it before saving there"),
        ({"format": "yolo", "path": "/nowhere/x"}, "no folder at '/nowhere': make it before saving there"),
        ({"format": "figure", "path": "x"}, "end it with the format"),
        ({"format": "figure", "path": "x.docx"}, "docx"),
        ({"format": "csv", "path": "a\0b"}, "leads nowhere"),
    ],
)
def test_an_export_that_cannot_be_is_one_sentence(desk, content, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem = desk.ask("export", **content)["problem"]
    assert said in problem
    assert "Errno" not in problem
    assert not list(tmp_path.iterdir())
    held = Desk(held=True)
    assert "nothing to export yet" in held.ask("export", format="csv", path="x.csv")["problem"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_nobody_may_write_to_is_a_sentence(desk, tmp_path):
    tmp_path.chmod(0o500)
    problem = desk.ask("export", format="yolo", path=str(tmp_path / "x"))["problem"]
    assert problem.startswith("Permission denied")


def test_the_figure_shows_what_is_on(desk, tmp_path):
    found = {}
    for look in ("heat", "masks"):
        desk.model.ask(look=look)
        desk.panel.export("figure", tmp_path / f"{look}.png")
        found[look] = np.asarray(Image.open(tmp_path / f"{look}.png"))
    assert found["heat"].shape == found["masks"].shape
    assert (found["heat"] != found["masks"]).any()
