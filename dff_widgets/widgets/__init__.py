"""The widgets. Nothing outside this folder knows of ipywidgets, ipycanvas, anywidget or traitlets."""

from .explorer import DFFExplorer
from .gallery import Gallery
from .tree import TreeView

__all__ = ["DFFExplorer", "Gallery", "TreeView"]
