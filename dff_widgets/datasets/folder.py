"""A person's own photos."""

from __future__ import annotations

from pathlib import Path

from ..images import ImageSet


def folder(path: str | Path) -> ImageSet:
    """All JPEG, PNG, WebP, TIFF and BMP files directly in a folder, sorted by name and decoded one at a time on use.

    Args:
        path: the folder; ``~`` is expanded.

    Raises:
        ValueError: the folder does not exist, or holds no readable image. A single file that cannot be read is left
            out with a warning that names it.
    """
    return ImageSet.from_folder(path)
