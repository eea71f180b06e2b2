"""Which images a person looks at: pages of a few, drawn at random, until they say that it is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..wording import one_line


@dataclass
class Sampling:
    """Pages of images in a random order, and which of them are done.

    Args:
        images: how many there are.
        size: images on a page.
        seed: of the order.

    Attributes:
        at: the page that is looked at, from 0.
        done: pages that were looked at, and not skipped.

    >>> sampling = Sampling(12, size=5, seed=0)
    >>> first = sampling.page
    >>> len(first), len(set(first)), sampling.progress
    (5, 5, '0 of 12 done')
    >>> sampling.next()
    >>> sampling.next(skip=True)
    >>> sampling.page, sampling.progress
    ((1, 8), '5 of 12 done')
    """

    images: int
    size: int = 5
    seed: int = 0
    at: int = 0
    done: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.images < 1 or self.size < 1:
            raise ValueError(f"there are {self.images} images in pages of {self.size}; give 1 or more of each")
        self._order = np.random.default_rng(self.seed).permutation(self.images).tolist()

    @property
    def pages(self) -> int:
        """How many pages there are; the last may be short."""
        return -(-self.images // self.size)

    @property
    def page(self) -> tuple[int, ...]:
        """The images of the page that is looked at, in the order of the set."""
        return tuple(sorted(self._order[self.at * self.size : (self.at + 1) * self.size]))

    @property
    def progress(self) -> str:
        """How many images are done, as a person reads it."""
        done = sum(min(self.size, self.images - page * self.size) for page in self.done)
        return f"{done} of {self.images} done"

    def next(self, *, skip: bool = False) -> None:
        """Go to the next page, after the last to the first; this one is done unless it is skipped."""
        if not skip:
            self.done.add(self.at)
        self.at = (self.at + 1) % self.pages

    def state(self) -> dict[str, Any]:
        """As plain data, for a file."""
        return {
            "images": self.images,
            "size": self.size,
            "seed": self.seed,
            "at": self.at,
            "done": sorted(self.done),
        }

    @staticmethod
    def restored(state: Mapping[str, Any], images: int) -> Sampling:
        """The inverse of `state`.

        Args:
            state: as from a file.
            images: how many there are: a file may claim more than the memory could number.

        Raises:
            ValueError: the state is damaged, or of another number of images.
        """
        try:
            whole = {name: int(state[name]) for name in ("images", "size", "seed", "at")}
            if whole["images"] != images:
                raise ValueError(f"they are of {whole['images']} images, and there are {images}")
            sampling = Sampling(**whole, done={int(page) for page in state["done"]})
            if not all(0 <= page < sampling.pages for page in (sampling.at, *sampling.done)):
                raise ValueError(f"page {sampling.at} of {sampling.pages}")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"the pages of the session are damaged: {one_line(error)}") from error
        return sampling
