"""What an explorer shows, computed anew by the functions: the slow twin of whatever a person or an accident did."""

import json
from functools import cache

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.dff import apply, factorize_stack
from dff_widgets.explore.annotating import rule_of


@cache
def activations(net, images, shown, layer, size):
    return dff.extract(net, images.subset(shown) if shown else images, layer=layer, size=size, batch_size=4)


@cache
def factors(k, solver, seed, *where):
    acts = activations(*where)
    most = min(acts.matrix.shape)
    sketch = dff.Sketch(acts.matrix, rank=min(64, most))
    ks = range(1, min(10, most) + 1)
    return factorize_stack(acts, ks, matrix=sketch, solver=solver, seed=seed)[k - 1]


def anew(explorer):
    """What the explorer's settings give, computed by the functions, with the factors in the explorer's order."""
    e = explorer
    where = (e.network, e.images, e.shown, e.layer, e.size)
    W = np.asarray(e.result.factorization.W)
    if e.basis is not None:
        found = apply(e.basis.W, activations(*where))
    else:
        found = factors(e.k, e.solver, e.seed, *where)
    its = np.asarray(found.factorization.W)
    found = found.reorder([int(np.abs(its - row).sum(axis=1).argmin()) for row in W])
    np.testing.assert_allclose(found.factorization.W, W, rtol=1e-4, atol=1e-6)
    return found


def plain_iou(masks, parts, labels, declares):
    """Eqs. 8-9 of the paper, pixel by pixel, over the images that declare the parts; None where none does."""
    met, scores = {name for here in parts for name in here}, []
    for f, names in labels.items():
        wanted, both, either, images = [name for name in names if name in met], 0, 0, 0
        for i, (mask, here) in enumerate(zip(masks, parts, strict=True)):
            if not all(name in here or name in declares[i] for name in wanted):
                continue
            part = np.zeros(mask.shape[1:], dtype=bool)
            for name in wanted:
                part |= here.get(name, False)
            both, either = both + (mask[f] & part).sum(), either + (mask[f] | part).sum()
            images += 1
        scores.append(both / max(either, 1) if wanted and images else None)
    return scores


def measured_as_it_is(explorer, found, parts):
    """The scores are those of masks of this result, against these parts."""
    e, counted = explorer, [i for i, here in enumerate(parts) if here]
    percentile, threshold = rule_of(e.model.state)
    masks = found.masks(percentile, threshold=threshold)
    everything = {name for here in e.images.parts for name in here}  # an image with masks has no part but these
    declares = [everything if found.images.parts[i] else () for i in counted]
    want = plain_iou([masks[i] for i in counted], [parts[i] for i in counted], e.labels, declares)
    assert e.iou == [None if v is None else pytest.approx(v, abs=1e-3) for v in want]
    assert e.panel.covered == len(counted)


def drawn_as_it_is(explorer):
    """What crosses to the browser is what the model has."""
    e, state = explorer, explorer.get_state()
    result, stack = e.result, state["stack"]
    assert e.k == result.k == len(e.labels) == len(e.iou) == len(set(e.colors)) == state["k"]
    assert e.layer == result.layer == state["layer"] == state["place"]["layer"]
    assert -1 <= e.selected < e.k
    assert len(e.opacity) == len(e.visible) == e.k
    look = state["appearance"]["levels"][str(e.k)]
    assert look["colors"] == e.colors
    assert look["titles"] == [e.labels.title(f) for f in range(e.k)]
    assert stack["key"] == state["place"]["key"]
    assert len(state["heat"]) == sum(stack["ks"]) * sum(h * w for h, w in stack["grids"][: stack["kept"]])
    assert len(state["captions"]) == len(state["sizes"]) == len(state["photos"]) == len(result)
    assert state["scores"]["iou"] == e.iou
    json.dumps({n: v for n, v in state.items() if n not in ("photos", "heat")}, allow_nan=False)
