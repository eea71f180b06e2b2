"""The tree, the close-up and the sweep inside the explorer."""

import numpy as np

import dff_widgets as dff


def test_a_click_on_the_tree_goes_to_that_k_with_that_factor_selected(explorer) -> None:
    explorer.hierarchy = True
    explorer.wait(30)
    view = explorer.branches.view
    assert len(view.nodes) == 1 + 2 + 3 + 4 + 5
    assert view.k == 2
    view.selected = [4, 2]
    explorer.wait(30)
    assert explorer.k == 4
    tree_colors = [c for c, node in zip(view.colors, view.nodes, strict=True) if node["k"] == 4]
    assert sorted(explorer.colors) == sorted(tree_colors)
    assert explorer.colors[explorer.selected] == tree_colors[2]
    assert explorer.gallery.colors == explorer.colors
    assert view.k == 4


def test_the_tree_follows_the_layer_and_names_and_goes_away(explorer) -> None:
    explorer.hierarchy = True
    explorer.wait(30)
    before = explorer.branches.view.heat
    explorer.layer = "2"
    explorer.labels = {0: ["head"]}
    explorer.wait(30)
    explorer.k = 3
    explorer.wait(30)
    assert explorer.branches.view.heat != before
    explorer.labels = {0: ["head"], 1: ["tail"]}
    assert "tail" in explorer.branches.view.names
    assert "head" in explorer.branches.view.names
    assert len(set(explorer.colors)) == 3
    explorer.hierarchy = False
    explorer.wait(30)
    assert explorer.branches.children == ()
    assert len(set(explorer.colors)) == 3


def test_a_tree_has_no_more_levels_than_the_activations_have_channels(images) -> None:
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(0)
        narrow = nn.Sequential(nn.Conv2d(3, 3, 5, stride=4), nn.ReLU())
    explorer = dff.DFFExplorer(images, network=narrow, k=2, size=64, hierarchy=True)
    explorer.wait(30)
    assert explorer.result is not None
    assert explorer.status.startswith("no tree") or len(explorer.branches.view.nodes) == 6
    assert not explorer.busy


def test_the_closeup_follows_the_selected_factor(explorer) -> None:
    explorer.closeup = True
    explorer.wait(30)
    assert "Select a factor" in explorer.closer.children[0].value
    explorer.selected = 1
    explorer.labels = {1: ["head"]}
    explorer.wait(30)
    inspector = explorer.closer.inspector
    assert (inspector.factor, inspector.title, inspector.color) == (1, "head", explorer.colors[1])
    assert len(inspector.patches) > 0
    explorer.k = 3
    explorer.wait(30)
    assert inspector.color == explorer.colors[explorer.selected]
    explorer.closeup = False
    assert explorer.closer.children == ()


def test_a_point_of_the_sweep_leads_to_its_result(explorer) -> None:
    explorer.sweep = True
    view = explorer.sweeping.view
    assert view.layers[0] == explorer.layer
    view.ks, view.seeds = [1, 2, 3], [0]
    view.start()
    view.wait(60)
    assert len(view.points) == 3 * len(view.layers)
    view.selected = {"layer": "2", "k": 3, "seed": 0}
    explorer.wait(30)
    assert (explorer.layer, explorer.k, explorer.seed) == ("2", 3, 0)
    explained = next(p["explained"] for p in view.points if p["layer"] == "2" and p["k"] == 3)
    assert np.isclose(explained, 1 - explorer.result.factorization.error**2, atol=0.02)
    explorer.sweep = False
    assert explorer.sweeping.children == ()


def test_an_open_image_follows_the_result_and_a_refined_one_has_the_raw_one_beside(explorer) -> None:
    explorer.panel.open_image(1)
    (view,) = explorer.panel.slot.children
    plain = (view.heat, view.grid)
    explorer.refine = True
    explorer.wait(60)
    assert explorer.error is None
    assert view.result.maps is not None
    assert (view.raw, view.raw_grid) == plain
    assert view.heat != view.raw
    explorer.k = 3
    explorer.wait(60)
    assert len(view.names) == len(view.levels) == len(view.raw_gains) == 3
    explorer.refine = False
    explorer.wait(60)
    assert (view.raw, view.levels) == (b"", [])
