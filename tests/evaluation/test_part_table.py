import csv
import io

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

import dff_widgets as dff
from dff_widgets.dff import factorize
from dff_widgets.evaluation import Table
from dff_widgets.evaluation.clustering import part_maps, true_maps
from dff_widgets.evaluation.part_table import PUBLISHED, matched, part_scores, part_table
from dff_widgets.experiments import METHODS, RIVALS
from dff_widgets.extraction import extract
from tests.small_networks import small

CHOSEN = {"DFF": METHODS["DFF"], "k-means": RIVALS["k-means"]}


@pytest.fixture(scope="module")
def images():
    return dff.datasets.creatures(4, size=96)


@pytest.fixture(scope="module")
def setup():
    return {
        "network": dff.load_network(small()),
        "layer": "block",
        "size": 96,
        "k": 3,
        "repeats": 20,
        "progress": False,
    }


def test_scores_are_those_of_the_pixels(images, setup):
    dff_scores, other = part_scores(images, methods=CHOSEN, **setup)
    assert (dff_scores.data, dff_scores.method, dff_scores.k, dff_scores.images) == ("images", "DFF", 3, 4)
    result = factorize(extract(setup["network"], images, layer="block", size=96), 3, seed=0)
    found = np.concatenate([m.ravel() for m in part_maps(result)])
    truth = np.concatenate([m.ravel() for m in true_maps(images.parts)[0]])
    inside = truth >= 0
    assert dff_scores.nmi == pytest.approx(100 * normalized_mutual_info_score(truth, found), abs=1e-6)
    assert dff_scores.ari == pytest.approx(100 * adjusted_rand_score(truth, found), abs=1e-6)
    assert dff_scores.fg_nmi == pytest.approx(
        100 * normalized_mutual_info_score(truth[inside], found[inside]), abs=1e-6
    )
    assert dff_scores.fg_ari == pytest.approx(100 * adjusted_rand_score(truth[inside], found[inside]), abs=1e-6)
    for s in (dff_scores, other):
        for what in ("nmi", "ari", "fg_nmi", "fg_ari", "iou"):
            low, high = getattr(s, f"{what}_low"), getattr(s, f"{what}_high")
            assert -100 <= low <= high <= 100
    assert (dff_scores.above_first_low, dff_scores.above_first_high) == (0, 0)


def test_the_table_says_all_and_marks_what_others_printed(images, setup):
    table = part_table({"a | b": images}, methods=CHOSEN, published=True, **setup)
    assert table.columns[:4] == ("set", "method", "k", "images")
    assert [row[1] for row in table.rows[:2]] == ["DFF", "k-means"]
    theirs = table.rows[2:]
    assert len(theirs) == len(PUBLISHED)
    assert all("others' networks and data" in row[1] for row in theirs)
    assert "a \\| b" in table.markdown()
    assert "\\begin{tabular}" in table.latex()


def test_a_second_run_reads_the_file_and_needs_no_network(images, setup, tmp_path, monkeypatch):
    path = tmp_path / "parts.jsonl"
    first = part_scores(images, methods=CHOSEN, path=path, **setup)
    monkeypatch.setattr("dff_widgets.evaluation.bench.extract", lambda *_, **__: pytest.fail("it ran again"))
    assert part_scores(images, methods=CHOSEN, path=path, **setup) == first
    rows = list(csv.DictReader(io.StringIO(Table.of(first).csv())))
    assert float(rows[1]["nmi"]) == first[1].nmi


def test_matching_is_one_to_one_and_leaves_the_background():
    counts = np.array([[50, 1, 2, 0], [3, 10, 0, 0], [1, 9, 0, 0], [0, 0, 7, 0]])
    expected = 10 / (13 + 20 - 10), 7 / (7 + 9 - 7)
    assert matched(counts) == pytest.approx(sum(expected) / 2)  # the last part is in no image
    assert np.isnan(matched(np.array([[5, 0], [3, 0]])))


def test_sets_without_parts_are_named(setup):
    with pytest.raises(ValueError, match="the set 'images' has no parts"):
        part_scores(dff.ImageSet.from_arrays([np.zeros((40, 50, 3), np.uint8)]), **setup)


def test_latex_escapes():
    table = Table("50 % of a_b", ("x & y", "{n}"), (("\\#1 ~ ^", 1.5),))
    shown = table.latex()
    assert r"50 \% of a\_b" in shown
    assert r"x \& y & \{n\} \\" in shown
    assert r"\textbackslash{}\#1 \textasciitilde{} \textasciicircum{} & 1.5 \\" in shown
