"""Nothing that a person does waits for the network: while a forward pass hangs, all else goes on."""

import threading
import time

import numpy as np
import pytest

from dff_widgets.explore import Basis, Model
from dff_widgets.explore.labelling import Labelling

from .conftest import network, photos

AT_ONCE = 0.5  # seconds; what is waited for hangs until it is let go


class Hanging:
    """A model in the middle of a forward pass that ends when it is let go."""

    def __init__(self) -> None:
        self.net = network()
        self.entered, self.gate = threading.Event(), threading.Event()
        self.model = Model(photos(), network=self.net, size=64, k=3, foresee=False)
        self.model.wait(60)
        self.panel = Labelling(self.model)
        self.panel.wait(60)

    def hang(self) -> None:
        def entered() -> None:
            self.entered.set()
            assert self.gate.wait(60)

        self.net[0].entered = entered
        self.model.ask(size=80)
        assert self.entered.wait(60)

    def let_go(self) -> None:
        self.net[0].entered = lambda: None
        self.gate.set()


@pytest.fixture
def hanging():
    made = Hanging()
    yield made
    made.let_go()
    made.model.close()
    made.model._jobs.wait(60)


def timed(action):
    begun = time.monotonic()
    action()
    assert time.monotonic() - begun < AT_ONCE


def test_a_look_or_another_k_is_chosen_at_once(hanging):
    hanging.hang()
    timed(lambda: hanging.model.ask(look="masks", percentile=50))
    timed(lambda: hanging.model.ask(k=5))
    assert hanging.model.busy
    assert hanging.model.result.k == 3  # of the last place, until there is another
    hanging.let_go()
    hanging.model.wait(60)
    assert (hanging.model.result.k, hanging.model.result.size) == (5, 80)
    assert hanging.net[0].passes < 4 + 4 + 4 + 6  # the pass that hung was not begun again


def test_going_back_to_what_is_there_is_at_once(hanging):
    result = hanging.model.result
    hanging.hang()
    timed(lambda: hanging.model.ask(size=64))
    assert not hanging.model.busy
    assert hanging.model.result is result


def test_the_latest_request_wins(hanging):
    hanging.hang()
    timed(lambda: hanging.model.ask(size=96))
    timed(lambda: hanging.model.ask(size=112))
    hanging.let_go()
    hanging.model.wait(60)
    assert hanging.model.result.size == hanging.model.state.size == 112


def test_names_and_scores_go_on(hanging):
    hanging.hang()
    timed(lambda: setattr(hanging.panel, "labels", {0: ["head"]}))
    assert hanging.panel.labels == {0: ["head"]}
    timed(hanging.panel.undo)


def test_a_session_is_saved_and_loaded_at_once(hanging, tmp_path):
    hanging.panel.save(tmp_path / "a.dff")
    hanging.hang()
    timed(lambda: hanging.panel.save(tmp_path / "b.dff"))
    timed(lambda: hanging.panel.load(tmp_path / "a.dff"))
    hanging.let_go()
    hanging.model.wait(60)
    assert hanging.model.error is None
    assert hanging.model.state.size == 64


def test_factors_of_a_session_need_no_pass_even_while_one_hangs(hanging):
    result = hanging.model.result
    hanging.hang()
    timed(lambda: hanging.model.ask(size=64, basis=Basis(np.asarray(result.factorization.W), result)))


def test_other_images_are_opened_at_once(hanging):
    hanging.hang()
    other = photos(2, seed=3)
    timed(lambda: hanging.model.ask(images=other))
    assert hanging.model.result is None
    hanging.let_go()
    hanging.model.wait(60)
    assert len(hanging.model.result) == 2


def test_cancel_goes_back_to_what_is_shown(hanging):
    result = hanging.model.result
    hanging.hang()
    timed(hanging.model.cancel)
    hanging.let_go()
    hanging.model.wait(60)
    assert hanging.model.status.text == "cancelled"
    assert hanging.model.error is None
    assert hanging.model.state.size == 64
    assert hanging.model.result is result


def test_what_was_cancelled_can_be_asked_for_again_at_once(hanging):
    hanging.hang()
    hanging.model.cancel()
    hanging.model.ask(size=80)
    hanging.let_go()
    hanging.model.wait(60)
    assert hanging.model.result.size == hanging.model.state.size == 80


def test_wait_gives_up_with_a_sentence(hanging):
    hanging.hang()
    with pytest.raises(TimeoutError, match=r"not done after 0\.05 s"):
        hanging.model.wait(0.05)


def test_closing_is_at_once_and_the_work_ends_within_a_batch(hanging):
    hanging.hang()
    passes = hanging.net[0].passes
    timed(hanging.model.close)
    hanging.let_go()
    assert hanging.model._jobs.wait(60)
    assert hanging.net[0].passes <= passes + 4
    assert hanging.model.pipeline.known_network(hanging.net) is None


def test_two_models_share_a_module_and_neither_waits_for_the_other_to_be_asked(hanging):
    hanging.hang()
    other = Model(photos(2, seed=4), network=hanging.net, size=64, k=2, foresee=False)
    timed(lambda: other.ask(k=3))
    timed(other.cancel)
    timed(other.close)
    hanging.let_go()
    other._jobs.wait(60)
