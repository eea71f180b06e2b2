import io

import numpy as np
import pytest
from PIL import Image

import dff_widgets as dff
from dff_widgets.images import UnreadableImageError
from dff_widgets.widgets.sources import arranged, find_images, uploaded


def png(color: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (50, 40), (color, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def test_images_are_found_by_name_folder_and_file(tmp_path, monkeypatch) -> None:
    for name in ("b.png", "a.png"):
        (tmp_path / name).write_bytes(png(9))
    assert find_images(f" {tmp_path} ").names == ("a.png", "b.png")
    assert find_images(str(tmp_path / "b.png")).names == ("b.png",)
    some = dff.ImageSet.from_arrays([np.zeros((8, 8, 3), np.uint8)])
    monkeypatch.setitem(dff.widgets.sources.NAMED, "creatures", lambda: some)
    assert find_images("creatures") is some
    with pytest.raises(ValueError, match="give the path of a folder with images, or one of creatures, gymnast"):
        find_images(" ")
    with pytest.raises(ValueError, match="no folder at"):
        find_images(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("generation", [7, 8])
def test_an_upload_becomes_images_in_both_generations_of_ipywidgets(generation: int) -> None:
    files = {"one.png": png(200), "notes.txt": b"no image", "two.png": png(100)}
    if generation == 7:
        value = {name: {"content": content, "metadata": {"name": name}} for name, content in files.items()}
    else:
        value = tuple({"name": name, "content": memoryview(content)} for name, content in files.items())
    images = uploaded(value)
    assert images.names == ("one.png", "two.png")
    assert [int(images[i][0, 0, 0]) for i in range(2)] == [200, 100]
    with pytest.raises(UnreadableImageError, match="notes"):
        uploaded(({"name": "notes.txt", "content": b"?"},))


def test_the_order_is_that_of_names_or_of_a_factor(explorer) -> None:
    images, result = explorer.images, explorer.result
    named = dff.ImageSet(images.sources, ("b", "A", "bc", "d"))
    assert arranged(named, None, "as given", "", -1) == [0, 1, 2, 3]
    assert arranged(named, None, "name", "", -1) == [1, 0, 2, 3]
    assert arranged(named, None, "as given", " B", -1) == [0, 2]
    by_factor = arranged(images, result, "factor", "", 1)
    mean = [result.coarse_heatmaps(i)[1].mean() for i in range(4)]
    assert by_factor == sorted(range(4), key=lambda i: -mean[i])
    assert arranged(images, None, "factor", "", 1) == [0, 1, 2, 3]


def test_sort_and_filter_change_the_page_and_its_heat(explorer) -> None:
    explorer.sort = "factor"
    explorer.selected = 1
    explorer.wait(30)
    order = arranged(explorer.images, explorer.result, "factor", "", 1)
    assert explorer.gallery.captions == [explorer.images.names[i] for i in order]
    assert explorer.gallery.grids == [list(explorer.result.shapes[i]) for i in order]
    explorer.filter = "image 2"
    explorer.wait(30)
    assert explorer.gallery.captions == ["image 2"]
    assert explorer.pages == 1
    explorer.filter = "nothing of that name"
    explorer.wait(30)
    assert explorer.gallery.captions == []
    explorer.filter = ""
    explorer.wait(30)
    assert len(explorer.gallery.captions) == 4


def test_a_folder_is_opened_and_a_wrong_one_is_one_sentence(explorer, tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(png(30))
    (tmp_path / "b.png").write_bytes(png(90))
    before = explorer.images
    explorer.sources.read(str(tmp_path / "nowhere"))
    explorer.wait(30)
    assert "no folder at" in explorer.error
    assert explorer.images is before
    explorer.sources.read(str(tmp_path))
    explorer.wait(30)
    assert explorer.error is None
    assert explorer.result.images.names == ("a.png", "b.png")


def test_a_large_set_waits_for_start_or_for_a_few_images(network, monkeypatch) -> None:
    monkeypatch.setattr(dff.widgets.explorer, "_MANY", 5)
    images = list(np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8))
    explorer = dff.DFFExplorer(images, network=network, k=2, size=64)
    explorer.wait(30)
    assert explorer.held
    assert explorer.result is None
    assert "8 images: Start" in explorer.status
    assert not network[0].entered.is_set()
    explorer.panel.label_on(3)
    explorer.wait(30)
    assert len(explorer.result) == 3
    explorer.panel.apply_to_all()
    explorer.wait(30)
    assert not explorer.held
    assert len(explorer.result) == 8
    again = dff.DFFExplorer(images, network=network, k=2, size=64)
    again.start()
    again.wait(30)
    assert len(again.result) == 8


def test_a_large_set_goes_to_the_disk_with_the_same_result(network, monkeypatch) -> None:
    images = dff.ImageSet.from_arrays(np.random.default_rng(1).integers(0, 256, (7, 64, 80, 3), dtype=np.uint8))
    inside = dff.DFFExplorer(images, network=network, k=2, size=64)
    inside.wait(60)
    monkeypatch.setattr(dff.widgets.pipeline, "_IN_MEMORY", 5)
    outside = dff.DFFExplorer(images, network=network, k=2, size=64)
    outside.wait(60)
    assert outside.error is None
    assert outside.result.factorization.error == pytest.approx(inside.result.factorization.error, abs=1e-3)


def test_a_store_is_shown_without_extracting(network, images, tmp_path) -> None:
    store = dff.scale.extract(network, images, tmp_path / "s", layer="4", size=64)
    network[0].entered.clear()
    explorer = dff.DFFExplorer(store, network=dff.load_network(network), k=2)
    network[0].entered.clear()
    explorer.wait(60)
    assert explorer.error is None
    assert (explorer.layer, explorer.size, len(explorer.result)) == ("4", 64, 4)
    assert not network[0].entered.is_set()
    explorer.k = 3
    explorer.wait(60)
    assert explorer.result.k == 3
