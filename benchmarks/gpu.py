"""All that a GPU is for, in one table: ``python -m benchmarks.gpu [--images 6000] [--markdown FILE]``.

Extraction, sketch, NMF, every k, refinement and sharpening on the device, with microseconds an image; the same work on
the CPU, whose results must agree; the share of what the device's own products reach in bytes a second; and whatever of
scikit-learn, torchnmf and nmf-torch is installed, on the same activations. Where there is no GPU it says so and ends;
``--device cpu`` runs all of it there, which shows that the program works, and nothing about a GPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import dff_widgets as dff
from benchmarks.factorization import METHODS, relative_error
from dff_widgets.datasets import creatures
from dff_widgets.dff import factorize

K = 5
RIVALS = {"scikit-learn cd": "sklearn", "torchnmf": "torchnmf", "nmf-torch": "nmf"}
AGREES = 1e-3  # between a CPU and a GPU after the same iterations


class Table:
    """Rows of work, seconds, and what there is to say about it."""

    def __init__(self, device: torch.device, repetitions: int) -> None:
        self.device, self.repetitions = device, repetitions
        self.lines = ["| work | ms | µs an image | |", "|---|---:|---:|---|"]

    def add(self, work: str, seconds: float, images: int, note: str = "") -> None:
        self.lines.append(f"| {work} | {1e3 * seconds:.1f} | {1e6 * seconds / images:.1f} | {note} |")
        print(self.lines[-1], flush=True)

    def timed(self, function: Callable[[], Any]) -> tuple[float, Any]:
        """The median of some runs, after one that warms up; and what it gives."""
        found, seconds = function(), []
        for _ in range(self.repetitions):
            self.wait()
            begin = time.perf_counter()
            found = function()
            self.wait()
            seconds.append(time.perf_counter() - begin)
        return statistics.median(seconds), found

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def missing(device: str) -> list[str]:
    """What this machine lacks, a sentence each."""
    lacks = []
    if device == "cuda" and not torch.cuda.is_available():
        lacks.append("There is no CUDA device: nothing was measured. `--device cpu` runs the program without one.")
    lacks += [f"{name} is not installed." for name, module in RIVALS.items() if not importlib.util.find_spec(module)]
    return lacks


def agreement(found: float, expected: float) -> str:
    off = abs(found - expected) / max(expected, 1e-12)
    return f"error {found:.5f}, {off:.0e} from the CPU's" + ("" if off <= AGREES else " **which is too far**")


def extraction(table: Table, images: int) -> Any:
    """Activations that stay on the device."""
    photos, network = creatures(min(images, 24), size=224), dff.load_network("efficientnet_lite0")
    photos = photos.subset([i % len(photos) for i in range(images)])
    options: dict[str, Any] = {"size": 224, "layer": network.default_layer}
    seconds, found = table.timed(lambda: dff.extract(network, photos, device=table.device, **options))
    few = photos.subset(range(min(4, images)))
    there, here = (dff.extract(network, few, device=d, **options).matrix for d in (table.device, "cpu"))
    off = np.abs(there - here).max() / np.ptp(here)
    place = "on the device" if isinstance(found.rows, torch.Tensor) else "in memory"
    table.add("extraction, 224 px", seconds, images, f"rows are {place}; maps {off:.0e} of their range from the CPU's")
    return found


def roofline(table: Table, A: torch.Tensor, images: int) -> float:
    """Seconds of one read of A by the library's own product."""
    W = torch.rand(K, A.shape[1], device=A.device)
    seconds, _ = table.timed(lambda: A @ W.mT)
    table.add("one product A Wᵀ by the library", seconds, images, f"{A.numel() * 4e-9 / seconds:.0f} GB/s")
    return seconds


def numerics(table: Table, A: torch.Tensor, images: int, read: float) -> None:
    """Sketch, NMF on it and on A, every k; each beside the CPU."""
    host = A.cpu().numpy()
    seconds, sketch = table.timed(lambda: dff.Sketch(A, device=table.device))
    table.add("sketch", seconds, images, f"{seconds / read:.0f} reads of A")
    on_cpu = dff.Sketch(host, device="cpu")
    seconds, fac = table.timed(lambda: dff.nmf(sketch, K))
    each = seconds / fac.n_iter
    table.add(f"k = {K} on the sketch", seconds, images, agreement(fac.error, dff.nmf(on_cpu, K).error))
    table.add("an iteration of it", each, images, f"{sketch.shape[0] * sketch.rank * 8e-9 / each:.0f} GB/s of Y")
    fixed: dict[str, Any] = {"max_iter": 10, "tol": 0}
    seconds, fac = table.timed(lambda: dff.nmf(A, K, device=table.device, **fixed))
    note = agreement(fac.error, dff.nmf(host, K, device="cpu", **fixed).error)
    table.add(f"k = {K} on A, 10 iterations", seconds, images, f"{seconds / 10 / read:.1f} reads of A each; {note}")
    seconds, stack = table.timed(lambda: dff.nmf_stack(sketch))
    table.add("k = 1..10 on the sketch", seconds, images, agreement(stack[-1].error, dff.nmf(on_cpu, 10).error))


def maps(table: Table, found: Any) -> None:
    """What is done to the maps of some images."""
    images = found.images.subset(range(min(12, len(found.images))))
    few = dff.extract("efficientnet_lite0", images, layer=found.layer.name, size=found.size, device="cpu")
    result = factorize(few, K)
    seconds, _ = table.timed(lambda: result.refine(device=str(table.device)))
    table.add("refine", seconds, len(images))
    seconds, _ = table.timed(lambda: result.sharpen())
    table.add("sharpen", seconds, len(images), "on the device that `auto` takes")


def rivals(table: Table, A: torch.Tensor, images: int) -> None:
    host = A.cpu().numpy()
    for name, module in RIVALS.items():
        if importlib.util.find_spec(module):
            begin = time.perf_counter()
            H, W = METHODS[name](host, K, 0, table.device.type)
            table.add(
                f"k = {K}, {name}", time.perf_counter() - begin, images, f"error {relative_error(host, H, W):.5f}"
            )
    seconds, fac = table.timed(lambda: dff.nmf(dff.Sketch(A, device=table.device), K, tol=1e-5))
    table.add(f"k = {K}, ours with preparation", seconds, images, f"error {fac.error:.5f}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--markdown", type=Path, help="where the table goes as well")
    options = parser.parse_args(arguments)
    lacks = missing(options.device)
    print(*lacks, sep="\n")
    if options.device == "cuda" and not torch.cuda.is_available():
        return
    device = torch.device(options.device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or device.type
    print(f"{name}, torch {torch.__version__}, {options.images} images\n")
    table = Table(device, options.repetitions)
    found = extraction(table, options.images)
    A = torch.as_tensor(found.rows, device=device)
    read = roofline(table, A, options.images)
    numerics(table, A, options.images, read)
    maps(table, found)
    rivals(table, A, options.images)
    if options.markdown:
        options.markdown.write_text("\n".join([f"{name}, torch {torch.__version__}", "", *table.lines, ""]))


if __name__ == "__main__":
    main(sys.argv[1:])
