"""The widgets. Nothing outside this folder knows of ipywidgets, anywidget or traitlets."""

from . import colab

colab.prepare()
