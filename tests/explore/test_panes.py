"""The panes of the app on a real model, without a widget and without threads."""

from __future__ import annotations

from typing import Any

import pytest

from dff_widgets.explore import Inline, Model
from dff_widgets.explore.labelling import Labelling
from dff_widgets.explore.panes import Panes
from dff_widgets.labelling import PartMasks


class Browser:
    """What the front end keeps of a pane's messages."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {}
        self.messages: list[str] = []

    def send(self, content: dict[str, Any], buffers: Any) -> None:
        own = self.values.setdefault(content["pane"], {})
        self.messages.append(content["pane"])
        own.update(content["set"])
        for key, buffer in zip(content["keys"], buffers, strict=True):
            if isinstance(key, str):
                own[key] = buffer
            else:
                own[key[0]][key[1]] = buffer


@pytest.fixture
def model(images, net) -> Model:
    model = Model(images, network=net, k=3, size=64, run=Inline)
    assert model.error is None
    return model


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def truth(images) -> PartMasks:
    return PartMasks(images)


@pytest.fixture
def panes(model, browser, truth) -> Panes:
    panel = Labelling(model)
    panel.live.use(truth)
    return Panes(model, browser.send, panel)


def test_messages_of_others_are_left_to_them(panes, browser) -> None:
    assert not panes.receive({"do": "hello", "id": 1})
    assert not panes.receive("no message")
    assert panes.receive({"pane": "kitchen", "do": "open"})
    assert panes.receive({"pane": ["closer"], "do": "open"})
    assert panes.receive({"pane": "focus", "do": "undo"})  # before it was opened
    assert browser.messages == []


def test_the_closer_follows_the_selected_factor_while_it_is_open(panes, model, browser) -> None:
    panes.receive({"pane": "closer", "do": "open"})
    seen = browser.values["closer"]
    assert seen["factor"] == -1
    model.ask(selected=1)
    assert (seen["factor"], seen["title"], seen["color"]) == (1, "factor 1", model.appearance.hues(3)[1])
    assert all(isinstance(picture, bytes) for picture in seen["pictures"])
    assert len(seen["classes"]) == 4
    model.ask(k=4, selected=3)
    assert seen["factor"] == 3
    assert seen["about"].startswith("one of 4 factors")
    panes.receive({"pane": "closer", "do": "shut"})
    count = len(browser.messages)
    model.ask(selected=0)
    assert len(browser.messages) == count
    panes.receive({"pane": "closer", "do": "open"})
    assert seen["factor"] == 0


def test_another_name_is_said_and_nothing_is_looked_at_again(panes, model, browser) -> None:
    model.ask(selected=0)
    panes.receive({"pane": "closer", "do": "open"})
    before = browser.values["closer"]["pictures"]
    model.dress(lambda appearance: appearance.named(3, {0: ["ear"]}))
    assert browser.values["closer"]["title"] == "ear"
    assert browser.values["closer"]["pictures"] is before


def test_focus_shows_the_image_that_is_opened_with_parts_in_their_factors_colours(panes, model, browser, truth) -> None:
    truth.add("ear")
    panes.receive({"pane": "focus", "do": "open"})
    model.ask(opened=2)
    seen = browser.values["focus"]
    assert (seen["opened"], seen["place"], seen["size"]) == (2, [2, 4], list(model.state.images.size(2)))
    assert isinstance(seen["photo"], bytes)
    panes.receive({"pane": "focus", "set": {"part": "ear"}})
    panes.receive(
        {"pane": "focus", "do": "stroke", "index": 2, "part": "ear", "points": [[9, 9]], "radius": 4, "id": "a-1"}
    )
    assert truth[2]["ear"][9, 9]
    assert (seen["handled"], seen["can_undo"]) == ("a-1", True)
    model.dress(lambda appearance: appearance.named(3, {1: ["ear"]}))
    assert seen["part_colors"] == [model.appearance.hues(3)[1]]


def test_an_undo_in_another_image_opens_it(panes, model, truth) -> None:
    panes.receive({"pane": "focus", "do": "open"})
    model.ask(opened=0)
    truth.stroke(3, "ear", [(5, 5)], 3)
    panes.receive({"pane": "focus", "do": "undo", "id": "a-1"})
    assert model.state.opened == 3


def test_what_a_stranger_sends_changes_nothing(panes, model, browser) -> None:
    panes.receive({"pane": "focus", "do": "open"})
    for content in ({"set": {"tool": "axe"}}, {"set": 3}, {"do": "stroke"}, {"do": "step", "by": "far"}, {"do": 4}, {}):
        assert panes.receive({"pane": "focus", **content})
    assert browser.values["focus"]["tool"] == "brush"
    assert model.error is None


def test_closing_ends_it_all(panes, model, browser, truth) -> None:
    for name in ("closer", "focus"):
        panes.receive({"pane": name, "do": "open"})
    panes.close()
    count = len(browser.messages)
    model.ask(selected=1, opened=1)
    truth.fill(0, "ear")
    assert len(browser.messages) == count
