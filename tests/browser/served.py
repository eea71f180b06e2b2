"""The app on a blank page with the real widget behind it, in this process: no Jupyter, no threads."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from dff_widgets.widgets.app import DFFExplorer

from ..explore.recorded import encoded
from .conftest import FAKE_MODEL


class Served:
    """A page and its explorer; `deliver` is the wire between them."""

    def __init__(self, page: Page, explorer: DFFExplorer) -> None:
        self.page, self.explorer = page, explorer
        self._sent: list[tuple[Any, list[bytes]]] = []
        explorer.send = lambda content, buffers=None: self._sent.append((content, [bytes(b) for b in buffers or []]))
        page.set_content("<!doctype html><body style='margin: 0'></body>")
        page.add_style_tag(content=explorer._css)
        self._last = self._state()
        page.evaluate(FAKE_MODEL, [explorer._esm, encoded(self._last)])
        self.deliver()

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.explorer.get_state()
        return {n: v for n, v in state.items() if not n.startswith("_") and n not in ("layout", "tabbable", "tooltip")}

    def deliver(self) -> list[dict[str, Any]]:
        """Hand over what either side has to say, until both are quiet; what the page said."""
        said: list[dict[str, Any]] = []
        while True:
            self.page.wait_for_timeout(60)
            messages = self.page.evaluate("outbox.splice(0)")
            for message in messages:
                if "content" in message:
                    self.explorer._handle_custom_msg(message["content"], [])
                else:
                    self.explorer.set_state(message["state"])
            sent, self._sent[:] = list(self._sent), []
            for content, buffers in sent:
                self.page.evaluate(
                    "([content, buffers]) => answerFront(content, decodeWire(buffers))", encoded([content, buffers])
                )
            before, self._last = self._last, self._state()
            changed = {n: v for n, v in self._last.items() if v is not before.get(n) and v != before.get(n)}
            if changed:
                self.page.evaluate("many => fromKernel(many)", encoded(changed))
            said += [message.get("content", message.get("state")) for message in messages]
            if not (messages or sent or changed):
                return said
