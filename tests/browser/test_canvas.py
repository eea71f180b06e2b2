"""The canvas of factors in JupyterLab and Notebook 7: it draws, hears clicks, and comes back after a reload."""

CELL = """
import numpy as np
import dff_widgets as dff
from dff_widgets.factorization import Factorization
H = np.zeros((24, 1), dtype=np.float32)
H.reshape(4, 6)[:, :3] = 1  # the left half
images = dff.ImageSet.from_arrays([np.full((60, 90, 3), 90, dtype=np.uint8)])
factors = Factorization(H, np.ones((1, 3)), 0.0, 1, True)
result = dff.DFFResult(factors, images, ((4, 6),), ((60, 90),), "toy", "layer", 60)
canvas = dff.FactorCanvas(result, side=180, colors=["#FF0000"], opacity=1)
clicks = []
canvas.on_click(lambda x, y, values: clicks.append((round(x), round(y), float(values[0]))))
@canvas.on_client_ready
def mine():
    canvas.drawing.fill_style = "#0000FF"
    canvas.drawing.fill_rect(80, 50, 10, 10)
canvas
"""

PIXEL = """([x, y]) => {
    const canvas = [...document.querySelectorAll('.jp-OutputArea canvas')].find(c => c.width === 360);
    return canvas ? [...canvas.getContext('2d').getImageData(x, y, 1, 1).data] : null;
}"""
DRAWN = f"""() => {{
    const at = {PIXEL}, near = (a, b) => a && a.every((v, i) => Math.abs(v - b[i]) < 12);
    return near(at([60, 100]), [255, 0, 0, 255]) && near(at([300, 100]), [90, 90, 90, 255])
        && near(at([340, 220]), [0, 0, 255, 255]);
}}"""


def test_it_draws_hears_a_click_and_survives_a_reload(open_notebook) -> None:
    book = open_notebook(CELL)
    book.run_all()
    page = book.page
    page.wait_for_function(DRAWN)
    shown = page.locator(".jp-OutputArea canvas").first
    shown.click(position={"x": 20, "y": 100})  # pixels of the page: twice as many as of the image
    assert book.run("print(clicks)").strip() == "[(10, 50, 1.0)]"
    book.save()
    page.reload()
    page.wait_for_function(DRAWN)
