"""The closer without a widget and without threads."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import dff_widgets as dff
from dff_widgets.explore.closer import NOTHING, Closer
from dff_widgets.explore.jobs import CancelledError, Inline
from dff_widgets.factorization import Factorization

from ..small_networks import small

SHAPES, SIZES = ((8, 13), (9, 5)), ((96, 156), (108, 60))


def result_of(k: int, layer: str = "block") -> dff.DFFResult:
    rng = np.random.default_rng(k)
    images = dff.ImageSet.from_arrays(rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES)
    H = rng.random((sum(h * w for h, w in SHAPES), k), dtype=np.float32) ** 3
    factors = Factorization(H, rng.random((k, 6), dtype=np.float32), 0.0, 1, True)
    return dff.DFFResult(factors, images, SHAPES, SIZES, "small", layer, 64)


@pytest.fixture
def closer() -> Closer:
    return Closer(Inline)


def test_what_needs_no_network_comes_first(closer) -> None:
    said: list[dict[str, Any]] = []
    closer.publish = said.append
    closer.look(result_of(3), np.int64(1), small(), name="head")
    assert set(said[0]) == {"busy"}
    assert {"patches", "pictures", "spectrum", "distinct", "title"} <= set(said[1])
    assert set(said[2]) == {"classes", "busy"}
    assert closer.state["busy"] is False
    assert closer.state["classes"] == [dataclasses.asdict(c) for c in dff.classes(result_of(3), 1, small())]
    assert set(closer.state) == set(NOTHING)
    assert type(closer.state["factor"]) is int


def test_one_factor_leaves_nothing_of_another_behind(closer) -> None:
    closer.look(result_of(3), 0, small())
    closer.look(result_of(1), 0)
    assert closer.state["distinct"] == closer.state["classes"] == []
    assert closer.state["note"].startswith("Give network=")
    closer.clear()
    assert closer.state == {**NOTHING}


def test_another_name_or_colour_looks_at_nothing_again(closer) -> None:
    closer.look(result_of(2), 1)
    before = dict(closer.state)
    closer.head(title="tail", color="#123456")
    assert {n for n in before if before[n] != closer.state[n]} == {"title", "color"}


def test_a_factor_that_is_not_there_changes_nothing(closer) -> None:
    with pytest.raises(ValueError, match="factor"):
        closer.look(result_of(2), 2)
    assert closer.state == {**NOTHING}


def test_what_is_no_longer_wanted_is_not_said() -> None:
    class Late(Inline):
        def submit(self, job: Any) -> None:
            self.job = job

    jobs: list[Late] = []

    def run(name: str) -> Late:
        jobs.append(Late(name))
        return jobs[-1]

    class Gone:
        def check(self) -> None:
            raise CancelledError

    closer = Closer(run)
    closer.look(result_of(2), 0)
    with pytest.raises(CancelledError):
        jobs[0].job(Gone())
    assert closer.state["factor"] == -1


def test_a_file_that_cannot_be_read_is_grey(closer, tmp_path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no image")
    result = result_of(2)
    broken = dff.ImageSet((path, result.images.sources[1]), ("a.png", "image 1"))
    closer.look(dataclasses.replace(result, images=broken), 0)
    assert len(closer.state["pictures"]) == len(closer.state["patches"]) > 0
