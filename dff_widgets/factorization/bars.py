"""A factorization as a piece of HTML, without a picture: how strong each factor is, and which channels make it."""

from __future__ import annotations

import html
from collections.abc import Sequence

SHOWN = 20  # factors at most
CHANNELS = 5  # of each
_WIDTH = 120  # pixels of a share of one


def bars(title: str, shares: Sequence[float], channels: Sequence[Sequence[int]]) -> str:
    """A line of text, and a row for each factor.

    Args:
        title: the line.
        shares: per factor, 0..1.
        channels: per factor those that it is made of, strongest first.
    """
    rows = "".join(_row(f, share, named) for f, (share, named) in enumerate(zip(shares, channels, strict=True)))
    return (
        f'<div>{html.escape(title)}<table style="margin:6px 0"><thead><tr><th>factor</th>'
        f'<th style="text-align:left">share of H W</th><th style="text-align:left">strongest channels</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(factor: int, share: float, channels: Sequence[int]) -> str:
    bar = (
        f'<span style="display:inline-block;width:{share * _WIDTH:.0f}px;height:9px;background:currentColor;opacity:.5;'
        f'margin-right:6px"></span>{share:.0%}'
    )
    named = ", ".join(str(channel) for channel in channels)
    return f'<tr><td>{factor}</td><td style="text-align:left">{bar}</td><td style="text-align:left">{named}</td></tr>'
