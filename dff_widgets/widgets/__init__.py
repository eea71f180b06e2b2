"""The widgets. Nothing outside this folder knows of ipywidgets, ipycanvas, anywidget or traitlets."""

from .comparison import DFFComparison
from .explorer import DFFExplorer
from .focus import FocusView
from .gallery import Gallery
from .labeling import LabelingPanel
from .sweep import SweepView
from .tree import TreeView

__all__ = ["DFFComparison", "DFFExplorer", "FocusView", "Gallery", "LabelingPanel", "SweepView", "TreeView"]
