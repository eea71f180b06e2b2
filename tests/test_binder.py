"""The environment of a Binder is that of the package: same dependencies, no CUDA, the package itself."""

import os
import re
import tomllib
from pathlib import Path

import yaml

from tools.binder import PYPI, listed

ROOT = Path(__file__).parents[1]
BINDER = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = {name: conda for conda, name in PYPI.items()}
EXTRAS = [d for extra in ("datasets", "lab", "scale") for d in PROJECT["optional-dependencies"][extra]]


def parts(requirement):
    """('anywidget', '>=0.9.21') of 'anywidget>=0.9.21'."""
    return re.fullmatch(r"([\w.-]+)(.*)", requirement.strip()).groups()


def test_every_dependency_is_there_and_no_other():
    plain = [d for d in BINDER["dependencies"] if isinstance(d, str)]
    (from_pip,) = [d["pip"] for d in BINDER["dependencies"] if isinstance(d, dict)]
    wanted = {CONDA.get(name, name) for name, _ in map(parts, PROJECT["dependencies"] + EXTRAS)}
    assert {name for name, _ in map(parts, plain + from_pip)} == wanted | {"python", "pip"}
    assert len(plain) == len({parts(d)[0] for d in plain})


def test_make_binder_installs_the_pinned_python_and_the_projects_own_names_from_pypi():
    python, requirements = listed()
    assert f"python={python.removeprefix('python')}" in BINDER["dependencies"]
    assert {parts(r)[0] for r in requirements} == {parts(d)[0] for d in PROJECT["dependencies"] + EXTRAS}


def test_least_versions_are_not_lower_than_the_packages():
    def number(version):
        return tuple(map(int, re.findall(r"\d+", version)))

    here = dict(parts(d) for d in BINDER["dependencies"] if isinstance(d, str))
    for name, version in map(parts, PROJECT["dependencies"]):
        if version:
            assert number(here[CONDA.get(name, name)]) >= number(version)


def test_python_is_pinned_and_the_channel_is_conda_forge():
    assert BINDER["channels"] == ["conda-forge", "nodefaults"]
    (python,) = [d for d in BINDER["dependencies"] if str(d).startswith("python=")]
    least = PROJECT["requires-python"].removeprefix(">=")
    assert re.fullmatch(r"python=3\.\d+", python)
    assert int(python.rpartition(".")[2]) >= int(least.rpartition(".")[2])


def test_the_package_is_installed_after_the_environment():
    script = ROOT / "binder" / "postBuild"
    assert os.access(script, os.X_OK)
    assert "pip install --no-deps --no-cache-dir --editable ." in script.read_text(encoding="utf-8")
