"""The row of buttons around a labelling: pages of a few images, its file, and its export."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from .. import export
from ..labelling import UnknownFileError
from ..wording import sentence

if TYPE_CHECKING:
    from .labeling import LabelingPanel

# title, function, where it goes by default
EXPORTS: dict[str, tuple[str, Callable[..., None], str]] = {
    "png": ("PNG label maps", export.to_png, "labels"),
    "coco": ("COCO instances", export.to_coco, "labels.json"),
    "label_studio": ("Label Studio", export.to_label_studio, "label-studio.json"),
    "html": ("HTML page", export.to_html, "labels.html"),
    "csv": ("CSV table", export.to_csv, "labels.csv"),
    "figure": ("Figure (PNG, PDF, SVG)", export.to_figure, "labels.png"),
}
_MASKS = ("png", "coco", "label_studio")  # these can count unnamed factors as background


class SessionBar(w.VBox):
    """Each button calls the panel's method of the same name; what it did is said beside it.

    Args:
        panel: whose session it is.
    """

    def __init__(self, panel: LabelingPanel) -> None:
        self._panel = panel

        def button(text: str, tip: str, action: Any, width: str = "auto") -> w.Button:
            made = w.Button(description=text, tooltip=tip, layout=w.Layout(width=width))
            made.on_click(lambda _: self._try(action))
            return made

        self._count = w.BoundedIntText(5, min=1, max=999, description="Per page", layout=w.Layout(width="110px"))
        self._on = button("", "Find the factors in some images, drawn at random, and name them there", self._label_on)
        self._count.observe(self._say_count, "value")
        self._say_count()
        self._skip = button("Skip", "Look at other images; these are not done", panel.skip)
        self._next = button("Next page", "These are done; look at other images", panel.next_page)
        self._all = button("Apply to all", "The same factors in all images, measured there", panel.apply_to_all)
        self._progress = w.Label()

        self._file = w.Text("session.dff", description="Session", layout=w.Layout(width="230px"))
        self._save = button("Save", "Write the session to this file", self._do_save)
        self._load = button("Load", "Go on with the session of this file", lambda: panel.load(self._file.value))
        self._auto = w.Checkbox(False, description="autosave", indent=False, layout=w.Layout(width="auto"))
        self._auto.observe(self._toggle_autosave, "value")

        self._format = w.Dropdown(
            options=[(title, name) for name, (title, _, _) in EXPORTS.items()],
            description="Export",
            layout=w.Layout(width="230px"),
        )
        self._target = w.Text(EXPORTS["png"][2], description="to", layout=w.Layout(width="190px"))
        self._background = w.Checkbox(
            False, description="unnamed = background", indent=False, layout=w.Layout(width="auto")
        )
        self._export = button("Export", "Write the masks of the named factors", self._do_export)
        for control in (self._count, self._file, self._format, self._target):
            control.style.description_width = "initial"
        self._format.observe(self._other_format, "value")

        self._said = w.HTML(layout=w.Layout(min_height="22px"))
        self._asked, self._asked_kind = "", ""  # the file that may hold another's work, and what would overwrite it
        self._question = w.HTML()
        yes = button("Overwrite", "Write this session there; what the file holds is kept as a backup", self._overwrite)
        self._no = button("Load it", "Go on with the session of that file instead", lambda: panel.load(self._asked))
        self._answers = w.HBox([self._question, yes, self._no], layout=w.Layout(display="none", align_items="center"))
        groups = (
            [self._count, self._on, self._skip, self._next, self._all, self._progress],
            [self._file, self._save, self._load, self._auto],
            [self._format, self._target, self._background, self._export],
        )

        def wrapped(children: list[w.Widget], gap: str) -> w.HBox:  # what belongs together stays so while it fits
            layout = w.Layout(flex_flow="row wrap", align_items="center", grid_gap=gap, min_width="0")
            return w.HBox(children, layout=layout)

        row = wrapped([wrapped(group, "0 2px") for group in groups], "0 18px")
        super().__init__([row, self._answers, self._said])
        self.refresh()

    def refresh(self) -> None:
        """Show how far the pages are."""
        sampling = self._panel.sampling
        for control in (self._skip, self._next, self._all):
            control.disabled = sampling is None
        self._progress.value = "" if sampling is None else sampling.progress

    def say(self, text: str, *, problem: bool = False) -> None:
        """One line, as text."""
        color = "var(--jp-error-color1, #b00020)" if problem else "inherit"
        self._said.value = f'<span role="status" style="color:{color}">{"⚠ " * problem}{html.escape(text)}</span>'

    def ask(self, path: str, question: str | None, kind: str = "") -> None:
        """Offer to overwrite or to load a file that may hold another's work; None for no question any more.

        Args:
            path: of the file.
            question: a sentence.
            kind: of the export that would overwrite it; ``""`` for a session.
        """
        self._no.layout.display = "none" if kind else "flex"
        self._asked_kind, self._asked, self._question.value = (
            kind,
            path,
            "" if question is None else f"⚠ {html.escape(question)}",
        )
        self._answers.layout.display = "none" if question is None else "flex"

    def _do_save(self) -> str:
        path = self._file.value
        try:
            return self._panel.save(path)
        except UnknownFileError as error:
            self.ask(path, str(error))
            return ""

    def _overwrite(self) -> str:
        kind, path = self._asked_kind, self._asked
        if not kind:
            return self._panel.save(path, overwrite=True)
        said = self._export_to(kind, path, overwrite=True)
        self.ask("", None)
        return said

    def _try(self, action: Any) -> None:
        try:
            said = action()
        except KeyboardInterrupt:  # the kernel's interrupt; files are written whole or not at all
            self.say("interrupted", problem=True)
        except Exception as error:  # whatever a file or a disk does, the person is told, and the session stays
            self.say(sentence(error), problem=True)
        else:
            self.say(said or "")
        self.refresh()

    def _toggle_autosave(self, change: Any) -> None:
        self._panel.autosave = self._file.value if change["new"] else ""

    def _other_format(self, change: Any) -> None:
        defaults = {name: target for name, (_, _, target) in EXPORTS.items()}
        if self._target.value in defaults.values():  # a place of the person's own stays
            self._target.value = defaults[change["new"]]
        self._background.layout.visibility = "visible" if change["new"] in _MASKS else "hidden"

    def _say_count(self, _change: Any = None) -> None:
        self._on.description = f"Label on {self._count.value} image{'s'[: self._count.value != 1]}"

    def _label_on(self) -> str:
        return self._panel.label_on(self._count.value)

    def _do_export(self) -> str:
        kind, path = self._format.value, self._target.value
        try:
            return self._export_to(kind, path)
        except FileExistsError as error:
            self.ask(path, str(error), kind)
            return ""

    def _export_to(self, kind: str, path: str, **options: Any) -> str:
        if self._background.value and kind in _MASKS:
            options["unnamed"] = "background"
        return self._panel.export(kind, path, **options)
