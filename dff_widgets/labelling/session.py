"""A labelling session in one file: JSON and safetensors, versioned, written atomically, and unable to run code."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import storage
from ..images import ImageSet, UnreadableImageError
from ..result import DFFResult
from ..wording import one_line
from .annotations import Annotations
from .labels import History, PartLabels
from .part_masks import PartMasks

Array = npt.NDArray[Any]

_VERSION = 1
_PAINTING = "painting/"  # before the names of the tensors that `PartMasks` makes
_SAID = "annotation/"  # before those of `Annotations`


@dataclass(frozen=True, eq=False)
class Session:
    """All that a person made, and what it was made on.

    Attributes:
        result: the factors: W, and H and the images they were seen in.
        labels: the names, and what they were before and after: undo and redo go on where they stopped.
        settings: what the explorer was set to: ``network layer k solver seed size refine percentile threshold
            coverage_threshold colors opacity visible``, each as its trait, if it is plain data.
        names: of all images of the set, in their order; the result may be of some of them.
        painted: what `PartMasks.to_tensors` made of the painted masks, for a set with these names.
        page: where the semi-automatic session is; see `Sampling.state`. Empty where there is none.
        said: what `Annotations.to_tensors` made of corrected masks, reviews and presence; a concept there is the number
            of a factor of the result, or below -1 for one that the result has not.
        order: in which names, masks and the rest were done, by kind, oldest first; see `Undoing`.
    """

    result: DFFResult
    labels: History[PartLabels]
    settings: Mapping[str, Any]
    names: tuple[str, ...]
    painted: tuple[dict[str, Any], dict[str, Array]] = field(repr=False)
    page: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[dict[str, Any], dict[str, Array]] = field(default_factory=lambda: ({}, {}), repr=False)
    order: tuple[str, ...] = ()

    def save(self, path: str | Path) -> None:
        """Write one file, or leave what was there untouched.

        Raises:
            OSError: the disk is full, or the place is not there or cannot be written to.
        """
        storage.write_file(Path(path), [self.encode()])

    def encode(self) -> bytes:
        """What `save` writes."""
        result, tensors = self.result.pack()
        painted, bits = self.painted
        said, corrections = self.said
        content = {
            "result": result,
            "labels": {
                "past": [_plain(v) for v in self.labels.past],
                "now": _plain(self.labels.value),
                "future": [_plain(v) for v in self.labels.future],
            },
            "settings": dict(self.settings),
            "names": self.names,
            "painted": painted,
            "page": dict(self.page),
            "said": said,
            "order": self.order,
        }
        return storage.encode("session", _VERSION, content, tensors | bits | corrections)

    @staticmethod
    def load(path: str | Path) -> Session:
        """Read what `save` wrote; a file from elsewhere can run no code.

        Raises:
            ValueError: the file is damaged, no session, or from a newer version; one sentence.
        """
        content, tensors = storage.read(Path(path), "session", _VERSION)
        try:
            result = DFFResult.unpack(content["result"], tensors)
            k, said = result.k, content["labels"]
            labels = History(
                _labels(said["now"], k), [_labels(v, k) for v in said["past"]], [_labels(v, k) for v in said["future"]]
            )
            names = tuple(str(name) for name in content["names"])
            painted = dict(content["painted"])
            settings, page = dict(content["settings"]), dict(content["page"])
            notes = dict(content.get("said", {}))  # sessions of before have none
            order = tuple(str(kind) for kind in content.get("order", ()))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{str(path)!r} is not a whole session: {one_line(error)}") from error
        bits = {name: tensor for name, tensor in tensors.items() if name.startswith(_PAINTING)}
        corrections = {name: tensor for name, tensor in tensors.items() if name.startswith(_SAID)}
        return Session(result, labels, settings, names, (painted, bits), page, (notes, corrections), order)

    def seen_in(self, images: ImageSet) -> bool:
        """Whether these are the images that the factors were seen in, in their order and of their sizes."""
        if images.places_of(self.result.images) != list(range(len(images))):
            return False
        try:
            return tuple(images.size(i) for i in range(len(images))) == self.result.sizes
        except UnreadableImageError:
            return False

    def truth(
        self,
        images: ImageSet,
        *,
        parts: Sequence[Mapping[str, Array]] | None = None,
        names: Sequence[str] | None = None,
    ) -> PartMasks:
        """The painted masks on the images at hand.

        Where names and sizes are the same, all of them with their undo; else those of the images whose own name, which
        no other has, and size are.

        Args:
            images: now at hand.
            parts: their own part masks; see `PartMasks`.
            names: of those, where they are known.

        Raises:
            ValueError: the painted masks are damaged.
        """
        content, tensors = self.painted
        same, place = self._places(images)
        kept: dict[str, Any] = {"parts": content.get("parts", []), "painted": [], "edits": [], "done": 0}
        bits: dict[str, Array] = {f"{_PAINTING}edits": np.zeros(0, dtype=np.uint8)}
        try:
            for n, (i, part) in enumerate(content["painted"]):
                at, mask = i if same else place.get(self.names[i]), tensors[f"{_PAINTING}{n}"]
                if at is not None and mask.shape == (images.size(at)[0], -(-images.size(at)[1] // 8)):
                    bits[f"{_PAINTING}{len(kept['painted'])}"] = mask
                    kept["painted"].append([at, part])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ValueError(f"the painted masks are damaged: {one_line(error)}") from error
        if same and len(kept["painted"]) == len(content["painted"]):
            return PartMasks.from_tensors(content, tensors, images, parts, names=names)
        return PartMasks.from_tensors(kept, bits, images, parts, names=names)

    def notes(self, images: ImageSet) -> Annotations:
        """What was said of the images at hand, as `truth`; concepts are the numbers of the result's factors.

        Raises:
            ValueError: it is damaged.
        """
        content, tensors = self.said
        if not content:
            return Annotations(images)
        same, place = self._places(images)
        if same:
            with contextlib.suppress(ValueError):  # perhaps images of other sizes
                return Annotations.from_tensors(content, tensors, images)
        places = list(range(len(images))) if same else [place.get(name) for name in self.names]
        return Annotations.from_tensors(content, tensors, images, places)

    def _places(self, images: ImageSet) -> tuple[bool, dict[str, int]]:
        """Whether these are all the images of the session; and by name the index of those that surely are its."""
        seen = zip(self.result.images.names, images.places_of(self.result.images), strict=True)
        others = {name for name, place in seen if place < 0}  # photos that are not here, whatever is called like them
        here, there = Counter(images.names), Counter(self.names)
        return images.names == self.names and not others, {
            name: i
            for i, name in enumerate(images.names)
            if here[name] == 1 and there[name] <= 1 and name not in others
        }


def _plain(labels: PartLabels) -> list[list[str]]:
    return [labels[f] for f in labels]


def _labels(value: Any, k: int) -> PartLabels:
    if len(value) != k:
        raise ValueError(f"labels of {len(value)} factors; the result has {k}")
    return PartLabels(dict(enumerate(value)), k=k)
