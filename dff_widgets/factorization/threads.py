"""One thread for small work: there a second one only waits, and waits long where other programs want the cores."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["one_thread_for"]

SMALL = 1 << 21  # entries; 25 iterations of 1,200 x 60 took 150 ms on busy cores, and 3,600 ms with two threads


@contextmanager
def one_thread_for(entries: int) -> Iterator[None]:
    """Run the body in one thread if it works on few entries. The count is the calling thread's own, and is restored."""
    threads = torch.get_num_threads()
    if entries > SMALL or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
