"""A page that shows a result in any browser: no kernel, no network, no server."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation import iou
from ..images import encode_tile
from ..labelling import Seen
from ..link import link
from ..storage import write_file
from .page_state import page_state
from .regions import Correct, Labels, Progress, about, each, encoded, known_parts, paint, titles

if TYPE_CHECKING:
    from ..hierarchy import FactorTree
    from ..result import DFFResult

_HERE = Path(__file__).parent


def to_html(
    result: DFFResult,
    path: str | Path,
    labels: Labels | None = None,
    *,
    ious: Sequence[float | None] | None = None,
    masks: bool = False,
    percentile: float = 75,
    threshold: str | None = None,
    corrections: Correct | None = None,
    only: Sequence[int] | None = None,
    colors: Sequence[str] | None = None,
    tree: FactorTree | None = None,
    names: Mapping[int, Labels] | None = None,
    most: int = 200,
    title: str = "Deep Feature Factorization",
    overwrite: bool = False,
    progress: Progress | bool = False,
) -> list[Path]:
    """Write one HTML file with photos, heat maps, names and IoU, where k, opacity, masks and all else still move.

    It is the app, without a kernel; it needs no network: all it shows is in the file, which takes about 40 kB an image.
    With `threshold` or `corrections` the masks go along as they are seen: some 20 kB more an image and factor.

    Args:
        result: the factors, and the images.
        path: of the file.
        labels: factor -> the names of its parts, as from `assign`. A factor without one is called ``"factor 0"`` etc.
        ious: per factor its IoU (0..1), or None where it has none. When left out it is computed, as by `iou`, where the
            images have part masks of the factor's names.
        masks: whether the masks are shown at first, and not the heat maps.
        percentile: of the masks, and for that IoU, as in `DFFResult.masks`.
        threshold: in its place, as in `DFFResult.masks`.
        corrections: given the index of an image, what a person corrected there, by factor; see `labelling.Seen`.
        only: indices of the images that go in, such as the accepted ones.
        colors: ``#RRGGBB`` per factor; `palette` when left out.
        tree: the same images and layer at other k, as from `factor_tree`, the result's own among them: then k moves on
            the page too. Colours follow the heirs.
        names: by k the labels of the tree's other results.
        most: how many images go in, the first ones; the page says how many there are.
        title: of the page.
        overwrite: whether a file that is there is replaced.
        progress: True shows a tqdm bar; a function is called with (images done, images in all), and what it raises ends
            the export.

    Returns:
        The files that were written.

    Raises:
        ValueError: ious has another length, the result is not the tree's or is refined beside a tree, most is below 1,
            a label is of a factor that is not there, or another argument is something else.
        FileExistsError: a file is there, and is not to be replaced.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    if most < 1:
        raise ValueError(f"most is {most!r}; show at least one image")
    _check_tree(result, tree)
    known, ink = titles(labels, result.k), paint(colors, result.k)
    scores = _ious(result, labels, percentile, threshold) if ious is None else list(ious)
    if len(scores) != result.k:
        raise ValueError(f"there are {len(scores)} ious for {result.k} factors")
    seen = Seen(result, percentile=percentile, threshold=threshold, corrections=corrections, only=only)
    shown = seen.images[:most]
    state = page_state(
        result,
        tree,
        labels=labels,
        names=names or {},
        colors=ink,
        ious=scores,
        percentile=percentile,
        shown=shown,
        look="masks" if masks else "heat",
        seen=None if corrections is None and threshold is None else seen,
        photos=(encode_tile(result.images, i) for i in each(shown, progress)),
        encode=_base64,
    )
    page = _page(title, _head(result, title, len(shown), len(seen.images)), _scores(known, ink, scores), state)
    return write_file(Path(path), [encoded(page)], overwrite=overwrite)


def _check_tree(result: DFFResult, tree: FactorTree | None) -> None:
    if tree is None:
        return
    if result.maps is not None:
        raise ValueError("a refined result has finer heat maps than its tree; give one of the two")
    if result.k not in tree or not np.array_equal(tree[result.k].factorization.H, result.factorization.H):
        raise ValueError(
            f"the tree is of other factors than this result with k = {result.k}; give tree[k] as the result"
        )


def _ious(result: DFFResult, labels: Labels | None, percentile: float, threshold: str | None) -> list[float | None]:
    known = known_parts(result, labels)
    if not known or result.images.parts is None:
        return [None] * result.k
    scores = iou(result.lazy_masks(percentile, threshold=threshold), result.images.parts, known)
    return [float(score) if f in known else None for f, score in enumerate(scores)]


# ------------------------------------------------------------------------------------------------------------ text
def _head(result: DFFResult, title: str, shown: int, of: int) -> str:
    explained = 100 * (1 - result.factorization.error**2)
    lines = [f"{about(result)}. Explained: {explained:.0f} % of the activations of {_images(len(result))}."]
    if of < len(result):
        lines.append(f"Chosen: {of:,} of {_images(len(result))}.")
    if shown < of:
        lines.append(f"Shown: the first {shown:,} of {_images(of)}.")
    if result.skipped:
        lines.append(f"Left out: {'; '.join(result.skipped)}.")
    return f"<h1>{escape(title)}</h1>\n" + "".join(f"<p>{escape(line)}</p>\n" for line in lines)


def _images(n: int) -> str:
    return f"{n:,} image{'s'[: n != 1]}"


def _scores(names: Sequence[str], colors: Sequence[str], ious: Sequence[float | None]) -> str:
    """The factors' IoU as a list; nothing where none is known."""
    known = [(name, color, score) for name, color, score in zip(names, colors, ious, strict=True) if score is not None]
    if not known:
        return ""
    # A colour as an attribute of SVG: the page allows no inline styles.
    items = "".join(
        f'<li><svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" rx="2" fill="{color}"/></svg>'
        f' <bdi title="{escape(name)}">{escape(name)}</bdi> <b>{score:.2f}</b></li>\n'
        for name, color, score in known
    )
    mean = float(np.mean([score for *_, score in known]))
    return f"<h2>IoU with the parts, over all images</h2>\n<ul>\n{items}<li>mean <b>{mean:.2f}</b></li>\n</ul>\n"


def _page(title: str, head: str, scores: str, state: dict[str, Any]) -> str:
    script, sheet = link(_HERE / "page.js")
    style = sheet + _read(_HERE / "page.css")
    data = json.dumps(state, separators=(",", ":"), allow_nan=False).replace("<", r"\u003c")  # no tag can end it
    allowed = f"script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
{head}{scores}<noscript><p>The images are drawn by JavaScript, which is switched off here.</p></noscript>
</header>
<main id="gallery"></main>
<script type="application/json" id="state">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _hash(text: str) -> str:
    return "sha256-" + _base64(hashlib.sha256(encoded(text)).digest())
