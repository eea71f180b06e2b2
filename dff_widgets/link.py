"""Joins ES modules of `front/` into the one module that a widget or an exported page carries.

Each module becomes a function that is called once, after those that it imports, and gives back what it exports. The
source stays as it is but for its imports and exports, so what is read in a browser's debugger is what was written.
Style sheets: a module's own has its name (`gallery/view.js`, `gallery/view.css`), and comes along with it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_IMPORT = re.compile(r"^import\s+(?P<what>[\w$\s{},*]+?)\s+from\s+[\"'](?P<path>[^\"']+)[\"'];?[ \t]*$", re.MULTILINE)
_DECLARED = re.compile(r"^export\s+(?P<rest>(?:async\s+)?(?:const|class|function\*?)\s+(?P<name>[\w$]+))", re.MULTILINE)
_LISTED = re.compile(r"^export\s*\{(?P<names>[^}]*)\};?[ \t]*$", re.MULTILINE)
_DEFAULT = re.compile(r"^export\s+default\s+", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)


@cache
def link(entry: Path) -> tuple[str, str]:
    """One ES module with the exports of `entry`, and one style sheet.

    What is understood is what the front end is written in: `import {a, b as c} from "./x.js"`, `import * as x`,
    `import x`; `export` before a const, a class or a function, `export {a, b as c}`, `export default`; each at the
    start of a line.

    Args:
        entry: path of a ``.js`` file, which imports others by relative paths.

    Returns:
        The module, and the style sheets of all modules in the order of their imports.

    Raises:
        ValueError: a module imports what is no relative path, imports itself by way of others, or has an import or
            export of another form.
        OSError: a file is not there.
    """
    order: list[Path] = []
    _visit(entry.resolve(), order, ())
    names = {path: f"$m{i}" for i, path in enumerate(order)}
    parts = [_scope(path, names) for path in order]
    exported = _exports(order[-1].read_text(encoding="utf-8"), order[-1])
    last = names[order[-1]]
    ends = [
        f"export default {last}.default;" if name == "default" else f"export const {name} = {last}.{name};"
        for name in exported
    ]
    sheets = [path.with_suffix(".css") for path in order]
    style = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets if sheet.exists())
    return "\n".join([*parts, *ends, ""]), style


def _visit(path: Path, order: list[Path], above: tuple[Path, ...]) -> None:
    if path in above:
        circle = " -> ".join(p.name for p in (*above[above.index(path) :], path))
        raise ValueError(f"modules import each other in a circle: {circle}")
    if path in order:
        return
    for found in _IMPORT.finditer(path.read_text(encoding="utf-8")):
        _visit(_target(path, found["path"]), order, (*above, path))
    order.append(path)


def _target(path: Path, relative: str) -> Path:
    if not relative.startswith("."):
        raise ValueError(f"{path.name} imports {relative!r}; only relative paths are linked")
    return (path.parent / relative).resolve()


def _scope(path: Path, names: dict[Path, str]) -> str:
    """The module as a function's call."""
    source = path.read_text(encoding="utf-8")
    exported = _exports(source, path)
    body = _IMPORT.sub(lambda found: _bind(found["what"], names[_target(path, found["path"])], path), source)
    body = _DECLARED.sub(lambda found: found["rest"], body)
    body = _LISTED.sub("", body)
    body = _DEFAULT.sub("const $default = ", body)
    left = _LEFT.search(body)
    if left:
        raise ValueError(f"{path.name} has {left[0]!r}, which is not linked")
    given = ", ".join(f"{name}: {own}" if name != own else name for name, own in exported.items())
    title = f"// {path.parent.name}/{path.name}"
    return f"{title}\nconst {names[path]} = (() => {{\n{body.rstrip()}\nreturn {{ {given} }};\n}})();"


def _exports(source: str, path: Path) -> dict[str, str]:
    """The names that a module exports -> the names that they have in it."""
    names = {found["name"]: found["name"] for found in _DECLARED.finditer(source)}
    for found in _LISTED.finditer(source):
        for item in filter(None, (item.strip() for item in found["names"].split(","))):
            own, _, exported = item.partition(" as ")
            names[exported.strip() or own.strip()] = own.strip()
    defaults = len(_DEFAULT.findall(source))
    if defaults > 1:
        raise ValueError(f"{path.name} has {defaults} default exports")
    return names | ({"default": "$default"} if defaults else {})


def _bind(what: str, module: str, path: Path) -> str:
    """The names of an import, out of the module's exports."""
    what = " ".join(what.split())
    if what.startswith("{") and what.endswith("}"):
        pairs = (item.strip().replace(" as ", ": ") for item in what[1:-1].split(","))
        return f"const {{ {', '.join(filter(None, pairs))} }} = {module};"
    if what.startswith("* as "):
        return f"const {what.removeprefix('* as ')} = {module};"
    if re.fullmatch(r"[\w$]+", what):
        return f"const {what} = {module}.default;"
    raise ValueError(f"{path.name} imports {what!r}, a form that is not linked")
