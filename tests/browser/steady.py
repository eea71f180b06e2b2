"""Whether a pane holds as many listeners and elements after thousands of changes as before."""

from __future__ import annotations

from playwright.sync_api import Page


def held(page: Page) -> list[int]:
    """Listeners of the model, and elements of the page."""
    found: list[int] = page.evaluate("[model.listeners(), document.querySelectorAll('*').length]")
    return found


def change(page: Page, step: str, times: int = 2000) -> None:
    """Do `step`, JavaScript that knows `i`, many times, each as a message of its own."""
    page.evaluate(
        f"""async () => {{
        for (let i = 0; i < {times}; i++) {{
          {step};
          await null;
        }}
        await new Promise((done) => setTimeout(done, 50));
        }}"""
    )
