"""The same on the workers of a Dask cluster: chunks of images to extract, blocks of rows to iterate on.

H stays where its rows are: an iteration sends W (k, c) to every block, each block's task makes its columns of H from
those of the iteration before, and only H A (k, c) and H Hᵀ (k, k) come back, summed in a tree. Every task is a pure
function of others' results and of files, so what a lost worker held is computed again by Dask itself; there is no
scheduler here.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from distributed import Client, Future, WorkerPlugin, as_completed, get_worker
from torch import Tensor

from ..devices import pick_device
from ..factorization.blocks import Dense, Projected
from ..factorization.passes import Blocks, Local, Passes, Update
from ..factorization.rows import CHUNK, Progress, Projection
from ..images import ImageSet
from .chunks import Made, Make, Plan, ensure
from .rows import StoredRows, dense
from .store import Store

Array = npt.NDArray[Any]

_FAN_IN = 8  # of the tree in which sums are made
_SOON = 10  # priority of what frees memory


class Distributed:
    """A store as a matrix whose rows the workers of a cluster read: `nmf`, `Sketch` and `project` take it.

    Args:
        store: which; its folder must have the same path on every worker.
        client: made by the caller, for a LocalCluster or any other. Workers with a GPU compute on it.
        blocks: into how many blocks the rows are cut, each a task; by default four for each thread of the workers.
    """

    def __init__(self, store: Store, client: Client, *, blocks: int | None = None) -> None:
        self.store, self.client, self.shape = store, client, store.shape
        if blocks is None:
            blocks = 4 * max(1, sum(client.nthreads().values()))
        elif blocks < 1:
            raise ValueError(f"blocks is {blocks}; give at least 1")
        edges = sorted({round(len(store.chunks) * i / blocks) for i in range(blocks + 1)})
        parts = [_light(store, slice(a, b)) for a, b in pairwise(edges)]
        ends = accumulate(part.shape[0] for part in parts)
        self.blocks = tuple(_Stored(part, end) for part, end in zip(parts, ends, strict=True) if part.shape[0])

    def as_rows(self, device: str | torch.device) -> _DistributedRows:
        """What the algorithms read."""
        return _DistributedRows(self, device)


def _light(store: Store, chunks: slice) -> Store:
    """What a worker needs to read some chunks, and no more: it is sent to each block."""
    here = store.chunks[chunks]
    shape = sum(chunk.rows for chunk in here), store.shape[1]
    nothing: dict[str, Any] = {"shapes": (), "sizes": (), "skipped": (), "images": ImageSet((), ()), "origin": None}
    return replace(store, chunks=here, shape=shape, gram=np.empty((0, 0)), **nothing)


class _Stored:
    """A block that a worker reads each time: a store of its chunks alone, and where its rows are in the whole."""

    def __init__(self, store: Store, stop: int) -> None:
        self.store, self.rows = store, slice(stop - store.shape[0], stop)

    def blocks(self, device: torch.device) -> Blocks:
        for rows, X in dense(self.store, device, CHUNK):
            yield rows, Dense(X)


class _Projected:
    """A block of ``Y = A V`` that a worker keeps, also on its GPU."""

    def __init__(self, Y: Array, V: Array) -> None:
        self.Y, self.V = Y, V
        self.there: tuple[torch.device, Projected] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "there": None}

    def __sizeof__(self) -> int:
        return self.Y.nbytes

    def blocks(self, device: torch.device) -> Blocks:
        if self.there is None or self.there[0] != device:
            self.there = device, Projected(_tensor(self.Y, device), _tensor(self.V, device))
        yield slice(0, len(self.Y)), self.there[1]


class _DistributedRows(StoredRows):
    """Rows that workers read; what is asked for rarely (single rows, a residual) is read here."""

    def __init__(self, matrix: Distributed, device: str | torch.device) -> None:
        super().__init__(matrix.store, "cpu")
        self.there, self.client, self.parts = device, matrix.client, matrix.blocks

    def passes(self) -> Passes:
        return _Remote(self.client, self.parts, self.parts, self.there)

    def project(self, V: Tensor, progress: Progress | None = None) -> Projection:
        axes = _told(self.client, V.numpy())
        kept = self.client.map(_project, self.parts, V=axes, device=self.there, pure=False)
        if progress is not None:
            done = 0
            rows = {future: part.store.shape[0] for future, part in zip(kept, self.parts, strict=True)}
            for future in as_completed(kept, loop=self.client.loop):
                done += rows[future]
                progress(done, self.shape[0])
        return _RemoteProjection(_Remote(self.client, self.parts, kept, self.there))

    def each(self, function: Callable[[Tensor], Tensor], step: int) -> Iterator[tuple[slice, Tensor]]:
        options = {"function": _told(self.client, function), "step": step, "device": self.there}
        done = self.client.map(_each, self.parts, **options, pure=False)
        for part, future in zip(self.parts, done, strict=True):
            yield part.rows, torch.from_numpy(future.result())


class _RemoteProjection(Projection):
    axes = None  # Y is with the workers

    def __init__(self, passes: _Remote) -> None:
        self._passes = passes

    def passes(self) -> Passes:
        return self._passes


class _Start:
    """The first H in a file that workers read, for as long as a block may have to start anew."""

    def __init__(self, H: Tensor, folder: Path) -> None:
        own = Path(tempfile.mkdtemp(prefix=".start-", dir=folder))
        weakref.finalize(self, shutil.rmtree, own, ignore_errors=True)
        self.file = own / "H.npy"
        np.save(self.file, H.numpy())


@dataclass(frozen=True, eq=False)
class _Spread:
    """An H that lies with the workers: per block a future of (H (k, m), ...)."""

    blocks: list[Future]
    start: Any  # what a block may have to be made from again


class _Remote:
    """Passes whose H lies with the workers.

    Args:
        client: whose workers compute.
        parts: the rows of each block.
        blocks: per block what has ``blocks(device)``, or its future.
        device: of the workers.
    """

    def __init__(self, client: Client, parts: tuple[_Stored, ...], blocks: Any, device: str | torch.device) -> None:
        self.client, self.parts, self.blocks, self.device = client, parts, blocks, device

    def place(self, H: Tensor) -> _Spread:
        start = _Start(H, self.parts[0].store.path)
        return _Spread(self._map(_placed, [part.rows for part in self.parts], file=start.file), start)

    def step(
        self, H: _Spread, W: Tensor, update: Update, *, sweeps: int, beyond: Tensor | None
    ) -> tuple[_Spread, Tensor, Tensor]:
        steps = None if beyond is None else beyond.numpy()
        options = {"update": update, "sweeps": sweeps, "beyond": steps, "device": self.device}
        made = self._map(_step, self.blocks, H.blocks, W=_told(self.client, W.numpy()), **options)
        sums = self._map(_sums, made, priority=_SOON)
        Q, S = _tree(self.client, sums, _summed).result()
        return _Spread(made, H.start), _tensor(Q), _tensor(S)

    def pick(self, H: _Spread, factors: list[int]) -> _Spread:
        return _Spread(self._map(_picked, H.blocks, factors=factors), H.start)

    def merge(self, trial: _Spread, H: _Spread, taken: Tensor) -> _Spread:
        if bool(taken.all()):
            return trial
        return _Spread(self._map(_merged, trial.blocks, H.blocks, taken=taken.numpy()), H.start)

    def join(self, parts: list[_Spread]) -> _Spread:
        if len(parts) == 1:
            return parts[0]
        blocks = [list(together) for together in zip(*(part.blocks for part in parts), strict=True)]
        return _Spread(self._map(_joined, blocks), tuple(part.start for part in parts))

    def collect(self, H: _Spread) -> Tensor:
        found: Tensor | None = None
        for part, future in zip(self.parts, H.blocks, strict=True):
            block = future.result()[0]
            if found is None:
                found = torch.empty(len(block), self.parts[-1].rows.stop)
            found[:, part.rows] = _tensor(block)
        assert found is not None
        return found

    def _map(self, function: Callable[..., Any], *blocks: Any, **options: Any) -> list[Future]:
        futures: list[Future] = self.client.map(function, *blocks, **options, pure=False)
        return futures


def _told(client: Client, value: Any) -> Future:
    """A value that many tasks need: the scheduler keeps it, also for a worker that comes later."""
    return client.submit(_itself, value, pure=False, priority=_SOON)


def _tree(client: Client, values: list[Future], add: Callable[[list[Any]], Any]) -> Future:
    """The sum of the values, made where they are."""
    while len(values) > 1:
        groups = [values[i : i + _FAN_IN] for i in range(0, len(values), _FAN_IN)]
        values = client.map(add, groups, priority=_SOON, pure=False)
    return values[0]


# -------------------------------------------------------------------------------------------- tasks, on a worker
def _tensor(array: Array, device: str | torch.device = "cpu") -> Tensor:
    return torch.from_numpy(np.require(array, requirements="W")).to(device)  # what has travelled may be read-only


def _itself(value: Any) -> Any:
    return value


def _project(part: _Stored, V: Array, device: str | torch.device) -> _Projected:
    where = pick_device(device)
    axes = _tensor(V, where)
    return _Projected(torch.cat([(X @ axes).cpu() for _, X in dense(part.store, where, CHUNK)]).numpy(), V)


def _each(part: _Stored, function: Callable[[Tensor], Tensor], step: int, device: str | torch.device) -> Array:
    return torch.cat([function(X).cpu() for _, X in dense(part.store, pick_device(device), step)]).numpy()


def _placed(rows: slice, file: Path) -> tuple[Array]:
    return (np.ascontiguousarray(np.load(file, mmap_mode="r", allow_pickle=False)[..., rows]),)


def _step(
    block: Any, H: tuple[Array, ...], *, W: Array, update: Update, sweeps: int, beyond: Array | None, device: Any
) -> tuple[Array, Array, Array]:
    where = pick_device(device)
    passes = Local(lambda: block.blocks(where))
    steps = None if beyond is None else _tensor(beyond, where)
    new, Q, S = passes.step(_tensor(H[0], where), _tensor(W, where), update, sweeps=sweeps, beyond=steps)
    return new.cpu().numpy(), Q.cpu().numpy(), S.cpu().numpy()


def _sums(made: tuple[Array, Array, Array]) -> tuple[Array, Array]:
    return made[1:]


def _summed(sums: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    return _added([Q for Q, _ in sums]), _added([S for _, S in sums])


def _added(arrays: list[Array]) -> Array:
    return np.asarray(sum(arrays))


def _picked(H: tuple[Array, ...], factors: list[int]) -> tuple[Array]:
    return (H[0][factors],)


def _joined(parts: list[tuple[Array, ...]]) -> tuple[Array]:
    return (np.concatenate([part[0] for part in parts]),)


def _merged(trial: tuple[Array, ...], H: tuple[Array, ...], taken: Array) -> tuple[Array]:
    return (np.where(taken, trial[0], H[0]),)


# ---------------------------------------------------------------------------------------------------- extraction
class _Maker(WorkerPlugin):  # type: ignore[misc]
    """What makes activations, once on each worker, also on one that comes later: the network is sent only once."""

    def __init__(self, name: str, make: Make) -> None:
        self.name, self.make = name, make


def fill(client: Client, plan: Plan, images: ImageSet, make: Make, report: Progress) -> tuple[list[Made], Array]:
    """All chunks of a store, each a task that writes its file, and AᵀA (c, c) in float64.

    Args:
        client: whose workers extract.
        plan: of the store.
        images: all.
        make: see `create`.
        report: called after each chunk; what it raises ends the work.
    """
    plugin = _Maker(f"dff-{uuid.uuid4().hex[:12]}", make)
    client.register_plugin(plugin, name=plugin.name)
    numbers = list(range(len(plan)))
    parts = [images.subset(plan.members(number)) for number in numbers]
    try:
        done = client.map(_ensure, numbers, parts, plan=plan, maker=plugin.name, pure=False)
        grams = client.map(_gram, done, priority=_SOON, pure=False)
        made = client.map(_made, done, priority=_SOON, pure=False)
        del done
        gram = _tree(client, grams, _added)
        del grams
        images_done, number_of = 0, dict(zip(made, numbers, strict=True))
        for future, _ in as_completed(made, loop=client.loop, with_results=True):
            images_done += len(plan.members(number_of[future]))
            report(images_done, plan.images)
        return client.gather(made), gram.result()
    finally:  # also after an error or a cancel, when what is not begun is dropped with its futures
        client.unregister_worker_plugin(plugin.name)


def _ensure(number: int, images: ImageSet, plan: Plan, maker: str) -> tuple[Made, Array]:
    return ensure(plan, number, images, get_worker().plugins[maker].make, lambda _done, _total: None)


def _made(done: tuple[Made, Array]) -> Made:
    return done[0]


def _gram(done: tuple[Made, Array]) -> Array:
    return done[1]
