"""Two files of one name, A/a.png and B/a.png, are two images: in sessions, and in every export."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.explore import Inline, LiveScores, Model, Namer, SessionKeeper
from dff_widgets.labelling import History, PartLabels, PartMasks, Session

from ..small_networks import small


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    found = []
    for folder in ("A", "B"):
        (tmp_path / folder).mkdir()
        for name in ("a.png", "b.png"):
            found.append(tmp_path / folder / name)
            coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((48, 40)).save(found[-1])
    return found


def desk_of(files, **choices):
    model = Model(dff.ImageSet.of(files), network=small(), size=32, k=2, run=Inline, **choices)
    live = LiveScores(model, threads=1)
    return model, live, SessionKeeper(model, live)


def test_their_names_are_told_apart_and_only_those(files, tmp_path):
    assert dff.ImageSet.of(files).names == ("A/a.png", "A/b.png", "B/a.png", "B/b.png")
    assert dff.ImageSet.of(files[:2]).names == ("a.png", "b.png")
    assert dff.ImageSet.of([files[0], files[3], files[0]]).names[1] == "b.png"
    shutil.copytree(tmp_path / "A", tmp_path / "C" / "A")
    one, two = files[0], tmp_path / "C" / "A" / "a.png"
    assert dff.ImageSet.of([one, two]).names == (f"{tmp_path.name}/A/a.png", "C/A/a.png")


def test_one_file_twice_is_two_images(files):
    names = dff.ImageSet.of([files[0], files[0], files[1]]).names
    assert len(set(names)) == 3
    assert names[2] == "b.png"


def test_every_export_tells_them_apart(files, tmp_path):
    result = dff.DeepFeatureFactorization(k=2, network=small(), size=32).fit(files)
    names = ["A/a.png", "A/b.png", "B/a.png", "B/b.png"]
    dff.export.to_coco(result, tmp_path / "x.json")
    assert [one["file_name"] for one in json.loads((tmp_path / "x.json").read_text())["images"]] == names
    dff.export.to_label_studio(result, tmp_path / "y.json")
    assert [one["data"]["image"] for one in json.loads((tmp_path / "y.json").read_text())] == names
    dff.export.to_csv(result, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)][::2] == names
    dff.export.to_png(result, tmp_path / "labels")
    assert len(list((tmp_path / "labels").glob("*.png"))) == 4


@pytest.mark.parametrize("shown", [(2, 3), (1, 2), (3,)])
def test_a_session_of_a_subset_shows_its_own_images(files, tmp_path, shown):
    model, live, keeper = desk_of(files, shown=shown)
    Namer(model).set({0: "head"})
    live.truth.fill(shown[-1], "tail")
    keeper.save(tmp_path / "work.dff")
    again, its, loader = desk_of(files)
    loader.load(tmp_path / "work.dff")
    assert again.error is None
    assert again.state.shown == shown
    assert [str(p) for p in again.result.images.sources] == [str(files[i]) for i in shown]
    np.testing.assert_array_equal(again.result.factorization.H, model.result.factorization.H)
    assert its.truth.painted.keys() == {(shown[-1], "tail")}


def test_a_session_of_a_set_with_other_files_of_the_same_names_is_not_taken_for_it(files, tmp_path):
    model, live, keeper = desk_of(files[:2])
    live.truth.fill(0, "tail")
    keeper.save(tmp_path / "work.dff")
    again, its, loader = desk_of(files[2:])
    assert again.state.images.names == model.state.images.names
    loader.load(tmp_path / "work.dff")
    assert again.error is None
    np.testing.assert_array_equal(again.result.factorization.W, model.result.factorization.W)
    assert np.abs(again.result.factorization.H - model.result.factorization.H).max() > 1e-3  # of these photos
    assert its.truth.painted == {}


def test_a_session_goes_with_its_photos_to_another_place(files, tmp_path):
    model, live, keeper = desk_of(files)
    live.truth.fill(2, "tail")
    keeper.save(tmp_path / "work.dff")
    (tmp_path / "moved").mkdir()
    for folder in ("A", "B"):
        (tmp_path / folder).rename(tmp_path / "moved" / folder)
    moved = [tmp_path / "moved" / file.parent.name / file.name for file in files]
    again, its, loader = desk_of(moved)
    loader.load(tmp_path / "work.dff")
    np.testing.assert_array_equal(again.result.factorization.H, model.result.factorization.H)
    assert its.truth.painted.keys() == {(2, "tail")}


def test_masks_of_a_session_whose_names_are_twins_go_nowhere_else(files):
    """Written by the first edition, which called both a.png."""
    images = dff.ImageSet.of(files)
    twins = dataclasses.replace(images, names=("a.png", "b.png", "a.png", "b.png"))
    result = dff.DeepFeatureFactorization(k=2, network=small(), size=32).fit(twins)
    truth = PartMasks(twins)
    truth.fill(2, "tail")
    session = Session(result, History(PartLabels(k=2)), {}, twins.names, truth.to_tensors(), {})
    assert session.truth(dff.ImageSet.of(files[:2])).painted == {}
