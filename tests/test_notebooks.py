"""Every notebook is executed from top to bottom, and was committed without outputs."""

import resource
import sys
import types
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from traitlets.config import Config

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
CPU_SECONDS = (
    120  # of all threads and processes of a notebook: on two cores it takes at most two minutes, on a busy day too
)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@each
def test_a_notebook_runs(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Offline on any machine: a proxy that refuses, and a cache that holds nothing.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("DFF_WIDGETS_CACHE", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    before = cpu_seconds()
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    assert cpu_seconds() - before < CPU_SECONDS
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output
    )
    assert "Traceback" not in printed


@each
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@each
@pytest.mark.parametrize("on_colab", [False, True])
def test_the_first_cell_installs_on_colab_only(path: Path, on_colab: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    shell, asked = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}})), []
    monkeypatch.setattr(shell, "run_line_magic", lambda *words, **_: asked.append(words[:2]))
    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    shell.run_cell(code[0]).raise_error()
    assert asked == [("pip", "install --quiet dff-widgets")] * on_colab
