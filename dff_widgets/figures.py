"""Matplotlib figures of results: overlays as in fig. 3 of the paper, the curves of fig. 4, tables.

They are made without pyplot, so that nothing is shown, kept or changed globally: save one with
``figure.savefig("x.pdf")``, or leave it at the end of a notebook cell.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from .heatmaps import blend, palette
from .tables import Table

if TYPE_CHECKING:  # at run time this module needs neither torch nor, before a figure is drawn, matplotlib
    from matplotlib.figure import Figure

    from .result import DFFResult

_DPI = 100
_MARKERS = "osD^vP*X"


def overlays(
    results: DFFResult | Iterable[DFFResult],
    images: Sequence[int] | None = None,
    *,
    colors: Sequence[str] | None = None,
    labels: Mapping[int, str] | Sequence[str] | None = None,
    opacity: float = 0.7,
    height: float = 1.4,
) -> Figure:
    """Images under their coloured heat maps: a row per result, a column per image (fig. 3 of the paper).

    Args:
        results: one, or several of the same images, such as of k = 1, 2, 3, 4.
        images: which images, by index; the first six when left out.
        colors: ``#RRGGBB`` per factor; `palette` when left out.
        labels: names of the factors, shown as a legend.
        opacity: 0..1, of the heat maps.
        height: of a row in inches.

    Raises:
        ValueError: no results, or an index that is not there.
    """
    rows = cast("list[DFFResult]", [results] if hasattr(results, "heatmaps") else list(results))
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
            axes.imshow(blend(result.images[i], result.heatmaps(i), paint[: result.k], opacity))
            axes.set(xticks=[], yticks=[])
            if c == 0:
                axes.set_ylabel(f"k = {result.k}")
    if labels is not None:
        _legend(figure, paint, dict(labels) if isinstance(labels, Mapping) else dict(enumerate(labels)))
    return figure


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
