"""NMF of activations: this project against scikit-learn, torchnmf, nmf-torch and the paper's algorithm, side by side.

    python benchmarks/factorization.py [--quick] [--device cuda] [--json results.json] [--data activations dense sweep]

Needs the ``bench`` extra; a competitor that is not installed is left out. Photos come from DFF_WIDGETS_DATA when it is
set, else from scikit-learn's sample images. Each repetition runs every method once, so that all see the same machine;
times are medians, ratios are scikit-learn's coordinate descent divided by the method within the same repetition. The
error is ‖A - HW‖_F / ‖A‖_F, computed for everyone by the same float64 code. Peak memory is what a fresh process needs
beyond A.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from dff_widgets.factorization import Sketch, nmf

EPSILON = 1e-12
clock = time.perf_counter  # or the process's CPU time, see --cpu-time


def activations(crops=96, size=448):
    """(crops * 14 * 14, 1280) float32: the last bn2 of the embedded network, on crops of photos."""
    from PIL import Image

    import dff_widgets as dff

    root = os.environ.get("DFF_WIDGETS_DATA")
    if root:
        photos = [Image.open(p).convert("RGB") for p in sorted(Path(root, "voc2010-coseg").rglob("*.jpg"))[:crops]]
    else:
        from sklearn.datasets import load_sample_images

        photos = [Image.fromarray(p) for p in load_sample_images().images]
    pictures = []
    for i in range(crops):
        photo, turn = photos[i % len(photos)], i // len(photos)  # few photos: every turn takes a smaller crop
        side = int(min(photo.size) * 0.97**turn)
        x, y = ((photo.width - side) * (turn % 3) // 2, (photo.height - side) * (turn % 2))
        pictures.append(np.asarray(photo.crop((x, y, x + side, y + side)).resize((size, size))))
    return dff.extract("efficientnet_lite0", pictures, size=size).matrix


def dense(n=200_000, c=512, k=12):
    """(n, c) float32 without zeros: planted factors and noise."""
    rng = np.random.default_rng(0)
    A = rng.random((n, k), dtype=np.float32) ** 4 @ rng.random((k, c), dtype=np.float32) ** 4
    A += 0.2 * rng.random((n, c), dtype=np.float32)
    return A


def scikit_learn(solver):
    def run(A, k, seed, device):
        from sklearn.decomposition import NMF

        model = NMF(k, init="random", solver=solver, tol=1e-4, max_iter=200, random_state=seed)
        return model.fit_transform(A), model.components_

    return run


def torchnmf(A, k, seed, device):
    from torchnmf.nmf import NMF

    torch.manual_seed(seed)
    model, V = NMF(A.shape, rank=k).to(device), torch.from_numpy(A).to(device)
    model.fit(V, beta=2, tol=1e-4, max_iter=200)
    return model.H.detach().cpu().numpy(), model.W.detach().cpu().numpy().T


def nmf_torch(A, k, seed, device):
    from nmf import run_nmf

    H, W, _ = run_nmf(A, k, init="random", algo="halsvar", tol=1e-4, random_state=seed, use_gpu=device == "cuda")
    return H, W


def lee_seung(A, k, seed, device):
    """The paper's algorithm as it is written down, 200 iterations."""
    A, g = torch.from_numpy(A).to(device), torch.Generator().manual_seed(seed)
    size = float((A.mean() / k).sqrt())
    H = (torch.rand(A.shape[0], k, generator=g) * 2 * size).to(device)
    W = (torch.rand(k, A.shape[1], generator=g) * 2 * size).to(device)
    for _ in range(200):
        H *= (A @ W.T) / (H @ (W @ W.T) + EPSILON)
        W *= (H.T @ A) / ((H.T @ H) @ W + EPSILON)
    return H.cpu().numpy(), W.cpu().numpy()


def ours(solver="hals", sketched=False, tol=1e-4, init="random"):
    def run(A, k, seed, device):
        data = Sketch(A, device=device) if sketched else A
        fac = nmf(data, k, solver=solver, init=init, seed=seed, tol=tol, **({} if sketched else {"device": device}))
        return fac.H, fac.W

    return run


REFERENCE = "scikit-learn cd"
TIGHT = 1e-5  # ten iterations' decrease: scikit-learn's tol is another measure, and does not stop it before 100 to 200
METHODS = {
    REFERENCE: scikit_learn("cd"),
    "scikit-learn mu": scikit_learn("mu"),
    "torchnmf": torchnmf,
    "nmf-torch": nmf_torch,
    "Lee & Seung, 200 it.": lee_seung,
    "ours: mu": ours("mu"),
    "ours: hals on A": ours(),
    "ours: sketch and hals": ours(sketched=True, tol=TIGHT),
    "ours: sketch and hals, nndsvda": ours(sketched=True, tol=TIGHT, init="nndsvda"),
}
PREPARED = "ours: hals on a prepared sketch"


def relative_error(A, H, W):
    """In float64, a few rows at a time."""
    H, W, loss, total = H.astype(np.float64), W.astype(np.float64), 0.0, 0.0
    for i in range(0, len(A), 4096):
        X = A[i : i + 4096].astype(np.float64)
        loss += np.square(X - H[i : i + 4096] @ W).sum()
        total += np.square(X).sum()
    return (loss / total) ** 0.5


def status(key):
    return (
        int(next(line for line in Path("/proc/self/status").read_text().splitlines() if key in line).split()[1]) << 10
    )


def peak_memory(name, path, k, device):
    """Bytes that a fresh process needs beyond A for one run; None where the system does not say."""
    if platform.system() != "Linux":
        return None
    command = [sys.executable, __file__, "--peak", name, str(path), str(k), "--device", device]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(out.split()[-1])


def report_peak(name, path, k, device):
    A = np.load(path)
    small = np.random.default_rng(0).random((400, 300), dtype=np.float32)
    method = METHODS.get(name) or METHODS["ours: sketch and hals"]
    method(small * (small > 0.95), 2, 0, device)  # libraries, threads and their buffers are no part of it
    method(small, 2, 0, device)
    sketch = None
    if name == PREPARED:
        sketch = Sketch(A, device=device)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
    before = status("VmRSS")
    nmf(sketch, k) if sketch else method(A, k, 0, device)
    print(status("VmHWM") - before)


def compare(A, ks, names, repetitions, device, memory):
    """Rows of the table: dicts of k, method, seconds, ratio, error, relative error, peak."""
    import importlib.util

    needs = {"scikit-learn": "sklearn", "torchnmf": "torchnmf", "nmf-torch": "nmf"}
    methods = {
        n: f
        for n, f in METHODS.items()
        if n in names and all(importlib.util.find_spec(m) for p, m in needs.items() if p in n)
    }
    begin = clock()
    sketch = Sketch(A, device=device)
    preparing = clock() - begin
    methods[PREPARED] = lambda A, k, seed, device: (lambda f: (f.H, f.W))(nmf(sketch, k, seed=seed, tol=TIGHT))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "A.npy")
        np.save(path, A)
        for k in ks:
            times, errors = ({name: [] for name in methods} for _ in range(2))
            for seed in range(repetitions):
                for name, method in methods.items():
                    begin = clock()
                    H, W = method(A, k, seed, device)
                    if device == "cuda":
                        torch.cuda.synchronize()
                    times[name].append(clock() - begin)
                    errors[name].append(relative_error(A, H, W))
                    print(f"k={k} {name} {times[name][-1]:.3f} s {errors[name][-1]:.6f}", file=sys.stderr, flush=True)
            for name in methods:
                row = {"k": k, "method": name, "seconds": statistics.median(times[name])}
                row["ratio"] = statistics.median(r / t for r, t in zip(times[REFERENCE], times[name], strict=True))
                row["error"] = statistics.median(errors[name])
                row["to reference"] = row["error"] / statistics.median(errors[REFERENCE])
                row["vs Lee & Seung"] = statistics.median(
                    r / t for r, t in zip(times["Lee & Seung, 200 it."], times[name], strict=True)
                )
                row["peak"] = peak_memory(name, path, k, device) if memory else None
                rows.append(row)
    return rows, preparing


def print_table(title, rows, size):
    print(f"\n### {title}\n")
    print(
        "| k | method | median s | faster than sklearn cd | than Lee & Seung | error | / sklearn cd | peak beyond A |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for r in rows:
        peak = "" if r["peak"] is None else f"{r['peak'] / size:.0%} of A"
        print(
            f"| {r['k']} | {r['method']} | {r['seconds']:.3f} | {r['ratio']:.1f} | {r['vs Lee & Seung']:.1f} "
            f"| {r['error']:.5f} | {r['to reference']:.5f} | {peak} |"
        )


def sweep(A, restarts, theirs, device):
    """Every k of 1..10 with restarts: ours with its preparation; theirs with ``theirs`` restarts, scaled."""
    ours_s, their_s, worst = 0.0, 0.0, 0.0
    begin = clock()
    sketch = Sketch(A, device=device)
    ours_s += clock() - begin
    for k in range(1, 11):
        begin = clock()
        fac = nmf(sketch, k, n_init=restarts)
        ours_s += clock() - begin
        best = np.inf
        for seed in range(theirs):
            begin = clock()
            H, W = METHODS[REFERENCE](A, k, seed, device)
            their_s += (clock() - begin) * restarts / theirs
            best = min(best, relative_error(A, H, W))
        worst = max(worst, fac.error / best)
        print(f"sweep k={k}: ours {ours_s:.2f} s, theirs {their_s:.1f} s so far", file=sys.stderr, flush=True)
    return {"ours": ours_s, "scikit-learn cd": their_s, "ratio": their_s / ours_s, "worst error ratio": worst}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="small matrices, one repetition")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument(
        "--data", nargs="+", choices=["activations", "dense", "sweep"], default=["activations", "dense", "sweep"]
    )
    parser.add_argument(
        "--their-restarts", type=int, default=5, help="in the sweep, scikit-learn's; its time is scaled to 5"
    )
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="one thread and its CPU seconds, for a machine that others use: start with OMP_NUM_THREADS=1",
    )
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.cpu_time:
        global clock
        clock = time.process_time
        torch.set_num_threads(1)
    if options.peak:
        name, path, k = options.peak
        report_peak(name, path, int(k), options.device)
        return
    found = {}
    for package in ("torch", "numpy", "scipy", "scikit-learn", "torchnmf", "nmf-torch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    cpu = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "?"
    )
    machine = torch.cuda.get_device_name() if options.device == "cuda" else f"{cpu}, {torch.get_num_threads()} threads"
    print(f"{machine}; {', '.join(f'{p} {v}' for p, v in found.items())}; {time.strftime('%Y-%m-%d')}")
    results = {"machine": machine, "versions": found, "date": time.strftime("%Y-%m-%d")}
    repetitions = 1 if options.quick else options.repetitions
    matrices = {}
    if {"activations", "sweep"} & set(options.data):
        matrices["activations"] = activations(8, 224) if options.quick else activations()
    for name in ("activations", "dense"):
        if name not in options.data:
            continue
        A = matrices[name] if name == "activations" else dense(5000 if options.quick else 200_000)
        rows, preparing = compare(A, (5, 10), options.methods, repetitions, options.device, not options.no_memory)
        zeros = float((A == 0).mean())
        print_table(
            f"{name}: {A.shape[0]:,} x {A.shape[1]:,}, {zeros:.0%} zeros; preparing the sketch {preparing:.3f} s",
            rows,
            A.nbytes,
        )
        results[name] = {"shape": A.shape, "zeros": zeros, "preparing": preparing, "rows": rows}
        del A
    if "sweep" in options.data:
        results["sweep"] = sweep(matrices["activations"], 5, options.their_restarts, options.device)
        print("\nk = 1..10, five restarts each:", json.dumps(results["sweep"]))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
