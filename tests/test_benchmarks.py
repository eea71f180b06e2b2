"""Benchmarks that a machine without a GPU cannot run to their end begin all the same."""

import pytest
import torch

import benchmarks.gpu as gpu


def test_without_a_gpu_the_benchmark_says_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda module: None)
    gpu.main([])
    said = capsys.readouterr().out
    assert "no CUDA device" in said
    for name in gpu.RIVALS:
        assert f"{name} is not installed" in said


@pytest.mark.parametrize(("error", "fine"), [(0.5002, True), (0.52, False)])
def test_an_error_that_is_not_the_cpus_is_pointed_out(error, fine):
    assert ("too far" in gpu.agreement(error, 0.5)) != fine
