"""The memory of notebook 01's kernel while a person explores: a Binder gives 2 GB; and of an explorer over a large set.

python -m benchmarks.memory [explore|listed]

    explore    the notebook's cells, then k, layers, tree and refinement
    listed     a second explorer that lists 5,000 photos and waits, beside a first one of 1,001: what listing them takes
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from PIL import Image

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "01_explore.ipynb"
STEPS = {
    "all cells run": "explorer.wait()",
    "k from 1 to 8": "for explorer.k in range(1, 9):\n    explorer.wait()",
    "three layers": "for explorer.layer in ('blocks.4.2.bn1', 'blocks.5.0.bn2', 'bn2'):\n    explorer.wait()",
    "tree": "explorer.tab = 'tree'\nexplorer.wait()",
    "refined": "explorer.k, explorer.threshold = 4, 'auto'\nexplorer.wait()",
}
LIST = """
import dff_widgets as dff
explorers = globals().get("explorers", [])
explorers.append(dff.DFFExplorer(dff.ImageSet.from_folder({folder!r}).subset(range({count}))))
explorers[-1].wait()
assert explorers[-1].held and len(explorers[-1].images) == {count}
"""


def run(client: BlockingKernelClient, code: str) -> None:
    """Run code in the kernel; an error there is one here."""
    reply = client.execute_interactive(code, output_hook=lambda _message: None, timeout=600)["content"]
    if reply["status"] != "ok":
        raise RuntimeError(f"{reply['ename']}: {reply['evalue']}")


def megabytes(pid: int) -> tuple[int, int]:
    """What a process holds now, and held at most, in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    now, most = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "VmHWM"))
    return now // 1000, most // 1000


def explore(client: BlockingKernelClient, pid: int) -> None:
    """Print a row per step."""
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code":
            run(client, cell.source)
    for step, code in STEPS.items():
        run(client, code)
        print("| {} | {} | {} |".format(step, *megabytes(pid)), flush=True)
    run(client, "assert explorer.error is None, explorer.error")


def listed(client: BlockingKernelClient, pid: int) -> None:
    """Print a row per explorer."""
    with tempfile.TemporaryDirectory() as folder:
        Image.effect_noise((640, 480), 60).convert("RGB").save(Path(folder) / "0000.jpg")
        for i in range(1, 5000):
            os.link(Path(folder) / "0000.jpg", Path(folder) / f"{i:04}.jpg")
        for count in (1001, 5000):
            run(client, LIST.format(folder=folder, count=count))
            print("| {} images listed | {} | {} |".format(count, *megabytes(pid)), flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("explore", "listed"), default="explore")
    options = parser.parse_args()
    manager, client = start_new_kernel()
    try:
        pid = manager.provisioner.pid
        print("| step | MB | at most |\n|---|---|---|")
        print("| empty kernel | {} | {} |".format(*megabytes(pid)), flush=True)
        (explore if options.what == "explore" else listed)(client, pid)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
