"""An environment with Colab's versions, built in .venv-colab, and the tests of the widgets in it.

python -m tools.colab [pytest's options]
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv-colab"
# What google-colab 1.0.0 insists on, and the ipywidgets and traitlets of github.com/googlecolab/backend-info.
PINS = ["ipykernel==6.17.1", "ipython==7.34.0", "ipywidgets==7.7.1", "notebook==6.5.7", "traitlets==5.7.1"]
VERSIONS = """
import anywidget, ipykernel, IPython, ipywidgets, notebook, traitlets
for module in (anywidget, ipykernel, IPython, ipywidgets, notebook, traitlets):
    print(module.__name__.lower(), module.__version__, sep="==")
"""


def main() -> None:
    """Build, print the versions that are imported, and test."""
    venv.create(FOLDER, with_pip=True, clear=True)
    python = FOLDER / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PINS, "anywidget>=0.9.21"], check=True)
    (packages,) = FOLDER.glob("lib/*/site-packages")
    # All else, torch first of all, is that of the environment that runs this; its packages come after the new ones.
    (packages / "base.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n", encoding="utf-8")
    found = subprocess.check_output([python, "-c", VERSIONS], text=True).split()
    print("\n".join(found), flush=True)
    if not set(PINS) <= set(found):
        sys.exit(f"imported are {' '.join(found)}; Colab has {' '.join(PINS)}")
    tests = [python, "-m", "pytest", "-p", "no:cacheprovider", "tests/widgets", *sys.argv[1:]]
    sys.exit(subprocess.run(tests, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
