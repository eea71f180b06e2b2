import dataclasses

import numpy as np
import pytest
import torch

import dff_widgets as dff
from dff_widgets.extraction import rest_of
from dff_widgets.inspection.curves import deletion_insertion
from tests.worth_networks import factorized


def test_deletion_and_insertion_meet_at_their_ends():
    network, activations, result = factorized("pooled", k=3)
    worth = dff.importance(result, [0, 2], method="removal", network=network, activations=activations)
    with rest_of(result, network, activations=activations) as rest:
        none, whole = (
            torch.cat([rest.run([i], rest.mixed(i, torch.full((1, 3), w))) for i in range(3)]).softmax(1).mean(0)
            for w in (0.0, 1.0)
        )
    for curves in deletion_insertion(result, worth, network=network, activations=activations):
        assert curves.deletion.shape == curves.insertion.shape == (4,)
        assert curves.deletion[0] == pytest.approx(float(whole[curves.cls]), rel=1e-4)
        assert curves.deletion[-1] == pytest.approx(float(none[curves.cls]), rel=1e-4)
        assert curves.insertion[0] == pytest.approx(curves.deletion[-1], rel=1e-4)
        assert curves.insertion[-1] == pytest.approx(curves.deletion[0], rel=1e-4)
        assert curves.deletion_area == pytest.approx(np.trapezoid(curves.deletion, np.linspace(0, 1, 4)))


def test_the_right_order_deletes_sooner_than_its_opposite():
    network, activations, result = factorized("pooled", k=3)
    worth = dff.importance(result, 0, method="removal", network=network, activations=activations)
    wrong = dataclasses.replace(worth, values=-worth.values)
    (right,), (other,) = (
        deletion_insertion(result, each, network=network, activations=activations) for each in (worth, wrong)
    )
    assert right.deletion_area < other.deletion_area
    assert right.insertion_area > other.insertion_area


def test_the_importance_of_another_result_is_refused():
    network, activations, result = factorized("pooled", k=3)
    worth = dff.importance(result, 0, network=network, activations=activations)
    _, _, other = factorized("pooled", k=2)
    with pytest.raises(ValueError, match=r"of \(3, 3\) images and factors; the result has \(3, 2\)"):
        deletion_insertion(other, worth, network=network)
