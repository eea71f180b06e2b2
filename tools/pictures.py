"""The pictures of the documentation, taken of the explorer and of a comparison in a real JupyterLab.

python -m tools.pictures [film] [stills] [comparison]
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from PIL import Image, ImageOps
from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.browser.jupyter import BROWSER_ARGS, Notebook, Server

FOLDER = Path(__file__).parents[1] / "docs" / "images"
CELLS = {
    "explorer": """
import dff_widgets as dff
images = dff.datasets.creatures(n=12, seed=0, size=256)
explorer = dff.DFFExplorer(images, k=3, size=448)
explorer
""",
    "comparison": """
import dff_widgets as dff
images = dff.datasets.creatures(n=12, seed=0, size=256)
comparison = dff.DFFComparison(images, left={"k": 3, "method": "dff"}, right={"method": "pca"}, size=448)
comparison
""",
}
WIDTH = 1100  # of the animated picture, in pixels


def take(book: Notebook, of: str = ".dffw") -> Image.Image:
    """An element as it is, with nothing pointed at and nothing focused."""
    book.page.mouse.move(5, 5)
    book.page.evaluate("document.activeElement.blur()")
    element = book.page.locator(of).first
    element.scroll_into_view_if_needed()
    book.page.wait_for_timeout(400)
    return Image.open(io.BytesIO(element.screenshot())).convert("RGB")


def keep(picture: Image.Image, name: str) -> None:
    """Write it with a white margin, at most 1,800 pixels wide."""
    if picture.width > 1800:
        picture = picture.resize((1800, round(picture.height * 1800 / picture.width)), Image.Resampling.LANCZOS)
    picture = ImageOps.expand(picture, border=picture.width // 80, fill="white")
    picture.save(FOLDER / f"{name}.webp", quality=80, method=6)
    print(name, picture.size, (FOLDER / f"{name}.webp").stat().st_size // 1000, "kB", flush=True)


def still(book: Notebook, name: str, code: str, of: str = ".dffw") -> None:
    """Run code in the kernel, wait until all is there and drawn, and take the picture."""
    said = book.run(f"{code}; explorer.wait(); explorer.panel.wait()")
    assert "ERROR" not in said, said
    book.page.wait_for_timeout(1500)
    keep(take(book, of), name)


def film(book: Notebook) -> None:
    """More factors with k, then names, then masks."""
    frames, durations = [], []
    scenes = [
        ("explorer.wait(); explorer.k = 1", 1500),
        ("explorer.k = 2", 1500),
        ("explorer.k = 3", 1500),
        ("explorer.panel.assign_by_coverage()", 2000),
        ("explorer.look = 'masks'", 2500),
        ("explorer.look, explorer.k = 'heat', 4", 2500),
    ]
    for code, milliseconds in scenes:
        assert "ERROR" not in book.run(f"{code}; explorer.wait(); explorer.panel.wait()")
        book.page.wait_for_timeout(1200)
        frame = take(book)
        frames.append(frame.resize((WIDTH, round(frame.height * WIDTH / frame.width)), Image.Resampling.LANCZOS))
        durations.append(milliseconds)
    path = FOLDER / "explorer.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=80, method=4)
    print("explorer", len(frames), "frames", path.stat().st_size // 1000, "kB", flush=True)


def stills(book: Notebook) -> None:
    """What the tour shows."""
    still(book, "heat-maps", "explorer.wait()")
    still(book, "masks", "explorer.panel.assign_by_coverage(); explorer.look = 'masks'")
    still(book, "labelling", "explorer.look = 'heat'", ".dffw-side")
    still(book, "refined", "explorer.look = 'sharp'")
    still(book, "tree", "explorer.look, explorer.tab = 'heat', 'tree'")


def comparison(book: Notebook) -> None:
    """Factors beside principal components."""
    assert "ERROR" not in book.run("comparison.wait()")
    book.page.wait_for_timeout(2500)
    keep(take(book), "comparison")


def main(wanted: Sequence[str]) -> None:
    """Start JupyterLab, and take the pictures that are asked for (all by default)."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        for cell, code in CELLS.items():
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata={"kernelspec": kernel})
            nbformat.write(book, Path(name) / f"{cell}.ipynb")
        server = Server(Path(name), "lab")
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=BROWSER_ARGS)
        context = browser.new_context(viewport={"width": 1440, "height": 1000}, device_scale_factor=2)
        context.set_default_timeout(60_000)
        try:
            for one in [one for one in (film, stills, comparison) if not wanted or one.__name__ in wanted]:
                opened = Notebook(context, server, f"{'comparison' if one is comparison else 'explorer'}.ipynb")
                opened.page.evaluate("jupyterapp.shell.collapseLeft(); jupyterapp.shell.collapseRight()")
                opened.run_all()
                opened.page.locator(".dffw").first.wait_for()
                one(opened)
                opened.close()
        finally:
            browser.close()
            server.close()


if __name__ == "__main__":
    main(sys.argv[1:])
