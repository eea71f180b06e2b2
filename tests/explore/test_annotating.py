"""Corrections go where colours and names go, and come back; what is seen has them; files keep them."""

import numpy as np
import pytest

from dff_widgets.explore import Inline, Model
from dff_widgets.explore.annotating import attach, rule_of
from dff_widgets.explore.labelling import Labelling
from dff_widgets.labelling import Corrected, Correction

from .labelled import creatures, model_of

SIZE = (64, 64)


def make(images=None, **choices):
    model = model_of(images, **{"layer": "block", **choices})
    return Labelling(model)


@pytest.fixture
def panel():
    return make()


def box(top, left, size=12):
    mask = np.zeros(SIZE, dtype=bool)
    mask[top : top + size, left : left + size] = True
    return mask


def put(panel, image, factor, pixels, **options):
    return panel.annotator.correct(image, factor, lambda _: (pixels, np.zeros_like(pixels)), **options)


def take(panel, image, factor, pixels):
    return panel.annotator.correct(image, factor, lambda _: (np.zeros_like(pixels), pixels))


def one(title="", seed=0):
    pixels = np.random.default_rng(seed).random(SIZE) < 0.5
    return Corrected(Correction.none(SIZE).put(pixels, ~pixels), title)


# ---------------------------------------------------------------------------------------------------- where they go
def test_a_correction_is_on_the_factor_of_its_concept():
    mine = one("head")
    found = attach({(2, 7): mine}, concepts=[3, 7], names=["head", ""])
    assert found.on == {2: {1: (mine.correction,)}}
    assert found.parked == ()


def test_else_on_the_factor_of_its_name_and_else_it_is_parked():
    mine, nameless = one("head"), one()
    found = attach({(2, 9): mine, (0, 8): nameless}, concepts=[3, 7], names=["", "head"])
    assert found.on == {2: {1: (mine.correction,)}}
    assert found.parked == ((0, 8),)


def test_of_two_on_one_factor_that_of_its_own_concept_wins():
    mine, other = one("head"), one("head", seed=1)
    found = attach({(0, 3): mine, (0, 9): other}, concepts=[3], names=["head"])
    assert found.on == {0: {0: (other.correction, mine.correction)}}


# ------------------------------------------------------------------------------------------------------ what is seen
def test_what_is_corrected_is_seen_under_every_rule(panel):
    model = panel._model
    put(panel, 0, 1, box(4, 4))
    take(panel, 0, 1, box(40, 40))
    for rule in ({"percentile": 30.0}, {"percentile": 90.0}, {"threshold": "otsu"}):
        model.ask(**rule)
        masks, predicted = panel.annotator.masks(0)
        assert masks[1][box(4, 4)].all()
        assert not masks[1][box(40, 40)].any()
        rest = ~(box(4, 4) | box(40, 40))
        assert (masks[1][rest] == predicted[1][rest]).all()
        assert (masks[[0, 2]] == predicted[[0, 2]]).all()


def test_the_masks_of_sharp_maps_are_the_automatic_ones(panel):
    state = panel._model.state
    assert rule_of(state) == (75.0, None)
    panel._model.ask(look="sharp")
    assert rule_of(panel._model.state) == (75.0, "auto")
    panel._model.ask(look="masks", threshold="otsu")
    assert rule_of(panel._model.state) == (75.0, "otsu")


def test_one_factor_a_pixel(panel):
    put(panel, 0, 0, box(4, 4), alone=False)
    put(panel, 0, 1, box(8, 8), alone=True)
    masks, _ = panel.annotator.masks(0)
    assert masks[1][box(8, 8)].all()
    assert not masks[[0, 2]][:, box(8, 8)].any()
    panel.undo()
    assert panel.annotator.masks(0)[0][0][box(4, 4)].all()


def test_reset_gives_the_prediction_back(panel):
    put(panel, 0, 0, box(4, 4))
    put(panel, 2, 0, box(4, 4))
    assert panel.annotator.reset(0, 0)
    masks, predicted = panel.annotator.masks(0)
    assert (masks == predicted).all()
    assert panel.annotator.masks(2)[0][0][box(4, 4)].all()
    assert not panel.annotator.reset(0, 1)


def test_bad_input_is_one_sentence_and_changes_nothing(panel):
    for image, factor, error, words in [
        (0, 3, ValueError, "factor is 3; there are factors 0..2"),
        (9, 0, ValueError, "image 9 is not among those that are shown"),
    ]:
        with pytest.raises(error, match=words):
            put(panel, image, factor, box(0, 0))
    assert panel.notes.version == 0
    with pytest.raises(ValueError, match="no image is accepted yet"):
        panel.seen(only="accepted")
    empty = Labelling(Model(creatures(), run=Inline, foresee=False, held=True))
    with pytest.raises(ValueError, match="no masks yet: wait for the first result"):
        empty.seen()


def test_accepted_images_alone(panel):
    panel.review([2, 0], "accepted")
    assert panel.seen(only="accepted").images == (0, 2)
    assert panel.seen().images == (0, 1, 2, 3)


def test_names_and_colours_are_those_that_are_shown(panel):
    panel.labels = {1: "head"}
    seen = panel.seen()
    assert seen.labels.title(1) == "head"
    assert seen.colors == panel._model.appearance.hues(3)


def test_it_is_said_where_a_correction_no_longer_fits(panel):
    put(panel, 0, 1, box(4, 4))
    put(panel, 2, 0, box(4, 4))
    assert panel.annotator.fits(panel._model.now) == {(0, 1): 1.0, (2, 0): 1.0}
    panel._model.ask(percentile=99.0)
    assert all(fit < 0.5 for fit in panel.annotator.fits(panel._model.now).values())


# ------------------------------------------------------------------------------------- through k, layers, files, undo
def shown(panel):
    """What is seen at the place that is shown, of every image."""
    seen = panel.seen()
    return [seen.masks(i) for i in range(len(seen))]


def test_another_k_or_layer_keeps_corrections_and_back_all_is_as_it_was(panel):
    model = panel._model
    panel.labels = {1: "head"}
    put(panel, 0, 1, box(4, 4))
    before = shown(panel)
    for change in ({"k": 1}, {"k": 6}, {"layer": "pool"}, {"layer": "block", "k": 2}, {"percentile": 20.0}):
        model.ask(**change)
        assert len(panel.notes.masks) == 1
    model.ask(k=3, layer="block", percentile=75.0)
    for a, b in zip(before, shown(panel), strict=True):
        np.testing.assert_array_equal(a, b)


def test_at_one_factor_a_correction_of_another_concept_is_parked_and_said(panel):
    now = panel._model.now
    heir = now.appearance.concepts(3).index(now.appearance.concepts(3)[-1])
    put(panel, 0, heir, box(4, 4))
    panel._model.ask(k=1)
    attached = panel.annotator.attached(panel._model.now)
    assert len(attached.parked) + sum(map(len, attached.on.values())) == 1


def test_everything_is_undone_in_the_order_in_which_it_was_done(panel):
    acts = [
        lambda: panel.namer.name(0, "head"),
        lambda: put(panel, 0, 1, box(4, 4)),
        lambda: panel.truth.fill(1, "tail"),
        lambda: panel.review(2, "accepted"),
        lambda: panel.namer.name(1, "torso"),
        lambda: panel.declare(3, "tail", "absent"),
    ]

    def state():
        notes = panel.notes
        return dict(panel.labels), notes.masks, notes.reviews, notes.presence, sorted(panel.truth.painted)

    states = [state()]
    for act in acts:
        act()
        states.append(state())
    for before in reversed(states[:-1]):
        panel.undo()
        assert state() == before
    assert panel.undo() == ""
    for after in states[1:]:
        panel.redo()
        assert state() == after
    assert panel.redo() == ""


def test_a_new_act_forgets_what_was_undone_of_every_kind(panel):
    panel.review(0, "accepted")
    panel.namer.name(0, "head")
    panel.undo()
    panel.undo()
    panel.truth.fill(1, "tail")
    panel.redo()
    assert panel.notes.reviews[0] == "unreviewed"
    assert panel.labels[0] == []


def test_a_session_keeps_corrections_reviews_presence_and_the_order(panel, tmp_path):
    panel._model.ask(k=4)
    panel.labels = {1: "head"}
    put(panel, 0, 1, box(4, 4))
    panel.review(2, "rejected")
    panel.truth.fill(1, "tail")
    panel.declare(3, "tail", "absent")
    panel.labels = {1: "face"}
    before, order = shown(panel), panel.undoing.order
    panel.save(tmp_path / "a.dff")
    other = make(k=2)
    other.load(tmp_path / "a.dff")
    for a, b in zip(before, shown(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert other.notes.reviews[2] == "rejected"
    assert other.notes.presence == {(3, "tail"): "absent"}
    assert other.undoing.order == order == ["names", "notes", "notes", "parts", "notes", "names"]
    other.save(tmp_path / "b.dff")
    assert (tmp_path / "a.dff").read_bytes() == (tmp_path / "b.dff").read_bytes()
    for _ in range(6):
        other.undo()
    assert not other.undoing.can_undo
    assert not other.notes.masks
    assert not other.truth.painted


def test_a_parked_correction_comes_back_from_a_file_by_its_name(panel, tmp_path):
    model = panel._model
    names = ["head", "torso", "legs"]
    panel.labels = dict(enumerate(names))
    for f in range(3):
        put(panel, 0, f, box(4, 20 * f))
    model.ask(k=1)
    panel.save(tmp_path / "a.dff")
    other = make(k=2)
    other.load(tmp_path / "a.dff")
    assert len(other.notes.masks) == 3
    other._model.ask(k=3)
    other.labels = dict(enumerate(names))
    masks, _ = other.annotator.masks(0)
    for f in range(3):
        assert masks[f][box(4, 20 * f)].all()
    assert other.annotator.attached(other._model.now).parked == ()


def test_a_session_of_other_images_keeps_what_is_said_of_those_that_are_here(panel, tmp_path):
    put(panel, 0, 1, box(4, 4))
    put(panel, 3, 1, box(4, 4))
    panel.review([0, 2], "accepted")
    panel.save(tmp_path / "a.dff")
    some = creatures().subset([3, 2, 1])
    other = make(some)
    other.load(tmp_path / "a.dff")
    assert [image for image, _ in other.notes.masks] == [0]
    assert other.notes.reviews == ["unreviewed", "accepted", "unreviewed"]


def test_a_session_of_before_loads(panel, tmp_path, monkeypatch):
    from dff_widgets import storage

    real = storage.encode

    def of_before(kind, version, content, tensors):
        content = {name: value for name, value in content.items() if name not in ("said", "order")}
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("annotation/")}
        return real(kind, version, content, tensors)

    panel.labels = {1: "head"}
    panel.truth.fill(1, "tail")
    monkeypatch.setattr(storage, "encode", of_before)
    panel.save(tmp_path / "old.dff")
    monkeypatch.undo()
    other = make(k=2)
    other.load(tmp_path / "old.dff")
    assert other.labels == {1: ["head"]}
    assert not other.notes.masks
    assert other.undoing.order == ["names", "parts"]


def test_other_images_have_their_own_notes_and_back_they_are_there(panel):
    mine = panel._model.state.images
    put(panel, 0, 1, box(4, 4))
    panel._model.ask(images=creatures(seed=1))
    assert not panel.notes.masks
    assert not panel.undoing.can_undo
    panel._model.ask(images=mine)
    assert len(panel.notes.masks) == 1
    panel.undo()
    assert not panel.notes.masks


def test_no_correction_is_lost_in_500_moves(tmp_path):
    """A person corrects, goes about, names, undoes, saves and starts again; at home all is as it was said."""
    rng = np.random.default_rng(0)
    home = {"k": 3, "layer": "block", "percentile": 75.0, "look": "heat", "threshold": None}
    panel, file = make(), tmp_path / "a.dff"
    said = {}  # (image, name): per pixel 1 inside, -1 outside

    def correct():
        panel._model.ask(**home)
        panel.labels = {0: "head", 1: "torso", 2: "legs"}
        image, factor = int(rng.integers(4)), int(rng.integers(3))
        pixels, add = box(int(rng.integers(50)), int(rng.integers(50))), bool(rng.integers(2))
        (put if add else take)(panel, image, factor, pixels)
        said.setdefault((image, factor), np.zeros(SIZE, dtype=int))[pixels] = 1 if add else -1

    def go():
        panel._model.ask(
            k=int(rng.integers(1, 6)),
            layer=str(rng.choice(["block", "pool"])),
            percentile=float(rng.integers(10, 95)),
            threshold=rng.choice([None, "otsu"]),
        )

    def undo_redo():
        n = int(rng.integers(1, 4))
        for _ in range(n):
            panel.undo()
        for _ in range(n):
            panel.redo()

    def restart():
        nonlocal panel
        panel.save(file, overwrite=True)
        panel.close()
        panel = make(k=2)
        panel.load(file)

    moves = [correct, go, go, go, undo_redo, lambda: panel.review(int(rng.integers(4)), "accepted"), restart]
    weights = np.array([4, 6, 6, 6, 3, 2, 0.4])
    for move in rng.choice(len(moves), size=500, p=weights / weights.sum()):
        moves[move]()
        assert panel._model.error is None
    panel._model.ask(**home)
    panel.labels = {0: "head", 1: "torso", 2: "legs"}
    for image in range(4):
        masks, predicted = panel.annotator.masks(image)
        for factor in range(3):
            twin = said.get((image, factor), np.zeros(SIZE, dtype=int))
            np.testing.assert_array_equal(masks[factor], np.where(twin == 0, predicted[factor], twin > 0))
