"""Stores, blocks and clusters, one row at a time: python -m benchmarks.scale ROW [--images N] [--folder F].

    large      50,000 images x 10 x 10 x 1,280 float16, k=10: seconds, peak memory, times the store is read
    growth     time against rows, 10^5 to 4 x 10^6 (256 channels), and its exponent
    memory     store + blocks against in-memory: time and error
    workers    one single-threaded Dask worker against two: 4 x 10^6 rows of 256 channels
    extract    the same: the embedded network over 96 images
    parts      the measured parts of the model in docs/scale.md

Extraction is simulated: planted factors, a bank of noise, ReLU; about half of the entries are 0. Peak memory is the
largest sum of the process's anonymous and shared memory (RssAnon + RssShmem in /proc), looked at twenty times a second:
the pages of memory-mapped files, which the system takes back when it needs them, are not in it. Files are removed
afterwards. With the default settings the large row needs 15 GB of disk.
"""

import argparse
import contextlib
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import dff_widgets as dff
from dff_widgets.extraction import Activations
from dff_widgets.factorization import Sketch, nmf
from dff_widgets.factorization.rows import Rows
from dff_widgets.factorization.rules import coordinate_descent
from dff_widgets.images import ImageSet
from dff_widgets.networks import Layer
from dff_widgets.scale import Store, create, distribute

SIDE, K = 10, 10


class Peak:
    """The largest anonymous memory of this process inside the ``with``, in bytes."""

    def __enter__(self):
        self.bytes, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(0.05):
            status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
            now = sum(int(status[name].split()[0]) * 1024 for name in ("RssAnon", "RssShmem"))
            self.bytes = max(self.bytes, now)


class Simulated:
    """Activations of images that hold only their number: quick to make, the same each time."""

    def __init__(self, channels):
        g = torch.Generator().manual_seed(0)
        self.W = torch.rand(K, channels, generator=g) ** 4
        self.noise = 0.15 * torch.randn(16384, channels, generator=g) - 0.1
        self.layer = Layer("simulated", channels, 32, True)

    def __call__(self, images, progress):
        first = int(images.names[0])
        g = torch.Generator().manual_seed(first)
        rows = len(images) * SIDE * SIDE
        H = torch.rand(rows, K, generator=g).pow_(3)
        at = torch.randint(len(self.noise) - rows, (1,), generator=g) if rows < len(self.noise) else 0
        A = torch.addmm(self.noise[int(at) : int(at) + rows], H, self.W).clamp_min_(0)
        shapes = ((SIDE, SIDE),) * len(images)
        return Activations(A.numpy(), shapes, shapes, images, "simulated", self.layer, 320)


def images(count):
    names = tuple(map(str, range(count)))
    return ImageSet(tuple(Path(name) for name in names), names)  # never opened


def simulate(path, count, channels, **options):
    make = Simulated(channels)
    pictures = images(count)
    return create(path, pictures, make, network="simulated", layer=make.layer, size=320, **options)


@contextlib.contextmanager
def counted():
    """Bytes that are read from the chunks of stores in this process, in a list of one."""
    read_chunk, total = Store.read_chunk, [0]

    def counting(self, number):
        total[0] += self.chunks[number].bytes
        return read_chunk(self, number)

    Store.read_chunk = counting
    try:
        yield total
    finally:
        Store.read_chunk = read_chunk


def timed(work):
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value


def large(folder, options):
    with Peak() as peak, counted() as read:
        making, store = timed(lambda: simulate(folder / "large", options.images, 1280))
        size = sum(chunk.bytes for chunk in store.chunks)
        print(f"{store}: extraction (simulated) {making:.0f} s, peak {peak.bytes / 1e9:.2f} GB", flush=True)
        sketching, sketch = timed(lambda: Sketch(store, max_k=K))
        print(f"sketch of rank {sketch.rank}: {sketching:.0f} s, peak {peak.bytes / 1e9:.2f} GB", flush=True)
        fitting, result = timed(lambda: dff.scale.factorize(store, K, sketch=sketch))
        showing, _ = timed(lambda: (result.heatmaps(0), result.heatmaps(len(result) - 1)))
    print(f"{result.factorization}: {fitting:.0f} s; first heat maps {showing:.1f} s")
    print(f"peak memory {peak.bytes / 1e9:.2f} GB; the store was read {read[0] / size:.2f} times in all")


def growth(folder, options):
    seconds = []
    for rows in options.rows:
        store = simulate(folder / "growth", rows // SIDE**2, options.channels)

        def work(store=store):
            return nmf(Sketch(store, rank=60), K, max_iter=30, tol=0)

        with Peak() as peak:
            wall, _ = timed(work)
        seconds.append(wall)
        print(f"{rows:>9} rows: {wall:7.1f} s, {wall / rows * 1e6:5.1f} µs a row, peak {peak.bytes / 1e9:.2f} GB")
        del store
        shutil.rmtree(folder / "growth")
    if len(seconds) > 1:
        exponent = np.polyfit(np.log(options.rows), np.log(seconds), 1)[0]
        print(f"time grows as rows^{exponent:.2f}")


def memory(folder, options):
    store = simulate(folder / "memory", options.images, 1280, dtype="float32")
    A = store.matrix[:]
    ratios = []
    for round_ in range(options.rounds):
        for file in (folder / "memory").glob("sketch-*"):
            file.unlink()
        ours, stored = timed(lambda: nmf(Sketch(store, max_k=K), K))
        theirs, held = timed(lambda: nmf(Sketch(A, max_k=K), K))
        whole, direct = timed(lambda: nmf(A, K))
        ratios.append(ours / theirs)
        print(f"round {round_}: store {ours:.1f} s (error {stored.error:.5f}), in memory with a sketch {theirs:.1f} s "
              f"({held.error:.5f}), without {whole:.1f} s ({direct.error:.5f})", flush=True)  # fmt: skip
    print(f"store / memory, median: {np.median(ratios):.2f}")


@contextlib.contextmanager
def clusters():
    """Clients of one and of two workers, which both stand ready and take turns: the host's speed drifts."""
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        clients = {}
        for count in (1, 2):
            cluster = LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0")
            clients[count] = stack.enter_context(Client(stack.enter_context(cluster)))
        yield clients


def extract(folder, options):
    (folder / "images").mkdir()
    for i, image in enumerate(dff.datasets.creatures(12, size=320)):
        for copy in range(8):
            Image.fromarray(image).save(folder / "images" / f"{i}-{copy}.jpg")
    pictures, network = dff.ImageSet.from_folder(folder / "images"), dff.load_network()
    ratios = []
    with clusters() as clients:
        for round_ in range(-1, options.rounds):  # the first one imports
            found = {}
            for count, client in clients.items():
                path = folder / f"{count}-{round_}"
                found[count], _ = timed(
                    lambda path=path, client=client: dff.scale.extract(
                        network, pictures, path, size=320, images_per_chunk=8, client=client
                    )
                )
            print(f"round {round_}: one worker {found[1]:.1f} s, two {found[2]:.1f} s", flush=True)
            ratios.append(found[1] / found[2])
    print(f"two workers are {np.median(ratios[1:]):.2f} times as quick as one")


def workers(folder, options):
    store = simulate(folder / "workers", options.images, options.channels)
    ratios = []
    with clusters() as clients:
        spread = {count: distribute(store, client, blocks=4) for count, client in clients.items()}
        for matrix in spread.values():
            nmf(Sketch(matrix, rank=60), K, max_iter=3)  # imports, the page cache
        for round_ in range(options.rounds):
            found = {}
            for count in (1, 2):
                start, times = time.perf_counter(), []
                sketch = Sketch(spread[count], rank=60)
                nmf(sketch, K, max_iter=20, tol=0, callback=lambda i, e, t=times: t.append(time.perf_counter()))
                whole, per = time.perf_counter() - start, np.diff(times)
                found[count] = np.median(per[-2:]), np.median(per[:-2]), whole
                print(f"round {round_}, {count} worker(s): an iteration on A {found[count][0]:.2f} s, "
                      f"on Y {found[count][1]:.3f} s; all of it {whole:.1f} s", flush=True)  # fmt: skip
            ratios.append(np.divide(found[1], found[2]))
    print("two workers are {:.2f} times as quick as one on A, {:.2f} on Y, {:.2f} in all".format(*np.median(ratios, 0)))


def parts(folder, options):
    """For 10^5 rows of 1,280 channels, in one thread and another that reads: what the model on paper multiplies."""
    torch.set_num_threads(1)
    store = simulate(folder / "parts", 1000, 1280)
    rows, device = store.as_rows(options.device), torch.device(options.device)
    V = torch.linalg.qr(torch.randn(1280, 64, generator=torch.Generator().manual_seed(0))).Q.to(device)
    W = torch.rand(K, 1280, generator=torch.Generator().manual_seed(0)).to(device)
    H = torch.rand(K, store.shape[0], device=device)
    update, beyond = coordinate_descent, torch.full((K, 1), 0.5, device=device)

    def finished(value):
        if device.type == "cuda":
            torch.cuda.synchronize()
        return value

    projection = rows.project(V)
    works = {
        "read, check": store.verify,
        "read, check, float32": lambda: [X.sum() for _, X in rows.dense()],
        "Gram matrix": lambda: Rows.gram(rows),
        "one iteration on Y": lambda: projection.passes().step(H, W, update, sweeps=1, beyond=beyond),
        "one iteration on A": lambda: rows.passes().step(H, W, update, sweeps=3, beyond=beyond),
    }
    for name, work in works.items():
        finished(work())
        wall, busy = [], []
        for _ in range(3):
            start = time.process_time()
            wall.append(timed(lambda work=work: finished(work()))[0])
            busy.append(time.process_time() - start)
        print(f"{name:24} {1e3 * min(wall):8.1f} ms, {1e3 * min(busy):8.1f} ms of CPU time")


def main():
    rows = {work.__name__: work for work in (large, growth, memory, workers, extract, parts)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=rows)
    parser.add_argument("--images", type=int, help="large: 50,000; memory: 8,000; workers: 40,000; each of 100 rows")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 300_000, 1_000_000, 2_000_000, 4_000_000])
    parser.add_argument("--channels", type=int, default=256, help="of growth and workers")
    parser.add_argument("--rounds", type=int, default=3, help="of memory and workers")
    parser.add_argument("--device", default="cpu", help="of parts")
    parser.add_argument("--folder", help="where the stores go for the time being; needs up to 15 GB")
    options = parser.parse_args()
    options.images = options.images or {"large": 50_000, "memory": 8_000, "workers": 40_000}.get(options.row, 0)
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads; {options.row}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows[options.row](Path(folder), options)


if __name__ == "__main__":
    main()
