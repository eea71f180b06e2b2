import dataclasses
import io
import zlib

import ipywidgets
import numpy as np
import pytest
import traitlets as t
from PIL import Image

import dff_widgets as dff
from dff_widgets.explore.focus import pack_mask
from dff_widgets.heat import palette, upsample
from dff_widgets.labelling import PartMasks
from dff_widgets.labelling.rasterize import brush
from dff_widgets.widgets.focus import FocusView

SIZE = (80, 96)  # of image 0


@pytest.fixture
def truth(images):
    body = np.zeros(SIZE, dtype=bool)
    body[30:60, 20:70] = True
    return PartMasks(images, [{"body": body}, {}, {}, {}])


@pytest.fixture
def result(images, network):
    return dff.DeepFeatureFactorization(k=2, network=network, size=64).fit(images)


def unpacked(packed, shape):
    bits = np.frombuffer(zlib.decompress(packed), np.uint8) if packed else np.zeros(shape[0] * shape[1], np.uint8)
    return np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).astype(bool)


def shown(view, part):
    """The mask of a part as the browser has it."""
    return unpacked(view.masks[view.parts.index(part)], view.mask_size)


def tell(view, **content):
    view.presenter.receive(content, [])


def test_it_shows_an_image_and_its_masks(truth):
    view = FocusView(truth)
    assert (view.place, view.size, view.caption) == ([0, 4], [80, 96], "image 0")
    assert Image.open(io.BytesIO(view.photo)).size == (96, 80)
    assert (view.part, view.parts, view.part_colors) == ("body", ["body"], palette(1))
    assert (shown(view, "body") == truth[0]["body"]).all()
    assert view.radius == 2
    assert not view.heat


def test_what_is_painted_is_in_the_truth_and_shown(truth):
    view = FocusView(truth, part="tail")
    assert view.parts == ["body", "tail"]
    view.stroke([(10, 10), (40, 10)], radius=5)
    top, left, pixels = brush([(10, 10), (40, 10)], 5, SIZE)
    want = np.zeros(SIZE, dtype=bool)
    want[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    assert (truth[0]["tail"] == want).all()
    assert (shown(view, "tail") == want).all()
    view.erase = True
    view.polygon([(0, 0), (25, 0), (25, 30), (0, 30)])
    assert not shown(view, "tail")[:, :25].any()
    assert shown(view, "tail")[:, 25:].any()
    view.clear()
    assert not shown(view, "tail").any()
    assert "tail" in truth[0]


def test_a_change_of_the_truth_from_elsewhere_is_shown_and_observed(truth):
    view, seen = FocusView(truth), []
    view.observe(lambda change: seen.append(change["new"]), "version")
    truth.fill(0, "ear")
    assert shown(view, "ear").all()
    truth.fill(3, "ear")
    assert len(seen) == 2
    assert (view.can_undo, view.can_redo) == (True, False)
    view.close()
    truth.undo()
    assert len(seen) == 2


def test_undo_goes_to_the_image_it_changes(truth):
    view, before = FocusView(truth), truth[0]["body"]
    view.stroke([(5, 5)], radius=4)
    view.step(1)
    view.part = "tail"
    view.stroke([(5, 5)], radius=4)
    view.step(1)
    view.undo()
    assert (view.index, view.part, view.status) == (1, "tail", "Undone: tail in image 1")
    view.undo()
    assert (view.index, view.part) == (0, "body")
    assert (shown(view, "body") == before).all()
    view.undo()
    view.redo()
    assert view.status == "Redone: body in image 0"
    assert truth[0]["body"][5, 5]


def test_steps_stay_within_the_images_and_a_wrong_index_is_said(truth):
    view = FocusView(truth, index=3)
    view.step(1)
    assert view.index == 3
    view.step(-9)
    assert view.index == 0
    with pytest.raises(t.TraitError, match=r"index is 4; there are 4 images: give 0\.\.3"):
        view.index = 4
    with pytest.raises(TypeError, match="no option 'colour'"):
        FocusView(truth, colour="red")


def test_another_truth_is_shown_in_place_of_the_first(truth, images):
    view = FocusView(truth, index=3)
    other = PartMasks(images[:2])
    view.truth = other
    assert (view.index, view.place) == (1, [1, 2])
    assert view.parts == ["body"]  # it stays selected, and so is a part of the new truth
    other.fill(1, "body")
    assert shown(view, "body").all()
    version = view.version
    truth.fill(1, "body")
    assert view.version == version


# --------------------------------------------------------------------------------------------- what the browser sends
def test_a_stroke_of_the_browser_names_its_own_image_and_part(truth):
    view = FocusView(truth)
    view.part = "tail"
    view.step(1)
    tell(view, do="stroke", index=0, part="body", points=[[5, 5], [9, 9]], radius=3, erase=False, id="a-1")
    assert truth[0]["body"][5, 5]
    assert view.handled == "a-1"
    assert (view.index, view.part) == (1, "tail")


@pytest.mark.skipif(ipywidgets.__version__ < "8", reason="with no kernel, ipywidgets 7 sends nothing")
def test_each_message_is_answered_by_one(truth, monkeypatch):
    view, sent = FocusView(truth), []
    monkeypatch.setattr(view.comm, "send", lambda data=None, **_: sent.append(data))
    tell(view, do="stroke", index=0, part="body", points=[[5, 5]], radius=3, erase=False, id="a-1")
    assert [sorted(message["state"]) for message in sent] == [["can_undo", "handled", "masks"]]
    sent.clear()
    tell(view, do="step", by=1, id="a-2")
    assert len(sent) == 1
    assert {"place", "masks", "size"} <= set(sent[0]["state"])
    assert ["photo"] in sent[0]["buffer_paths"]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"do": "stroke", "points": [[1, None]], "radius": 2}, "points holds a number that is none"),
        ({"do": "stroke", "points": [[1, 2]], "radius": 0}, "radius is 0"),
        ({"do": "polygon", "points": [[1, 2]]}, "n >= 3"),
        ({"do": "clear", "index": 9}, "there is no image 9"),
    ],
)
def test_a_message_that_cannot_be_done_is_said_and_answered(truth, message, status):
    view = FocusView(truth)
    tell(view, **{"index": 0, "part": "body", "id": "a-1", **message})
    assert status in view.status
    assert view.handled == "a-1"
    assert not truth.can_undo


# ----------------------------------------------------------------------------------------------------- the factors
def test_factors_are_shown_at_the_networks_resolution(truth, result):
    view = FocusView(truth, result, 2)
    assert view.grid == list(result.shapes[2])
    heat = np.frombuffer(view.heat, np.uint8).reshape(2, *view.grid) / 255
    np.testing.assert_allclose(heat, result.coarse_heatmaps(2), atol=0.003)
    assert (view.names, view.colors, view.visible) == (["factor 0", "factor 1"], palette(2), [True, True])
    assert view.levels == []
    view.result = None
    assert (view.names, view.heat) == ([], b"")


def refined(result, seed=0):
    rng = np.random.default_rng(seed)
    return dataclasses.replace(result, maps=tuple(rng.random((2, 4, 5)).astype(np.float16) for _ in range(4)))


@pytest.mark.parametrize("rule", [{}, {"percentile": 40.0}, {"threshold": "auto"}, {"threshold": "otsu"}])
def test_a_refined_result_is_shown_as_the_masks_that_it_has_everywhere(truth, result, rule):
    sharp = refined(result)
    view = FocusView(truth, sharp, 2, **rule)
    assert (len(view.levels), view.grid) == (2, [4, 5])
    _, levels = sharp.cut(rule.get("percentile", 75), rule.get("threshold"))
    np.testing.assert_array_equal(view.levels, levels[2])
    masks = sharp.masks(**rule)[2]
    seen = upsample(np.asarray(sharp.maps[2], np.float32), sharp.sizes[2])
    np.testing.assert_array_equal((seen >= np.array(view.levels)[:, None, None]) & (seen > 0), masks)
    view.result = result
    assert view.levels == []


def test_another_rule_is_shown_at_once(truth, result):
    view = FocusView(truth, refined(result))
    before = view.levels
    view.percentile = 20.0
    assert max(np.array(view.levels) - before) < 0
    view.threshold = "auto"
    assert view.levels == [0.5, 0.5]


def test_a_part_has_the_colour_of_the_factor_named_after_it(truth, result):
    truth.add("legs")
    view = FocusView(truth, result, names=["legs + tail", "factor 1"], colors=["#123456", "#56B4E9"])
    truth.add("tail")
    truth.fill(0, "ear")
    colors = dict(zip(view.parts, view.part_colors, strict=True))
    assert colors["legs"] == "#123456"
    assert len(set(view.part_colors) | set(view.colors)) == len(view.parts) + 1  # all apart, but legs and its factor
    view.names = ["factor 0", "body"]
    assert dict(zip(view.parts, view.part_colors, strict=True))["body"] == "#56B4E9"
    view.part_colors = ["#000000"]
    assert view.part_colors[0] == "#000000"
    assert len(view.part_colors) == len(view.parts)


def test_a_refined_result_brings_the_heat_maps_it_was_made_from(truth, result):
    maps = tuple(np.ones((2, 4, 5), np.float16) for _ in range(4))
    plain = FocusView(truth, result, 2)
    view = FocusView(truth, dataclasses.replace(result, maps=maps), 2)
    assert (view.raw, view.raw_grid, view.raw_gains) == (plain.heat, plain.grid, plain.gains)
    assert view.raw != view.heat
    view.result = result
    assert (view.raw, view.raw_grid, view.raw_gains) == (b"", [], [])


def test_what_a_person_chose_for_the_factors_stays(truth, result):
    view = FocusView(truth, result, colors=["#000000", "#FFFFFF"], opacity=[0.1, 0.9], levels=[0.2, 0.3])
    assert (view.colors, view.opacity, view.levels) == (["#000000", "#FFFFFF"], [0.1, 0.9], [0.2, 0.3])


def test_a_result_that_lacks_an_image_shows_the_right_one(truth, result):
    rows = np.split(result.factorization.H, np.cumsum([h * w for h, w in result.shapes])[:-1])
    factors = dataclasses.replace(result.factorization, H=np.concatenate([rows[1], rows[3]]))
    shapes = (result.shapes[1], result.shapes[3])
    part = dataclasses.replace(result, factorization=factors, images=result.images.subset([1, 3]), shapes=shapes)
    part = dataclasses.replace(part, maps=(np.zeros((2, 3, 4)), np.ones((2, 3, 5))), sizes=part.sizes[:2])
    view = FocusView(truth, part)
    assert view.heat == b""
    view.index = 3
    assert view.grid == [3, 5]
    assert set(view.heat) == {255}


# --------------------------------------------------------------------------------------------------- large and broken
def test_a_large_image_is_sent_small_and_painted_large():
    images = dff.ImageSet.from_arrays([np.zeros((2400, 3200, 3), np.uint8)])
    view = FocusView(PartMasks(images), part="head")
    assert Image.open(io.BytesIO(view.photo)).size == (1600, 1200)
    assert view.mask_size == [1200, 1600]
    view.stroke([(1000, 500), (2000, 500)], radius=100)
    large = view.truth[0]["head"]
    assert large.shape == (2400, 3200)
    assert (shown(view, "head") == large[1::2, 1::2]).all()
    assert len(view.masks[0]) < 4000


def test_a_mask_is_sent_at_the_nearest_pixels():
    mask = np.random.default_rng(0).random((7, 11)) < 0.5
    small = unpacked(pack_mask(mask, [3, 5]), (3, 5))
    want = [[mask[int((r + 0.5) * 7 / 3), int((c + 0.5) * 11 / 5)] for c in range(5)] for r in range(3)]
    assert small.tolist() == want
    assert pack_mask(np.zeros((7, 11), dtype=bool), [3, 5]) == b""


def test_an_image_that_vanished_is_said_and_the_others_are_shown(tmp_path):
    paths = [tmp_path / f"{n}.png" for n in range(2)]
    for path in paths:
        Image.new("RGB", (40, 30), "red").save(path)
    truth = PartMasks(dff.ImageSet.from_files(paths))
    paths[1].unlink()
    view = FocusView(truth, part="head")
    view.step(1)
    assert view.status == "1.png is no longer there"
    assert (view.size, view.photo, view.masks) == ([0, 0], b"", [b""])
    view.step(-1)
    assert (view.size, view.status) == ([30, 40], "")


def test_names_of_any_kind_are_parts(truth):
    view = FocusView(truth)
    for name in ("<img src=x onerror=alert(1)>", "x" * 10_000, "🦊", "رأس"):
        view.part = name
        view.stroke([(5, 5)], radius=2)
        assert truth[0][name].any()
    view.part = "  "
    assert view.part == ""
    with pytest.raises(ValueError, match="part is ''; give it a name"):
        view.stroke([(5, 5)], radius=2)
