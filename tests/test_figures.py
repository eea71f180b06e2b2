import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from dff_widgets import figures
from dff_widgets.tables import Table

SIZES = ((20, 30), (24, 16))


def result(k):
    """What the figures need of a DFFResult."""
    rng = np.random.default_rng(k)

    class Result(SimpleNamespace):
        def __len__(self):
            return len(SIZES)

    maps = [rng.random((k, *size), dtype=np.float32) for size in SIZES]
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]
    return Result(k=k, sizes=SIZES, images=images, heatmaps=lambda i: maps[i])


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
        "from dff_widgets.tables import Table; f.table(Table('', ('a',), ((1,),)))._repr_png_();"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
