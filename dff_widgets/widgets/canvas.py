"""One image under its factors as ipycanvas layers, to be drawn on and listened to from Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from ipycanvas import Canvas, MultiCanvas

from ..heat import palette
from ..result import DFFResult

OnClick = Callable[[float, float, np.ndarray], object]

_DENSITY = 2  # canvas pixels per pixel of the page, for HiDPI screens: ipycanvas does not ask the screen


class FactorCanvas(MultiCanvas):
    """A photo, a layer for each factor and one for your own drawing, all in pixels of the image.

    Every layer is a plain ``ipycanvas.Canvas`` that is scaled to the image: ``canvas.drawing.stroke_rect(x, y, w, h)``
    takes the pixels that ``result.boxes()`` gives. Photo and factors come back after a reload of the page; so does what
    you draw in a function that you give to ``on_client_ready``.

    Args:
        result: the factors.
        image: its index in the set.
        side: the longer side on the page in pixels.
        colors: one per factor, as ``#RRGGBB``; by default those of `heat.palette`.
        opacity: of the factors' layers where they are strongest, 0..1.

    Raises:
        ValueError: there is no such image, an option does not fit, or the image cannot be read.

    >>> import dff_widgets as dff
    >>> result = dff.DeepFeatureFactorization(k=2, size=64).fit(dff.datasets.creatures(1, size=64))
    >>> canvas = FactorCanvas(result)
    >>> canvas.on_click(lambda x, y, values: print(round(x), round(y), values.argmax()))
    """

    def __init__(
        self,
        result: DFFResult,
        image: int = 0,
        *,
        side: int = 480,
        colors: Sequence[str] | None = None,
        opacity: float = 0.8,
    ) -> None:
        if image not in range(len(result)):
            raise ValueError(f"image is {image!r}; this result has images 0..{len(result) - 1}")
        if not side >= 1 or not 0 <= opacity <= 1:
            raise ValueError(f"side is {side!r} and opacity {opacity!r}; give at least 1 pixel, and 0 to 1")
        self.colors = list(palette(result.k) if colors is None else colors)
        if len(self.colors) != result.k or not all(re.fullmatch("#[0-9A-Fa-f]{6}", color) for color in self.colors):
            raise ValueError(f"colors is {self.colors}; give one '#RRGGBB' for each of {result.k} factors")
        self.image, self.opacity = image, opacity
        self._listeners: list[OnClick] = []
        h, w = result.sizes[image]
        self._scale = side * _DENSITY / max(h, w)
        self._photo = np.asarray(result.images.thumbnail(image, side * _DENSITY))
        layout = {"width": f"{side * w / max(h, w):.0f}px", "height": f"{side * h / max(h, w):.0f}px"}
        size = {"width": max(1, round(self._scale * w)), "height": max(1, round(self._scale * h))}
        super().__init__(result.k + 2, layout=layout, **size)
        self.show(result)
        self.on_client_ready(self._draw)  # a page that opens, or is reloaded, gets empty layers
        self.on_mouse_down(self._clicked)

    @property
    def drawing(self) -> Canvas:
        """The layer on top, which is yours."""
        return self[-1]

    def factor_layer(self, factor: int) -> Canvas:
        """The layer of a factor, such as to hide it: ``canvas.factor_layer(0).clear()``."""
        if factor not in range(self.result.k):
            raise ValueError(f"factor is {factor!r}; there are factors 0..{self.result.k - 1}")
        return self[factor + 1]

    def show(self, result: DFFResult) -> None:
        """Other factors of the same image, as many: what an iteration has reached.

        Raises:
            ValueError: the result has another number of factors, or its image another size.
        """
        h, w = result.sizes[self.image] if self.image < len(result) else (0, 0)
        if result.k + 2 != len(self._canvases) or (self._size_of(h), self._size_of(w)) != (self.height, self.width):
            raise ValueError(
                f"this canvas has {len(self._canvases) - 2} factors of an image of {self.width} x {self.height} canvas "
                f"pixels; got {result.k} of {w} x {h} image pixels"
            )
        self.result = result
        self._draw_factors()

    def on_click(self, callback: OnClick, *, remove: bool = False) -> None:
        """Call ``callback(x, y, values)`` at each press on the image.

        Args:
            callback: gets x and y in pixels of the image, and (k,) the heat of each factor there, 0..1.
            remove: do not call it any more.
        """
        if remove:
            self._listeners.remove(callback)
        else:
            self._listeners.append(callback)

    def _size_of(self, length: int) -> int:
        return max(1, round(self._scale * length))

    def _clicked(self, x: float, y: float) -> None:
        h, w = self.result.sizes[self.image]
        x, y = min(max(x / self._scale, 0), w - 1), min(max(y / self._scale, 0), h - 1)
        values = self.result.heatmaps(self.image)[:, int(y), int(x)]
        for listener in list(self._listeners):
            listener(x, y, values)

    def _draw(self) -> None:
        with _held(self):
            self._fill(self[0], self._photo)
            self.drawing.set_transform(self._scale, 0, 0, self._scale, 0, 0)
        self._draw_factors()

    def _draw_factors(self) -> None:
        """Small maps, which the browser enlarges: a few kilobytes for each factor."""
        with _held(self):
            for color, m, layer in zip(
                self.colors, self.result.coarse_heatmaps(self.image), self._canvases[1:-1], strict=True
            ):
                rgba = np.empty((*m.shape, 4), dtype=np.uint8)
                rgba[..., :3] = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
                rgba[..., 3] = (np.nan_to_num(m).clip(0, 1) * (255 * self.opacity)).round()
                self._fill(layer, rgba)

    def _fill(self, layer: Canvas, pixels: np.ndarray) -> None:
        """Pixels over the whole of a layer, in place of what it showed."""
        h, w = pixels.shape[:2]
        layer.reset_transform()
        layer.clear()
        layer.set_transform(self.width / w, 0, 0, self.height / h, 0, 0)
        layer.put_image_data(pixels)
        layer.set_transform(self._scale, 0, 0, self._scale, 0, 0)


@contextmanager
def _held(canvas: MultiCanvas) -> Iterator[None]:
    """All that is drawn inside as one message, as ipycanvas's ``hold_canvas`` does, but safe in two cases.

    An error inside does not silence all canvases for good; and after a reload the front end has forgotten which canvas
    is drawn on, so it is told anew (ipycanvas, issue 322).
    """
    manager = canvas._canvas_manager
    before, manager._caching, manager._current_canvas = manager._caching, True, None
    try:
        yield
    except BaseException:
        manager._commands_cache, manager._buffers_cache, manager._current_canvas = [], [], None
        raise
    else:
        if not before:
            manager.flush()
    finally:
        manager._caching = before
