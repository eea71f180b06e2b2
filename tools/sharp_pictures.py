"""The pictures of "Why sharpening works" in docs/mathematics.md, and the numbers beside them, from the drawn animals.

python -m tools.sharp_pictures [--out FOLDER]

It goes through the steps of `heat.sharpen` one by one, where they can be looked at. True masks are only compared with.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dff_widgets import ImageSet, extract_layers, load_network
from dff_widgets.datasets import creatures
from dff_widgets.dff import factorize
from dff_widgets.evaluation.matching import joined
from dff_widgets.extraction import Activations, finer_layer
from dff_widgets.heat import cell_means, fold, upsample
from dff_widgets.heat.crf import refine
from dff_widgets.heat.discriminant import Axes, Sums
from dff_widgets.heat.thresholds import otsu

FOLDER = Path(__file__).parents[1] / "docs" / "images"
SIDE = 320  # pixels at which the images go through the network
SHOWN = 4


@dataclass
class Step:
    """A map of each image, with the name that it has in the picture."""

    name: str
    maps: list[Any]  # (h, w) each, 0..1


class Study:
    """Activations of both layers, and the true masks."""

    def __init__(self, images: ImageSet) -> None:
        network = load_network()
        names = [network.default_layer, finer_layer(network).name]
        deep, fine = (extract_layers(network, images, names, size=SIDE)[name] for name in names)
        self.images, self.fine = images, fine
        maps = fold(np.asarray(factorize(deep, 1).factorization.H), deep.shapes)
        top = max(float(m.max()) for m in maps)
        self.coarse = [m[0] / top for m in maps]
        self.features = features(fine)
        self.truth = list(joined(images.parts or []))

    def spread(self, maps: Sequence[Any]) -> list[Any]:
        """Maps (h, w) on the finer grid."""
        return [upsample(m[None], grid)[0] for m, grid in zip(maps, self.fine.shapes, strict=True)]

    def taught(self, inside: Sequence[Any], outside: Sequence[Any], *, means: bool = False) -> Axes:
        """The axis that examples teach, each (h, w) on the finer grid."""
        sums = Sums(1, self.fine.matrix.shape[1])
        for f, y, n in zip(self.features, inside, outside, strict=True):
            sums.add(f.reshape(-1, f.shape[-1]), y.reshape(-1, 1), n.reshape(-1, 1))
        return sums.nearest_means() if means else sums.discriminants()

    def scores(self, axes: Axes) -> list[Any]:
        """(h, w) of each image, 0 at the rest's mean and 1 at the object's."""
        return [axes.scores(f.reshape(-1, f.shape[-1])).reshape(f.shape[:2]) for f in self.features]

    def beliefs(self, scores: Sequence[Any]) -> list[Any]:
        """(H, W) of each image: what the CRF makes of the geometric mean of score and coarse map."""
        found = []
        for i, (score, coarse) in enumerate(zip(scores, self.spread(self.coarse), strict=True)):
            photo = np.array(self.images[i])
            heat = upsample((score ** (2 / 3) * np.maximum(coarse, 0) ** (1 / 3))[None], photo.shape[:2])
            found.append(np.asarray(refine(photo, heat, np.array([otsu(heat)])), dtype=np.float32)[0])
        return found

    def on_grid(self, maps: Sequence[Any]) -> list[Any]:
        """The means (h, w) over the cells of the finer grid."""
        return [
            cell_means(np.asarray(m, dtype=np.float32)[None], grid)[0]
            for m, grid in zip(maps, self.fine.shapes, strict=True)
        ]


def features(fine: Activations) -> list[Any]:
    """(h, w, c) of each image."""
    ends = np.cumsum([h * w for h, w in fine.shapes])[:-1]
    return [
        rows.reshape(*grid, -1) for rows, grid in zip(np.split(np.asarray(fine.matrix), ends), fine.shapes, strict=True)
    ]


def steps(study: Study) -> tuple[list[Step], list[Axes]]:
    """From the coarse map to the last belief, and the axes on the way."""
    first = study.spread(study.coarse)
    axes = [study.taught(first, [np.clip(1 - 2 * c, 0, 1) for c in first], means=True)]
    shown = [Step("coarse map", study.coarse), Step("means: score", study.scores(axes[0]))]
    for at in range(2):
        beliefs = study.beliefs(study.scores(axes[-1]))
        if at == 0:
            shown.append(Step("first belief", beliefs))
        inside = study.on_grid(beliefs)
        axes.append(study.taught(inside, [1 - y for y in inside]))
    scores = study.scores(axes[-1])
    shown += [Step("discriminant: score", scores), Step("last belief", study.beliefs(scores))]
    return shown, axes


def overlap(study: Study, step: Step) -> float:
    """The IoU with the true masks over the set, each map cut at Otsu's level, a belief at one half."""
    shared = union = 0
    for m, truth in zip(step.maps, study.truth, strict=True):
        heat = upsample(np.asarray(m, dtype=np.float32)[None], truth.shape)[0]
        mask = heat >= (0.5 if "belief" in step.name else otsu(heat))
        shared, union = shared + int((mask & truth).sum()), union + int((mask | truth).sum())
    return shared / union


def ranked(values: Sequence[Any], truth: Sequence[Any]) -> float:
    """How often a position of the object scores above one of the rest: the area under the ROC curve."""
    from scipy.stats import rankdata

    flat, inside = np.concatenate([v.ravel() for v in values]), np.concatenate([t.ravel() for t in truth])
    ranks = rankdata(flat)
    n, m = int(inside.sum()), int((~inside).sum())
    return float((ranks[inside].sum() - n * (n + 1) / 2) / (n * m))


def picture_of_steps(study: Study, shown: Sequence[Step], which: Sequence[int], path: Path) -> None:
    """A row per image, a column per step, with the step's IoU below its name."""
    from matplotlib.figure import Figure

    columns = len(shown) + 1
    figure = Figure(figsize=(1.7 * columns, 1.75 * len(which) + 0.35), layout="constrained")
    axes = figure.subplots(len(which), columns, squeeze=False)
    for row, i in enumerate(which):
        axes[row, 0].imshow(study.images[i])
        for column, step in enumerate(shown, start=1):
            axes[row, column].imshow(step.maps[i], vmin=0, vmax=1, cmap="magma", interpolation="nearest")
    axes[0, 0].set_title("photo", fontsize=10)
    for column, step in enumerate(shown, start=1):
        axes[0, column].set_title(f"{step.name}\nIoU {100 * overlap(study, step):.0f} %", fontsize=10)
    for one in axes.flat:
        one.set_axis_off()
    keep(figure, path)


def picture_of_scores(study: Study, shown: Sequence[Step], path: Path) -> None:
    """How positions of the object and of the rest lie on coarse map, line of the means and discriminant."""
    from matplotlib.figure import Figure

    truth = [t >= 0.5 for t in study.on_grid([t.astype(np.float32) for t in study.truth])]
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    for axis, at in zip(figure.subplots(1, 3, sharey=True), (0, 1, 3), strict=True):
        maps = study.spread(shown[at].maps) if at == 0 else shown[at].maps
        flat, inside = np.concatenate([m.ravel() for m in maps]), np.concatenate([t.ravel() for t in truth])
        bins = np.linspace(0, max(1, float(flat.max())), 41)
        axis.hist(flat[~inside], bins, density=True, alpha=0.6, color="#888888", label="rest")
        axis.hist(flat[inside], bins, density=True, alpha=0.6, color="#c8452d", label="object")
        axis.set_title(f"{shown[at].name}: {100 * ranked(maps, truth):.1f} %", fontsize=10)
        axis.set_yticks([])
        axis.set_ylim(0, 6)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right", "left"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=8)
    keep(figure, path)


def keep(figure: Any, path: Path) -> None:
    """Write it as WebP."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(150)
    canvas.draw()
    Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(path, quality=85, method=6)
    print(path.name, path.stat().st_size // 1000, "kB")


def small(images: ImageSet, side: int, size: int = 256) -> ImageSet:
    """The same pictures shrunk, each in the middle of a meadow of its own border's colours."""
    pixels, parts = [], []
    for i in range(len(images)):
        photo = Image.fromarray(images[i])
        meadow = np.asarray(photo.resize((8, 8)).resize((size, size), Image.Resampling.BICUBIC)).copy()
        at = slice((size - side) // 2, (size - side) // 2 + side)
        there = {}
        meadow[at, at] = np.asarray(photo.resize((side, side), Image.Resampling.LANCZOS))
        for name, mask in (images.parts or [])[i].items():
            if name != "background":
                there[name] = np.zeros((size, size), dtype=bool)
                there[name][at, at] = np.asarray(Image.fromarray(mask).resize((side, side)))
        pixels.append(meadow)
        parts.append(there)
    return ImageSet.from_arrays(pixels, parts=parts)


def angles(study: Study, axes: Sequence[Axes]) -> None:
    """The cosine of each axis with that of the same kind which the true masks teach."""
    true = study.on_grid([t.astype(np.float32) for t in study.truth])
    rest = [1 - t for t in true]
    for name, axis, ideal in zip(
        ("means, coarse map", "discriminant, first belief", "discriminant, second belief"),
        axes,
        [study.taught(true, rest, means=True), *[study.taught(true, rest)] * 2],
        strict=True,
    ):
        a, b = axis.directions[0], ideal.directions[0]
        print(f"{name}: cosine with the true masks' {a @ b / np.linalg.norm(a) / np.linalg.norm(b):.3f}")


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    out = parser.parse_args().out
    animals = creatures(12, seed=0, size=256)
    study = Study(animals)
    shown, axes = steps(study)
    angles(study, axes)
    picture_of_steps(study, shown, range(SHOWN), out / "sharp-steps.webp")
    picture_of_scores(study, shown, out / "sharp-scores.webp")
    tiny = Study(small(animals, side=32))
    picture_of_steps(tiny, steps(tiny)[0], range(2), out / "sharp-too-small.webp")


if __name__ == "__main__":
    main()
