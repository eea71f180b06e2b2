"""What is published: the wheel and the source archive, their version, their dependencies, and what an import costs."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def run(*command, at=ROOT):
    done = subprocess.run([str(c) for c in command], cwd=at, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def names(requirements):
    return {re.match(r"[\w.-]+", r)[0].lower().replace("_", "-") for r in requirements}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(wheel, source archive): the wheel is made from the archive, as pip would make it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def test_the_wheel_holds_the_whole_package_and_nothing_else(built):
    with zipfile.ZipFile(built[0]) as wheel:
        inside = {n for n in wheel.namelist() if ".dist-info/" not in n}
        licences = {n for n in wheel.namelist() if "/licenses/" in n}
    here = {p.relative_to(ROOT).as_posix() for p in (ROOT / "dff_widgets").rglob("*.*")}
    here = {name for name in here if not name.endswith((".pyc", ".d.ts"))}  # types are for those who change the code
    assert {Path(n).name for n in licences} == {"LICENSE", "licences.md"}
    assert inside == here
    assert {Path(n).suffix for n in inside} == {".py", ".js", ".css"}
    assert built[0].stat().st_size < 1_000_000


def test_the_source_archive_can_be_tested_and_documented(built):
    with tarfile.open(built[1]) as archive:
        inside = {n.partition("/")[2] for n in archive.getnames()}
    wanted = {"README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "Makefile", "mkdocs.yml", "docs/index.md"}
    assert wanted | {"notebooks/01_explore.ipynb", "tests/test_release.py", "binder/environment.yml"} <= inside
    assert not {n for n in inside if re.search(r"(^|/)(\.venv|__pycache__|\.git|site|shots)(/|$)", n)}


def test_an_index_accepts_both(built):
    run(sys.executable, "-m", "twine", "check", "--strict", *built)


def test_the_version_is_the_tag(tmp_path):
    def version(at):
        return run(sys.executable, "-m", "hatchling", "version", at=at).split()[-1]

    def git(*words):
        run("git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words, at=tmp_path)

    if shutil.which("git") is None:
        pytest.skip("no git")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert version(tmp_path) == "0.1.0.dev0"  # an unpacked archive
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    assert version(tmp_path) == "0.1.0.dev1"  # a clone without tags
    git("tag", "v1.2.3")
    assert version(tmp_path) == "1.2.3"
    git("commit", "-qm", "second", "--allow-empty")
    assert version(tmp_path) == "1.2.4.dev1"


def test_dependencies_are_those_that_are_imported():
    known = packages_distributions()
    found = set()
    for path in (ROOT / "dff_widgets").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.partition(".")[0])
    found -= {"dff_widgets", *sys.stdlib_module_names}
    imported = {known[name][0].lower().replace("_", "-") for name in found if name in known}
    brought = {"traitlets", "ipython", "huggingface-hub"}  # by ipywidgets and timm
    optional = {name for extra in ("datasets", "scale") for name in names(EXTRAS[extra])}
    assert names(PROJECT["dependencies"]) <= imported
    assert imported <= names(PROJECT["dependencies"]) | optional | brought


def test_the_import_takes_no_time():
    """In CPU seconds, and the best of three: other processes may be at work."""
    code = "import time; start = time.process_time(); import dff_widgets; print(time.process_time() - start)"
    assert min(float(run(sys.executable, "-c", code)) for _ in range(3)) < 0.15
