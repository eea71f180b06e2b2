"""Autosave loses nobody's work: not yesterday's, not another notebook's, not the last seconds before the end."""

import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.labelling import Session

from ..small_networks import small


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    images = dff.ImageSet.from_arrays([rng.integers(0, 256, (40, 48, 3), dtype=np.uint8) for _ in range(3)])
    return dff.DeepFeatureFactorization(k=2, network=small(), size=32).fit(images)


def panel_of(result):
    panel = dff.LabelingPanel(result)
    panel.wait(60)
    return panel


def keeper(panel):
    return panel.panel.session


def named(file):
    return Session.load(file).labels.value[0]


def name(panel, word):
    panel.labels = {0: [word]}
    assert keeper(panel).wait(60)


@pytest.fixture
def yesterday(result, tmp_path):
    """A file with names, masks and undo, written by a kernel that is gone."""
    file, panel = tmp_path / "work.dff", panel_of(result)
    for word in ("head", "the left ear"):
        panel.labels = {0: [word]}
    panel.truth.fill(1, "tail")
    panel.save(file)
    panel.close()
    return file


def test_autosave_ticked_before_load_leaves_yesterdays_session(result, yesterday):
    before, panel = yesterday.read_bytes(), panel_of(result)
    panel.autosave = str(yesterday)
    name(panel, "a slip")
    assert yesterday.read_bytes() == before
    assert "overwrite it, or load it?" in keeper(panel).question
    keeper(panel).answer("load it")
    panel.wait(60)
    assert keeper(panel).question is None
    assert panel.labels == {0: ["the left ear"], 1: []}
    panel.undo()  # the tail, which was painted last
    panel.undo()
    assert keeper(panel).wait(60)
    assert named(yesterday) == ["head"]
    assert (yesterday.parent / "work.dff.backup").read_bytes() == before


@pytest.mark.parametrize("by", ["answer", "call"])
def test_it_is_overwritten_when_the_person_says_so_and_kept_as_a_backup(result, yesterday, by):
    before, panel = yesterday.read_bytes(), panel_of(result)
    panel.autosave = str(yesterday)
    name(panel, "new")
    if by == "answer":
        keeper(panel).answer("overwrite")
    else:
        panel.save(yesterday, overwrite=True)
    assert keeper(panel).question is None
    name(panel, "newer")
    assert named(yesterday) == ["newer"]
    assert (yesterday.parent / "work.dff.backup").read_bytes() == before


def test_saving_by_hand_asks_too(result, yesterday):
    before, panel = yesterday.read_bytes(), panel_of(result)
    with pytest.raises(FileExistsError, match="overwrite it, or load it"):
        panel.save(yesterday)
    assert yesterday.read_bytes() == before
    assert "overwrite it, or load it?" in keeper(panel).question
    keeper(panel).answer("overwrite")
    assert named(yesterday) == []
    assert "saved in" in panel.save(yesterday)  # it is ours now


def test_two_kernels_on_one_file_notice_each_other(result, tmp_path):
    file, one, other = tmp_path / "work.dff", panel_of(result), panel_of(result)
    one.autosave = str(file)
    name(one, "one")
    other.load(file)
    other.wait(60)
    other.autosave = str(file)
    name(other, "other")
    name(one, "one again")
    assert named(file) == ["other"]
    assert "was changed by another notebook or program since" in keeper(one).question
    one.save(file, overwrite=True)
    name(other, "other again")
    assert named(file) == ["one again"]
    assert "was changed by another notebook or program since" in keeper(other).question


def test_what_is_loaded_from_another_file_does_not_go_over_the_first(result, yesterday, tmp_path):
    panel, first = panel_of(result), tmp_path / "first.dff"
    panel.autosave = str(first)
    name(panel, "one")
    panel.load(yesterday)
    panel.wait(60)
    name(panel, "two")
    assert named(first) == ["one"]
    assert named(yesterday) == ["two"]


def test_names_given_without_a_rest_are_saved_all_the_same(result, tmp_path):
    file, panel = tmp_path / "work.dff", panel_of(result)
    panel.autosave = str(file)
    assert keeper(panel).wait(60)
    end, n = time.monotonic() + 12, 0
    while time.monotonic() < end and named(file) == []:
        n += 1
        panel.labels = {0: [f"name {n}"]}
        time.sleep(0.1)
    assert named(file) != []


@pytest.mark.parametrize("how", ["the script ends", "sys.exit(0)", "raise ValueError('of the notebook')"])
def test_a_clean_end_drops_nothing(result, tmp_path, how):
    result.save(tmp_path / "result.dff")
    script = f"""
        import sys
        import dff_widgets as dff
        panel = dff.LabelingPanel(dff.DFFResult.load("result.dff"))
        panel.wait(60)
        panel.autosave = "work.dff"
        panel.labels = {{0: ["head"]}}
        {"" if how == "the script ends" else how}
    """
    (tmp_path / "end.py").write_text(textwrap.dedent(script))
    subprocess.run([sys.executable, "end.py"], cwd=tmp_path, env=os.environ, timeout=120, check=False)
    assert named(tmp_path / "work.dff") == ["head"]


@pytest.mark.parametrize("of", ["panel", "explorer"])
def test_a_panel_that_is_closed_drops_nothing(result, tmp_path, of):
    if of == "panel":
        closed = panel = panel_of(result)
    else:
        closed = dff.DFFExplorer(result.images, network=small(), k=2, size=32)
        closed.wait(60)
        panel = closed.panel
    panel.autosave = str(tmp_path / "work.dff")
    panel.labels = {0: ["head"]}
    closed.close()
    assert named(tmp_path / "work.dff") == ["head"]


@pytest.mark.parametrize("path", ["loop/x.dff", "~nobody-at-all/x.dff", "a\0b"])
def test_a_place_that_is_none_is_said_and_the_next_one_works(result, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    panel = panel_of(result)
    panel.autosave = path
    name(panel, "head")
    assert "autosave failed: " in keeper(panel).said
    assert "leads nowhere" in keeper(panel).said
    panel.autosave = "good.dff"
    name(panel, "tail")
    assert named(tmp_path / "good.dff") == ["tail"]
