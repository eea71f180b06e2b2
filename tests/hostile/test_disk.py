"""Files that change under our feet, and a disk that takes no more."""

from __future__ import annotations

import resource
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

import dff_widgets as dff
from dff_widgets import export, scale
from dff_widgets.evaluation import Journal
from dff_widgets.heat import levels
from dff_widgets.images import UnreadableImageError, UnreadableImageWarning
from dff_widgets.labelling import Autosave, Session

from ..small_networks import small

N = 8
LAST = f"{N - 1}.png"
LABELS, OTHERS = {0: ["head"], 1: ["tail"]}, {0: ["a much longer name than before"], 1: ["and another one"]}
EXPORTS = {
    "to_png": "labels",
    "to_coco": "labels.json",
    "to_label_studio": "tasks.json",
    "to_html": "page.html",
    "to_csv": "table.csv",
    "to_figure": "figure.png",
}


def photo(path: Path, seed: int, shape: tuple[int, int] = (80, 96)) -> None:
    """Blobs of colour: noise would leave no factor to find."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(shape[::-1]).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(N):
        photo(folder / f"{i}.png", i)
    return folder


@pytest.fixture
def network() -> nn.Module:
    return small()


@pytest.fixture
def result(photos: Path, network: nn.Module) -> dff.DFFResult:
    return dff.DeepFeatureFactorization(k=2, network=network, size=64).fit(photos)


def vanish(path: Path) -> None:
    path.unlink()


def resize(path: Path) -> None:
    photo(path, 99, (200, 64))


def spoil(path: Path) -> None:
    path.write_bytes(b"not an image any more")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


SAID = {
    vanish: "7.png is no longer there",
    resize: "7.png was replaced by another image: it is 64 x 200 pixels, and was 96 x 80",
    spoil: "7.png is not an image that can be read",
    truncate: "7.png cannot be read",
}
harmed = pytest.mark.parametrize("harm", SAID)


# ------------------------------------------------------------------------------------- between listing and reading
@harmed
def test_extraction_goes_on_without_a_file_that_changed_after_it_was_listed(photos, network, harm):
    intact = dff.extract(network, photos, size=64)

    def progress(done, _total):
        if done == 1:  # all headers have been read; of the pixels those of the next few images
            harm(photos / LAST)

    with pytest.warns(UnreadableImageWarning, match=SAID[harm]):
        found = dff.extract(network, photos, size=64, batch_size=1, progress=progress)
    assert found.images.names == intact.images.names[:-1]
    assert [said.startswith(SAID[harm]) for said in found.skipped] == [True]
    np.testing.assert_allclose(found.matrix, intact.matrix[: len(found.matrix)], rtol=1e-4, atol=1e-5)


@harmed
def test_refinement_goes_on_and_what_it_cannot_see_keeps_its_shape(result, photos, harm):
    intact = result.refine()
    harm(photos / LAST)
    with pytest.warns(UnreadableImageWarning, match=SAID[harm]):
        found = result.refine()
    assert len(found.skipped) == 1
    assert found.skipped[0].startswith(SAID[harm])
    assert [m.shape for m in found.maps] == [m.shape for m in intact.maps]
    for mine, theirs in zip(found.maps[:-1], intact.maps[:-1], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-3)
    # the belief of a pixel on its own: inside from its level on, which is Otsu's
    level = levels(iter([result.heatmaps(N - 1)]))[0]
    apart = np.abs(result.heatmaps(N - 1) - level[:, None, None]) > 0.05
    inside = result.heatmaps(N - 1) > level[:, None, None]
    assert ((found.heatmaps(N - 1) >= 0.5) == inside)[apart].mean() > 0.95


def test_refinement_of_nothing_that_can_be_read_is_one_sentence(result, photos):
    for file in photos.iterdir():
        file.unlink()
    with pytest.raises(UnreadableImageError, match=r"none of the 8 images can be read: 0\.png is no longer there"):
        result.refine()


@harmed
@pytest.mark.parametrize("kind", ["to_png", "to_coco", "to_label_studio", "to_html", "to_csv"])
def test_an_export_needs_no_image_again(result, photos, tmp_path, kind, harm):
    harm(photos / LAST)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(export, kind)(result, tmp_path / EXPORTS[kind], LABELS, threshold="auto")
    said = {str(w.message) for w in caught if w.category is UnreadableImageWarning}
    assert all(SAID[harm] in text for text in said)
    assert len(said) == 1
    if kind == "to_png":
        assert Image.open(tmp_path / "labels" / LAST).size == (96, 80)
    else:
        assert LAST in (tmp_path / EXPORTS[kind]).read_text()


@harmed
def test_a_figure_that_lacks_its_photo_is_one_sentence_and_the_old_figure_stays(result, photos, tmp_path, harm):
    file = tmp_path / "figure.png"
    export.to_figure(result, file, images=[0, N - 1])
    before = file.read_bytes()
    harm(photos / LAST)
    with pytest.raises(UnreadableImageError, match=SAID[harm]):
        export.to_figure(result, file, images=[0, N - 1], overwrite=True)
    assert file.read_bytes() == before
    export.to_figure(result, file, images=[0, 1], overwrite=True)
    assert file.read_bytes() != before


@harmed
def test_the_explorer_goes_on_with_an_image_that_is_lost(photos, network, harm):
    explorer = dff.DFFExplorer(photos, network=network, k=2, size=64)
    explorer.wait(60)
    explorer.labels = LABELS
    harm(photos / LAST)
    explorer.threshold = "auto"  # the photos are looked at again
    explorer.wait(60)
    assert (explorer.error, explorer.threshold, len(explorer.result)) == (None, "auto", N)
    explorer.k = 3
    explorer.wait(60)
    assert (explorer.error, explorer.result.k) == (None, 3)
    assert len(explorer.captions) == len(explorer.photos) == N
    assert {part for parts in explorer.labels.values() for part in parts} <= {"head", "tail"}


@pytest.mark.parametrize("harm", [vanish, spoil, truncate])
def test_a_store_that_goes_on_leaves_out_what_is_lost_since(photos, network, tmp_path, harm):
    class Stopped(Exception):  # noqa: N818 - what a person's interrupt is here
        pass

    def stop(done, _total):
        if done == 4:
            raise Stopped

    images = dff.ImageSet.from_folder(photos)
    options = {"size": 64, "images_per_chunk": 3, "batch_size": 1}
    with pytest.raises(Stopped):
        scale.extract(network, images, tmp_path / "store", progress=stop, **options)
    seen = []

    def lose(done, _total):
        seen.append(done)
        if done == 4:
            harm(photos / LAST)

    with pytest.warns(UnreadableImageWarning, match=SAID[harm]):
        store = scale.extract(network, images, tmp_path / "store", progress=lose, **options)
    assert store.images.names == tuple(f"{i}.png" for i in range(N - 1))
    assert [said.startswith(SAID[harm]) for said in store.skipped] == [True]
    assert seen[0] == 3  # the first three were there already


# ------------------------------------------------------------------------------------------------------ a full disk
@contextmanager
def full(most: int) -> Iterator[None]:
    """The system refuses what goes beyond `most` bytes in any file, as a disk does that has no more."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def panel(result: dff.DFFResult) -> dff.LabelingPanel:
    panel = dff.LabelingPanel(result, labels=LABELS)
    panel.wait(60)
    return panel


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("kind", [*EXPORTS, "session", "result"])
def test_a_full_disk_leaves_what_was_there(result, panel, tmp_path, kind, again):
    def write(folder, labels, percentile):
        if kind == "session":
            panel.labels, panel.percentile = labels, percentile
            panel.save(folder / "work.dff")
        elif kind == "result":
            result.reorder([0, 1] if labels is LABELS else [1, 0]).save(folder / "x.dff")
        else:
            options = {} if kind == "to_figure" else {"percentile": percentile}
            getattr(export, kind)(result, folder / EXPORTS[kind], labels, overwrite=True, **options)

    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    write(there, OTHERS, 50)
    if again:
        write(here, LABELS, 75)
    before = files(here)
    most = max(map(len, files(there).values())) - 1
    with full(most), pytest.raises(OSError, match=r"' is not written, and what was there before stays$") as caught:
        write(here, OTHERS, 50)
    assert str(here) in str(caught.value)
    assert files(here) == before
    write(here, OTHERS, 50)
    assert files(here).keys() == files(there).keys()
    assert all(content != before.get(name) for name, content in files(here).items() if not name.endswith(".xml"))


def test_an_autosave_without_room_is_said_and_made_up_for(panel, tmp_path, monkeypatch):
    monkeypatch.setattr(Autosave, "quiet", 0.02)
    file = tmp_path / "work.dff"
    panel.autosave = str(file)
    assert panel.panel.session.wait(60)
    before = file.read_bytes()
    with full(100):
        panel.labels = OTHERS
        assert panel.panel.session.wait(60)
    assert "autosave failed: " in panel.panel.session.said
    assert "is not written, and what was there before stays" in panel.panel.session.said
    assert files(tmp_path)["work.dff"] == before
    assert [p.name for p in tmp_path.glob(".*")] == []
    assert panel.labels == OTHERS
    panel.percentile = 60
    assert panel.panel.session.wait(60)
    assert Session.load(file).labels.value == OTHERS


def test_a_journal_that_ran_out_of_room_goes_on_in_the_same_file(tmp_path):
    file = tmp_path / "trials.jsonl"
    journal = Journal(file)
    journal.get({"n": 0}, lambda: "a" * 50)
    with full(file.stat().st_size + 20), pytest.raises(OSError, match="File too large"):
        journal.get({"n": 1}, lambda: "b" * 50)
    assert journal.get({"n": 2}, lambda: "c" * 50) == "c" * 50
    again = Journal(file)
    assert [{"n": n} in again for n in range(3)] == [True, False, True]
    assert len(file.read_text().splitlines()) == 2
