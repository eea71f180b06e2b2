"""The page of images that a gallery shows, and the heat maps over them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ..heat import pack_heat, small
from ..images import ImageSet, encode_tile
from ..result import DFFResult
from .gallery import Gallery
from .jobs import LatestJob, Ticket

PAGE = 24  # images shown at a time


class Pages:
    """Puts a page of images into a gallery; photos are decoded in a thread of their own, heat maps follow at once.

    Args:
        gallery: what is filled.
        lock: orders the threads that write traits.

    Attributes:
        gallery, lock: those.
        images: that are shown, or None.
        indices: of the images on the page.
    """

    def __init__(self, gallery: Gallery, lock: threading.RLock) -> None:
        self.gallery, self.lock = gallery, lock
        self._jobs = LatestJob("dff-gallery")
        self.images: ImageSet | None = None
        self.indices: Sequence[int] = ()
        self._drawn: DFFResult | None = None
        self._decoding = False  # the photos of the page are not there yet, and heat maps wait for them

    def show(self, images: ImageSet, indices: Sequence[int], result: DFFResult | None) -> None:
        """Show these images, and when they are decoded the heat maps of `result`, which is of the same images."""
        with self.lock:
            self.images, self.indices, self._drawn, self._decoding = images, indices, result, True
            self._jobs.submit(lambda ticket: self._encode(images, indices, ticket))

    def draw_heat(self, result: DFFResult | None) -> None:
        """Show the heat maps of another result of the same images; None: no heat maps."""
        if result is not self._drawn:
            self._drawn = result
            if not self._decoding:
                self._draw()

    def _draw(self) -> None:
        result = self._drawn
        maps = [] if result is None else [small(result.coarse_heatmaps(i)) for i in self.indices if i < len(result)]
        self.gallery.heat, self.gallery.grids = pack_heat(maps)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the photos are there; False when it takes longer than `timeout` seconds."""
        return self._jobs.wait(timeout)

    def _encode(self, images: ImageSet, indices: Sequence[int], ticket: Ticket) -> None:
        tiles = []
        for i in indices:
            ticket.check()
            tiles.append(encode_tile(images, i))
        with self.lock, self.gallery.hold_sync():
            ticket.check()
            self.gallery.tiles = tiles
            self.gallery.captions = [images.names[i] for i in indices]
            self._decoding = False
            self._draw()
