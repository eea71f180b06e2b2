"""Small data sets in the official layouts, for tests of their loaders and for damaging."""

import numpy as np
from PIL import Image
from scipy.io import savemat

H, W = 12, 20
SPECIES = ("001.Black_footed_Albatross", "002.Laysan_Albatross")
PARTIMAGENET = ("n02100583_1", "n02100583_7", "n04482393_2")
LABELS = ("null", "hair", "shirt")


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)).save(path)


def grey(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)


def votes():
    """What five annotators marked: nobody, two, three, all."""
    return np.repeat(np.array([0, 102, 153, 255]), W // 4)[None].repeat(H, 0)


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_cub(root, masks=True):
    """Two photos of species 1 and one of species 2; two landmarks, one not visible in photo 2."""
    base = root / "CUB_200_2011"
    names = [f"{SPECIES[0]}/a_1.jpg", f"{SPECIES[0]}/a_2.jpg", f"{SPECIES[1]}/b_3.jpg"]
    write(base / "images.txt", *(f"{i} {name}" for i, name in enumerate(names, 1)))
    write(base / "image_class_labels.txt", "1 1", "2 1", "3 2")
    write(base / "train_test_split.txt", "1 1", "2 0", "3 1")
    write(base / "bounding_boxes.txt", "1 2.0 3.0 10.0 5.0", "2 0.0 0.0 20.0 12.0", "3 1.0 1.0 4.0 4.0")
    write(base / "parts" / "parts.txt", "1 back", "2 left eye")
    locations = ["1 1 5.5 4.0 1", "1 2 9.0 3.5 1", "2 1 7.0 7.0 1", "2 2 0.0 0.0 0", "3 1 1.0 2.0 1", "3 2 3.0 2.0 1"]
    write(base / "parts" / "part_locs.txt", *locations)
    for name in names:
        photo(base / "images" / name)
        if masks:
            grey((root / "segmentations" / name).with_suffix(".png"), votes())


def write_celeba(root):
    for name in ("000001.jpg", "000002.jpg"):
        photo(root / "img_celeba" / name)
    header = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    rows = ["000001.jpg 3 4 9 4 6 6 4 9 8 9", "000002.jpg 2 2 5 6 4 5 3 8 6 8"]
    write(root / "list_landmarks_celeba.txt", "2", header, *rows)
    boxes = ["000001.jpg 1 2 10 9", "000002.jpg 0 0 8 11"]
    write(root / "list_bbox_celeba.txt", "2", "image_id x_1 y_1 width height", *boxes)
    write(root / "list_eval_partition.txt", "000001.jpg 0", "000002.jpg 2")


def write_partimagenet(root):
    for stem in PARTIMAGENET:
        photo(root / "images" / "val" / f"{stem}.JPEG")
        values = np.full((H, W), 40)
        values[:3], values[3:6] = (0, 1) if stem.startswith("n021") else (25, 26)
        grey(root / "annotations" / "val" / f"{stem}.png", values)


def write_clothing(root):
    names = np.empty((1, 3), dtype=object)
    names[0] = LABELS
    root.mkdir(parents=True, exist_ok=True)
    savemat(root / "label_list.mat", {"label_list": names})
    for stem in ("0001", "0002"):
        photo(root / "photos" / f"{stem}.jpg")
        values = np.zeros((H, W), np.uint8)
        values[:4], values[4:8] = 1, 2 if stem == "0001" else 0
        path = root / "annotations" / "pixel-level" / f"{stem}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {"groundtruth": values}, do_compression=True)


def write_cosaliency(root):
    for group, stem in (("axe", "a"), ("axe", "b"), ("bee", "c")):
        photo(root / "Image" / group / f"{stem}.jpg")
        grey(root / "GroundTruth" / group / f"{stem}.png", votes())
