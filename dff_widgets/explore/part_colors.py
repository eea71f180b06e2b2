"""The colours of parts: that of the factor which is named after one, so that a concept has one colour everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from ..heat import palette

_LIGHTER = 0.45  # towards white, of each further part that a factor is named after


def part_colors(
    parts: Sequence[str], named: Sequence[Sequence[str]] = (), colors: Sequence[str] = (), given: Sequence[str] = ()
) -> list[str]:
    """A colour for each part.

    The first part that a factor is named after has the factor's own; further ones lighter shades of it. The others have
    colours that no factor has.

    Args:
        parts: their names.
        named: per factor the parts it is named after.
        colors: per factor ``#RRGGBB``.
        given: colours that a person chose for the first parts.

    >>> part_colors(["head", "legs"], [["legs"]], ["#E69F00"])
    ['#56B4E9', '#E69F00']
    """
    places = [(place, f, part) for f, names in enumerate(named) for place, part in enumerate(names)]
    factors = {part: _shade(colors[f], place) for place, f, part in sorted(places, reverse=True) if f < len(colors)}
    taken = {color.upper() for color in colors}
    others = iter([color for color in palette(len(parts) + len(taken)) if color.upper() not in taken])
    own = {part: factors.get(part) or next(others) for part in parts}
    return [given[j] if j < len(given) else own[part] for j, part in enumerate(parts)]


def _shade(color: str, place: int) -> str:
    share = 1 - (1 - _LIGHTER) ** place
    mixed = (round(v + (255 - v) * share) for v in bytes.fromhex(color[1:]))
    return "#" + "".join(f"{v:02X}" for v in mixed) if place else color
