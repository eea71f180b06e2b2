"""Masks in image files: label maps (a number per pixel) and one picture per part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..images import DAMAGE, ImageSet, PerImage, UnreadableImageError, open_header
from ..wording import one_line

Array = npt.NDArray[Any]
Labels = Mapping[int, str | None]  # value in a label map -> the part's name; None: nobody's pixels

OBJECT = "object"
_LIMIT = 100  # distinct values; a picture that is no label map has more


def masks_from(
    folder: Path, images: ImageSet, labels: Labels | None = None, *, binary: bool = False, flat: bool = False
) -> PerImage[dict[str, Array]]:
    """The part masks of images, read one image at a time on use.

    Args:
        folder: holds ``<image's stem>.png`` label maps, or one folder of such masks per part, named after it.
        images: made of files.
        labels: see `folder`.
        binary: the files are no label maps but masks of the object, whatever number stands for it.
        flat: the folder holds label maps, whatever folders are in it.

    Raises:
        ValueError: a mask is missing, no image, or of another size than its image; only headers are read here.
    """
    stems = [Path(name).stem for name in images.names]
    parts = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if parts and not flat:
        if labels is not None:
            raise ValueError(f"{str(folder)!r} has one folder per part, which names the parts: leave labels out")
        files = [{part: path for part in parts if (path := folder / part / f"{stem}.png").is_file()} for stem in stems]
        check_sizes(images, [list(each.values()) for each in files])
        if not any(files):
            raise ValueError(
                f"no folder in {str(folder)!r} has a mask of an image, such as '{parts[0]}/{stems[0]}.png'"
            )
        return PerImage([(each,) for each in files], read_masks)
    maps = [folder / f"{stem}.png" for stem in stems]
    missing = [path.name for path in maps if not path.is_file()]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(maps)} masks are missing in {str(folder)!r}: {', '.join(missing[:3])}"
            f"{'...' if len(missing) > 3 else ''}; each image needs one, named after it"
        )
    check_sizes(images, [[path] for path in maps])
    if binary:
        return PerImage([({OBJECT: path},) for path in maps], read_masks)
    return PerImage([(path, labels) for path in maps], read_label_map)


def check_sizes(images: ImageSet, masks: Sequence[Sequence[Path]]) -> None:
    """Raise a ValueError unless the masks of each image are of its size; only headers are read."""
    for i, paths in enumerate(masks):
        for path in paths:
            try:
                with open_header(path, _shown(path)) as mask:
                    width, height = mask.size
            except UnreadableImageError as error:
                raise ValueError(f"the mask {error}") from None
            if (height, width) != images.size(i):
                raise ValueError(
                    f"the mask {_shown(path)} is {height} x {width}; its image {images.names[i]} is "
                    f"{images.size(i)[0]} x {images.size(i)[1]}"
                )


def read_masks(files: Mapping[str, Path]) -> dict[str, Array]:
    """By part its mask, which is all that is not 0 in its file."""
    return {part: read_labels(path) != 0 for part, path in files.items()}


def read_labels(path: Path) -> Array:
    """A label map as stored: (h, w) integers; colours are refused, palettes give their indices.

    Raises:
        ValueError: the file cannot be read, or is no label map.
    """
    try:
        with open_header(path, _shown(path)) as image:
            if image.mode == "1":  # black and white
                image = image.convert("L")
            elif image.mode not in ("L", "P") and not image.mode.startswith("I"):
                image = image.convert("RGB")
            values = np.asarray(image)
    except UnreadableImageError as error:
        raise ValueError(f"the mask {error}") from None
    except DAMAGE as error:
        raise ValueError(f"the mask {_shown(path)} cannot be read: {one_line(error)}") from None
    if values.ndim == 3:
        if (values != values[..., :1]).any():
            raise ValueError(
                f"the mask {_shown(path)} is in colour; give grey values or a palette, one number per part"
            )
        values = values[..., 0]
    return values


def read_object(path: Path, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """A grey picture of an object as a mask: the brighter half of the values up to 255; of 0 and 1, what is 1.

    Raises:
        ValueError: the file cannot be read, or is not of that (height, width).
    """
    try:
        with open_header(path, _shown(path)) as image:
            values = np.asarray(image.convert("L"))
    except UnreadableImageError as error:
        raise ValueError(f"the mask {error}") from None
    except DAMAGE as error:
        raise ValueError(f"the mask {_shown(path)} cannot be read: {one_line(error)}") from None
    if values.shape != tuple(size):
        raise ValueError(f"the mask {_shown(path)} is {values.shape}; its image is {tuple(size)}")
    return np.asarray(values > (127 if values.max(initial=0) > 1 else 0))


def read_label_map(path: Path, labels: Labels | None) -> dict[str, Array]:
    """The parts of a label map, in the order of their numbers; 0 is the background."""
    values = read_labels(path)
    found = np.unique(values).tolist()
    if len(found) > _LIMIT:
        raise ValueError(f"the mask {_shown(path)} has {len(found)} grey values: it is no label map but a picture")
    masks: dict[str, Array] = {}
    for value in found:
        if labels is None:
            name: str | None = None if value == 0 else OBJECT if value == 255 else f"part {value}"
        elif value in labels or value == 0:
            name = labels.get(value)
        else:
            raise ValueError(f"the mask {_shown(path)} has the value {value}; labels names {one_line(sorted(labels))}")
        if name is not None:
            here = values == value
            masks[name] = masks[name] | here if name in masks else here
    return masks


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
