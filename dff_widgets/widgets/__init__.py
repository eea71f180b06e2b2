"""The widgets. Nothing outside this folder knows of ipywidgets, ipycanvas, anywidget or traitlets."""

from .explorer import DFFExplorer
from .gallery import Gallery

__all__ = ["DFFExplorer", "Gallery"]
