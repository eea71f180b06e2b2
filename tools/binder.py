"""What Binder installs, built with pip in .venv-binder, and every notebook run in it: seconds and memory.

python -m tools.binder [pip's options, such as an index with torch for CPUs]
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from threading import Event

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv-binder"
PYPI = {"matplotlib-base": "matplotlib", "pytorch-cpu": "torch"}  # where conda-forge has another name
SHOWN = ["torch", "torchvision", "timm", "numpy", "distributed", "ipywidgets", "jupyterlab"]


def listed() -> tuple[str, list[str]]:
    """The Python that binder/environment.yml pins, such as "python3.11", and the rest as pip calls it."""
    import yaml

    text = (ROOT / "binder" / "environment.yml").read_text(encoding="utf-8")
    found: list[str] = []
    for item in yaml.safe_load(text)["dependencies"]:
        found += item["pip"] if isinstance(item, dict) else [item]
    (python,) = [item for item in found if item.startswith("python=")]
    names = [item.partition(">")[0] for item in found]
    called = [PYPI.get(name, name) + item[len(name) :] for name, item in zip(names, found, strict=True)]
    return python.replace("=", ""), [item for item in called if item not in (python, "pip")]


def main(*options: str) -> None:
    """Build, with nothing that is not listed; run postBuild, the notebooks and the explorer."""
    interpreter, requirements = listed()
    if not shutil.which(interpreter):
        sys.exit(f"binder/environment.yml pins {interpreter}, which is not on the PATH; install it, or add its folder")
    python = FOLDER / "bin" / "python"
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    for command in (
        [interpreter, "-m", "venv", "--clear", FOLDER],
        [python, "-m", "pip", "install", "--quiet", *requirements, *options],
        [ROOT / "binder" / "postBuild"],
        [python, "-m", "tools.binder", "notebooks"],
        [python, "-m", "benchmarks.memory"],
    ):
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=True)


def notebooks() -> None:
    """Run each notebook with the Python that runs this; print a table."""
    import nbformat
    from nbclient import NotebookClient

    print(f"Python {sys.version.split()[0]}", *(f"{name} {version(name)}" for name in SHOWN), sep=", ")
    print("\n| notebook | seconds | MB at most |\n|---|---|---|", flush=True)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook, done, begin = nbformat.read(path, as_version=4), Event(), time.monotonic()
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
            most = pool.submit(most_memory, done)
            try:
                NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
            finally:
                done.set()
        print(f"| {path.stem} | {time.monotonic() - begin:.0f} | {most.result() // 10**6} |", flush=True)
    print(flush=True)


def most_memory(done: Event) -> int:
    """The most bytes that all processes which this one started held at a time, until `done`; shared ones count once."""
    import psutil

    most = 0
    while not done.wait(0.2):
        held = 0
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it ended meanwhile
                held += process.memory_full_info().pss
        most = max(most, held)
    return most


if __name__ == "__main__":
    notebooks() if sys.argv[1:] == ["notebooks"] else main(*sys.argv[1:])
