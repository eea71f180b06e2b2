"""For mkdocstrings: doctests between paragraphs as code, which Markdown would take for quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"(?:^>>> .*(?:\n(?!\n).*)*\n?)+", re.MULTILINE)


class Doctests(griffe.Extension):
    """Fences every paragraph that starts with a prompt."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring is not None:
            text = obj.docstring.value
            obj.docstring.value = _DOCTEST.sub(lambda m: f"```pycon\n{m[0].rstrip()}\n```\n", text)
