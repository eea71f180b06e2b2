"""YOLO segmentation: a text file of polygons for each image."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..images import is_file
from ..wording import one_line

Mask = npt.NDArray[np.bool_]

_MOST_CLASSES = 100_000
_BEYOND = 1.01  # of the image's sides: readers of YOLO let a polygon leave it by so much


def yolo_masks(file: Path, size: tuple[int, int], names: Mapping[int, str] | None) -> dict[str, Mask]:
    """The masks of one image, drawn as Ultralytics does: coordinates cut to whole pixels, the border included.

    Args:
        file: lines of ``class x y x y ...``, in fractions of the image's sides.
        size: (h, w) of the image.
        names: of the classes; by default ``"part 0"`` etc.

    Raises:
        ValueError: a line is something else.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ValueError(f"{one_line(file.name)} cannot be read: {one_line(error)}") from None
    found: dict[str, Mask] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            part, mask = _line(line, f"line {number} of {one_line(file.name)}", size, names)
            found[part] = found[part] | mask if part in found else mask
    return found


def _line(line: str, what: str, size: tuple[int, int], names: Mapping[int, str] | None) -> tuple[str, Mask]:
    first, *rest = line.split()
    if len(rest) == 4:
        raise ValueError(f"{what} is a box; give polygons, as for segmentation")
    try:
        index, values = int(first), np.array(rest, dtype=np.float64)
    except (ValueError, OverflowError):
        raise ValueError(f"{what} is no class and numbers") from None
    if len(values) < 6 or len(values) % 2:
        raise ValueError(f"{what} has {len(values)} numbers; give x, y of at least three points")
    if not ((values >= 1 - _BEYOND) & (values <= _BEYOND)).all():
        raise ValueError(f"{what} has a number that is no fraction of the image's sides")
    if not 0 <= index < _MOST_CLASSES or (names is not None and index not in names):
        raise ValueError(f"{what} is of the class {first:.20}, which has no name")
    corners = values.reshape(-1, 2) * (size[1], size[0])
    image = Image.new("1", (size[1], size[0]))
    ImageDraw.Draw(image).polygon([(int(x), int(y)) for x, y in corners], outline=1, fill=1)
    return names[index] if names is not None else f"part {index}", np.array(image)


def read_names(folder: Path) -> dict[int, str] | None:
    """The names of the classes by ``data.yaml`` or ``classes.txt``; None where there is neither.

    Of YAML this is what such files hold: ``names`` as a list or a mapping of numbers, in one line or in several.

    Raises:
        ValueError: there is one, and it cannot be understood.
    """
    for name, read in (("data.yaml", _of_yaml), ("classes.txt", str.splitlines)):
        file = folder / name
        if not is_file(file):
            continue
        try:
            found = read(file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"the names of the classes in {name} cannot be read: {one_line(error)}") from None
        names = dict(enumerate(found)) if isinstance(found, list) else found
        if any(not text.strip() for text in names.values()):
            raise ValueError(f"a class in {name} has no name")
        return names
    return None


def _of_yaml(text: str) -> list[str] | dict[int, str]:
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if start is None:
        raise ValueError("it has no names")
    inline = _bare(lines[start].partition(":")[2])
    if inline:
        return _inline(inline)
    block = []
    for line in lines[start + 1 :]:
        if line.strip() and not line.lstrip().startswith("#"):
            if not line.startswith((" ", "-", "\t")):
                break
            block.append(line.strip())
    if all(line.startswith("-") for line in block):
        return [_scalar(line[1:]) for line in block]
    pairs = [line.partition(":") for line in block]
    return {int(_scalar(key)): _scalar(value) for key, _, value in pairs}


def _inline(text: str) -> list[str] | dict[int, str]:
    items = re.findall(r"""(?:[^,"'\[\]{}]|"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')+""", text[1:-1])
    if text[0] + text[-1] == "[]":
        return [_scalar(item) for item in items]
    if text[0] + text[-1] != "{}":
        raise ValueError(f"names is {text!r:.60}")
    pairs = [item.partition(":") for item in items]
    return {int(_scalar(key)): _scalar(value) for key, _, value in pairs}


def _scalar(text: str) -> str:
    """A scalar of YAML: double-quoted, single-quoted or plain."""
    text = text.strip()
    if text.startswith('"'):
        end = re.match(r'"(?:[^"\\]|\\.)*"', text)
        if end is None:
            raise ValueError(f"{text!r:.60} does not end")
        wide = re.sub(r"\\U([0-9a-fA-F]{8})", lambda m: json.dumps(chr(int(m[1], 16)))[1:-1], end[0])
        value = json.loads(wide)
        return value if isinstance(value, str) else str(value)
    if text.startswith("'"):
        end = re.match(r"'((?:[^']|'')*)'", text)
        if end is None:
            raise ValueError(f"{text!r:.60} does not end")
        return end[1].replace("''", "'")
    return _bare(text)


def _bare(text: str) -> str:
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
