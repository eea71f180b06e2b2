"""Draws for another process: `python -m dff_widgets.datasets.creatures SEED SIZE INDEX...` writes an .npz to stdout."""

import sys

import numpy as np

from .render import render

if __name__ == "__main__":
    seed, size, *indices = map(int, sys.argv[1:])
    pictures, labels = zip(*(render(seed, index, size) for index in indices), strict=True)
    np.savez(sys.stdout.buffer, pictures=np.stack(pictures), labels=np.stack(labels))
