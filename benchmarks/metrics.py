"""Coverage and IoU of factors and parts, against a loop over plain masks: python benchmarks/metrics.py."""

import argparse
import time

import numpy as np

from dff_widgets import assign, best_part_iou, coverage, iou
from dff_widgets.evaluation import overlaps


def plain_intersections(masks, parts):
    """(k, p) counts on boolean arrays, one pair after the other."""
    return sum(
        np.array([[np.count_nonzero(factor & part) for part in here.values()] for factor in factors])
        for factors, here in zip(masks, parts, strict=True)
    )


def timed(work, rounds: int) -> tuple[float, float]:
    """Least and median milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times), float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--side", type=int, default=448, help="pixels")
    parser.add_argument("--factors", type=int, default=5)
    parser.add_argument("--parts", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    size = (args.side, args.side)
    masks = [rng.random((args.factors, *size)) > 0.75 for _ in range(args.images)]
    parts = [{f"part {p}": rng.random(size) > 0.9 for p in range(args.parts)} for _ in range(args.images)]
    assignment = {f: [f"part {p}" for p in range(f, args.parts, args.factors)] for f in range(args.factors)}
    np.testing.assert_array_equal(overlaps(masks, parts).intersection, plain_intersections(masks, parts))

    work = {
        "plain intersections alone": lambda: plain_intersections(masks, parts),
        "coverage and assign": lambda: assign(coverage(masks, parts)),
        "iou of assigned parts": lambda: iou(masks, parts, assignment),
        "best_part_iou": lambda: best_part_iou(masks, parts),
    }
    print(f"{args.factors} factors, {args.parts} parts, {args.images} images at {args.side} px; milliseconds")
    for name, run in work.items():
        least, median = timed(run, args.rounds)
        print(f"{name:<26} least {least:6.1f}  median {median:6.1f}")


if __name__ == "__main__":
    main()
