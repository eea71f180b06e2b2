import subprocess
import sys

CODE = """
import sys, threading
import numpy as np
import dff_widgets as dff

dff.warm_up()
{then}
"""


def after_warming_up(then):
    done = subprocess.run([sys.executable, "-c", CODE.format(then=then)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_torch_comes_in_the_background():
    said = after_warming_up(
        "print(hasattr(sys.modules.get('torch'), 'matmul'))\n"
        "[thread.join() for thread in threading.enumerate() if thread.name == 'dff-warm-up']\n"
        "print(hasattr(sys.modules.get('torch'), 'matmul'))"
    )
    assert said == ["False", "True"]


def test_what_needs_torch_meanwhile_waits_for_it():
    said = after_warming_up("print(dff.nmf(np.outer([1.0, 2.0], [3.0, 1.0, 2.0]), 1).error < 1e-3)")
    assert said == ["True"]


def test_a_process_that_ends_at_once_ends_well():
    assert after_warming_up("") == []


def test_meanwhile_another_process_draws():
    said = after_warming_up("print(len(dff.datasets.creatures(2, size=40)), 'scipy' in sys.modules)")
    assert said == ["2", "False"]  # the drawing needs scipy, torch does not
