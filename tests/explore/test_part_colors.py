import pytest

from dff_widgets.explore.part_colors import part_colors
from dff_widgets.heat import palette


def test_without_factors_it_is_the_palette() -> None:
    assert part_colors(["a", "b", "c"]) == palette(3)
    assert part_colors([]) == []


def test_a_part_has_its_factors_colour_and_nothing_else_has_one_of_a_factor() -> None:
    colors = palette(3)
    found = dict(zip("abcd", part_colors("abcd", [["b"], [], ["d"]], colors), strict=True))
    assert (found["b"], found["d"]) == (colors[0], colors[2])
    assert not {found["a"], found["c"]} & set(colors)
    assert len(set(found.values())) == 4


def test_several_parts_of_one_factor_are_shades_of_it_lighter_and_lighter() -> None:
    first, second, third = part_colors(["x", "y", "z"], [["x", "y", "z"]], ["#000000"])
    assert first == "#000000"
    shades = [int(color[1:3], 16) for color in (first, second, third)]
    assert shades == sorted(shades)
    assert shades[2] == pytest.approx(255 * (1 - 0.55**2), abs=1)


def test_what_a_person_gave_comes_first() -> None:
    assert part_colors(["a", "b"], [["a"]], ["#111111"], ["#222222"])[0] == "#222222"


def test_of_two_factors_the_one_that_is_named_after_the_part_first_gives_its_colour() -> None:
    assert part_colors(["a"], [["b", "a"], ["a"]], ["#111111", "#222222"]) == ["#222222"]
