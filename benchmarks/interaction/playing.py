"""What a hand does in the app, and how long until the frame that shows it: k, layers, opacity and the like."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

from playwright.sync_api import Locator

from tests.browser.jupyter import Notebook

from .page import KS, Lab, all_there, number, run, settle, timed
from .rows import Row

PAUSE = 150  # ms between two changes: the kernel is told of the first meanwhile


def place(target: Locator, across: float) -> tuple[float, float]:
    """A point of a control, in the middle of its height; one that is just made anew is waited for."""
    while not (box := target.bounding_box()):
        target.page.wait_for_timeout(20)
    return box["x"] + across * box["width"], box["y"] + box["height"] / 2


def press(book: Notebook, target: Locator) -> Callable[[], None]:
    """A press of the pointer on the middle of something; it is let go before long."""
    x, y = place(target, 0.5)

    def act() -> None:
        book.page.mouse.move(x, y)
        book.page.mouse.down()
        book.page.mouse.up()

    return act


# ------------------------------------------------------------------------------------------------------------------- k
def k_rows(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """k at its first visit, seen before, by a key, and dragged along the numbers."""
    with lab.explorer(where=where) as book:
        yield Row(where, "k, first visit", first_visits(book, runs), bound=25, aim=16)
        yield Row(where, "k, seen before", again(book, runs), bound=25, aim=16)
        yield Row(where, "k by a key, ] and [", by_keys(book, runs), bound=25, aim=16)
        yield Row(where, "k dragged along the numbers: a frame", dragged(book, runs), bound=25, aim=16)


def first_visits(book: Notebook, runs: int) -> list[float]:
    """Every k of a stack that the page has not drawn yet, in random order, until there are as many as asked for."""
    times: list[float] = []
    for seed in range(1, runs // 9 + 2):
        run(book, f"explorer.seed = {seed}; explorer.wait(100)")
        all_there(book)
        settle(book)
        times += [visit(book, k) for k in shuffled(seed, unlike=shown_k(book))]
    return times


def shuffled(seed: int, unlike: int) -> list[int]:
    """All k but one, in random order."""
    ks = [k for k in KS if k != unlike]
    random.Random(seed).shuffle(ks)
    return ks


def shown_k(book: Notebook) -> int:
    return int(book.page.locator(".dffw-number[aria-checked=true]").get_attribute("data-k") or 0)


def visit(book: Notebook, k: int) -> float:
    book.page.wait_for_timeout(PAUSE)
    return timed(book, "pointerdown", press(book, number(book, k)))


def again(book: Notebook, runs: int) -> list[float]:
    """k that were drawn before, in random order."""
    times: list[float] = []
    for seed in range(1, runs // 9 + 2):
        times += [visit(book, k) for k in shuffled(seed, unlike=shown_k(book))]
    return times


def by_keys(book: Notebook, runs: int) -> list[float]:
    number(book, 1).click()
    times = []
    keys = itertools.cycle("]" * 9 + "[" * 9)
    for key in itertools.islice(keys, runs):
        book.page.wait_for_timeout(PAUSE)
        times.append(timed(book, "keydown", lambda key=key: book.page.keyboard.press(key)))
    return times


def dragged(book: Notebook, runs: int) -> list[float]:
    """The pointer is down, and goes from number to number."""
    places = [place(number(book, k), 0.5) for k in KS]
    mouse, there_and_back = book.page.mouse, itertools.cycle([*places[1:], *reversed(places[:-1])])
    number(book, 1).click()
    mouse.move(*places[0])
    mouse.down()
    times = []
    for at in itertools.islice(there_and_back, runs):
        book.page.wait_for_timeout(PAUSE)
        times.append(timed(book, "pointermove", lambda at=at: mouse.move(*at)))
    mouse.up()
    return times


# --------------------------------------------------------------------------------------------------------------- layer
def layer_rows(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """Layers of the scrubber: at the first visit, and when they were seen before."""
    with lab.explorer(where=where) as book:
        first, later = layers(book, runs)
        yield Row(where, "layer of the scrubber, extracted, first visit", first, bound=60, aim=25)
        yield Row(where, "layer of the scrubber, seen before", later, bound=60, aim=25)


def layers(book: Notebook, runs: int) -> tuple[list[float], list[float]]:
    """Each dot pressed in turn; what the kernel makes ahead is there before the next."""
    dots = book.page.locator(".dffw-dots button")
    first, later = [], []
    for turn in itertools.count():
        order = [*range(dots.count() - 1), dots.count() - 1]
        for dot in order if turn % 2 else reversed(order):
            if dots.nth(dot).get_attribute("aria-checked") == "true":
                continue
            run(book, "explorer.wait(100)")
            settle(book, 2000)
            time = timed(book, "pointerdown", press(book, dots.nth(dot)), told=".dffw-there")
            (first if turn == 0 else later).append(time)
            if len(later) == runs:
                return first, later
    return first, later


# --------------------------------------------------------------------------------------------- opacity, visibility, ...
def drag_rows(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """What is drawn of the factors."""
    with lab.explorer(where=where) as book:
        page = book.page
        opacity = page.locator(".dffw-card .dffw-range").first
        yield Row(where, "opacity dragged: a frame", slid(book, runs, opacity), bound=16, aim=10)
        swatch = page.locator(".dffw-card .dffw-chip-color").first
        yield Row(where, "visibility", clicks(book, runs, swatch), bound=16, aim=10)
        page.keyboard.down("Alt")
        yield Row(where, "solo", clicks(book, runs, swatch), bound=16, aim=10)
        page.keyboard.up("Alt")
        page.get_by_role("radio", name="Masks").click()
        settle(book)
        percentile = page.get_by_label("Percentile from which a pixel is in the mask")
        yield Row(where, "percentile dragged, masks: a frame", slid(book, runs, percentile), bound=16, aim=10)


def slid(book: Notebook, runs: int, slider: Locator) -> list[float]:
    """A slider pulled to and fro."""
    mouse, parts = book.page.mouse, (0.3, 0.6, 0.45, 0.8)
    mouse.move(*place(slider, 0.5))
    mouse.down()
    times = []
    for turn in range(runs):
        book.page.wait_for_timeout(PAUSE)
        at = place(slider, parts[turn % len(parts)])
        times.append(timed(book, "input", lambda at=at: mouse.move(*at)))
    mouse.up()
    return times


def clicks(book: Notebook, runs: int, target: Locator) -> list[float]:
    """The pointer is over it, and pressed, before the clock: what pointing alone shows is over then."""
    mouse = book.page.mouse
    times = []
    for _ in range(runs):
        mouse.move(*place(target, 0.5))
        book.page.wait_for_timeout(PAUSE)
        mouse.down()
        settle(book, 100)
        times.append(timed(book, "click", mouse.up))
    return times


# ------------------------------------------------------------------------------------------------------------ messages
COUNT = """() => {
  window.messages = { there: [], back: [] };
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  kernel.anyMessage.connect((_, { msg, direction }) => {
    if (msg.header.msg_type !== "comm_msg") return;
    const data = msg.content.data;
    window.messages[direction === "send" ? "there" : "back"].push(
      `${data.method} ${Object.keys(data.state ?? data.content ?? {})}`);
  });
}"""


def message_rows(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """How many messages one change of k takes, each way, from the press until all is quiet."""
    there, back, seen = [], [], set()
    with lab.explorer(where=where) as book:
        book.page.evaluate(COUNT)
        for k in itertools.islice(itertools.cycle((4, 6, 3, 5)), runs):
            run(book, "explorer.wait(100)")
            book.page.wait_for_timeout(500)
            book.page.evaluate("messages.there = []; messages.back = []")
            press(book, number(book, k))()
            book.page.wait_for_timeout(1500)
            found = book.page.evaluate("messages")
            there.append(len(found["there"]))
            back.append(len(found["back"]))
            seen |= {f"{way}: {one}" for way in found for one in found[way]}
    yield Row(where, "messages to the kernel for one change of k", there, "", bound=2, aim=1)
    yield Row(where, "messages back", back, "", note="<br>".join(sorted(seen)))
