"""A thousand changes of an explorer, in bursts and with nonsense among them: it stays alive, right, and no larger."""

import contextlib
import dataclasses
import gc
import logging
import random
import re
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import traitlets as t
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from torch import nn

import dff_widgets as dff
from dff_widgets.explore import Basis

from .fresh import anew, drawn_as_it_is, measured_as_it_is

PARTS = ("head", "torso", "legs", "tail")
NAMES = (*PARTS, "the left ear")  # the last is in no image before it is painted
CHANGES = 1000


@cache
def image_set(which):
    """Two sets of creatures; their second image has no ground truth."""
    images = dff.datasets.creatures((5, 4)[which], seed=which, size=48 + 16 * which)
    return dataclasses.replace(images, parts=[here if i != 1 else {} for i, here in enumerate(images.parts)])


@cache
def network(seed):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(3, 6, 5, stride=4), nn.ReLU(), nn.Conv2d(6, 10, 3, stride=2), nn.ReLU())
        return nn.Sequential(*net, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(10, 4))


# ----------------------------------------------------------------------------------------------- what can be changed
GOOD = {
    "k": st.integers(1, 5),
    "layer": st.sampled_from(["", "1", "3"]),
    "network": st.integers(0, 1).map(network),
    "solver": st.sampled_from(["hals", "mu", "semi"]),
    "seed": st.integers(0, 3),
    "size": st.sampled_from([48, 64]),
    "images": st.integers(0, 1).map(image_set),
    "shown": st.sets(st.integers(0, 3), max_size=3).map(lambda s: tuple(sorted(s))),
    "percentile": st.sampled_from([0.0]) | st.floats(1, 100),
    "threshold": st.sampled_from([None, "auto", "otsu"]),
    "look": st.sampled_from(["heat", "sharp", "masks"]),
    "photo": st.sampled_from(["grey", "colour", "dim"]),
    "tab": st.sampled_from(["gallery", "tree"]),
    "tile_size": st.integers(40, 300),
    "opened": st.integers(-1, 3),
    "held": st.just(False),
    "sort": st.sampled_from(["as given", "name", "factor"]),
    "filter": st.sampled_from(["", "creature", "3", "nothing"]),
    "selected": st.integers(-1, 0),
}
BAD = [
    ("k", 0),
    ("k", 99),
    ("k", "3"),
    ("layer", "nope"),
    ("layer", "2"),  # signed
    ("layer", "6"),  # not spatial
    ("network", "vgg91"),
    ("network", 7),
    ("solver", "newton"),
    ("seed", -1),
    ("size", 3),
    ("images", []),
    ("images", "/no/such/folder"),
    ("shown", (99,)),
    ("shown", (-1,)),
    ("shown", (0, 0)),
    ("shown", ("first",)),
    ("basis", Basis(np.ones((2, 3)))),
    ("basis", Basis(np.full((2, 10), np.nan))),
    ("percentile", 101),
    ("percentile", float("nan")),
    ("threshold", "best"),
    ("labels", {99: ["head"]}),
    ("labels", {0: [" "]}),
    ("opacity", [0.5] * 9),
    ("opacity", [2.0]),
    ("visible", []),
    ("selected", 9),
    ("sort", "size"),
    ("look", "blurred"),
    ("tile_size", -1),
    ("opened", 99),
]
KINDS = st.sampled_from(list(GOOD)).flatmap(lambda name: st.tuples(st.just(name), GOOD[name]))
NONSENSE = [
    {},
    None,
    {"do": "name", "factor": 99, "text": "x"},
    {"do": "tiles", "of": [99]},
    {"do": "sharp", "k": 99, "of": [0]},
    {"do": "page"},
    {"do": "images", "path": "/no/such/folder"},
    {"do": "assign", "threshold": "much"},
    {"pane": "closer", "do": "dance"},
]


class Truth:
    """What the part masks should be: every state of them that there was, and a place among these."""

    def __init__(self, images):
        self.images, self.states, self.at = images, [{}], 0

    def of(self, source):
        i = next(i for i, mine in enumerate(self.images.sources) if mine is source)
        return {**self.images.parts[i], **{part: m for (j, part), m in self.states[self.at].items() if i == j}}

    def paint(self, i, part, where, erase):
        size = self.images.size(i)
        before = self.states[self.at].get((i, part), self.images.parts[i].get(part, np.zeros(size, dtype=bool)))
        after = before & ~where if erase else before | where
        if (after != before).any():
            self.states[self.at + 1 :] = [{**self.states[self.at], (i, part): after}]
            self.at += 1

    def step(self, way):
        self.at = min(max(self.at + way, 0), len(self.states) - 1)


# -------------------------------------------------------------------------------------------------------- the soak
class Soak(RuleBasedStateMachine):
    """Every rule changes something and goes on at once, with what is computed still on its way; `settle` looks."""

    def __init__(self, problems, counts, path):
        super().__init__()
        self.problems, self.counts, self.path = problems, counts, path
        self.explorer = dff.DFFExplorer(image_set(0), network=network(0), k=2, size=48, foresee=False)
        self.truths = {which: Truth(image_set(which)) for which in (0, 1)}  # what is painted stays with its images
        self.asked, self.nonsense, self.refusal, self.loaded = {}, False, None, None

    @property
    def truth(self):
        return next(truth for truth in self.truths.values() if truth.images is self.explorer.images)

    def set(self, name, value):
        self.counts["changes"] += 1
        setattr(self.explorer, name, value)

    @rule(change=KINDS)
    def change(self, change):
        name, value = change
        if name in ("images", "network"):  # these bring others along
            self.asked = {n: v for n, v in self.asked.items() if n not in ("layer", "shown", "opened")}
        self.asked[name] = value
        if name == "selected" or value == "":  # a factor may be gone in the next result; a layer is named by then
            del self.asked[name]
        self.set(name, value)

    @rule(changes=st.lists(KINDS, min_size=2, max_size=6))
    def burst(self, changes):
        for change in changes:
            self.change(change)

    @rule(bad=st.sampled_from(BAD), changes=st.lists(KINDS, max_size=3))
    def nonsense_in_a_hurry(self, bad, changes):
        """Which request failed is up to the threads; that the explorer is whole afterwards is not."""
        self.nonsense = True
        with contextlib.suppress(ValueError, TypeError, t.TraitError):
            self.set(*bad)
        for name, value in changes:
            if name != "images":
                self.change((name, value))

    @rule(bad=st.sampled_from(BAD))
    def refused(self, bad):
        self.settle()
        name, value = bad
        names = [n for n in self.explorer.trait_names() if n in GOOD or n in ("labels", "opacity", "visible", "basis")]
        before, result = {n: getattr(self.explorer, n) for n in names}, self.explorer.result
        try:
            self.set(name, value)
        except (ValueError, TypeError, t.TraitError) as error:
            said = str(error)
        else:
            self.explorer.wait(60)
            said = self.explorer.error
            if name == "layer" and value == "2" and before["solver"] == "semi":
                assert said is None  # signed layers are for this solver
                self.set("layer", "3")
                self.settle()
                return
        assert said
        assert re.fullmatch(r"[^\n]{10,300}", said)
        assert not re.match(r"\w+Error", said), said
        assert {n: getattr(self.explorer, n) for n in names} == before
        assert self.explorer.result is result
        self.refusal = self.explorer.error
        self.settle()

    @rule(factor=st.integers(0, 4), names=st.lists(st.sampled_from(NAMES), max_size=3))
    def name(self, factor, names):
        labels = self.explorer.labels
        if factor < len(labels):
            with contextlib.suppress(ValueError):  # a result that came meanwhile may have fewer factors
                self.set("labels", labels.replace(factor, names))

    @rule(what=st.sampled_from(["clear", "undo", "redo"]))
    def relabel(self, what):
        self.counts["changes"] += 1
        getattr(self.explorer.panel, what)()

    @rule(threshold=st.floats(0, 1))
    def assign(self, threshold):
        self.counts["changes"] += 1
        with contextlib.suppress(ValueError):  # nothing is there yet, or no image has a ground truth
            self.explorer.panel.assign_by_coverage(threshold)

    @rule(factor=st.integers(0, 5), part=st.sampled_from(NAMES), text=st.sampled_from(["", "head + tail", "a\nb"]))
    def browse(self, factor, part, text):
        self.counts["changes"] += 2
        self.say({"do": "toggle", "id": 1, "factor": factor, "part": part})
        self.say({"do": "name", "id": 2, "factor": factor, "text": text})

    @rule(message=st.sampled_from(NONSENSE))
    def talk_nonsense(self, message):
        self.nonsense = self.nonsense or (isinstance(message, dict) and message.get("do") == "images")
        self.say(message)

    def say(self, message):
        self.explorer._handle_custom_msg(message, [])

    @rule(k=st.integers(-1, 12), selected=st.integers(-2, 9), late=st.lists(st.integers(0, 9), max_size=6))
    def browse_late(self, k, selected, late):
        """The browser sends what it shows, of factors that may be gone by now."""
        self.counts["changes"] += 1
        self.nonsense = True
        self.asked.pop("k", None)
        opacities = {str(concept): 0.5 for concept in late}
        self.explorer.set_state({"k": k, "selected": selected, "opacities": opacities, "hidden": late})

    @rule(i=st.integers(0, 3), part=st.sampled_from(NAMES), seed=st.integers(0, 99), erase=st.booleans())
    def paint(self, i, part, seed, erase):
        self.counts["changes"] += 1
        where = np.random.default_rng(seed).random(self.truth.images.size(i)) < 0.3
        self.explorer.panel.truth.fill(i, part, where, erase=erase)
        self.truth.paint(i, part, where, erase)

    @rule(way=st.sampled_from([-1, 1]))
    def repaint(self, way):
        self.counts["changes"] += 1
        truth = self.explorer.panel.truth
        truth.undo() if way < 0 else truth.redo()
        self.truth.step(way)

    @rule(pane=st.sampled_from(["closer", "focus"]), do=st.sampled_from(["open", "shut"]))
    def look_closer(self, pane, do):
        self.counts["changes"] += 1
        self.say({"pane": pane, "do": do})

    @rule(n=st.integers(1, 3), step=st.sampled_from(["next_page", "skip", "apply_to_all"]))
    def label_a_few(self, n, step):
        self.settle()
        if self.explorer.result is None:
            return
        self.counts["changes"] += 2
        self.explorer.panel.label_on(n)
        getattr(self.explorer.panel, step)()
        self.asked.clear()

    @rule()
    def cancel(self):
        self.explorer.cancel()
        self.asked.clear()

    @rule()
    def save_and_load(self):
        self.settle()
        if self.explorer.result is None:
            return
        self.counts["changes"] += 1
        self.explorer.save(self.path, overwrite=True)
        self.explorer.load(self.path)
        self.loaded = self.explorer.basis
        self.settle()

    @rule()
    def look(self):
        self.settle()

    def settle(self):
        """Everything that holds whenever the explorer is idle."""
        e = self.explorer
        e.wait(60)
        self.counts["settled"] += 1
        assert not self.problems
        assert not e.busy
        if self.nonsense:
            assert e.error is None or re.fullmatch(r"[^\n]{10,300}", e.error)
            assert not re.match(r"\w+Error", e.error or ""), e.error
        else:
            assert e.error in (None, self.refusal)  # what was refused stays said until something else is asked for
            for name, value in self.asked.items():
                assert getattr(e, name) == value, name
        self.asked, self.nonsense, self.refusal = {}, False, e.error
        if e.result is None:  # the first request was cancelled
            assert e.status == "cancelled" or e.error
            return
        drawn_as_it_is(e)
        # The saved H and the one that is found again for its W are not the same to the last bit.
        found = e.result if e.basis is not None and e.basis is self.loaded else anew(e)
        measured_as_it_is(e, found, [self.truth.of(source) for source in found.images.sources])

    def teardown(self):
        self.settle()
        self.explorer.close()


@pytest.fixture
def problems(monkeypatch):
    """What threads die of, and what is logged as an error."""
    found = []
    monkeypatch.setattr(threading, "excepthook", lambda args: found.append(args.exc_value))

    class Handler(logging.Handler):
        def emit(self, record):
            found.append(record.getMessage())

    handler = Handler(logging.ERROR)
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)


def test_a_thousand_random_changes_leave_the_explorer_alive_and_right(problems, tmp_path):
    counts = {"changes": 0, "settled": 0}
    run_state_machine_as_test(
        lambda: Soak(problems, counts, tmp_path / "session.dff"),
        settings=settings(
            max_examples=36,
            stateful_step_count=40,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # what threads do is not the same twice: a smaller example may not fail
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert counts["changes"] >= CHANGES
    assert counts["settled"] >= 100


# ------------------------------------------------------------------------------------------------------ what it costs
def one_change(explorer, rng):
    panel = explorer.panel
    name, value = rng.choice(
        [
            ("k", rng.randint(1, 5)),
            ("layer", rng.choice(["1", "3"])),
            ("network", network(rng.randrange(2))),
            ("solver", rng.choice(["hals", "mu", "semi"])),
            ("seed", rng.randrange(3)),
            ("size", rng.choice([48, 64])),
            ("look", rng.choice(["heat", "masks"])),
            ("images", image_set(rng.randrange(2))),
            ("shown", rng.choice([(), (0, 2), (1, 3)])),
            ("percentile", rng.uniform(0, 100)),
            ("threshold", rng.choice([None, "auto", "otsu"])),
            ("labels", {0: rng.sample(NAMES, 2)}),
            ("undo", panel.undo),
            ("open", lambda: explorer._handle_custom_msg({"pane": "focus", "do": rng.choice(["open", "shut"])}, [])),
            ("paint", lambda: panel.truth.stroke(rng.randrange(4), "head", [(rng.uniform(0, 48), 9)], 4)),
            ("few", lambda: panel.label_on(2)),
        ]
    )
    with contextlib.suppress(ValueError):  # no factors yet that a name could be given to
        value() if name in ("undo", "open", "paint", "few") else setattr(explorer, name, value)


def resident():
    """Bytes of memory of this process."""
    gc.collect()
    kilobytes = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return 1024 * int(kilobytes.split()[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc that tells the memory of a process")
def test_a_thousand_changes_leave_no_memory_and_no_thread_behind(problems):
    rng, before = random.Random(5), set(threading.enumerate())
    explorer = dff.DFFExplorer(image_set(0), network=network(0), k=2, size=48, foresee=False)

    def play(changes):
        for _ in range(changes):
            one_change(explorer, rng)
            if rng.random() < 0.1:
                explorer.wait(60)
        explorer.wait(60)
        assert explorer.error is None
        return resident()

    warm = play(200)  # what is remembered to be quick is there by now
    assert play(CHANGES) < 1.1 * warm
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
    assert not problems
    explorer.close()
