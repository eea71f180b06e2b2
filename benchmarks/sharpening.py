"""How long sharpening takes, and what memory it needs: ``python -m benchmarks.sharpening [times|memory]``.

    times    20 photos with k=1, and 12 with k=4, from activations of both layers that are there: until all maps are
    memory   1,000 images with k=4, whose activations come batch by batch: beyond what one batch holds

Of the cats in ``DFF_WIDGETS_DATA``, or of drawn animals without it. Wall and processor time, of which the first says
nothing on a machine that does something else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dff_widgets import DFFResult, ImageSet, extract_layers
from dff_widgets.datasets import creatures, folder
from dff_widgets.dff import factorize
from dff_widgets.extraction import Activations
from dff_widgets.factorization import Factorization
from dff_widgets.heat.sharpen import learn
from dff_widgets.sharpening import photos

LAYERS, SIZE = ("bn2", "blocks.4"), 320
MANY, BATCH = 1000, 32


def some(n: int) -> ImageSet:
    root = os.environ.get("DFF_WIDGETS_DATA")
    if root is None:
        return creatures(n, size=SIZE)
    return folder(Path(root) / "voc2010-coseg" / "images" / "Cat")[:n]


def times(rounds: int) -> dict[str, dict[str, float]]:
    """Per case and step the best seconds, by the clock and of the processor."""
    torch.set_num_threads(2)
    found: dict[str, dict[str, float]] = {}
    for n, k in ((20, 1), (12, 4)):
        deep, fine = extract_layers("efficientnet_lite0", some(n), LAYERS, size=SIZE).values()
        result = factorize(deep, k)
        best: dict[str, float] = {}

        def note(step: str, start: tuple[float, float], best: dict[str, float] = best) -> None:
            now = (time.perf_counter(), time.process_time())
            for what, a, b in zip(("s", "processor s"), start, now, strict=True):
                best[f"{step}, {what}"] = min(best.get(f"{step}, {what}", np.inf), b - a)

        for _ in range(rounds + 1):  # the first one warms up, and cannot be the best
            start = (time.perf_counter(), time.process_time())
            lazy = result.sharpen(coarse=deep, fine=fine, lazy=True)
            note("learning", start)
            known = (time.perf_counter(), time.process_time())
            _ = lazy.maps[0] if lazy.maps is not None else None
            note("the first map", known)
            start_all = (time.perf_counter(), time.process_time())
            result.sharpen(coarse=deep, fine=fine)
            note("in all", start_all)
        found[f"{len(deep.images)} photos, k={k}"] = best
    return found


# ------------------------------------------------------------------------------------------------------------- memory
def resident() -> int:
    """Bytes of this process (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


class Peak:
    """The most that the process held, beyond what it held at first."""

    def __enter__(self) -> Peak:
        self._before, self._most, self._done = resident(), 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.01):
            self._most = max(self._most, resident())

    @property
    def bytes(self) -> int:
        return self._most - self._before


def memory() -> dict[str, float]:
    """MB beyond one batch of the finer layer, while 1,000 images are learned from."""
    few = some(12)
    deep, fine = extract_layers("efficientnet_lite0", few, LAYERS, size=SIZE).values()
    result, n = factorize(deep, 4), len(few)
    many = few.subset([i % n for i in range(MANY)])
    parts: dict[int, Any] = dict(enumerate(_maps(fine)))
    coarse = [np.maximum(m, 0) for m in _of(result)]

    def passes() -> Any:
        rng = np.random.default_rng(0)
        for start in range(0, MANY, BATCH):
            yield [
                (i, parts[i % n] + rng.normal(0, 0.01, parts[i % n].shape).astype(np.float32))
                for i in range(start, min(start + BATCH, MANY))
            ]

    batch = sum(features.nbytes for _, features in next(iter(passes())))
    read = photos(many, [result.sizes[i % n] for i in range(MANY)])
    for used in (n, MANY):  # the first time brings what is there once
        with Peak() as peak:
            norms = np.linalg.norm(result.factorization.W, axis=1)
            some_passes = passes if used == MANY else lambda: [[(i, parts[i]) for i in range(n)]]
            learn("blocks.4", some_passes, [coarse[i % n] for i in range(used)], read, norms=norms)
    return {"images": MANY, "one batch, MB": batch / 1e6, "beyond it, MB": (peak.bytes - batch) / 1e6}


def _maps(activations: Activations) -> list[Any]:
    ends = np.cumsum([0, *(h * w for h, w in activations.shapes)])
    return [
        activations.matrix[a:b].reshape(*shape, -1)
        for a, b, shape in zip(ends[:-1], ends[1:], activations.shapes, strict=True)
    ]


def _of(result: DFFResult) -> list[Any]:
    factors: Factorization = result.factorization
    ends = np.cumsum([0, *(h * w for h, w in result.shapes)])
    return [
        np.asarray(factors.H[a:b], dtype=np.float32).T.reshape(-1, *shape)
        for a, b, shape in zip(ends[:-1], ends[1:], result.shapes, strict=True)
    ]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("times", "memory"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    options = parser.parse_args()
    what = [options.what] if options.what else ["times", "memory"]
    numbers: dict[str, Any] = {}
    if "times" in what:
        numbers["times"] = times(options.rounds)
        print("| photos | step | s | processor s |\n|---|---|---:|---:|")
        for case, best in numbers["times"].items():
            for step in ("learning", "the first map", "in all"):
                print(f"| {case} | {step} | {best[step + ', s']:.3f} | {best[step + ', processor s']:.3f} |")
    if "memory" in what:
        numbers["memory"] = memory()
        print("| " + " | ".join(numbers["memory"]) + " |\n|" + "---:|" * len(numbers["memory"]))
        print("| " + " | ".join(f"{v:.0f}" for v in numbers["memory"].values()) + " |", file=sys.stdout)
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
