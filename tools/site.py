"""Hooks of MkDocs: pages that lie elsewhere in the repository, and formulas as MathML, which browsers set alone."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "results.md": "benchmarks/RESULTS.md",
    "security.md": "SECURITY.md",
}
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages, and the notebooks to download."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    folder = ROOT / "notebooks"
    for notebook in sorted([*folder.glob("*.ipynb"), *folder.glob("marimo/*.py")]):
        name = notebook.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(notebook)))
    return files


def on_page_content(content: str, **_: Any) -> str:
    """Every formula as MathML."""
    return _FORMULA.sub(lambda m: convert(html.unescape(m[2]), display="block" if m[1] == "div" else "inline"), content)
