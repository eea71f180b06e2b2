"""All traits of the app at a moment, each made again only where what it is made of is another."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ..images import ImageSet
from ..names import EMBEDDED, PAPER
from . import wire
from .export_formats import offered
from .image_sources import DATASETS, title_of
from .moment import Now
from .photos import Photos
from .stack import Stack

NETWORKS = (EMBEDDED, *PAPER, "resnet50", "densenet161", "googlenet")
_RECENT = 8


class _Drawn:
    """What crosses to the browser of a stack."""

    def __init__(self, stack: Stack, count: int, shrink: float, key: str) -> None:
        self.key, self.shrink = key, shrink
        self.about: dict[str, Any] = {"key": key, "count": count, "shrink": shrink}
        self.heat = wire.heat(stack, range(count), shrink)
        self.levels = wire.levels(stack)


class Traits:
    """Makes them.

    Args:
        photos: of the images.
    """

    def __init__(self, photos: Photos) -> None:
        self._photos = photos
        self._numbers = itertools.count(1)
        self._drawn: WeakKeyDictionary[Stack, _Drawn] = WeakKeyDictionary()
        self._made: dict[str, tuple[tuple[Any, ...], Any]] = {}
        self._titles: WeakKeyDictionary[ImageSet, str] = WeakKeyDictionary()
        self._recent: tuple[str, ...] = ()

    def call(self, images: ImageSet, title: str, path: str = "") -> None:
        """Remember what some images are called, and from where they were opened."""
        self._titles[images] = title
        if path and path not in DATASETS:
            self._recent = (path, *(one for one in self._recent if one != path))[:_RECENT]

    def title(self, images: ImageSet) -> str:
        """What some images are called."""
        known = self._titles.get(images)
        return title_of(images) if known is None else known

    def images(self, now: Now) -> ImageSet:
        """The images that are shown: those of the result that are all of the place's, in their order."""
        if now.result is not None and now.stack is not None and now.stack.whole:
            return now.result.images
        return now.state.images

    def values(self, now: Now, *, known: tuple[str, ...] = (), sampling: Any = None) -> dict[str, Any]:
        """By name.

        Args:
            now: the moment.
            known: parts that a name box offers.
            sampling: which page of few images is labelled on, or None.
        """
        images, stack = self.images(now), now.stack
        self._photos.show(images)
        photos = self._photos.kept
        ready = tuple(stack.place.layer for stack in now.ready)
        values = {
            "captions": self._once("captions", (images,), lambda: list(images.names)),
            "sizes": self._photos.sizes,
            "photos": self._once("photos", (photos,), lambda: list(photos)),
            "choices": self._once(
                "choices",
                (now.network, now.state.solver, now.grids, self._recent, ready),
                lambda: self._choices(now, ready),
            ),
            "appearance": self._once(
                "appearance",
                (now.appearance, known),
                lambda: wire.appearance(now.appearance, known=known),
            ),
            "scores": self._once("scores", (now.scores,), lambda: wire.scores(now.scores)),
            "stack": {},
            "heat": b"",
        }
        place = {**wire.place(now, self.title(now.state.images)), "sampling": sampling}
        if stack is not None:
            drawn = self.drawn(stack)
            about = (stack, now.appearance.concepts(stack.ks[-1]), now.suggested)
            values["heat"] = drawn.heat
            values["stack"] = self._once("stack", about, lambda: self._stack(stack, now, drawn))
            place["key"] = drawn.key if now.wanted is None else f"{drawn.key}+"
        values["place"] = place
        for other in now.ready:  # what a person may ask for next is there at once
            self.drawn(other)
        return values

    def drawn(self, stack: Stack) -> _Drawn:
        """What crosses to the browser of a stack; made once."""
        known = self._drawn.get(stack)
        if known is None:
            several = min(len(stack), wire.MOST_PHOTOS)
            room = wire.ROOM - wire.PHOTOS_ROOM
            known = _Drawn(stack, *wire.kept(stack, several, room), str(next(self._numbers)))
            self._drawn[stack] = known
        return known

    def _stack(self, stack: Stack, now: Now, drawn: _Drawn) -> dict[str, Any]:
        return wire.stack(stack, drawn.levels, now.appearance, now.suggested, **drawn.about)

    def _choices(self, now: Now, ready: tuple[str, ...]) -> dict[str, Any]:
        return wire.choices(
            now.network,
            now.state.solver,
            now.grids,
            networks=known_networks(),
            datasets=[{"name": name, "title": one.title, "note": one.note} for name, one in DATASETS.items()],
            recent=self._recent,
            ready=ready if now.stack is None else (*ready, now.stack.place.layer),
            exports=offered(),
        )

    def _once(self, name: str, about: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """The value as it was made last, where it was made of the same."""
        before = self._made.get(name)
        if before is not None and all(a is b or _equal(a, b) for a, b in zip(before[0], about, strict=True)):
            return before[1]
        value = make()
        self._made[name] = (about, value)
        return value


def known_networks() -> list[dict[str, Any]]:
    """The networks of the menu, and whether their weights are on this machine; nothing is imported for it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "torch"
    folder = Path(os.environ.get("TORCH_HOME", cache)).expanduser() / "hub" / "checkpoints"
    found = []
    for name in NETWORKS:
        installed = name == EMBEDDED or any(folder.glob(f"{name}-*.pth"))
        note = "comes with the package" if name == EMBEDDED else "on this machine" if installed else "to be downloaded"
        found.append({"name": name, "installed": installed, "note": note})
    return found


def _equal(a: Any, b: Any) -> bool:
    return isinstance(a, str | bool | tuple) and type(a) is type(b) and a == b
