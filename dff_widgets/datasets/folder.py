"""A person's own photos, with part masks where there are some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..images import ImageSet
from ._masks import masks_from


def folder(
    path: str | Path, *, masks: str | Path | None = None, labels: Mapping[int, str | None] | None = None
) -> ImageSet:
    """All JPEG, PNG, WebP, TIFF and BMP files directly in a folder, sorted by name and decoded one at a time on use.

    Args:
        path: the folder; ``~`` is expanded.
        masks: a folder with the part masks as PNG, named after the images: label maps (``cow.png`` for ``cow.jpg``), or
            one folder of masks per part (``head/cow.png``), in which all that is not 0 is the part, and a file may be
            missing where the part is. They are read one image at a time, as ``images.parts``.
        labels: value in the label maps -> name of the part. Several values may share a name; None leaves a value
            out; 0 is the background unless it is named. By default 255 is ``"object"`` and any other value v is
            ``"part v"``.

    Raises:
        ValueError: the folder does not exist or holds no readable image, or a mask is missing, of another size than its
            image, or no mask. A photo that cannot be read is left out with a warning that names it.
    """
    images = ImageSet.from_folder(path)
    if masks is None:
        if labels is not None:
            raise ValueError("labels names the values in masks: give masks too")
        return images
    where = Path(masks).expanduser()
    if not where.is_dir():
        raise ValueError(f"no folder of masks at {str(where)!r}")
    return replace(images, parts=masks_from(where, images, labels))
