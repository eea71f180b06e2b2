"""What importance and fidelity cost on the embedded network: ``python -m benchmarks.worth [--images N]``.

Beside each, the extraction of the same images in the same run, so that a ratio holds on any machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from dff_widgets import extract, factor_tree, importance, load_network
from dff_widgets.datasets import creatures
from dff_widgets.evaluation.fidelity import fidelity_curve


def seconds(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The least wall-clock and processor seconds; a first round is not counted."""
    work()
    wall, cpu = [], []
    for _ in range(rounds):
        began, spent = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    return min(wall), min(cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    images, network = creatures(arguments.images, seed=0, size=256), load_network()
    activations = extract(network, images)
    tree = factor_tree(activations, range(1, 11))
    shared = {"network": network, "activations": activations}
    works: dict[str, Callable[[], object]] = {
        "extract": lambda: extract(network, images),
        "importance, directional": lambda: importance(tree[10], **shared),
        "importance, removal": lambda: importance(tree[10], method="removal", **shared),
        "importance, Sobol, 32 designs": lambda: importance(tree[10], method="sobol", **shared),
        "fidelity, k = 1..10": lambda: fidelity_curve(tree.results, **shared),
    }
    print(f"{arguments.images} images, k = 10\n\n| what | s | processor s | of extraction |\n|---|---:|---:|---:|")
    first = None
    for name, work in works.items():
        wall, cpu = seconds(work, arguments.rounds)
        first = first or cpu
        print(f"| {name} | {wall:.3f} | {cpu:.3f} | {cpu / first:.2f} |")


if __name__ == "__main__":
    main()
