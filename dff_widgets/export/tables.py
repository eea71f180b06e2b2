"""The numbers as CSV, and the figure."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation import iou
from ..heat import largest_box
from ..labelling import JOIN, Seen
from ..storage import write_file
from .regions import Correct, Labels, Progress, each, encoded, known_parts, paint, part_names, titles

if TYPE_CHECKING:
    from ..result import DFFResult

_COLUMNS = ("image", "factor", "name", "strength", "area", "iou", "xmin", "ymin", "xmax", "ymax")
_IN_A_FIGURE = 6  # images, when it is not said which
_LONGEST = 40  # characters of a name in a figure


def to_csv(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    percentile: float = 75,
    threshold: str | None = None,
    corrections: Correct | None = None,
    only: Sequence[int] | None = None,
    overwrite: bool = False,
    progress: Progress | bool = False,
) -> list[Path]:
    """Write a row per image and factor, as ``pandas.read_csv(path)`` reads it.

    The columns: ``image`` (its name), ``factor`` (0..k-1), ``name`` (the factor's), ``strength`` (mean heat, 0..1),
    ``area`` (fraction of the image in the mask, 0..1), ``iou`` (of mask and parts in this image, 0..1) and the box
    around the mask's largest component: ``xmin, ymin, xmax, ymax`` in pixels from 0, both ends included. A cell is
    empty where there is nothing to say: no name, an empty mask, no ground truth for the factor's names.

    The file is UTF-8, quoted as in RFC 4180. A name that a spreadsheet would run, for it begins with ``=``, ``+``,
    ``-``, ``@``, a tab or a carriage return, has a ``'`` before it.

    Args:
        result: the factors, and the images.
        path: of the file.
        labels: factor -> the names of its parts, as from `assign`. None names each factor ``"factor 0"`` etc.
        percentile: of the masks, as in `DFFResult.masks`.
        threshold: in its place, as in `DFFResult.masks`.
        corrections: given the index of an image, what a person corrected there, by factor; see `labelling.Seen`.
        only: indices of the images that are written, such as the accepted ones; by default all.
        overwrite: whether a file that is there is replaced.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the export.

    Returns:
        The files that were written.

    Raises:
        ValueError: a label is of a factor that is not there, or another argument is something else.
        FileExistsError: a file is there, and is not to be replaced.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    names = titles(None, result.k) if labels is None else [JOIN.join(n) for n in part_names(labels, result.k)]
    known = known_parts(result, labels)
    seen = Seen(result, percentile=percentile, threshold=threshold, corrections=corrections, only=only)

    def rows(i: int) -> Iterator[Sequence[Any]]:
        maps, masks = seen.heatmaps(i), seen.masks(i)
        here = {} if not known or result.images.parts is None else result.images.parts[i]
        scores = iou([masks], [here], {f: [n for n in parts if n in here] for f, parts in known.items()})
        for f, mask in enumerate(masks):
            measured = f in known and (mask.any() or any(np.any(here[n]) for n in known[f] if n in here))
            score = f"{scores[f]:.6g}" if measured else ""
            box = largest_box(mask).tolist() if mask.any() else [""] * 4
            yield (
                _text(result.images.names[i]),
                f,
                _text(names[f]),
                f"{maps[f].mean():.6g}",
                f"{mask.mean():.6g}",
                score,
                *box,
            )

    def chunks() -> Iterator[bytes]:
        yield _lines([_COLUMNS])
        for i in each(seen.images, progress):
            yield _lines(rows(i))

    return write_file(Path(path), chunks(), overwrite=overwrite)


def to_figure(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    images: Sequence[int] | None = None,
    masks: bool = False,
    percentile: float = 75,
    threshold: str | None = None,
    colors: Sequence[str] | None = None,
    corrections: Correct | None = None,
    only: Sequence[int] | None = None,
    opacity: float = 0.7,
    overwrite: bool = False,
) -> list[Path]:
    """Write a figure: images under their coloured heat maps or masks, with the factors' names as a legend.

    Args:
        result: the factors, and the images.
        path: of the file; its suffix, such as ``.png``, ``.pdf`` or ``.svg``, says the format.
        labels: factor -> the names of its parts, as from `assign`. A factor without one is called ``"factor 0"`` etc.
            Names are cut after 40 characters, and a sign that the figure's font lacks is shown as a box.
        images: which images, by index; the first six when left out.
        masks: whether the masks are drawn, and not the heat maps.
        percentile: of the masks, as in `DFFResult.masks`.
        threshold: in its place, as in `DFFResult.masks`.
        colors: ``#RRGGBB`` per factor; `palette` when left out.
        corrections: given the index of an image, what a person corrected there, by factor; see `labelling.Seen`.
        only: indices of the images that count, such as the accepted ones, of which `images` are the first six.
        opacity: 0..1, of the heat maps.
        overwrite: whether a file that is there is replaced.

    Returns:
        The files that were written.

    Raises:
        ValueError: there is no such format or image, or a label is of a factor that is not there.
        FileExistsError: a file is there, and is not to be replaced.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    from ..figures import overlays  # matplotlib

    path = Path(path)
    if not path.suffix:
        raise ValueError(f"path is {str(path)!r}; end it with the format, such as .png, .pdf or .svg")
    ink = paint(colors, result.k)
    seen = Seen(result, percentile=percentile, threshold=threshold, corrections=corrections, only=only)
    shown = seen.images[:_IN_A_FIGURE] if images is None and only is not None else images
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = overlays(
            result, shown, colors=ink, labels=titles(None, result.k), opacity=opacity, seen=seen if masks else None
        )
        for text, name in zip(figure.legends[0].get_texts(), titles(labels, result.k), strict=True):
            text.set_parse_math(False)  # a name may begin with an underscore, or hold a $
            text.set_text(_short(name))
        figure.savefig(buffer, format=path.suffix[1:], dpi=200, bbox_inches="tight")  # a legend may be wider
    return write_file(path, [buffer.getvalue()], overwrite=overwrite)


def _text(name: str) -> str:
    """A name as a cell that no spreadsheet takes for a formula (OWASP, "CSV injection")."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _short(name: str) -> str:
    """A name on one line; matplotlib fails on what cannot be printed."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _lines(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return encoded(text.getvalue())
