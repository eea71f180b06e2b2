"""The documentation builds without a warning, is complete, needs no other site, and its code runs; doctests, too."""

import doctest
import html
import importlib
import os
import pkgutil
import re
import subprocess
import sys
import tokenize
import warnings
from inspect import ismodule
from pathlib import Path

import pytest

import dff_widgets

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
MODULES = sorted(m.name for m in pkgutil.walk_packages(dff_widgets.__path__, "dff_widgets."))
# Code that is not run has to say why: <!-- not run: the reason --> before it.
CODE = re.compile(r"(?:<!-- not run: (?P<why>.+?) -->\n)?^(?P<indent> *)```python\n(?P<code>.*?)^ *```$", re.M | re.S)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not done.stderr.strip()
    return {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in folder.rglob("*.html")}


def test_pages_fetch_nothing_from_another_site(site):
    for name, page in site.items():
        fetched = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"?(https?:[^\s\">]+)", page)
        fetched += re.findall(r"<link[^>]*\srel=\"?(?:stylesheet|preconnect)\"?[^>]*\shref=\"?(https?:[^\s\">]+)", page)
        assert not fetched, name


def test_formulas_are_mathml(site):
    page = site["mathematics/index.html"]
    assert page.count("<math") > 40
    assert "arithmatex" not in page
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    assert [n for n in range(1, 10) if f"({n})" not in text] == []  # the paper's equations


def test_doctests_are_no_quotations(site):
    page = site["reference/metrics/index.html"]
    assert "corloc" in page
    assert "&gt;&gt;&gt;" in page
    assert "<blockquote>" not in page


def test_every_public_name_is_in_the_reference():
    headings = set(re.findall(r"^ +heading: (\S+)$", "".join(p.read_text() for p in DOCS.glob("reference/*.md")), re.M))
    public = {name: getattr(dff_widgets, name) for name in dff_widgets.__all__}
    wanted = {f"dff.{name}" for name, value in public.items() if not ismodule(value)}
    for home, module in public.items():
        own = getattr(module, "__all__", ()) if ismodule(module) else ()
        own = ("search", "KnownNetwork") if home == "networks" else own  # the others are for its neighbours
        wanted |= {f"dff.{home}.{name}" for name in own if name not in public and callable(getattr(module, name))}
    assert sorted(wanted - headings) == []


def test_every_notebook_is_listed():
    page = (DOCS / "notebooks.md").read_text(encoding="utf-8")
    folder = ROOT / "notebooks"
    names = [p.relative_to(ROOT).as_posix() for p in (*folder.glob("*.ipynb"), *folder.glob("marimo/*.py"))]
    assert [name for name in names if f"({name})" not in page] == []


def test_files_name_no_machine_and_pictures_are_small():
    for path in [*PAGES, *ROOT.glob("*.md"), ROOT / "mkdocs.yml"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/home/|/root/|/work/|\.library", text), path
    pictures = list((DOCS / "images").iterdir())
    assert pictures
    assert max(p.stat().st_size for p in pictures) < 3_000_000
    shown = "".join(p.read_text(encoding="utf-8") for p in [*PAGES, ROOT / "README.md"])
    assert [p.name for p in pictures if p.name not in shown] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_code_on_a_page_runs(path, tmp_path, monkeypatch, capsys):
    blocks = list(CODE.finditer(path.read_text(encoding="utf-8")))
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__docs__"}
    for block in blocks:
        indent = len(block["indent"])
        code = "".join(line[indent:] for line in block["code"].splitlines(keepends=True))
        if block["why"] is None:
            exec(compile(code, str(path), "exec"), names)  # our own pages


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0


def test_no_doctest_is_passed_over():
    """Every prompt in a docstring is one that doctest finds."""
    written = found = 0
    for name in MODULES:
        module = importlib.import_module(name)
        with tokenize.open(module.__file__) as file:
            written += len(re.findall(r"^\s*>>> ", file.read(), re.M))
        found += sum(len(t.examples) for t in doctest.DocTestFinder().find(module))
    assert found == written > 20
