"""What fits on a screen of 1440 x 900, and how far a keyboard has to go to the photos."""

from __future__ import annotations

from collections.abc import Iterator

from .page import Lab
from .rows import Row

ROWS = """() => {
  const view = document.querySelector(".dffw-scroller").getBoundingClientRect();
  const whole = (box) => box.top >= Math.max(view.top, 0) && box.bottom <= Math.min(view.bottom, innerHeight);
  const boxes = bench.tiles().map((canvas) => canvas.getBoundingClientRect()).filter(whole);
  return new Set(boxes.map((box) => box.top)).size;
}"""
MOST = 40


def fitting(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """Rows of 24 photos that are whole within the window, and stops of Tab from the app's own to the first photo."""
    with lab.explorer(n=24, where=where) as book:
        rows = book.page.evaluate(ROWS)
        yield Row(where, "rows of photos that fit at 1440 x 900", [rows], "", bound=3, at_least=True)
        book.page.locator(".dffw-app").focus()
        stops = 0
        while stops < MOST and not book.page.evaluate("document.activeElement.matches('.dffw-caption')"):
            book.page.keyboard.press("Tab")
            stops += 1
        yield Row(where, "Tab stops to the first photo, its own among them", [stops], "", bound=12, aim=8)
