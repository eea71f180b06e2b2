"""The picture of a widget for viewers that have none: GitHub, an exported page, a notebook saved without its state."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ..explore.jobs import Run, Ticket
from ..explore.moment import Now
from ..heat import contact_sheet
from ..images import ImageSet

_FEW = 6  # images in the picture
_QUIET = 1.0  # seconds without a change before it is sent again
_NOTE = "a picture; to keep the app in the notebook, save its widget state (Settings, Save Widget State Automatically)"


class Still:
    """Keeps a picture beside the widget in a notebook, of what it shows now.

    It is an output of its own, after the widget's: sent again it disturbs nothing, and where the widget lives the style
    sheet of the app hides it.

    Args:
        run: what makes the thread that sends it again.
        look: gives the images that are shown and the moment.
        quiet: seconds without a change before it is sent again.
    """

    def __init__(self, run: Run, look: Callable[[], tuple[ImageSet, Now]], *, quiet: float = _QUIET) -> None:
        self._jobs, self._look, self._quiet = run("dff-still"), look, quiet
        self._shown: list[Any] = []  # a handle for each time it is shown
        self._sent: tuple[Any, ...] = ()

    def show(self) -> None:
        """Put the picture after what the cell has shown."""
        from IPython.display import display  # there where there is a notebook

        handle = display(self._bundle(), raw=True, display_id=True)
        if handle is not None:
            self._shown.append(handle)

    def refresh(self) -> None:
        """Send it again, once all is quiet, if it is another one."""
        if self._shown and self._subject() != self._sent:
            self._jobs.submit(self._later)

    def settle(self) -> None:
        """Send it again now, if it is another one."""
        if self._shown and self._subject() != self._sent:
            bundle = self._bundle()
            for handle in self._shown:
                handle.update(bundle, raw=True)

    def close(self) -> None:
        """Send nothing more."""
        self._shown.clear()
        self._jobs.cancel()

    def _later(self, ticket: Ticket) -> None:
        end = time.monotonic() + self._quiet
        while time.monotonic() < end:
            time.sleep(min(0.1, self._quiet))
            ticket.check()
        self.settle()

    def _subject(self) -> tuple[Any, ...]:
        """What the picture is of."""
        images, now = self._look()
        hues = () if now.result is None else tuple(now.appearance.hues(now.result.k))
        return images, now.result, hues

    def _bundle(self) -> dict[str, str]:
        self._sent = self._subject()
        picture = picture_of(*self._look())
        return {"image/jpeg": base64.b64encode(picture).decode(), "text/plain": _NOTE}


def picture_of(images: ImageSet, now: Now) -> bytes:
    """A JPEG: the first images under their factors, and a line that says what they are."""
    result, few = now.result, range(min(_FEW, len(images)))
    whole = result is not None and len(result) == len(images)
    maps = [result.coarse_heatmaps(i) for i in few] if result is not None and whole else []
    hues = now.appearance.hues(result.k) if result is not None and whole else []
    sheet = contact_sheet(images, few, maps, hues)
    photos = Image.open(io.BytesIO(sheet))
    said = "" if result is None else f"{result.network} · {result.layer} · k = {result.k} · "
    font = ImageFont.load_default(13)
    width = max(photos.width, round(font.getlength(said + _NOTE)) + 12)
    picture = Image.new("RGB", (width, photos.height + 24), "white")
    picture.paste(photos, (0, 0))
    ImageDraw.Draw(picture).text((4, photos.height + 4), said + _NOTE, "#444444", font)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
