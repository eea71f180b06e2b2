"""What is seen, written to files, and handed to the browser from there; see `dff_widgets.export`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import storage
from ..images import is_file
from ..labelling import Seen
from .annotating import Annotator
from .export_formats import FORMATS, Format
from .model import Model
from .moment import Now
from .session_keeper import SessionKeeper

DOWNLOAD = 64_000_000  # bytes at most that go to the browser as a download


class Exporter:
    """Writes what a model shows: the masks by the rule that is on, corrected, with their names and colours.

    Args:
        model: whose.
        keeper: knows which files are its own, and may be written again.
        annotator: knows what a person corrected and accepted.
    """

    def __init__(self, model: Model, keeper: SessionKeeper, annotator: Annotator) -> None:
        self._model, self._keeper, self._annotator = model, keeper, annotator
        self._written: dict[Path, list[Path]] = {}  # where an export went -> its files

    def export(
        self, kind: str, path: str | Path, *, overwrite: bool = False, accepted: bool = False, **options: Any
    ) -> str:
        """Write an export.

        Args:
            kind: one of `FORMATS`.
            path: of the file, or of the folder.
            overwrite: also what is there and is none of its own.
            accepted: the images alone that a person accepted.
            options: of the function in `dff_widgets.export`.

        Returns:
            What was written, in a sentence.

        Raises:
            FileExistsError: something is there already.
            ValueError: there is nothing to export, no such kind, or no place was given.
            OSError: the disk is full, or the place is not there or cannot be written to.
        """
        if kind not in FORMATS:
            raise ValueError(f"there is no export {kind!r:.60}; give one of {', '.join(FORMATS)}")
        form, now = FORMATS[kind], self._model.now
        if not str(path).strip() or str(path) == ".":
            raise ValueError(f"give the name of a {'folder' if form.folder else 'file'}")
        if now.result is None or now.result.k not in now.appearance:
            raise ValueError("nothing to export yet: wait for the first result")
        path, place = Path(path), storage.place(path)
        seen = self._annotator.seen(now, only="accepted" if accepted else None)
        known = {"overwrite": overwrite or self._mine(place, form), **self._of(kind, now, seen, accepted), **options}
        files = form.write(known.pop("result", seen.result), path, seen.labels, **known)
        self._written[place] = files
        for file in files:
            self._keeper.files.wrote(file)
        count = len(seen.images)
        return f"{count} {'accepted ' * accepted}image{'' if count == 1 else 's'} in {str(path)!r}"

    def size(self, path: str | Path) -> int:
        """Bytes of what was exported there."""
        return sum(file.stat().st_size for file in self._files(path))

    def download(self, path: str | Path) -> tuple[str, bytes]:
        """What was exported there as one file: itself, or several as a ZIP archive.

        Returns:
            Its name and its bytes.

        Raises:
            ValueError: nothing was exported there from here, or it is larger than `DOWNLOAD`.
            OSError: it can no longer be read.
        """
        files, place = self._files(path), storage.place(path)
        if (size := self.size(path)) > DOWNLOAD:
            raise ValueError(
                f"{str(path)!r} has {size / 1e6:,.0f} MB; a download takes up to {DOWNLOAD / 1e6:.0f}: fetch it there"
            )
        if files == [place]:
            return place.name, place.read_bytes()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.relative_to(place.parent).as_posix())
        return f"{place.stem}.zip", buffer.getvalue()

    def _mine(self, place: Path, form: Format) -> bool:
        """Whether nothing is there but what was written from here, and so may be replaced without asking."""
        if place.is_dir() and place not in self._written:
            return False
        before = self._written.get(place, [place, *([place.with_suffix(".xml")] if form.url else [])])
        return all(self._keeper.files.mine(file) for file in before if is_file(file))

    def _files(self, path: str | Path) -> list[Path]:
        place = storage.place(path)
        if place not in self._written:
            raise ValueError(f"nothing was exported to {str(path)!r} from here")
        return self._written[place]

    def _of(self, kind: str, now: Now, seen: Seen, accepted: bool) -> dict[str, Any]:
        """The options that make a format show what is seen."""
        known: dict[str, Any] = {"percentile": seen.percentile, "threshold": seen.threshold}
        known |= {"corrections": seen.corrections, "only": seen.images if accepted else None}
        if kind != "csv":
            known["colors"] = seen.colors
        special: dict[str, Callable[[Now, Seen], dict[str, Any]]] = {"html": self._page, "figure": self._figure}
        return known | (special[kind](now, seen) if kind in special else {})

    def _figure(self, now: Now, seen: Seen) -> dict[str, Any]:
        """Masks, or heat maps: sharp ones where these are on."""
        if now.state.look == "masks":
            return {"masks": True}
        result, stack = now.result, now.stack
        if now.state.look == "sharp" and stack is not None and result is not None:
            return {"result": self._model.pipeline.sharp(stack.place, result, lambda *_: None) or seen.result}
        return {"result": result}

    def _page(self, now: Now, seen: Seen) -> dict[str, Any]:
        """The app's looks; it brings masks along where the browser cannot cut them from heat maps."""
        result = now.result
        known: dict[str, Any] = {"masks": now.state.look != "heat"}
        if not any(seen.corrections(i) for i in seen.images):
            known["corrections"] = None
        if now.scores is not None and result is not None and now.scores.k == result.k:
            known["ious"] = list(now.scores.iou)
        stack = now.stack
        if stack is not None and result is not None and result.maps is None and stack.results.get(result.k) is result:
            known |= {"tree": stack.tree, "names": {k: now.appearance.labels(k) for k in now.appearance.ks}}
            known["result"] = result
        return known
