"""Five thousand photos: how smoothly the gallery scrolls, and how long a photo in view is blank."""

from __future__ import annotations

import io
import itertools
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import dff_widgets as dff

from .page import Lab, all_there, run, settle
from .rows import Row

COUNT = 5000
SECONDS = 10.0  # of turning the wheel
CELLS = (
    "import dff_widgets as dff",
    "explorer = dff.DFFExplorer({folder!r}, k=3, size=64)\nexplorer.start()\nexplorer",
)
# Frames of the page, and since when each photo in view has been blank, until bench.scrolling is false.
WATCH = """() => {
  const scroller = document.querySelector(".dffw-scroller");
  const view = scroller.getBoundingClientRect();
  const [frames, blanks, since] = [[], [], new Map()];
  const blank = (c) => c.getContext("2d").getImageData(c.width / 2, c.height / 2, 1, 1).data[3] === 0;
  const bare = () => [0.25, 0.5, 0.75].every((part) =>
    !document.elementFromPoint(view.left + 100, view.top + part * view.height)?.closest(".dffw-tile"));
  bench.scrolling = true;
  bench.longest = () => Math.max(0, ...blanks, ...[...since.values()].map((start) => performance.now() - start));
  bench.frames = frames;
  bench.anyBlank = () => bare() || bench.tiles().some(blank);
  const frame = (now) => {
    frames.push(now);
    if (bench.scrolling) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  bench.everyPaint((now) => {
    const open = new Set(bench.tiles().filter(blank).map((c) => c.closest(".dffw-tile").dataset.image));
    if (bare()) open.add("bare");
    for (const [image, start] of since) if (!open.has(image)) { blanks.push(now - start); since.delete(image); }
    for (const image of open) if (!since.has(image)) since.set(image, now);
    return !bench.scrolling;
  });
}"""


def scrolling(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """The wheel turned at three speeds; then jumps, as by the scroll bar."""
    with tempfile.TemporaryDirectory() as name:
        photos(Path(name))
        with lab.notebook(*(cell.format(folder=name) for cell in CELLS), where=where) as book:
            book.run_all(600)
            run(book, "explorer.wait(600)")
            all_there(book)
            book.page.evaluate("document.querySelector('.dffw-app').scrollIntoView({ block: 'end' })")
            settle(book, 1500)
            for speed, title in ((1500, "slowly"), (6000, "fast"), (24000, "very fast")):
                frames, blank = wheel(book, speed)
                action = f"5,000 images, wheel {title} ({speed:,} px a second)"
                rate = [1000 / (sum(frames) / len(frames))]
                slow = sum(frame > 25 for frame in frames)
                note = f"{slow} of {len(frames)} frames took over 25 ms"
                yield Row(where, f"{action}: frames a second", rate, "", bound=59, at_least=True, note=note)
                yield Row(where, f"{action}: longest blank", [blank], bound=200)
            yield Row(where, "5,000 images, a jump: until no photo in view is blank", jumps(book, runs), bound=200)


def photos(folder: Path) -> None:
    """Twelve creatures as JPEG files, under five thousand names."""
    first = []
    images = dff.datasets.creatures(n=12, seed=0, size=256)
    for i in range(len(images)):
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(images[i])).save(buffer, "JPEG", quality=88)
        first.append(folder / f"{i:04}.jpg")
        first[-1].write_bytes(buffer.getvalue())
    for i in range(len(images), COUNT):
        os.link(first[i % len(first)], folder / f"{i:04}.jpg")


def wheel(book, speed: int) -> tuple[list[float], float]:
    """Milliseconds of each frame, and of the longest blank."""
    page = book.page
    page.evaluate("document.querySelector('.dffw-scroller').scrollTop = 0")
    settle(book, 1000)
    box = page.locator(".dffw-scroller").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.evaluate(WATCH)
    start, done = page.evaluate("performance.now()"), 0.0
    while (now := (page.evaluate("performance.now()") - start) / 1000) < SECONDS:
        step = speed * now - done
        if step >= 1:
            page.mouse.wheel(0, step)
            done += step
        else:
            page.wait_for_timeout(4)
    page.evaluate("bench.scrolling = false")
    page.wait_for_timeout(100)
    stamps = page.evaluate("bench.frames")
    return [b - a for a, b in itertools.pairwise(stamps)], float(page.evaluate("bench.longest()"))


def jumps(book, runs: int) -> list[float]:
    """To random places: milliseconds until the last photo in view is there."""
    page, rng = book.page, random.Random(0)
    times = []
    for _ in range(runs):
        page.wait_for_timeout(300)
        times.append(
            page.evaluate(
                """async (part) => {
                  const scroller = document.querySelector(".dffw-scroller");
                  const start = performance.now();
                  scroller.scrollTop = part * (scroller.scrollHeight - scroller.clientHeight);
                  return new Promise((resolve) => {
                    let frames = 0;
                    bench.everyPaint((now) => {
                      frames += 1;
                      if (frames < 2 || bench.anyBlank()) return false;
                      resolve(now - start);
                      return true;
                    });
                  });
                }""",
                rng.random(),
            )
        )
    return times
