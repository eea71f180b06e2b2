"""Sessions: all comes back; a damaged, foreign or hostile file is one sentence, and never touches another file."""

import json
import os
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from dff_widgets import storage
from dff_widgets.factorization import Factorization
from dff_widgets.images import ImageSet
from dff_widgets.labelling import History, PartLabels, PartMasks, Sampling, Session
from dff_widgets.result import DFFResult

SIZES = ((20, 30), (26, 17), (20, 30))
GRIDS = ((2, 3), (3, 2), (2, 3))
NAMES = ("cow", "../../up", "ünï 牛")
SETTINGS = {"k": 2, "layer": "4", "threshold": "auto", "percentile": 60.5, "opacity": [0.25, 1.0], "refine": True}


def image_set(names=NAMES, sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    parts = [{"head": rng.random(size) < 0.2} for size in sizes]
    pixels = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    return ImageSet.from_arrays(pixels, names=names, parts=parts)


def result_of(images, *, refined=False):
    rng = np.random.default_rng(1)
    rows = sum(h * w for h, w in GRIDS)
    factors = Factorization(rng.random((rows, 2), "f"), rng.random((2, 5), "f"), 0.25, n_iter=7, converged=True)
    maps = tuple(rng.random((2, 4, 5)).astype(np.float16) for _ in images) if refined else None
    return DFFResult(factors, images, GRIDS, SIZES, "small", "4", 64, ("lost.png is not an image",), maps)


def painted_on(images):
    truth = PartMasks(images)
    truth.stroke(0, "head", [(3.0, 4.0), (15.0, 9.0)], radius=2.5)
    truth.polygon(1, "ear <b>", [(1, 1), (12, 3), (4, 20)])
    truth.stroke(1, "head", [(9.0, 9.0)], radius=3)
    truth.undo()
    return truth


def session_of(images=None, *, refined=True):
    images = images or image_set()
    history = History(PartLabels(k=2))
    for names in ({0: ["head"]}, {0: ["head", "ear"], 1: ["<img src=x>"]}, {1: ["x" * 300]}, {}):
        history.push(PartLabels(names, k=2))
    history.undo()
    history.undo()
    pages = Sampling(3, size=2, seed=4)
    pages.next()
    truth = painted_on(images)
    return Session(
        result_of(images, refined=refined), history, SETTINGS, images.names, truth.to_tensors(), pages.state()
    )


@pytest.fixture
def file(tmp_path):
    (tmp_path / "here").mkdir()
    path = tmp_path / "here" / "work.dff"
    session_of().save(path)
    return path


def same_painting(one, other):
    assert one.painted.keys() == other.painted.keys()
    assert all(np.array_equal(mask, other.painted[where]) for where, mask in one.painted.items())


# ------------------------------------------------------------------------------------------------ what comes back
@pytest.mark.parametrize("refined", [False, True])
def test_everything_comes_back(tmp_path, refined):
    images = image_set()
    before = session_of(images, refined=refined)
    before.save(tmp_path / "work.dff")
    after = Session.load(tmp_path / "work.dff")
    for name in ("past", "value", "future"):
        assert getattr(after.labels, name) == getattr(before.labels, name)
    assert after.labels.past
    assert after.labels.future
    assert (after.settings, after.names, after.page) == (before.settings, before.names, before.page)
    a, b = after.result, before.result
    np.testing.assert_array_equal(a.factorization.W, b.factorization.W)
    np.testing.assert_array_equal(a.factorization.H, b.factorization.H)
    for name in ("k", "shapes", "sizes", "network", "layer", "size", "skipped"):
        assert getattr(a, name) == getattr(b, name), name
    assert (a.maps is None) == (not refined)
    for i in range(3):
        np.testing.assert_array_equal(a.heatmaps(i), b.heatmaps(i))
        np.testing.assert_array_equal(a.images[i], images[i])


def test_labels_go_on_where_they_stopped(file):
    labels = Session.load(file).labels
    assert labels.value == {0: ["head", "ear"], 1: ["<img src=x>"]}
    assert labels.redo() == {1: ["x" * 300]}
    assert labels.redo() == {}
    assert [labels.undo() for _ in range(5)][-1] == {}
    assert labels.redo() == {0: ["head"]}


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.dictionaries(st.integers(0, 1), st.text(min_size=1).filter(str.strip), max_size=2), max_size=6),
    st.data(),
)
def test_any_text_is_a_name(tmp_path_factory, steps, data):
    images, history = image_set(), History(PartLabels(k=2))
    for names in steps:
        history.push(PartLabels(names, k=2))
    for _ in range(data.draw(st.integers(0, len(steps)))):
        history.undo()
    path = tmp_path_factory.mktemp("names") / "work.dff"
    session = Session(result_of(images), history, {}, images.names, PartMasks(images).to_tensors())
    session.save(path)
    found = Session.load(path).labels
    assert (found.past, found.value, found.future) == (history.past, history.value, history.future)


def test_painting_comes_back_with_its_undo(file):
    images = image_set()
    want, found = painted_on(images), Session.load(file).truth(images)
    same_painting(want, found)
    assert found.parts == want.parts == ("head", "ear <b>")
    for step in ("redo", "undo", "undo", "undo"):
        assert getattr(found, step)() == getattr(want, step)()
        same_painting(want, found)
    assert found.painted == {}
    np.testing.assert_array_equal(found[0]["head"], images.parts[0]["head"])


def test_on_other_images_the_masks_go_by_name_and_size(file):
    session, want = Session.load(file), painted_on(image_set()).painted
    moved = image_set(("new", "../../up", "cow"), ((20, 30), (26, 17), (20, 30)))
    assert session.truth(moved).painted.keys() == {(2, "head"), (1, "ear <b>")}
    np.testing.assert_array_equal(session.truth(moved).painted[2, "head"], want[0, "head"])
    np.testing.assert_array_equal(session.truth(moved).painted[1, "ear <b>"], want[1, "ear <b>"])
    assert not session.truth(moved).can_undo
    other_size = image_set(("cow", "../../up"), ((20, 30), (26, 30)))
    assert session.truth(other_size).painted.keys() == {(0, "head")}
    assert session.truth(image_set(("a",), ((20, 30),))).painted == {}


def test_the_same_names_on_images_of_other_sizes_lose_only_what_does_not_fit(file):
    other = image_set(NAMES, ((20, 30), (64, 64), (20, 30)))
    assert Session.load(file).truth(other).painted.keys() == {(0, "head")}


# -------------------------------------------------------------------------------------------------- what is written
def test_only_the_chosen_file_is_written(tmp_path):
    for folder in ("outside", "here"):
        (tmp_path / folder).mkdir()
    (tmp_path / "up").write_text("mine")
    path = tmp_path / "here" / "work.dff"
    session_of().save(path)
    Session.load(path).truth(image_set())
    session_of().save(path)
    there = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")}
    assert there == {"outside", "here", "up", "here/work.dff"}
    assert (tmp_path / "up").read_text() == "mine"


@pytest.mark.parametrize(("owner", "failing"), [(os, "fsync"), (Path, "replace")])
def test_a_full_disk_leaves_the_old_file(file, monkeypatch, owner, failing):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(owner, failing, full)
    with pytest.raises(OSError, match="No space left"):
        session_of(refined=False).save(file)
    monkeypatch.undo()
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


# ------------------------------------------------------------------------------------------------------- damage
def problem(path, *, use=True):
    """The sentence in which a file is refused, or None when it is read; any other exception goes on to the test."""
    images = image_set()
    try:
        session = Session.load(path)
        if use:
            session.truth(images)
            session.truth(image_set(("cow", "new"), SIZES[:2]))
            if session.page:
                Sampling.restored(session.page, len(images))
    except ValueError as error:
        return str(error)
    return None


def is_sentence(text):
    return bool(text) and "\n" not in text and len(text) < 1000


def test_a_truncated_file_is_one_sentence(file):
    whole = file.read_bytes()
    for keep in range(0, len(whole), 97):
        file.write_bytes(whole[:keep])
        said = problem(file)
        assert is_sentence(said), (keep, said)
        assert "work.dff" in said


def test_flipped_bytes_are_one_sentence_or_harmless(file):
    whole, rng = file.read_bytes(), np.random.default_rng(5)
    refused = 0
    for at in [*range(0, len(whole), 53), *rng.integers(0, 2000, 200)]:
        file.write_bytes(whole[:at] + bytes([whole[at] ^ int(rng.integers(1, 256))]) + whole[at + 1 :])
        said = problem(file)
        refused += said is not None
        assert said is None or is_sentence(said), (at, said)
    assert refused > 50  # else the loop has tested nothing


def opened(file):
    with safe_open(file, framework="numpy") as content:
        tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - not a mapping
        return json.loads(content.metadata()["dff-widgets"]), tensors


def rewrite(file, content, tensors):
    save_file({n: np.ascontiguousarray(t) for n, t in tensors.items()}, file, {"dff-widgets": json.dumps(content)})


def places(value, way=()):
    """The way to everything inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*way, key)
        yield from places(inner, (*way, key))


def put(content, way, value):
    changed = inner = deepcopy(content)
    for key in way[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[way[-1]]
    else:
        inner[way[-1]] = value
    return changed


GONE = object()
WRONG = [None, True, "", "../../../etc/passwd", 1.5, -1, 10**30, -(10**12), 2**31, float("nan"), float("inf"), [], {}]
WRONG += [[[]], {"a": 1}, [1, 2, 3], [["head"], ["legs"]], GONE]


def test_any_other_value_in_the_header_is_one_sentence_or_harmless(file):
    content, tensors = opened(file)
    refused, ways = 0, list(places(content))
    assert len(ways) > 80
    for way in ways:
        for value in WRONG:
            rewrite(file, put(content, way, value), tensors)
            said = problem(file)
            refused += said is not None
            assert said is None or is_sentence(said), (way, value, said)
    assert refused > len(ways)
    assert [p.name for p in file.parent.parent.rglob("*")] == ["here", "work.dff"]


def test_tensors_that_are_gone_or_of_another_kind_are_one_sentence_or_harmless(file):
    content, tensors = opened(file)
    refused = 0
    for name, tensor in tensors.items():
        flat = tensor.ravel()
        others = [flat, flat[:-1], tensor[None], np.zeros(0, np.uint8), tensor.astype(np.float64), np.array(3)]
        for changed in [None, *others]:
            rest = {n: t for n, t in tensors.items() if n != name}
            rewrite(file, content, rest if changed is None else rest | {name: changed})
            said = problem(file)
            refused += said is not None
            assert said is None or is_sentence(said), (name, None if changed is None else changed.shape, said)
    assert refused > len(tensors)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: storage.write(path, "session", 99, {}, {}), "is version 99 of a session; .* reads up to 1: upgr"),
        (lambda path: storage.write(path, "result", 1, {}, {}), "holds no session of dff-widgets"),
        (lambda path: result_of(image_set()).save(path, overwrite=True), "holds no session of dff-widgets"),
        (lambda path: storage.write(path, "session", 1, {}, {}), "is not a whole session"),
        (lambda path: path.write_bytes(b"\x80\x04cposix\nsystem\n."), "is damaged or was not written by dff-widgets"),
        (lambda path: path.write_bytes(b""), "is damaged or was not written by dff-widgets"),
        (lambda path: path.unlink(), "no file at "),
        (lambda path: (path.unlink(), path.mkdir()), "no file at "),
    ],
)
def test_another_file_is_one_sentence(file, make, message):
    make(file)
    with pytest.raises(ValueError, match=message) as caught:
        Session.load(file)
    assert is_sentence(str(caught.value))


def test_labels_of_another_number_of_factors_are_refused(file):
    content, tensors = opened(file)
    content["labels"]["past"][0] = [["head"]]
    rewrite(file, content, tensors)
    with pytest.raises(ValueError, match="is not a whole session: labels of 1 factors; the result has 2"):
        Session.load(file)
