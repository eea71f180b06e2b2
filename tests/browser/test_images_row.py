"""The explorer's first row, in JupyterLab: where the images come from, and which are shown in which order and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .jupyter import Notebook
from .test_explorer import no_errors, until

pytestmark = pytest.mark.parametrize("server", ["lab"], indirect=True)

EXPLORER = """
import numpy as np, torch, dff_widgets as dff
torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5, stride=4), torch.nn.ReLU())
images = list(np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8))
explorer = dff.DFFExplorer({images}, network=network, k=2, size=64)
explorer
"""


def color(i: int) -> np.ndarray:
    """The mean colour of photo i."""
    return np.array([40 + 6 * i, 220 - 6 * i, 130])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty photos of noise, each around a colour of its own."""
    rng = np.random.default_rng(0)
    for i in range(30):
        noise = rng.integers(-30, 31, (8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
        Image.fromarray((color(i) + noise - noise.mean((0, 1))).astype(np.uint8)).save(tmp_path / f"photo {i:02}.png")
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


# Per tile its caption, width and mean colour, or null before it is drawn.
TILES = """[...document.querySelectorAll('.dffw-grid figure')].map((figure) => {
  const canvas = figure.querySelector('canvas');
  const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const mean = [0, 0, 0];
  all.forEach((v, p) => p % 4 < 3 && (mean[p % 4] += (4 * v) / all.length));
  return [figure.textContent, canvas.clientWidth, mean];
})"""


def tiles(book: Notebook) -> list[tuple[str, float, list[float]]]:
    return book.page.evaluate(TILES)


def shows(book: Notebook, names: list[str]) -> None:
    """Wait until these are the captions, in this order, and every tile of a photo of the folder has its colour."""

    def as_it_should() -> bool:
        now = tiles(book)
        photos = [(color(int(name.split()[1][:2])), mean) for name, _, mean in now if name.startswith("photo")]
        right = all(np.abs(want - mean).max() < 3 for want, mean in photos)
        return right and [name for name, *_ in now] == names

    until(book, lambda: book.page.locator(".dffw-grid figcaption").all_inner_texts() == names)
    book.run("explorer.wait(60); explorer.visible = [False] * explorer.k")  # the photos alone
    until(book, as_it_should)


def names(*numbers: int) -> list[str]:
    return [f"photo {i:02}.png" for i in numbers]


def open_place(book: Notebook, text: str) -> None:
    book.page.get_by_placeholder("a folder, or creatures, gymnast").fill(text)
    book.page.get_by_role("button", name="Open", exact=True).click()


def test_images_come_from_a_folder_a_name_or_an_upload(open_notebook, folder) -> None:
    book = open_notebook(EXPLORER.format(images="images"))
    book.run_all()
    given = [f"image {i}" for i in range(4)]
    shows(book, given)
    open_place(book, str(folder / "nowhere"))
    book.page.get_by_role("status").filter(has_text=f"no folder at '{folder / 'nowhere'}'").wait_for()
    shows(book, given)
    open_place(book, f" {folder} ")
    book.page.get_by_text("page 1 of 2", exact=True).wait_for()
    shows(book, names(*range(24)))
    open_place(book, "creatures")
    shows(book, [f"creature {i}" for i in range(12)])
    with book.page.expect_file_chooser() as chooser:
        book.page.get_by_role("button", name="Upload").click()
    chooser.value.set_files([folder / name for name in ("photo 07.png", "notes.txt", "photo 03.png")])
    shows(book, names(7, 3))
    assert book.page.locator(".dffw-row").count() == 2
    no_errors(book)


def test_images_are_paged_sized_sorted_and_filtered(open_notebook, folder) -> None:
    book = open_notebook(EXPLORER.format(images=repr(str(folder))))
    book.run_all()
    page = book.page
    shows(book, names(*range(24)))
    page.get_by_role("button", name="▸").click()
    shows(book, names(*range(24, 30)))
    assert page.get_by_text("page 2 of 2", exact=True).is_visible()
    assert page.get_by_role("button", name="▸").is_disabled()
    page.locator(".dffw-grid").press("ArrowLeft")
    shows(book, names(*range(24)))

    across = []
    for size in (100, 300):
        page.get_by_label("Size of the tiles in pixels").fill(str(size))
        assert {width for _, width, _ in tiles(book)} == {size}
        places = [canvas.bounding_box()["x"] for canvas in page.locator(".dffw-grid canvas").all()]
        across.append(len(set(places)))
    assert across[0] > across[1]

    for factor in range(2):
        page.get_by_role("button", name=f"Select factor {factor}", exact=True).click()
        page.get_by_label("Sort", exact=True).select_option("by the selected factor")
        code = f"print(*(explorer.result.heatmaps(i)[{factor}].mean() for i in range(30)))"
        strength = [float(value) for value in book.run(code).split()]
        order = sorted(range(30), key=lambda i: -strength[i])
        assert order != list(range(30))
        shows(book, names(*order[:24]))
    page.get_by_label("Sort", exact=True).select_option("by name")
    shows(book, names(*range(24)))

    page.get_by_placeholder("part of a name").fill("O 1")
    shows(book, names(*range(10, 20)))
    assert not page.get_by_text("page 1 of").is_visible()
    page.get_by_placeholder("part of a name").fill("elephant")
    until(book, lambda: page.locator(".dffw-grid canvas").count() == 0)
    page.get_by_placeholder("part of a name").fill("")
    shows(book, names(*range(24)))
    no_errors(book)
