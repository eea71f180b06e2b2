"""Damaged and hostile files for each reader: an answer or one sentence; nothing is run or written, hangs or crashes.

Some inputs each here; FUZZ_INPUTS says how many, and ``make fuzz`` gives 20,000. What once failed is in `test_kept`.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .readers import READERS

ROOT = Path(__file__).parents[2]
INPUTS = int(os.environ.get("FUZZ_INPUTS", "100"))


@pytest.mark.parametrize("reader", READERS)
def test_damage_is_an_answer_or_one_sentence(reader, tmp_path):
    pytest.importorskip("resource")  # to bound memory; Windows has none
    command = [sys.executable, "-m", "tests.fuzz.worker", reader, str(tmp_path), "--inputs", str(INPUTS)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    last = (tmp_path / "last").read_text()
    assert ran.returncode == 0, f"the process ended at input {last} of {reader}: {ran.stderr.decode()[-3000:]}"
    found = json.loads(ran.stdout)
    outcomes = found["outcomes"]
    print(f"\n{reader}: {sum(outcomes.values()):,} inputs in {found['seconds']} s: {outcomes}")
    assert not found["problems"], "\n".join(found["problems"][:5])
    assert sum(outcomes.values()) == INPUTS
    assert outcomes["refused"] > 0  # else the damage does nothing; the worker itself reads the whole files first


# ------------------------------------------------------------------------------------------ what could run a file
RUNS = {"eval", "exec", "compile", "__import__", "execfile"}
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def calls_that_could_run_a_file(source):
    """What a module calls that turns bytes or text into code; ``json.load`` and ``torch.load`` of weights do not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        options = {k.arg: ast.unparse(k.value) for k in node.keywords}
        owner, _, last = name.rpartition(".")
        unsafe = (name in RUNS | {"builtins.eval", "builtins.exec", "os.system", "os.popen"}) or (
            owner.partition(".")[0] in PICKLES and last.lower().startswith(("load", "unpickler", "open"))
        )
        unsafe |= name in ("torch.load", "load") and options.get("weights_only") != "True"
        unsafe |= name in ("np.load", "numpy.load") and options.get("allow_pickle", "False") != "False"
        unsafe |= options.get("shell", "False") != "False" or name == "yaml.load"
        found += [ast.unparse(node)] if unsafe else []
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "dff_widgets").rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_runs_what_it_reads(path):
    source = path.read_text(encoding="utf-8")
    assert calls_that_could_run_a_file(source) == []
    taken = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom) and n.module in PICKLES]
    assert not [alias.name for n in taken for alias in n.names if alias.name.lower().startswith(("load", "unpickler"))]


LINES = [
    "pickle.load(f)",
    "pickle.Unpickler(f).load()",
    "torch.load(p)",
    "torch.load(p, weights_only=False)",
    "eval(s)",
]
LINES += ["exec(s)", "np.load(p, allow_pickle=True)", "run(s, shell=True)", "joblib.load(p)", "os.system(s)"]


@pytest.mark.parametrize("line", LINES)
def test_what_runs_a_file_is_found(line):
    assert calls_that_could_run_a_file(f"def f():\n    x = {line}")
