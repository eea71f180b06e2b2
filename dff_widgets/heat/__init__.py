"""From rows to maps, masks, boxes and colours.

`heat.crf` refines with torch, so it is imported where it is needed.
"""

from .boxes import EMPTY_BOX, box_iou, largest_box
from .colors import OKABE_ITO, blend, palette
from .maps import binarise, cell_means, fold, normalise, percentiles, unfold, upsample
from .thresholds import REFINED, foreground, levels, otsu
from .tiles import contact_sheet, contrast, pack_heat, small

__all__ = [
    "EMPTY_BOX",
    "OKABE_ITO",
    "REFINED",
    "binarise",
    "blend",
    "box_iou",
    "cell_means",
    "contact_sheet",
    "contrast",
    "fold",
    "foreground",
    "largest_box",
    "levels",
    "normalise",
    "otsu",
    "pack_heat",
    "palette",
    "percentiles",
    "small",
    "unfold",
    "upsample",
]
