"""What reads files of others: the valid files that are damaged, and all that is then done with what was read."""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dff_widgets import datasets, export
from dff_widgets.datasets.pascal_parts import _inflated
from dff_widgets.evaluation import Journal
from dff_widgets.images import ImageSet

from ..datasets import landmark_sets as sets
from ..datasets.test_pascal_parts import write_mat
from ..datasets.test_voc import BOX, annotation
from .mutations import crc_of

H, W = 5, 8  # what write_mat writes
MASK = np.zeros((H, W), np.uint8)
MASK[1:3, 2:7] = 1
SQUARE = [[2, 1], [6, 1], [6, 4], [2, 4]]


@dataclass(frozen=True)
class Reader:
    """How files are made, damaged and read.

    Attributes:
        make: writes valid files into an empty folder.
        read: reads them, and uses what was read as a person would.
        refuses: the errors that the docstrings promise.
        suffixes: of the files that are damaged.
        written: of those that `read` may write.
        mend: makes sizes and checksums of files in other files fit again.
        alone: `read` takes the damaged file, and not the folder.
    """

    make: Callable[[Path], None]
    read: Callable[[Path], None]
    suffixes: tuple[str, ...]
    refuses: tuple[type[Exception], ...] = (ValueError,)
    written: tuple[str, ...] = ()
    mend: Callable[[Path], None] | None = None
    alone: bool = False


def photo(path, mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)


def use(images):
    """Every image and all that belongs to it."""
    assert all(isinstance(name, str) for name in images.names)
    for i in range(len(images)):
        for masks in [images.parts[i]] if images.parts is not None else []:
            assert all(mask.dtype == bool and mask.ndim == 2 for mask in masks.values())
        for boxes in [images.boxes[i]] if images.boxes is not None else []:
            assert boxes.ndim == 2
            assert boxes.shape[1] == 4
        h, w = images.size(i)
        assert images[i].shape == (h, w, 3)


# --------------------------------------------------------------------------------------------- sessions and results
def session():
    from ..labelling.test_session import image_set, session_of

    return session_of(image_set())


def read_session(folder):
    from dff_widgets.labelling import Sampling, Session

    from ..labelling.test_session import SIZES, image_set

    found = Session.load(folder / "work.dff")
    images = image_set()
    found.seen_in(images)
    truth = found.truth(images)
    found.truth(image_set(("cow", "new"), SIZES[:2]))
    while truth.undo():
        pass
    while truth.redo():
        pass
    if found.page:
        _ = Sampling.restored(found.page, len(images)).page
    for step in (found.labels.undo, found.labels.redo):
        assert all(title == " ".join(title.split()) for title in map(step().title, range(found.result.k)))
    use_result(found.result)


def read_result(folder):
    from dff_widgets.result import DFFResult

    use_result(DFFResult.load(folder / "x.dff"))


def use_result(result):
    assert isinstance(result.network, str)
    assert isinstance(result.layer, str)
    assert isinstance(result.size, int)
    assert all(isinstance(sentence, str) for sentence in result.skipped)
    repr(result.factorization)
    for i in range(len(result)):
        assert result.heatmaps(i).shape == (result.k, *result.sizes[i])
    assert len(result.masks()) == len(result.fill) == len(result)
    result.reorder(range(result.k)[::-1])
    use(result.images)


def use_landmarked(found):
    assert found.landmarks.shape == (len(found.images), len(found.names), 2)
    assert len(found.train) == len(found.images)
    assert np.isfinite(found.boxes).all()
    use(found.images)


# ---------------------------------------------------------------------------------------------------------- labels
def make_labelme(folder):
    photo(folder / "a.jpg")
    photo(folder / "inside.png")
    inside = base64.b64encode((folder / "inside.png").read_bytes()).decode()
    (folder / "inside.png").unlink()
    shapes = [("head", SQUARE, "polygon"), ("tail", [[1, 1], [4, 3]], "rectangle"), ("eye", [[4, 2], [5, 3]], "circle")]
    for stem, data in (("a", None), ("b", inside)):
        content = {
            "version": "5.0",
            "shapes": [{"label": label, "points": points, "shape_type": kind} for label, points, kind in shapes],
            "imagePath": f"{stem}.jpg",
            "imageData": data,
            "imageHeight": H,
            "imageWidth": W,
        }
        (folder / f"{stem}.json").write_text(json.dumps(content))


def make_masks(folder):
    """Label maps and a folder per part, as PNG stores them."""
    for n, mode in enumerate(("P", "1")):
        photo(folder / "photos" / f"{n}.jpg")
        for name in ("maps", "parts/head", "truth"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(MASK * (255 if mode in ("1", "RGB") else 1)).convert(mode).save(folder / name / f"{n}.png")


def read_masks(folder):
    use(datasets.folder(folder / "photos", masks=folder / "maps", labels={1: "head", 255: "tail"}))
    use(datasets.folder(folder / "photos", masks=folder / "parts"))


def make_export(folder):
    """Label maps of an earlier export, which `to_png` replaces if they are its own."""
    export.to_png(session().result, folder / "out")


def read_export(folder):
    make_export(folder)


def read_journal(folder):
    journal = Journal(folder / "scores.jsonl")
    journal.get({"k": 9}, lambda: 0.5)
    assert {"k": 9} in Journal(folder / "scores.jsonl")


def make_journal(folder):
    for k in range(3):
        Journal(folder / "scores.jsonl").get({"k": k, "method": "DFF ü"}, lambda k=k: {"iou": k / 7, "all": [k, None]})


def open_images(folder, *names):
    """The photos that annotations are of, and which no damage is done to."""
    for name in names:
        photo(folder / "photos" / name)


def read_part_masks(folder, place):
    images = ImageSet.from_folder(folder / "photos")
    for masks in datasets.part_masks(images, folder / place):
        assert all(
            isinstance(part, str) and mask.shape == (H, W) and mask.dtype == bool for part, mask in masks.items()
        )


def make_yolo(folder):
    open_images(folder, "a.jpg", "b.jpg")
    (folder / "labels").mkdir()
    for stem in "ab":
        (folder / "labels" / f"{stem}.txt").write_text("0 0.1 0.2 0.9 0.2 0.9 0.8\n1 0.2 0.2 0.4 0.2 0.4 0.6 0.2 0.6\n")
    (folder / "data.yaml").write_text('names:\n  0: head\n  1: "a \\U0001f981"\n')


def make_open_coco(folder):
    open_images(folder, "a.jpg", "b.jpg")
    make_coco(folder)


def make_open_labelme(folder):
    make_labelme(folder)
    open_images(folder, "a.jpg", "b.jpg")


def make_open_maps(folder):
    open_images(folder, "0.jpg", "1.jpg")
    (folder / "maps").mkdir()
    for n in range(2):
        Image.fromarray(MASK).save(folder / "maps" / f"{n}.png")
    classes = [{"index": 0, "name": "background"}, {"index": 1, "name": "head"}]
    (folder / "maps" / "labels.json").write_text(json.dumps({"classes": classes}))


# ------------------------------------------------------------------------------------------------------- data sets
def make_coco(folder):
    from ..datasets.test_coco_parts import rle

    mask = rle(MASK > 0)
    plain = {"size": [H, W], "counts": [7, 3, H * W - 10]}
    for name in ("a.jpg", "n02/n02_1.JPEG"):
        photo(folder / "images" / name)
    content = {
        "images": [
            {"id": 7, "file_name": "a.jpg", "height": H, "width": W},
            {"id": 3, "file_name": "n02_1.JPEG", "height": H, "width": W},
        ],
        "categories": [{"id": 1, "name": "dog:head"}, {"id": 2, "name": "dog:leg"}],
        "annotations": [
            {"image_id": 7, "category_id": 1, "segmentation": [[x for point in SQUARE for x in point]]},
            {"image_id": 7, "category_id": 2, "segmentation": mask},
            {"image_id": 3, "category_id": 2, "segmentation": plain},
        ],
    }
    (folder / "parts.json").write_text(json.dumps(content))


def make_voc(folder):
    base = folder / "VOCdevkit" / "VOC2007"
    for name in ("Annotations", "ImageSets/Main"):
        (base / name).mkdir(parents=True)
    for n in (1, 2):
        photo(base / "JPEGImages" / f"{n:06}.jpg")
        text = annotation(("horse", BOX, {"difficult": 0, "truncated": n - 1}), ("person", (2, 2, 5, 5), {}))
        (base / "Annotations" / f"{n:06}.xml").write_text(text)
    (base / "ImageSets" / "Main" / "horse_trainval.txt").write_text("000001  1\n000002  1\n000003 -1\n")


def make_pascal(folder):
    from ..datasets.test_pascal_parts import rows

    cow = ("cow", {"head": rows(0, 1), "lfuleg": rows(2, 3)})
    for n, compressed in enumerate((True, False)):
        path = folder / "Annotations_Part" / f"{n}.mat"
        write_mat(path, [cow, ("person", {})])
        if not compressed:  # so that damage gets into it
            path.write_bytes(_inflated(path)[0])
        photo(folder / "JPEGImages" / f"{n}.jpg")


def make_icoseg(folder):
    for n in range(2):
        photo(folder / "images" / "007 Elephants" / f"{n}.jpg")
        photo(folder / "ground_truth" / "007 Elephants" / f"{n}.png", "L" if n else "1")


# ---------------------------------------------------------------------------------------------------------- stores
def make_store(folder):
    from ..scale.conftest import images, stored

    stored(folder / "s", images(4), images_per_chunk=2)


def read_store(folder):
    from dff_widgets.scale import Store

    store = Store.open(folder / "s")
    repr(store)
    assert store.gram.shape == (store.shape[1],) * 2
    store.verify()
    assert len(store.matrix[:]) == store.shape[0]
    for i, (h, w) in enumerate(store.shapes):
        assert store.activations(i).shape == (h, w, store.shape[1])
    assert len(store.images) == len(store.sizes) == len(store.shapes)
    use(store.images)


def mend_store(folder):
    """Let the manifest tell the bytes and checksums that the chunks now have."""
    path = folder / "s" / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        for chunk in manifest["chunks"]:
            place = (folder / "s" / chunk["file"]).resolve()
            data = place.read_bytes() if place.is_relative_to(folder) else b""
            n = int.from_bytes(data[:8], "little")
            chunk |= {"bytes": len(data), "crc32": crc_of(json.loads(data[8 : 8 + n]), data[8 + n :])}
        path.write_text(json.dumps(manifest, indent=1))
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError):
        pass  # it is the manifest that is damaged, or the chunk is no file any more


# ---------------------------------------------------------------------------------------------------------- images
def make_images(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(folder / "exif.jpg", exif=exif)
    photo(folder / "cmyk.jpg", "CMYK", progressive=True)
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1"):
        photo(folder / f"{mode}.png", mode)
    photo(folder / "flat.webp")
    photo(folder / "exact.webp", "RGBA", lossless=True)
    photo(folder / "p.bmp", "P")
    photo(folder / "p.gif", "P")
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        photo(folder / f"{compression}.tif", compression=compression)
    photo(folder / "grey.tiff", "F")
    for kind in ("ppm", "jp2", "ico", "tga", "pcx", "dds", "sgi"):
        buffer = io.BytesIO()
        Image.new("RGB", (W, H)).save(buffer, {"jp2": "JPEG2000"}.get(kind, kind.upper()))
        (folder / f"{kind}.png").write_bytes(buffer.getvalue())  # a name promises nothing


def read_image(path):
    images = ImageSet.from_files(path)
    use(images)
    images.thumbnail(0, 3)


IMAGES = (".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
READERS = {
    "session": Reader(lambda folder: session().save(folder / "work.dff"), read_session, (".dff",)),
    "result": Reader(lambda folder: session().result.save(folder / "x.dff"), read_result, (".dff",)),
    "labelme": Reader(make_labelme, lambda folder: use(datasets.labelme(folder)), (".json",)),
    "masks": Reader(make_masks, read_masks, (".png",)),
    "export": Reader(make_export, read_export, (".json", ".png"), (ValueError, OSError), (".json", ".png")),
    "journal": Reader(make_journal, read_journal, (".jsonl",), written=(".jsonl",)),
    "coco": Reader(
        make_coco, lambda folder: use(datasets.coco_parts(folder / "parts.json", folder / "images")), (".json",)
    ),
    "voc": Reader(make_voc, lambda folder: use(datasets.voc2007(folder, "horse")), (".xml", ".txt")),
    "pascal": Reader(make_pascal, lambda folder: use(datasets.pascal_parts(folder, "cow", others=True)), (".mat",)),
    "icoseg": Reader(make_icoseg, lambda folder: use(datasets.icoseg(folder, "Elephants")), (".jpg", ".png")),
    "cub": Reader(sets.write_cub, lambda folder: use_landmarked(datasets.cub(folder)), (".txt", ".png")),
    "celeba": Reader(sets.write_celeba, lambda folder: use_landmarked(datasets.celeba(folder)), (".txt",)),
    "partimagenet": Reader(
        sets.write_partimagenet, lambda folder: use(datasets.partimagenet(folder, "n02100583")), (".png",)
    ),
    "clothing": Reader(sets.write_clothing, lambda folder: use(datasets.clothing(folder)), (".mat",)),
    "cosaliency": Reader(sets.write_cosaliency, lambda folder: use(datasets.cosaliency(folder, "axe")), (".png",)),
    "open yolo": Reader(make_yolo, lambda folder: read_part_masks(folder, ""), (".txt", ".yaml")),
    "open coco": Reader(make_open_coco, lambda folder: read_part_masks(folder, "parts.json"), (".json",)),
    "open labelme": Reader(make_open_labelme, lambda folder: read_part_masks(folder, ""), (".json",)),
    "open maps": Reader(make_open_maps, lambda folder: read_part_masks(folder, "maps"), (".json", ".png")),
    "images": Reader(make_images, read_image, IMAGES, alone=True),
    "store": Reader(make_store, read_store, (".json", ".safetensors"), mend=mend_store),
}
