"""What later stages take of activations and of results: each said once, so that a store stands where rows do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..images import ImageSet
from ..networks import Layer

if TYPE_CHECKING:
    from .origin import Origin


class Extracted(Protocol):
    """`Activations` or a `scale.Store`; see `Activations` for what each is."""

    @property
    def matrix(self) -> Any: ...  # noqa: D102
    @property
    def images(self) -> ImageSet: ...  # noqa: D102
    @property
    def shapes(self) -> tuple[tuple[int, int], ...]: ...  # noqa: D102
    @property
    def sizes(self) -> tuple[tuple[int, int], ...]: ...  # noqa: D102
    @property
    def network(self) -> str: ...  # noqa: D102
    @property
    def layer(self) -> Layer: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def skipped(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def origin(self) -> Origin | None: ...  # noqa: D102


class Factored(Protocol):
    """A `DFFResult`, as far as its network needs it."""

    @property
    def factorization(self) -> Any: ...  # noqa: D102
    @property
    def images(self) -> ImageSet: ...  # noqa: D102
    @property
    def shapes(self) -> tuple[tuple[int, int], ...]: ...  # noqa: D102
    @property
    def sizes(self) -> tuple[tuple[int, int], ...]: ...  # noqa: D102
    @property
    def network(self) -> str: ...  # noqa: D102
    @property
    def layer(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
