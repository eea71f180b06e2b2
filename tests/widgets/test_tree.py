import io

import numpy as np
import pytest
import traitlets
from PIL import Image

import dff_widgets as dff
from dff_widgets.factorization import Factorization
from dff_widgets.widgets.tree import TreeView

SHAPES = ((4, 6), (5, 3), (2, 2))


@pytest.fixture
def tree() -> dff.FactorTree:
    rng = np.random.default_rng(0)
    rows = sum(h * w for h, w in SHAPES)
    images = dff.ImageSet.from_arrays(rng.integers(0, 256, (9 * h, 9 * w, 3), dtype=np.uint8) for h, w in SHAPES)
    sizes = tuple((9 * h, 9 * w) for h, w in SHAPES)

    def result(k: int) -> dff.DFFResult:
        H, W = rng.random((rows, k), dtype=np.float32) ** 3, rng.random((k, 7), dtype=np.float32)
        return dff.DFFResult(Factorization(H, W, 0.1, 1, True), images, SHAPES, sizes, "toy", "layer", 64)

    return dff.FactorTree.of(map(result, (1, 2, 4)))


def test_the_traits_are_the_tree(tree) -> None:
    view = TreeView(tree)
    assert [(n["k"], n["factor"]) for n in view.nodes] == list(tree.nodes)
    for node in view.nodes:
        k, factor = node["k"], node["factor"]
        if k == 1:
            assert node["parent"] == -1
            continue
        parent = view.nodes[node["parent"]]
        assert (parent["k"], parent["factor"]) == ({2: 1, 4: 2}[k], tree.parent(k, factor))
        assert node["overlap"] == tree.overlap(k, factor)
    assert sum(n["share"] for n in view.nodes if n["k"] == 4) == pytest.approx(1)
    assert view.colors == [c for level in tree.colors for c in level]
    assert view.names[:2] == ["factor 0", "factor 0"]
    assert repr(view) == "TreeView(7 factors of k = 1, 2, 4)"


def test_a_node_has_the_images_that_its_factor_fills_most_with_its_heat(tree) -> None:
    view = TreeView(tree)
    start, grids = 0, iter(view.grids)
    for node in view.nodes:
        result = tree[node["k"]]
        means = [result.coarse_heatmaps(i)[node["factor"]].mean() for i in range(3)]
        want = sorted(range(3), key=lambda i: -means[i])[:2]
        assert [view.captions[tile] for tile in node["tiles"]] == [f"image {i}" for i in want]
        for i, tile in zip(want, node["tiles"], strict=True):
            h, w = next(grids)
            assert (h, w) == SHAPES[i]
            assert Image.open(io.BytesIO(view.tiles[tile])).size == (9 * w, 9 * h)
            drawn = np.frombuffer(view.heat, np.uint8)[start : start + h * w].reshape(h, w)
            heat = result.coarse_heatmaps(i)[node["factor"]]
            assert np.all(drawn / 255 >= heat - 0.5 / 255 - 1e-6)  # contrast lifts, and keeps the order
            order = np.argsort(heat, axis=None)
            assert np.all(np.diff(drawn.ravel()[order].astype(int)) >= 0)
            start += h * w
    assert start == len(view.heat)


def test_more_images_than_there_are_and_names(tree) -> None:
    view = TreeView()
    assert repr(view) == "TreeView()"
    view.show(tree, images=9, names={(2, 1): "head"})
    assert all(sorted(node["tiles"]) == [0, 1, 2] for node in view.nodes)
    assert view.names.index("head") == 2


def test_a_selected_factor_makes_its_level_the_present_one(tree) -> None:
    view, seen = TreeView(tree), []
    view.observe(lambda change: seen.append(change["new"]), "selected")
    view.set_state({"selected": [4, 3], "k": 4})
    assert (view.selected, view.k) == ([4, 3], 4)
    view.selected = [2, 0]
    assert view.k == 2
    view.selected = []
    assert view.k == 2
    assert seen == [[4, 3], [2, 0], []]


@pytest.mark.parametrize("bad", [[3, 0], [2, 2], [2], [2, 0, 0]])
def test_a_factor_that_is_not_there_cannot_be_selected(tree, bad) -> None:
    view = TreeView(tree, selected=[2, 1])
    with pytest.raises(traitlets.TraitError, match=r"give \[\] or \[k, factor\] of a tree with k in \[1, 2, 4\]"):
        view.selected = bad
    assert view.selected == [2, 1]


def test_another_tree_keeps_what_it_also_has(tree) -> None:
    view = TreeView(tree, selected=[2, 1])
    view.show(dff.FactorTree.of([tree[1], tree[2]]))
    assert (view.selected, view.k, len(view.nodes)) == ([2, 1], 2, 3)
    view.show(dff.FactorTree.of([tree[4]]))
    assert (view.selected, view.k, len(view.nodes)) == ([], 0, 4)
    assert {node["parent"] for node in view.nodes} == {-1}


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="'kk'"):
        TreeView(kk=3)
