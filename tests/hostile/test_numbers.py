"""Numbers at the edges of float32, and modules that do not do what a batch asks: right, or one sentence."""

import csv
import os
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import dff_widgets as dff

from ..small_networks import small

METHODS = {
    "nmf": lambda A: dff.nmf(A, 3),
    "mu": lambda A: dff.nmf(A, 3, solver="mu"),
    "semi": lambda A: dff.nmf(A - A.mean(), 3, solver="semi"),
    "sketch": lambda A: dff.nmf(dff.Sketch(A, rank=8), k=3),
    "pca": lambda A: dff.pca(A, 3),
    "kmeans": lambda A: dff.kmeans(A, 3),
}


def planted():
    rng = np.random.default_rng(0)
    return rng.random((60, 3)) @ rng.random((3, 12))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-45, 1e-38, 1e-30, 1e-24, 1e-22, 1e-17, 1e-9, 1e9, 1e17, 1e19, 1e20, 1e30, 3e38])
def test_numbers_of_any_size_give_what_those_of_size_one_do_or_a_sentence(method, scale):
    expected = METHODS[method](planted().astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy tells of what overflows
        A = (planted() * scale).astype(np.float32)
        try:
            found = METHODS[method](A)
        except ValueError as error:
            said = str(error)
            assert "float32" in said or "finite" in said, said
            assert "\n" not in said
            assert not 1e-17 <= scale <= 1e17
        else:
            assert found.error == pytest.approx(expected.error, abs=2e-3)


class Together(nn.Module):
    """Gives another number of maps than there are images, once there are several."""

    def __init__(self, change):
        super().__init__()
        self.inner, self.change = small(), change

    def forward(self, x):
        return self.inner(self.change(x) if len(x) > 1 else x)


TOGETHER = {
    "doubled, as for test-time augmentation": (lambda x: torch.cat([x, x.flip(-1)]), 6),
    "their mean": (lambda x: x.mean(0, keepdim=True), 1),
}


@pytest.mark.parametrize("how", TOGETHER)
def test_a_batch_that_comes_out_of_another_length_is_one_sentence(how):
    change, maps = TOGETHER[how]
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (40, 48, 3), dtype=np.uint8) for _ in range(3)]
    with pytest.raises(
        ValueError, match=rf"layer 'inner.block' of Together gives {maps} maps for 3 images; give a netw"
    ):
        dff.extract(Together(change), images, layer="inner.block", size=32, batch_size=3)


# ----------------------------------------------------------------------------------------------------- text in exports
@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"])
def test_a_spreadsheet_runs_no_name(tmp_path, name):
    rng = np.random.default_rng(0)
    images = dff.ImageSet.from_arrays([rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)], names=[name])
    result = dff.DeepFeatureFactorization(k=2, network=small(), size=32).fit(images)
    dff.export.to_csv(result, tmp_path / "x.csv", {0: [name.strip()]})
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [f"'{name}"] * 2
    assert rows[0]["name"] == f"'{name.strip()}"
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values())


UNDECODABLE = b"a\xff\xfe.png"


def test_a_name_that_is_no_text_comes_back_and_goes_into_every_export(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (UNDECODABLE, b"b.png"):
        with (folder / os.fsdecode(name)).open("wb") as file:
            Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(file, "PNG")
    images = dff.ImageSet.from_folder(folder)
    result = dff.DeepFeatureFactorization(k=2, network=small(), size=32).fit(images)
    for write, name in (
        (dff.export.to_png, "labels"),
        (dff.export.to_coco, "x.json"),
        (dff.export.to_label_studio, "y.json"),
        (dff.export.to_html, "x.html"),
        (dff.export.to_csv, "x.csv"),
        (dff.export.to_figure, "x.png"),
    ):
        write(result, tmp_path / name, {0: ["head"]})
        if name.endswith(("html", "csv", "json")):
            (tmp_path / name).read_text(encoding="utf-8")
    result.save(tmp_path / "x.dff")
    again = dff.DFFResult.load(tmp_path / "x.dff")
    assert again.images.names == result.images.names
    np.testing.assert_array_equal(again.images[0], images[0])
    panel = dff.LabelingPanel(result)
    panel.save(tmp_path / "work.dff")
    panel.load(tmp_path / "work.dff")
    panel.wait(30)
    assert panel.error is None
    assert not panel.panel.session.problem
