import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from dff_widgets import best_part_iou, experiments, extract, load_network
from dff_widgets.datasets import creatures
from dff_widgets.dff import DeepFeatureFactorization
from dff_widgets.evaluation.baselines import kmeans
from dff_widgets.experiments import (
    ALONE,
    AUTOMATIC,
    BASELINES,
    METHODS,
    RIVAL_OBJECTS,
    RIVALS,
    SHARPENED,
    Method,
    Trial,
    figure4,
    sharpened,
    sweep,
    table1,
    table2,
    table3,
    table4,
)
from dff_widgets.images import ImageSet

COLORS = {"head": (255, 0, 0), "legs": (0, 255, 0), "background": (0, 0, 255)}


class Colors(nn.Module):
    """Its features are the colours of 8 x 8 blocks, so that the factors of a picture are its coloured areas."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.AvgPool2d(8)
        self.flipped = nn.Conv2d(3, 4, 1, bias=False)
        self.last = nn.ReLU()
        self.calls = 0
        with torch.no_grad():
            self.flipped.weight.copy_(torch.eye(4)[:, :3, None, None])

    def forward(self, x):
        self.calls += 1
        return self.last(self.flipped(self.blocks(x)))


@pytest.fixture
def network():
    """Images are given to the module as they are: 0..1."""
    loaded = load_network(Colors(), mean=(0, 0, 0), std=(1, 1, 1))
    loaded.module.calls = 0  # loading looks at it too
    return loaded


def picture(head, legs, size=64):
    """Red rows, then green rows on blue."""
    masks = {name: np.zeros((size, size), dtype=bool) for name in COLORS}
    masks["head"][:head, : size // 2] = True
    masks["legs"][head : head + legs, : size // 2] = True
    masks["background"] = ~(masks["head"] | masks["legs"])
    pixels = np.zeros((size, size, 3), dtype=np.uint8)
    for name, mask in masks.items():
        pixels[mask] = COLORS[name]
    return pixels, masks


@pytest.fixture
def images():
    pictures = [picture(16, 24), picture(24, 16), picture(16, 16)]
    boxes = [np.argwhere(masks["head"] | masks["legs"]) for _, masks in pictures]
    truth = [np.array([[*b.min(axis=0)[::-1], *b.max(axis=0)[::-1]]]) for b in boxes]
    return ImageSet.from_arrays([p for p, _ in pictures], parts=[m for _, m in pictures], boxes=truth)


class Known:
    """A result that shows the truth: factor 0 the first of `shown`, and so on."""

    def __init__(self, activations, shown):
        self.images, self.shown = activations.images, shown

    def masks(self, grow=0):
        return [
            np.stack([np.logical_or.reduce([parts[name] for name in names]) for names in self.shown])
            for parts in self.images.parts
        ]

    def boxes(self, grow=0):
        return [truth[0] + [0, 0, grow, grow] for truth in self.images.boxes]


def knows(*shown, **options):
    return {"known": Method(lambda activations, k, seed: Known(activations, shown), options)}


def quiet(network, **more):
    return {"network": network, "size": 64, "progress": False, **more}


# ----------------------------------------------------------------------------------------------------------- sweep
def test_sweep_finds_the_coloured_areas(images, network):
    trials = sweep(images, ["last"], [1, 3], [0, 1], networks=network, size=64, percentile=50, progress=False)
    assert [(t.k, t.seed) for t in trials] == [(1, 0), (1, 1), (3, 0), (3, 1)]
    assert {(t.data, t.network, t.layer, t.size) for t in trials} == {("images", "Colors", "last", 64)}
    assert all(0 <= t.iou <= 1 for t in trials)
    assert all(t.error < 0.01 for t in trials if t.k == 3)
    assert network.module.calls == 1


def test_sweep_goes_on_where_it_was(images, network, tmp_path):
    options = {"networks": network, "size": 64, "path": tmp_path / "sweep.jsonl", "progress": False}
    first = sweep(images, ["last"], [1, 2], [0], **options)
    network.module.calls = 0
    assert sweep(images, ["last"], [1, 2], [0], **options) == first
    assert network.module.calls == 0
    more = sweep(images, ["last"], [1, 2, 3], [0], **options)
    assert more[:2] == first
    assert network.module.calls == 1
    other = ImageSet.from_arrays([images[1], images[1], images[2]], parts=[images.parts[i] for i in (1, 1, 2)])
    assert sweep(other, ["last"], [1], [0], **options)[0].error != first[0].error  # other images of the same names


def test_sweep_takes_any_method(images, network, tmp_path):
    methods = {"DFF": METHODS["DFF"], **{name: RIVALS[name] for name in ("PCA", "normalized cut")}}
    options = {"networks": network, "size": 64, "path": tmp_path / "sweep.jsonl", "progress": False}
    trials = sweep(images, ["last"], [1, 3], [0], methods=methods, **options)
    assert [(t.method, t.k) for t in trials] == [(m, k) for m in methods for k in (1, 3)]
    plain = sweep(images, ["last"], [3], [0], networks=network, size=64, progress=False)[0]
    assert trials[1].iou == pytest.approx(plain.iou, abs=0.02)
    assert np.isnan(trials[-1].error)
    assert not np.isnan(trials[0].error)
    again = sweep(images, ["last"], [1, 3], [0], methods=methods, **options)
    assert [t.iou for t in again] == [t.iou for t in trials]
    curves = figure4(trials)
    assert [row[1] for row in curves.rows[::2]] == ["DFF, last", "PCA, last", "normalized cut, last"]


def test_tables_have_intervals_over_images(images, network):
    options = {"methods": {"DFF": METHODS["DFF"]}, "intervals": 50, **quiet(network)}
    table = table1({"a": images}, ks=(), others={}, **options)
    plain = table1({"a": images}, ks=(), others={}, methods=options["methods"], **quiet(network))
    (*_, cell, mean), (*_, value, same) = table.rows[0], plain.rows[0]
    low, high = map(float, cell.split("(")[1].rstrip(")").split(" … "))
    assert float(cell.split()[0]) == pytest.approx(value, abs=0.051)
    assert low <= value + 0.05
    assert high >= value - 0.05
    assert mean == same == pytest.approx(value)
    parts = table1({"a": images}, ks=(2,), others={}, **options).rows[1:]
    assert parts == tuple((*row, None) for row in table4({"a": images}, ks=(2,), **options).rows)
    known = knows(["head"], ["legs"])
    sure = table3({"a": images}, k=2, methods=known, intervals=50, **quiet(network))
    assert sure.rows == (("known", *["100.0 (100.0 … 100.0)"] * 2, 100.0),)
    cells = [row[3] for row in table4(images, ks=(2,), methods=known, intervals=50, **quiet(network)).rows]
    assert cells == ["head 100.0 (100.0 … 100.0)", "legs 100.0 (100.0 … 100.0)"]
    wrong = {"a": {0: "head", 1: "head"}}
    (row,) = table3({"a": images}, k=2, methods=known, labels=wrong, intervals=50, **quiet(network)).rows
    low, high = (float(end) for end in row[1].split("(")[1].rstrip(")").split(" … "))
    assert low < float(row[1].split()[0]) < high


def test_table2_counts_as_lost_does_and_takes_images_alone(images, network):
    boxes = [np.array([[0, 0, 63, 63]]), np.zeros((0, 4), int), np.array([[0, 0, 63, 63]])]
    located = dataclasses.replace(images, boxes=boxes)
    methods = {"DFF": METHODS["DFF"], **ALONE, **RIVAL_OBJECTS}
    lost = table2({"a": located}, methods=methods, protocol="lost", **quiet(network))
    paper = table2({"a": located}, methods=methods, **quiet(network))
    assert [row[0] for row in lost.rows] == list(methods)
    for more, less in zip(lost.rows, paper.rows, strict=True):
        assert more[1] in (0, 50, 100)  # of two images
        assert less[1] == pytest.approx(more[1] * 2 / 3)
    with pytest.raises(ValueError, match="give 1"):
        ALONE["DFF, each image alone, Otsu"].fit(None, 2, 0)


@pytest.mark.parametrize("held", [2**29, 0])
def test_any_method_can_be_sharpened_and_find_the_object_first(monkeypatch, held):
    monkeypatch.setattr("dff_widgets.evaluation.bench._HELD_BYTES", held)
    animals = creatures(3, seed=1, size=128)
    methods = SHARPENED | {"k-means": sharpened(RIVALS["k-means"])}
    trials = sweep(animals, None, [1, 2], [0], methods=methods, size=128, progress=False)
    found = {(t.method, t.k): t.iou for t in trials}
    assert found["DFF, sharpened", 1] == found["DFF, object first", 1]
    assert found["DFF, sharpened", 2] != found["DFF, object first", 2]
    model = DeepFeatureFactorization(2, size=128, focus="object")
    result = model.fit(animals)
    for k, name, same in ((1, "DFF, sharpened", model.object_), (2, "DFF, object first", result)):
        scores = best_part_iou(same.masks(threshold="auto"), animals.parts)
        assert found[name, k] == pytest.approx(np.mean([s.iou for s in scores]), abs=0.02)
    by_hand = kmeans(extract(load_network(), animals, size=128), 2).sharpen().masks(threshold="auto")
    scores = best_part_iou(by_hand, animals.parts)
    assert found["k-means", 2] == pytest.approx(np.mean([s.iou for s in scores]), abs=0.02)


def test_figure4_takes_the_mean_over_seeds_after_that_over_sets():
    def trial(data, k, seed, iou):
        return Trial(data, "net", "layer", 64, k, seed, iou, 0.1)

    table = figure4(
        [
            trial("a", 2, 0, 0.1),
            trial("b", 2, 0, 0.3),
            trial("a", 2, 1, 0.3),
            trial("b", 2, 1, 0.5),
            trial("a", 3, 0, 0.6),
        ]
    )
    assert table.columns == ("network", "layer", "k", "IoU", "deviation", "seeds")
    (*where, mean, deviation, seeds), single = table.rows
    assert where == ["net", "layer", 2]
    assert (mean, deviation, seeds) == (pytest.approx(30), pytest.approx(np.std([20, 40], ddof=1)), 2)
    assert single == ("net", "layer", 3, pytest.approx(60), None, 1)


# ---------------------------------------------------------------------------------------------------------- tables
def test_table1_has_the_object_and_then_the_parts(images, network):
    methods = knows(["head", "legs"], ["background"])
    table = table1({"first": images, "second": images[:2]}, ks=(2,), methods=methods, others={}, **quiet(network))
    assert table.columns == ("k", "method", "factor", "first", "second", "mean")
    assert table.rows == (
        (1, "known", "object", 100.0, 100.0, 100.0),
        (2, "known", 0, "head, legs 100.0", "head, legs 100.0", None),
        (2, "known", 1, "background 100.0", "background 100.0", None),
    )
    assert network.module.calls == 2  # once for each set


def test_table1_lets_you_say_what_the_object_is(images, network):
    table = table1(images, ks=(), methods=knows(["head"]), objects=["head"], others={}, **quiet(network))
    assert table.rows == ((1, "known", "object", 100.0, 100.0),)


def test_table2_is_corloc_in_percent(images, network):
    methods = {"right": knows(["head"])["known"], "wrong": knows(["head"], grow=60)["known"]}
    table = table2({"cow": images}, methods=methods, **quiet(network))
    assert table.columns == ("method", "cow", "mean")
    assert table.rows == (("right", 100.0, 100.0), ("wrong", 0.0, 0.0))


def test_table3_joins_the_factors_of_a_label(images, network):
    methods = knows(["head"], ["legs"], ["background"])
    table = table3({"cow": images}, methods=methods, **quiet(network))
    assert table.columns == ("method", "cow: head", "cow: legs", "mean")
    assert table.rows == (("known", 100.0, 100.0, 100.0),)
    labels = {"cow": {0: "legs", 1: "legs"}}
    legs = sum(p["legs"].sum() for p in images.parts) / sum((p["legs"] | p["head"]).sum() for p in images.parts)
    table = table3({"cow": images}, methods=methods, labels=labels, **quiet(network))
    assert table.rows == (("known", 0.0, pytest.approx(100 * legs), pytest.approx(50 * legs)),)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"horse": {}}, r"no entry for the set 'cow'; it has \['horse'\]"),
        ({"cow": {3: "head"}}, r"labels is \{3: 'head'\}; there are the factors 0\.\.2"),
        ({"cow": {0: "haed"}}, r"the parts \['head', 'legs'\]"),
    ],
)
def test_table3_refuses_labels_that_do_not_fit(images, network, labels, message):
    methods = knows(["head"], ["legs"], ["background"])
    with pytest.raises(ValueError, match=message):
        table3({"cow": images}, methods=methods, labels=labels, **quiet(network))


def test_table4_leaves_a_factor_without_parts_open(images, network):
    table = table4(images, ks=(2,), methods=knows(["head"], ["legs"]), **quiet(network))
    assert [row[3] for row in table.rows] == ["head 100.0", "legs 100.0"]
    half = {
        "half": Method(lambda a, k, s: SimpleNamespace(masks=lambda: [np.zeros((2, 64, 64), bool)] * len(a.images)))
    }
    table = table4(images, ks=(2,), methods=half, **quiet(network))
    assert table.rows == ((2, "half", 0, None), (2, "half", 1, None))


def test_tables_go_on_where_they_were(images, network, tmp_path):
    setup = quiet(network, path=tmp_path / "tables.jsonl")
    first = table4(images, ks=(2, 3), methods=knows(["head"], ["legs"], ["background"]), **setup)
    gone = {"known": Method(None)}
    assert table4(images, ks=(2, 3), methods=gone, **setup) == first
    with pytest.raises(TypeError, match="NoneType"):
        table4(images, ks=(2, 3), methods=gone, **(setup | {"seed": 1}))


def test_the_methods_run_on_a_network(images, network):
    every = [*METHODS, *AUTOMATIC, *BASELINES]
    assert [row[0] for row in table2(images, **quiet(network)).rows] == every
    parts = table1(images, ks=(2,), **quiet(network))
    assert [row[1] for row in parts.rows] == [*every, *(name for name in METHODS for _ in range(2))]


# ------------------------------------------------------------------------------------------------ what is refused
def test_sets_without_truth_are_named(images, network):
    bare = ImageSet.from_arrays([images[0]])
    with pytest.raises(ValueError, match="the set 'cow' has no parts to compare with"):
        table1({"cow": bare}, **quiet(network))
    with pytest.raises(ValueError, match="the set 'images' has no boxes to compare with; load it with voc2007"):
        table2(bare, **quiet(network))
    with pytest.raises(ValueError, match="no images"):
        sweep({})
    with pytest.raises(TypeError, match="images is a list"):
        table4([images])


def test_unknown_options_are_refused(images):
    with pytest.raises(TypeError, match="sede"):
        table1(images, sede=3)
    assert set(experiments.__all__) >= {"sweep", "figure4", "table1", "table2", "table3", "table4"}
