"""`LabelingPanel`: from factors to named parts, on a few images or on all, with files to go on from and to export."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import ipywidgets as w
import traitlets as t

from ..heat import contrast, palette
from ..images import is_file
from ..labelling import Autosave, History, PartLabels, PartMasks, Sampling, Session, SessionFiles
from ..result import DFFResult
from .focus import FocusView
from .gallery import Gallery
from .naming import Naming
from .pages import PAGE, Pages
from .session_bar import EXPORTS, SessionBar

_SETTINGS = ("percentile", "threshold", "coverage_threshold")  # traits that a session keeps


class Host(Protocol):
    """What a panel needs of the explorer it is in, which computes its results."""

    def look_at(self, images: tuple[int, ...], *, refit: bool) -> None:
        """Show these images of the set (all, if empty), with factors found in them or with those that are there."""

    def turn_page(self, step: int) -> None:
        """Show the next page of the gallery, or the one before."""

    def settings(self) -> dict[str, Any]:
        """What a session keeps of the explorer, as plain data."""

    def restore(self, session: Session, then: Callable[[], None]) -> None:
        """Show a session's factors, and call `then` when they are there; what does not fit changes nothing."""


class LabelingPanel(Naming):
    """Name the factors of a result after parts, and see at once how well they fit.

    Every trait can be read, set, observed and linked; nothing needs a browser. Changes of `labels` can be undone
    without limit. The IoU is that of the masks that `percentile` and `threshold` make, dataset-wide over the images
    that have a ground truth (eqs. 8-9 of the paper); a thread of its own counts it, the images of the page first.

    Args:
        result: the factors to name; None until `show` brings some.
        parts: per image {name: (h, w) bool}, or a `PartMasks`; by default those of the images of the result.
        labels: what the factors are named after at first: factor -> parts.
        traits: any of the traits below.

    Attributes:
        result: the `DFFResult` that is labelled.
        labels: `PartLabels`; any mapping factor -> parts can be set.
        truth: the `PartMasks` that the IoU is measured with; painting there moves the IoU.
        iou: per factor 0..1, or None for one whose names no ground truth knows.
        mean_iou: of the factors that have one, or None.
        covered: the number of images that the IoU covers so far.
        coverage: `Coverage`, (k, p), or None before it is known.
        coverage_threshold: above which `assign_by_coverage` assigns, 0..1.
        percentile: of the masks, 0..100; see `DFFResult.masks`.
        threshold: None for the percentile, ``"auto"`` or ``"otsu"``.
        measuring: whether the IoU is still being counted.
        shown: the images of the result that are looked at, by index; empty for all. Only for a panel of its own.
        autosave: the file that every change goes to, within seconds and at the end of the kernel; ``""`` for none. One
            that this panel neither loaded nor wrote, or that was changed since, is left alone and `question` asks.
        question: None, or what is asked of the autosave's file; `save` with ``overwrite=True`` answers it, or `load`.
        error: None, or the sentence that says why it cannot be counted.
    """

    autosave = t.Unicode("")
    question = t.Unicode(None, allow_none=True, read_only=True)

    def __init__(
        self,
        result: DFFResult | None = None,
        parts: Sequence[Mapping[str, Any]] | PartMasks | None = None,
        labels: Mapping[int, Any] | None = None,
        *,
        pages: Pages | None = None,
        host: Host | None = None,
        **traits: Any,
    ) -> None:
        self._host = host
        self._focus: FocusView | None = None
        self._links: list[t.dlink] = []  # from the gallery to it
        self._files = SessionFiles()
        self._autosave = Autosave(lambda: self.snapshot().encode(), self._files, self._say_autosaved)
        self._page = 0
        self.sampling: Sampling | None = None
        lock = threading.RLock()
        super().__init__(pages or Pages(Gallery(lock=lock), lock), **traits)
        self.gallery.openable = True
        self.bar = SessionBar(self)
        self.slot = w.VBox()  # where an image is opened
        self.observe(lambda _: self._draw_page(), "shown")
        self.observe(self._follow_result, "result")
        self.observe(self._changed, ["result", "labels", *_SETTINGS])
        self.observe(self._follow_file, "autosave")
        if result is not None:
            self.use_truth(parts if isinstance(parts, PartMasks) else PartMasks(result.images, parts))
            self.show(result)
            self._draw_alone()
            self.children = [self.bar, self.slot, self.gallery]
            self.add_class("dffw-explorer")
            if labels is not None:
                self.labels = PartLabels(labels, k=result.k)
                self._history = History(self.labels)
                self._sync_labels()

    def _do(self, content: Mapping[str, Any]) -> None:
        what = content.get("do")
        if what == "open" and self._pages.images is not None:
            self.open_image(self.known_truth().places(self._pages.images)[self._pages.indices[content["tile"]]])
        elif what == "page":
            self.turn_page(int(content["step"]))
        else:
            super()._do(content)

    def _painted(self, index: int, part: str) -> None:
        super()._painted(index, part)
        self._changed()

    # ------------------------------------------------------------------------------- a few images, and then all of them
    def label_on(self, n: int = 5, seed: int = 0) -> str:
        """Look at `n` images, drawn at random; what is named there goes to the others by `apply_to_all`.

        Inside an explorer the factors are found in these images alone, so that it takes a moment for any set.

        Args:
            n: images on a page.
            seed: of the order in which they come.

        Returns:
            What was done, in a sentence.
        """
        images = self.known_truth().images
        self.sampling = Sampling(len(images), min(n, len(images)), seed)
        self._look_at(self.sampling.page, refit=True)
        return f"{len(self.sampling.page)} of {len(images)} images: name the factors, then apply them to all"

    def next_page(self) -> str:
        """These images are done: look at the next ones, with the same factors."""
        return self._turn(skip=False)

    def skip(self) -> str:
        """Look at the next images; these are not counted as done."""
        return self._turn(skip=True)

    def apply_to_all(self) -> str:
        """The same factors (W) in every image, and the IoU over all of them."""
        self._look_at((), refit=False)
        return f"the factors in all {len(self.known_truth().images)} images"

    def _turn(self, *, skip: bool) -> str:
        if self.sampling is None:
            raise ValueError("no pages yet: label on a few images first")
        self.sampling.next(skip=skip)
        self._look_at(self.sampling.page, refit=False)
        return f"page {self.sampling.at + 1} of {self.sampling.pages}"

    def _look_at(self, images: tuple[int, ...], *, refit: bool) -> None:
        """Show these images of the set; all, if empty. With an explorer, their factors may be found anew."""
        if self._host is not None:
            self._host.look_at(images, refit=refit)
        else:
            self.shown = images
        self.bar.refresh()
        self._changed()

    # -------------------------------------------------------------------------------------------------------- files
    def export(self, kind: str, path: str | Path, **options: Any) -> str:
        """Write what is labelled; see `dff_widgets.export`.

        Args:
            kind: ``"png"``, ``"coco"``, ``"label_studio"``, ``"html"``, ``"csv"`` or ``"figure"``.
            path: of the file, or for ``"png"`` of the folder.
            options: of the function in `dff_widgets.export`; ``overwrite`` is True for what this panel exported itself.

        Returns:
            What was written, in a sentence.

        Raises:
            FileExistsError: a file is there that is another's.
            ValueError: there is nothing to export, or no such kind.
            OSError: the disk is full, or the place is not there or cannot be written to.
        """
        if self.result is None or kind not in EXPORTS:
            raise ValueError(f"no result yet, or no export {kind!r}: give one of {', '.join(EXPORTS)}")
        title, write, _ = EXPORTS[kind]
        if kind != "figure":
            options = {"percentile": self.percentile, "threshold": self.threshold, **options}
        if kind == "html":
            self.wait()
            options = {"ious": list(self.iou), **options}
        if kind != "csv":
            options = {"colors": list(self.gallery.colors), **options}
        files = [] if kind == "png" else [Path(path), Path(path).with_suffix(".xml")][: 1 + (kind == "label_studio")]
        mine = all(self._files.mine(file) for file in files if is_file(file)) and bool(files)
        write(self.result, path, self.labels, **{"overwrite": mine, **options})
        for file in files:
            self._files.wrote(file)
        return f"{title} of {len(self.result)} images in {str(path)!r}"

    def save(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write the session to a file: the factors, the names and their undo, the painted masks, the settings.

        Args:
            path: of the file.
            overwrite: also one that this panel neither loaded nor wrote, or that was changed since; what it held is
                kept as ``<name>.backup``.

        Returns:
            What was written, in a sentence.

        Raises:
            FileExistsError: the file may hold another's work.
            ValueError: there is no result yet.
            OSError: the disk is full, or the place is not there or cannot be written to.
        """
        self._files.write(path, self.snapshot().encode(), overwrite=overwrite)
        if self.autosave == str(path):
            self._autosave.answered()
        self._ask()
        return f"saved in {str(path)!r}"

    def load(self, path: str | Path) -> str:
        """Go on with a saved session: on its images where they are the same, else with its factors in those at hand.

        Returns:
            What was done, in a sentence.

        Raises:
            ValueError: the file is damaged, no session, of a newer version, or its factors do not fit; nothing changed.
        """
        self._autosave.flush()
        checksum, session = self._files.read(path), Session.load(path)
        now = self.known_truth()
        truth = session.truth(now.images, parts=now.own, names=now.parts)
        sampling = Sampling.restored(session.page, len(now)) if session.page.get("images") == len(now) else None
        values = {name: session.settings.get(name, getattr(self, name)) for name in _SETTINGS}
        for name, value in values.items():
            check_trait(self, name, value)

        def take() -> None:
            with self._lock, self.gallery.hold_sync():
                self._files.loaded(path, checksum)
                if self.autosave:  # what is loaded is gone on with, and the file of what was before stays as it is
                    self.autosave = str(path)
                    self._autosave.follow(str(path))
                self._ask()
                self.use_truth(truth)
                self._lost.clear()
                self._history = session.labels
                for name, value in values.items():
                    setattr(self, name, value)
                self.labels = self._history.value
                for name in ("opacity", "visible"):
                    self._if_fits(name, session.settings.get(name))
                self._sync_labels()
                self._remeasure()
                self.sampling = sampling
                self.bar.refresh()

        if self._host is not None:
            self._host.restore(session, take)
        elif self.result is not None and session.seen_in(self.result.images):
            self.show(dataclasses.replace(session.result, images=self.result.images))
            self._draw_alone()
            take()
        else:
            raise ValueError("the session is of other images: open it in a DFFExplorer, which can apply its factors")
        return f"loaded from {str(path)!r}"

    def _if_fits(self, name: str, values: Any) -> None:
        with contextlib.suppress(t.TraitError):  # how it looked is not worth an error
            if isinstance(values, list) and len(values) == len(self.labels):
                setattr(self.gallery, name, values)

    def snapshot(self) -> Session:
        """All that a session keeps.

        Raises:
            ValueError: there is no result yet.
        """
        with self._lock:
            if self.result is None:
                raise ValueError("nothing to save yet: wait for the first result")
            truth, history = self.known_truth(), self._history
            labels = History(history.value, history.past, history.future)
            settings = {name: getattr(self, name) for name in _SETTINGS}
            settings |= {name: list(getattr(self.gallery, name)) for name in ("opacity", "visible")}
            settings |= self._host.settings() if self._host is not None else {}
            page = self.sampling.state() if self.sampling is not None else {}
            return Session(self.result, labels, settings, truth.images.names, truth.to_tensors(), page)

    def _changed(self, _change: Any = None) -> None:
        """Something that a session keeps has changed: save it, if it saves itself."""
        if self.result is not None:
            self._autosave.changed()

    def _follow_file(self, _change: Any) -> None:
        self._autosave.follow(self.autosave)
        self._ask()
        if self.question is None:
            self._changed()

    def _ask(self) -> None:
        self.set_trait("question", self._autosave.question)
        self.bar.ask(self.autosave, self.question)

    def _say_autosaved(self, sentence: str, problem: bool) -> None:
        self._ask()
        if self.question is None:
            self.bar.say(sentence, problem=problem)

    def wait_saved(self, timeout: float | None = None) -> bool:
        """Block until the session has saved itself, if it does; False when it takes longer than `timeout` seconds."""
        return self._autosave.wait(timeout)

    def close(self) -> None:
        """The end of the panel; what is not saved yet is saved, if it saves itself."""
        self._autosave.end()
        super().close()

    # ----------------------------------------------------------------------------------------------- looking closer
    def known_truth(self) -> PartMasks:
        """The part masks.

        Raises:
            ValueError: there is nothing to label yet.
        """
        if self.truth is None:
            raise ValueError("nothing to label yet: wait for the first result")
        return self.truth

    def open_image(self, index: int) -> None:
        """Open image `index` of the set at full size, to look at it and to paint its parts."""
        with self._lock:
            if self._focus is None:
                self._focus = FocusView(self.known_truth(), self.result, index, lock=self._lock)
                names = ("names", "colors", "opacity", "visible")
                self._links = [t.dlink((self.gallery, name), (self._focus, name)) for name in names]
                self._focus.observe(self._show_focus, "closed")
            self._focus.index, self._focus.result, self._focus.closed = index, self.result, False
            self._show_focus()

    def use_truth(self, truth: PartMasks) -> None:
        """Measure with other part masks from now on; an open image is closed, for it paints those before."""
        super().use_truth(truth)
        if self._focus is not None:
            focus, self._focus = self._focus, None
            self._show_focus()
            while self._links:
                self._links.pop().unlink()
            focus.close()

    def _follow_result(self, _change: Any) -> None:
        if self._focus is not None and not self._focus.closed:
            self._focus.result = self.result

    def _show_focus(self, _change: Any = None) -> None:
        self.slot.children = () if self._focus is None or self._focus.closed else (self._focus,)

    def turn_page(self, step: int) -> None:
        """Show the next page of the gallery, or the one before."""
        if self._host is not None:
            self._host.turn_page(step)
        else:
            self._page += step
            self._draw_page()

    # --------------------------------------------------------------------------------- a panel without an explorer
    def _draw_alone(self) -> None:
        result = self.result
        assert result is not None
        with self.gallery.hold_sync():
            self.gallery.colors = palette(result.k)
            self.gallery.shares = [float(s) for s in result.factorization.strength]
            self.gallery.gains = contrast([result.coarse_heatmaps(i) for i in range(len(result))])
            self.gallery.opacity, self.gallery.visible = [0.7] * result.k, [True] * result.k
            self._draw_page()

    def _draw_page(self) -> None:
        """Draw and measure the images that are looked at."""
        if self._host is None and self.result is not None:
            images = self.shown or range(len(self.result))
            self._page = min(max(self._page, 0), (len(images) - 1) // PAGE)
            self._pages.show(self.result.images, images[self._page * PAGE :][:PAGE], self.result)
            self._remeasure()


def check_trait(widget: t.HasTraits, name: str, value: Any) -> None:
    """Whether a trait can take a value that came from a file.

    Raises:
        ValueError: it cannot.
    """
    try:
        widget.traits()[name]._validate(widget, value)
    except t.TraitError as error:
        raise ValueError(f"the session's {name} is {value!r}: {error}") from error
