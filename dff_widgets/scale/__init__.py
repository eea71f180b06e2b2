"""More images than memory holds: activations on disk, factorized block by block, on this machine or on a cluster.

    store = dff.scale.extract("efficientnet_lite0", images, "creatures.store")      # or Store.open("creatures.store")
    result = dff.scale.factorize(store, k=4)                                        # DFFResult
    dff.nmf(store, k=4); sketch = dff.Sketch(store, rank=64); dff.project(store, W)

and on the workers of a ``dask.distributed.Client`` that you made::

    store = dff.scale.extract("efficientnet_lite0", images, "creatures.store", client=client)
    result = dff.scale.factorize(store, k=4, client=client)
    spread = dff.scale.distribute(store, client)    # stands wherever a store does: dff.nmf(spread, k=4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..dff import checked_focus, focused
from ..dff import factorize as factorize_extracted
from ..factorization import Sketch
from ..result import DFFResult
from .fill import create, extract
from .store import Store

if TYPE_CHECKING:
    from distributed import Client

    from .cluster import Distributed

__all__ = ["Store", "create", "distribute", "extract", "factorize"]


def factorize(
    store: Store,
    k: int,
    *,
    sketch: Sketch | None = None,
    client: Client | None = None,
    focus: str | None = None,
    **options: Any,
) -> DFFResult:
    """Factorize a store into k factors, strongest first.

    Memory holds some blocks and H (rows, k), a few times over while it iterates. Heat maps, boxes, thresholds and
    ``lazy_masks`` of the result are made image by image.

    Args:
        store: from `extract` or `Store.open`.
        k: number of factors.
        sketch: of the store, for several k.
        client: a ``dask.distributed.Client`` whose workers compute; see `distribute`.
        focus: as in `DeepFeatureFactorization`; the object is found here, and its parts on the workers.
        options: of `nmf`.

    Returns:
        DFFResult.

    Raises:
        ValueError: as `nmf`; or the focus is something else, or there is no finer layer.
    """
    if checked_focus(focus) is not None and client is not None:
        found = factorize(store, 1, client=client, **options)
        return found if k == 1 else factorize(focused(store, found), k, client=client, **options)
    if focus is not None:
        return factorize_extracted(store, k, matrix=sketch, focus=focus, **options)
    matrix = sketch or (None if client is None else distribute(store, client))
    return factorize_extracted(store, k, matrix=matrix, **options)


def distribute(store: Store, client: Client, **options: Any) -> Distributed:
    """The store as a matrix whose rows the workers of a cluster read; see `cluster.Distributed`.

    Raises:
        ImportError: dask is not installed.
    """
    try:
        from .cluster import Distributed
    except ModuleNotFoundError as error:
        raise ImportError("a cluster needs dask: pip install 'dff-widgets[scale]'") from error
    return Distributed(store, client, **options)
