"""The formats that the app exports to: one table for its menus, its messages and `panel.export`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import export


@dataclass(frozen=True)
class Format:
    """One of them.

    Attributes:
        title: for a menu.
        note: what it is, or is for.
        write: of `dff_widgets.export`.
        path: where it goes by default; a folder has no suffix.
        masks: whether it is made of masks of named classes: a factor without a name can be background then.
        photos: whether the photos can go along.
        url: whether it must be said where the photos are found.
    """

    title: str
    note: str
    write: Callable[..., list[Path]]
    path: str
    masks: bool = True
    photos: bool = False
    url: bool = False

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return not Path(self.path).suffix


FORMATS: Mapping[str, Format] = {
    "png": Format("Label maps", "a PNG for each image", export.to_png, "labels"),
    "coco": Format("COCO", "JSON, masks as run lengths", export.to_coco, "labels.json"),
    "yolo": Format("YOLO segmentation", "polygons, to train with", export.to_yolo, "yolo", photos=True),
    "voc": Format("Pascal VOC", "masks of classes", export.to_voc, "voc", photos=True),
    "cvat": Format("CVAT", "XML for images, to correct", export.to_cvat, "annotations.xml"),
    "labelme": Format("labelme", "polygons, to correct", export.to_labelme, "labelme", photos=True),
    "label_studio": Format("Label Studio", "brush masks, to correct", export.to_label_studio, "tasks.json", url=True),
    "datumaro": Format("Datumaro", "converts to more formats", export.to_datumaro, "datumaro", photos=True),
    "html": Format("Page", "HTML, alive without a kernel", export.to_html, "labels.html", masks=False),
    "csv": Format("Table", "CSV, a row for each mask", export.to_csv, "labels.csv", masks=False),
    "figure": Format("Figure", "PNG, PDF or SVG", export.to_figure, "labels.png", masks=False),
}


def offered() -> list[dict[str, Any]]:
    """``choices.exports``: ``[{format, title, note, suffix, folder, masks, photos, url}]``."""
    return [
        {
            "format": name,
            "title": one.title,
            "note": one.note,
            "path": one.path,
            "folder": one.folder,
            "masks": one.masks,
            "photos": one.photos,
            "url": one.url,
        }
        for name, one in FORMATS.items()
    ]
