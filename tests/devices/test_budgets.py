"""How much each work may wait for a device, launch on it, and carry to it and back; counted on a pretended one."""

import numpy as np
import pytest
import torch

from dff_widgets.factorization import Sketch, nmf, nmf_stack, project
from dff_widgets.heat.crf import refine

from .pretended import Pretended

RNG = np.random.default_rng(0)
A = (RNG.gamma(0.5, 1, (1200, 5)) @ RNG.gamma(0.5, 1, (5, 90)) + 0.1 * RNG.random((1200, 90))).astype(np.float32)
CHECKS = 0.1  # an iteration: one question in ten


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def counted(work, repetitions):
    """What one more iteration takes: syncs, launches, bytes up and down; as (per iteration, the rest)."""
    found = []
    for count in (10, 10 + repetitions):
        with Pretended("cuda") as seen:
            work(count)
        found.append(
            np.array([sum(seen.syncs.values()), sum(seen.launches.values()), seen.bytes_up, seen.bytes_down], float)
        )
    each = (found[1] - found[0]) / repetitions
    return each, found[0] - 10 * each


@pytest.mark.parametrize("n_init", [1, 4])
@pytest.mark.parametrize(
    ("solver", "syncs", "launches"),
    [("hals", CHECKS, 175), ("mu", CHECKS, 75), ("semi", 1 + CHECKS, 240)],  # semi-NMF's pinv (k, k) is the CPU's
)
def test_an_iteration_waits_for_the_device_once_in_ten(solver, syncs, launches, n_init):
    each, rest = counted(lambda n: nmf(A, 4, solver=solver, n_init=n_init, max_iter=n, tol=0, device="cuda"), 10)
    assert each[0] <= syncs + 1e-9
    assert each[1] <= launches
    squares = 8 * (4 * n_init) ** 2 * (solver == "semi")
    assert each[2] <= 500 + squares  # where a problem ends, the others are told by their numbers
    assert each[3] <= 200 * n_init + squares
    starts = n_init * (1200 + 90) * 4 * 4
    assert rest[0] <= 8 + (2 * n_init if solver == "semi" else 0)  # rows of A are looked up for its start
    assert rest[2] <= A.nbytes + starts + 1000
    assert rest[3] <= 2 * starts


def test_a_fit_on_a_sketch_takes_nothing_of_a_there():
    with Pretended("cuda") as seen:
        sketch = Sketch(A, 30, device="cuda")
        assert sum(seen.syncs.values()) <= 4
        assert seen.bytes_up <= A.nbytes + 1000
        seen.reset()
        n_iter = nmf(sketch, 4, tol=0, max_iter=60).n_iter
        assert sum(seen.syncs.values()) <= CHECKS * (n_iter + 20) + 4
        assert seen.bytes_up <= 4 * 4 * (1200 + 90) + 1000
        seen.reset()
        stack = nmf_stack(sketch, range(1, 8))
        longest = max(fac.n_iter for fac in stack)
        assert sum(seen.syncs.values()) <= CHECKS * (longest + 30) + 2 * len(stack) + 2  # H and W of each come back
        assert seen.bytes_up <= 4 * 28 * (1200 + 90) + 20_000


def test_known_factors_are_found_in_a_few_rounds():
    with Pretended("cuda") as seen:
        project(A, RNG.random((4, 90)).astype(np.float32), device="cuda")
    assert sum(seen.syncs.values()) <= 15  # three a round of pivoting: which rows are not solved yet
    assert sum(seen.launches.values()) <= 400
    assert seen.bytes_up <= A.nbytes + 5000
    assert seen.bytes_down <= 2 * 4 * 4 * 1200


def test_refinement_takes_the_image_and_its_maps_there_and_the_maps_back():
    image = RNG.integers(0, 256, (90, 131, 3), dtype=np.uint8)
    maps = RNG.random((3, 90, 131)).astype(np.float32)
    with Pretended("cuda") as seen:
        refine(image, maps, np.full(3, 0.5, np.float32), device="cuda")
    assert sum(seen.syncs.values()) <= 7
    assert sum(seen.launches.values()) <= 170
    assert seen.bytes_up <= maps.nbytes + image.nbytes + 1000
    assert seen.bytes_down <= maps.nbytes
