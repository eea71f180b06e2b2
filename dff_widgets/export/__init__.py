"""Take a labelling elsewhere: label maps, COCO, Label Studio, a page that needs no kernel, CSV, a figure.

Each function is called as ``(result, path, labels=None)`` with options of its own. Files are written whole or not at
all. Names, of images and of parts, are text that may hold anything.
"""

from .coco import to_coco
from .label_maps import to_png
from .label_studio import to_label_studio
from .page import to_html
from .tables import to_csv, to_figure

__all__ = ["to_coco", "to_csv", "to_figure", "to_html", "to_label_studio", "to_png"]
