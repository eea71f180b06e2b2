"""The pictures of the documentation, taken of notebook 01 and of a comparison in a real JupyterLab.

python -m tools.pictures [film] [stills] [comparison]
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from PIL import Image, ImageDraw, ImageOps
from playwright.sync_api import Locator, sync_playwright

from tests.browser import chromium
from tests.browser.jupyter import BROWSER_ARGS, Notebook, Server

ROOT = Path(__file__).parents[1]
NOTEBOOK = "notebooks/01_explore.ipynb"
FOLDER = ROOT / "docs" / "images"
COMPARISON = """
import dff_widgets as dff
images = dff.datasets.creatures(n=12, seed=0, size=256)
side = {"k": 3, "method": "dff"}
comparison = dff.DFFComparison(images, left=side, right={"method": "pca"}, size=448, tile_size=140)
comparison
"""
WIDTH = 960  # of the animated picture, in pixels
POINTER = [(0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (13, 12)]


class Film:
    """Frames of one element of a page, with a drawn mouse pointer, which screenshots do not have."""

    def __init__(self, book: Notebook) -> None:
        self.page, self.element = book.page, book.page.locator(".dffw-explorer").first
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []
        self._last, self._at = Image.new("RGB", (1, 1)), (600.0, 300.0)

    def shot(self, milliseconds: int) -> None:
        """A frame of what is there now."""
        self._last = Image.open(io.BytesIO(self.element.screenshot())).convert("RGB")
        self._add(milliseconds)

    def to(self, target: Locator, share: float = 0.5, steps: int = 7) -> None:
        """The pointer goes to a control, from left (0) to right (1) of it; nothing else moves."""
        box, own = target.bounding_box(), self.element.bounding_box()
        assert box is not None
        assert own is not None
        start, end = self._at, (box["x"] - own["x"] + share * box["width"], box["y"] - own["y"] + box["height"] / 2)
        for step in range(1, steps + 1):
            ease = (step / steps) ** 2 * (3 - 2 * step / steps)
            self._at = (start[0] + ease * (end[0] - start[0]), start[1] + ease * (end[1] - start[1]))
            self._add(45)

    def _add(self, milliseconds: int) -> None:
        own = self.element.bounding_box()
        assert own is not None
        frame, scale = self._last.copy(), self._last.width / own["width"]
        corners = [((self._at[0] + x) * scale, (self._at[1] + y) * scale) for x, y in POINTER]
        ImageDraw.Draw(frame).polygon(corners, fill="white", outline="black", width=2)
        self.frames.append(frame)
        self.durations.append(milliseconds)

    def save(self, path: Path) -> None:
        """An animated WebP; frames that are lower than the highest one are continued in white."""
        height = max(frame.height for frame in self.frames)
        whole = [Image.new("RGB", (self.frames[0].width, height), "white") for _ in self.frames]
        for sheet, frame in zip(whole, self.frames, strict=True):
            sheet.paste(frame)
        size = (WIDTH, round(height * WIDTH / whole[0].width))
        small = [framed(sheet.resize(size, Image.Resampling.LANCZOS)) for sheet in whole]
        small[0].save(
            path, save_all=True, append_images=small[1:], duration=self.durations, loop=0, quality=70, method=4
        )


def framed(picture: Image.Image) -> Image.Image:
    """With a white margin."""
    return ImageOps.expand(picture, border=picture.width // 80, fill="white")


def settle(book: Notebook) -> None:
    """Wait until everything asked for is there and drawn."""
    book.run("explorer.wait(); explorer.panel.wait()")
    book.page.wait_for_timeout(800)


def still(book: Notebook, name: str, of: str = ".dffw-explorer") -> None:
    """A picture of the explorer, or a part of it, as it is."""
    settle(book)
    photograph(book, name, of)


def photograph(book: Notebook, name: str, of: str) -> None:
    """A picture of an element, with nothing pointed at and nothing focused."""
    book.page.mouse.move(5, 5)
    book.page.evaluate("document.activeElement.blur()")
    element = book.page.locator(of).first
    element.scroll_into_view_if_needed()
    book.page.wait_for_timeout(300)
    picture = framed(Image.open(io.BytesIO(element.screenshot())).convert("RGB"))
    picture.save(FOLDER / f"{name}.webp", quality=82, method=6)
    print(name, picture.size, (FOLDER / f"{name}.webp").stat().st_size // 1000, "kB", flush=True)


def film(book: Notebook) -> None:
    """More factors with k, factors get names, an image is pointed at, heat maps become masks."""
    page = book.page
    book.run("explorer.k = 1; explorer.labels = {}")
    settle(book)
    scene = Film(book)
    handle = page.locator(".dffw-explorer .noUi-handle").first
    scene.shot(1200)
    scene.to(handle)
    for k in (2, 3):
        handle.focus()
        page.keyboard.press("ArrowRight")
        settle(book)
        assert int(book.run("print(explorer.k)")) == k
        scene.to(handle, steps=2)
        scene.shot(1300)
    names = book.run("print(*[s.part for s in dff.best_part_iou(explorer.result.masks(), images.parts)])").split()
    for factor, name in enumerate(names):
        box = page.get_by_label(f"Name of factor {factor}", exact=True)
        scene.to(box, 0.3)
        box.click()
        for letter in name:
            page.keyboard.type(letter)
            scene.shot(90)
        page.keyboard.press("Enter")
        settle(book)
        scene.shot(700)
    tile = page.locator(".dffw canvas").nth(5)
    box = tile.bounding_box()
    assert box is not None
    for across in (0.2, 0.5, 0.8):
        scene.to(tile, across, steps=3)
        tile.hover(position={"x": across * box["width"], "y": box["height"] / 2})
        page.wait_for_timeout(150)
        scene.shot(900)
    page.mouse.move(5, 5)
    page.wait_for_timeout(150)
    scene.shot(300)
    show = page.locator(".dffw-explorer select:has(option[value=masks])")
    scene.to(show)
    show.select_option("masks")
    page.wait_for_timeout(500)
    scene.shot(1500)
    slider = page.get_by_label("Percentile from which a pixel is in the mask")
    for percentile in (75, 70, 65, 60, 55, 50, 55, 60, 65, 70, 75):
        slider.fill(str(percentile))
        scene.to(slider, percentile / 100, steps=1)
        page.wait_for_timeout(120)
        scene.shot(110)
    settle(book)
    scene.shot(1800)
    show.select_option("heat")
    scene.save(FOLDER / "explorer.webp")
    print("explorer", len(scene.frames), "frames", (FOLDER / "explorer.webp").stat().st_size // 1000, "kB", flush=True)


def stills(book: Notebook) -> None:
    """What the tour shows."""
    book.run("explorer.k = 2; explorer.wait(); explorer.k, explorer.labels = 3, {}")  # the status tells no first start
    still(book, "heat-maps")
    book.run("explorer.panel.assign_by_coverage(); explorer.panel.gallery.view = 'masks'")
    still(book, "masks")
    still(book, "labelling", ".dffw-panel")
    book.run("explorer.panel.gallery.view = 'heat'; explorer.hierarchy = True")
    still(book, "tree", ".dffw-tree")
    book.run("explorer.hierarchy, explorer.selected, explorer.closeup = False, 1, True")
    book.page.locator(".dffw-look-chart").wait_for()
    still(book, "closer", ".dffw-inspector")
    book.run("explorer.closeup = False; explorer.panel.open_image(3)")
    book.page.locator(".dffw-focus canvas").first.wait_for()
    still(book, "focus", ".dffw-focus")
    book.run("explorer.refine = True; explorer.wait()")
    book.page.get_by_text("refined", exact=True).wait_for()
    book.page.get_by_label("Show masks").uncheck()
    still(book, "refined", ".dffw-focus")
    book.run("explorer.panel._focus.closed = True; explorer.refine = False; explorer.sweep = True; explorer.wait()")
    book.page.locator(".dffw-sweep").get_by_role("button", name="Start").click()
    book.page.locator(".dffw-sweep").get_by_text("done").first.wait_for(timeout=300_000)
    still(book, "sweep", ".dffw-sweep-pane")


def comparison(book: Notebook) -> None:
    """Factors beside principal components."""
    book.run_all()
    book.run("comparison.wait()")
    book.page.wait_for_timeout(1500)
    photograph(book, "comparison", ".dffw-comparison")


def main(wanted: Sequence[str]) -> None:
    """Start JupyterLab as `make lab` does, and take all pictures."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        root = Path(name)
        (root / "notebooks").mkdir()
        shutil.copy(ROOT / NOTEBOOK, root / NOTEBOOK)
        cell = nbformat.v4.new_code_cell(COMPARISON)
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        written = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
        nbformat.write(written, root / "comparison.ipynb")
        server = Server(root, "lab", f"--LabApp.extra_labextensions_path={ROOT / 'tools' / 'labextensions'}")
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=BROWSER_ARGS)
        context = browser.new_context(viewport={"width": 1400, "height": 2200}, device_scale_factor=2)
        context.set_default_timeout(120_000)
        try:
            FOLDER.mkdir(exist_ok=True)
            for take in [take for take in (film, stills, comparison) if not wanted or take.__name__ in wanted]:
                book = Notebook(context, server, "comparison.ipynb" if take is comparison else NOTEBOOK)
                book.page.evaluate("jupyterapp.shell.collapseLeft(); jupyterapp.shell.collapseRight()")
                if take is not comparison:
                    book.page.wait_for_function("document.querySelectorAll('.dffw-row').length > 0", timeout=180_000)
                take(book)
                book.close()
        finally:
            browser.close()
            server.close()


if __name__ == "__main__":
    main(sys.argv[1:])
