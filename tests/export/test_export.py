import base64
import csv
import dataclasses
import json
import os
import unicodedata
import xml.etree.ElementTree as ET
from unittest.mock import Mock, call
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import dff_widgets as dff
from dff_widgets import export
from dff_widgets.export.label_studio import brush_rle
from dff_widgets.export.regions import Regions
from dff_widgets.factorization import Factorization
from dff_widgets.heat import palette
from dff_widgets.images import safe_names
from dff_widgets.labelling import PartLabels

SIZES = ((40, 56), (57, 31), (64, 64))
SHAPES = ((3, 4), (5, 3), (4, 4))
NASTY = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "]]>&quot;\"'`${x}\\",
    "🦁 שלום مرحبا \u202eevil",
    "\x00\x07\n\r\t\udcff",
    "=1+1",
    "$\\frac$ _{",
    "x" * 10_000,
)


def make(k=4, seed=0, names=None, skipped=(), parts=True):
    """A result of random heat maps; factor 0 is absent from the second image."""
    rng = np.random.default_rng(seed)
    H = rng.random((sum(h * w for h, w in SHAPES), k)).astype(np.float32) ** 3
    H[12:27, 0] = 0
    pixels = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]
    truth = [{"head": rng.random(size) > 0.6, "leg": rng.random(size) > 0.7} for size in SIZES]
    truth[2].pop("leg")
    images = dff.ImageSet.from_arrays(pixels, names=names, parts=truth if parts else None)
    factors = Factorization(H, rng.random((k, 7)).astype(np.float32), 0.4, 3, True)
    return dff.DFFResult(factors, images, SHAPES, SIZES, "Net", "deep", 32, tuple(skipped))


@pytest.fixture(scope="module")
def result():
    return make()


LABELS = {0: ["head"], 2: ("leg", "tail"), 3: ["head"]}


def regions(result, labels, unnamed="skip", **options):
    options = {"percentile": 75, "threshold": None, "colors": None} | options
    return Regions(result, labels, unnamed=unnamed, **options)


def masks_of(result, labels, unnamed="skip"):
    """Per image (c, h, w) bool."""
    found = regions(result, labels, unnamed)
    return [found.strength(i) > 0 for i in range(len(result))]


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


# ------------------------------------------------------------------------------------------------------- the classes
@pytest.mark.parametrize("unnamed", ["skip", "background", "keep"])
def test_a_pixel_belongs_to_the_strongest_factor_there(result, unnamed):
    index = {0: 1, 3: 1, 2: 2} if unnamed != "keep" else {0: 1, 3: 1, 1: 2, 2: 3}
    for i in range(len(result)):
        maps, masks = result.heatmaps(i), result.masks()[i]
        expected = np.zeros(SIZES[i], dtype=int)
        for y, x in np.ndindex(SIZES[i]):
            rivals = [f for f in range(4) if masks[f, y, x] and (f in index or unnamed == "background")]
            if rivals:
                expected[y, x] = index.get(max(rivals, key=lambda f: maps[f, y, x]), 0)
        np.testing.assert_array_equal(regions(result, LABELS, unnamed).label_map(i), expected)
        assert len(np.unique(expected)) >= 3


def test_factors_with_the_same_names_share_a_class_whose_mask_is_the_union_of_theirs(result):
    labels = {0: ["leg", "head"], 1: ["head", "leg", "head"], 3: "tail"}
    found = regions(result, labels)
    assert [(c.title, c.factors, c.parts) for c in found.classes] == [
        ("leg + head", (0, 1), ("leg", "head")),
        ("tail", (3,), ("tail",)),
    ]
    assert [c.color for c in found.classes] == [palette(4)[0], palette(4)[3]]
    for mask, own in zip(masks_of(result, labels), result.masks(), strict=True):
        np.testing.assert_array_equal(mask, [own[0] | own[1], own[3]])
    assert found.classes == regions(result, PartLabels(labels, k=4)).classes


def test_background_factors_take_pixels_only_where_they_are_stronger(result):
    plain, cut = masks_of(result, LABELS), masks_of(result, LABELS, "background")
    maps, own = result.heatmaps(0), result.masks()[0]
    head = np.where(own[[0, 3]], maps[[0, 3]], 0).max(axis=0)
    np.testing.assert_array_equal(cut[0][0], plain[0][0] & ~(own[1] & (maps[1] > head)))
    assert cut[0].sum() < plain[0].sum()


def test_without_labels_each_factor_is_a_class(result):
    assert [c.title for c in regions(result, None).classes] == [f"factor {f}" for f in range(4)]
    assert all(np.array_equal(a, b) for a, b in zip(masks_of(result, None), result.masks(), strict=True))
    assert [c.title for c in regions(result, {1: [" ", ""], 2: ["x"]}, "keep").classes][:3] == [
        "factor 0",
        "factor 1",
        "x",
    ]


def test_masks_are_those_of_the_percentile_or_threshold(result):
    for options in ({"percentile": 30}, {"threshold": "otsu"}):
        found = regions(result, None, **options)
        for i, mask in enumerate(result.masks(**options)):
            np.testing.assert_array_equal(found.strength(i) > 0, mask)


FORMATS = {
    "to_png": "maps",
    "to_coco": "x.json",
    "to_label_studio": "x.json",
    "to_html": "x.html",
    "to_csv": "x.csv",
    "to_figure": "x.png",
    "to_yolo": "yolo",
    "to_cvat": "x.xml",
    "to_datumaro": "datumaro",
    "to_labelme": "labelme",
    "to_voc": "voc",
}
FOLDERS = ["to_png", "to_yolo", "to_datumaro", "to_labelme", "to_voc"]
MASK_FORMATS = [*FOLDERS, "to_coco", "to_label_studio", "to_cvat"]


@pytest.fixture(params=FORMATS)
def export_to(request, tmp_path):
    """export_to(result, labels, **options): what was written."""

    def write(*arguments, **options):
        path = tmp_path / FORMATS[request.param]
        getattr(export, request.param)(arguments[0], path, *arguments[1:], **{"overwrite": True, **options})
        return path

    return write


def test_labels_that_do_not_fit_are_refused(export_to, result):
    with pytest.raises(ValueError, match=r"labels has the factor 4; this result has factors 0\.\.3"):
        export_to(result, {4: ["head"]})
    with pytest.raises(ValueError, match=r"labels has the factor '0'"):
        export_to(result, {"0": ["head"]})
    with pytest.raises(TypeError, match="labels is a list; give a mapping factor -> names"):
        export_to(result, ["head"])


@pytest.mark.parametrize("name", MASK_FORMATS)
def test_options_that_do_not_fit_are_refused(name, result, tmp_path):
    for labels, options, message in [
        ({}, {}, "no factor has a name: name at least one, or give unnamed='keep'"),
        (LABELS, {"unnamed": "drop"}, "unnamed is 'drop'; give 'skip', 'background' or 'keep'"),
        (LABELS, {"colors": ["#000000"]}, "1 colors for 4 factors"),
        (LABELS, {"colors": ["red"] * 4}, "'red' is no color; give #RRGGBB"),
        (LABELS, {"threshold": "high"}, "threshold is 'high'"),
    ]:
        with pytest.raises(ValueError, match=message):
            getattr(export, name)(result, tmp_path / "x.json", labels, overwrite=True, **options)
    assert not list(tmp_path.iterdir())


def test_one_factor_and_one_that_is_nowhere(export_to):
    assert export_to(make(k=1)).exists()
    nowhere = make(k=1)
    nowhere.factorization.H[:] = 0
    assert export_to(nowhere, {0: ["head"]}).exists()


def test_a_failed_export_leaves_what_was_there(export_to, result, monkeypatch):
    path = export_to(result, LABELS)
    before = {p: p.read_bytes() for p in [path, *path.parent.rglob("*")] if p.is_file()}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        export_to(result)
    assert {p: p.read_bytes() for p in [path, *path.parent.rglob("*")] if p.is_file()} == before


@pytest.mark.parametrize("name", FORMATS)
def test_a_place_that_is_not_there_is_named(name, result, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder at '.*nowhere'"):
        getattr(export, name)(result, tmp_path / "nowhere" / FORMATS[name])
    assert not list(tmp_path.iterdir())


def test_progress_counts_images_and_may_end_the_export(result, tmp_path):
    for name in sorted(set(FORMATS) - {"to_figure"}):
        report = Mock()
        getattr(export, name)(result, tmp_path / name, progress=report)
        assert report.mock_calls == [call(1, 3), call(2, 3), call(3, 3)]
        with pytest.raises(KeyboardInterrupt):
            getattr(export, name)(result, tmp_path / f"{name}.stopped", progress=Mock(side_effect=KeyboardInterrupt))
        assert name in FOLDERS or not list(tmp_path.glob(f"*{name}.stopped*"))


# ----------------------------------------------------------------------------------------------------------- to_png
def test_label_maps_come_back(result, tmp_path):
    colors = ["#010203", "#040506", "#0708ff", "#000000"]
    export.to_png(result, tmp_path / "maps", LABELS, colors=colors, unnamed="keep")
    index = read_json(tmp_path / "maps" / "labels.json")
    assert [(c["index"], c["name"], c["color"], c["parts"], c["factors"]) for c in index["classes"]] == [
        (0, "background", "#000000", [], []),
        (1, "head", "#010203", ["head"], [0, 3]),
        (2, "factor 1", "#040506", [], [1]),
        (3, "leg + tail", "#0708ff", ["leg", "tail"], [2]),
    ]
    for i, entry in enumerate(index["images"]):
        assert entry == {"file": f"image {i}.png", "name": f"image {i}", "width": SIZES[i][1], "height": SIZES[i][0]}
        image = Image.open(tmp_path / "maps" / entry["file"])
        assert image.mode == "P"
        label_map = regions(result, LABELS, "keep").label_map(i)
        np.testing.assert_array_equal(np.asarray(image), label_map)
        rgb = np.array([[0, 0, 0], [1, 2, 3], [4, 5, 6], [7, 8, 255]])
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), rgb[label_map])


def test_label_maps_replace_each_other_and_no_other_file(result, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    export.to_png(result, tmp_path, LABELS)
    export.to_png(result, tmp_path, {0: ["head"]})
    assert len(read_json(tmp_path / "labels.json")["classes"]) == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 5

    for stranger in ("image 1.png", "labels.json"):
        folder = tmp_path / stranger[:-4]
        folder.mkdir()
        Image.new("RGB", (3, 2)).save(folder / stranger, "PNG")
        before = (folder / stranger).read_bytes()
        with pytest.raises(FileExistsError, match=rf"{stranger}' is no label map of an earlier export"):
            export.to_png(result, folder)
        assert [p.read_bytes() for p in folder.iterdir()] == [before]
    with pytest.raises(NotADirectoryError, match=r"notes.txt' is a file; give a folder"):
        export.to_png(result, tmp_path / "notes.txt")


def test_more_classes_than_a_palette_holds_are_refused(tmp_path):
    many = make(k=256)
    with pytest.raises(ValueError, match="256 classes; a label map has at most 255"):
        export.to_png(many, tmp_path)
    export.to_png(many, tmp_path, {f: ["even" if f % 2 == 0 else f"odd {f}"] for f in range(256)})
    assert max(np.asarray(Image.open(tmp_path / f"image {i}.png")).max() for i in range(3)) > 100


@given(st.lists(st.text(st.characters(codec=None), max_size=300), max_size=20))
@example(["CON", "con.jpg", "LPT¹.txt", "nul .png", "a.", "a", "A", " a ", "a-2", "..", "", "\udcff", "K", "K"])
@example(["é", "e\u0301", "x" * 500, "x" * 501, "\U0001f981" * 300, "／etc／passwd", "C:\\x", "ß", "ss"])
def test_file_names_are_safe_on_every_system(names):
    found = safe_names(names)
    assert len(found) == len(names)
    assert len({unicodedata.normalize("NFC", name).casefold() for name in found}) == len(found)
    for name in found:
        assert name
        assert name == name.strip(" .")
        assert len(f".{name}.png.12345678".encode()) <= 255
        assert not set(name) & set('<>:"/\\|?*\n\r\t')
        assert name.isprintable()
        device = name.split(".")[0].strip().lower()
        assert device not in {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))}


# ---------------------------------------------------------------------------------------------------------- to_coco
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools and NumPy 2
@pytest.mark.parametrize("unnamed", ["skip", "background", "keep"])
def test_pycocotools_reads_the_masks_back(result, tmp_path, unnamed):
    from pycocotools.coco import COCO

    export.to_coco(result, tmp_path / "x.json", LABELS, unnamed=unnamed)
    coco = COCO(tmp_path / "x.json")
    expected = masks_of(result, LABELS, unnamed)
    classes = regions(result, LABELS, unnamed).classes
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == [c.title for c in classes]
    seen = 0
    for i, image in enumerate(coco.loadImgs(coco.getImgIds())):
        assert (image["file_name"], image["height"], image["width"]) == (f"image {i}", *SIZES[i])
        for c, mask in enumerate(expected[i]):
            found = coco.loadAnns(coco.getAnnIds([image["id"]], [c + 1], iscrowd=False))
            assert len(found) == bool(mask.any())
            for one in found:
                seen += 1
                np.testing.assert_array_equal(coco.annToMask(one), mask)
                rows, columns = np.nonzero(mask)
                x, y = columns.min(), rows.min()
                assert one["bbox"] == [x, y, columns.max() - x + 1, rows.max() - y + 1]
                assert one["area"] == mask.sum()
                strength = regions(result, LABELS, unnamed).strength(i)[c]
                assert one["score"] == pytest.approx(strength[mask].mean(), abs=1e-6)
    assert len(coco.anns) == seen > 3


def test_an_empty_mask_is_no_annotation(result, tmp_path):
    export.to_coco(result, tmp_path / "x.json", {0: ["head"]})
    assert [a["image_id"] for a in read_json(tmp_path / "x.json")["annotations"]] == [1, 3]


# -------------------------------------------------------------------------------------------------- to_label_studio
@pytest.fixture(scope="module")
def converter():
    return pytest.importorskip("label_studio_converter.brush")


def test_label_studios_converter_reads_the_masks_back(result, tmp_path, converter):
    export.to_label_studio(result, tmp_path / "tasks.json", LABELS)
    classes = [c.title for c in regions(result, LABELS).classes]
    tasks = read_json(tmp_path / "tasks.json")
    for i, (task, expected) in enumerate(zip(tasks, masks_of(result, LABELS), strict=True)):
        assert task["data"] == {"image": f"image {i}"}
        (prediction,) = task["predictions"]
        present = {f"tag-{classes[c]}-0": mask for c, mask in enumerate(expected) if mask.any()}
        # As the converter hands it on: the value beside the rest.
        found = converter.decode_from_annotation("tag", [{**r, **r["value"]} for r in prediction["result"]])
        assert list(found) == list(present)
        for name, mask in present.items():
            np.testing.assert_array_equal(found[name], mask * 255)
        assert {r["to_name"] for r in prediction["result"]} == {"image"}
        assert prediction["score"] == pytest.approx(np.mean([r["score"] for r in prediction["result"]]), abs=1e-6)


def test_label_studio_knows_every_label_from_the_configuration(tmp_path):
    parse_config = pytest.importorskip("label_studio_tools.core.label_config").parse_config
    names = [*NASTY, "a & b"]
    export.to_label_studio(make(k=len(names)), tmp_path / "x.json", dict(enumerate(names)), threshold="otsu")
    config = parse_config((tmp_path / "x.xml").read_text(encoding="utf-8"))["tag"]
    assert (config["type"], config["to_name"]) == ("BrushLabels", ["image"])
    used = {r["value"]["brushlabels"][0] for task in read_json(tmp_path / "x.json") for r in results_of(task)}
    assert used <= set(config["labels"])
    readable = [name for name in names if name.isprintable() or "\u202e" in name]
    assert set(readable) <= set(config["labels"])
    assert len(readable) == len(names) - 1
    assert len(config["labels"]) == len(names)


def results_of(task):
    return task["predictions"][0]["result"]


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 40))))
@example(np.zeros((1, 1), dtype=bool))
@example(np.ones((129, 257), dtype=bool))  # 132,612 values in one run: longer than two runs may be
@example(np.arange(90 * 400).reshape(90, 400) >= 2**14)
def test_brush_run_lengths_come_back(mask):
    decode = pytest.importorskip("label_studio_converter.brush").decode_rle
    rle = brush_rle(mask)
    assert all(isinstance(b, int) and 0 <= b <= 255 for b in rle)
    found = decode(rle).reshape(*mask.shape, 4)
    np.testing.assert_array_equal(found, np.repeat(mask[..., None], 4, axis=2) * 255)


def test_addresses_of_images(tmp_path):
    names = ["a/b c.jpg", "50%?&#.png", "\udcff.png"]
    export.to_label_studio(make(names=names), tmp_path / "x.json", url="https://example.org/?d=")
    found = [task["data"]["image"] for task in read_json(tmp_path / "x.json")]
    assert found[0] == "https://example.org/?d=a/b%20c.jpg"
    assert [unquote(f, errors="surrogateescape").removeprefix("https://example.org/?d=") for f in found] == names
    with pytest.raises(ValueError, match=r"x\.xml'; give the name of the tasks"):
        export.to_label_studio(make(), tmp_path / "x.xml")


# ----------------------------------------------------------------------------------------------------------- to_csv
def test_pandas_reads_a_row_per_image_and_factor(result, tmp_path):
    export.to_csv(result, tmp_path / "x.csv", LABELS)
    table = pd.read_csv(tmp_path / "x.csv")
    assert list(table.columns) == [
        *("image", "factor", "name", "strength", "area", "iou", "xmin", "ymin", "xmax", "ymax")
    ]
    assert len(table) == 12
    assert table.dtypes[["strength", "area", "iou", "xmin"]].eq(float).all()
    boxes = {f: result.boxes(f) for f in range(4)}
    for row in table.itertuples():
        i, f = int(row.image.removeprefix("image ")), row.factor
        mask = result.masks()[i][f]
        assert row.name == {0: "head", 2: "leg + tail", 3: "head"}.get(f) or (f == 1 and pd.isna(row.name))
        assert row.strength == pytest.approx(result.heatmaps(i)[f].mean(), rel=1e-4, abs=1e-6)
        assert row.area == pytest.approx(mask.mean(), rel=1e-4)
        box = [row.xmin, row.ymin, row.xmax, row.ymax]
        assert box == list(boxes[f][i]) if mask.any() else np.isnan(box).all()
        part = result.images.parts[i].get({0: "head", 3: "head", 2: "leg"}.get(f, ""), np.zeros(SIZES[i], dtype=bool))
        if f == 1:
            assert np.isnan(row.iou)
        else:
            assert row.iou == pytest.approx((mask & part).sum() / (mask | part).sum(), rel=1e-4)
    assert not table[(table.factor == 0) & (table.image == "image 1")].area.any()


def test_iou_is_left_empty_where_nothing_is_known(tmp_path):
    for result, labels in [(make(parts=False), LABELS), (make(), None), (make(), {0: ["tail"]})]:
        export.to_csv(result, tmp_path / "x.csv", labels, overwrite=True)
        assert pd.read_csv(tmp_path / "x.csv").iou.isna().all()
    assert list(pd.read_csv(tmp_path / "x.csv").name.dropna()) == ["tail"] * 3


def test_text_comes_back_from_csv(tmp_path):
    names = [NASTY[0], 'a,"b"\r\nc', NASTY[5]]
    export.to_csv(make(k=len(NASTY), names=names), tmp_path / "x.csv", dict(enumerate(NASTY)))
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"].removeprefix("'") for row in rows[:: len(NASTY)]] == names
    found = [row["name"].removeprefix("'").replace("\\udcff", "\udcff") for row in rows[: len(NASTY)]]
    assert found == list(NASTY)


# ---------------------------------------------------------------------------------------------------------- to_html
def state_of(path):
    text = path.read_text(encoding="utf-8")
    _, _, rest = text.partition('<script type="application/json" id="state">')
    return json.loads(rest.partition("</script>")[0])


def test_the_page_holds_what_the_app_needs(result, tmp_path):
    export.to_html(result, tmp_path / "x.html", LABELS, most=2)
    state = state_of(tmp_path / "x.html")
    (level,) = state["appearance"]["levels"].values()
    assert level["titles"] == ["head", "factor 1", "leg + tail", "head"]
    assert (len(state["photos"]), state["captions"]) == (2, ["image 0", "image 1"])
    assert (state["stack"]["grids"], state["stack"]["kept"], state["stack"]["ks"]) == ([[3, 4], [5, 3]], 2, [4])
    heat = np.frombuffer(base64.b64decode(state["heat"]), np.uint8)
    assert np.array_equal(heat[: 4 * 12].reshape(4, 3, 4), np.rint(255 * result.coarse_heatmaps(0)))
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "Shown: the first 2 of 3 images." in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")  # a name, not a place
    known = dff.iou(result.masks(), result.images.parts, {0: ["head"], 2: ["leg"], 3: ["head"]})
    for f in (0, 2, 3):
        assert f"<b>{known[f]:.2f}</b>" in text
    assert text.count("<li>") == 4  # and their mean


def test_the_page_takes_other_ious_or_none(result, tmp_path):
    export.to_html(result, tmp_path / "x.html", ious=[0.123, None, 1, 0])
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert all(f"<b>{value}</b>" in text for value in ("0.12", "1.00", "0.00", "0.37"))
    export.to_html(result, tmp_path / "x.html", overwrite=True)
    assert "IoU" not in (tmp_path / "x.html").read_text(encoding="utf-8").partition("<script")[0]
    with pytest.raises(ValueError, match="1 ious for 4 factors"):
        export.to_html(result, tmp_path / "x.html", ious=[0.5])
    with pytest.raises(ValueError, match="most is 0"):
        export.to_html(result, tmp_path / "x.html", most=0)


def test_the_page_of_a_tree_has_every_k_and_heirs_keep_their_colours(tmp_path):
    tree = dff.FactorTree.of([make(k=k) for k in (2, 3, 4)])
    export.to_html(tree[3], tmp_path / "x.html", {0: ["head"]}, tree=tree, names={2: {1: ["leg"]}})
    state = state_of(tmp_path / "x.html")
    stack, looks = state["stack"], state["appearance"]["levels"]
    assert (state["k"], stack["ks"], list(looks)) == (3, [2, 3, 4], ["2", "3", "4"])
    assert looks["2"]["titles"] == ["factor 0", "leg"]
    assert looks["3"]["names"] == [["head"], [], []]
    colors = {}
    for level in stack["levels"]:
        colors |= zip(level["concepts"], looks[str(level["k"])]["colors"], strict=True)
    assert len(set(colors.values())) == len(colors)
    for level in stack["levels"]:
        assert looks[str(level["k"])]["colors"] == [colors[c] for c in level["concepts"]]
        for f, parent in enumerate(level["parents"]):
            heir = parent >= 0 and tree.children(level["k"] - 1, parent)[0] == f
            above = {2: [], 3: stack["levels"][0]["concepts"], 4: stack["levels"][1]["concepts"]}[level["k"]]
            assert (level["concepts"][f] in above) == heir
    per = sum(h * w for h, w in stack["grids"])
    assert len(base64.b64decode(state["heat"])) == (2 + 3 + 4) * per


def test_a_tree_of_other_factors_is_refused(tmp_path):
    tree = dff.FactorTree.of([make(k=2), make(k=3)])
    with pytest.raises(ValueError, match="of other factors than this result with k = 4"):
        export.to_html(make(k=4), tmp_path / "x.html", tree=tree)
    fine = dataclasses.replace(tree[3], maps=tuple(np.zeros((3, 30, 20), dtype=np.float16) for _ in range(3)))
    with pytest.raises(ValueError, match="refined"):
        export.to_html(fine, tmp_path / "x.html", tree=tree)


def test_the_page_says_what_was_left_out(tmp_path):
    export.to_html(make(skipped=["<b>.jpg is no longer there"]), tmp_path / "x.html", title="a < b")
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "Left out: &lt;b&gt;.jpg is no longer there." in text
    assert "<title>a &lt; b</title>" in text


def test_large_heat_maps_are_shrunk_for_the_page(tmp_path):
    result = make()
    fine = tuple(np.zeros((4, 300, 200), dtype=np.float16) for _ in range(3))
    export.to_html(dataclasses.replace(result, maps=fine), tmp_path / "x.html")
    assert state_of(tmp_path / "x.html")["stack"]["grids"] == [[128, 85]] * 3


# -------------------------------------------------------------------------------------------------------- to_figure
@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")])
def test_a_figure_is_of_the_format_its_suffix_says(result, tmp_path, suffix, start):
    export.to_figure(result, tmp_path / f"x.{suffix}", LABELS, images=[1])
    assert (tmp_path / f"x.{suffix}").read_bytes().startswith(start)


def test_a_figure_refuses_what_it_cannot_draw(result, tmp_path):
    for name, message in [("x", "end it with the format"), ("x.xyz", "xyz"), ("x.png", "images is")]:
        with pytest.raises(ValueError, match=message):
            export.to_figure(result, tmp_path / name, images=[9] if name == "x.png" else None)


# ------------------------------------------------------------------------------------------------------- any names
def test_names_are_text_in_every_format(export_to):
    # Warnings of ours are errors: a missing glyph, a name that matplotlib would leave out.
    path = export_to(make(k=len(NASTY), names=NASTY[:3]), dict(enumerate(NASTY)))
    if path.name == "maps":
        assert len(list(path.iterdir())) == 4
        index = read_json(path / "labels.json")
        assert [c["name"] for c in index["classes"][1:]] == list(NASTY)
        assert [image["name"] for image in index["images"]] == list(NASTY[:3])
        assert all((path / image["file"]).parent == path for image in index["images"])
    elif path.suffix == ".html":
        (level,) = state_of(path)["appearance"]["levels"].values()
        assert level["titles"] == list(NASTY)
        assert "<img" not in path.read_text(encoding="utf-8")
    elif path.suffix == ".json":
        content = read_json(path)
        if isinstance(content, dict):
            assert [c["name"] for c in content["categories"]] == list(NASTY)
        else:
            assert [task["data"]["image"] for task in content] == list(NASTY[:3])
            ET.fromstring(path.with_suffix(".xml").read_text(encoding="utf-8"))


def test_images_that_can_no_longer_be_read_are_grey_in_the_page(result, tmp_path):
    gone = dff.ImageSet((tmp_path / "gone.jpg", *result.images.sources[1:]), result.images.names)
    export.to_html(dataclasses.replace(result, images=gone), tmp_path / "x.html")
    assert len(state_of(tmp_path / "x.html")["photos"]) == 3
