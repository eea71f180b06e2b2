"""What a pane's presenter promises whoever serves it."""

from typing import Any

import pytest

from dff_widgets.explore.presenter import Presenter


class Lamp(Presenter):
    chosen = frozenset({"level", "name"})

    def __init__(self) -> None:
        super().__init__(level=0.5, name="lamp", on=False)
        self.acts: list[tuple[str, Any]] = []

    def check(self, name: str, value: Any) -> Any:
        value = super().check(name, value)
        if name == "level" and not 0 <= value <= 1:
            raise ValueError(f"level is {value!r}; give 0..1")
        return value

    def act(self, do: str, content: Any) -> None:
        self.acts.append((do, content.get("by")))
        if do == "break":
            raise ValueError("it broke")


@pytest.fixture
def lamp() -> Lamp:
    return Lamp()


@pytest.fixture
def said(lamp: Lamp) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    lamp.publish = said.append
    return said


def test_changes_are_published_together_and_what_stays_is_not(lamp, said) -> None:
    lamp.put(level=0.7, name="lamp", on=True)
    assert said == [{"level": 0.7, "on": True}]
    lamp.put(level=0.7)
    assert len(said) == 1
    lamp.put(on=1)  # another type is another value: it would be other JSON
    assert said[1:] == [{"on": 1}]


def test_a_value_that_is_none_of_its_own_is_an_error_of_the_program(lamp) -> None:
    with pytest.raises(KeyError, match="Lamp has no value 'colour'"):
        lamp.put(colour="red")


def test_what_a_person_sets_is_checked_and_all_or_nothing(lamp, said) -> None:
    lamp.choose({"level": 1, "name": "sun"})
    assert (lamp.state["level"], lamp.state["name"]) == (1, "sun")
    for wrong in ({"level": 2}, {"level": "much"}, {"name": 3}, {"level": True}, {"name": "moon", "level": -1}):
        with pytest.raises(ValueError, match="give"):
            lamp.choose(wrong)
    with pytest.raises(ValueError, match="'on' is not for a person to set"):
        lamp.choose({"on": True})
    assert (lamp.state["level"], lamp.state["name"], lamp.state["on"]) == (1, "sun", False)
    assert said == [{"level": 1, "name": "sun"}]


def test_messages_set_act_and_open(lamp, said) -> None:
    lamp.receive({"set": {"level": 0.25}})
    lamp.receive({"do": "blink", "by": 3})
    lamp.receive({"do": "open"})
    assert lamp.acts == [("blink", 3), ("open", None)]
    assert said == [{"level": 0.25}, {"level": 0.25, "name": "lamp", "on": False}]


@pytest.mark.parametrize(
    "content", [None, [], "do", {}, {"set": 3}, {"do": 7}, {"set": {"level": []}}, {"do": "break"}]
)
def test_messages_that_make_no_sense_change_nothing_and_the_pane_gets_its_values_back(lamp, said, content) -> None:
    lamp.receive(content)
    assert lamp.state == {"level": 0.5, "name": "lamp", "on": False}
    assert all(told == {"level": 0.5, "name": "lamp"} for told in said)
