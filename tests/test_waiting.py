"""How waiting threads are told to wait: before torch, and only where nobody has said anything."""

import os
import subprocess
import sys

import pytest

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def environment_after_import(**said):
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    code = f"import dff_widgets, os, sys; print('torch' in sys.modules, *(os.environ.get(n) for n in {NAMES}))"
    done = subprocess.run([sys.executable, "-c", code], env=clean | said, capture_output=True, text=True, check=True)
    loaded, *values = done.stdout.split()
    assert loaded == "False"  # else it would be too late
    return dict(zip(NAMES, values, strict=True))


def test_threads_sleep_soon_unless_somebody_says_otherwise():
    assert environment_after_import() == {
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "1000",
        "KMP_BLOCKTIME": "None",
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_the_person_has_set_stays_alone(name):
    expected = dict.fromkeys(NAMES, "None") | {name: "7"}
    assert environment_after_import(**{name: "7"}) == expected
