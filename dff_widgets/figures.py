"""Matplotlib figures of results: overlays as in fig. 3 of the paper, the curves of fig. 4, tables.

They are made without pyplot, so that nothing is shown, kept or changed globally: save one with
``figure.savefig("x.pdf")``, or leave it at the end of a notebook cell.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .evaluation import Table
from .heat import blend, contrast, palette
from .inspection import crop, spectrum, top_patches
from .inspection.patches import check_factor

if TYPE_CHECKING:  # at run time this module needs neither torch nor, before a figure is drawn, matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .hierarchy import FactorTree
    from .inspection.classes import ClassScore
    from .labelling import Seen
    from .result import DFFResult

_DPI = 100
_MARKERS = "osD^vP*X"


def overlays(
    results: DFFResult | Iterable[DFFResult] | Mapping[str, DFFResult],
    images: Sequence[int] | None = None,
    *,
    colors: Sequence[str] | None = None,
    labels: Mapping[int, str] | Sequence[str] | None = None,
    opacity: float = 0.7,
    height: float = 1.4,
    seen: Seen | None = None,
) -> Figure:
    """Images under their coloured heat maps: a row per result, a column per image (fig. 3 of the paper).

    Args:
        results: one, or several of the same images, such as of k = 1, 2, 3, 4; as a mapping, by what to call each row,
            such as its method.
        images: which images, by index; the first six when left out.
        colors: ``#RRGGBB`` per factor; `palette` when left out.
        labels: names of the factors, shown as a legend.
        opacity: 0..1, of the heat maps.
        height: of a row in inches.
        seen: whose masks are drawn in place of the heat maps; of the one result.

    Raises:
        ValueError: no results, or an index that is not there.
    """
    listed: Any = results.values() if isinstance(results, Mapping) else results
    rows = cast("list[DFFResult]", [results] if hasattr(results, "heatmaps") else list(listed))
    titles = [str(title) for title in results] if isinstance(results, Mapping) else [f"k = {r.k}" for r in rows]
    if not rows:
        raise ValueError("no results: give at least one DFFResult")
    first = rows[0]
    shown = range(min(6, len(first))) if images is None else list(images)
    if not shown or not all(0 <= i < len(r) for r in rows for i in shown):
        raise ValueError(f"images is {list(shown)}; the results have images 0..{min(map(len, rows)) - 1}")
    most = max(r.k for r in rows)
    paint = list(colors) if colors is not None else palette(most)
    if len(paint) < most:
        raise ValueError(f"there are {len(paint)} colors for {most} factors")
    widths = [first.sizes[i][1] / first.sizes[i][0] for i in shown]
    figure = _figure(height * sum(widths) + 0.4, height * len(rows) + (0.35 if labels else 0))
    grid = figure.add_gridspec(len(rows), len(shown), width_ratios=widths, wspace=0.03, hspace=0.03)
    for r, result in enumerate(rows):
        for c, i in enumerate(shown):
            axes = figure.add_subplot(grid[r, c])
            photo = np.asarray(result.images.open(i, result.sizes[i]))
            axes.imshow(blend(photo, result.heatmaps(i) if seen is None else seen.masks(i), paint[: result.k], opacity))
            axes.set(xticks=[], yticks=[])
            if c == 0:
                axes.set_ylabel(titles[r])
    if labels is not None:
        _legend(figure, paint, dict(labels) if isinstance(labels, Mapping) else dict(enumerate(labels)))
    return figure


def tree(
    tree: FactorTree,
    images: int | Sequence[int] = 2,
    *,
    labels: Mapping[tuple[int, int], str] | None = None,
    opacity: float = 0.85,
    height: float = 0.9,
) -> Figure:
    """The factors of a growing k as a tree, in the manner of fig. 3 of the paper: a row per k, lines to the parents.

    Under each factor stand the same images, in grey, each in the factor's one colour. A line is as wide as the child
    overlaps its parent.

    Args:
        tree: from `factor_tree`.
        images: how many, of those in which most factors are strong; or which, by index.
        labels: names of factors, by (k, factor).
        opacity: 0..1, of the heat maps.
        height: of an image in inches.

    Raises:
        ValueError: an image or a factor that is not there.
    """
    n = len(tree.results[0])
    shown = _telling(tree, images) if isinstance(images, int) else list(images)
    if not shown or not all(0 <= i < n for i in shown):
        raise ValueError(f"images is {images!r}; give how many, or which of 0..{n - 1}")
    unknown = set(labels or {}) - set(tree.nodes)
    if unknown:
        raise ValueError(f"labels name the factors {sorted(unknown)}, which this tree does not have")
    widths = [height * tree.results[0].sizes[i][1] / tree.results[0].sizes[i][0] for i in shown]
    gap, labels = 0.03, labels or {}
    group = sum(widths) + gap * (len(shown) - 1)
    left, pitch = 0.6, height + (0.6 if labels else 0.45)
    across = tree.results[-1].k * (group + 0.3)
    size = (left + across, len(tree) * pitch - 0.3)
    figure = _figure(*size)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))  # in inches, from the top left
    for row, result in enumerate(tree.results):
        top, k = 0.06 + row * pitch, result.k
        gains = np.array(contrast([result.coarse_heatmaps(i) for i in range(n)]))
        axes.text(left / 2, top + height / 2, f"k = {k}", ha="center", va="center")
        for f in range(k):
            middle, color = left + (f + 0.5) * across / k, tree.color(k, f)
            parent = tree.parent(k, f)
            if parent is not None:
                above = left + (parent + 0.5) * across / tree.results[row - 1].k
                bottom = top - pitch + height + (0.22 if (tree.results[row - 1].k, parent) in labels else 0.06)
                _link(axes, (above, bottom), (middle, top), color, tree.overlap(k, f))
            x, end = middle - group / 2, middle + group / 2
            axes.plot([x, end], [top + height + 0.04] * 2, color=color, linewidth=4, solid_capstyle="butt")
            axes.text(middle, top + height + 0.14, labels.get((k, f), ""), ha="center", va="center", fontsize=9)
            for i, width in zip(shown, widths, strict=True):
                grey = np.repeat(
                    np.asarray(result.images.open(i, result.sizes[i])).mean(axis=2, keepdims=True), 3, axis=2
                )
                heat = (gains[f] * result.heatmaps(i)[[f]]).clip(0, 1)
                axes.imshow(blend(grey, heat, [color], opacity), extent=(x, x + width, top + height, top), zorder=2)
                x += width + gap
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0), aspect="auto")
    axes.set_axis_off()
    return figure


def closeup(
    result: DFFResult,
    factor: int,
    *,
    classes: Sequence[ClassScore] = (),
    color: str | None = None,
    label: str | None = None,
    patches: int = 8,
    channels: int = 20,
    width: float = 8,
) -> Figure:
    """One factor: the patches where it is strongest, its strongest channels, and what a classifier sees in it.

    Args:
        result: what it is a factor of.
        factor: 0..k-1.
        classes: from `inspection.classes`; left out when empty.
        color: ``#RRGGBB``; the factor's in `palette` when left out.
        label: its name.
        patches: how many, at most.
        channels: how many, at most; a line marks the largest share of each in another factor.
        width: in inches.

    Raises:
        ValueError: there is no such factor, or patches or channels is below 1.
    """
    check_factor(result, factor)
    paint = color or palette(result.k)[factor]
    found, made_of = top_patches(result, factor, patches), spectrum(result, factor, channels)
    figure = _figure(width, width / patches + 2.6)
    figure.suptitle(label or f"factor {factor}", fontweight="bold")
    above, below = cast("Any", figure.subfigures(2, 1, height_ratios=[width / patches + 0.4, 2.2]))
    for axes, patch in zip(above.subplots(1, patches, squeeze=False)[0], found, strict=False):
        axes.imshow(crop(result.images, patch))
        axes.set_title(f"{100 * patch.strength:.0f} %", fontsize=9)
    for axes in above.axes:
        axes.set_axis_off()
    left, *right = below.subplots(1, 2 if classes else 1, squeeze=False)[0]
    place = range(len(made_of))
    left.bar(place, [100 * c.share for c in made_of], color=paint)
    if result.k > 1:
        left.hlines([100 * c.others for c in made_of], np.array(place) - 0.45, np.array(place) + 0.45, color="black")
    left.set_xticks(place, [str(c.channel) for c in made_of], rotation=90, fontsize=7)
    left.set(xlabel="channel", ylabel="share, %")
    for axes in right:
        axes.barh(range(len(classes)), [c.score for c in classes], color=paint)
        axes.set_yticks(range(len(classes)), [c.name for c in classes])
        axes.invert_yaxis()
        axes.set_xlabel("logit above the mean of all classes")
    return figure


def _telling(tree: FactorTree, many: int) -> list[int]:
    """The images, by index, that together show every factor of the tree best (greedily)."""
    strength = np.concatenate([tree.by_image(k) for k in tree])
    strength = strength / np.maximum(strength.max(axis=1, keepdims=True), 1e-12)
    chosen: list[int] = []
    for _ in range(min(many, strength.shape[1])):
        best = strength[:, chosen].max(axis=1, initial=0)
        total = np.maximum(strength, best[:, None]).sum(axis=0)
        chosen.append(max(set(range(strength.shape[1])) - set(chosen), key=lambda i: total[i]))
    return sorted(chosen)


def _link(axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str, overlap: float) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1) = start, end
    middle = (y0 + y1) / 2
    curve = Path([start, (x0, middle), (x1, middle), end], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    axes.add_patch(PathPatch(curve, fill=False, edgecolor=color, linewidth=0.8 + 6 * overlap, alpha=0.8, zorder=1))


def figure4(curves: Table) -> Figure:
    """Mean best-part IoU against k, with a band of one deviation over the seeds: fig. 4 of the paper.

    Args:
        curves: from `experiments.figure4`.

    Raises:
        ValueError: the table has other columns.
    """
    needed = ("network", "layer", "k", "IoU", "deviation", "seeds")
    if curves.columns != needed:
        raise ValueError(f"the table has the columns {curves.columns}; give what experiments.figure4 returns: {needed}")
    figure = _figure(5.5, 3.8)
    axes = figure.add_subplot()
    lines: dict[tuple[Any, Any], list[tuple[Any, ...]]] = {}
    for network, layer, *point, _ in curves.rows:
        lines.setdefault((network, layer), []).append(tuple(point))
    several = len({network for network, _ in lines}) > 1
    for n, ((network, layer), points) in enumerate(lines.items()):
        ks, means, deviations = zip(*sorted(points), strict=True)
        spread = [d or 0 for d in deviations]
        color = palette(len(lines))[n]
        axes.plot(
            ks,
            means,
            color=color,
            marker=_MARKERS[n % len(_MARKERS)],
            label=f"{network}, {layer}" if several else layer,
        )
        low, high = ([m + sign * s for m, s in zip(means, spread, strict=True)] for sign in (-1, 1))
        axes.fill_between(ks, low, high, color=color, alpha=0.2, linewidth=0)
    axes.set(xlabel="k", ylabel="mean IoU with the best part, %", xticks=sorted({row[2] for row in curves.rows}))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def table(table: Table) -> Figure:
    """A table as a figure, for slides.

    Args:
        table: of `experiments`, or any other.
    """
    cells = table.cells()
    widths = [max(len(row[c]) for row in (table.columns, *cells)) for c in range(len(table.columns))]
    figure = _figure(0.09 * sum(widths) + 0.25 * len(widths) + 0.4, 0.26 * (len(cells) + 1) + 0.6)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_title(table.title, fontsize=10)
    if cells:
        shares = [w / sum(widths) for w in widths]
        drawn = axes.table(
            cells, colLabels=table.columns, colWidths=shares, cellLoc="center", loc="center", edges="horizontal"
        )
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(9)
    return figure


def _legend(figure: Figure, colors: Sequence[str], labels: Mapping[int, str]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=colors[f], label=name) for f, name in sorted(labels.items()) if f < len(colors)]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(len(patches), 6) or 1, frameon=False)


def _figure(width: float, height: float) -> Figure:
    """An empty figure that shows itself in a notebook, with or without ``%matplotlib inline``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png")
            return buffer.getvalue()

    figure = NotebookFigure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure
