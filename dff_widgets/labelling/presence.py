"""In which images a part is known to be there or not: only these can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from .annotations import Annotations
from .part_masks import PartMasks

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Declared:
    """The parts of which one image says where they are, or that they are not there.

    Attributes:
        listed: names.
        rest: whether they are all parts but the listed ones, or the listed ones alone.

    >>> "head" in Declared(frozenset(["head"])), "head" in Declared(frozenset(["tail"]), rest=True)
    (True, True)
    """

    listed: frozenset[str]
    rest: bool = False

    def __contains__(self, part: object) -> bool:
        return (part in self.listed) != self.rest


def presence(truth: PartMasks, notes: Annotations, image: int, part: str) -> str:
    """Whether a part is in an image: ``"present"``, ``"absent"`` or ``"unknown"``.

    As a person declared it; else as they painted it; else as the data set has it: an image in which it marks any part
    has none of its other parts.
    """
    said = notes.declared(image, part)
    if said is not None:
        return said
    masks = truth[image]
    if part in masks:
        return "present" if masks[part].any() else "absent"
    known = truth.own is not None and len(truth.own[image]) > 0 and part in truth.own_parts
    return "absent" if known else "unknown"


def measured(truth: PartMasks, notes: Annotations, image: int) -> tuple[Declared, dict[str, Array]]:
    """What one image can be measured with.

    Returns:
        The parts that are known there, and the masks of those that are present. A part that is declared present and
        has no mask is not known: nobody said where it is.
    """
    masks = {part: mask for part, mask in truth[image].items() if notes.declared(image, part) in (None, "present")}
    said = {part: state for (i, part), state in notes.presence.items() if i == image % len(truth)}
    unknown = {p for p, state in said.items() if state == "unknown" or (state == "present" and not _any(masks, p))}
    absent = {part for part, state in said.items() if state == "absent"}
    masks = {part: mask for part, mask in masks.items() if part not in unknown}
    if truth.own is None or not truth.own[image]:
        return Declared(frozenset({*masks, *absent})), masks
    added = set(truth.parts) - set(truth.own_parts) - set(masks) - absent
    return Declared(frozenset(added | unknown), rest=True), masks


def _any(masks: dict[str, Array], part: str) -> bool:
    return part in masks and bool(masks[part].any())
