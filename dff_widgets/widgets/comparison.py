"""`DFFComparison`: two factorizations of the same images, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets as t

from ..explore.compare import PAGE, Compare
from ..explore.sides import SIDES, title
from ..images import ImageSet
from ..link import link
from ..result import DFFResult
from .base import FRONT
from .served import Served


class DFFComparison(Served):
    """Two layers, two k, two networks, or DFF against PCA or k-means: the same images twice, under one set of controls.

    A side's settings are a dict of ``network``, ``layer``, ``k``, ``method`` (``"dff"``, ``"pca"`` or ``"kmeans"``) and
    ``seed``. What a new dict leaves out stays as it is, but another network begins at its default layer. On a layer
    with negative activations DFF is semi-NMF. Settings that fail are said in `error` and taken back.

    Factors whose heat maps are alike have the same row of the panel, and so the same colour; the others have rows of
    their own. The factors of the left side keep their rows and colours when its settings change.

    Args:
        images: an `ImageSet`, or what `ImageSet.of` takes.
        left: settings of the left side; by default the embedded network, its default layer, k = 4 and DFF.
        right: settings of the right side; what they leave out is as on the left. By default PCA.
        traits: any of the traits below.

    Attributes:
        images: the images.
        left, right: the settings of the sides, complete.
        size: short side in pixels at which the images go through both networks.
        page: the page of images, from 0.
        pairs: per row of the panel the factor of `left_result` and that of `right_result`, None where there is none.
        alike: per row the correlation (0..1) of the two heat maps, or None.
        colors: per row, ``#RRGGBB``.
        opacity, visible: per row, 0..1 and bool.
        selected: the selected row, or -1.
        photo: brightness of the photos, 0..1.
        tile_size: longer side of an image on the page, in CSS pixels.
        left_result, right_result: the `DFFResult` that is shown on each side, or None.
        explained: of each side the part (0..1) of the activations' energy that its factors hold; None for k-means with
            k = 1, which is one of two clusters.
        iou: of each side the mean best-part IoU of its masks at the 75th percentile; None without part masks.
        busy, progress, status, error: as in `DFFExplorer`.
    """

    _esm, _css = link(FRONT / "compare" / "widget.js")

    images = t.Any()
    left = t.Dict()
    right = t.Dict()
    size = t.Int(320)
    pairs = t.List()
    left_result = t.Instance(DFFResult, allow_none=True)
    right_result = t.Instance(DFFResult, allow_none=True)
    explained = t.List(t.Float(allow_none=True))
    iou = t.List(t.Float(allow_none=True))
    page = t.Int(0).tag(sync=True)
    alike = t.List(t.Float(allow_none=True)).tag(sync=True)
    colors = t.List(t.Unicode()).tag(sync=True)
    opacity = t.List(t.Float()).tag(sync=True)
    visible = t.List(t.Bool()).tag(sync=True)
    selected = t.Int(-1).tag(sync=True)
    photo = t.Float(1.0).tag(sync=True)
    tile_size = t.Int(150).tag(sync=True)
    busy = t.Bool(False).tag(sync=True)
    progress = t.Float(0.0).tag(sync=True)
    status = t.Unicode("").tag(sync=True)
    error = t.Unicode(None, allow_none=True).tag(sync=True)

    # What the browser is told beside them.
    names = t.List(t.Unicode()).tag(sync=True)  # per row
    tiles = t.List(t.Bytes()).tag(sync=True)  # per image of the page a JPEG
    captions = t.List(t.Unicode()).tag(sync=True)
    sides = t.List(t.Dict()).tag(sync=True)  # title, line, rows, gains, shares, grids
    heats = t.List(t.Bytes()).tag(sync=True)  # of each side (k, h, w) uint8, image after image
    settings = t.List(t.Dict()).tag(sync=True)  # of each side, with the network's name
    layers = t.List(t.List()).tag(sync=True)  # of each side {name, title}
    methods = t.List(t.List()).tag(sync=True)  # [value, text]
    networks = t.List(t.Unicode()).tag(sync=True)
    most = t.Int(10).tag(sync=True)  # the largest k to choose
    pages = t.Int(1).tag(sync=True)

    presenter: Compare

    def __init__(
        self,
        images: Any,
        left: Mapping[str, Any] | None = None,
        right: Mapping[str, Any] | None = None,
        **traits: Any,
    ) -> None:
        self._following = False  # True while the widget takes over what the presenter has
        try:
            presenter = Compare(ImageSet.of(images), left, right, **{n: traits[n] for n in ("size",) if n in traits})
        except ValueError as error:
            raise t.TraitError(str(error)) from error
        super().__init__(presenter, images=presenter.images, **presenter.sides, **traits)
        self.observe(self._asked, ["images", "left", "right", "size"])
        presenter.show_page()
        presenter.start()

    @t.validate("left", "right")  # type: ignore[untyped-decorator]
    def _any_settings(self, proposal: Any) -> dict[str, Any]:
        try:
            return self.presenter.complete(proposal["trait"].name, proposal["value"])
        except ValueError as error:
            raise t.TraitError(str(error)) from error

    @t.validate("images")  # type: ignore[untyped-decorator]
    def _any_images(self, proposal: Any) -> ImageSet:
        return ImageSet.of(proposal["value"])

    def _asked(self, change: Any) -> None:
        if not self._following:
            self.presenter.ask(**{change["name"]: change["new"]})

    def publish(self, changes: Mapping[str, Any]) -> None:
        """Set traits as one message, and those of Python with them."""
        with self._lock, self.hold_sync():
            presenter, before = self.presenter, self._following
            self._following = True
            try:
                self.images, self.size = presenter.images, presenter.size
                self.left, self.right = (presenter.sides[which] for which in SIDES)
                self.left_result, self.right_result = presenter.results
                super().publish(changes)
            finally:
                self._following = before

    def __repr__(self) -> str:
        return f"DFFComparison({len(self.images)} images: {title(self.left)} | {title(self.right)}; {self.status})"

    def wait(self, timeout: float | None = None) -> None:
        """Block until everything asked for is computed and shown.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            TimeoutError: it took longer.
        """
        if not self.presenter.wait(timeout):
            raise TimeoutError(f"not done after {timeout} s: {self.status}")

    def cancel(self) -> None:
        """Stop what is being computed; the last results stay, and the settings go back to them."""
        self.presenter.cancel()

    def turn_page(self, step: int) -> None:
        """Show the next page, or the one before."""
        self.presenter.turn_page(step)

    def act(self, content: Mapping[str, Any]) -> None:
        """What a person did in the browser, as its message says it; a message that makes no sense does nothing."""
        self.presenter.receive(content)


__all__ = ["PAGE", "DFFComparison"]
