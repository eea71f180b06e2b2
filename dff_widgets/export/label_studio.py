"""Label Studio: tasks with predictions as brush masks, and the labelling configuration that goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from ..images import paths
from ..storage import write_files
from .regions import Array, Choices, Labels, Progress, Regions, about, as_json, each, encoded, xml_text

if TYPE_CHECKING:
    from ..result import DFFResult

_TO, _FROM = "image", "tag"  # the names of the two controls
_CHANNELS = 4  # Label Studio stores a mask as RGBA
_VALUE_BITS = 8
_LENGTH_BITS = (3, 4, 8, 16)  # of a run, four sizes to choose from


def to_label_studio(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    url: str | None = None,
    overwrite: bool = False,
    progress: Progress | bool = False,
    **choices: Unpack[Choices],
) -> list[Path]:
    """Write tasks to import into Label Studio, each with one prediction, and beside them the labelling configuration.

    Paste the configuration (the same file name with the suffix ``.xml``) into the project's *Labeling Interface*,
    then import the file. A prediction has a brush mask per class that is in the image, with the mean heat inside as
    its score (0..1).

    Args:
        result: the factors, and the images.
        path: of the file.
        labels: factor -> the names of its parts, as from `assign`. None makes each factor a class, ``"factor 0"`` etc.
            Factors with the same names share a class.
        url: what comes before the path of an image below the folder that all of them share, which is then
            percent-encoded, such as ``"https://example.org/photos/"`` or ``"/data/local-files/?d=photos/"``; None gives
            the path alone.
        overwrite: whether a file that is there is replaced.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the export.
        choices: which masks these are, and of which images; see `Choices`.

    Returns:
        The files that were written.

    Raises:
        ValueError: no factor has a name, a label is of a factor that is not there, the path ends in ``.xml``, or
            another argument is something else.
        FileExistsError: a file is there, and is not to be replaced.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    path = Path(path)
    if path.suffix.lower() == ".xml":
        raise ValueError(f"path is {str(path)!r}; give the name of the tasks, such as tasks.json")
    regions = Regions(result, labels, **choices)
    names = [xml_text(c.title) for c in regions.classes]  # the same in tasks and configuration
    files = paths(result.images)

    def task(i: int) -> dict[str, Any]:
        found = [
            _region(f"{i}-{c}", names[c], strength) for c, strength in enumerate(regions.strength(i)) if strength.any()
        ]
        prediction = {"model_version": about(result), "result": found}
        if found:
            prediction["score"] = round(sum(r["score"] for r in found) / len(found), 6)
        source = files[i] if url is None else url + quote(files[i], errors="surrogateescape")
        return {"data": {_TO: source}, "predictions": [prediction]}

    def chunks() -> Iterator[bytes]:  # one image's masks are held at a time
        for done, i in enumerate(each(regions.images, progress)):
            yield (b",\n" if done else b"[\n") + as_json(task(i))
        yield b"\n]\n" if regions.images else b"[]\n"

    colors_of = {name: c.color for name, c in zip(names, regions.classes, strict=True)}
    configuration = encoded(_configuration(colors_of))
    return write_files([(path, chunks()), (path.with_suffix(".xml"), [configuration])], overwrite=overwrite)


def brush_rle(mask: Array) -> list[int]:
    """A mask in Label Studio's run lengths (thi.ng's rle-pack) of RGBA pixels, all four channels 255 inside.

    After a header (number of values, bits of a value, the four possible sizes of a run's length) come the runs: a bit
    that is 1, two bits for which size, the length less 1, and the value.

    Args:
        mask: (h, w) bool.

    Returns:
        Bytes, each 0..255.

    >>> brush_rle(np.array([[True]]))
    [0, 0, 0, 4, 57, 27, 252, 127, 224]
    """
    flat = mask.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    lengths = np.diff(starts, append=flat.size) * _CHANNELS
    bits = [f"{flat.size * _CHANNELS:032b}{_VALUE_BITS - 1:05b}", *(f"{size - 1:04b}" for size in _LENGTH_BITS)]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = 255 * int(flat[start])
        while length:
            step = min(length, 2 ** _LENGTH_BITS[-1])
            which, size = next((w, s) for w, s in enumerate(_LENGTH_BITS) if step <= 2**s)
            bits.append(f"1{which:02b}{step - 1:0{size}b}{value:0{_VALUE_BITS}b}")
            length -= step
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8))


def _region(name: str, label: str, strength: Array) -> dict[str, Any]:
    mask = strength > 0
    return {
        "id": name,
        "type": "brushlabels",
        "from_name": _FROM,
        "to_name": _TO,
        "image_rotation": 0,
        "original_width": mask.shape[1],
        "original_height": mask.shape[0],
        "score": round(float(strength[mask].mean()), 6),
        "value": {"format": "rle", "rle": brush_rle(mask), "brushlabels": [label]},
    }


def _configuration(colors: dict[str, str]) -> str:
    """The labelling configuration for labels of these names and colours."""
    labels = "".join(f"    <Label value={quoteattr(n)} background={quoteattr(c)}/>\n" for n, c in colors.items())
    return (
        f'<View>\n  <Image name="{_TO}" value="${_TO}" zoom="true" zoomControl="true"/>\n'
        f'  <BrushLabels name="{_FROM}" toName="{_TO}">\n{labels}  </BrushLabels>\n</View>\n'
    )
