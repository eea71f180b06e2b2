"""The CRF beside pydensecrf2 and kornia's guided filter, in one run: ``python -m benchmarks.crf [--json FILE]``.

4 factors, 320 x 480, 5 iterations, two threads; the best of several interleaved rounds. `pip install pydensecrf2` (it
builds from source) and `pip install kornia` for the comparisons; each is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dff_widgets.heat.crf import refine

SHAPE, FACTORS, ITERATIONS = (320, 480), 4, 5


def scene() -> tuple[Any, Any]:
    """A textured image (h, w, 3) uint8 with discs, and a smooth blob near each: (k, h, w) in 0..1."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = rng.normal(110, 12, (*SHAPE, 3))
    maps = []
    for cx in np.linspace(80, 400, FACTORS):
        image[(y - 160) ** 2 + (x - cx) ** 2 < 45**2] += rng.uniform(-80, 80, 3)
        maps.append(np.exp(-((y - 165) ** 2 + (x - cx - 8) ** 2) / (2 * 40**2)))
    return image.clip(0, 255).astype(np.uint8), np.array(maps, dtype=np.float32)


def dense_crf(image: Any, unaries: Any) -> Any:
    """Krähenbühl & Koltun's own: one bilateral and one Gaussian kernel, as its examples have them."""
    from pydensecrf.densecrf import DenseCRF2D

    field = DenseCRF2D(SHAPE[1], SHAPE[0], len(unaries))
    field.setUnaryEnergy(np.ascontiguousarray(-np.log(unaries).reshape(len(unaries), -1), dtype=np.float32))
    field.addPairwiseGaussian(sxy=3, compat=3)
    field.addPairwiseBilateral(sxy=60, srgb=13, rgbim=image, compat=10)
    return np.array(field.inference(ITERATIONS)).reshape(len(unaries), *SHAPE)


def with_kornia(image: Any, maps: Any, subsample: int) -> Any:
    """The same mean field on kornia's filter."""
    from kornia.filters import guided_blur

    guide = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    unaries = 2 * torch.from_numpy(maps / 0.4).clamp_min(1e-9).log().clamp(-2.5, 2.5)[None]
    Q = torch.sigmoid(unaries)
    for _ in range(ITERATIONS):
        Q = torch.sigmoid(unaries + 4 * (2 * guided_blur(guide, Q, 107, 1e-4, subsample=subsample) - 1))
    return Q[0].numpy()


def contenders() -> dict[str, Callable[[], Any]]:
    image, maps = scene()
    levels = [0.4] * FACTORS
    p = np.clip(maps / 0.8, 0.01, 0.99)
    joint = np.concatenate([np.clip(1 - p.sum(0, keepdims=True), 0.01, 1), p])
    found: dict[str, Callable[[], Any]] = {
        "dff_widgets, per factor": lambda: refine(image, maps, levels),
        "dff_widgets, joint": lambda: refine(image, maps, levels, joint=True),
    }
    if importlib.util.find_spec("kornia"):
        found["mean field on kornia's guided_blur, subsample=4"] = lambda: with_kornia(image, maps, 4)
    if importlib.util.find_spec("pydensecrf"):
        found["pydensecrf2, per factor"] = lambda: np.stack(
            [dense_crf(image, np.stack([1 - one, one]))[1] for one in p]
        )
        found["pydensecrf2, joint"] = lambda: dense_crf(image, joint / joint.sum(0))[1:]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    methods = contenders()
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(arguments.rounds + 1):  # the first is for warming up
        for name, method in methods.items():
            start = time.perf_counter()
            method()
            seconds[name].append(time.perf_counter() - start)
    best = {name: min(times[1:]) for name, times in seconds.items()}
    print("| 4 factors, 320 x 480, 5 iterations | ms | dff_widgets is faster by |\n|---|---:|---:|")
    for name, value in best.items():
        ours = best["dff_widgets, joint" if name.endswith("joint") else "dff_widgets, per factor"]
        print(f"| {name} | {1000 * value:.1f} | {value / ours:.1f} |")
    reference = {name: np.asarray(method()) >= 0.5 for name, method in methods.items()}
    ours = reference["dff_widgets, per factor"]
    print("\nIoU of the masks with ours, per factor:")
    for name, masks in reference.items():
        print(f"  {name}: {(masks & ours).sum() / (masks | ours).sum():.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({name: 1000 * value for name, value in best.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
