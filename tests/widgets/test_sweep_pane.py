"""The sweep inside the explorer: what a person chooses it to run over."""

import pytest
import torch
from torch import nn

import dff_widgets as dff


@pytest.fixture
def pane(explorer):
    explorer.sweep = True
    return explorer.sweeping


def asked(pane) -> tuple:
    return pane.view.layers, pane.view.ks, pane.view.seeds


def shown(pane) -> tuple:
    pickers = pane.pickers
    return list(pickers.layers.value), pickers.ks.value, pickers.seeds.value


def test_at_first_a_few_layers_of_all_are_chosen_and_what_is_to_come_is_counted(pane) -> None:
    assert asked(pane) == (["4", "2"], [1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2])
    assert shown(pane) == (["4", "2"], (1, 8), 3)
    assert pane.pickers.layers.options == (
        ("4 · 10 ch · /8", "4"),
        ("2 · 6 ch · /4", "2"),
        ("0 · 3 ch · /1 · signed", "0"),
        ("1 · 6 ch · /4 · signed", "1"),
        ("3 · 10 ch · /8 · signed", "3"),
    )
    assert (pane.view.state, pane.view.status) == ("ready", "48 factorizations to come")
    assert (pane.pickers.ks.min, pane.pickers.ks.max) == (1, 10)


def test_what_is_chosen_is_computed(pane) -> None:
    pane.pickers.layers.value = ("2",)
    pane.pickers.ks.value = (2, 3)
    assert pane.view.status == "6 factorizations to come"
    pane.pickers.seeds.value = 1
    assert asked(pane) == (["2"], [2, 3], [0])
    assert (pane.view.state, pane.view.status) == ("ready", "2 factorizations to come")
    pane.view.start()
    pane.view.wait(60)
    assert [(p["layer"], p["k"], p["seed"]) for p in pane.view.points] == [("2", 2, 0), ("2", 3, 0)]
    pane.pickers.ks.value = (3, 3)
    assert [p["k"] for p in pane.view.points] == [3]
    pane.pickers.layers.value = ("2", "3")
    assert pane.view.status == "1 factorization to come"


def test_a_choice_while_it_runs_takes_its_place(pane, network) -> None:
    gate, entered = network[0].gate, network[0].entered
    entered.clear()
    gate.clear()
    try:
        pane.view.start()
        assert entered.wait(20)
        pane.pickers.seeds.value = 1
        pane.pickers.ks.value = (1, 2)
        assert pane.view.state == "running"
    finally:
        gate.set()
    pane.view.wait(60)
    assert (pane.view.state, pane.view.status) == ("done", "done · 4 of 4")


def test_no_layer_and_no_seed_cannot_be_chosen(pane) -> None:
    pane.pickers.layers.value = ("3",)
    pane.pickers.layers.value = ()
    pane.pickers.seeds.value = 0
    assert asked(pane) == (["3"], [1, 2, 3, 4, 5, 6, 7, 8], [0])
    assert shown(pane) == (["3"], (1, 8), 1)


def test_a_k_that_a_layer_is_too_small_for_is_one_sentence(pane) -> None:
    pane.pickers.layers.value = ("2",)
    pane.pickers.seeds.value = 1
    pane.view.start()
    pane.view.wait(60)
    assert (pane.view.state, len(pane.view.points)) == ("failed", 6)
    assert pane.view.error.startswith("k must be in 1..6")
    pane.pickers.ks.value = (1, 6)
    pane.view.start()
    pane.view.wait(60)
    assert pane.view.state == "done"


def test_the_pickers_follow_code_and_leave_it_as_it_is(pane) -> None:
    pane.view.layers, pane.view.ks, pane.view.seeds = ["1", "nope"], [1, 5, 20], [3, 7]
    assert asked(pane) == (["1", "nope"], [1, 5, 20], [3, 7])
    assert shown(pane) == (["1", "nope"], (1, 20), 2)
    assert pane.view.status == "12 factorizations to come"
    pane.pickers.layers.value = ("1",)
    assert asked(pane) == (["1"], [1, 5, 20], [3, 7])


def test_what_was_chosen_stays_with_other_images_as_far_as_it_fits(pane, explorer) -> None:
    pane.pickers.layers.value, pane.pickers.ks.value, pane.pickers.seeds.value = ("3",), (2, 4), 2
    before = pane.view
    explorer.images = explorer.images.subset([0, 1])
    explorer.wait(30)
    assert pane.view is not before
    assert pane.view.images is explorer.images
    assert shown(pane) == (["3"], (2, 4), 2)
    explorer.sweep = False
    explorer.sweep = True
    assert pane.children == (pane.pickers, pane.view)
    assert asked(pane) == (["3"], [2, 3, 4], [0, 1])
    explorer.network = conv(3, 5)
    explorer.wait(30)
    assert asked(pane) == (["1"], [2, 3, 4], [0, 1])
    assert [name for _, name in pane.pickers.layers.options] == ["1", "0"]


def conv(channels: int, more: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(channels, more, 3, stride=2), nn.ReLU())


def test_a_larger_k_of_the_explorer_is_offered(images) -> None:
    explorer = dff.DFFExplorer(images, network=conv(3, 16), k=12, size=64, sweep=True)
    explorer.wait(30)
    assert explorer.error is None
    assert explorer.sweeping.pickers.ks.max == 12


def test_a_layer_by_its_second_name_can_be_swept(images) -> None:
    network = nn.Sequential(conv(3, 6), conv(6, 10), conv(10, 12))
    explorer = dff.DFFExplorer(images, network=network, layer="1.1", k=2, size=64, sweep=True)
    explorer.wait(30)
    assert explorer.error is None
    assert asked(explorer.sweeping)[0] == ["1.1", "0"]
    names = [name for _, name in explorer.sweeping.pickers.layers.options]
    assert names == ["1.1", "0", "0.0", "1.0", "1", "2.0", "2"]
