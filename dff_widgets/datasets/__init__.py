"""Image sets: the embedded creatures, a person's own folder, and the data sets of the paper."""

from .celeba import celeba
from .clothing import clothing
from .coco_parts import coco_parts
from .cosaliency import cosaliency
from .creatures import creatures
from .cub import cub
from .folder import folder
from .gymnast import gymnast
from .icoseg import icoseg
from .labelme import labelme
from .landmarked import Landmarked
from .part_masks import part_masks
from .partimagenet import partimagenet
from .pascal_parts import PIECES, QUADRUPED, pascal_parts
from .voc import voc2007

__all__ = [
    "PIECES",
    "QUADRUPED",
    "Landmarked",
    "celeba",
    "clothing",
    "coco_parts",
    "cosaliency",
    "creatures",
    "cub",
    "folder",
    "gymnast",
    "icoseg",
    "labelme",
    "part_masks",
    "partimagenet",
    "pascal_parts",
    "voc2007",
]
