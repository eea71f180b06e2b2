"""A pane as a widget of its own, tied to the presenter that serves it in the app too."""

from __future__ import annotations

from typing import Any

import traitlets as t

from ..explore.presenter import Presenter
from .base import Base


class Served(Base):
    """A pane as a widget of its own: the presenter's values are its traits, the pane's messages the presenter's.

    Args:
        presenter: each of its values has a trait of the same name.
        traits: values of traits that a person may set.
    """

    def __init__(self, presenter: Presenter, **traits: Any) -> None:
        self.presenter = presenter
        try:
            presenter.choose({name: traits[name] for name in traits if name in presenter.chosen})
        except ValueError as error:
            raise t.TraitError(str(error)) from error
        super().__init__(lock=presenter.lock, **{**traits, **presenter.state})
        presenter.publish = self.publish
        self.on_msg(lambda _widget, content, buffers: presenter.receive(content, buffers))
        self.observe(self._chosen, sorted(presenter.chosen))

    def _chosen(self, change: Any) -> None:
        """A trait was set, by Python or by the browser: the presenter says whether it can be so."""
        name, state = change["name"], self.presenter.state
        if state[name] == change["new"]:  # the presenter itself has set it
            return
        try:
            self.presenter.choose({name: change["new"]})
        except ValueError as error:
            setattr(self, name, state[name])
            raise t.TraitError(str(error)) from error

    def close(self) -> None:
        """Stop, and take the widget away."""
        presenter = getattr(self, "presenter", None)
        if presenter is not None:  # else an option was refused
            presenter.close()
        super().close()
