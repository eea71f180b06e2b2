"""Each export read back by its format's own library, in an environment of its own, .venv-formats.

    python -m tools.formats [folder of an environment that is there]

These libraries need other versions of Pillow and pandas than ours, OpenCV, Qt and torch, so that no test depends on
them; the tests read with pycocotools, Label Studio's converter, and readers written after the formats' descriptions.
Printed is, per format and library, the least and the mean IoU of a mask, which has holes and several pieces, with what
the library makes of its file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv-formats"
LIBRARIES = ["datumaro", "labelme", "ultralytics", "opencv-python-headless", "label-studio-converter"]
LABELS = {0: ["head"], 1: ["torso", "tail"], 2: ["legs"]}
NAMES = ["head", "torso + tail", "legs"]
SIZES = [(240, 320), (333, 251), (128, 128), (500, 411)]
Masks = dict[tuple[int, str], Any]  # (image, class) -> (h, w) bool


# ------------------------------------------------------------------------------------------------------------- writing
def written(folder: Path) -> None:
    """All exports of factors at random, and what their masks are."""
    import dff_widgets as dff
    from dff_widgets.export.folders import photo
    from dff_widgets.export.regions import Regions
    from dff_widgets.factorization import Factorization

    rng = np.random.default_rng(0)
    shapes = [(h // 16, w // 16) for h, w in SIZES]
    H = rng.random((sum(h * w for h, w in shapes), 3)).astype(np.float32) ** 2
    pixels = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]
    images = dff.ImageSet.from_arrays(pixels, names=[f"photo {i}.png" for i in range(len(SIZES))])
    factors = Factorization(H, rng.random((3, 5)).astype(np.float32), 0.4, 3, True)
    result = dff.DFFResult(factors, images, tuple(shapes), tuple(SIZES), "Net", "deep", 32, ())
    regions = Regions(result, LABELS, percentile=70, threshold=None, unnamed="skip", colors=None)
    assert [c.title for c in regions.classes] == NAMES
    masks = {f"{i}/{c}": one > 0 for i in range(len(SIZES)) for c, one in enumerate(regions.strength(i))}
    maps = {f"map/{i}": regions.label_map(i) for i in range(len(SIZES))}
    np.savez_compressed(folder / "masks.npz", **masks, **maps)
    for kind in ("yolo", "labelme", "datumaro", "voc"):
        getattr(dff.export, f"to_{kind}")(result, folder / kind, LABELS, percentile=70, photos=True)
    (folder / "cvat" / "images").mkdir(parents=True)  # Datumaro looks for them
    for name, source in zip(images.names, images.sources, strict=True):
        (folder / "cvat" / "images" / name).write_bytes(photo(source)[1])
    dff.export.to_cvat(result, folder / "cvat" / "annotations.xml", LABELS, percentile=70)
    dff.export.to_coco(result, folder / "coco.json", LABELS, percentile=70)
    dff.export.to_label_studio(result, folder / "tasks.json", LABELS, percentile=70)


# ------------------------------------------------------------------------------------------------------------- reading
def of_datumaro(kind: str, place: str) -> Callable[[Path], Masks]:
    """What Datumaro reads of one of its formats."""

    def read(folder: Path) -> Masks:
        from datumaro.components.annotation import AnnotationType
        from datumaro.components.dataset import Dataset

        data = Dataset.import_from(str(folder / place), kind)
        labels = data.categories()[AnnotationType.label]
        found: Masks = {}
        for item in data:
            image = int(item.id.split()[-1].split("_")[-1])
            for one in item.annotations:
                if one.type == AnnotationType.mask:
                    found[image, labels[one.label].name] = np.asarray(one.image, dtype=bool)
        return found

    return read


def of_ultralytics(folder: Path, *, trained: bool = False) -> Masks:
    """What Ultralytics makes of the lines: as they are, or as its training resamples them."""
    import yaml
    from ultralytics.data.utils import polygon2mask, verify_image_label
    from ultralytics.utils.ops import resample_segments

    names = yaml.safe_load((folder / "yolo" / "data.yaml").read_text(encoding="utf-8"))["names"]
    found: Masks = {}
    for text in sorted((folder / "yolo" / "labels" / "train").glob("*.txt")):
        photo = folder / "yolo" / "images" / "train" / f"{text.stem}.png"
        _, rows, size, segments, *_ = verify_image_label((str(photo), str(text), "", False, len(names), 0, 0, False))
        image = int(text.stem.split()[-1])
        if trained:  # as YOLODataset.update_labels_info
            longest = max(len(s) for s in segments)
            segments = resample_segments(list(segments), n=longest + 1 if longest > 1000 else 1000)
        for row, segment in zip(rows, segments, strict=True):
            corners = (segment * np.array([size[1], size[0]], dtype=np.float32)).reshape(1, -1)
            key = image, names[int(row[0])]
            found[key] = found.get(key, False) | polygon2mask(size, corners).astype(bool)
    return found


def of_labelme(folder: Path) -> Masks:
    """What labelme loads and draws."""
    from labelme._label_file import read_label_file
    from labelme.utils import shape_to_mask

    found: Masks = {}
    for file in sorted((folder / "labelme").glob("*.json")):
        content = json.loads(file.read_text())
        size = content["imageHeight"], content["imageWidth"]
        for shape in read_label_file(str(file)).shapes:  # refuses what its schema does not know
            key = int(file.stem.split()[-1]), shape["label"]
            found[key] = found.get(key, False) | shape_to_mask(size, shape["points"], shape["shape_type"])
    return found


def of_pycocotools(folder: Path) -> Masks:
    """What pycocotools decodes."""
    from pycocotools.coco import COCO

    coco = COCO(folder / "coco.json")
    return {
        (one["image_id"] - 1, coco.cats[one["category_id"]]["name"]): coco.annToMask(one).astype(bool)
        for one in coco.loadAnns(coco.getAnnIds())
    }


def of_converter(folder: Path) -> Masks:
    """What Label Studio's converter decodes."""
    from label_studio_converter.brush import decode_rle

    found: Masks = {}
    for i, task in enumerate(json.loads((folder / "tasks.json").read_text())):
        for one in task["predictions"][0]["result"]:
            size = one["original_height"], one["original_width"]
            found[i, one["value"]["brushlabels"][0]] = decode_rle(one["value"]["rle"]).reshape(*size, 4)[..., 3] > 0
    return found


READERS: Mapping[tuple[str, str], Callable[[Path], Masks]] = {
    ("YOLO", "ultralytics"): of_ultralytics,
    ("YOLO", "ultralytics, resampled"): lambda folder: of_ultralytics(folder, trained=True),
    ("labelme", "labelme"): of_labelme,
    ("CVAT", "datumaro"): of_datumaro("cvat", "cvat"),
    ("Datumaro", "datumaro"): of_datumaro("datumaro", "datumaro"),
    ("Pascal VOC", "datumaro"): of_datumaro("voc_segmentation", "voc"),
    ("COCO", "pycocotools"): of_pycocotools,
    ("Label Studio", "label-studio-converter"): of_converter,
}


def compared(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Per reader its format, its name, and how well it met the masks."""
    stored = np.load(folder / "masks.npz")
    for (kind, library), read in READERS.items():
        expected: Masks = {(i, n): stored[f"{i}/{c}"] for i in range(len(SIZES)) for c, n in enumerate(NAMES)}
        if kind == "Pascal VOC":  # a pixel has one class
            expected = {(i, n): stored[f"map/{i}"] == NAMES.index(n) + 1 for i, n in expected}
        try:
            found = {key: mask for key, mask in read(folder).items() if key in expected}
            iou = [_iou(found.get(key), mask) for key, mask in expected.items() if mask.any()]
            said = f"IoU {min(iou):.4f} at least, {np.mean(iou):.4f} on average, {len(iou)} masks"
        except ImportError as error:
            said = f"not there: {error}"
        yield kind, library, said


def _iou(found: Any, mask: Any) -> float:
    return 0.0 if found is None else float((found & mask).sum() / (found | mask).sum())


def main() -> None:
    """Write, build the environment, read."""
    if len(sys.argv) == 3 and sys.argv[1] == "--read":
        for kind, library, said in compared(Path(sys.argv[2])):
            print(f"{kind:14s}{library:26s}{said}", flush=True)
        return
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *LIBRARIES], check=True)
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder))
        subprocess.run([python, __file__, "--read", folder], check=True)


if __name__ == "__main__":
    main()
