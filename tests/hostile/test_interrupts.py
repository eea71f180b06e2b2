"""KeyboardInterrupt at any line of whatever a person asks of an explorer: no harm is done, and the next thing works.

Some here; INTERRUPTS says how many, and ``make interrupts`` gives 2,000. A person's interrupt comes at few of these
lines, as Python looks for signals between some of its instructions only.
"""

import collections
import json
import os
import random
import sys
import threading
import time
import traceback

import numpy as np

import dff_widgets as dff
from dff_widgets.labelling import PartMasks, Session

from .fresh import anew, drawn_as_it_is, measured_as_it_is
from .test_soak import PARTS, image_set, network

INTERRUPTS = int(os.environ.get("INTERRUPTS", "20"))
SEED = int(os.environ.get("INTERRUPTS_SEED", "0"))
EACH = 40  # actions that one explorer goes through
PATIENCE = 30  # seconds
OURS = f"{os.sep}dff_widgets{os.sep}"


def lines(action, at=None):
    """Run `action`, and raise KeyboardInterrupt at its line number `at` of this package, of this thread.

    Returns:
        How many lines it got to, where it was interrupted (None: not at all), and the error it ended with.
    """
    count, where = 0, None

    def trace(frame, event, _argument):
        nonlocal count, where
        if OURS not in frame.f_code.co_filename:
            return None
        if event == "line":
            count += 1
            if count == at:
                sys.settrace(None)
                where = "".join(traceback.format_stack(frame)[-3:])
                raise KeyboardInterrupt
        return trace

    before, error = sys.gettrace(), None
    sys.settrace(trace)
    try:
        action()
    except (Exception, KeyboardInterrupt) as caught:
        error = caught.with_traceback(None)
    finally:
        sys.settrace(before)
    return count, where, error


class Person:
    """Does one thing after another with an explorer, its session and its exports."""

    def __init__(self, rng, folder):
        self.rng, self.folder = rng, folder
        self.explorer = dff.DFFExplorer(image_set(0), network=network(0), k=2, size=48, foresee=False)
        self.explorer.wait(PATIENCE)
        self.saved, self.sessions = folder / "mine.dff", []
        self.said = []

    def choose(self):
        """What to do next, and its name."""
        e, rng = self.explorer, self.rng
        asked = {
            "k": rng.randint(1, 5),
            "layer": rng.choice(["1", "3"]),
            "network": network(rng.randrange(2)),
            "solver": rng.choice(["hals", "mu", "semi"]),
            "seed": rng.randrange(3),
            "size": rng.choice([48, 64]),
            "images": image_set(rng.randrange(2)),
            "shown": rng.choice([(), (0, 2), (1, 3)]),
            "selected": rng.randint(-1, 0),
            "look": rng.choice(["heat", "sharp", "masks"]),
            "percentile": rng.choice([60.0, 75.0, 90.0]),
            "threshold": rng.choice([None, "auto", "otsu"]),
        }
        name = rng.choice(list(asked))
        factor, other = rng.sample(range(max(2, e.k)), 2)
        steered = rng.choice(
            [
                {"verb": "split", "factor": factor},
                {"verb": "merge", "factor": factor, "other": other},
                {"verb": "drop", "factor": factor},
                {"verb": "lock", "factors": [factor]},
                {"verb": "undo"},
                {"verb": "redo"},
            ]
        )
        kind = rng.choice(["png", "coco", "label_studio", "html", "csv", "figure"])
        suffix = {"png": "", "html": ".html", "csv": ".csv", "figure": ".png"}.get(kind, ".json")
        truth = e.panel.truth
        doing = {
            "ask": lambda: setattr(e, name, asked[name]),
            "ask from the page": lambda: e.set_state({"k": asked["k"], "seed": asked["seed"]}),
            "ask, and cancel": lambda: (setattr(e, "seed", asked["seed"] + 3), e.cancel()),
            "save": lambda: e.save(self.saved),
            "load": lambda: e.load(rng.choice(self.sessions or [self.saved])),
            "export": lambda: e.panel.export(kind, self.folder / f"{kind}{suffix}", overwrite=True),
            "steer": lambda: self.say({"do": "steer", "id": 1, **steered}),
            "name": lambda: setattr(e, "labels", {0: rng.sample(PARTS, 2)}),
            "undo": e.panel.undo,
            "redo": e.panel.redo,
            "assign": lambda: e.panel.assign_by_coverage(rng.random()),
            "paint": lambda: truth.stroke(rng.randrange(4), rng.choice(PARTS), [(rng.uniform(0, 48), 9)], 4),
            "unpaint": lambda: rng.choice([truth.undo, truth.redo])(),
            "few": lambda: e.panel.label_on(2),
            "next": e.panel.next_page,
            "all": e.panel.apply_to_all,
            "autosave": lambda: setattr(e.panel, "autosave", rng.choice(["", str(self.folder / "auto.dff")])),
            "close": e.close,
        }
        what = rng.choice([*doing, "ask", "save", "load", "export", "steer"])
        return (f"{what} {name}" if what == "ask" else f"{what} {kind}" if what == "export" else what), doing[what]

    def say(self, message):
        self.explorer._handle_custom_msg(message, [])

    # ------------------------------------------------------------------------------------------------------ looking
    def look(self):
        """Everything that holds whenever nothing is on its way."""
        e = self.explorer
        e.wait(PATIENCE)
        assert e.steering.wait(PATIENCE), "steering goes on for ever"
        assert e.panel.session.wait(PATIENCE), "saving goes on for ever"
        e.wait(PATIENCE)
        assert not e.busy
        now = e.model.now
        if now.result is None:
            return
        assert now.good.request == now.state.request
        assert now.stack.place == now.state.place
        assert now.result is now.stack[now.state.k]
        drawn_as_it_is(e)
        given = e.basis is not None and e.basis.result is not None
        found = e.result if given else anew(e)
        np.testing.assert_allclose(found.factorization.W, e.basis.W if given else e.result.factorization.W, rtol=1e-4)
        np.testing.assert_allclose(
            found.factorization.H, e.result.factorization.H, atol=2e-3 * found.factorization.H.max()
        )
        truth = e.panel.truth
        places = truth.places(found.images)
        measured_as_it_is(e, found, [truth[i] for i in places])
        self.kept(truth)

    def kept(self, truth):
        """What was painted can be taken back to the beginning, and is what a session keeps of it."""
        content, tensors = truth.to_tensors()
        again = PartMasks.from_tensors(json.loads(json.dumps(content)), tensors, truth.images)
        for key, mask in truth.painted.items():
            assert np.array_equal(again.painted[key], mask)
        while again.undo():
            pass
        assert not again.painted

    def go_on(self):
        """The next thing works: another k, a name, a stroke, a session there and back."""
        e, rng = self.explorer, self.rng
        k = 1 + e.k % 4
        e.k = k
        e.wait(PATIENCE)
        assert (e.k, e.result.k, e.error) == (k, k, None)
        word = f"part {rng.randrange(10**6)}"
        e.labels = {0: [word]}
        assert e.labels[0] == [word]
        assert e.panel.truth.stroke(0, word, [(20, 20)], 3)
        file = self.folder / f"session {rng.randrange(3)}.dff"
        e.save(file, overwrite=True)
        assert Session.load(file).labels.value[0] == [word]
        self.sessions = [*{*self.sessions, file}]
        self.files()

    def files(self):
        """Each file is whole, and nothing is left beside them."""
        for file in self.folder.glob("*.dff"):
            Session.load(file)
        assert not [file for file in self.folder.rglob("*") if file.name.startswith(".")]

    def end(self):
        """Closed, it leaves no thread of its own, and no work undone."""
        self.explorer.close()
        end = time.monotonic() + PATIENCE
        while mine := [t for t in threading.enumerate() if t.name.startswith("dff-") and t.name != "dff-end"]:
            assert time.monotonic() < end, mine
            time.sleep(0.01)


def test_no_interrupt_leaves_a_state_that_a_fresh_computation_contradicts(tmp_path):
    rng, known, done = random.Random(SEED), {}, collections.Counter()
    person, number, told = None, 0, threading.excepthook
    problems = []
    threading.excepthook = lambda args: problems.append(args.exc_value)
    try:
        while sum(done.values()) < INTERRUPTS:
            if person is None:
                folder = tmp_path / str(number)
                folder.mkdir()
                person, number, acts = Person(rng, folder), number + 1, 0
                person.go_on()
            what, action = person.choose()
            if what not in known:  # how many lines there are to be interrupted at
                known[what], _, _ = lines(action)
                where = None
            else:
                count, where, _ = lines(action, rng.randint(1, max(1, known[what])))
                if where is None:
                    known[what] = max(known[what], count)
            acts += 1
            try:
                if what == "close":
                    person.end()
                    person = None
                else:
                    person.look()
                    if where is not None:
                        done[what.split()[0]] += 1
                        person.go_on()
                assert not problems
            except (AssertionError, Exception) as error:
                if os.environ.get("INTERRUPTS_GO_ON"):
                    done[what.split()[0]] += 1
                    print(f"\n=== {what} at\n{where}\n{''.join(traceback.format_exception(error)[-3:])}", flush=True)
                    person = None
                    problems.clear()
                    continue
                error.add_note(f"after {what!r}, interrupted at\n{where}")
                raise
            if person is not None and acts == EACH:
                person.end()
                person = None
    finally:
        threading.excepthook = told
    print(f"\n{sum(done.values()):,} interrupts: {dict(done.most_common())}")
