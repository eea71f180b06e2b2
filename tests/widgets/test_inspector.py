import dataclasses
import io
import threading

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.factorization import Factorization
from dff_widgets.inspection import crop, spectrum, top_patches
from dff_widgets.widgets.inspector import FactorInspector

SHAPES = ((8, 13), (9, 5), (2, 2))
SIZES = tuple((12 * h, 12 * w) for h, w in SHAPES)
LAYER = "4"  # of the `network` fixture: 10 channels, before the pooling


def result_of(k, seed=0, layer=LAYER):
    rng = np.random.default_rng(seed)
    images = dff.ImageSet.from_arrays(rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES)
    rows = sum(h * w for h, w in SHAPES)
    factors = Factorization(
        rng.random((rows, k), dtype=np.float32) ** 3, rng.random((k, 10), dtype=np.float32), 0, 1, True
    )
    return dff.DFFResult(factors, images, SHAPES, SIZES, "toy", layer, 64)


def test_the_traits_are_what_the_functions_find(network) -> None:
    result = result_of(3)
    view = dff.FactorInspector(result, np.int64(1), network=network, patches=4)
    assert view.wait(30)
    found = top_patches(result, 1, 4)
    assert [p["strength"] for p in view.patches] == [p.strength for p in found]
    assert [p["image"] for p in view.patches] == [f"image {p.image}" for p in found]
    for jpeg, patch in zip(view.pictures, found, strict=True):
        shown, want = Image.open(io.BytesIO(jpeg)), crop(result.images, patch)
        assert shown.size == want.size
        assert np.abs(np.asarray(shown, float).mean() - np.asarray(want, float).mean()) < 3
    assert view.spectrum == [dataclasses.asdict(c) for c in spectrum(result, 1)]
    assert view.distinct == [dataclasses.asdict(c) for c in spectrum(result, 1, distinct=True)]
    assert view.classes == [dataclasses.asdict(c) for c in dff.classes(result, 1, network)]
    assert (view.factor, view.title, view.color, view.note, view.busy) == (1, "factor 1", "#56B4E9", "", False)
    assert view.about.endswith("% of what is explained · 4 of toy")
    assert repr(view).startswith("FactorInspector(factor 1: one of 3 factors · ")
    assert repr(view).endswith("4 patches, seen as " + ", ".join(c["name"] for c in view.classes[:3]) + ")")


def test_a_lone_factor_has_nothing_to_distinguish_it_from() -> None:
    view = FactorInspector(result_of(1), color="#123456", name="all of it")
    assert view.wait(30)
    assert (view.title, view.color, view.distinct, view.classes) == ("all of it", "#123456", [], [])
    assert view.about.startswith("the only factor · 100 %")
    assert view.note == "Give network= to see the classes that its classifier would see."


def test_without_a_classifier_the_rest_is_shown_with_a_sentence(network) -> None:
    view = FactorInspector(result_of(2), 0, network=network[:5])
    assert view.wait(30)
    assert len(view.patches) > 3
    assert view.classes == []
    assert "Sequential has no classifier" in view.note
    view.show(result_of(2, layer="nowhere"), 0, network)
    assert view.wait(30)
    assert "has no layer 'nowhere'" in view.note
    view.show(result_of(2), 0, network)
    assert view.wait(30)
    assert (len(view.classes), view.note) == (4, "")


def test_show_returns_at_once_and_the_latest_wins(network) -> None:
    result, gate = result_of(4), network[0].gate
    view = FactorInspector(result, 0, network=network)
    assert view.wait(30)
    gate.clear()
    network[0].entered.clear()
    view.show(result, 1, network)
    assert network[0].entered.wait(30)  # its classes are on the way, the rest is there
    assert (view.factor, view.busy, view.classes) == (1, True, [])
    assert len(view.patches) > 3
    seen = []
    view.observe(lambda change: seen.append(change["new"]), "factor")
    view.show(result, 2, network)
    view.show(result, 3, network, name="tail")
    gate.set()
    assert view.wait(30)
    assert seen == [3]
    assert (view.factor, view.title, view.busy) == (3, "tail", False)
    assert view.classes == [dataclasses.asdict(c) for c in dff.classes(result, 3, network)]


def test_what_was_superseded_changes_nothing_afterwards(network) -> None:
    result, gate = result_of(2), network[0].gate
    view = FactorInspector(result, 0, network=network)
    assert view.wait(30)
    gate.clear()
    network[0].entered.clear()
    view.show(result, 1, network)
    assert network[0].entered.wait(30)
    view.clear()
    gate.set()
    assert view.wait(30)
    assert (view.factor, view.patches, view.pictures, view.classes, view.title) == (-1, [], [], [], "")
    assert not view.busy
    assert repr(view) == repr(FactorInspector()) == "FactorInspector()"


def test_a_factor_that_is_not_there_is_refused_and_the_shown_one_stays() -> None:
    view = FactorInspector(result_of(2))
    assert view.wait(30)
    with pytest.raises(ValueError, match=r"factor is 2; this result has factors 0\.\.1"):
        view.show(result_of(2), 2)
    assert (view.factor, view.busy) == (0, False)


def test_images_that_are_gone_are_grey(tmp_path) -> None:
    result = result_of(1)
    for i, image in enumerate(result.images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    images = dff.ImageSet.from_folder(tmp_path)
    (tmp_path / "0.png").unlink()
    view = FactorInspector(dataclasses.replace(result, images=images))
    assert view.wait(30)
    for patch, jpeg in zip(view.patches, view.pictures, strict=True):
        assert (np.ptp(np.asarray(Image.open(io.BytesIO(jpeg)))) == 0) == (patch["image"] == "0.png")
    assert {"0.png", "1.png"} <= {patch["image"] for patch in view.patches}


def test_many_threads_may_ask() -> None:
    results = [result_of(3, seed) for seed in range(4)]
    view = FactorInspector()
    threads = [threading.Thread(target=view.show, args=(result, 2)) for result in results for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert view.wait(30)
    assert not view.busy
    strengths = [p["strength"] for p in view.patches]
    assert strengths in [[p.strength for p in top_patches(result, 2)] for result in results]
    assert len(view.pictures) == len(strengths)
