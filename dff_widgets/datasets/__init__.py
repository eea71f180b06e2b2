"""Image sets: the embedded creatures, a person's own folder, and the data sets of the paper."""

from .coco_parts import coco_parts
from .creatures import creatures
from .folder import folder
from .gymnast import gymnast
from .icoseg import icoseg
from .labelme import labelme
from .pascal_parts import PIECES, QUADRUPED, pascal_parts
from .voc import voc2007

__all__ = [
    "PIECES",
    "QUADRUPED",
    "coco_parts",
    "creatures",
    "folder",
    "gymnast",
    "icoseg",
    "labelme",
    "pascal_parts",
    "voc2007",
]
