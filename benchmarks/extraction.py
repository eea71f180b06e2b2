"""`dff.extract` against a bare loop of forward passes over the same batches: python benchmarks/extraction.py."""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import dff_widgets as dff
from dff_widgets.activations import _batches
from dff_widgets.images import ImageSet


def photos(folder: Path, count: int, width: int, height: int) -> ImageSet:
    """JPEG files of smooth noise, as large to decode as photos are."""
    rng = np.random.default_rng(0)
    for i in range(count):
        small = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(
            folder / f"{i:03}.jpg", quality=90
        )
    return dff.datasets.folder(folder)


def bare(network, batches) -> None:
    """What the network alone costs: all of its forward pass up to the layer, and nothing else."""
    module, caught = network.module.eval(), []

    class StopError(Exception):
        pass

    def stop(_module, _inputs, output):
        caught.append(output.permute(0, 2, 3, 1).contiguous())
        raise StopError

    handle = module.get_submodule(network.default_layer).register_forward_hook(stop)
    with torch.no_grad():
        for batch in batches:
            with contextlib.suppress(StopError):
                module(batch)
    handle.remove()


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=320, help="short side in pixels")
    parser.add_argument("--count", type=int, default=24, help="images")
    parser.add_argument("--pixels", type=int, nargs=2, default=(640, 480), help="width and height of the files")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=(1, 2, 4, 8, 16))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    network = dff.load_network(options.network)  # random weights would give slow subnormal numbers
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {options.network}, {options.size} px")
    with tempfile.TemporaryDirectory() as folder:
        images = photos(Path(folder), options.count, *options.pixels)
        for size in options.batch_sizes:
            batches = [batch.contiguous() for _, batch in _batches(images, network, options.size, size, {}, {})]
            ours, theirs = [], []
            for _ in range(options.rounds):  # in turns, so that what else the machine does slows both
                theirs.append(timed(lambda batches=batches: bare(network, batches)))
                ours.append(timed(lambda size=size: dff.extract(network, images, size=options.size, batch_size=size)))
            loop, extract = statistics.median(theirs), statistics.median(ours)
            print(
                f"batch_size {size:2}: bare loop {options.count / loop:5.1f} images/s, "
                f"extract {options.count / extract:5.1f} images/s, throughput {loop / extract:.0%} of the bare loop"
            )


if __name__ == "__main__":
    main()
