"""What the browser asks of exports: to write one, and to fetch it; see `desk`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..wording import sentence
from .desk import Ask
from .export_formats import FORMATS
from .exporting import DOWNLOAD, Exporter
from .jobs import Run, Ticket

_PART = 1_000_000  # bytes of a download in one message


def export_desk(exporter: Exporter, run: Run) -> dict[str, Callable[[Ask], object]]:
    """By name what answers a message about exports: ``export``, ``download``.

    Args:
        exporter: that writes.
        run: what makes the lane in which it does.
    """
    lane = run("dff-export")

    def later(do: Callable[[Exporter, Ask], object]) -> Callable[[Ask], object]:
        def start(ask: Ask) -> None:
            def job(_ticket: Ticket) -> None:
                try:
                    do(exporter, ask)
                except Exception as error:  # whatever a disk or a photo does, the person is told
                    ask.refuse(sentence(error))

            lane.submit(job)

        return start

    return {"export": later(_export), "download": later(_download)}


def _export(exporter: Exporter, ask: Ask) -> None:
    content = ask.content
    kind, path = str(content["format"]), str(content["path"]).strip()
    form = FORMATS.get(kind)
    options: dict[str, Any] = {
        name: value
        for name, value, taken in (
            ("unnamed", "background", form is not None and form.masks and content.get("unnamed")),
            ("photos", True, form is not None and form.photos and content.get("photos")),
            ("url", str(content.get("url", "")).strip(), form is not None and form.url and content.get("url")),
        )
        if taken
    }
    asked: dict[str, Any] = {"overwrite": bool(content.get("overwrite")), "accepted": bool(content.get("accepted"))}
    try:
        said = exporter.export(kind, path, **asked, **options)
    except FileExistsError:
        ask.answer(
            question=f"{path!r} is there already, and is not an export of this explorer: overwrite it?",
            answers=["overwrite"],
            path=path,
        )
        return
    size = exporter.size(path)
    ask.answer(said=said, path=path, size=size, most=DOWNLOAD)


def _download(exporter: Exporter, ask: Ask) -> None:
    name, content = exporter.download(str(ask.content["path"]))
    for start in range(0, len(content), _PART):
        ask.part([content[start : start + _PART]], done=min(start + _PART, len(content)), total=len(content))
    ask.answer(name=name, total=len(content))
