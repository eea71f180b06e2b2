"""axe-core on a part of a page: what it finds serious."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def violations(page: Page, where: str) -> list[str]:
    """What axe-core finds serious or critical inside an element; contrast that it cannot tell counts too."""
    found = Axe().run(page, context=where).response
    unsure = [rule for rule in found["incomplete"] if rule["id"] == "color-contrast"]
    return [
        f"{rule['id']}: {node['html'][:150]} {' '.join((node.get('failureSummary') or '').split())[:300]}"
        for rule in [*found["violations"], *unsure]
        for node in rule["nodes"]
        if rule["impact"] in ("serious", "critical") and not _is_no_word(node)
    ]


def _is_no_word(node: dict[str, Any]) -> bool:
    """A digit of the matrix, an arrow, a k beside drawn links: axe-core cannot tell; words have the same colours."""
    if 'aria-hidden="true"' in node["html"]:  # a number beside what is named by it
        return True
    return any((c["data"] or {}).get("messageKey") in ("shortTextContent", "nonBmp", "imgNode") for c in node["any"])
