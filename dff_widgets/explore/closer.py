"""One factor from close up: the patches where it is strongest, its channels, and the classes the network sees in it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..heat import palette
from ..images import ImageSet, UnreadableImageError
from ..inspection import Patch, crop, spectrum, top_patches
from ..inspection.patches import check_factor
from ..result import DFFResult
from ..wording import one_line
from .jobs import CancelledError, LatestJob, Run, Ticket
from .presenter import Presenter

if TYPE_CHECKING:
    from torch import nn

    from ..networks import Network

_SIDE = 192  # pixels of a patch: twice what it has on the page, for HiDPI screens

NOTHING: Mapping[str, Any] = {
    **{name: [] for name in ("patches", "pictures", "spectrum", "distinct", "classes")},
    **dict.fromkeys(("title", "about", "note"), ""),
    "color": "#999999",
    "factor": -1,
    "busy": False,
}


class Closer(Presenter):
    """Looks at one factor at a time, in a thread; the latest `look` wins.

    Its values are described by `FactorInspector`, whose traits they are.

    Args:
        run: makes what runs its work; see `Jobs`.
        patches: how many, at most.
    """

    chosen = frozenset({"title", "color"})

    def __init__(self, run: Run = LatestJob, *, patches: int = 9) -> None:
        super().__init__(**{name: list(v) if isinstance(v, list) else v for name, v in NOTHING.items()})
        self._jobs = run("dff-closer")
        self._most = patches
        self._network: tuple[Any, Network] | None = None  # what was asked for, and what it is

    def look(
        self,
        result: DFFResult,
        factor: int,
        network: str | nn.Module | Network | None = None,
        *,
        color: str | None = None,
        name: str | None = None,
    ) -> None:
        """Look at a factor; returns at once, see `wait`.

        Args:
            result: what it is a factor of.
            factor: 0..k-1.
            network: that of the result, as `load_network` takes it, for the classes; None leaves them out.
            color: ``#RRGGBB``; by default the factor's in `palette`.
            name: ``"factor 0"`` and so on by default.

        Raises:
            ValueError: there is no such factor.
        """
        check_factor(result, factor)
        factor = int(factor)  # NumPy's integers are no JSON
        heading = {"title": name or f"factor {factor}", "color": color or palette(result.k)[factor]}
        self.put(busy=True)
        self._jobs.submit(lambda ticket: self._look(ticket, result, factor, network, heading))

    def head(self, *, title: str, color: str) -> None:
        """Call the factor otherwise, or colour it otherwise: nothing is looked at again."""
        self.put(title=title, color=color)

    def clear(self) -> None:
        """Show nothing."""
        self._jobs.submit(lambda ticket: self._say(ticket, {**NOTHING}))

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the factor is shown, at most `timeout` seconds; True when it is."""
        return self._jobs.wait(timeout)

    def close(self) -> None:
        """Stop, for good."""
        self._jobs.cancel()

    # ------------------------------------------------------------------------------------------- in a worker thread
    def _look(self, ticket: Ticket, result: DFFResult, factor: int, network: Any, heading: dict[str, str]) -> None:
        try:
            self._say(ticket, {**NOTHING, **heading, **self._seen(ticket, result, factor), "busy": True})
            self._say(ticket, self._classes(result, factor, network))
        except CancelledError:
            raise
        except Exception as error:  # whatever an image or a factorization does, the pane goes on
            self._say(ticket, {**NOTHING, **heading, "factor": factor, "note": one_line(error)})

    def _seen(self, ticket: Ticket, result: DFFResult, factor: int) -> dict[str, Any]:
        """What needs no network."""
        found = top_patches(result, factor, self._most)
        pictures = []
        for patch in found:
            ticket.check()
            pictures.append(encode_patch(result.images, patch))
        channels = {"spectrum": spectrum(result, factor)}
        if result.k > 1:
            channels["distinct"] = spectrum(result, factor, distinct=True)
        return {
            "factor": factor,
            "about": _about(result, factor),
            "patches": [{"image": result.images.names[p.image], "strength": p.strength} for p in found],
            "pictures": pictures,
            **{name: [dataclasses.asdict(c) for c in found] for name, found in channels.items()},
        }

    def _classes(self, result: DFFResult, factor: int, asked: Any) -> dict[str, Any]:
        if asked is None:
            return {"note": "Give network= to see the classes that its classifier would see.", "busy": False}
        from ..inspection.classes import classes  # with torch, which what is shown first need not wait for
        from ..networks import load_network

        try:
            if self._network is None or self._network[0] != asked:
                self._network = asked, load_network(asked)
            found = classes(result, factor, self._network[1])
        except Exception as error:  # a network of the caller may raise anything
            return {"note": one_line(error), "busy": False}
        return {"classes": [dataclasses.asdict(c) for c in found], "note": "", "busy": False}

    def _say(self, ticket: Ticket, values: dict[str, Any]) -> None:
        """Publish, unless something else is wanted by now."""
        with self.lock:
            ticket.check()
            self.put(**values)


def _about(result: DFFResult, factor: int) -> str:
    among = f"one of {result.k} factors" if result.k > 1 else "the only factor"
    share = 100 * float(result.factorization.strength[factor])
    return f"{among} · {share:.0f} % of what is explained · {result.layer} of {result.network}"


def encode_patch(images: ImageSet, patch: Patch, side: int = _SIDE) -> bytes:
    """The patch as a JPEG of `side` pixels each way; grey where its image cannot be read."""
    try:
        image = crop(images, patch, side)
    except UnreadableImageError:
        image = Image.new("RGB", (side, side), "#888888")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
