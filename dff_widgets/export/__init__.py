"""Take a labelling elsewhere: to an annotator, to a training, to a page that needs no kernel, a table, a figure.

Each function is called as ``(result, path, labels=None)`` with options of its own. Files are written whole or not at
all. Names, of images and of parts, are text that may hold anything.
"""

from .coco import to_coco
from .cvat import to_cvat
from .datumaro import to_datumaro
from .label_maps import to_png
from .label_studio import to_label_studio
from .labelme import to_labelme
from .page import to_html
from .tables import to_csv, to_figure
from .voc import to_voc
from .yolo import to_yolo

__all__ = [
    "to_coco",
    "to_csv",
    "to_cvat",
    "to_datumaro",
    "to_figure",
    "to_html",
    "to_label_studio",
    "to_labelme",
    "to_png",
    "to_voc",
    "to_yolo",
]
