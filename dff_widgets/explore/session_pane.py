"""What a session does by itself, as the Session tab shows it; `session_desk` answers what a person asks of it."""

from __future__ import annotations

from collections.abc import Callable

from .presenter import Presenter
from .session_keeper import SessionKeeper


class SessionPane(Presenter):
    """Follows a keeper.

    Its values: ``path`` of the file that every change goes to, or ``""``; ``question`` about a file, or ``""``;
    ``said``, what was done last by itself, and ``problem``, whether that failed.

    Args:
        keeper: of the session.
    """

    def __init__(self, keeper: SessionKeeper) -> None:
        super().__init__(path="", question="", said="", problem=False)
        self._keeper = keeper
        self._stop: Callable[[], object] = keeper.on_change(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the keeper has now."""
        keeper = self._keeper
        self.put(path=keeper.path, question=keeper.question or "", said=keeper.said, problem=keeper.problem)

    def close(self) -> None:
        """See `Presenter.close`."""
        self._stop()
