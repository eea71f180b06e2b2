"""What the browser asks in messages, answered: a desk in front of the model.

A message is ``{do: "...", id: n, ...}`` with buffers. It is answered by ``{re: n, ...}``, before that perhaps by parts
``{re: n, part: true, ...}``, or by ``{re: n, problem: "a sentence"}``. What takes long is done in lanes of their own,
so that the kernel stays free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..images import SUFFIXES
from ..wording import sentence
from . import wire
from .image_sources import DATASETS, Found, completions, find_images, uploaded
from .jobs import Ticket
from .model import Model
from .photos import Photos
from .sharp import Sharp
from .traits import Traits

Send = Callable[[dict[str, Any], Sequence[bytes]], object]

_MOST_WAITING = 400  # tiles; older requests are of what a person has scrolled past
_MOST_NAMES = 40  # networks that a search gives


@dataclass(frozen=True)
class Ask:
    """A message, and how it is answered.

    Attributes:
        content: without ``do`` and ``id``.
        buffers: that came along.
    """

    content: Mapping[str, Any]
    buffers: Sequence[Any]
    _send: Send
    _id: Any

    def answer(self, buffers: Sequence[bytes] = (), **content: Any) -> None:
        """The last word."""
        self._send({"re": self._id, **content}, buffers)

    def part(self, buffers: Sequence[bytes] = (), **content: Any) -> None:
        """A part of the answer; more is to come."""
        self._send({"re": self._id, "part": True, **content}, buffers)

    def refuse(self, problem: str) -> None:
        """What cannot be, in a sentence."""
        self._send({"re": self._id, "problem": problem}, ())


class Desk:
    """Answers messages.

    Args:
        model: that is asked.
        photos: of its images.
        traits: what was published.
        send: sends a message and buffers to the browser.

    Attributes:
        doing: by name what answers a message, given its `Ask`; others add to it. What it raises is the answer.
    """

    def __init__(self, model: Model, photos: Photos, traits: Traits, send: Send) -> None:
        self._model, self._photos, self._traits, self._send = model, photos, traits, send
        self._tiles: deque[tuple[Ask, list[int], int]] = deque(maxlen=_MOST_WAITING)
        self._sharp: Sharp | None = None
        self._cancels = 0  # sharp maps that were asked for before the last one are not made
        self._lanes = {name: model.run(f"dff-{name}") for name in ("images", "tiles", "names", "paths")}
        self.doing: dict[str, Callable[[Ask], object]] = {
            "hello": lambda ask: ask.answer(awake=True),
            "cancel": self._cancel,
            "start": self._start,
            "settings": self._settings,
            "network": self._network,
            "networks": self._networks,
            "images": self._images,
            "upload": self._upload,
            "complete": self._complete,
            "tiles": self._tile,
            "sharp": self._tile,
        }

    def receive(self, content: Any, buffers: Sequence[Any] = ()) -> None:
        """Answer a message; one that makes no sense is refused, and one without a name is none."""
        if not isinstance(content, Mapping) or not isinstance(content.get("do"), str):
            return
        rest = {name: value for name, value in content.items() if name not in ("do", "id")}
        ask = Ask(rest, buffers, self._send, content.get("id"))
        do = self.doing.get(content["do"])
        if do is None:
            ask.refuse(f"there is nothing to do that is called {content['do']!r:.60}")
            return
        self._attempt(do, ask)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until images that were asked for are opened; False when it takes longer than `timeout` seconds."""
        return self._lanes["images"].wait(timeout)

    def close(self) -> None:
        """Answer nothing more."""
        self._tiles.clear()
        for lane in self._lanes.values():
            lane.cancel()

    def _attempt(self, do: Callable[[Ask], object], ask: Ask) -> None:
        try:
            do(ask)
        except (LookupError, TypeError, ValueError, AttributeError, OSError, OverflowError) as error:
            ask.refuse(sentence(error))

    # ------------------------------------------------------------------------------------------------ what is at once
    def _cancel(self, ask: Ask) -> None:
        self._cancels += 1
        self._model.cancel()
        ask.answer()

    def _start(self, ask: Ask) -> None:
        self._model.start()
        ask.answer()

    def _settings(self, ask: Ask) -> None:
        known = {name: value for name, value in ask.content.items() if name in ("solver", "seed", "size", "focus")}
        if known.get("focus") == "":
            known["focus"] = None
        self._model.ask(**known)
        ask.answer()

    def _network(self, ask: Ask) -> None:
        name = ask.content["name"]
        if not isinstance(name, str) or not name.strip():
            raise ValueError("give the name of a network")
        self._model.ask(network=name.strip())
        ask.answer()

    # ---------------------------------------------------------------------------------------------- what takes a while
    def _later(self, lane: str, do: Callable[[Ask], object], ask: Ask) -> None:
        self._lanes[lane].submit(lambda _ticket: self._attempt(do, ask))

    def _networks(self, ask: Ask) -> None:
        def look_up(ask: Ask) -> None:
            from ..networks import search  # torchvision's and timm's names, which take seconds to import

            found = search(str(ask.content.get("text", "")))[:_MOST_NAMES]
            notes = {"here": "on this machine", "download": "to be downloaded", "none": "nobody has published weights"}
            ask.answer(
                options=[{"name": n.name, "installed": n.weights == "here", "note": notes[n.weights]} for n in found]
            )

        self._later("names", look_up, ask)

    def _complete(self, ask: Ask) -> None:
        suffixes = {".json"} if ask.content.get("masks") else SUFFIXES
        self._later("paths", lambda ask: ask.answer(options=completions(str(ask.content["path"]), suffixes)), ask)

    def _images(self, ask: Ask) -> None:
        text = str(ask.content.get("dataset") or ask.content["path"])
        self._open(lambda: find_images(text), ask, "" if text in DATASETS else text)

    def _upload(self, ask: Ask) -> None:
        files = [(str(name), bytes(data)) for name, data in zip(ask.content["names"], ask.buffers, strict=True)]
        self._open(lambda: uploaded(files), ask, "")

    def _open(self, find: Callable[[], Found], ask: Ask, path: str) -> None:
        def job(ticket: Ticket) -> None:
            try:
                found = find()
            except Exception as error:  # whatever a disk or a network does, the person is told
                self._model.say(sentence(error), problem=True)
                ask.refuse(sentence(error))
                return
            ticket.check()
            self._traits.call(found.images, found.title, path)
            self._model.ask(images=found.images)
            ask.answer(title=found.title, n=len(found.images), left_out=list(found.problems))

        self._model.say("opening the images …")
        self._lanes["images"].submit(job)

    # ----------------------------------------------------------------------------------------------------------- tiles
    def _tile(self, ask: Ask) -> None:
        """Photos with their heat, or sharp maps, of some images: a part for each as it is made."""
        self._tiles.append((ask, [int(i) for i in ask.content["of"]], self._cancels))
        self._lanes["tiles"].submit(lambda _ticket: self._serve())

    def _serve(self) -> None:
        while self._tiles:
            ask, of, cancels = self._tiles.popleft()
            self._attempt(partial(self._one_by_one, of=of, cancels=cancels), ask)

    def _one_by_one(self, ask: Ask, of: list[int], cancels: int) -> None:
        if "k" in ask.content:
            self._sharpened(ask, of, cancels)
            return
        now = self._model.now
        images, stack = self._traits.images(now), now.stack
        for i in of:
            if not 0 <= i < len(images):
                raise ValueError(f"there is no image {i}; there are 0..{len(images) - 1}")
            heat, key = b"", ""
            if stack is not None and i < len(stack):
                drawn = self._traits.drawn(stack)
                heat, key = wire.heat(stack, [i], drawn.shrink), drawn.key
            ask.part([self._photos.photo(images, i), heat], image=i, key=key)
        ask.answer()

    def _sharpened(self, ask: Ask, of: list[int], cancels: int) -> None:
        k = int(ask.content["k"])
        stack = self._model.stack
        if stack is None or k not in stack:
            raise ValueError(f"k = {k} is not there")
        if self._sharp is None or self._sharp.result is not stack[k]:
            result, place = stack[k], stack.place
            self._sharp = Sharp(result, lambda: self._model.pipeline.sharp(place, result, lambda *_: None))
        key = self._traits.drawn(stack).key
        for i in of:
            if self._model.stack is not stack or self._cancels != cancels:
                break
            maps = self._sharp.maps(i)
            ask.part([wire.quantised(maps).tobytes()], image=i, k=k, key=key, grid=list(maps.shape[1:]))
        ask.answer()
