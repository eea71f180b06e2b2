"""Beside other programs that want the cores: ``python -m benchmarks.contention [--against CHECKOUT] [--busy 2]``.

Twelve creatures at 320 pixels, k = 5. Each round starts a fresh process for each side, because threads are told how to
wait when torch is loaded; first with the machine as it is, then beside processes that this program starts and that do
nothing but compute. Medians over all repetitions, and the ratio of the sides' medians in the same round, its median.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parents[1]
HOW_TO_WAIT = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
REPETITIONS = {"masks(75)": 5, "refine": 2, "Sketch": 5, "extract": 2, "k = 1..10": 2}


def work() -> dict[str, list[float]]:
    """The seconds of each repetition, in this process."""
    import dff_widgets as dff
    from dff_widgets.datasets import creatures
    from dff_widgets.dff import factorize
    from dff_widgets.factorization import Sketch, nmf

    images = creatures(12, size=320)
    network = dff.load_network("efficientnet_lite0")
    activations = dff.extract(network, images, device="cpu")
    sketch, result = Sketch(activations.matrix, 60, device="cpu"), factorize(activations, 5)

    def every_k() -> object:
        stack = getattr(dff, "nmf_stack", None)  # an older checkout has none
        return stack(sketch) if stack else [nmf(sketch, k) for k in range(1, 11)]

    works = {
        "masks(75)": lambda: result.masks(75),
        "refine": lambda: result.refine(device="cpu"),
        "Sketch": lambda: Sketch(activations.matrix, 60, device="cpu"),
        "extract": lambda: dff.extract(network, images, device="cpu"),
        "k = 1..10": every_k,
    }
    seconds: dict[str, list[float]] = {}
    for name, repetitions in REPETITIONS.items():
        for _ in range(repetitions):
            begin = time.perf_counter()
            works[name]()
            seconds.setdefault(name, []).append(time.perf_counter() - begin)
    return seconds


def measured(checkout: Path | None) -> dict[str, list[float]]:
    """`work` in a fresh process that imports the package from a checkout, or this one with spinning threads."""
    environment = {name: value for name, value in os.environ.items() if name not in HOW_TO_WAIT}
    environment["PYTHONPATH"] = str(checkout or HERE)
    if checkout is None:
        environment["GOMP_SPINCOUNT"] = "300000"  # what GNU's OpenMP takes by itself
    done = subprocess.run(
        [sys.executable, __file__, "--work"], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(sides: dict[str, Path | None], busy: int, rounds: int) -> None:
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        found = [{side: measured(checkout) for side, checkout in sides.items()} for _ in range(rounds)]
    finally:
        for other in others:
            other.kill()
            other.wait()
    print(f"\nbeside {busy} busy processes, load {os.getloadavg()[0]:.1f}; ms\n")
    print(f"| work | {' | '.join(sides)} | ratio |\n|---|{'---:|' * (len(sides) + 1)}")
    for name in REPETITIONS:
        medians = {side: statistics.median(s for r in found for s in r[side][name]) for side in sides}
        ratios = [statistics.median(r["before"][name]) / statistics.median(r["now"][name]) for r in found]
        cells = " | ".join(f"{1e3 * medians[side]:.0f}" for side in sides)
        print(f"| {name} | {cells} | {statistics.median(ratios):.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout; by default this one with threads that spin")
    parser.add_argument("--busy", type=int, default=2, help="processes that only compute")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work()))
        return
    for busy in (0, options.busy):
        compare({"before": options.against, "now": HERE}, busy, options.rounds)


if __name__ == "__main__":
    main()
