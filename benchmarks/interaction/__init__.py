"""How long a person waits: the app in JupyterLab, measured in the browser.

    python -m benchmarks.interaction [GROUP ...] [--runs 15] [--where here|link] [--json FILE]

Twelve creatures, the embedded network at 320 px, 1440 x 900. A time is that from the event in the page (of a real
pointer, or a key) to the paint of the last frame in which the gallery's pixels changed. "link" is a line of 100 ms
(both ways together) and 20 Mbit/s.

    k         k from the stack: at its first visit, seen before, by a key, dragged along the numbers
    saved     the same in a saved notebook, opened again without a kernel that knows of it
    layer     a layer of the scrubber whose activations are there
    drag      opacity, visibility, solo, percentile
    start     `make lab` with a fresh kernel: the first overlays, and every k after them
    messages  between page and kernel for one change of k, each way
    fit       rows of photos that fit, stops of Tab to the first photo
    scroll    5,000 images: frames a second, the longest blank, jumps
    size      the state and the saved notebook of 12, 100 and 500 images
    long      2,000 changes: what the kernel and the page hold after them

That names and colours are as at the first visit after 1,000 random moves over k, layers, networks and seeds is a test:
``tests/explore/test_model.py``.
"""
