"""What every widget of one pane shares: where its front end is, and one lock for all threads that set its traits."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget

FRONT = Path(__file__).parents[1] / "front"


class Base(anywidget.AnyWidget):
    """A widget that refuses options it does not know, and whose traits several threads may set.

    Args:
        lock: held while the browser's changes are taken in; its own by default.
        traits: values of traits.

    Raises:
        TypeError: there is no such trait.
    """

    def __init__(self, *, lock: Any = None, **traits: Any) -> None:
        self._lock = lock or threading.RLock()
        unknown = [name for name in traits if not self.has_trait(name)]
        if unknown:
            own = sorted(name for name in self.class_own_traits() if not name.startswith("_"))
            raise TypeError(f"{type(self).__name__} has no option {unknown[0]!r}; it has {', '.join(own)}")
        super().__init__(**traits)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the browser sends; it waits while another thread writes several traits as one message."""
        with self._lock:
            super().set_state(sync_data)

    def publish(self, changes: Mapping[str, Any]) -> None:
        """Set traits as one message."""
        with self._lock, self.hold_sync():
            for name, value in changes.items():
                setattr(self, name, value)
