"""Part masks drawn in labelme: one JSON file of polygons per image."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..images import ImageSet, PerImage, Source, is_file
from ..wording import one_line

Mask = npt.NDArray[np.bool_]
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Annotation:
    """What one file says; the shapes as label, kind and points (x, y) in pixels."""

    name: str
    shapes: tuple[tuple[str, str, Points], ...]


def labelme(path: str | Path, *, images: str | Path | None = None) -> ImageSet:
    """A folder of labelme's JSON files, with a part mask for each label, drawn one image at a time on use.

    Args:
        path: the folder of the ``.json`` files.
        images: the folder of the images, by default where each file says. The image a file holds in itself is taken
            where there is none outside.

    Returns:
        ImageSet sorted by the names of the files. Shapes of one label are joined; polygons, rectangles and circles are
        drawn as labelme draws them, with their border.

    Raises:
        ValueError: there is no such folder or file, or one is malformed, has other shapes, or lacks its image.
    """
    folder = Path(path).expanduser()
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValueError(f"no labelme files (*.json) in {str(folder)!r}")
    sources, shapes = [], []
    for file in files:
        content = _read(file)
        source = _image(content, file, None if images is None else Path(images).expanduser())
        sources.append(source)
        shapes.append((_shapes(content, file), _size(source, content, file)))
    return ImageSet(tuple(sources), tuple(file.stem for file in files), PerImage(shapes, drawn))


def read_shapes(file: Path) -> tuple[Annotation, tuple[int, int] | None]:
    """What one file says, for `drawn`, and the (h, w) that it says of its image, or None.

    Raises:
        ValueError: it is malformed.
    """
    content = _read(file)
    height, width = content.get("imageHeight"), content.get("imageWidth")
    return _shapes(content, file), None if height is None or width is None else (height, width)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file.name} is no JSON: {one_line(error)}") from None
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise ValueError(f"{file.name} was not written by labelme: it has no list of shapes")
    return content


def _image(content: dict[str, Any], file: Path, images: Path | None) -> Source:
    """The image's file, or the encoded image in the JSON."""
    named = str(content.get("imagePath") or f"{file.stem}.jpg").replace("\\", "/")
    place = file.parent / named if images is None else images / Path(named).name
    if is_file(place):
        return place
    embedded = content.get("imageData")
    if not isinstance(embedded, str):
        raise ValueError(
            f"the image of {file.name} is not at {one_line(place)!r}, nor in the file; give images=<its folder>"
        )
    try:
        return base64.b64decode(embedded, validate=True)
    except ValueError as error:
        raise ValueError(f"the image inside {file.name} is damaged: {error}") from None


def _size(source: Source, content: dict[str, Any], file: Path) -> tuple[int, int]:
    """(h, w) of the image, upright as labelme shows it, and as the file says."""
    h, w = ImageSet((source,), (f"the image of {file.name}",)).size(0)
    said = content.get("imageHeight") or h, content.get("imageWidth") or w
    if said != (h, w):
        raise ValueError(
            f"{file.name} says that its image is {one_line(said[0])} x {one_line(said[1])}; it is {h} x {w}"
        )
    return h, w


def _shapes(content: dict[str, Any], file: Path) -> Annotation:
    shapes = []
    for number, shape in enumerate(content["shapes"], start=1):
        try:
            label, kind = shape["label"], shape.get("shape_type") or "polygon"
            points = [(float(x), float(y)) for x, y in shape["points"]]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise ValueError(f"shape {number} in {file.name} has no label and points") from None
        if not isinstance(label, str) or not isinstance(kind, str) or kind not in _DRAW:
            raise ValueError(
                f"shape {number} in {file.name} is a {kind!r:.60} of {label!r:.60}; give {', '.join(_DRAW)}"
            )
        if (kind == "polygon" and len(points) < 3) or (kind != "polygon" and len(points) != 2):
            raise ValueError(f"shape {number} in {file.name} is a {kind} of {len(points)} points")
        if not np.isfinite(points).all():
            raise ValueError(f"shape {number} in {file.name} has a point that is no number")
        shapes.append((label, kind, points))
    return Annotation(file.name, tuple(shapes))


def drawn(annotation: Annotation, size: tuple[int, int]) -> dict[str, Mask]:
    """By label its mask in an image of this (h, w)."""
    h, w = size
    canvases: dict[str, Image.Image] = {}
    for label, kind, points in annotation.shapes:
        if np.abs(points).max() > 2 * max(h, w):  # Pillow walks along all of an edge
            raise ValueError(
                f"{label!r:.60} in {annotation.name} has a point far outside the image, which is {h} x {w}"
            )
        canvas = canvases.setdefault(label, Image.new("1", (w, h)))
        _DRAW[kind](ImageDraw.Draw(canvas), points)
    return {label: np.array(canvas, dtype=bool) for label, canvas in canvases.items()}


def _rectangle(draw: ImageDraw.ImageDraw, points: Points) -> None:
    (x0, y0), (x1, y1) = points
    draw.rectangle([min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)], outline=1, fill=1)


def _circle(draw: ImageDraw.ImageDraw, points: Points) -> None:
    (x, y), edge = points
    radius = float(np.hypot(edge[0] - x, edge[1] - y))
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=1, fill=1)


_DRAW: dict[str, Callable[[ImageDraw.ImageDraw, Points], None]] = {
    "polygon": lambda draw, points: draw.polygon(points, outline=1, fill=1),
    "rectangle": _rectangle,
    "circle": _circle,
}
