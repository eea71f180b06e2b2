"""A state as the kernel sends it, of the creatures: what the front end is tried on where there is no kernel.

``python -m tests.front.record shots/state.json`` writes one, as `tests/browser/fake_model.js` reads it.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import dff_widgets as dff
from dff_widgets.heatmaps import OKABE_ITO
from dff_widgets.tiles import contrast, encode_tile, pack_heat

FRONT = Path(dff.__file__).parent / "front"


def record(images: dff.ImageSet, *, ks: range = range(1, 11), size: int = 224) -> dict[str, Any]:
    """All traits of the app for these images, with the embedded network."""
    network = dff.load_network("efficientnet_lite0")
    acts = dff.extract(network, images, layer=network.default_layer, size=size)
    tree = dff.factor_tree(acts, ks)
    concepts = _concepts(tree)
    maps = {k: [tree[k].coarse_heatmaps(i) for i in range(len(images))] for k in tree}
    heat = b"".join(pack_heat([maps[k][i]])[0] for i in range(len(images)) for k in tree)
    levels = [_level(tree, k, concepts[k], maps[k]) for k in tree]
    first = tree.results[0]
    scores = {k: _named(tree[k], images) for k in tree} if images.parts is not None else {}
    k = 3 if 3 in list(tree) else max(tree)
    return {
        "k": k,
        "layer": first.layer,
        "place": {
            "key": "recorded", "images": "creatures", "n": len(images), "network": first.network, "layer": first.layer,
            "solver": "hals", "seed": 0, "size": size, "held": False, "shown": list(range(len(images))), "store": False,
            "k_max": max(tree),
        },
        "choices": _choices(network),
        "captions": list(images.names),
        "sizes": [list(s) for s in first.sizes],
        "photos": [encode_tile(images, i) for i in range(len(images))],
        "stack": {
            "key": "recorded", "ks": list(tree), "grids": [list(s) for s in first.shapes], "kept": len(images),
            "suggested": k, "levels": levels,
        },
        "heat": heat,
        "appearance": {
            "levels": {
                str(k): {
                    "colors": [OKABE_ITO[c % 7] for c in concepts[k]],
                    "names": scores[k]["names"] if scores else [[] for _ in range(k)],
                    "titles": [" + ".join(n) or f"factor {f}" for f, n in enumerate(scores[k]["names"])]
                    if scores
                    else [f"factor {f}" for f in range(k)],
                }
                for k in tree
            },
            "parked": {}, "known": sorted({p for s in scores.values() for p in s["parts"]}),
            "undoable": bool(scores), "redoable": False,
        },
        "scores": {**scores[k]["scores"]} if scores else _no_scores(),
        "status": {"text": "", "step": "", "done": 0, "total": 0, "left": None, "busy": False, "problem": None},
    }  # fmt: skip


def _concepts(tree: dff.FactorTree) -> dict[int, list[int]]:
    """A number per factor that the heirs keep: the child that has its parent's colour."""
    found: dict[int, list[int]] = {}
    free, before = 0, 0
    for k in tree:
        here = []
        for f in range(k):
            parent = tree.parent(k, f)
            if parent is not None and tree.color(k, f) == tree.color(before, parent):
                here.append(found[before][parent])
            else:
                here.append(free)
                free += 1
        found[k], before = here, k
    return found


def _level(tree: dff.FactorTree, k: int, concepts: list[int], maps: list[np.ndarray]) -> dict[str, Any]:
    result = tree[k]
    entries = np.concatenate([m.reshape(k, -1) for m in maps], axis=1)
    parents = [tree.parent(k, f) for f in range(k)]
    return {
        "k": k,
        "explained": float(1 - result.factorization.error**2),
        "shares": [float(s) for s in result.factorization.strength / result.factorization.strength.sum()],
        "gains": contrast(maps),
        "parents": [-1 if p is None else p for p in parents],
        "overlaps": [float(tree.overlap(k, f)) for f in range(k)],
        "concepts": concepts,
        "quantiles": np.rint(255 * np.percentile(entries, range(101), axis=1).T).astype(int).tolist(),
    }


def _named(result: dff.DFFResult, images: dff.ImageSet) -> dict[str, Any]:
    masks = result.masks()
    cover = dff.coverage(masks, images.parts)
    parts, table = list(cover.parts), np.asarray(cover)
    assigned = dff.assign(cover)
    names = [list(assigned.get(f, [])) for f in range(result.k)]
    scores = dff.iou(masks, images.parts, {f: n for f, n in enumerate(names) if n})
    iou = [float(scores[f]) if names[f] else None for f in range(result.k)]
    known = [v for v in iou if v is not None]
    return {
        "names": names,
        "parts": parts,
        "scores": {
            "k": result.k, "look": "heat", "iou": iou, "mean": float(np.mean(known)) if known else None,
            "coverage": np.nan_to_num(table).tolist(), "parts": parts, "threshold": 0.5, "covered": len(images),
            "of": len(images), "stale": False, "summary": "",
        },
    }  # fmt: skip


def _no_scores() -> dict[str, Any]:
    return {
        "k": 0, "look": "", "iou": [], "mean": None, "coverage": [], "parts": [], "threshold": 0.5, "covered": 0,
        "of": 0, "stale": False, "summary": "",
    }  # fmt: skip


def _choices(network: Any) -> dict[str, Any]:
    ends = {"blocks.0.0.bn2", "blocks.1.1.bn3", "blocks.2.1.bn3", "blocks.4.2.bn3", "bn2"}
    grids = {8: 28, 16: 14, 32: 7, 4: 56, 2: 112}
    return {
        "networks": [
            {"name": "efficientnet_lite0", "installed": True, "note": "embedded"},
            {"name": "vgg19", "installed": False, "note": "548 MB to download"},
            {"name": "resnet50", "installed": False, "note": "98 MB to download"},
        ],
        "layers": [
            {
                "name": layer.name, "grid": [grids.get(layer.stride, 14)] * 2, "channels": layer.channels,
                "stride": layer.stride, "signed": not layer.nonnegative, "ready": layer.name == network.default_layer,
                "scrub": layer.name in ends or layer.name == network.default_layer,
            }
            for layer in network.layers
        ],
        "solvers": [["hals", "HALS"], ["mu", "multiplicative updates"]],
        "datasets": [
            {"name": "creatures", "title": "Creatures", "note": "12 drawn animals with part masks"},
            {"name": "gymnast", "title": "Gymnast", "note": "9 photos to download"},
        ],
        "recent": ["/home/ada/photos/horses", "/data/voc/bird"],
        "exports": [
            {"format": "html", "title": "Page (HTML)", "suffix": ".html"},
            {"format": "png", "title": "Label maps (PNG)", "suffix": ""},
            {"format": "coco", "title": "COCO", "suffix": ".json"},
            {"format": "csv", "title": "Table (CSV)", "suffix": ".csv"},
        ],
    }  # fmt: skip


def encoded(value: Any) -> Any:
    """As the fake model decodes it: bytes as base64."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: encoded(v) for name, v in value.items()}
    return [encoded(v) for v in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(encoded(record(dff.datasets.creatures(n=12, seed=0, size=256), size=448))))
