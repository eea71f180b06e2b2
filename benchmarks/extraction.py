"""`dff.extract` against a bare loop over the same batches of the same network: ``python -m benchmarks.extraction``.

The embedded network is fused on both sides, as `extract` does by itself; others are as they are.
"""

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
from dff_widgets.extraction.batches import batches, readable_sizes
from dff_widgets.images import ImageSet
from dff_widgets.networks import Network, input_shape


def photos(folder: Path, count: int, width: int, height: int) -> ImageSet:
    """JPEG files of smooth noise, as large to decode as photos are."""
    rng = np.random.default_rng(0)
    for i in range(count):
        small = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(
            folder / f"{i:03}.jpg", quality=90
        )
    return dff.datasets.folder(folder)


def prepared(network: Network, images: ImageSet, size: int, batch_size: int) -> list[torch.Tensor]:
    """The very batches that `extract` makes, decoded, resized and normalised."""
    sizes = readable_sizes(images, {}, lambda: None)
    groups: dict[tuple[int, int], list[int]] = {}
    for i, own in sizes.items():
        groups.setdefault(input_shape(network, own, size), []).append(i)
    return [batch for _, batch in batches(images, network, sizes, groups, lambda _shape: batch_size, {})]


def bare(network: Network, made: list[torch.Tensor], device: str) -> None:
    """What the network alone costs: all of its forward pass up to the layer, and nothing else."""
    layer, fused = network.default_layer, network.name == dff.networks.EMBEDDED
    module = network.fused([layer]) if fused else network.module.eval()

    class StopError(Exception):
        pass

    def stop(_module, _inputs, _output):
        raise StopError

    handle = module.get_submodule(layer).register_forward_hook(stop)
    with torch.no_grad():
        for batch in made:
            with contextlib.suppress(StopError):
                module(batch.to(device))
    if device == "cuda":
        torch.cuda.synchronize()
    handle.remove()


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=("efficientnet_lite0", "resnet50"))
    parser.add_argument("--size", type=int, default=320, help="short side in pixels")
    parser.add_argument("--count", type=int, default=24, help="images")
    parser.add_argument("--pixels", type=int, nargs=2, default=(640, 480), help="width and height of the files")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=(4, 8))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {options.device}, {options.size} px")
    print("median of the rounds' ratios, and the ratio of the best times")
    with tempfile.TemporaryDirectory() as folder:
        files = photos(Path(folder), options.count, *options.pixels)
        decoded = ImageSet.from_arrays(list(files))
        for name in options.networks:
            # Only the embedded weights are on every machine; random ones do as much work.
            network = dff.load_network(name, weights="default" if name == dff.networks.EMBEDDED else None)
            for size in options.batch_sizes:
                for kind, images in (("JPEG files", files), ("arrays", decoded)):
                    compare(network, images, kind, size, options)


def compare(network: Network, images: ImageSet, kind: str, batch_size: int, options: argparse.Namespace) -> None:
    made = prepared(network, images, options.size, batch_size)
    ours, theirs = [], []
    for _ in range(options.rounds):  # in turns, so that what else the machine does slows both
        network.module.to(options.device)
        theirs.append(timed(lambda: bare(network, made, options.device)))
        ours.append(
            timed(lambda: dff.extract(network, images, size=options.size, batch_size=batch_size, device=options.device))
        )
    ratio = statistics.median(loop / extract for loop, extract in zip(theirs, ours, strict=True))
    print(
        f"{network.name}, {kind}, batch_size {batch_size}: bare loop {len(images) / min(theirs):.1f} images/s, "
        f"extract {len(images) / min(ours):.1f} images/s: {ratio:.0%} ({min(theirs) / min(ours):.0%})",
        flush=True,
    )


if __name__ == "__main__":
    main()
