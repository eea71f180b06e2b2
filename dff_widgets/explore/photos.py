"""Photos small enough for a tile: made once, in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable

from ..images import ImageSet, UnreadableImageError, encode_tile
from .jobs import Run, Ticket
from .memo import Memo

FEW = 36  # images up to which a tile is as large as it is drawn on a HiDPI screen
SIDE, SMALL_SIDE = 400, 300  # pixels, of the longer side
_SOON = 12  # images that are told of before the others are there
_QUICK = 200  # images whose headers are read at once
_ROOM = 64 << 20  # bytes of photos that are kept


class Photos:
    """JPEGs of images.

    Args:
        run: what makes the thread.
        told: called in it when there are more photos.
        most: images whose photos are made ahead.
        room: bytes of photos that are made ahead.

    Attributes:
        images: that are shown, or None.
        kept: the photos of the first of them, as far as they are made.
        sizes: per image [h, w] in pixels, [1, 1] where it cannot be read; empty before they are known.
    """

    def __init__(self, run: Run, told: Callable[[], object], *, most: int, room: int) -> None:
        self._jobs, self._told, self._most, self._room = run("dff-photos"), told, most, room
        self._made: Memo[tuple[object, bytes]] = Memo(room=_ROOM, size=lambda one: len(one[1]))
        self.images: ImageSet | None = None
        self.kept: tuple[bytes, ...] = ()
        self.sizes: list[list[int]] = []

    def show(self, images: ImageSet) -> None:
        """Make the photos of these images, the first ones first; those that are made already are there at once."""
        if images is self.images:
            return
        known: list[bytes] = []
        for i in range(min(self._most, len(images))):
            photo = self._known(images, i)
            if photo is None:
                break
            known.append(photo)
        quick = len(images) <= _QUICK
        self.images, self.kept = images, self._fitting(known)
        self.sizes = _sizes(images) if quick else []
        if len(known) < min(self._most, len(images)) or not quick:
            self._jobs.submit(lambda ticket: self._make(images, ticket))

    def photo(self, images: ImageSet, i: int) -> bytes:
        """The photo of an image, made now if it is not there; a grey one where it cannot be read."""
        known = self._known(images, i)
        if known is None:
            known = encode_tile(images, i, side=SIDE if len(images) <= FEW else SMALL_SIDE)
            self._made.put(id(images.sources[i]), (images.sources[i], known))
        return known

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the first photos are there; False when it takes longer than `timeout` seconds."""
        return self._jobs.wait(timeout)

    def close(self) -> None:
        """Stop, and forget them."""
        self._jobs.cancel()
        self._made.clear()
        self.images, self.kept = None, ()

    def _known(self, images: ImageSet, i: int) -> bytes | None:
        source = images.sources[i]
        known = self._made.known(id(source))
        return known[1] if known is not None and known[0] is source else None

    def _make(self, images: ImageSet, ticket: Ticket) -> None:
        made: list[bytes] = []
        total = min(self._most, len(images))
        for i in range(total):
            ticket.check()
            made.append(self.photo(images, i))
            if len(made) in (_SOON, total) or sum(map(len, made)) > self._room:
                if images is not self.images:
                    return
                self.kept = self._fitting(made)
                self._told()
                if len(self.kept) < len(made):
                    break
        if not self.sizes:
            sizes = _sizes(images, ticket)
            if images is self.images:
                self.sizes = sizes
                self._told()

    def _fitting(self, photos: list[bytes]) -> tuple[bytes, ...]:
        """As many of the first as there is room for."""
        used = 0
        for i, photo in enumerate(photos):
            used += len(photo)
            if used > self._room:
                return tuple(photos[:i])
        return tuple(photos)


def _sizes(images: ImageSet, ticket: Ticket | None = None) -> list[list[int]]:
    found = []
    for i in range(len(images)):
        if ticket is not None:
            ticket.check()
        try:
            found.append([int(side) for side in images.size(i)])
        except UnreadableImageError:
            found.append([1, 1])
    return found
