"""See what a vision network has learned: Deep Feature Factorization in Jupyter.

The public names are loaded on first use, so that ``import dff_widgets`` costs milliseconds and loads neither torch nor
a widget library.
"""

from importlib import import_module
from typing import Any

from .waiting import let_waiting_threads_sleep

let_waiting_threads_sleep()

# public name -> the module that defines it
_HOME = {
    "Activations": "extraction",
    "DFFComparison": "widgets.comparison",
    "DFFExplorer": "widgets.app",
    "DFFResult": "result",
    "DeepFeatureFactorization": "dff",
    "FactorCanvas": "widgets.canvas",
    "FactorInspector": "widgets.inspector",
    "FactorTree": "hierarchy",
    "Factorization": "factorization",
    "FocusView": "widgets.focus",
    "ImageSet": "images",
    "LabelingPanel": "widgets.labelling",
    "Layer": "networks",
    "Network": "networks",
    "PartLabels": "labelling",
    "PartMasks": "labelling",
    "Sketch": "factorization",
    "SweepView": "widgets.sweep",
    "TreeView": "widgets.tree",
    "ari": "evaluation.clustering",
    "assign": "evaluation",
    "best_part_iou": "evaluation",
    "classes": "inspection.classes",
    "corloc": "evaluation",
    "coverage": "evaluation",
    "extract": "extraction",
    "extract_layers": "extraction",
    "factor_tree": "dff",
    "fidelity": "evaluation.fidelity",
    "importance": "inspection.importance",
    "iou": "evaluation",
    "kmeans": "factorization",
    "landmark_error": "evaluation.landmarks",
    "load_network": "networks",
    "nmf": "factorization",
    "nmf_stack": "factorization",
    "nmi": "evaluation.clustering",
    "pca": "factorization",
    "project": "factorization",
    "spectrum": "inspection",
    "suggest_k": "factorization",
    "stability": "evaluation.stability",
    "top_patches": "inspection",
    "warm_up": "warming",
}
# public name -> the module that it is
_MODULES = {
    "baselines": "evaluation.baselines",
    "datasets": "datasets",
    "experiments": "experiments",
    "export": "export",
    "figures": "figures",
    "inspection": "inspection",
    "networks": "networks",
    "scale": "scale",
}

__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dff-widgets")
    if name in _MODULES:
        value: object = import_module(f".{_MODULES[name]}", __name__)
    elif name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
