"""Where the explorer's images come from, and in which order they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np

from .. import datasets
from ..images import ImageSet, UnreadableImageError, open_header
from ..result import DFFResult
from ..wording import sentence
from .jobs import LatestJob, Ticket

if TYPE_CHECKING:
    from .explorer import DFFExplorer

NAMED: dict[str, Callable[[], ImageSet]] = {"creatures": datasets.creatures, "gymnast": datasets.gymnast}
SORTS = ("as given", "name", "factor")


def find_images(text: str) -> ImageSet:
    """The images of a data set by name, of a folder or of a file.

    Raises:
        ValueError: there are none; the message says what would do.
    """
    text = text.strip()
    if not text:
        raise ValueError(f"give the path of a folder with images, or one of {', '.join(NAMED)}")
    return NAMED[text]() if text in NAMED else ImageSet.of(text)


def uploaded(value: Any) -> ImageSet:
    """The images of a ``FileUpload``; those that cannot be read are left out, unless that is all of them.

    Args:
        value: of the widget: a tuple of dicts (ipywidgets 8), or a dict of dicts by name (ipywidgets 7).

    Raises:
        UnreadableImageError: none of them is an image.
    """
    if isinstance(value, Mapping):
        files = {name: bytes(file["content"]) for name, file in value.items()}
    else:
        files = {file["name"]: bytes(file["content"]) for file in value}
    problems = []
    for name, content in list(files.items()):
        try:
            open_header(content, name).close()
        except UnreadableImageError as error:
            problems.append(str(error))
            del files[name]
    if not files:
        raise UnreadableImageError("; ".join(problems) or "no images: choose at least one file")
    return ImageSet(tuple(files.values()), tuple(files))


def arranged(images: ImageSet, result: DFFResult | None, sort: str, wanted: str, factor: int) -> list[int]:
    """Which images are shown, and in which order.

    Args:
        images: all there are.
        result: of the same images, or None.
        sort: ``"as given"``, ``"name"``, or ``"factor"``: by the strength of a factor, falling.
        wanted: only images with this in their names, whatever the case.
        factor: for that order; -1: all of them together.

    Returns:
        Indices.
    """
    order = [i for i, name in enumerate(images.names) if wanted.strip().casefold() in name.casefold()]
    if sort == "name":
        order.sort(key=lambda i: images.names[i].casefold())
    elif sort == "factor" and result is not None and len(result) == len(images):
        filled = result.fill
        strength = filled[:, factor] if 0 <= factor < result.k else filled.sum(axis=1)
        order.sort(key=lambda i: -float(np.nan_to_num(strength[i])))
    return order


class Sources(w.HBox):
    """A row of controls: a folder or a data set by name, an upload, the order and a filter.

    Args:
        explorer: whose images these are.
    """

    def __init__(self, explorer: DFFExplorer) -> None:
        self._explorer = explorer
        self._jobs = LatestJob("dff-images")
        self._place = w.Combobox(
            placeholder="a folder, or creatures, gymnast",
            options=list(NAMED),
            description="Images",
            layout=w.Layout(width="300px"),
        )
        self._place.style.description_width = "48px"
        go = w.Button(description="Open", tooltip="Read the images of this folder", layout=w.Layout(width="60px"))
        self._upload = w.FileUpload(accept="image/*", multiple=True, layout=w.Layout(width="110px"))
        self._sort = w.Dropdown(
            options=[("as given", "as given"), ("by name", "name"), ("by the selected factor", "factor")],
            description="Sort",
            layout=w.Layout(width="210px"),
        )
        self._filter = w.Text(placeholder="part of a name", description="Filter", layout=w.Layout(width="190px"))
        for control in (self._sort, self._filter):
            control.style.description_width = "34px"
        super().__init__(
            [self._place, go, self._upload, self._sort, self._filter],
            layout=w.Layout(flex_flow="row wrap", align_items="center"),
        )
        go.on_click(lambda _: self.read(self._place.value))
        self._upload.observe(self._uploaded, "value")
        for control, name in ((self._sort, "sort"), (self._filter, "filter")):
            control.observe(lambda change, name=name: explorer.set_by_person(name, change["new"]), "value")
            explorer.observe(lambda change, control=control: setattr(control, "value", change["new"]), name)

    def read(self, text: str) -> None:
        """Open a folder or a data set by name, in a thread: gymnast is downloaded once, creatures are drawn."""
        self._take(lambda: find_images(text))

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the images are there; False when it takes longer than `timeout` seconds."""
        return self._jobs.wait(timeout)

    def _uploaded(self, change: Any) -> None:
        if change["new"]:
            self._take(lambda: uploaded(change["new"]))

    def _take(self, find: Callable[[], ImageSet]) -> None:
        self._jobs.submit(lambda ticket: self._find(find, ticket))

    def _find(self, find: Callable[[], ImageSet], ticket: Ticket) -> None:
        explorer = self._explorer
        explorer.say("opening the images …")
        try:
            images = find()
        except Exception as error:  # whatever a disk or a network does, the person is told
            explorer.say(sentence(error), problem=True)
        else:
            with explorer.lock:
                ticket.check()
                explorer.images = images
