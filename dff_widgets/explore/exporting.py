"""What is shown, written to files; see `dff_widgets.export`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .. import export
from ..images import is_file
from .model import Model
from .session_keeper import SessionKeeper

WRITERS: Mapping[str, Callable[..., object]] = {
    "png": export.to_png,
    "coco": export.to_coco,
    "label_studio": export.to_label_studio,
    "html": export.to_html,
    "csv": export.to_csv,
    "figure": export.to_figure,
}
MASKS = ("png", "coco", "label_studio")  # these can count unnamed factors as background


def export_result(
    model: Model, keeper: SessionKeeper, kind: str, path: str | Path, *, overwrite: bool = False, **options: Any
) -> str:
    """Write the result that a model shows, with its names, colours and threshold.

    Args:
        model: whose.
        keeper: knows which files are its own, and may be written again.
        kind: one of `WRITERS`.
        path: of the file, or for ``"png"`` of the folder.
        overwrite: also a file that is there and is none of its own.
        options: of the function in `dff_widgets.export`.

    Returns:
        What was written, in a sentence.

    Raises:
        FileExistsError: the file is there already.
        ValueError: there is nothing to export, or no such kind.
        OSError: the disk is full, or the place is not there or cannot be written to.
    """
    now, path = model.now, Path(path)
    if kind not in WRITERS:
        raise ValueError(f"there is no export {kind!r:.60}; give one of {', '.join(WRITERS)}")
    result = now.result
    if result is None or result.k not in now.appearance:
        raise ValueError("nothing to export yet: wait for the first result")
    files = [] if kind == "png" else [path, path.with_suffix(".xml")][: 1 + (kind == "label_studio")]
    mine = bool(files) and all(keeper.files.mine(file) for file in files if is_file(file))
    known: dict[str, Any] = {"overwrite": mine or overwrite}
    if kind != "figure":
        known |= {"percentile": now.state.percentile, "threshold": now.state.threshold}
    if kind != "csv":
        known["colors"] = now.appearance.hues(result.k)
    if kind == "html" and now.scores is not None and now.scores.k == result.k:
        known["ious"] = list(now.scores.iou)
    if kind == "html" and now.stack is not None and result.maps is None and now.stack.results.get(result.k) is result:
        known |= {"tree": now.stack.tree, "names": {k: now.appearance.labels(k) for k in now.appearance.ks}}
    if now.state.threshold == "auto" and now.stack is not None and kind != "figure":
        result = model.pipeline.learned(now.stack.place, result, lambda *_: None)
    WRITERS[kind](result, path, now.appearance.labels(result.k), **{**known, **options})
    for file in files:
        keeper.files.wrote(file)
    return f"{len(result)} image{'' if len(result) == 1 else 's'} in {str(path)!r}"
