"""The linker: what it joins does what the modules do."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from dff_widgets.link import link

from .front.node import NODE

FRONT = Path(__file__).parents[1] / "dff_widgets" / "front"

MODULES = {
    "entry.js": """
import twice, { add as plus, UNIT } from "./sums.js";
""",
    "sums.js": """
import * as words from "./deep/words.js";

export const UNIT = 3;
export function add(a, b) {
  return a + b;
}
export class Pair {
  constructor(a, b) {
    this.sum = add(a, b);
  }
}
const hidden = (x) => words.join(x, UNIT);
export { hidden as shown };
export default { twice: (x) => 2 * x };
""",
    "deep/words.js": """
// export const no = 1; is only said here
const text = `
  import nothing`;
export function join(...all) {
  return all.join("-") + text.trim().length;
}
""",
    "main.js": """
import { add as plus, Pair, shown,
  UNIT } from "./sums.js";
import sums from "./sums.js";
import { join } from "./deep/words.js";

export const found = [plus(1, 2), new Pair(3, 4).sum, shown("x"), UNIT, sums.twice(4), join(1, 2)];
export default { found };
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "src" / "package.json").write_text('{"type": "module"}')
    (tmp_path / "src" / "sums.css").write_text(".a {}")
    (tmp_path / "src" / "main.css").write_text(".b {}")
    return tmp_path / "src"


def run(module: Path) -> object:
    show = f"import * as m from {json.dumps(module.as_uri())}; console.log(JSON.stringify({{...m}}))"
    done = subprocess.run([NODE, "--input-type=module", "-e", show], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def test_the_linked_module_exports_what_the_modules_do(folder: Path, tmp_path: Path) -> None:
    module, style = link(folder / "main.js")
    joined = tmp_path / "joined.mjs"
    joined.write_text(module)
    assert run(joined) == run(folder / "main.js")
    assert "import " not in module.replace("import nothing", "")
    assert style == ".a {}\n.b {}"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('import { x } from "lodash";', "only relative paths"),
        ('import twice, { x } from "./sums.js";', "not linked"),
        ('import "./sums.js";', "not linked"),
        ("export let x = 1;", "not linked"),
        ('export { x } from "./sums.js";', "not linked"),
        ('import { x } from "./odd.js";', "circle: odd.js -> odd.js"),
        ("export default 1;\nexport default 2;", "2 default exports"),
    ],
)
def test_other_forms_are_refused(folder: Path, source: str, says: str) -> None:
    (folder / "odd.js").write_text(source + "\n")
    with pytest.raises(ValueError, match=says):
        link(folder / "odd.js")


def test_each_module_of_the_front_end_can_be_linked() -> None:
    modules = sorted(FRONT.rglob("*.js"))
    assert modules
    for path in modules:
        link(path)
