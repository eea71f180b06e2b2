import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from dff_widgets import DFFResult, FactorTree, ImageSet, figures
from dff_widgets.evaluation import Table
from dff_widgets.factorization import Factorization

SIZES = ((20, 30), (24, 16))


def result(k):
    """What the figures need of a DFFResult."""
    rng = np.random.default_rng(k)

    class Result(SimpleNamespace):
        def __len__(self):
            return len(SIZES)

    maps = [rng.random((k, *size), dtype=np.float32) for size in SIZES]
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]
    return Result(k=k, sizes=SIZES, images=ImageSet.from_arrays(images), heatmaps=lambda i: maps[i])


CURVES = Table(
    "",
    ("network", "layer", "k", "IoU", "deviation", "seeds"),
    (("vgg19", "conv5", 2, 40.0, 1.5, 3), ("vgg19", "conv5", 1, 30.0, None, 1), ("vgg19", "conv4", 1, 20.0, 2.0, 3)),
)


def test_overlays_have_a_row_per_result_and_a_column_per_image():
    figure = figures.overlays([result(1), result(3)], labels=["head", "torso", "legs"])
    assert len(figure.axes) == 4
    assert [axes.get_ylabel() for axes in figure.axes] == ["k = 1", "", "k = 3", ""]
    assert [axes.images[0].get_array().shape for axes in figure.axes[:2]] == [(*size, 3) for size in SIZES]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["head", "torso", "legs"]


def test_rows_of_a_mapping_are_called_as_it_says():
    figure = figures.overlays({"PCA": result(2), "NMF": result(2)})
    assert [axes.get_ylabel() for axes in figure.axes] == ["PCA", "", "NMF", ""]


def test_overlays_of_one_result_and_some_images():
    figure = figures.overlays(result(2), [1], labels={1: "torso"})
    assert len(figure.axes) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["torso"]


def test_overlays_without_opacity_are_the_images():
    shown = figures.overlays(result(2), [0], opacity=0).axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown, result(2).images[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "no results"),
        ((result(1), [2]), r"images is \[2\]; the results have images 0\.\.1"),
        ((result(1), []), r"images is \[\]"),
    ],
)
def test_overlays_say_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        figures.overlays(*arguments)
    with pytest.raises(ValueError, match="1 colors for 2 factors"):
        figures.overlays(result(2), colors=["#FFFFFF"])


def test_figure4_draws_a_line_and_a_band_per_layer():
    (axes,) = figures.figure4(CURVES).axes
    assert [line.get_label() for line in axes.lines] == ["conv5", "conv4"]
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 30], [2, 40]])
    assert len(axes.collections) == 2
    with pytest.raises(ValueError, match="what experiments"):
        figures.figure4(Table("", ("k",), ()))


def test_a_table_becomes_a_figure():
    (axes,) = figures.table(CURVES).axes
    (drawn,) = axes.tables
    texts = {cell.get_text().get_text() for cell in drawn.get_celld().values()}
    assert {"network", "conv4", "40.0", "–"} <= texts
    assert figures.table(Table("empty", ("a", "b"), ())).axes[0].get_title() == "empty"


def test_a_figure_shows_itself_in_a_notebook():
    assert figures.table(CURVES)._repr_png_().startswith(b"\x89PNG")


def test_figures_need_neither_torch_nor_pyplot():
    code = (
        "import sys, dff_widgets.figures as f; assert 'matplotlib' not in sys.modules;"
        "from dff_widgets.evaluation import Table; f.table(Table('', ('a',), ((1,),)))._repr_png_();"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


SHAPES = ((4, 6), (5, 3), (3, 3))


def tree(ks=(1, 2, 3)):
    rng = np.random.default_rng(0)
    rows, sizes = sum(h * w for h, w in SHAPES), tuple((10 * h, 10 * w) for h, w in SHAPES)
    images = ImageSet.from_arrays(rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes)
    factors = (Factorization(rng.random((rows, k)), rng.random((k, 7)), 0.0, 1, True) for k in ks)
    return FactorTree.of(DFFResult(f, images, SHAPES, sizes, "toy", "layer", 64) for f in factors)


def test_a_tree_has_a_row_per_k_the_same_images_under_each_factor_and_a_line_per_child():
    drawn = tree()
    (axes,) = figures.tree(drawn, [2, 0], labels={(3, 1): "head"}).axes
    assert [text.get_text() for text in axes.texts if text.get_text()] == ["k = 1", "k = 2", "k = 3", "head"]
    assert [image.get_array().shape[:2] for image in axes.images] == [(30, 30), (40, 60)] * 6
    tops = [image.get_extent()[3] for image in axes.images]
    assert tops == sorted(tops)
    assert len(set(tops)) == 3
    starts, ends = ([p.get_path().vertices[i] for p in axes.patches] for i in (0, -1))
    middles = [np.mean([a.get_extent()[0], b.get_extent()[1]]) for a, b in zip(*[iter(axes.images)] * 2, strict=True)]
    where = dict(zip(drawn.nodes, middles, strict=True))
    children = [node for node in drawn.nodes if node.k > 1]
    assert len(axes.patches) == len(children) == 5
    for node, patch, start, end in zip(children, axes.patches, starts, ends, strict=True):
        assert end[0] == pytest.approx(where[node])
        assert start[0] == pytest.approx(where[node.k - 1, drawn.parent(*node)])
        assert start[1] < end[1]
        assert to_hex(patch.get_edgecolor()).upper() == drawn.color(*node)


def test_a_tree_without_opacity_is_grey_photos_in_their_own_aspect():
    figure = figures.tree(tree((1,)), [1], opacity=0, height=2)
    (image,) = figure.axes[0].images
    photo = tree((1,)).results[0].images[1]
    np.testing.assert_allclose(image.get_array(), photo.mean(axis=2, keepdims=True).repeat(3, axis=2), atol=0.51)
    x0, x1, y1, y0 = image.get_extent()
    assert (x1 - x0, y1 - y0) == (pytest.approx(2 * 30 / 50), pytest.approx(2))
    figure.draw_without_rendering()
    box = image.get_window_extent()
    assert (box.width, box.height) == (pytest.approx(120, abs=1), pytest.approx(200, abs=1))


def test_a_tree_picks_images_that_together_show_all_factors():
    """Factor 0 is strong in images 0 and 1, and 1 only in image 2."""
    H = np.zeros((48, 2))
    H[:24, 0], H[24:39, 0], H[39:, 1] = 1, 0.9, 1
    sizes = tuple((10 * h, 10 * w) for h, w in SHAPES)
    images = ImageSet.from_arrays(np.zeros((*size, 3), np.uint8) for size in sizes)
    factors = Factorization(H, np.eye(2), 0.0, 1, True)
    drawn = FactorTree.of([DFFResult(factors, images, SHAPES, sizes, "toy", "layer", 64)])
    shapes = [image.get_array().shape[:2] for image in figures.tree(drawn).axes[0].images]
    assert shapes == [(40, 60), (30, 30)] * 2
    assert len(figures.tree(drawn, 9).axes[0].images) == 6


@pytest.mark.parametrize("images", [0, -1, [], [3], [0, -1]])
def test_a_tree_says_which_images_there_are(images):
    with pytest.raises(ValueError, match=r"give how many, or which of 0\.\.2"):
        figures.tree(tree(), images)
    with pytest.raises(ValueError, match=r"\[\(4, 0\)\], which this tree does not have"):
        figures.tree(tree(), labels={(4, 0): "head", (1, 0): "all"})
