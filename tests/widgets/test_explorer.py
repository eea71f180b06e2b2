import base64
import contextlib
import gc
import io
import itertools
import json
import threading
import time
import weakref

import numpy as np
import pytest
import traitlets as t
from ipywidgets.widgets import widget
from PIL import Image

import dff_widgets as dff
from dff_widgets.explore import Inline, wire
from dff_widgets.widgets.app import DFFExplorer
from tests.explore.conftest import network, photos
from tests.test_cell import interrupted


@pytest.fixture
def explorer() -> DFFExplorer:
    made = DFFExplorer(photos(), network=network(), k=3, size=64, run=Inline, foresee=False)
    assert made.error is None
    return made


@pytest.fixture
def sent(explorer: DFFExplorer) -> list:
    """What goes to the browser: (method, names of the state, content)."""
    messages: list = []

    def send(message, buffers=None) -> None:
        messages.append((message["method"], sorted(message.get("state", {})), message.get("content"), buffers))

    explorer._send = send
    return messages


def consistent(explorer: DFFExplorer) -> None:
    """What holds whenever nothing is on its way: the traits are the model's, and what is drawn is of the result."""
    state, result = explorer.get_state(), explorer.result
    assert not explorer.busy
    assert result.k == explorer.k == state["k"]
    assert result.layer == explorer.layer == state["layer"]
    assert state["stack"]["key"] == state["place"]["key"]
    level = next(level for level in state["stack"]["levels"] if level["k"] == explorer.k)
    look = state["appearance"]["levels"][str(explorer.k)]
    assert explorer.colors == look["colors"]
    for name in ("gains", "shares", "parents", "overlaps", "concepts", "quantiles"):
        assert len(level[name]) == explorer.k
    maps = sum(state["stack"]["ks"])
    assert len(state["heat"]) == maps * sum(h * w for h, w in state["stack"]["grids"][: state["stack"]["kept"]])
    for name, trait in explorer.traits().items():
        if trait.metadata.get("sync") and name not in ("layout", "tooltip", "_dom_classes"):
            kept = explorer._trait_values.get(name, trait.default_value)
            assert kept == getattr(explorer, name), name


def test_the_whole_state_is_json_and_small(explorer) -> None:
    consistent(explorer)
    state = explorer.get_state()
    photos_and_heat = sum(map(len, state.pop("photos"))) + len(state.pop("heat"))
    text = json.dumps({name: value for name, value in state.items() if name not in ("_esm", "_css")}, allow_nan=False)
    assert photos_and_heat + len(text) < 300_000


def test_a_change_of_k_in_the_browser_is_answered_by_one_message_and_its_echo(explorer, sent) -> None:
    explorer.set_state({"k": 5})
    assert explorer.k == explorer.result.k == 5
    echo, news = [(method, names) for method, names, *_ in sent]
    assert news == ("update", ["scores", "status"])
    assert echo == ("echo_update", ["k"])  # for other pages of the same notebook
    consistent(explorer)


def test_a_change_of_k_in_python_is_one_message(explorer, sent) -> None:
    explorer.k = 2
    first, *more = [(method, names) for method, names, *_ in sent]
    assert first == ("update", ["k", "scores", "status"])
    assert more in ([], [("update", ["scores"])])  # when they are counted
    consistent(explorer)


def test_what_the_browser_can_no_longer_ask_is_sent_back_as_it_is(explorer, sent) -> None:
    explorer.set_state({"k": 2, "selected": 5})
    assert (explorer.k, explorer.selected) == (2, -1)
    assert ("echo_update", ["selected"]) in [message[:2] for message in sent]  # else the page would hear no more of it
    assert sent[-1][:2] == ("update", ["selected"])
    consistent(explorer)


def test_every_choice_can_be_read_set_and_observed(explorer) -> None:
    seen = []
    explorer.observe(lambda change: seen.append((change["name"], change["new"])), t.All)
    for name, value in [
        ("look", "masks"),
        ("photo", "dim"),
        ("percentile", 60),
        ("threshold", "otsu"),
        ("sort", "name"),
    ]:
        setattr(explorer, name, value)
        assert getattr(explorer, name) == value
        assert (name, value) in seen
    explorer.layer = "2"
    assert explorer.layer == "2"
    consistent(explorer)


def test_what_follows_cannot_be_set(explorer) -> None:
    for name in ("result", "status", "busy", "colors"):
        with pytest.raises(AttributeError, match=name):
            setattr(explorer, name, None)
    with pytest.raises(TypeError, match="'kk'"):
        DFFExplorer(photos(), kk=3)
    with pytest.raises(ValueError, match="k is 0"):
        explorer.k = 0
    consistent(explorer)


def test_opacity_and_visibility_belong_to_the_concept(explorer) -> None:
    explorer.opacity = [0.1, 0.5, 0.9]
    explorer.visible = [True, False, True]
    concepts = explorer.model.appearance.concepts(3)
    explorer.k = 4
    for f, concept in enumerate(explorer.model.appearance.concepts(4)):
        was = concepts.index(concept) if concept in concepts else None
        assert explorer.opacity[f] == (0.7 if was is None else [0.1, 0.5, 0.9][was])
        assert explorer.visible[f] == (was != 1)
    with pytest.raises(t.TraitError, match="opacity"):
        explorer.opacity = [0.1]


def test_linked_explorers_agree(explorer) -> None:
    other = DFFExplorer(photos(), network=network(1), k=4, size=64, run=Inline, foresee=False)
    t.link((explorer, "k"), (other, "k"))
    other.k = 2
    assert explorer.k == explorer.result.k == other.result.k == 2
    explorer.k = 6
    assert other.result.k == 6
    consistent(explorer)
    consistent(other)


def test_other_images_have_no_old_factors(explorer, sent) -> None:
    explorer.images = photos(3, seed=2)
    consistent(explorer)
    assert len(explorer.get_state()["captions"]) == 3
    emptied = [names for _, names, *_ in sent if "stack" in names]
    assert len(emptied) >= 1


def test_cancel_ends_the_sharp_maps_that_were_asked_for(explorer, monkeypatch) -> None:
    said = []

    def send(content, buffers=None) -> None:
        said.append((content["re"], content.get("part", False)))
        if said[-1] == (1, True):
            explorer._handle_custom_msg({"do": "cancel", "id": 2}, [])

    monkeypatch.setattr(explorer, "send", send)
    explorer._handle_custom_msg({"do": "sharp", "id": 1, "k": 2, "of": [0, 1, 2]}, [])
    assert said == [(1, True), (2, False), (1, False)]
    explorer._handle_custom_msg({"do": "sharp", "id": 3, "k": 2, "of": [1, 2]}, [])
    assert said[3:] == [(3, True), (3, True), (3, False)]


def test_messages_are_answered(explorer, sent) -> None:
    explorer._handle_custom_msg({"do": "hello", "id": 1}, [])
    explorer._handle_custom_msg({"do": "tiles", "id": 2, "of": [1, 3]}, [])
    explorer._handle_custom_msg({"do": "sharp", "id": 3, "k": 2, "of": [0]}, [])
    explorer._handle_custom_msg({"do": "dance", "id": 4}, [])
    explorer._handle_custom_msg({"do": "tiles", "id": 5, "of": [99]}, [])
    explorer._handle_custom_msg("nonsense", [])
    said = [content for _, _, content, _ in sent]
    assert said[0] == {"re": 1, "awake": True}
    assert [(c["re"], c.get("part"), c.get("image")) for c in said[1:4]] == [
        (2, True, 1),
        (2, True, 3),
        (2, None, None),
    ]
    photo, heat = sent[1][3]
    assert photo[:2] == b"\xff\xd8"
    h, w = explorer.stack["grids"][1]
    whole, before = explorer.heat, sum(explorer.stack["ks"]) * int(np.prod(explorer.stack["grids"][0]))
    assert heat == whole[before : before + sum(explorer.stack["ks"]) * h * w]
    sharp, maps = said[4], sent[4][3][0]
    assert (sharp["image"], sharp["k"], sharp["key"]) == (0, 2, explorer.stack["key"])
    assert len(maps) == 2 * int(np.prod(sharp["grid"]))
    assert said[5]["re"] == 3
    assert "dance" in said[6]["problem"]
    assert "99" in said[7]["problem"]
    assert len(said) == 8


def test_images_are_opened_by_message(explorer, sent, tmp_path) -> None:
    explorer._handle_custom_msg({"do": "images", "id": 1, "path": str(tmp_path)}, [])
    assert "no images" in sent[-1][2]["problem"]
    assert "no images" in explorer.error
    consistent(explorer)
    from PIL import Image

    Image.fromarray(photos()[0]).save(tmp_path / "a.png")
    explorer._handle_custom_msg({"do": "images", "id": 2, "path": str(tmp_path)}, [])
    assert explorer.error is None
    assert explorer.place["images"] == tmp_path.name
    assert explorer.choices["recent"] == [str(tmp_path)]
    assert len(explorer.result) == 1
    consistent(explorer)


def test_masks_are_cut_at_the_level_that_the_kernel_measures_with(explorer) -> None:
    levels = explorer.stack["levels"][2]["quantiles"]
    want = 255 * explorer.result.thresholds(75)
    np.testing.assert_allclose([row[75] for row in levels], want, atol=8)


def test_with_no_argument_it_opens_the_creatures() -> None:
    explorer = DFFExplorer(network=network(), k=2, size=64, run=Inline, foresee=False)
    assert (len(explorer.images), explorer.place["images"]) == (12, "creatures")
    assert explorer.images.parts is not None
    explorer.close()


def test_a_hundred_images_stay_under_six_megabytes() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (100, 320, 320, 3), dtype=np.uint8)  # nothing is larger as a JPEG
    explorer = DFFExplorer(list(noise), network=network(), layer="2", k=2, size=320, run=Inline, foresee=False)
    explorer.wait()
    state = explorer.get_state()
    raw = sum(map(len, state.pop("photos"))) + len(state.pop("heat"))
    assert 4 / 3 * raw + len(json.dumps(state)) < 6_000_000
    assert raw < wire.ROOM
    assert state["stack"]["kept"] >= 12
    explorer.close()


def test_closing_ends_it(explorer) -> None:
    explorer.close()
    with pytest.raises(ValueError, match="closed"):
        explorer.k = 2
    assert explorer.comm is None


def test_closing_while_something_is_computed_leaves_no_thread() -> None:
    explorer = DFFExplorer(photos(), network=network(), size=64)
    explorer.close()
    end = time.monotonic() + 20
    while any(thread.name.startswith("dff-") and thread.name != "dff-end" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert explorer.error is None


# --------------------------------------------------------------------------------------------------- names and scores
@pytest.fixture
def labelled() -> DFFExplorer:
    parts = [{"left": np.arange(w) < w // 2 * np.ones((h, 1), bool)} for h, w in map(photos().size, range(4))]
    images = dff.ImageSet.from_arrays(list(photos()), parts=parts)
    return DFFExplorer(images, network=network(), k=3, size=64, run=Inline, foresee=False)


def test_labels_can_be_set_and_are_measured(labelled) -> None:
    labelled.labels = {1: "left"}
    assert labelled.labels == {1: ["left"]}
    labelled.wait()
    want = dff.iou(labelled.result.masks(), labelled.images.parts, {1: ["left"]})
    assert labelled.iou == [None, pytest.approx(want[1]), None]
    assert labelled.scores["iou"] == labelled.iou
    assert labelled.appearance["levels"]["3"]["titles"][1] == "left"
    assert labelled.appearance["known"] == ["left"]
    json.dumps(labelled.get_state()["scores"], allow_nan=False)
    for threshold in ("otsu", "auto"):
        labelled.threshold = threshold
        labelled.wait()
        want = dff.iou(labelled.result.masks(threshold=threshold), labelled.images.parts, {1: ["left"]})
        assert labelled.iou[1] == pytest.approx(want[1])
        json.dumps({n: v for n, v in labelled.get_state().items() if n not in ("photos", "heat")}, allow_nan=False)


def test_names_given_at_first_are_those_of_the_first_result() -> None:
    explorer = DFFExplorer(photos(), network=network(), k=2, size=64, labels={1: ["tail"]}, run=Inline, foresee=False)
    assert explorer.labels == {1: ["tail"]}
    explorer.k = 1
    assert explorer.labels == {}
    assert explorer.appearance["parked"] == {"1": ["tail"]} or explorer.appearance["parked"]["1"] == ["tail"]


def test_names_by_message(labelled) -> None:
    answers: list = []
    labelled._send = lambda message, buffers=None: answers.append(message.get("content"))
    labelled._handle_custom_msg({"do": "name", "id": 1, "factor": 0, "text": "torso + legs"}, [])
    labelled._handle_custom_msg({"do": "toggle", "id": 2, "factor": 2, "part": "left"}, [])
    assert labelled.labels == {0: ["torso", "legs"], 2: ["left"]}
    labelled._handle_custom_msg({"do": "undo", "id": 3}, [])
    assert labelled.labels == {0: ["torso", "legs"]}
    labelled._handle_custom_msg({"do": "redo", "id": 4}, [])
    labelled._handle_custom_msg({"do": "clear", "id": 5}, [])
    assert labelled.labels == {}
    labelled._handle_custom_msg({"do": "assign", "id": 6, "threshold": 0.3}, [])
    coverage = dff.coverage(labelled.result.masks(), labelled.images.parts)
    assert labelled.labels == {f: ["left"] for f in range(3) if coverage[f, 0] > 0.3}
    labelled._handle_custom_msg({"do": "name", "id": 7, "factor": 9, "text": "x"}, [])
    assert "factor" in answers[-1]["problem"]
    assert [a["re"] for a in answers if a] == [1, 2, 3, 4, 5, 6, 7]


def test_a_pane_is_served_by_its_presenter(labelled) -> None:
    sent: list = []
    labelled._send = lambda message, buffers=None: sent.append(message.get("content"))
    labelled._handle_custom_msg({"pane": "focus", "do": "open"}, [])
    labelled._handle_custom_msg({"pane": "nobody's", "do": "open"}, [])
    assert {content["pane"] for content in sent if content} == {"focus"}


# ------------------------------------------------------------------------------------------- viewers without widgets
@pytest.fixture
def displayed(monkeypatch):
    """What is displayed: (data, display id, whether it is an update)."""
    import IPython.display

    shown: list = []

    class Handle:
        def update(self, data, raw) -> None:
            shown.append((data, "update"))

    def display(data, *, raw, metadata=None, display_id=None):
        shown.append((data, "new"))
        return Handle() if display_id else None

    monkeypatch.setattr(IPython.display, "display", display)
    return shown


def jpeg(data):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"])))).astype(int)


def test_the_picture_beside_it_is_of_the_present_result(displayed) -> None:
    explorer = DFFExplorer(photos(), network=network(), k=2, size=64, held=True, run=Inline, foresee=False)
    explorer._still._quiet = 0
    explorer._ipython_display_()
    view, plain = displayed
    assert view[0]["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    assert "image/jpeg" not in view[0]  # so that the widget itself is never sent again
    explorer.start()
    explorer.wait()
    assert [kind for _, kind in displayed[2:]] == ["update"] * (len(displayed) - 2)
    assert len(displayed) > 2
    with_factors = jpeg(displayed[-1][0])
    assert np.abs(with_factors[:200, :800] - jpeg(plain[0])[:200, :800]).max() > 40
    sent = len(displayed)
    explorer.tile_size = 200
    explorer.wait()
    assert len(displayed) == sent  # nothing that the picture shows
    explorer.k = 3
    explorer.wait()
    assert len(displayed) > sent
    assert np.abs(jpeg(displayed[-1][0])[:200, :800] - with_factors[:200, :800]).max() > 40


# ---------------------------------------------------------------------------------------------------------- a session
def test_a_session_goes_on_where_it_stopped(labelled, tmp_path) -> None:
    labelled.labels = {1: ["left"]}
    labelled.opacity = [0.1, 0.2, 0.3]
    labelled.visible = [True, False, True]
    labelled.percentile = 60
    path = tmp_path / "a.dff"
    assert "saved" in labelled.save(path)
    other = DFFExplorer(labelled.images, network=labelled.network, layer="2", k=2, size=64, run=Inline, foresee=False)
    passes = labelled.network[0].passes
    other.load(path)
    other.wait()
    assert labelled.network[0].passes == passes
    assert other.error is None
    assert (other.k, other.layer, other.percentile) == (3, "4", 60)
    assert other.labels == {1: ["left"]}
    assert other.colors == labelled.colors
    assert other.opacity == [0.1, 0.2, 0.3]
    assert other.visible == [True, False, True]
    np.testing.assert_array_equal(other.result.factorization.H, labelled.result.factorization.H)
    consistent(other)
    other.k = 4
    consistent(other)


def test_what_is_no_session_changes_nothing(labelled, tmp_path) -> None:
    path = tmp_path / "a.dff"
    path.write_bytes(b"nothing")
    state = labelled.model.state
    with pytest.raises(ValueError, match=r"a\.dff"):
        labelled.load(path)
    assert labelled.model.state is state
    with pytest.raises(FileExistsError):
        labelled.save(path)
    assert path.read_bytes() == b"nothing"


# ----------------------------------------------------------------------------------------- interrupts and other threads
def test_an_interrupt_at_any_line_of_a_change_leaves_the_old_state_or_the_new_one(explorer) -> None:
    files = ("widgets/app.py", "explore/traits.py", "explore/wire.py", "explore/model.py", "explore/moment.py")
    for line in itertools.count(1, 3):
        explorer.k = 3
        hit = interrupted(lambda: setattr(explorer, "k", 5), line, files)
        assert explorer.k == explorer.result.k in (3, 5)
        explorer.k = 5  # the same cell, run again
        assert explorer.k == explorer.result.k == 5
        explorer.wait()
        consistent(explorer)
        if not hit:
            break
    assert line > 100


def test_explorers_whose_traits_are_linked_never_wait_for_each_other() -> None:
    images, rng = photos(), np.random.default_rng(0)
    one, other = (DFFExplorer(images, network=network(seed), k=3, size=64) for seed in (0, 1))
    t.link((one, "k"), (other, "k"))
    t.link((one, "layer"), (other, "layer"))
    t.link((one, "size"), (other, "size"))

    def drive() -> None:
        for _ in range(60):
            explorer = (one, other)[rng.integers(2)]
            name, value = [("k", int(rng.integers(1, 6))), ("layer", "24"[rng.integers(2)]), ("size", 64)][
                rng.integers(3)
            ]
            with contextlib.suppress(t.TraitError):  # the other one was already asked for something else
                setattr(explorer, name, value)

    thread = threading.Thread(target=drive, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    for explorer in (one, other):
        explorer.wait(30)
        consistent(explorer)
        explorer.close()


def test_many_made_and_closed_leave_nothing_behind() -> None:
    images, net = photos(2), network()
    before = len(widget._instances)
    for _ in range(10):
        explorer = DFFExplorer(images, network=net, size=64, run=Inline, foresee=False)
        explorer.close()
    assert len(widget._instances) <= before
    alive = weakref.ref(explorer.model)
    del explorer
    gc.collect()
    assert alive() is None


def test_pages_of_a_few_images_by_message(labelled) -> None:
    labelled._handle_custom_msg({"do": "few", "id": 1, "n": 2}, [])
    assert labelled.place["sampling"] == {"at": 0, "pages": 2, "size": 2, "done": 0, "of": 4}
    assert len(labelled.result) == 2
    W = labelled.result.factorization.W
    labelled._handle_custom_msg({"do": "page", "id": 2}, [])
    assert labelled.place["sampling"]["at"] == 1
    labelled._handle_custom_msg({"do": "all", "id": 3}, [])
    assert len(labelled.result) == 4
    np.testing.assert_array_equal(labelled.result.factorization.W, W)
    consistent(labelled)
