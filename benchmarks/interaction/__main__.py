"""The command; see `benchmarks.interaction`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import benchmarks.interaction

from . import fitting, keeping, lasting, playing, scrolling, starting
from .page import Lab, lab
from .rows import HEAD, Row

GROUPS: dict[str, tuple[Callable[[Lab, int, str], Iterator[Row]], tuple[str, ...]]] = {
    "k": (playing.k_rows, ("here", "link")),
    "saved": (keeping.without_kernel, ("here",)),
    "layer": (playing.layer_rows, ("here", "link")),
    "drag": (playing.drag_rows, ("here",)),
    "start": (starting.starting, ("here",)),
    "messages": (playing.message_rows, ("here",)),
    "fit": (fitting.fitting, ("here",)),
    "scroll": (scrolling.scrolling, ("here",)),
    "size": (keeping.sizes, ("here",)),
    "long": (lasting.lasting, ("here",)),
}


def main() -> None:
    """Print the table, row by row as it is measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.interaction",
        description=benchmarks.interaction.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; by default all")
    parser.add_argument("--runs", type=int, default=15, help="changes of each kind")
    parser.add_argument("--where", choices=("here", "link"), help="one line alone")
    parser.add_argument("--json", type=Path, help="where all values go")
    options = parser.parse_args()
    if unknown := [name for name in options.groups if name not in GROUPS]:
        parser.error(f"there is no group {unknown[0]!r}; there are {', '.join(GROUPS)}")
    rows: list[Row] = []
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n{HEAD}", flush=True)
    with lab(starting.LABEXTENSIONS) as place:
        for name in options.groups or GROUPS:
            measure, lines = GROUPS[name]
            for where in lines:
                for row in measure(place, options.runs, where) if options.where in (None, where) else ():
                    rows.append(row)
                    print(row, flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f}")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
