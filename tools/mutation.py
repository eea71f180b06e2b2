"""Mutation checks: does a test fail when one place of the code is changed? A seeded sample of cosmic-ray's mutants.

.venv/bin/pip install cosmic-ray
python -m tools.mutation                      # all targets, minutes each where cores are free
python -m tools.mutation metrics              # one target
python -m tools.mutation metrics 3 17         # some mutants of its sample, by number

Cosmic-ray makes the mutants. They run here rather than by its own `exec`, which mutates the checkout in place and pays
for a fresh import of torch with each mutant: here a copy is mutated, and its tests run in a fork of a warm process.
"""

from __future__ import annotations

import ast
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEED = 0
LIMIT = 60  # seconds of processor time for the tests of one mutant: an endless loop is a mutant that was found
OPTIONS = ("-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin")
COPIED = ("dff_widgets", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Target:
    """What is mutated, how often, and the tests that should notice."""

    sources: tuple[str, ...]
    size: int
    tests: tuple[str, ...]


METRICS = "tests/evaluation/test_metrics.py"
NMF, OTHERS = "tests/factorization/test_nmf.py", "tests/factorization/test_others.py"
DESCENT = ("check", "descent", "passes", "start", "threads", "nmf", "result")
MATRIX = ("rows", "pca_kmeans", "project", "sketch")
TARGETS = {
    "descent": Target(tuple(f"factorization/{name}.py" for name in DESCENT), 36, (NMF, OTHERS)),
    "matrix": Target(tuple(f"factorization/{name}.py" for name in MATRIX), 36, (OTHERS, NMF)),
    "metrics": Target(("evaluation/metrics.py",), 40, (METRICS, "tests/labelling/test_labels.py")),
    "pixel_counts": Target(
        ("evaluation/pixel_counts.py",),
        30,
        ("tests/evaluation/test_pixel_counts.py", METRICS),
    ),
    "labels": Target(("labelling/labels.py", "evaluation/coverage.py"), 40, ("tests/labelling/test_labels.py",)),
}


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: Path
    operator: str
    occurrence: int

    def code(self) -> str:
        """The file with the change."""
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator

        return mutate_code(self.path.read_text("utf-8"), get_operator(self.operator)(), self.occurrence)

    def __str__(self) -> str:
        before, after = self.path.read_text("utf-8").splitlines(), self.code().splitlines()
        line = next(i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b)
        return f"{self.path.relative_to(ROOT)}:{line + 1}\n    - {before[line].strip()}\n    + {after[line].strip()}"


def annotations(path: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where the type hints are: no test can notice a change of them."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    hints = [getattr(node, name, None) for node in nodes for name in ("annotation", "returns")]
    return [((h.lineno, h.col_offset), (h.end_lineno or 0, h.end_col_offset or 0)) for h in hints if h]


def places(path: Path) -> dict[tuple[tuple[int, int], tuple[int, int]], list[Mutant]]:
    """Every place of a file that can be changed, and its mutants."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.plugins import get_operator, operator_names

    nodes, hints, found = list(ast_nodes(get_ast_from_path(path))), annotations(path), defaultdict(list)
    for name in operator_names():
        if get_operator(name).arguments():
            continue
        operator = get_operator(name)()
        spots = [spot for node in nodes for spot in operator.mutation_positions(node)]
        for occurrence, (start, end) in enumerate(spots):
            if not any(low <= start and end <= high for low, high in hints):
                found[start, end].append(Mutant(path, name, occurrence))
    return found


def sample(target: Target) -> list[Mutant]:
    """Places are drawn first and then one change of each: an operator that can be replaced by ten counts once."""
    rng = random.Random(SEED)
    paths = [ROOT / "dff_widgets" / source for source in target.sources]
    every = [mutants for path in paths for mutants in places(path).values()]
    return [rng.choice(mutants) for mutants in rng.sample(every, min(target.size, len(every)))]


def run_tests(folder: Path, tests: tuple[str, ...]) -> None:
    """In a fork: the tests of a copy; ends the process with pytest's code."""
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True  # or a mutant might be read from the last one's
    with (folder / "log").open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        os._exit(pytest.main([*OPTIONS, *tests]))


def survives(folder: Path, tests: tuple[str, ...]) -> bool:
    """Whether all tests pass in time."""
    process = multiprocessing.get_context("fork").Process(target=run_tests, args=(folder, tests))
    process.start()
    process.join(20 * LIMIT)
    process.kill()
    process.join()
    return process.exitcode == 0


def check(name: str, numbers: list[int]) -> None:
    """Print what became of each mutant of a target's sample."""
    target, survived = TARGETS[name], 0
    mutants = sample(target)
    numbers = numbers or list(range(len(mutants)))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for item in COPIED:
            if (ROOT / item).is_dir():
                shutil.copytree(ROOT / item, folder / item, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / item, folder / item)
        if not survives(folder, target.tests):
            raise SystemExit(f"the tests of {name} fail without a mutation:\n{(folder / 'log').read_text('utf-8')}")
        for number in numbers:
            mutant = mutants[number]
            copy = folder / mutant.path.relative_to(ROOT)
            copy.write_text(mutant.code(), "utf-8")
            alive = survives(folder, target.tests)
            copy.write_text(mutant.path.read_text("utf-8"), "utf-8")
            survived += alive
            print(f"{name} {number} {f'survived: {mutant}' if alive else 'killed'}", flush=True)
    print(f"{name}: {len(numbers)} mutants, {len(numbers) - survived} killed, {survived} survived", flush=True)


def main() -> None:
    """Check the targets named on the command line, or all."""
    names = [a for a in sys.argv[1:] if not a.isdigit()] or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        raise SystemExit(f"there is no target {sorted(unknown)}; there are {list(TARGETS)}")
    os.environ["CI"] = "1"  # hypothesis draws the same examples each time
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they would be imported anew for each mutant
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there: a fork does not inherit its threads
    import hypothesis  # noqa: F401 - warm: what the tests import, but for what is mutated
    import numpy  # noqa: F401
    import pytest  # noqa: F401
    import scipy.ndimage
    import scipy.optimize  # noqa: F401

    if not {"descent", "matrix"}.isdisjoint(names):
        import sklearn.decomposition  # noqa: F401
        import torch  # noqa: F401

    for name in names:
        check(name, [int(a) for a in sys.argv[1:] if a.isdigit()])


if __name__ == "__main__":
    main()
