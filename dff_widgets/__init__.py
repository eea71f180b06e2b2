"""See what a vision network has learned: Deep Feature Factorization in Jupyter.

The public names are loaded on first use, so that ``import dff_widgets`` costs milliseconds and loads neither torch nor
a widget library.
"""

from importlib import import_module
from typing import Any

# public name -> the module that defines it (None: the name is that submodule itself)
_HOME: dict[str, str | None] = {
    "Activations": "activations",
    "DFFComparison": "widgets.comparison",
    "DFFExplorer": "widgets.explorer",
    "DFFResult": "result",
    "DeepFeatureFactorization": "dff",
    "FactorInspector": "widgets.inspector",
    "FactorTree": "hierarchy",
    "Factorization": "factorization",
    "FocusView": "widgets.focus",
    "ImageSet": "images",
    "LabelingPanel": "widgets.labeling",
    "Layer": "networks",
    "Network": "networks",
    "PartLabels": "parts",
    "PartMasks": "painting",
    "Sketch": "factorization",
    "SweepView": "widgets.sweep",
    "TreeView": "widgets.tree",
    "assign": "parts",
    "baselines": None,
    "best_part_iou": "metrics",
    "classes": "classifier",
    "corloc": "metrics",
    "coverage": "parts",
    "datasets": None,
    "experiments": None,
    "export": None,
    "extract": "activations",
    "factor_tree": "dff",
    "figures": None,
    "inspection": None,
    "iou": "metrics",
    "kmeans": "factorization",
    "load_network": "networks",
    "networks": None,
    "nmf": "factorization",
    "pca": "factorization",
    "project": "factorization",
    "scale": None,
    "spectrum": "inspection",
    "top_patches": "inspection",
    "warm_up": "warming",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dff-widgets")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    home = _HOME[name]
    value = import_module(f".{name}", __name__) if home is None else getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
