"""The widgets. Nothing outside this folder knows of ipywidgets, anywidget or traitlets."""

from . import colab
from .comparison import DFFComparison
from .explorer import DFFExplorer
from .focus import FocusView
from .gallery import Gallery
from .inspector import FactorInspector
from .labeling import LabelingPanel
from .sweep import SweepView
from .tree import TreeView

colab.prepare()

__all__ = [
    "DFFComparison",
    "DFFExplorer",
    "FactorInspector",
    "FocusView",
    "Gallery",
    "LabelingPanel",
    "SweepView",
    "TreeView",
]
