import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from dff_widgets.factorization import Sketch, likeness, nmf, suggest_k


def planted(k, seed=0, n=150, c=23):
    """k disjoint factors and a little noise: with more than k, what is left to explain is noise."""
    rng = np.random.default_rng(seed)
    H = np.eye(k)[rng.integers(0, k, n)] * rng.uniform(0.5, 1, (n, 1))
    W = np.eye(k)[np.arange(c) % k].T * rng.uniform(0.5, 1, c)
    return (H @ W + 0.02 * rng.random((n, c))).astype(np.float32)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_number_of_planted_factors_is_suggested(k):
    table = suggest_k(planted(k), range(1, 9))
    assert table.k == k
    assert table.reason.startswith(f"k = {k}: ")
    assert table.stability[table.ks.index(k)] > 0.99


def test_the_table_has_the_figures_it_says():
    A = planted(3)
    table = suggest_k(A, [1, 2, 3], seeds=[4, 9])
    for k, explained, stability in zip(table.ks, table.explained, table.stability, strict=True):
        first, other = nmf(Sketch(A, max_k=3), k, seed=4), nmf(Sketch(A, max_k=3), k, seed=9)
        assert explained == pytest.approx(1 - first.error**2, abs=1e-3)
        unit = [f.W / np.linalg.norm(f.W, axis=1, keepdims=True) for f in (first, other)]
        cosines = unit[0] @ unit[1].T
        best = cosines[linear_sum_assignment(-cosines)].mean()
        assert stability == pytest.approx(best, abs=1e-3)
    assert "held out" in str(table)


def test_left_out_entries_are_predicted_by_what_is_common_and_not_by_noise():
    rng = np.random.default_rng(0)
    noise = rng.random((200, 40)).astype(np.float32) ** 8
    table = suggest_k(noise, range(1, 7))
    assert table.held_out[-1] > table.held_out[0]  # each further factor fits noise
    assert table.explained[-1] > table.explained[0]  # which the explained share does not tell
    common = suggest_k(planted(4), range(1, 5))
    assert common.held_out[3] < 0.2 < common.held_out[0]


def test_signed_activations_and_few_channels():
    A = planted(2) - 0.1
    assert suggest_k(A, [1, 2, 3], solver="semi").k in (1, 2, 3)
    assert suggest_k(np.ones((30, 3), np.float32), [1]).k == 1


def test_progress_counts_every_fit_and_can_end_the_work():
    told = []
    suggest_k(planted(2), [1, 2], seeds=[0, 1, 2], progress=lambda *step: told.append(step))
    assert told == [(done, 5) for done in range(1, 6)]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        suggest_k(planted(2), [1, 2], progress=stop)


def test_likeness_does_not_mind_order_or_scale():
    W = np.random.default_rng(0).random((4, 9))
    np.testing.assert_allclose(likeness(W, 3 * W[[2, 0, 3, 1]]), 1)


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="0 k and 5 seeds"):
        suggest_k(planted(2), [])
    with pytest.raises(ValueError, match="two different seeds"):
        suggest_k(planted(2), [1, 2], seeds=[3, 3])
