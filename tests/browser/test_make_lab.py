"""What a newcomer sees after `make lab`: the explorer at work, with no key pressed."""

import re
import shutil
from pathlib import Path

from .jupyter import Notebook, Server

ROOT = Path(__file__).parents[2]


def test_make_lab_opens_the_notebook_with_the_explorer_at_work(context, tmp_path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    option, where = re.search(r"(--\S+labextensions_path)=(\S+)", makefile).groups()
    path = re.search(r"^NOTEBOOK := (\S+)", makefile, re.MULTILINE)[1]
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / path, tmp_path / path)
    server = Server(tmp_path, "lab", f"{option}={ROOT / where}")
    try:
        book = Notebook(context, server, path)
        book.page.wait_for_function("document.querySelectorAll('.dffw-card').length > 0", timeout=90000)
        assert book.page.locator(".dffw-tile canvas").count() == 12
        executed = book.run("print(In[1][:6])")
        book.page.reload()
        book.ready()
        book.page.wait_for_timeout(2000)
        assert book.run("print(len([cell for cell in In if 'DFFExplorer(images' in cell]))") == "1"
        assert executed == "import"
        book.close()
    finally:
        server.close()
