"""A long day: 2,000 changes in one page, and what the page and the kernel hold after them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.browser.jupyter import Notebook

from .page import Lab, run, settle
from .rows import Row

CHANGES, BATCH, WARM = 2000, 50, 200
RESIDENT = "import gc, re; gc.collect(); print(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1])"
ACTS = "acts = explorer.model.appearance.acts; print(len(acts.past) + len(acts.future))"

# Random changes by the controls themselves, seeded; each is a turn of its own. Sharp is left out: that is minutes of
# the processor's time where every k of every layer is asked for.
CHANGE = """async ([many, seed]) => {
  let state = seed * 2654435761 % 4294967296;
  const random = (n) => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return Math.floor((state / 4294967296) * n);
  };
  const all = (what) =>
    [...document.querySelectorAll(`.dffw-app ${what}`)].filter((e) => e.checkVisibility() && !e.disabled);
  const press = (what) => { const found = all(what); if (found.length) found[random(found.length)].click(); };
  const slide = (what) => {
    const found = all(what);
    if (!found.length) return;
    const range = found[random(found.length)];
    range.value = Number(range.min) + (Number(range.max) - Number(range.min)) * (0.2 + random(70) / 100);
    for (const event of ["input", "change"]) range.dispatchEvent(new Event(event, { bubbles: true }));
  };
  const acts = [
    () => press(".dffw-number"), () => press(".dffw-number"), () => press(".dffw-number"),
    () => press(".dffw-dots button"),
    () => press(".dffw-chip-color"), () => press(".dffw-card .dffw-score"),
    () => slide(".dffw-card .dffw-range"), () => slide(".dffw-cut .dffw-range"), () => slide(".dffw-size"),
    () => press(".dffw-stage-bar [role=radio]:not([title*='edges'])"), () => press(".dffw-tab[role=tab]"),
    () => press(".dffw-cell"), () => press("[title^='Undo (']"), () => press("[title^='Redo (']"),
  ];
  for (let i = 0; i < many; i++) {
    acts[random(acts.length)]();
    await new Promise((done) => setTimeout(done, 40));
  }
}"""


def lasting(lab: Lab, runs: int, where: str) -> Iterator[Row]:
    """What 2,000 changes leave behind, after the first 200, which fill the caches."""
    with lab.explorer(where=where) as book:
        change(book, WARM, first=0)
        before = held(book)
        found = [before]
        for done in range(0, CHANGES, 500):
            change(book, 500, first=WARM + done)
            found.append(held(book))
        for name, unit, bound in (("kernel", "MB", 30), ("nodes", "", 200), ("listeners", "", 100)):
            values = [now[name] for now in found]
            note = "after 200, 700, ... 2,200 changes: " + ", ".join(f"{value:,.0f}" for value in values)
            yield Row(
                where, f"2,000 changes: {name}, more than before", [values[-1] - values[0]], unit, bound, note=note
            )
        kept = int(run(book, ACTS))
        yield Row(where, "acts of naming that can be undone or redone after them", [kept], "", bound=10_000)
        if book.errors:
            raise RuntimeError(f"the page complained: {book.errors[:3]}")


def change(book: Notebook, many: int, first: int) -> None:
    for start in range(first, first + many, BATCH):
        book.page.evaluate(CHANGE, [BATCH, start + 1])
        run(book, "explorer.wait(900)")


def held(book: Notebook) -> dict[str, float]:
    """MB of the kernel; elements and listeners of the page, after what is garbage was collected. Always in one view."""
    page = book.page
    page.locator(".dffw-stage-bar [role=tab]").first.click()
    page.locator(".dffw-side-tabs [role=tab]").first.click()
    run(book, "explorer.tile_size = 0; explorer.look = 'heat'; explorer.layer = ''; explorer.k = 5; explorer.wait(100)")
    settle(book, 1500)
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")
    for _ in range(2):
        client.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(200)
    metrics = {one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]}
    client.detach()
    kernel = int(run(book, RESIDENT)) / 1000
    return {"kernel": kernel, "nodes": metrics["Nodes"], "listeners": metrics["JSEventListeners"]}
