"""Sets of images that are read lazily, with the names, part masks and boxes that belong to them."""

from .decoding import (
    DAMAGE,
    SUFFIXES,
    UnreadableImageError,
    UnreadableImageWarning,
    is_file,
    open_header,
    warn_left_out,
)
from .image_set import ImageSet, PerImage, Source
from .naming import paths, safe_names, stems
from .tiles import encode_tile

__all__ = [
    "DAMAGE",
    "SUFFIXES",
    "ImageSet",
    "PerImage",
    "Source",
    "UnreadableImageError",
    "UnreadableImageWarning",
    "encode_tile",
    "is_file",
    "open_header",
    "paths",
    "safe_names",
    "stems",
    "warn_left_out",
]
