import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.explore import KS, Stack


def test_it_is_the_tree_of_every_k(model, images, net) -> None:
    stack = model.stack
    assert stack.ks == KS
    assert len(stack) == 4
    assert [stack[k].k for k in stack.ks] == list(KS)
    assert 11 not in stack
    tree = dff.FactorTree.of(stack.tree.results)
    for k in KS[1:]:
        np.testing.assert_array_equal(tree[k].factorization.W, stack[k].factorization.W)  # it is in order already
        parents = stack.parents(k)
        assert parents == tuple(sorted(parents))  # siblings stand together
    assert stack.parents(1) == (-1,)


def test_it_can_be_made_longer_and_nothing_moves(model) -> None:
    results = list(model.stack.tree.results)
    short = Stack.of(model.stack.place, results[:4])
    long = Stack.of(model.stack.place, [*short.tree.results, *results[4:]])
    for k in short.ks:
        np.testing.assert_array_equal(short[k].factorization.W, long[k].factorization.W)
        assert short.parents(k) == long.parents(k)
        assert short.heirs(k) == long.heirs(k)


def test_an_heir_is_as_like_its_parent_as_their_presence_overlaps(model) -> None:
    stack = model.stack

    def presence(k):
        fac = stack[k].factorization
        return fac.H * np.linalg.norm(fac.W, axis=1)

    for k in KS[1:]:
        for heir, alike in stack.heirs(k).items():
            p, c = presence(k - 1)[:, stack.parents(k)[heir]], presence(k)[:, heir]
            assert alike == pytest.approx(np.minimum(p, c).sum() / np.maximum(p, c).sum(), rel=1e-4)
        assert len(stack.heirs(k)) == len(set(stack.parents(k)))
    assert stack.heirs(1) == {}


def test_what_it_explains(model) -> None:
    stack = model.stack
    for k in KS:
        assert stack.explained[k] == pytest.approx(1 - stack[k].factorization.error ** 2)
    assert len(stack.gains(3)) == 3
