"""An environment with the oldest versions that pyproject.toml allows, built in .venv-lowest, and tests in it.

python -m tools.lowest [pytest's options]
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv-lowest"
BESIDE = ["torchvision==0.19.1"]  # the one that goes with the oldest torch
TOOLS = ["pytest", "hypothesis", "pandas", "scikit-learn", "pyyaml"]
TESTS = [
    *("tests/images", "tests/networks", "tests/extraction", "tests/factorization", "tests/heat", "tests/labelling"),
    *("tests/export", "tests/explore", "tests/hostile", "tests/test_dff.py", "tests/test_storage.py"),
]


def pins() -> list[str]:
    """Each dependency at its lower bound, as pip takes it; those without one at any version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["datasets"]]
    asked += project["optional-dependencies"]["scale"]
    return [text.replace(">=", "==") for text in asked]


def main() -> None:
    """Build, and test."""
    venv.create(FOLDER, with_pip=True, clear=True)
    python = FOLDER / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *pins(), *BESIDE, *TOOLS], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", ROOT], check=True)
    tests = [python, "-m", "pytest", "-p", "no:cacheprovider", *TESTS, *sys.argv[1:]]
    sys.exit(subprocess.run(tests, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
