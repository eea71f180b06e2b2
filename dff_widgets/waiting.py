"""Threads that wait sleep: told to OpenMP before torch loads it, which is when it asks.

Left alone, a thread that has finished its part of a sum spins for milliseconds until the next one comes. Where other
programs want the core, the thread that has the other part waits for just that core, and ten images take as long as a
hundred would. Some tens of microseconds of spinning are enough to be as quick on a quiet machine.
"""

import os

_SETTINGS = {
    "OMP_WAIT_POLICY": "passive",  # LLVM's and Intel's OpenMP
    "GOMP_SPINCOUNT": "1000",  # GNU's, in turns of a loop; goes before the other
}
_OTHER = ("KMP_BLOCKTIME",)  # Intel's own name for it


def let_waiting_threads_sleep() -> None:
    """Set what OpenMP reads from the environment, unless the person has set any of it.

    Other libraries that are loaded afterwards, and programs that are started, follow it too.
    """
    if not any(name in os.environ for name in (*_SETTINGS, *_OTHER)):
        os.environ.update(_SETTINGS)
