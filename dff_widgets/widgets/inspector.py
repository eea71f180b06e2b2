"""The inspector widget: one factor from close up."""

from __future__ import annotations

import dataclasses
import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets as t
from PIL import Image

from ..heat import palette
from ..images import ImageSet, UnreadableImageError
from ..inspection import Patch, crop, spectrum, top_patches
from ..inspection.patches import check_factor
from ..result import DFFResult
from ..wording import one_line
from .jobs import CancelledError, LatestJob, Ticket

if TYPE_CHECKING:
    from torch import nn

    from ..networks import Network

_HERE = Path(__file__).parent
_SIDE = 192  # pixels of a patch: twice what it has on the page, for HiDPI screens


class FactorInspector(anywidget.AnyWidget):
    """What a factor is: the patches where it is strongest, its channels, and the classes that the network sees in it.

    All of it is computed in a thread of its own, one factor at a time; the latest `show` wins. The traits are plain
    data that `show` fills; everything works with no browser too.

    Args:
        result: shown at once; or None, for nothing yet.
        factor: see `show`.
        network: see `show`.
        color: see `show`.
        name: see `show`.
        patches: how many, at most.

    Attributes:
        factor: the factor that is shown, or -1.
        title, color: its name and ``#RRGGBB``; they may be set at any time.
        about: one line, of where it comes from.
        patches: strongest first, per patch a dict of ``image`` (its name) and ``strength`` (0..1).
        pictures: per patch its pixels as JPEG.
        spectrum, distinct: channels as dicts of ``channel``, ``share`` and ``others``, by `inspection.spectrum`: the
            strongest ones, and those that distinguish the factor (none when there is no other).
        classes: dicts of ``name``, ``score`` and ``probability``, by `inspection.classes`.
        note: a sentence where something is missing.
        busy: whether a factor is being looked at.
    """

    _esm = (_HERE / "inspector.js").read_text(encoding="utf-8")
    _css = (_HERE / "inspector.css").read_text(encoding="utf-8")

    factor = t.Int(-1).tag(sync=True)
    title = t.Unicode("").tag(sync=True)
    color = t.Unicode("#999999").tag(sync=True)
    about = t.Unicode("").tag(sync=True)
    patches = t.List(t.Dict()).tag(sync=True)
    pictures = t.List(t.Bytes()).tag(sync=True)
    spectrum = t.List(t.Dict()).tag(sync=True)
    distinct = t.List(t.Dict()).tag(sync=True)
    classes = t.List(t.Dict()).tag(sync=True)
    note = t.Unicode("").tag(sync=True)
    busy = t.Bool(False).tag(sync=True)

    def __init__(
        self,
        result: DFFResult | None = None,
        factor: int = 0,
        *,
        network: str | nn.Module | Network | None = None,
        color: str | None = None,
        name: str | None = None,
        patches: int = 9,
    ) -> None:
        self._lock = threading.RLock()
        self._jobs = LatestJob("dff-inspector")
        self._most = patches
        self._network: tuple[Any, Network] | None = None  # what was asked for, and what it is
        super().__init__()
        if result is not None:
            self.show(result, factor, network, color=color, name=name)

    def show(
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
            color: ``#RRGGBB``; by default the factor's in `heat.palette`.
            name: ``"factor 0"`` and so on by default.

        Raises:
            ValueError: there is no such factor.
        """
        check_factor(result, factor)
        factor = int(factor)  # a trait takes no NumPy integer
        heading = {"title": name or f"factor {factor}", "color": color or palette(result.k)[factor]}
        with self._lock:
            self.busy = True
            self._jobs.submit(lambda ticket: self._look(ticket, result, factor, network, heading))

    def clear(self) -> None:
        """Show nothing."""
        with self._lock:
            self._jobs.submit(lambda ticket: self._publish(ticket, _NOTHING))

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the factor is shown, at most `timeout` seconds; True when it is."""
        return self._jobs.wait(timeout)

    def _look(self, ticket: Ticket, result: DFFResult, factor: int, network: Any, heading: dict[str, str]) -> None:
        try:
            found = top_patches(result, factor, self._most)
            pictures = []
            for patch in found:
                ticket.check()
                pictures.append(_encode(result.images, patch))
            parts = {"spectrum": spectrum(result, factor)}
            if result.k > 1:
                parts["distinct"] = spectrum(result, factor, distinct=True)
            shown = {
                **heading,
                "factor": factor,
                "about": _about(result, factor),
                "patches": [{"image": result.images.names[p.image], "strength": p.strength} for p in found],
                "pictures": pictures,
                **{name: [dataclasses.asdict(c) for c in channels] for name, channels in parts.items()},
                "busy": True,
            }
            self._publish(ticket, {**_NOTHING, **shown})
            self._publish(ticket, self._classes(result, factor, network))
        except CancelledError:
            raise
        except Exception as error:  # whatever an image or a factorization does, the widget goes on
            self._publish(ticket, {**_NOTHING, **heading, "factor": factor, "note": one_line(error)})

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

    def _publish(self, ticket: Ticket, traits: dict[str, Any]) -> None:
        """Set traits as one message, unless something else is wanted by now."""
        with self._lock, self.hold_sync():
            ticket.check()
            for name, value in traits.items():
                setattr(self, name, value)

    def __repr__(self) -> str:
        if self.factor < 0:
            return "FactorInspector()"
        seen = f", seen as {', '.join(c['name'] for c in self.classes[:3])}" if self.classes else ""
        return f"FactorInspector({self.title}: {self.about}; {len(self.patches)} patches{seen})"


_NOTHING: dict[str, Any] = {
    **{name: [] for name in ("patches", "pictures", "spectrum", "distinct", "classes")},
    **dict.fromkeys(("title", "about", "note"), ""),
    "factor": -1,
    "busy": False,
}


def _about(result: DFFResult, factor: int) -> str:
    among = f"one of {result.k} factors" if result.k > 1 else "the only factor"
    share = 100 * float(result.factorization.strength[factor])
    return f"{among} · {share:.0f} % of what is explained · {result.layer} of {result.network}"


def _encode(images: ImageSet, patch: Patch) -> bytes:
    """The patch as a JPEG; grey where its image cannot be read."""
    try:
        image = crop(images, patch, _SIDE)
    except UnreadableImageError:
        image = Image.new("RGB", (_SIDE, _SIDE), "#888888")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
