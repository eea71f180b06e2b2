"""The front end's pure parts, each file of tests under Node."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .node import NODE

HERE = Path(__file__).parent


@pytest.mark.parametrize("file", sorted(path.name for path in HERE.glob("*.test.js")))
def test_under_node(file: str) -> None:
    done = subprocess.run([NODE, "--test", str(HERE / file)], capture_output=True, text=True, check=False, timeout=120)
    assert not done.returncode, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout.replace("ℹ", "#"), "the file has no test"
